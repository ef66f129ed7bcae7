//! One encoder on one thread: blocks of samples in, frames out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::thread::{self, JoinHandle};

use super::Setting;
use super::frame::{Frame, Unpacker};
use crate::error::MediaError;
use crate::lame::Lame;
use crate::probe::guarded;

/// Equally long planes, shared by the encoders on both sides of a seam.
pub(super) type Block = Arc<Vec<Vec<f32>>>;

/// What an encoder is given. A channel that closes without an end means that the frames so far were all that is
/// wanted.
#[derive(Debug)]
pub(super) enum Feed {
    Block(Block),
    /// The last sample has been given.
    End,
}

/// What an encoder tells, with the number of its chunk.
#[derive(Debug)]
pub(super) struct News {
    pub(super) chunk: u64,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// The frame before all others, as LAME fills it; empty where LAME makes none.
    Header(Vec<u8>),
    /// The frames that a block completed, of which there may be none.
    Frames(Vec<Frame>),
    /// The stream's end is encoded, too: the last frames, and how much padding there is behind the last sample.
    Flushed(Vec<Frame>, u16),
    /// Everything given is encoded, and there is more behind it.
    Spent,
    Failed(MediaError),
}

/// A chunk's encoder.
pub(super) struct Worker {
    pub(super) chunk: u64,
    pub(super) setting: Arc<Setting>,
    pub(super) feed: Receiver<Feed>,
    pub(super) news: Sender<News>,
    /// Set when nobody wants more of it.
    pub(super) is_enough: Arc<AtomicBool>,
    /// Frames of pre-roll, which are not handed out.
    pub(super) unheard: usize,
}

impl Worker {
    /// Starts the thread; the first chunk's encoder is there already, as it may be refused.
    pub(super) fn spawn(self, lame: Option<Lame>) -> Result<JoinHandle<()>, MediaError> {
        let work = move || {
            let (news, chunk) = (self.news.clone(), self.chunk);
            if let Err(error) = guarded(|| self.run(lame)) {
                // Who is gone does not want to know.
                let _ = news.send(News { chunk, what: What::Failed(error) });
            }
        };
        Ok(thread::Builder::new().name("mp3 encoder".into()).spawn(work)?)
    }

    fn run(mut self, lame: Option<Lame>) -> Result<(), MediaError> {
        let mut has_header = lame.is_some();
        let mut lame = match lame {
            Some(lame) => lame,
            None => self.setting.encoder(false)?,
        };
        let mut unpacker = Unpacker::default();
        loop {
            let fed = self.feed.recv();
            if self.is_enough.load(Ordering::Relaxed) {
                return Ok(());
            }
            if self.setting.cancel.load(Ordering::Relaxed) {
                return Err(MediaError::Cancelled);
            }
            match &fed {
                Ok(Feed::Block(planes)) => {
                    let planes: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
                    lame.encode(&planes, |bytes| {
                        unpacker.push(bytes);
                        Ok(())
                    })?;
                }
                Ok(Feed::End) => unpacker.push(lame.finish()?),
                Err(_) => {
                    self.tell(What::Spent);
                    return Ok(());
                }
            }
            if has_header && unpacker.is_whole()? {
                has_header = false;
                let header = lame.header_frame()?;
                unpacker.skip(header.len());
                self.tell(What::Header(header.to_vec()));
            }
            let frames = self.heard(&mut unpacker)?;
            if matches!(fed, Ok(Feed::End)) {
                self.tell(What::Flushed(frames, lame.padding()));
                return Ok(());
            }
            self.tell(What::Frames(frames));
        }
    }

    fn heard(&mut self, unpacker: &mut Unpacker) -> Result<Vec<Frame>, MediaError> {
        let mut frames = Vec::new();
        while let Some(frame) = unpacker.next()? {
            if self.unheard > 0 {
                self.unheard -= 1;
            } else {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    fn tell(&self, what: What) {
        // Where nobody listens any more, `is_enough` is set, too.
        let _ = self.news.send(News { chunk: self.chunk, what });
    }
}
