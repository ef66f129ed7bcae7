//! Tags and covers of every kind, read from one file and written to another.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: reelmill_fuzz::catch_our_own_panics(), |bytes: &[u8]| reelmill_fuzz::retag(bytes));
