//! One conversion of the film, and what it took.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use reelmill_backends::converter::{self, ScratchSpace, target};
use reelmill_backends::objects::MemoryObjects;
use reelmill_core::Profile;
use reelmill_core::ports::{Cancel, Conversion, Objects as _};
use reelmill_media::{Control, Engines, MediaError, Source, VecSink};

use super::Failure;
use super::film::Film;
use super::line::Line;
use super::ranges::Ranges;
use super::whole::Whole;

/// What a conversion took, and what it made.
pub(super) struct Turn {
    pub(super) seconds: f64,
    /// Reads that were asked of the store.
    requests: u64,
    /// What came over the line, to the last byte that was sent in vain.
    bytes: u64,
    pub(super) made: Made,
}

/// An mp3.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) duration_ms: u64,
    pub(super) bytes: u64,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, requests, bytes, .. } = self;
        write!(f, "{{\"seconds\":{seconds},\"requests\":{requests},\"bytes\":{bytes}}}")
    }
}

fn profile() -> Result<Profile, Failure> {
    Profile::named("mp3").ok_or_else(|| "there is no profile mp3".into())
}

/// Runs `work` and takes account of what it asked of the store.
async fn taken(
    film: &Film,
    line: &Line,
    work: impl Future<Output = Result<Option<Made>, Failure>>,
) -> Result<Option<Turn>, Failure> {
    let (requests, bytes, started) = (film.objects.reads(), line.bytes_down(), Instant::now());
    let made = work.await?;
    let seconds = started.elapsed().as_secs_f64();
    let (requests, bytes) = (film.objects.reads() - requests, line.bytes_down() - bytes);
    Ok(made.map(|made| Turn { seconds, requests, bytes, made }))
}

/// As a worker does it.
pub(super) async fn ours(film: &Film, line: &Line) -> Result<Turn, Failure> {
    let converter = converter::open(converter::DEFAULT_URL, &ScratchSpace::default()).await?;
    let results = MemoryObjects::default();
    let turn = taken(film, line, async {
        let conversion = Conversion {
            input: film.input(),
            profile: profile()?,
            progress: Arc::new(|_| ()),
            cancel: Cancel::default(),
        };
        let mut output = results.create(&film.key).await?;
        let done = converter.convert(conversion, output.as_mut()).await?;
        let bytes = output.finish().await?.size_bytes;
        Ok(Some(Made { duration_ms: done.duration_ms, bytes }))
    });
    turn.await?.ok_or_else(|| "it was cancelled".into())
}

/// Out of one read of everything, from which the conversion takes what has arrived.
pub(super) async fn whole(film: &Film, line: &Line) -> Result<Turn, Failure> {
    let turn = taken(film, line, async { convert(Whole::read(film).await?, film, None).await });
    turn.await?.ok_or_else(|| "it was cancelled".into())
}

/// Out of one request for each stretch of audio; `None` where that takes more than so many seconds.
pub(super) async fn ranges(film: &Film, line: &Line, at_most: f64) -> Result<Option<Turn>, Failure> {
    let limit = Duration::from_secs_f64(at_most);
    taken(film, line, async { convert(Ranges::open(film).await?, film, Some(limit)).await }).await
}

/// The same conversion out of another source; `None` where it took longer than it may.
async fn convert(
    source: impl Source + 'static,
    film: &Film,
    limit: Option<Duration>,
) -> Result<Option<Made>, Failure> {
    let profile = profile()?;
    let target = target(profile.format, &profile.settings)?;
    let control = Control::silent().with_engines(Engines::find());
    let (cancel, name) = (Arc::clone(&control.cancel), film.name.clone());
    let converted = tokio::task::spawn_blocking(move || {
        let mut sink = VecSink::default();
        let report = reelmill_media::convert(Box::new(source), Some(&name), &target, &mut sink, &control);
        report.map(|report| Made { duration_ms: report.duration_ms, bytes: sink.into_bytes().len() as u64 })
    });
    let watch = tokio::spawn(async move {
        if let Some(limit) = limit {
            tokio::time::sleep(limit).await;
            cancel.store(true, Ordering::Relaxed);
        }
    });
    let converted = converted.await?;
    watch.abort();
    match converted {
        Ok(made) => Ok(Some(made)),
        Err(MediaError::Cancelled) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
