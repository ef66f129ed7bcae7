//! `cargo xtask bench`: what this program is to what people would use instead, as ratios of one run.
//!
//! A machine is never as quiet as a figure wants it, so ours and its peers follow each other at once, round by round, and
//! only what they are to each other is written down.

pub(crate) mod engines;
pub(crate) mod jobs;
pub(crate) mod media;
mod ratio;
