//! A track's sample table: where each packet is, how long it is and when it is heard (ISO/IEC 14496-12, section 8.6
//! to 8.7).
//!
//! The five tables stay as compact as they are in the file, so that a day of audio takes a few megabytes, and a cursor
//! walks them side by side. All that can be wrong between them is found before the first packet.

use std::ops::Range;
use std::sync::Arc;

use super::Tables;
use crate::error::MediaError;
use crate::reading::MAX_KEPT_BYTES;
use crate::tap::Tap;

/// What the tables of a track may take in memory: a week of AAC.
const MAX_TABLE_BYTES: u64 = 32 * 1024 * 1024;
/// What is read of a table at once.
const PIECE_BYTES: usize = 64 * 1024;

/// The tables of one track.
#[derive(Debug)]
pub(super) struct Table {
    samples: u32,
    sizes: Sizes,
    chunks: Vec<u64>,
    runs: Vec<Run>,
    times: Vec<Time>,
    ticks: u64,
}

#[derive(Debug)]
enum Sizes {
    /// All are equal.
    Each(u32),
    Short(Vec<u16>),
    Long(Vec<u32>),
}

/// Chunks from `first` on that have so many samples each.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u32,
    samples: u32,
}

/// So many samples that take so many ticks each.
#[derive(Clone, Copy, Debug)]
struct Time {
    samples: u32,
    ticks: u32,
}

/// How far a reader is in a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    sample: u32,
    run: usize,
    next_chunk: u32,
    left_in_chunk: u32,
    offset: u64,
    next_time: usize,
    left_in_time: u32,
    ticks: u32,
    pts: u64,
}

/// One packet: a sample, or several of PCM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) pts: u64,
    pub(super) ticks: u64,
}

/// Reads tables, and what they may still take.
struct TableReader<'a> {
    tap: &'a mut Tap,
    budget: u64,
}

impl TableReader<'_> {
    /// Gives every entry of `N` bytes; `first` is where they begin in the box, and each is kept as `kept` bytes.
    fn each<const N: usize>(
        &mut self,
        place: &Range<u64>,
        first: u64,
        count: u64,
        kept: usize,
        mut take: impl FnMut([u8; N]) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        let declared = count.saturating_mul(N as u64);
        let there = place.end.saturating_sub(place.start).saturating_sub(first);
        if declared > there {
            let why =
                format!("one of its tables declares {count} entries and has room for {}", there / N as u64);
            return Err(MediaError::Corrupt(why));
        }
        self.budget = self.budget.checked_sub(count * kept as u64).ok_or_else(|| {
            MediaError::Limit(format!(
                "a sample table with {count} entries, more than {MAX_TABLE_BYTES} bytes"
            ))
        })?;
        let mut piece = vec![0; PIECE_BYTES / N * N];
        let (mut offset, mut left) = (place.start + first, declared);
        let (end, mut kept_to) = (offset + declared, offset);
        while left > 0 {
            if offset >= kept_to {
                // From afar, a table of megabytes is not asked for page by page.
                kept_to = end.min(offset + MAX_KEPT_BYTES);
                let gauge = self.tap.gauge();
                self.tap.keep(offset..kept_to).map_err(|error| gauge.explain_io(error))?;
            }
            let length = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
            self.fill(offset, &mut piece[..length])?;
            for entry in piece[..length].as_chunks::<N>().0 {
                take(*entry)?;
            }
            offset += length as u64;
            left -= length as u64;
        }
        Ok(())
    }

    fn fill(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), MediaError> {
        let gauge = self.tap.gauge();
        let count = self.tap.read_at(offset, buffer).map_err(|error| gauge.explain_io(error))?;
        if count < buffer.len() {
            return Err(MediaError::Truncated("it ends within its sample table".into()));
        }
        Ok(())
    }

    fn number(&mut self, place: &Range<u64>, at: u64) -> Result<u32, MediaError> {
        let mut bytes = [0; 4];
        if place.start + at + 4 > place.end {
            return Err(MediaError::Corrupt("one of its tables has no room for its length".into()));
        }
        self.fill(place.start + at, &mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// Sections 8.7.3.2 and 8.7.3.3.
    fn sizes(&mut self, tables: &Tables) -> Result<Option<(u32, Sizes)>, MediaError> {
        let mut sizes = SizeList::default();
        if let Some(place) = &tables.sizes {
            let (each, count) = (self.number(place, 4)?, self.number(place, 8)?);
            if each > 0 {
                return Ok(Some((count, Sizes::Each(each))));
            }
            self.each(place, 12, u64::from(count), 4, |entry| sizes.push(u32::from_be_bytes(entry)))?;
            return Ok(Some((count, sizes.into())));
        }
        let Some(place) = &tables.compact_sizes else { return Ok(None) };
        let (field_bits, count) = (self.number(place, 4)? & 0xff, self.number(place, 8)?);
        match field_bits {
            4 => self.each(place, 12, u64::from(count).div_ceil(2), 4, |[pair]| {
                sizes.push(u32::from(pair >> 4))?;
                // The last byte may hold one only.
                if sizes.short.len() < count as usize { sizes.push(u32::from(pair & 15)) } else { Ok(()) }
            })?,
            8 => self.each(place, 12, u64::from(count), 2, |[size]| sizes.push(u32::from(size)))?,
            16 => self.each(place, 12, u64::from(count), 2, |size| {
                sizes.push(u32::from(u16::from_be_bytes(size)))
            })?,
            bits => {
                let why = format!("its packets' sizes are numbers of {bits} bits; 4, 8 and 16 are possible");
                return Err(MediaError::Corrupt(why));
            }
        }
        Ok(Some((count, sizes.into())))
    }

    /// Section 8.7.5.
    fn chunks(&mut self, tables: &Tables) -> Result<Option<Vec<u64>>, MediaError> {
        let mut chunks = Vec::new();
        if let Some(place) = &tables.offsets {
            let count = self.number(place, 4)?;
            self.each(place, 8, u64::from(count), 8, |entry| {
                chunks.push(u64::from(u32::from_be_bytes(entry)));
                Ok(())
            })?;
        } else if let Some(place) = &tables.long_offsets {
            let count = self.number(place, 4)?;
            self.each(place, 8, u64::from(count), 8, |entry| {
                chunks.push(u64::from_be_bytes(entry));
                Ok(())
            })?;
        } else {
            return Ok(None);
        }
        Ok(Some(chunks))
    }

    /// Section 8.7.4.
    fn runs(&mut self, place: &Range<u64>) -> Result<Vec<Run>, MediaError> {
        let mut runs: Vec<Run> = Vec::new();
        let count = self.number(place, 4)?;
        self.each(place, 8, u64::from(count), size_of::<Run>(), |entry: [u8; 12]| {
            let [first, samples, _] = numbers(entry);
            let (Some(first), 1..) = (first.checked_sub(1), samples) else {
                return Err(MediaError::Corrupt("a run of its chunks has no number or no samples".into()));
            };
            match runs.last_mut() {
                Some(last) if last.first > first => {
                    return Err(MediaError::Corrupt(format!(
                        "its runs of chunks go back from {} to {}",
                        last.first + 1,
                        first + 1
                    )));
                }
                Some(last) if last.first == first => last.samples = samples,
                _ => runs.push(Run { first, samples }),
            }
            Ok(())
        })?;
        Ok(runs)
    }

    /// Section 8.6.1.2.
    fn times(&mut self, place: &Range<u64>) -> Result<Vec<Time>, MediaError> {
        let mut times = Vec::new();
        let count = self.number(place, 4)?;
        self.each(place, 8, u64::from(count), size_of::<Time>(), |entry: [u8; 8]| {
            let [samples, ticks] = numbers(entry);
            times.push(Time { samples, ticks });
            Ok(())
        })?;
        Ok(times)
    }
}

/// Big-endian numbers of 32 bits.
fn numbers<const B: usize, const N: usize>(entry: [u8; B]) -> [u32; N] {
    let mut numbers = [0; N];
    for (number, bytes) in numbers.iter_mut().zip(entry.as_chunks::<4>().0) {
        *number = u32::from_be_bytes(*bytes);
    }
    numbers
}

/// Sizes that take two bytes each until one needs four.
#[derive(Default)]
struct SizeList {
    short: Vec<u16>,
    long: Vec<u32>,
}

impl SizeList {
    #[expect(clippy::unnecessary_wraps, reason = "what takes an entry may fail")]
    fn push(&mut self, size: u32) -> Result<(), MediaError> {
        match u16::try_from(size) {
            Ok(short) if self.long.is_empty() => self.short.push(short),
            _ => {
                if self.long.is_empty() {
                    self.long = self.short.drain(..).map(u32::from).collect();
                    self.short = Vec::new();
                }
                self.long.push(size);
            }
        }
        Ok(())
    }
}

impl From<SizeList> for Sizes {
    fn from(list: SizeList) -> Self {
        if list.long.is_empty() { Self::Short(list.short) } else { Self::Long(list.long) }
    }
}

impl Sizes {
    /// The bytes of `count` samples from `first` on.
    fn sum(&self, first: u32, count: u32) -> u64 {
        let range = first as usize..first as usize + count as usize;
        match self {
            Self::Each(size) => u64::from(*size) * u64::from(count),
            Self::Short(sizes) => {
                sizes.get(range).map_or(0, |sizes| sizes.iter().copied().map(u64::from).sum())
            }
            Self::Long(sizes) => {
                sizes.get(range).map_or(0, |sizes| sizes.iter().copied().map(u64::from).sum())
            }
        }
    }
}

impl Table {
    /// Reads the tables, or gives `None` where one of them is missing. `frame_bytes` is what a frame takes where
    /// the codec is PCM.
    pub(super) fn read(
        tap: &mut Tap,
        tables: &Tables,
        frame_bytes: Option<u32>,
        size_bytes: u64,
    ) -> Result<Option<Self>, MediaError> {
        let (Some(runs), Some(times)) = (&tables.runs, &tables.times) else { return Ok(None) };
        let mut reader = TableReader { tap, budget: MAX_TABLE_BYTES };
        let Some((samples, mut sizes)) = reader.sizes(tables)? else { return Ok(None) };
        let Some(chunks) = reader.chunks(tables)? else { return Ok(None) };
        let (runs, times) = (reader.runs(runs)?, reader.times(times)?);
        // QuickTime counts frames of PCM as samples of one byte.
        if let (Sizes::Each(1), Some(frame_bytes)) = (&sizes, frame_bytes) {
            sizes = Sizes::Each(frame_bytes);
        }
        let mut table = Self { samples, sizes, chunks, runs, times, ticks: 0 };
        table.check(size_bytes)?;
        Ok(Some(table))
    }

    /// Holds the tables against each other.
    fn check(&mut self, size_bytes: u64) -> Result<(), MediaError> {
        let samples = u64::from(self.samples);
        let ends = self.runs.iter().skip(1).map(|run| u64::from(run.first)).chain([self.chunks.len() as u64]);
        let placed = self.runs.iter().zip(ends).fold(0_u64, |placed, (run, end)| {
            let chunks = end.min(self.chunks.len() as u64).saturating_sub(u64::from(run.first));
            placed.saturating_add(chunks.saturating_mul(u64::from(run.samples)))
        });
        if placed < samples {
            return Err(MediaError::Corrupt(format!("its chunks hold {placed} of {samples} packets")));
        }
        let bytes = self.sizes.sum(0, self.samples);
        if bytes > size_bytes {
            return Err(MediaError::Corrupt(format!(
                "its packets claim {bytes} bytes, and there are {size_bytes} in all"
            )));
        }
        let (mut timed, mut ticks) = (0_u64, 0_u64);
        for time in &self.times {
            timed += u64::from(time.samples);
            ticks = ticks.saturating_add(u64::from(time.samples) * u64::from(time.ticks));
        }
        if timed > samples || (timed == 0 && samples > 0) {
            return Err(MediaError::Corrupt(format!("it has {samples} packets but times for {timed}")));
        }
        // What has no time of its own is as long as the last that has.
        let rest =
            (samples - timed).saturating_mul(self.times.last().map_or(0, |time| u64::from(time.ticks)));
        self.ticks = ticks.saturating_add(rest);
        if i64::try_from(self.ticks).is_err() {
            return Err(MediaError::Corrupt(format!("it claims to last {} ticks", self.ticks)));
        }
        Ok(())
    }

    /// The length of all packets.
    pub(super) fn ticks(&self) -> u64 {
        self.ticks
    }

    /// Gives the next packet: one sample, or up to `group` that lie and sound one after the other.
    pub(super) fn next(&self, cursor: &mut Cursor, group: u32) -> Option<Place> {
        self.enter_chunk(cursor)?;
        while cursor.left_in_time == 0 {
            match self.times.get(cursor.next_time) {
                Some(time) => (cursor.left_in_time, cursor.ticks) = (time.samples, time.ticks),
                None => cursor.left_in_time = u32::MAX,
            }
            cursor.next_time += 1;
        }
        let samples =
            group.min(cursor.left_in_chunk).min(cursor.left_in_time).min(self.samples - cursor.sample);
        let ticks = u64::from(cursor.ticks) * u64::from(samples);
        let bytes = self.sizes.sum(cursor.sample, samples);
        let place = Place { offset: cursor.offset, bytes, pts: cursor.pts, ticks };
        cursor.left_in_time -= samples;
        cursor.pts += ticks;
        cursor.pass(samples, bytes);
        Some(place)
    }

    /// Goes to the next chunk that has samples, where the last is used up; `None` after the last sample.
    fn enter_chunk(&self, cursor: &mut Cursor) -> Option<()> {
        if cursor.sample >= self.samples {
            return None;
        }
        if cursor.left_in_chunk == 0 {
            let chunk = cursor.next_chunk.max(self.runs.first()?.first);
            while self.runs.get(cursor.run + 1).is_some_and(|next| next.first <= chunk) {
                cursor.run += 1;
            }
            cursor.offset = *self.chunks.get(chunk as usize)?;
            cursor.left_in_chunk = self.runs.get(cursor.run)?.samples;
            cursor.next_chunk = chunk + 1;
        }
        Some(())
    }

    /// The bytes of the packets from `cursor` on, chunk by chunk.
    pub(super) fn extents(self: Arc<Self>, mut cursor: Cursor) -> impl Iterator<Item = Range<u64>> {
        std::iter::from_fn(move || {
            self.enter_chunk(&mut cursor)?;
            let samples = cursor.left_in_chunk.min(self.samples - cursor.sample);
            let (start, bytes) = (cursor.offset, self.sizes.sum(cursor.sample, samples));
            cursor.pass(samples, bytes);
            Some(start..start.saturating_add(bytes))
        })
    }
}

impl Cursor {
    fn pass(&mut self, samples: u32, bytes: u64) {
        self.sample += samples;
        self.left_in_chunk -= samples;
        self.offset = self.offset.saturating_add(bytes);
    }
}
