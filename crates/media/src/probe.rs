//! Looks at an input without converting it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::engine::Engines;
use crate::error::MediaError;
use crate::info::Info;
use crate::input;
use crate::source::{Reopenable, Source};

/// Describes an input from its headers, tables and first packets; `name_hint` is its file name, if it has
/// one.
///
/// A codec that this build does not decode is described all the same, and refused by [`crate::plan()`].
/// Fails with [`MediaError::NotMedia`], [`MediaError::NoAudio`] and so on where there is nothing to
/// describe. A file may pass here and still turn out damaged further on.
pub fn probe(source: Box<dyn Source>, name_hint: Option<&str>) -> Result<Info, MediaError> {
    guarded(|| input::open(source, name_hint, Arc::default()).map(|input| input.info))
}

/// The same on a host that has these engines, where what this crate does not read itself is described by
/// ffmpeg. A whole input may be copied for that, so `cancel` ends it early; where others have taken the room for that,
/// it is [`MediaError::Busy`] after a short wait.
pub fn probe_with(
    source: Box<dyn Source>,
    name_hint: Option<&str>,
    engines: &Engines,
    cancel: &Arc<AtomicBool>,
) -> Result<Info, MediaError> {
    let engines = engines.for_a_look();
    guarded(|| input::open_any(&Reopenable::new(source), name_hint, &engines, cancel).map(|input| input.info))
}

/// Turns a decoder's panic into an error: hostile files find the arithmetic that nobody checked.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, MediaError>) -> Result<T, MediaError> {
    // What the closure touched is either dropped with it or an output that the caller discards on failure.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let why = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        Err(MediaError::Corrupt(format!("the decoder gave up: {why}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let result: Result<(), _> = guarded(|| panic!("index out of bounds"));
        match result {
            Err(MediaError::Corrupt(why)) => assert_eq!(why, "the decoder gave up: index out of bounds"),
            other => panic!("{other:?}"),
        }
    }
}
