//! Any file to any format: the plan, cuts, mixing, resampling and the encoders as well.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: reelmill_fuzz::catch_our_own_panics(), |bytes: &[u8]| reelmill_fuzz::whole(bytes));
