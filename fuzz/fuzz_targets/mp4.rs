//! MP4, QuickTime and 3GP: boxes, sample tables, AAC, ALAC and PCM in them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: reelmill_fuzz::catch_our_own_panics(), |bytes: &[u8]| reelmill_fuzz::decode(bytes, "a.m4a"));
