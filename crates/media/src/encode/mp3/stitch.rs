//! Gives frames of several encoders their places in one stream.
//!
//! Each frame's data is put as early as possible: right behind the data before it, or as far back as
//! `main_data_begin` reaches. An encoder that counted on `n` bytes of reservoir before a frame finds its data in
//! time from there on wherever the stream has `n` bytes or more, because being earlier at one frame means being
//! no later at the next. That is the whole condition on a place where one encoder's frames take over from another's.

use std::collections::VecDeque;
use std::ops::Range;

use super::frame::Frame;
use super::tag::Totals;

#[derive(Debug, Default)]
pub(super) struct Stitcher {
    /// Written but for the room that waits for data.
    pending: Vec<u8>,
    /// Parts of `pending` without data yet, in order.
    room: VecDeque<Range<usize>>,
    pub(super) totals: Totals,
}

impl Stitcher {
    /// Bytes that the next frame's data may begin before its own room.
    pub(super) fn reservoir(&self) -> usize {
        self.room.iter().map(ExactSizeIterator::len).sum()
    }

    /// Appends a frame.
    pub(super) fn push(&mut self, mut frame: Frame) {
        self.make_it_fit(&mut frame);
        let begin = self.keep_at_most(frame.header.reservoir_limit());
        frame.place(begin);
        self.totals.note_frame(self.pending.len());
        self.pending.extend_from_slice(&frame.header.bytes());
        self.pending.extend_from_slice(&frame.side);
        let start = self.pending.len();
        self.pending.resize(start + frame.header.room(), 0);
        self.room.push_back(start..self.pending.len());
        self.fill(&frame.data);
    }

    /// A frame whose encoder counted on more reservoir than there is gets a higher bit rate for once. At the highest
    /// it is muted: no search for a better place found one, which takes a hundred frames in a row without slack.
    fn make_it_fit(&self, frame: &mut Frame) {
        let missing = frame.reservoir.saturating_sub(self.reservoir());
        let wanted = frame.header.room() + missing;
        while frame.header.room() < wanted {
            match frame.header.with_next_rate() {
                Some(header) => frame.header = header,
                None => return frame.mute(),
            }
        }
    }

    /// Gives up room that no frame can reach back to, and returns what is left.
    fn keep_at_most(&mut self, limit: usize) -> usize {
        let mut left = self.reservoir();
        while left > limit {
            let Some(first) = self.room.front_mut() else { break };
            let lost = first.len().min(left - limit);
            first.start += lost;
            left -= lost;
            if first.start == first.end {
                self.room.pop_front();
            }
        }
        left
    }

    fn fill(&mut self, mut data: &[u8]) {
        while let Some(first) = self.room.front_mut().filter(|_| !data.is_empty()) {
            let part;
            (part, data) = data.split_at(first.len().min(data.len()));
            self.pending[first.start..first.start + part.len()].copy_from_slice(part);
            first.start += part.len();
            if first.start == first.end {
                self.room.pop_front();
            }
        }
        debug_assert!(data.is_empty(), "an encoder promised that its data fits");
    }

    /// Takes what will not change any more; with `is_end` everything.
    pub(super) fn take(&mut self, is_end: bool) -> Vec<u8> {
        let settled = match self.room.front() {
            Some(first) if !is_end => first.start,
            _ => self.pending.len(),
        };
        let rest = self.pending.split_off(settled);
        let bytes = std::mem::replace(&mut self.pending, rest);
        for room in &mut self.room {
            *room = room.start.saturating_sub(settled)..room.end.saturating_sub(settled);
        }
        self.totals.note_bytes(&bytes);
        bytes
    }
}
