//! Converts on a thread of this process: the media library over objects.
//!
//! The library blocks and knows files only. So it runs on a thread that may block, reads objects by range as if they
//! were a file, and hands its output through a short queue to the caller's task, which alone writes the object:
//! whichever side is slower holds the other back. What the store says is passed on as it was, not as the
//! library's reading or writing error that it became on the way.
//!
//! A store may need threads of the same pool to answer. So only a few probes run side by side: were every thread a probe
//! that waits for its store, none would ever end. Conversions are as few as the service has slots.

mod errand;
mod input;
mod output;
mod translation;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use reelmill_core::ports::{
    Conversion, Converted, Converter, ConverterError, Input, ObjectWriter, ObjectsError,
};
use reelmill_core::{Format, MediaInfo, Profile};
use reelmill_media::{Control, Engines, MediaError};
use tokio::sync::{Semaphore, mpsc};

use super::{Opening, target};
use crate::opening::OpenError;
use errand::Errand;
use input::ObjectSource;
use output::{Piece, PieceSink};

/// How it is opened.
pub(super) const OPENING: Opening = |_, scratch| {
    async {
        try_out(&scratch.folder)
            .map_err(|source| OpenError::Scratch { folder: scratch.folder.clone(), source })?;
        let engines = Engines::find().with_scratch(scratch.folder.clone(), scratch.max_bytes);
        Ok(Arc::new(InProcessConverter::new(tried(engines))) as Arc<dyn Converter>)
    }
    .boxed()
};

/// Makes the folder, and a file without a name in it, so that a wrong setting is told now and not by the first job.
fn try_out(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    tempfile::tempfile_in(folder).map(drop)
}

/// Pieces of output that wait for the store at most.
const PIECES_AHEAD: usize = 4;

/// Converts within the process.
#[derive(Debug, Clone)]
pub struct InProcessConverter {
    /// Taken by each probe for as long as it has a thread.
    probes: Arc<Semaphore>,
    engines: Engines,
}

impl InProcessConverter {
    /// With what this host has for what is not done in the process itself.
    #[must_use]
    pub fn new(engines: Engines) -> Self {
        Self { probes: Arc::new(Semaphore::new(probes_at_once())), engines }
    }
}

impl Default for InProcessConverter {
    fn default() -> Self {
        Self::new(Engines::default())
    }
}

/// What this host has is tried out at once but not waited for, so that no plan has to wait for it later.
fn tried(engines: Engines) -> Engines {
    let tried = engines.clone();
    // What is missing is said to whoever asks for it.
    tokio::task::spawn_blocking(move || {
        (tried.opus_decoder().is_ok(), tried.aac_encoder().is_ok(), tried.abilities())
    });
    engines
}

/// Two a core, as probes wait for the store for the most part; but some also on a small machine.
fn probes_at_once() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get).saturating_mul(2).max(4)
}

#[async_trait]
impl Converter for InProcessConverter {
    async fn probe(&self, input: &Input) -> Result<MediaInfo, ConverterError> {
        let place = Arc::clone(&self.probes).acquire_owned().await;
        let place = place.map_err(|error| ConverterError::Internal(error.to_string()))?;
        let errand = Errand::default();
        let _end = errand.end_on_drop();
        let source = ObjectSource::new(input.clone(), &errand);
        let name = input.name.clone();
        let (engines, flag) = (self.engines.clone(), errand.flag());
        let probed = blocking(move || {
            // The thread's, not the caller's: who has left may have left it at work.
            let _place = place;
            reelmill_media::probe_with(Box::new(source), Some(&name), &engines, &flag)
        });
        let probed = probed.await?;
        match probed {
            Ok(info) => Ok(translation::found(&info)),
            Err(MediaError::NoAudio { .. } | MediaError::Unsupported { .. } | MediaError::Missing(_))
                if errand.is_well() =>
            {
                Ok(translation::unreadable(&probed))
            }
            Err(error) => Err(translation::error(error, &errand)),
        }
    }

    fn plan(&self, info: &MediaInfo, profile: &Profile) -> Result<String, ConverterError> {
        let target = target(profile.format, &profile.settings)?;
        let info = translation::known(info)?;
        let plan = reelmill_media::plan(&info, &target, &self.engines);
        plan.map(|plan| plan.summary).map_err(|error| translation::error(error, &Errand::default()))
    }

    async fn convert(
        &self,
        conversion: Conversion,
        output: &mut dyn ObjectWriter,
    ) -> Result<Converted, ConverterError> {
        let Conversion { input, profile, progress, cancel } = conversion;
        let target = target(profile.format, &profile.settings)?;
        // Also where the caller drops this future, the thread learns that nobody waits for it.
        let errand = Errand::default();
        let _end = errand.end_on_drop();
        let (pieces, mut waiting) = mpsc::channel(PIECES_AHEAD);
        let source = ObjectSource::new(input.clone(), &errand);
        let mut control = Control::new(move |share| progress(share)).with_engines(self.engines.clone());
        control.cancel = errand.flag();
        let thread = tokio::task::spawn_blocking(move || {
            let mut sink = PieceSink::new(pieces);
            reelmill_media::convert(Box::new(source), Some(&input.name), &target, &mut sink, &control)
        });

        let stored = errand::unless(&cancel, store(&mut waiting, output)).await;
        // A thread that waits for room in the queue is woken by this, and ends.
        drop(waiting);
        if !matches!(stored, Some(Ok(()))) {
            errand.end();
        }
        let done = match errand::unless(&cancel, thread).await {
            Some(joined) => {
                joined.map_err(|_| ConverterError::Internal("the converter panicked".to_owned()))?
            }
            None => Err(MediaError::Cancelled),
        };
        let (requests, bytes_read) = errand.counts();
        tracing::debug!(input.requests = requests, input.bytes_read = bytes_read, "the input was read");
        match (done, stored) {
            (_, Some(Err(error))) => Err(error.into()),
            (Ok(report), Some(Ok(()))) => Ok(translation::converted(report)),
            (Ok(_), None) => Err(ConverterError::Cancelled),
            (Err(error), _) => Err(translation::error(error, &errand)),
        }
    }

    fn writes(&self) -> Vec<Format> {
        let is_written = |format: &Format| match format {
            Format::Aac | Format::M4a => self.engines.aac_encoder().is_ok(),
            Format::Wma => self.engines.wma_encoder().is_ok(),
            _ => true,
        };
        Format::ALL.into_iter().filter(is_written).collect()
    }

    fn reads(&self) -> Vec<String> {
        let abilities = self.engines.abilities();
        let all = abilities.containers.into_iter().chain(abilities.codecs);
        let mut names: Vec<String> = Vec::new();
        for one in all.filter(|one| one.missing.is_none()) {
            // A codec and its own container share a name.
            if !names.contains(&one.name) {
                names.push(one.name);
            }
        }
        names
    }
}

/// Writes the pieces as they come, until there are no more.
async fn store(
    pieces: &mut mpsc::Receiver<Piece>,
    output: &mut dyn ObjectWriter,
) -> Result<(), ObjectsError> {
    while let Some(piece) = pieces.recv().await {
        match piece {
            Piece::End(bytes) => output.write(bytes).await?,
            Piece::Patch { offset, bytes } => output.patch(offset, bytes).await?,
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ConverterError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| ConverterError::Internal("the converter panicked".to_owned()))
}

#[cfg(all(test, feature = "objects-file"))]
mod tests;
