//! The contracts that clients of other services speak already, one module each.
//!
//! A door translates to the same calls as `/v1` and holds no rule of its own; what it says to the letter is kept here
//! and nowhere else.

pub mod converter;
pub mod music;
pub(crate) mod tasks;
pub(crate) mod video;
