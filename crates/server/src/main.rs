//! The Reelmill binary.
fn main() {}
