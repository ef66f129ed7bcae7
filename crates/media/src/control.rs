//! The caller's hold on a running conversion: it can be watched and stopped from another thread.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::cores;
use crate::engine::Engines;
use crate::error::MediaError;

/// Reports are at least this far apart.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// More threads than this only wait for the decoder.
const MAX_THREADS: usize = 16;

/// Cancels a conversion and hears about its progress.
pub struct Control {
    /// Set to true from anywhere; the conversion ends as [`MediaError::Cancelled`] within 100 ms, as long
    /// as the source's and sink's own calls return by then.
    pub cancel: Arc<AtomicBool>,
    /// Called on the converting thread with the finished share, 0 to 1 and never falling, at most about
    /// ten times a second; 1 is reported once, at the end of a success.
    pub progress: Box<dyn Fn(f64) + Send>,
    /// How much audio has been read so far, in milliseconds: divided by the time spent it is the speed as
    /// a multiple of real time.
    pub media_ms: Arc<AtomicU64>,
    /// What this host has for what is not done in this process; by default nothing.
    pub engines: Engines,
    /// Cores that it may use at once; `None` is as many as are idle. One is a serial conversion.
    pub threads: Option<NonZeroUsize>,
}

impl Control {
    /// Reports to `progress`.
    pub fn new(progress: impl Fn(f64) + Send + 'static) -> Self {
        Self {
            cancel: Arc::new(AtomicBool::new(false)),
            progress: Box::new(progress),
            media_ms: Arc::new(AtomicU64::new(0)),
            engines: Engines::default(),
            threads: None,
        }
    }

    /// With what this host has.
    #[must_use]
    pub fn with_engines(mut self, engines: Engines) -> Self {
        self.engines = engines;
        self
    }

    /// With at most so many cores at once.
    #[must_use]
    pub fn with_threads(mut self, threads: Option<NonZeroUsize>) -> Self {
        self.threads = threads;
        self
    }

    /// How many cores it may use at once, of those that there are; what is asked for in so many words may be more.
    pub(crate) fn threads(&self) -> usize {
        self.threads.map_or_else(cores::total, NonZeroUsize::get).min(MAX_THREADS)
    }

    /// Reports to nobody.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(|_| ())
    }
}

impl Default for Control {
    fn default() -> Self {
        Self::silent()
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("cancel", &self.cancel)
            .field("media_ms", &self.media_ms)
            .finish_non_exhaustive()
    }
}

/// Thins out progress reports and looks at the cancel flag.
pub(crate) struct Watch<'a> {
    control: &'a Control,
    reported_at: Instant,
    reported: f64,
    /// The share of the work that was done before the pass whose fractions are reported.
    before: f64,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(control: &'a Control) -> Self {
        Self { control, reported_at: Instant::now(), reported: 0.0, before: 0.0 }
    }

    /// Fails when the caller wants the conversion to stop.
    pub(crate) fn check(&self) -> Result<(), MediaError> {
        if self.control.cancel.load(Ordering::Relaxed) { Err(MediaError::Cancelled) } else { Ok(()) }
    }

    /// A pass has ended that was this share of the work.
    pub(crate) fn go_on_from(&mut self, share: f64) {
        self.before = share;
    }

    /// Takes note of how far the reading is.
    pub(crate) fn report(&mut self, fraction: f64, media_ms: u64) {
        self.control.media_ms.store(media_ms, Ordering::Relaxed);
        if self.reported_at.elapsed() >= REPORT_EVERY {
            // An estimate that was too short must not look finished before it is.
            let fraction = (self.before + fraction * (1.0 - self.before)).clamp(self.reported, 0.999);
            (self.control.progress)(fraction);
            self.reported = fraction;
            self.reported_at = Instant::now();
        }
    }

    /// Says that everything is written.
    pub(crate) fn finish(self) {
        (self.control.progress)(1.0);
    }
}
