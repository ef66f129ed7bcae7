//! The packets of an MP4's track by its tables: how large, how long, and where. So nothing of the media is read to know
//! them, and packets that stand end to end are read as one.
//!
//! Sections named are those of ISO/IEC 14496-12. Every count is held against the size of its box before anything is
//! made of it.

use std::io;
use std::ops::Range;

use super::Origin;
use crate::control::Watch;
use crate::encode::Output;
use crate::error::MediaError;
use crate::m4a::{MAX_PACKETS, Packets};
use crate::mp4::{self, Header, Mp4};
use crate::reading::joined;
use crate::tap::Tap;

/// Packets may stand apart in so many places.
const MAX_RUNS: usize = 1_000_000;
/// A packet of eight channels has 6 KiB at most.
const MAX_PACKET_BYTES: u32 = 1024 * 1024;
/// Lengths change at most so often; sound has one, and another at the end.
const MAX_DURATIONS: u64 = 65_536;
const MAX_ENTRIES: u64 = 1_000_000;
/// What is read at once.
const PIECE_BYTES: usize = 256 * 1024;

/// A track's packets.
pub(super) struct Table {
    pub(super) packets: Packets,
    runs: Vec<Run>,
    pub(super) boxes: Mp4,
}

/// Packets that stand end to end.
struct Run {
    offset: u64,
    packets: usize,
}

/// Where the boxes of the sample table are.
#[derive(Default)]
struct Places {
    descriptions: Option<Header>,
    durations: Option<Header>,
    chunks: Option<Header>,
    sizes: Option<Header>,
    offsets: Option<Header>,
    is_long: bool,
}

/// Reads the table of a track, or says why nothing can be made of it.
pub(super) fn read(
    origin: &Origin<'_>,
    size_bytes: u64,
    track_id: u32,
) -> Result<Result<Table, String>, MediaError> {
    let mut tap = origin.tap();
    let gauge = tap.gauge();
    let boxes = mp4::read(&mut tap, size_bytes)?;
    if boxes.is_fragmented {
        return Ok(Err("it is in fragments".into()));
    }
    let places = find(&mut tap, size_bytes, track_id).map_err(|error| gauge.explain_io(error))?;
    let read = read_tables(&mut tap, &places, size_bytes).map_err(|error| gauge.explain_io(error))?;
    Ok(read.map(|(packets, runs)| Table { packets, runs, boxes }))
}

fn find(tap: &mut Tap, size_bytes: u64, track_id: u32) -> io::Result<Places> {
    let whole = Header { kind: *b"file", start: 0, body: 0, end: size_bytes };
    let mut found = Places::default();
    mp4::children(tap, &whole, &mut |tap, top| {
        if &top.kind != b"moov" {
            return Ok(());
        }
        mp4::children(tap, top, &mut |tap, track| {
            if &track.kind != b"trak" {
                return Ok(());
            }
            let (mut id, mut places) = (0, Places::default());
            find_in_track(tap, track, &mut id, &mut places, mp4::MAX_DEPTH)?;
            if id == track_id {
                found = places;
            }
            Ok(())
        })
    })?;
    Ok(found)
}

fn find_in_track(
    tap: &mut Tap,
    parent: &Header,
    id: &mut u32,
    places: &mut Places,
    depth: u32,
) -> io::Result<()> {
    mp4::children(tap, parent, &mut |tap, child| {
        match &child.kind {
            b"mdia" | b"minf" | b"stbl" if depth > 0 => {
                return find_in_track(tap, child, id, places, depth - 1);
            }
            b"tkhd" => *id = mp4::track_id(tap, child)?,
            b"stsd" => places.descriptions = Some(*child),
            b"stts" => places.durations = Some(*child),
            b"stsc" => places.chunks = Some(*child),
            b"stsz" => places.sizes = Some(*child),
            b"stco" | b"co64" => {
                places.is_long = &child.kind == b"co64";
                places.offsets = Some(*child);
            }
            _ => {}
        }
        Ok(())
    })
}

type Tables = (Packets, Vec<Run>);

fn read_tables(tap: &mut Tap, places: &Places, size_bytes: u64) -> io::Result<Result<Tables, String>> {
    let (Some(descriptions), Some(durations), Some(chunks), Some(sizes), Some(offsets)) =
        (&places.descriptions, &places.durations, &places.chunks, &places.sizes, &places.offsets)
    else {
        return Ok(Err("its sample table is not whole".into()));
    };
    if mp4::read_u32(tap, descriptions.body + 4)? != 1 {
        return Ok(Err("its configuration changes on the way".into()));
    }
    let Some(durations) = read_durations(tap, durations)? else {
        return Ok(Err("its packets differ too often in length".into()));
    };
    let Some(sizes) = read_sizes(tap, sizes)? else {
        return Ok(Err(format!("it has more than {MAX_PACKETS} packets")));
    };
    if let Some(size) = sizes.iter().find(|size| **size > MAX_PACKET_BYTES) {
        return Ok(Err(format!("it has a packet of {size} bytes")));
    }
    let packets = Packets { sizes, durations };
    let Some(chunks) = read_chunks(tap, chunks)? else {
        return Ok(Err("its configuration changes on the way".into()));
    };
    let runs = read_runs(tap, offsets, places.is_long, &chunks, &packets.sizes, size_bytes)?;
    Ok(runs.and_then(|runs| if packets.is_sound() { Ok((packets, runs)) } else { Err(contradiction()) }))
}

fn contradiction() -> String {
    "its sample table contradicts itself".to_owned()
}

/// The number of entries that a box declares and has room for.
fn entries(tap: &mut Tap, header: &Header, count_at: u64, entry_bytes: u64) -> io::Result<u64> {
    let room = header.end.saturating_sub(header.body + count_at + 4) / entry_bytes;
    Ok(u64::from(mp4::read_u32(tap, header.body + count_at)?).min(room))
}

/// Section 8.6.1.2.
fn read_durations(tap: &mut Tap, header: &Header) -> io::Result<Option<Vec<(u32, u32)>>> {
    let count = entries(tap, header, 4, 8)?;
    if count > MAX_DURATIONS {
        return Ok(None);
    }
    let mut durations = Vec::new();
    numbers(tap, header.body + 8, count, |pair: [u8; 8]| {
        if let [packets, ticks] = *pair.as_chunks::<4>().0 {
            durations.push((u32::from_be_bytes(packets), u32::from_be_bytes(ticks)));
        }
        true
    })?;
    durations.retain(|(packets, _)| *packets > 0);
    Ok(Some(durations))
}

/// Section 8.7.3.2.
fn read_sizes(tap: &mut Tap, header: &Header) -> io::Result<Option<Vec<u32>>> {
    let (each, declared) = (mp4::read_u32(tap, header.body + 4)?, mp4::read_u32(tap, header.body + 8)?);
    if declared as usize > MAX_PACKETS {
        return Ok(None);
    }
    if each > 0 {
        return Ok(Some(vec![each; declared as usize]));
    }
    let count = entries(tap, header, 8, 4)?;
    let mut sizes = Vec::new();
    numbers(tap, header.body + 12, count, |size: [u8; 4]| {
        sizes.push(u32::from_be_bytes(size));
        true
    })?;
    Ok(Some(sizes))
}

/// Section 8.7.4: from which chunk on a chunk has how many packets.
fn read_chunks(tap: &mut Tap, header: &Header) -> io::Result<Option<Vec<(u32, u32)>>> {
    let count = entries(tap, header, 4, 12)?;
    if count > MAX_ENTRIES {
        return Ok(None);
    }
    let (mut chunks, mut is_one) = (Vec::new(), true);
    numbers(tap, header.body + 8, count, |entry: [u8; 12]| {
        if let [first, packets, description] = *entry.as_chunks::<4>().0 {
            chunks.push((u32::from_be_bytes(first), u32::from_be_bytes(packets)));
            is_one &= u32::from_be_bytes(description) == 1;
        }
        is_one
    })?;
    Ok(is_one.then_some(chunks))
}

/// Section 8.7.5. Chunks that stand end to end become one run.
fn read_runs(
    tap: &mut Tap,
    header: &Header,
    is_long: bool,
    chunks: &[(u32, u32)],
    sizes: &[u32],
    size_bytes: u64,
) -> io::Result<Result<Vec<Run>, String>> {
    let mut walk =
        Walk { chunks, sizes, number: 0, entry: 0, packet: 0, end: 0, runs: Vec::new(), size_bytes };
    let mut outcome = Ok(());
    let mut take = |offset: u64| {
        outcome = walk.take(offset);
        outcome.is_ok()
    };
    if is_long {
        let count = entries(tap, header, 4, 8)?;
        numbers(tap, header.body + 8, count, |offset: [u8; 8]| take(u64::from_be_bytes(offset)))?;
    } else {
        let count = entries(tap, header, 4, 4)?;
        numbers(tap, header.body + 8, count, |offset: [u8; 4]| take(u32::from_be_bytes(offset).into()))?;
    }
    let is_complete = walk.packet == sizes.len();
    let runs = walk.runs;
    Ok(outcome.and_then(|()| if is_complete { Ok(runs) } else { Err(contradiction()) }))
}

/// Goes from chunk to chunk.
struct Walk<'a> {
    chunks: &'a [(u32, u32)],
    sizes: &'a [u32],
    number: u32,
    entry: usize,
    packet: usize,
    /// Where the last run ends.
    end: u64,
    runs: Vec<Run>,
    size_bytes: u64,
}

impl Walk<'_> {
    fn take(&mut self, offset: u64) -> Result<(), String> {
        self.number += 1;
        while self.chunks.get(self.entry + 1).is_some_and(|(first, _)| *first <= self.number) {
            self.entry += 1;
        }
        let packets = self.chunks.get(self.entry).map_or(0, |(_, packets)| *packets as usize);
        let last = self.packet.checked_add(packets).filter(|last| *last <= self.sizes.len());
        let sizes = last.and_then(|last| self.sizes.get(self.packet..last)).ok_or_else(contradiction)?;
        let bytes: u64 = sizes.iter().map(|size| u64::from(*size)).sum();
        let end = offset.checked_add(bytes).filter(|end| *end <= self.size_bytes);
        let end = end.ok_or_else(|| "its packets reach beyond its end".to_owned())?;
        let places = self.runs.len();
        match self.runs.last_mut() {
            Some(run) if self.end == offset => run.packets += packets,
            _ if places >= MAX_RUNS => return Err("its packets stand in too many places".into()),
            _ => self.runs.push(Run { offset, packets }),
        }
        self.packet += packets;
        self.end = end;
        Ok(())
    }
}

/// Shows `count` entries of `N` bytes from `offset` on, until one is enough.
fn numbers<const N: usize>(
    tap: &mut Tap,
    offset: u64,
    count: u64,
    mut show: impl FnMut([u8; N]) -> bool,
) -> io::Result<()> {
    let mut window = vec![0; 64 * 1024 / N * N];
    let mut done = 0;
    while done < count {
        let left = usize::try_from((count - done).saturating_mul(N as u64)).unwrap_or(usize::MAX);
        let wanted = left.min(window.len());
        let filled = tap.read_at(offset + done * N as u64, &mut window[..wanted])?;
        for entry in window[..filled].as_chunks::<N>().0 {
            if !show(*entry) {
                return Ok(());
            }
        }
        if filled < wanted {
            return Ok(());
        }
        done += (wanted / N) as u64;
    }
    Ok(())
}

impl Table {
    /// Copies the bytes of some of the packets, in order.
    pub(super) fn write(
        &self,
        wanted: &Range<usize>,
        origin: &Origin<'_>,
        output: &mut Output<'_>,
        watch: &mut Watch<'_>,
        media_ms: u64,
    ) -> Result<(), MediaError> {
        let mut tap = origin.tap();
        let extents = self.extents(wanted);
        if tap.is_far() {
            tap.follow(joined(extents.clone().into_iter()));
        }
        let all: u64 = self.bytes_of(wanted);
        let mut written = 0;
        let mut piece = Vec::new();
        for extent in extents {
            let mut offset = extent.start;
            while offset < extent.end {
                watch.check()?;
                let bytes = usize::try_from(extent.end - offset).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
                piece.resize(piece.len().max(bytes), 0);
                read_exact(&mut tap, offset, &mut piece[..bytes])?;
                output.write(&piece[..bytes])?;
                offset += bytes as u64;
                written += bytes as u64;
                report(watch, written, all, media_ms);
            }
        }
        Ok(())
    }

    /// Where the bytes of some of the packets are.
    fn extents(&self, wanted: &Range<usize>) -> Vec<Range<u64>> {
        let mut first = 0;
        let mut extents = Vec::new();
        for run in &self.runs {
            let packets = first.max(wanted.start)..(first + run.packets).min(wanted.end);
            if !packets.is_empty() {
                let start = run.offset + self.bytes_of(&(first..packets.start));
                extents.push(start..start + self.bytes_of(&packets));
            }
            first += run.packets;
        }
        extents
    }

    fn bytes_of(&self, packets: &Range<usize>) -> u64 {
        let sizes = self.packets.sizes.get(packets.clone()).unwrap_or_default();
        sizes.iter().map(|size| u64::from(*size)).sum()
    }
}

fn read_exact(tap: &mut Tap, offset: u64, buffer: &mut [u8]) -> Result<(), MediaError> {
    let gauge = tap.gauge();
    let wanted = buffer.len();
    match tap.read_at(offset, buffer).map_err(|error| gauge.explain_io(error))? {
        filled if filled == wanted => Ok(()),
        filled => Err(MediaError::Truncated(format!("{} bytes of a packet are missing", wanted - filled))),
    }
}

fn report(watch: &mut Watch<'_>, done: u64, all: u64, media_ms: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a share for display")]
    let share = done as f64 / all.max(1) as f64;
    let reached = u128::from(media_ms) * u128::from(done) / u128::from(all.max(1));
    watch.report(share, u64::try_from(reached).unwrap_or(media_ms));
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::source::Reopenable;

    fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], &kind, body].concat()
    }

    fn numbers_of(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    /// Five packets in two chunks, of which the second follows the first.
    fn file(durations: &[u32], chunks: &[u32], sizes: &[u32], offsets: &[u32]) -> Vec<u8> {
        let table = [
            boxed(*b"stsd", &numbers_of(&[0, 1, 0, 0])),
            boxed(*b"stts", &numbers_of(durations)),
            boxed(*b"stsc", &numbers_of(chunks)),
            boxed(*b"stsz", &numbers_of(sizes)),
            boxed(*b"stco", &numbers_of(offsets)),
        ];
        let media = boxed(*b"mdia", &boxed(*b"minf", &boxed(*b"stbl", &table.concat())));
        let header = boxed(*b"tkhd", &numbers_of(&[0, 0, 0, 7, 0, 0]));
        let movie = boxed(*b"moov", &boxed(*b"trak", &[header, media].concat()));
        [boxed(*b"ftyp", b"M4A "), boxed(*b"mdat", &[9; 64]), movie].concat()
    }

    fn sound() -> Vec<u8> {
        file(&[0, 2, 4, 1024, 1, 100], &[0, 2, 1, 3, 1, 2, 2, 1], &[0, 0, 5, 1, 2, 3, 4, 5], &[0, 2, 20, 26])
    }

    fn tables(bytes: Vec<u8>) -> Result<Result<Table, String>, MediaError> {
        let (size_bytes, control) = (bytes.len() as u64, crate::control::Control::silent());
        let source = Reopenable::new(Box::new(Cursor::new(bytes)));
        read(&Origin { source: &source, name_hint: None, control: &control }, size_bytes, 7)
    }

    #[test]
    fn packets_and_where_they_stand_are_read() {
        let table = tables(sound()).unwrap().unwrap();
        assert_eq!(table.packets.sizes, [1, 2, 3, 4, 5]);
        assert_eq!(table.packets.durations, [(4, 1024), (1, 100)]);
        let runs: Vec<_> = table.runs.iter().map(|run| (run.offset, run.packets)).collect();
        assert_eq!(runs, [(20, 5)]);
    }

    #[test]
    fn tables_that_contradict_themselves_are_not_believed() {
        let durations = &[0, 1, 5, 1024][..];
        let (chunks, sizes) = (&[0, 1, 1, 5, 1][..], &[0, 3, 5][..]);
        assert!(tables(file(durations, chunks, sizes, &[0, 1, 20])).unwrap().is_ok());
        let wrong = [
            file(&[0, 1, 4, 1024], chunks, sizes, &[0, 1, 20]),
            file(durations, &[0, 1, 1, 6, 1], sizes, &[0, 1, 20]),
            file(durations, &[0, 1, 1, 5, 2], sizes, &[0, 1, 20]),
            file(durations, chunks, &[0, 3, 6], &[0, 1, 20]),
            file(durations, chunks, &[0, u32::MAX, 5], &[0, 1, 20]),
            file(durations, chunks, &[0, 3, u32::MAX], &[0, 1, 20]),
            file(durations, chunks, sizes, &[0, 1, u32::MAX]),
            file(durations, chunks, sizes, &[0, 0]),
            file(durations, chunks, sizes, &[0, u32::MAX, 20]),
        ];
        for (number, bytes) in wrong.into_iter().enumerate() {
            let is_last = number == 8;
            assert_eq!(tables(bytes).unwrap().is_ok(), is_last, "{number}");
        }
    }

    #[test]
    fn boxes_in_boxes_without_end_are_not_followed() {
        // Each level says that it holds the rest; a stack has no room for all of them.
        const LEVELS: u32 = 60_000;
        let depths: Vec<u8> =
            (1..=LEVELS).rev().flat_map(|level| [(level * 8).to_be_bytes(), *b"minf"].concat()).collect();
        let header = boxed(*b"tkhd", &numbers_of(&[0, 0, 0, 7, 0, 0]));
        let movie = boxed(*b"moov", &boxed(*b"trak", &[header, boxed(*b"mdia", &depths)].concat()));
        assert!(!matches!(tables([boxed(*b"ftyp", b"M4A "), movie].concat()), Ok(Ok(_))));
    }

    #[test]
    fn no_change_of_a_byte_and_no_cut_makes_it_stumble() {
        let whole = sound();
        for place in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[place] = value;
                if let Ok(Ok(table)) = tables(bytes) {
                    assert_eq!(
                        table.runs.iter().map(|run| run.packets).sum::<usize>(),
                        table.packets.sizes.len()
                    );
                }
            }
            assert!(!matches!(tables(whole[..place].to_vec()), Ok(Ok(_))), "{place}");
        }
    }
}
