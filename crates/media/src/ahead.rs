//! The decoder, on a thread of its own and a little ahead of the encoder while a core is idle, else in its turn.
//!
//! It changes places on the way: a few seconds into a conversion it goes to an idle core, and when cores become
//! scarce it comes back, with nothing lost. What lies between the two is a few blocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use crate::cores::{self, Core};
use crate::decode::Decoding;
use crate::error::MediaError;
use crate::plan::MAX_CHANNELS;
use crate::probe::guarded;

/// Frames that are passed on at once, or more where a packet has more.
const BLOCK_FRAMES: usize = 4096;
const BLOCKS_AHEAD: usize = 4;
/// Frames that are decoded before a further core is asked for: about three seconds.
const FRAMES_ALONE: u64 = 131_072;

/// A decoder, wherever it runs.
pub(crate) struct Ahead {
    place: Place,
    may_go: bool,
    /// What came from the other thread.
    block: Block,
}

enum Place {
    Here(Box<Decoding>),
    There(There),
    /// On the way, or lost to an error.
    Nowhere,
}

struct There {
    blocks: Receiver<Result<Block, MediaError>>,
    is_wanted_back: Arc<AtomicBool>,
    thread: JoinHandle<Result<Box<Decoding>, mpsc::RecvError>>,
    _core: Core,
}

#[derive(Default)]
struct Block {
    planes: Vec<Vec<f32>>,
    kept_frames: u64,
    position_bytes: u64,
    is_last: bool,
}

impl Ahead {
    /// Takes a decoder over, which changes places only where it `may_go`.
    pub(crate) fn new(decoding: Decoding, may_go: bool) -> Self {
        Self { place: Place::Here(Box::new(decoding)), may_go, block: Block::default() }
    }

    /// Decodes up to the next block and returns its frames, or `None` at the end.
    pub(crate) fn advance(&mut self) -> Result<Option<usize>, MediaError> {
        if self.block.is_last {
            return Ok(None);
        }
        self.change_places()?;
        if let Place::There(there) = &self.place {
            match there.blocks.recv() {
                Ok(block) => {
                    self.block = block?;
                    let frames = self.block.planes.first().map_or(0, Vec::len);
                    return Ok((frames > 0).then_some(frames));
                }
                Err(_) => self.come_back()?,
            }
        }
        match &mut self.place {
            Place::Here(decoding) => decoding.advance(),
            Place::There(_) | Place::Nowhere => Err(gone()),
        }
    }

    /// Shows the block that `advance` decoded, one plane a channel.
    pub(crate) fn with_planes<T>(&self, show: impl FnOnce(&[&[f32]]) -> T) -> T {
        if let Place::Here(decoding) = &self.place {
            return decoding.with_planes(show);
        }
        let mut planes: [&[f32]; MAX_CHANNELS as usize] = [&[]; MAX_CHANNELS as usize];
        for (plane, whole) in planes.iter_mut().zip(&self.block.planes) {
            *plane = whole;
        }
        show(&planes[..self.block.planes.len().min(planes.len())])
    }

    /// Frames that are to be heard, so far.
    pub(crate) fn kept_frames(&self) -> u64 {
        match &self.place {
            Place::Here(decoding) => decoding.kept_frames(),
            Place::There(_) | Place::Nowhere => self.block.kept_frames,
        }
    }

    pub(crate) fn position_bytes(&self) -> u64 {
        match &self.place {
            Place::Here(decoding) => decoding.position_bytes(),
            Place::There(_) | Place::Nowhere => self.block.position_bytes,
        }
    }

    /// What was odd but not wrong.
    pub(crate) fn into_notes(mut self) -> Result<Vec<String>, MediaError> {
        if let Place::There(_) = &self.place {
            self.come_back()?;
        }
        match std::mem::replace(&mut self.place, Place::Nowhere) {
            Place::Here(decoding) => Ok(decoding.into_notes()),
            Place::There(_) | Place::Nowhere => Err(gone()),
        }
    }

    fn change_places(&mut self) -> Result<(), MediaError> {
        match &self.place {
            Place::Here(decoding) if self.may_go && decoding.kept_frames() >= FRAMES_ALONE => {
                cores::spare().map_or(Ok(()), |core| self.go(core))
            }
            Place::There(there) if cores::are_wanted() => {
                there.is_wanted_back.store(true, Ordering::Relaxed);
                Ok(())
            }
            Place::Here(_) | Place::There(_) | Place::Nowhere => Ok(()),
        }
    }

    fn go(&mut self, core: Core) -> Result<(), MediaError> {
        let Place::Here(decoding) = std::mem::replace(&mut self.place, Place::Nowhere) else { return Ok(()) };
        let (give, blocks) = mpsc::sync_channel(BLOCKS_AHEAD);
        let is_wanted_back = Arc::new(AtomicBool::new(false));
        let wanted = Arc::clone(&is_wanted_back);
        // Handed over once the thread runs, so that it is not lost with one that cannot be started.
        let (hand, taken) = mpsc::sync_channel(1);
        let work = move || taken.recv().map(|decoding| run(decoding, &give, &wanted));
        let Ok(thread) = thread::Builder::new().name("decoder".into()).spawn(work) else {
            self.may_go = false;
            self.place = Place::Here(decoding);
            return Ok(());
        };
        hand.send(decoding).map_err(|_| gone())?;
        self.place = Place::There(There { blocks, is_wanted_back, thread, _core: core });
        Ok(())
    }

    /// Fetches the decoder back from a thread that has ended.
    fn come_back(&mut self) -> Result<(), MediaError> {
        let Place::There(there) = std::mem::replace(&mut self.place, Place::Nowhere) else { return Ok(()) };
        drop(there.blocks);
        let decoding = there.thread.join().map_err(|_| gone())?;
        self.place = Place::Here(decoding.map_err(|_| gone())?);
        Ok(())
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // Where the thread was lost, there is nothing left to end.
        let _ = self.come_back();
    }
}

/// Decodes until the end, an error, or until nobody wants more here.
fn run(
    mut decoding: Box<Decoding>,
    give: &SyncSender<Result<Block, MediaError>>,
    is_wanted_back: &AtomicBool,
) -> Box<Decoding> {
    while !is_wanted_back.load(Ordering::Relaxed) {
        let block = guarded(|| gather(&mut decoding));
        let is_over = block.as_ref().map_or(true, |block| block.is_last);
        if give.send(block).is_err() || is_over {
            break;
        }
    }
    decoding
}

fn gather(decoding: &mut Decoding) -> Result<Block, MediaError> {
    let mut block = Block::default();
    while block.planes.first().is_none_or(|plane| plane.len() < BLOCK_FRAMES) {
        if decoding.advance()?.is_none() {
            block.is_last = true;
            break;
        }
        decoding.with_planes(|planes| {
            // A packet may reach beyond the block's end.
            block.planes.resize_with(planes.len(), || Vec::with_capacity(2 * BLOCK_FRAMES));
            for (gathered, plane) in block.planes.iter_mut().zip(planes) {
                gathered.extend_from_slice(plane);
            }
        });
    }
    block.kept_frames = decoding.kept_frames();
    block.position_bytes = decoding.position_bytes();
    Ok(block)
}

fn gone() -> MediaError {
    MediaError::Corrupt("the decoder gave up: its thread is gone".into())
}
