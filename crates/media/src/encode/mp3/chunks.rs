//! MP3 on several cores: chunks of the samples, each with an encoder on a thread of its own, stitched to one stream.
//!
//! There is always an *open* chunk, the last, whose encoder takes every block of samples as it is decoded. While no
//! core is idle it stays the only one, and the work is that of a serial encode. When a core is idle, samples are
//! decoded ahead of the open chunk; from there on a further encoder starts, and the open chunk is closed, to end
//! a little behind that seam. So encoders leapfrog: how much lies decoded in memory is what two of them are apart,
//! whatever the input's length, and how many there are may change at every seam.
//!
//! LAME remembers: a new encoder decides otherwise than one that has heard what was before. The longest of its
//! memories at a constant bit rate is the mean of perceptual entropy over 19 frames, by which it gives out bits, and
//! its bit reservoir takes a dozen frames more to fill; its threshold of hearing adapts by 7 % a frame at most. So a
//! chunk begins with frames that are thrown away. Behind the seam both encoders' frames are there, and the later
//! one takes over at the first frame where the stream has the reservoir that it counts on (see `stitch`). What is left
//! of the difference is least where it is calm, so a seam waits a moment for that.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Setting;
use super::frame::Frame;
use super::stitch::Stitcher;
use super::worker::{Block, Feed, News, What, Worker};
use crate::cores::{self, Core};
use crate::encode::{Encoder, Output};
use crate::error::MediaError;
use crate::lame::Lame;

/// MP3 frames in a block. At 44.1 kHz the padding of a constant bit rate has a period of 49 frames.
const BLOCK_FRAMES: usize = 7;
/// Blocks that an encoder hears before its seam.
const PRE_ROLL_BLOCKS: u64 = 5;
/// Blocks that an encoder goes on for behind a seam, at most; mostly one or two are enough.
const OVERRUN_BLOCKS: u64 = 14;
/// Blocks between two encoders: 29 s at 44.1 kHz, 10 MB in stereo.
const APART_BLOCKS: u64 = 160;
/// Shorter chunks are not worth their pre-roll, and seams nearer to each other than an overrun would meet.
const MIN_BLOCKS: u64 = 24;
/// A seam waits so many blocks at most for one that is calm: what two encoders make of a loud one differs most.
const CALM_BLOCKS: u64 = 6;
/// Calm is what is no louder than a quarter of so many blocks before it.
const HEARD_BLOCKS: usize = 16;
/// Blocks that may wait beyond those between encoders.
const SLACK_BLOCKS: u64 = 8;
/// What all blocks may take together. With many encoders, frames that wait for those before them take as much again.
const STOCK_BYTES: u64 = 28 << 20;
/// Samples between what LAME is given and what a decoder makes of it, which players cut off.
const DELAY: u64 = 576 + 529;
/// Waiting is interrupted this often to look whether it still makes sense.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) struct Chunks {
    setting: Arc<Setting>,
    /// Chunks at once, at most.
    limit: usize,
    apart_blocks: u64,
    expected_blocks: Option<u64>,
    block: Vec<Vec<f32>>,
    block_samples: usize,
    /// The latest blocks, for the pre-roll.
    recent: VecDeque<Block>,
    next_block: u64,
    /// How loud the latest blocks were.
    heard: VecDeque<f32>,
    /// Blocks that a seam has waited for a calm one.
    waited_blocks: u64,
    /// The first is the one whose frames are written, the last is open.
    live: VecDeque<Chunk>,
    threads: Vec<JoinHandle<()>>,
    /// Cores beside the conversion's own. One more than further chunks means that another chunk is about to begin.
    extra: Vec<Core>,
    started: u64,
    news: Receiver<News>,
    teller: Sender<News>,
    stitcher: Stitcher,
    written_frames: u64,
    /// The first MP3 frame of every chunk but the first.
    seams: Vec<u64>,
    header_offset: u64,
    header: Vec<u8>,
    /// Known when the last frame is written.
    padding: Option<u16>,
}

struct Chunk {
    number: u64,
    /// The first MP3 frame that may be taken from it, while an earlier chunk may still be better.
    seam: u64,
    frames: VecDeque<Frame>,
    /// Gone once it has been given all.
    feed: Option<Sender<Feed>>,
    end_block: Option<u64>,
    /// Blocks that it was given and has not encoded.
    pending: u64,
    is_enough: Arc<AtomicBool>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    /// There will be no more frames of it, but there are more behind it.
    Spent,
    /// Its last frame is the stream's.
    Flushed(u16),
}

impl Chunks {
    /// Starts with one encoder; `samples` is the input's likely length.
    pub(super) fn start(
        setting: Setting,
        lame: Lame,
        limit: usize,
        samples: Option<u64>,
        header_offset: u64,
    ) -> Result<Self, MediaError> {
        let block_samples = BLOCK_FRAMES * setting.frame_samples();
        let block_bytes = block_samples as u64 * u64::from(setting.channels) * 4;
        let further = (limit as u64).saturating_sub(1).max(1);
        let (teller, news) = mpsc::channel();
        let mut chunks = Self {
            apart_blocks: (STOCK_BYTES / block_bytes / further).clamp(MIN_BLOCKS, APART_BLOCKS),
            block: vec![Vec::with_capacity(block_samples); usize::from(setting.channels)],
            setting: Arc::new(setting),
            limit,
            expected_blocks: samples.map(|samples| samples / block_samples as u64),
            block_samples,
            recent: VecDeque::new(),
            next_block: 0,
            heard: VecDeque::new(),
            waited_blocks: 0,
            live: VecDeque::new(),
            threads: Vec::new(),
            extra: Vec::new(),
            started: 0,
            news,
            teller,
            stitcher: Stitcher::default(),
            written_frames: 0,
            seams: Vec::new(),
            header_offset,
            header: Vec::new(),
            padding: None,
        };
        chunks.open(Some(lame))?;
        Ok(chunks)
    }

    /// Starts an encoder that takes over at the next block.
    fn open(&mut self, lame: Option<Lame>) -> Result<(), MediaError> {
        let (feed, feeding) = mpsc::channel();
        let number = self.started;
        let is_enough = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            chunk: number,
            setting: Arc::clone(&self.setting),
            feed: feeding,
            news: self.teller.clone(),
            is_enough: Arc::clone(&is_enough),
            unheard: self.recent.len() * BLOCK_FRAMES,
        };
        self.threads.retain(|thread| !thread.is_finished());
        self.threads.push(worker.spawn(lame)?);
        self.started += 1;
        if let Some(open) = self.live.back_mut() {
            open.end_block = Some(self.next_block + OVERRUN_BLOCKS);
        }
        let mut chunk = Chunk {
            number,
            seam: self.next_block * BLOCK_FRAMES as u64,
            frames: VecDeque::new(),
            feed: Some(feed),
            end_block: None,
            pending: 0,
            is_enough,
            state: State::Running,
        };
        for block in &self.recent {
            chunk.give(block);
        }
        self.live.push_back(chunk);
        Ok(())
    }

    /// Hands a block to the encoders, as soon as there is room.
    fn hand_on(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        let empty = self.block.iter().map(|plane| Vec::with_capacity(plane.capacity())).collect();
        let block: Block = Arc::new(std::mem::replace(&mut self.block, empty));
        while let Ok(news) = self.news.try_recv() {
            self.hear(news, output)?;
        }
        self.share_cores();
        while self.stock_blocks() >= self.extra.len() as u64 * self.apart_blocks + SLACK_BLOCKS {
            self.wait(output)?;
        }
        let loudness = loudness(&block);
        if self.is_time_to_widen() && self.is_good_place(loudness) && self.open(None).is_err() {
            // A host that gives no more threads has no core for them either.
            self.extra.pop();
        }
        self.heard.push_back(loudness);
        if self.heard.len() > HEARD_BLOCKS {
            self.heard.pop_front();
        }
        for chunk in &mut self.live {
            if chunk.end_block.is_none_or(|end| self.next_block < end) {
                chunk.give(&block);
            } else {
                chunk.feed = None;
            }
        }
        self.next_block += 1;
        self.recent.push_back(block);
        if self.recent.len() as u64 > PRE_ROLL_BLOCKS {
            self.recent.pop_front();
        }
        Ok(())
    }

    /// Gives back a core that is not in use yet where others want it, or takes a further one where nobody does.
    fn share_cores(&mut self) {
        if self.extra.len() >= self.live.len() {
            if cores::are_wanted() {
                self.extra.pop();
            }
        } else if self.live.len() < self.limit && self.rest_is_worth_it() {
            self.extra.extend(cores::spare());
        }
    }

    fn stock_blocks(&self) -> u64 {
        self.live.iter().map(|chunk| chunk.pending).sum()
    }

    /// Blocks that the open chunk has still to encode, if it is to be the last.
    fn rest_blocks(&self) -> Option<u64> {
        let position = self.next_block - self.live.back().map_or(0, |open| open.pending.min(self.next_block));
        self.expected_blocks.map(|all| all.saturating_sub(position))
    }

    fn rest_is_worth_it(&self) -> bool {
        self.rest_blocks().is_none_or(|rest| rest >= 2 * MIN_BLOCKS)
    }

    fn is_time_to_widen(&self) -> bool {
        let apart = self.rest_blocks().map_or(self.apart_blocks, |rest| self.apart_blocks.min(rest / 2));
        let ahead = self.live.back().map_or(0, |open| open.pending);
        self.live.len() <= self.extra.len() && self.rest_is_worth_it() && ahead >= apart.max(MIN_BLOCKS)
    }

    /// Whether to have the seam before a block that is so loud, as far as can be told without those to come.
    fn is_good_place(&mut self, loudness: f32) -> bool {
        let louder = self.heard.iter().filter(|heard| **heard >= loudness).count();
        let is_good = louder * 4 >= self.heard.len() * 3 || self.waited_blocks >= CALM_BLOCKS;
        self.waited_blocks = if is_good { 0 } else { self.waited_blocks + 1 };
        is_good
    }

    fn wait(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        match self.news.recv_timeout(LOOK_EVERY) {
            Ok(news) => self.hear(news, output),
            Err(_) if self.setting.cancel.load(Ordering::Relaxed) => Err(MediaError::Cancelled),
            Err(_) => Ok(()),
        }
    }

    fn hear(&mut self, News { chunk, what }: News, output: &mut Output<'_>) -> Result<(), MediaError> {
        let Some(chunk) = self.live.iter_mut().find(|live| live.number == chunk) else { return Ok(()) };
        match what {
            What::Header(header) => {
                // The place that the header will take: an empty frame.
                let mut place = header.clone();
                place.iter_mut().skip(4).for_each(|byte| *byte = 0);
                self.header = header;
                return output.write(&place);
            }
            What::Frames(frames) => {
                chunk.pending = chunk.pending.saturating_sub(1);
                chunk.frames.extend(frames);
            }
            What::Flushed(frames, padding) => {
                chunk.frames.extend(frames);
                chunk.state = State::Flushed(padding);
            }
            What::Spent => chunk.state = State::Spent,
            What::Failed(error) => return Err(error),
        }
        self.stitch();
        let bytes = self.stitcher.take(false);
        if bytes.is_empty() { Ok(()) } else { output.write(&bytes) }
    }

    /// Writes every frame whose turn it is.
    fn stitch(&mut self) {
        loop {
            let written = self.written_frames;
            if self.live.get(1).is_some_and(|next| written >= next.seam) {
                match self.takes_over() {
                    Some(true) => {
                        self.retire();
                        continue;
                    }
                    Some(false) => {}
                    None => return,
                }
            }
            let Some(first) = self.live.front_mut() else { return };
            let Some(frame) = first.frames.pop_front() else {
                if let State::Flushed(padding) = first.state {
                    self.padding = Some(padding);
                }
                return;
            };
            self.stitcher.push(frame);
            self.written_frames += 1;
            if let Some(next) = self.live.get_mut(1).filter(|next| written >= next.seam) {
                next.frames.pop_front();
            }
        }
    }

    /// Whether the second chunk goes on from here; `None` while that cannot be told.
    fn takes_over(&self) -> Option<bool> {
        let (first, next) = (self.live.front()?, self.live.get(1)?);
        match next.frames.front() {
            Some(frame) if self.stitcher.reservoir() >= frame.reservoir => Some(true),
            Some(_) if !first.frames.is_empty() => Some(false),
            Some(_) if first.state == State::Running => None,
            Some(_) => Some(first.state == State::Spent),
            None if next.state == State::Running => None,
            None => Some(false),
        }
    }

    /// Lets the first chunk go.
    fn retire(&mut self) {
        if let Some(first) = self.live.pop_front() {
            first.is_enough.store(true, Ordering::Relaxed);
            self.seams.push(self.written_frames);
        }
    }
}

/// The energy of a block.
fn loudness(block: &Block) -> f32 {
    block.iter().flatten().map(|sample| sample * sample).sum()
}

impl Chunk {
    fn give(&mut self, block: &Block) {
        // An encoder that is gone has told why.
        if self.feed.as_ref().is_some_and(|feed| feed.send(Feed::Block(Arc::clone(block))).is_ok()) {
            self.pending += 1;
        }
    }
}

impl Encoder for Chunks {
    fn write(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError> {
        let frames = planes.first().map_or(0, |plane| plane.len());
        let mut start = 0;
        while start < frames {
            let room = self.block_samples - self.block.first().map_or(0, Vec::len);
            let end = frames.min(start + room);
            for (block, plane) in self.block.iter_mut().zip(planes) {
                block.extend_from_slice(&plane[start..end]);
            }
            if end - start == room {
                self.hand_on(output)?;
            }
            start = end;
        }
        Ok(())
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        if self.block.first().is_some_and(|plane| !plane.is_empty()) {
            self.hand_on(output)?;
        }
        for chunk in &mut self.live {
            if chunk.end_block.is_none_or(|end| self.next_block <= end)
                && let Some(feed) = chunk.feed.take()
            {
                // An encoder that is gone has told why.
                let _ = feed.send(Feed::End);
            }
            chunk.feed = None;
        }
        let padding = loop {
            if let Some(padding) = self.padding {
                break padding;
            }
            self.extra.truncate(self.live.len().saturating_sub(1));
            self.wait(output)?;
        };
        output.write(&self.stitcher.take(true))?;
        if self.header.is_empty() {
            return Ok(());
        }
        output.patch(self.header_offset, &self.stitcher.totals.write(&self.header, padding))
    }

    fn seams(&self) -> Vec<u64> {
        let samples = self.setting.frame_samples() as u64;
        self.seams.iter().map(|frame| (frame * samples).saturating_sub(DELAY)).collect()
    }
}

impl Drop for Chunks {
    /// Ends every thread, whatever happened.
    fn drop(&mut self) {
        for chunk in self.live.drain(..) {
            chunk.is_enough.store(true, Ordering::Relaxed);
        }
        for thread in self.threads.drain(..) {
            // A panic in it was told as an error.
            let _ = thread.join();
        }
    }
}
