//! Each port's contract as tests that any backend can run.
//!
//! A case is a promise, named as a sentence, and a function that fails where the promise is broken. It knows the
//! port and nothing of the backend: a backend's test program brings a [`Backend`], and [`run`] makes each pair of
//! case and backend a test of its own, `<port>::<backend>::<promise>`.

#![expect(clippy::unwrap_used, reason = "a promise that is not kept ends its test")]

pub mod catalog;
pub mod converter;
pub mod doorbell;
mod missing;
pub mod notifier;
pub mod objects;
pub mod source;
mod suite;
mod topic;

pub use suite::{Backend, Place, Trials, run};
pub use topic::{Running, Sentence, topic, unset};
