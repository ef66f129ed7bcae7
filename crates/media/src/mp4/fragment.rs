//! Movie fragments: the packets that a `moof` box lists for one track (ISO/IEC 14496-12, section 8.8 and 8.16).

use std::io;

use super::{Header, children, read_header, read_u32, read_u64, version};
use crate::tap::Tap;

/// Packets of a fragment. Writers begin one every few seconds.
const MAX_PACKETS: usize = 500_000;
const MAX_DEFAULTS: usize = 128;

/// What a fragment's packets are unless it says otherwise (section 8.8.3).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Defaults {
    ticks: u32,
    bytes: u32,
}

/// A packet of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) bytes: u32,
    pub(super) ticks: u32,
}

/// The packets of one track in one fragment.
#[derive(Debug, Default)]
pub(super) struct Fragment {
    /// When the first is heard, where that is said.
    pub(super) start: Option<u64>,
    pub(super) pieces: Vec<Piece>,
    /// More packets than are read.
    pub(super) is_beyond: bool,
}

/// Section 8.8.3.
pub(super) fn read_defaults(
    tap: &mut Tap,
    parent: &Header,
    found: &mut Vec<(u32, Defaults)>,
) -> io::Result<()> {
    children(tap, parent, &mut |tap, child| {
        if &child.kind == b"trex" && found.len() < MAX_DEFAULTS {
            let id = read_u32(tap, child.body + 4)?;
            let (ticks, bytes) = (read_u32(tap, child.body + 12)?, read_u32(tap, child.body + 16)?);
            found.push((id, Defaults { ticks, bytes }));
        }
        Ok(())
    })
}

/// Section 8.16.3: the track, the length of what is indexed, and its ticks a second.
pub(super) fn read_index(tap: &mut Tap, header: &Header) -> io::Result<(u32, u64, u32)> {
    let times = if version(tap, header)? == 0 { 8 } else { 16 };
    let (id, timescale) = (read_u32(tap, header.body + 4)?, read_u32(tap, header.body + 8)?);
    let first = header.body + 12 + times + 4;
    let count = read_u32(tap, first - 4)? & 0xffff;
    let mut ticks = 0_u64;
    for index in 0..u64::from(count) {
        let at = first + index * 12;
        if at + 12 > header.end {
            break;
        }
        ticks += u64::from(read_u32(tap, at + 4)?);
    }
    Ok((id, ticks, timescale))
}

/// Reads what `moof` lists for the track `id`.
pub(super) fn read(
    tap: &mut Tap,
    moof: &Header,
    id: u32,
    defaults: &[(u32, Defaults)],
) -> io::Result<Fragment> {
    let mut fragment = Fragment::default();
    // Without an offset of its own a track's data follows that of the one before.
    let mut data = moof.start;
    children(tap, moof, &mut |tap, child| {
        if &child.kind == b"traf" {
            data = read_track(tap, child, moof.start, data, id, defaults, &mut fragment)?;
        }
        Ok(())
    })?;
    Ok(fragment)
}

/// One `traf`; answers where its data ends.
fn read_track(
    tap: &mut Tap,
    traf: &Header,
    moof_start: u64,
    data: u64,
    id: u32,
    defaults: &[(u32, Defaults)],
    fragment: &mut Fragment,
) -> io::Result<u64> {
    let mut known = Defaults::default();
    let (mut base, mut end, mut is_wanted) = (data, data, false);
    children(tap, traf, &mut |tap, child| {
        match &child.kind {
            b"tfhd" => {
                let (track, found) = read_header_box(tap, child, defaults)?;
                is_wanted = track == id;
                known = found.defaults;
                base = match found.base {
                    Some(base) => base,
                    None if found.is_from_moof => moof_start,
                    None => data,
                };
                end = base;
            }
            b"tfdt" if is_wanted && fragment.start.is_none() && fragment.pieces.is_empty() => {
                let is_long = version(tap, child)? == 1;
                let time = if is_long {
                    read_u64(tap, child.body + 4)?
                } else {
                    u64::from(read_u32(tap, child.body + 4)?)
                };
                fragment.start = Some(time);
            }
            b"trun" => {
                let pieces = is_wanted.then_some(&mut *fragment);
                end = read_run(tap, child, base, end, known, pieces)?;
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(end)
}

struct TrackHeader {
    defaults: Defaults,
    base: Option<u64>,
    is_from_moof: bool,
}

/// Section 8.8.7.
fn read_header_box(
    tap: &mut Tap,
    header: &Header,
    defaults: &[(u32, Defaults)],
) -> io::Result<(u32, TrackHeader)> {
    let flags = read_u32(tap, header.body)? & 0x00ff_ffff;
    let track = read_u32(tap, header.body + 4)?;
    let mut known =
        defaults.iter().find(|(id, _)| *id == track).map_or_else(Defaults::default, |found| found.1);
    let mut at = header.body + 8;
    let mut base = None;
    if flags & 0x1 != 0 {
        base = Some(read_u64(tap, at)?);
        at += 8;
    }
    if flags & 0x2 != 0 {
        at += 4;
    }
    if flags & 0x8 != 0 {
        known.ticks = read_u32(tap, at)?;
        at += 4;
    }
    if flags & 0x10 != 0 {
        known.bytes = read_u32(tap, at)?;
    }
    Ok((track, TrackHeader { defaults: known, base, is_from_moof: flags & 0x0002_0000 != 0 }))
}

/// Section 8.8.8. Answers where the run's data ends.
fn read_run(
    tap: &mut Tap,
    run: &Header,
    base: u64,
    follows: u64,
    known: Defaults,
    mut fragment: Option<&mut Fragment>,
) -> io::Result<u64> {
    let flags = read_u32(tap, run.body)? & 0x00ff_ffff;
    let count = read_u32(tap, run.body + 4)?;
    let mut at = run.body + 8;
    let mut offset = follows;
    if flags & 0x1 != 0 {
        let relative = i64::from(read_u32(tap, at)?.cast_signed());
        offset = base.checked_add_signed(relative).unwrap_or(u64::MAX);
        at += 4;
    }
    if flags & 0x4 != 0 {
        at += 4;
    }
    let fields = [0x100, 0x200, 0x400, 0x800].map(|flag| u64::from(flags & flag != 0));
    let entry_bytes = 4 * fields.iter().sum::<u64>();
    if entry_bytes == 0 && fragment.is_none() {
        return Ok(offset.saturating_add(u64::from(count) * u64::from(known.bytes)));
    }
    for index in 0..u64::from(count) {
        let entry = at + index * entry_bytes;
        if entry + entry_bytes > run.end {
            break;
        }
        let ticks = if fields[0] == 1 { read_u32(tap, entry)? } else { known.ticks };
        let bytes = if fields[1] == 1 { read_u32(tap, entry + 4 * fields[0])? } else { known.bytes };
        if let Some(fragment) = &mut fragment {
            if fragment.pieces.len() >= MAX_PACKETS {
                fragment.is_beyond = true;
                break;
            }
            fragment.pieces.push(Piece { offset, bytes, ticks });
        }
        offset = offset.saturating_add(u64::from(bytes));
    }
    Ok(offset)
}

/// The next box at the top of a file that has fragments.
pub(super) fn next_box(tap: &mut Tap, offset: u64, size_bytes: u64) -> io::Result<Option<Header>> {
    let header = read_header(tap, offset, size_bytes)?;
    Ok(header.filter(|header| header.end > offset && header.is_known()))
}
