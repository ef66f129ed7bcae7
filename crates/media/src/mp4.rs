//! ISO base media files: which boxes there are, and the packets of one audio track by its sample table.
//!
//! The walk touches box headers and a few small boxes only, so its cost does not grow with the media. What describes
//! codecs and tags is handed to the library's demuxer in a file of its own ([`head`]); the media it never sees.
//! Sections named are those of ISO/IEC 14496-12.

use std::io;
use std::ops::Range;

use crate::error::MediaError;
use crate::tap::Tap;

pub(crate) mod chapters;
mod fragment;
pub(crate) mod head;
mod packets;
mod table;

pub(crate) use fragment::Defaults;
pub(crate) use packets::demuxer;

/// A long fragmented file has two top-level boxes a fragment.
const MAX_BOXES: u32 = 1_000_000;
const MAX_TRACKS: usize = 128;
/// Boxes within boxes within a track, of those that are entered.
pub(crate) const MAX_DEPTH: u32 = 8;
const MAX_EDITS: u32 = 64;
const MAX_REFERENCES: u64 = 8;

/// What the boxes say.
#[derive(Debug, Default)]
pub(crate) struct Mp4 {
    /// The movie's ticks a second, for edit durations.
    pub(crate) timescale: u32,
    pub(crate) tracks: Vec<Mp4Track>,
    pub(crate) is_fragmented: bool,
    /// The major brand of the file type box.
    pub(crate) brand: [u8; 4],
    pub(crate) movie: Option<Header>,
    /// Tags that stand beside the movie.
    pub(crate) meta: Option<Header>,
    /// What fragments of a track leave out, by the track's id.
    pub(crate) defaults: Vec<(u32, Defaults)>,
    /// Where the first fragment is.
    pub(crate) first_fragment: Option<u64>,
    /// The length that indices of fragments give a track: its id, ticks and their number a second.
    pub(crate) indexed: Vec<(u32, u64, u32)>,
    /// Where Nero's list of chapters is.
    pub(crate) chapters: Option<Range<u64>>,
}

impl Mp4 {
    /// What such a file is called: `m4a` where there is nothing to see, whatever its brand; a cover is no track.
    pub(crate) fn name(&self) -> &'static str {
        let has_video = self.tracks.iter().any(|track| &track.handler == b"vide");
        match &self.brand {
            b"qt  " => "mov",
            b"M4A " | b"M4B " | b"M4P " => "m4a",
            _ if !has_video => "m4a",
            _ => "mp4",
        }
    }

    fn add_indexed(&mut self, (id, ticks, timescale): (u32, u64, u32)) {
        if let Some(known) = self.indexed.iter_mut().find(|known| known.0 == id) {
            if known.2 == timescale {
                known.1 = known.1.saturating_add(ticks);
            }
        } else if self.indexed.len() < MAX_TRACKS {
            self.indexed.push((id, ticks, timescale));
        }
    }

    /// Whether a track only says where another one's chapters are.
    pub(crate) fn is_of_chapters(&self, id: u32) -> bool {
        self.tracks.iter().any(|track| track.chapters.contains(&id))
    }

    pub(crate) fn track(&self, id: u32) -> Option<&Mp4Track> {
        self.tracks.iter().find(|track| track.id == id)
    }
}

/// One track.
#[derive(Debug, Default)]
pub(crate) struct Mp4Track {
    pub(crate) id: u32,
    /// The media's ticks a second.
    pub(crate) timescale: u32,
    /// `soun`, `vide`, `text` …
    pub(crate) handler: [u8; 4],
    /// The code of the first sample entry, e.g. `mp4a`.
    pub(crate) codec: [u8; 4],
    /// The edits that show media, in order.
    pub(crate) edits: Vec<Edit>,
    /// How long the track waits before its first edit, in ticks of the movie.
    pub(crate) delay: u64,
    /// The tracks that may say its chapters.
    pub(crate) chapters: Vec<u32>,
    /// The media's length by its header, in ticks.
    pub(crate) duration: u64,
    pub(crate) tables: Tables,
}

/// Where a track's tables are, without their headers (section 8.5 to 8.7).
#[derive(Debug, Default)]
pub(crate) struct Tables {
    sizes: Option<Range<u64>>,
    compact_sizes: Option<Range<u64>>,
    offsets: Option<Range<u64>>,
    long_offsets: Option<Range<u64>>,
    runs: Option<Range<u64>>,
    times: Option<Range<u64>>,
}

/// A stretch of the media that is to be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    /// In ticks of the movie; 0 means up to the end.
    pub(crate) duration: u64,
    /// Where it starts, in ticks of the media.
    pub(crate) media_time: u64,
}

/// A box, and where what is in it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) kind: [u8; 4],
    pub(crate) start: u64,
    pub(crate) body: u64,
    pub(crate) end: u64,
}

impl Header {
    /// Whether its kind is one that somebody would choose.
    fn is_known(&self) -> bool {
        self.kind.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ' || *byte == 0xa9)
    }
}

/// Walks a file of `size_bytes` and refuses one that is shorter than its boxes.
pub(crate) fn read(tap: &mut Tap, size_bytes: u64) -> Result<Mp4, MediaError> {
    let gauge = tap.gauge();
    let mut mp4 = Mp4::default();
    let (mut has_movie, mut has_media) = (false, false);
    let mut offset = 0;
    for _ in 0..MAX_BOXES {
        let Some(header) = read_header(tap, offset, size_bytes).map_err(|error| gauge.explain_io(error))?
        else {
            break;
        };
        if !header.is_known() || header.end <= offset {
            // Some writers leave padding behind the last box.
            break;
        }
        if header.end > size_bytes {
            return Err(MediaError::Truncated(format!(
                "{} of {} bytes are missing",
                header.end - size_bytes,
                header.end
            )));
        }
        match &header.kind {
            b"ftyp" => {
                let brand = tap.bytes_at(header.body).map_err(|error| gauge.explain_io(error))?;
                mp4.brand = brand.unwrap_or_default();
            }
            b"moov" => {
                has_movie = true;
                mp4.movie = Some(header);
                tap.keep(header.start..header.end).map_err(|error| gauge.explain_io(error))?;
                read_movie(tap, &header, &mut mp4).map_err(|error| gauge.explain_io(error))?;
                if mp4.tracks.len() > MAX_TRACKS {
                    return Err(MediaError::Limit(format!("more than {MAX_TRACKS} tracks")));
                }
            }
            b"meta" => mp4.meta = Some(header),
            b"sidx" => {
                let indexed = fragment::read_index(tap, &header).map_err(|error| gauge.explain_io(error))?;
                mp4.add_indexed(indexed);
            }
            b"moof" => {
                mp4.first_fragment.get_or_insert(header.start);
                if has_movie && tap.is_far() {
                    // The rest of the walk would jump from fragment to fragment; who reads them checks them.
                    break;
                }
            }
            b"mdat" => has_media = true,
            _ => {}
        }
        offset = header.end;
    }
    match (has_movie, has_media) {
        (true, _) => Ok(mp4),
        (false, true) => {
            Err(MediaError::Truncated("the index (moov) that should follow the media is missing".into()))
        }
        (false, false) => Err(MediaError::Truncated("neither index (moov) nor media (mdat) is there".into())),
    }
}

/// Section 4.2: size, type, and the size again in 64 bits where the first one says 1.
fn read_header(tap: &mut Tap, offset: u64, limit: u64) -> io::Result<Option<Header>> {
    if offset >= limit {
        return Ok(None);
    }
    let Some([a, b, c, d, kind @ ..]) = tap.bytes_at::<8>(offset)? else { return Ok(None) };
    let short = u64::from(u32::from_be_bytes([a, b, c, d]));
    let (size, head) = match short {
        0 => (limit - offset, 8),
        1 => match tap.bytes_at::<8>(offset + 8)? {
            Some(long) => (u64::from_be_bytes(long), 16),
            None => (u64::MAX, 16),
        },
        size => (size, 8),
    };
    Ok(Some(Header { kind, start: offset, body: offset + head, end: offset.saturating_add(size.max(head)) }))
}

/// Shows the boxes within another.
pub(crate) fn children(
    tap: &mut Tap,
    parent: &Header,
    visit: &mut dyn FnMut(&mut Tap, &Header) -> io::Result<()>,
) -> io::Result<()> {
    let mut offset = parent.body;
    for _ in 0..MAX_BOXES {
        let Some(header) = read_header(tap, offset, parent.end)? else { break };
        if header.end > parent.end || header.end <= offset {
            break;
        }
        visit(tap, &header)?;
        offset = header.end;
    }
    Ok(())
}

fn read_movie(tap: &mut Tap, movie: &Header, mp4: &mut Mp4) -> io::Result<()> {
    children(tap, movie, &mut |tap, child| {
        match &child.kind {
            b"mvhd" => mp4.timescale = read_timescale(tap, child)?,
            b"mvex" => {
                mp4.is_fragmented = true;
                fragment::read_defaults(tap, child, &mut mp4.defaults)?;
            }
            b"udta" => {
                children(tap, child, &mut |_, inner| {
                    if &inner.kind == b"chpl" {
                        mp4.chapters = Some(inner.body..inner.end);
                    }
                    Ok(())
                })?;
            }
            b"trak" if mp4.tracks.len() <= MAX_TRACKS => {
                let mut track = Mp4Track::default();
                read_track(tap, child, &mut track, MAX_DEPTH)?;
                mp4.tracks.push(track);
            }
            _ => {}
        }
        Ok(())
    })
}

fn read_track(tap: &mut Tap, parent: &Header, track: &mut Mp4Track, depth: u32) -> io::Result<()> {
    children(tap, parent, &mut |tap, child| {
        match &child.kind {
            b"mdia" | b"minf" | b"stbl" | b"edts" | b"tref" if depth > 0 => {
                read_track(tap, child, track, depth - 1)?;
            }
            b"tkhd" => track.id = track_id(tap, child)?,
            b"mdhd" => {
                track.timescale = read_timescale(tap, child)?;
                let is_long = version(tap, child)? == 1;
                track.duration = if is_long {
                    read_u64(tap, child.body + 24)?
                } else {
                    u64::from(read_u32(tap, child.body + 16)?)
                };
            }
            // QuickTime has a second handler for the data; the first one is the media's.
            b"hdlr" if track.handler == [0; 4] => {
                track.handler = tap.bytes_at(child.body + 8)?.unwrap_or_default();
            }
            b"stsd" => track.codec = tap.bytes_at(child.body + 12)?.unwrap_or_default(),
            b"elst" => read_edits(tap, child, track)?,
            b"chap" => track.chapters = read_references(tap, child)?,
            b"stsz" => track.tables.sizes = Some(child.body..child.end),
            b"stz2" => track.tables.compact_sizes = Some(child.body..child.end),
            b"stco" => track.tables.offsets = Some(child.body..child.end),
            b"co64" => track.tables.long_offsets = Some(child.body..child.end),
            b"stsc" => track.tables.runs = Some(child.body..child.end),
            b"stts" => track.tables.times = Some(child.body..child.end),
            _ => {}
        }
        Ok(())
    })
}

/// Section 8.3.2: the id follows two dates, which are longer in version 1.
pub(crate) fn track_id(tap: &mut Tap, header: &Header) -> io::Result<u32> {
    let offset = if version(tap, header)? == 1 { 20 } else { 12 };
    read_u32(tap, header.body + offset)
}

/// Sections 8.2.2 and 8.4.2: in `mvhd` and `mdhd` alike it follows two dates.
fn read_timescale(tap: &mut Tap, header: &Header) -> io::Result<u32> {
    let offset = if version(tap, header)? == 1 { 20 } else { 12 };
    read_u32(tap, header.body + offset)
}

/// Section 8.6.6. An edit without media (time -1) only delays the track.
fn read_edits(tap: &mut Tap, header: &Header, track: &mut Mp4Track) -> io::Result<()> {
    let is_long = version(tap, header)? == 1;
    let entry_bytes = if is_long { 20 } else { 12 };
    let count = read_u32(tap, header.body + 4)?.min(MAX_EDITS);
    let (mut edits, mut delay) = (Vec::new(), 0_u64);
    for index in 0..u64::from(count) {
        let offset = header.body + 8 + index * entry_bytes;
        let (duration, media_time) = if is_long {
            (read_u64(tap, offset)?, read_u64(tap, offset + 8)?)
        } else {
            let time = read_u32(tap, offset + 4)?;
            (u64::from(read_u32(tap, offset)?), if time == u32::MAX { u64::MAX } else { u64::from(time) })
        };
        if media_time != u64::MAX {
            edits.push(Edit { duration, media_time });
        } else if edits.is_empty() {
            delay = delay.saturating_add(duration);
        }
    }
    (track.edits, track.delay) = (edits, delay);
    Ok(())
}

/// Section 8.3.3: ids of other tracks.
fn read_references(tap: &mut Tap, header: &Header) -> io::Result<Vec<u32>> {
    let count = (header.end.saturating_sub(header.body) / 4).min(MAX_REFERENCES);
    (0..count).map(|index| read_u32(tap, header.body + index * 4)).collect()
}

fn version(tap: &mut Tap, header: &Header) -> io::Result<u8> {
    Ok(tap.bytes_at::<1>(header.body)?.map_or(0, |[version]| version))
}

pub(crate) fn read_u32(tap: &mut Tap, offset: u64) -> io::Result<u32> {
    Ok(u32::from_be_bytes(tap.bytes_at(offset)?.unwrap_or_default()))
}

fn read_u64(tap: &mut Tap, offset: u64) -> io::Result<u64> {
    Ok(u64::from_be_bytes(tap.bytes_at(offset)?.unwrap_or_default()))
}

/// Names an audio sample entry that is not read (mp4ra.org's registry).
pub(crate) fn codec_name(code: [u8; 4]) -> String {
    match &code {
        b"samr" => "AMR-NB".into(),
        b"sawb" => "AMR-WB".into(),
        b"sawp" => "AMR-WB+".into(),
        b"ac-3" => "AC-3".into(),
        b"ec-3" => "E-AC-3".into(),
        b"ac-4" => "AC-4".into(),
        b"dtsc" | b"dtsh" | b"dtsl" | b"dtse" | b"dtsx" => "DTS".into(),
        b"mlpa" => "TrueHD".into(),
        b"Opus" => "Opus".into(),
        b"mha1" | b"mha2" | b"mhm1" | b"mhm2" => "MPEG-H 3D Audio".into(),
        b"enca" | b"drms" => "encrypted audio".into(),
        b"QDM2" | b"QDMC" => "QDesign Music".into(),
        b"agsm" => "GSM".into(),
        code => format!("the mp4 codec `{}`", String::from_utf8_lossy(code).escape_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use std::sync::Arc;

    fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], &kind, body].concat()
    }

    fn walk(bytes: Vec<u8>) -> Result<Mp4, MediaError> {
        let size_bytes = bytes.len() as u64;
        read(&mut Tap::new(Box::new(Cursor::new(bytes)), Arc::default()), size_bytes)
    }

    fn movie() -> Vec<u8> {
        let header = [&[0; 12][..], &1000_u32.to_be_bytes(), &[0; 84]].concat();
        let media = [&[0; 12][..], &44_100_u32.to_be_bytes(), &[0; 8]].concat();
        let edits =
            [&[0_u32, 2, 500, u32::MAX, 0x1_0000, 3000, 1024, 0x1_0000].map(u32::to_be_bytes).concat()[..]]
                .concat();
        let entry = [&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed(*b"samr", &[0; 20])].concat();
        let track = [
            boxed(*b"tkhd", &[&[0; 12][..], &7_u32.to_be_bytes(), &[0; 68]].concat()),
            boxed(*b"edts", &boxed(*b"elst", &edits)),
            boxed(
                *b"mdia",
                &[
                    boxed(*b"mdhd", &media),
                    boxed(*b"hdlr", b"\0\0\0\0\0\0\0\0soun"),
                    boxed(*b"minf", &boxed(*b"stbl", &boxed(*b"stsd", &entry))),
                ]
                .concat(),
            ),
        ];
        boxed(*b"moov", &[boxed(*b"mvhd", &header), boxed(*b"trak", &track.concat())].concat())
    }

    #[test]
    fn edits_codec_and_scales_are_found() {
        let mp4 = walk([boxed(*b"ftyp", b"M4A "), movie(), boxed(*b"mdat", b"media")].concat()).unwrap();
        assert_eq!(mp4.timescale, 1000);
        let track = &mp4.tracks[0];
        assert_eq!((track.id, track.timescale, &track.handler, &track.codec), (7, 44_100, b"soun", b"samr"));
        assert_eq!(track.edits, [Edit { duration: 3000, media_time: 1024 }]);
        assert_eq!(codec_name(track.codec), "AMR-NB");
    }

    #[test]
    fn the_brand_and_the_tracks_name_the_container() {
        let named = |brand: &[u8; 4], handler: &[u8; 4]| {
            let track = Mp4Track { handler: *handler, ..Mp4Track::default() };
            Mp4 { brand: *brand, tracks: vec![track], ..Mp4::default() }.name()
        };
        assert_eq!(named(b"isom", b"vide"), "mp4");
        assert_eq!(named(b"isom", b"soun"), "m4a");
        assert_eq!(named(b"M4B ", b"vide"), "m4a");
        assert_eq!(named(b"qt  ", b"soun"), "mov");
        let file = walk([boxed(*b"ftyp", b"qt  "), movie(), boxed(*b"mdat", b"media")].concat()).unwrap();
        assert_eq!(file.name(), "mov");
    }

    #[test]
    fn a_cut_file_says_how_much_is_missing() {
        let whole = [boxed(*b"ftyp", b"M4A "), movie(), boxed(*b"mdat", &[0; 1000])].concat();
        let error = walk(whole[..whole.len() - 300].to_vec()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the input is cut off: 300 of {} bytes are missing", whole.len())
        );
        let error = walk([boxed(*b"ftyp", b"M4A "), boxed(*b"mdat", b"media")].concat()).unwrap_err();
        assert!(matches!(error, MediaError::Truncated(_)), "{error}");
    }

    #[test]
    fn hostile_boxes_end_the_walk() {
        for size in [0_u32, 1, 2, 7, 9, u32::MAX] {
            let bytes = [&size.to_be_bytes()[..], b"moov", &[0xff; 64]].concat();
            let _ = walk(bytes);
        }
    }
}
