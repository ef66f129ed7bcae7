//! Reads a source for the demuxers: near ones as they are asked, far ones by a plan, ahead of need.
//!
//! While an input is opened, its tables are looked up here and there; of a far source what was read is kept for that
//! while, so that nothing is asked for twice. After that a demuxer that knows its packets gives the plan, and for
//! others reading in a row starts a straight one. A source that says it is near is spared the thread.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

mod ahead;
mod pace;
mod plan;
mod walk;

use crate::source::Source;
use ahead::Ahead;
pub use pace::{Pace, PaceMeter};
pub(crate) use plan::{Plan, joined, straight};
use walk::{Block, Metered, Walk};

/// What is read at once of a far source where no plan says more.
const FAR_PAGE_BYTES: usize = 128 * 1024;
/// And of a near one, for boxes of a few bytes.
const NEAR_PAGE_BYTES: usize = 8 * 1024;
/// What is kept of such pages.
pub(crate) const MAX_KEPT_BYTES: u64 = 4 * 1024 * 1024;
/// And how many of them.
const MAX_PAGES: usize = 16;
/// How far a jump ahead may go before a straight read is given up.
const READ_OVER_BYTES: u64 = 1024 * 1024;

/// A source as the tap sees it.
pub(crate) struct Reader {
    supply: Supply,
    size_bytes: Option<u64>,
    position: u64,
    pages: Vec<Block>,
    /// What the plan gave last.
    block: Option<Block>,
    /// And what before that, for a look back at what two blocks share.
    block_before: Option<Block>,
    /// Whether reading in a row starts reading ahead.
    is_straight: bool,
    cancel: Arc<AtomicBool>,
}

/// Who has the source.
enum Supply {
    Here(Box<Metered>),
    /// Here too, and read by a plan.
    Planned(Box<Walk>),
    Ahead(Ahead),
    /// It went down with the thread.
    Lost,
}

impl Reader {
    pub(crate) fn new(source: Box<dyn Source>, cancel: Arc<AtomicBool>) -> Self {
        let source = Metered::new(source);
        let size_bytes = source.size_bytes();
        Self {
            supply: Supply::Here(Box::new(source)),
            size_bytes,
            position: 0,
            pages: Vec::new(),
            block: None,
            block_before: None,
            is_straight: false,
            cancel,
        }
    }

    pub(crate) fn size_bytes(&self) -> Option<u64> {
        self.size_bytes
    }

    /// Whether jumps are dear.
    pub(crate) fn is_far(&self) -> bool {
        match &self.supply {
            Supply::Here(source) => source.pace().is_far(),
            Supply::Planned(walk) => walk.source.pace().is_far(),
            Supply::Ahead(_) => true,
            Supply::Lost => false,
        }
    }

    /// Reads `range` in one go and keeps it, if that saves jumps and it is not too much.
    pub(crate) fn keep(&mut self, range: Range<u64>) -> io::Result<()> {
        let cancel = Arc::clone(&self.cancel);
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut at = range.start;
        while let Some(page) = self.pages.iter().find(|page| (page.start..page.end()).contains(&at)) {
            at = page.end();
        }
        let source = self.here()?;
        if source.is_near() || length as u64 > MAX_KEPT_BYTES || at >= range.end {
            return Ok(());
        }
        source.expect(at..range.end);
        let length = usize::try_from(range.end - at).unwrap_or(0);
        let page = source.read_block(at, length, &cancel)?;
        self.keep_page(page);
        Ok(())
    }

    /// Lets reading in a row start reading ahead.
    pub(crate) fn read_straight(&mut self) {
        self.is_straight = true;
    }

    /// Whether a plan is being followed.
    pub(crate) fn is_ahead(&self) -> bool {
        matches!(self.supply, Supply::Ahead(_) | Supply::Planned(_))
    }

    /// Reads all from `offset` on ahead, until somebody jumps.
    pub(crate) fn read_straight_from(&mut self, offset: u64) {
        self.is_straight = true;
        self.start(straight(offset..self.size_bytes.unwrap_or(u64::MAX)));
    }

    /// Reads by `plan` from now on. Who leaves it is served all the same, but not ahead.
    pub(crate) fn follow(&mut self, plan: Plan) {
        self.is_straight = false;
        self.start(plan);
    }

    fn start(&mut self, plan: Plan) {
        if self.here().is_err() {
            return;
        }
        let Supply::Here(source) = std::mem::replace(&mut self.supply, Supply::Lost) else { return };
        let is_far = source.pace().is_far();
        let walk = Walk::new(*source, plan);
        let planned = |walk| Supply::Planned(Box::new(walk));
        self.supply =
            if is_far { Ahead::start(walk).map_or_else(planned, Supply::Ahead) } else { planned(walk) };
    }

    /// Takes the source back from whatever plan it follows.
    fn here(&mut self) -> io::Result<&mut Metered> {
        if !matches!(self.supply, Supply::Here(_)) {
            (self.block, self.block_before) = (None, None);
            let walk = match std::mem::replace(&mut self.supply, Supply::Lost) {
                Supply::Ahead(ahead) => ahead.stop(),
                Supply::Planned(walk) => Some(*walk),
                Supply::Here(_) | Supply::Lost => None,
            };
            if let Some(walk) = walk {
                self.supply = Supply::Here(Box::new(walk.source));
            }
        }
        match &mut self.supply {
            Supply::Here(source) => Ok(source),
            _ => Err(io::Error::other("the thread that read ahead panicked")),
        }
    }

    /// Serves from what the plan gives; `None` where that does not lead to the position.
    fn read_planned(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            if let Some(block) = &self.block {
                if let Some(count) = block.copy(self.position, buffer) {
                    return Ok(Some(count));
                }
                if let Some(count) =
                    self.block_before.as_ref().and_then(|before| before.copy(self.position, buffer))
                {
                    return Ok(Some(count));
                }
                let ahead = self.position.checked_sub(block.end());
                if self.is_straight && ahead.is_none_or(|ahead| ahead > READ_OVER_BYTES) {
                    return Ok(None);
                }
            }
            let next = match &mut self.supply {
                Supply::Ahead(ahead) => ahead.next_block(&self.cancel)?,
                Supply::Planned(walk) => walk.next_block(&self.cancel)?,
                Supply::Here(_) | Supply::Lost => None,
            };
            if next.is_none() {
                return Ok(None);
            }
            self.block_before = std::mem::replace(&mut self.block, next);
        }
    }

    /// Serves from a page, or fetches it.
    fn read_paged(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let position = self.position;
        if let Some(count) = self.pages.iter().find_map(|page| page.copy(position, buffer)) {
            return Ok(count);
        }
        let cancel = Arc::clone(&self.cancel);
        let is_in_a_row = self.pages.iter().any(|page| page.end() == position);
        let is_straight = self.is_straight;
        let end = self.size_bytes.unwrap_or(u64::MAX);
        let source = self.here()?;
        if source.is_near() && buffer.len() >= NEAR_PAGE_BYTES / 2 {
            return source.read_once(position, buffer);
        }
        if is_straight && is_in_a_row && source.pace().is_far() {
            self.pages.clear();
            self.start(straight(position..end));
            return Ok(self.read_planned(buffer)?.unwrap_or(0));
        }
        let page_bytes = if source.is_near() { NEAR_PAGE_BYTES } else { FAR_PAGE_BYTES };
        let rest = usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX);
        let length = page_bytes.min(rest);
        source.expect(position..position + length as u64);
        let page = source.read_block(position, length, &cancel)?;
        let count = page.copy(position, buffer).unwrap_or(0);
        self.keep_page(page);
        Ok(count)
    }

    fn keep_page(&mut self, page: Block) {
        let mut kept = page.bytes.len();
        self.pages.insert(0, page);
        self.pages.truncate(MAX_PAGES);
        self.pages.retain({
            let mut is_first = true;
            move |page| {
                if !std::mem::take(&mut is_first) {
                    kept += page.bytes.len();
                }
                kept as u64 <= MAX_KEPT_BYTES + FAR_PAGE_BYTES as u64
            }
        });
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.size_bytes.is_some_and(|end| self.position >= end) {
            return Ok(0);
        }
        let planned = match self.supply {
            Supply::Ahead(_) | Supply::Planned(_) => self.read_planned(buffer)?,
            Supply::Here(_) | Supply::Lost => None,
        };
        let count = match planned {
            Some(count) => count,
            None => self.read_paged(buffer)?,
        };
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => {
                let end = match self.size_bytes {
                    Some(end) => end,
                    None => self.here()?.seek_end()?,
                };
                end.checked_add_signed(offset)
            }
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests;
