//! One conversion: from an input to a whole output or to nothing.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reelmill_media::{Engines, ErrorKind, MediaError, Report, Target};
use serde::Serialize;

use super::super::failure::{Failure, Kind};
use super::super::input::{self, Input};
use super::super::output::Output;
use super::super::progress::Progress;
use super::super::words::{clock, size, speed, speed_in_words};

/// A conversion to be done.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) target: Target,
}

/// A conversion that was done.
#[derive(Debug, Serialize)]
pub(super) struct Done {
    input: String,
    output: String,
    format: &'static str,
    plan: String,
    notes: Vec<String>,
    size_bytes: u64,
    /// Places that were read from without a jump, and the bytes of them all.
    requests: u64,
    bytes_read: u64,
    duration_ms: u64,
    elapsed_ms: u64,
    speed: f64,
}

impl Work {
    /// Converts.
    pub(super) fn run(
        &self,
        is_overwriting: bool,
        threads: Option<NonZeroUsize>,
        engines: &Engines,
        progress: &Progress,
        cancel: &Arc<AtomicBool>,
    ) -> Result<Done, Failure> {
        let file = self.input.open(cancel)?;
        let draft = self.output.begin(&file, is_overwriting)?;
        let source = input::source(&self.input, file)?;
        let (bar, control) = progress.bar(&self.input.name(), cancel);
        let control = control.with_engines(engines.clone()).with_threads(threads);
        let (mut sink, finish) = draft.open();
        let hint = self.input.hint();
        let converted = reelmill_media::convert(source, hint.as_deref(), &self.target, &mut sink, &control);
        let report = match converted {
            Ok(report) => report,
            Err(error) => return Err(self.failure(error, sink.take_failure())),
        };
        let finished = finish.finish(sink, cancel);
        let size_bytes = match finished {
            Ok(size_bytes) => size_bytes,
            Err(_) if cancel.load(Ordering::Relaxed) => return Err(interrupted()),
            Err(error) => return Err(self.output.failed(&error)),
        };
        Ok(self.done(report, size_bytes, bar.spent(), bar.media_ms()))
    }

    fn done(&self, report: Report, size_bytes: u64, spent: Duration, media_ms: u64) -> Done {
        Done {
            input: self.input.name(),
            output: self.output.name(),
            format: self.target.format.name(),
            plan: report.summary,
            notes: report.notes,
            size_bytes,
            requests: report.requests,
            bytes_read: report.bytes_read,
            duration_ms: report.duration_ms,
            elapsed_ms: u64::try_from(spent.as_millis()).unwrap_or(u64::MAX),
            speed: (speed(media_ms, spent) * 10.0).round() / 10.0,
        }
    }

    fn failure(&self, error: MediaError, of_sink: Option<std::io::Error>) -> Failure {
        if let Some(error) = of_sink {
            return self.output.failed(&error);
        }
        match error.kind() {
            ErrorKind::Cancelled => interrupted(),
            ErrorKind::Target => {
                let why = match error {
                    MediaError::BadTarget(why) => why,
                    other => other.to_string(),
                };
                Failure::usage(format!("cannot convert {} like that: {why}", self.input.name()))
            }
            ErrorKind::Io => self.input.unreadable(error),
            ErrorKind::Input | ErrorKind::Unsupported | ErrorKind::Limit => {
                Failure::new(Kind::Input, format!("cannot convert {}: {error}", self.input.name()))
            }
        }
    }
}

fn interrupted() -> Failure {
    Failure::new(Kind::Interrupted, "interrupted")
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (length, size) = (clock(Duration::from_millis(self.duration_ms)), size(self.size_bytes));
        let speed = speed_in_words(self.speed);
        write!(f, "{}: {length}, {size}, {speed} real time, {}", self.output, self.plan)?;
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}
