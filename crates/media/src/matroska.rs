//! What the demuxer does not tell about a Matroska or `WebM` file: which of the two it is, its title, its chapters,
//! what is to be cut off its end, and whether all of it is there.
//!
//! Element ids are those of RFC 9559; the variable-size numbers are RFC 8794's, sections 4 and 6.2. The walk
//! ends at the first cluster, unless there is padding at the end: then it goes from cluster to cluster and looks
//! into the last ones, so it reads next to nothing of the media.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use crate::chapters::Marks;
use crate::error::MediaError;
use crate::tap::Tap;

mod chapters;

const HEADER: u64 = 0x1a45_dfa3;
const DOC_TYPE: u64 = 0x4282;
const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1f43_b675;
const INFO: u64 = 0x1549_a966;
const TITLE: u64 = 0x7ba9;
const SIMPLE_BLOCK: u64 = 0xa3;
const BLOCK_GROUP: u64 = 0xa0;
const BLOCK: u64 = 0xa1;
const DISCARD_PADDING: u64 = 0x75a2;
const MAX_ELEMENTS: u32 = 256;
/// A cluster spans a second or more, as a rule.
const MAX_CLUSTERS: u32 = 100_000;
/// A cluster may have blocks of the video alone, so the last one of sound may be in the one before.
const LAST_CLUSTERS: usize = 2;
/// Places that may look like the beginning of one.
const MAX_MARKS: usize = 8;
/// The last block of sound is so near the end; what may follow are blocks of the video, an index and tags. The last
/// clusters begin there too, unless they are of video.
const END_BYTES: usize = 512 * 1024;
const MAX_BLOCKS: u32 = 10_000;
const MAX_TRACKS: usize = 64;
const MAX_TITLE_BYTES: u64 = 4096;

/// What the elements say.
#[derive(Debug, Default)]
pub(crate) struct Matroska {
    pub(crate) is_webm: bool,
    pub(crate) title: Option<String>,
    pub(crate) chapters: Marks,
    /// By the number of the track, the padding of its last block in nanoseconds.
    paddings: BTreeMap<u64, i64>,
}

impl Matroska {
    /// Frames at the end of the track's last packet that are not to be heard (section 5.1.3.5.7).
    pub(crate) fn padding_frames(&self, track_id: u32, rate_hz: u32) -> u64 {
        let padding_ns = self.paddings.get(&u64::from(track_id)).copied().unwrap_or(0);
        let padding_ns = u128::try_from(padding_ns).unwrap_or(0);
        u64::try_from((padding_ns * u128::from(rate_hz) + 500_000_000) / 1_000_000_000).unwrap_or(0)
    }
}

struct Element {
    id: u64,
    start: u64,
    body: u64,
    /// `None` where a live writer did not know it.
    end: Option<u64>,
}

/// Walks a file of `size_bytes` and refuses one that is shorter than it declares.
pub(crate) fn read(tap: &mut Tap, size_bytes: u64) -> Result<Matroska, MediaError> {
    let gauge = tap.gauge();
    let explain = |error| gauge.explain_io(error);
    let is_webm = read_doc_type(tap, size_bytes).map_err(explain)?.is_some_and(|name| name == "webm");
    let mut matroska = Matroska { is_webm, ..Matroska::default() };
    let Some(segment) = find(tap, SEGMENT, 0, size_bytes).map_err(explain)? else { return Ok(matroska) };
    if let Some(end) = segment.end.filter(|end| *end > size_bytes) {
        return Err(MediaError::Truncated(format!("{} of {end} bytes are missing", end - size_bytes)));
    }
    let end = segment.end.unwrap_or(size_bytes);
    matroska.title = read_title(tap, segment.body, end).map_err(explain)?;
    matroska.chapters = chapters::read(tap, segment.body, end).map_err(explain)?;
    let tail = read_end(tap, end).map_err(explain)?;
    if !may_hold_padding(&tail) {
        return Ok(matroska);
    }
    let clusters = match clusters_in(tap, &tail, end).map_err(explain)? {
        Some(clusters) => clusters,
        None => last_clusters(tap, segment.body, end).map_err(explain)?,
    };
    for cluster in clusters {
        read_paddings(tap, cluster, &mut matroska.paddings).map_err(explain)?;
    }
    Ok(matroska)
}

fn read_doc_type(tap: &mut Tap, size_bytes: u64) -> io::Result<Option<String>> {
    let Some(header) = find(tap, HEADER, 0, size_bytes)? else { return Ok(None) };
    let Some(name) = find(tap, DOC_TYPE, header.body, header.end.unwrap_or(size_bytes))? else {
        return Ok(None);
    };
    // A string may be padded with zeros (RFC 8794, section 7.4).
    read_text(tap, &name).map(|name| Some(name.trim_end_matches('\0').to_owned()))
}

fn read_title(tap: &mut Tap, start: u64, end: u64) -> io::Result<Option<String>> {
    let Some(info) = find(tap, INFO, start, end)? else { return Ok(None) };
    let info_end = info.end.unwrap_or(end).min(end);
    let Some(title) = find(tap, TITLE, info.body, info_end)? else { return Ok(None) };
    read_text(tap, &title).map(Some)
}

fn read_text(tap: &mut Tap, element: &Element) -> io::Result<String> {
    let length = element.end.map_or(0, |end| end - element.body).min(MAX_TITLE_BYTES);
    let mut text = vec![0; usize::try_from(length).unwrap_or(0)];
    let filled = tap.read_at(element.body, &mut text)?;
    Ok(String::from_utf8_lossy(&text[..filled]).into_owned())
}

/// The last bytes of the segment, from afar in one request.
fn read_end(tap: &mut Tap, end: u64) -> io::Result<Vec<u8>> {
    let start = end.saturating_sub(END_BYTES as u64);
    tap.keep(start..end)?;
    let mut window = vec![0; usize::try_from(end - start).unwrap_or(END_BYTES)];
    let length = tap.read_at(start, &mut window)?;
    window.truncate(length);
    Ok(window)
}

/// Whether there are the bytes of such an element: most files have none, and need no look at their clusters.
fn may_hold_padding(tail: &[u8]) -> bool {
    tail.windows(3).any(|bytes| matches!(bytes, [0x75, 0xa2, 0x81..=0x88]))
}

/// Finds the last clusters in the end of the segment: from where their mark stands, and element leads to element up to
/// the very end. Going there through all clusters costs a remote store a request for each.
fn clusters_in(tap: &mut Tap, tail: &[u8], limit: u64) -> io::Result<Option<Vec<Range<u64>>>> {
    let start = limit.saturating_sub(tail.len() as u64);
    let marks = tail.windows(4).enumerate().filter(|(_, mark)| *mark == [0x1f, 0x43, 0xb6, 0x75]);
    for (at, _) in marks.take(MAX_MARKS) {
        let clusters = last_clusters(tap, start + at as u64, limit)?;
        if clusters.len() == LAST_CLUSTERS {
            return Ok(Some(clusters));
        }
    }
    Ok(None)
}

/// Finds the last clusters, or none where the way to the end is not clear.
fn last_clusters(tap: &mut Tap, start: u64, limit: u64) -> io::Result<Vec<Range<u64>>> {
    let mut clusters: Vec<Range<u64>> = Vec::new();
    let mut offset = start;
    for _ in 0..MAX_CLUSTERS {
        if offset == limit {
            return Ok(clusters);
        }
        let Some(element) = read_head(tap, offset)? else { break };
        let Some(end) = element.end.filter(|end| (offset + 1..=limit).contains(end)) else { break };
        if element.id == CLUSTER {
            if clusters.len() == LAST_CLUSTERS {
                clusters.remove(0);
            }
            clusters.push(element.body..end);
        }
        offset = end;
    }
    Ok(Vec::new())
}

/// Notes the padding of each track's last block in a cluster, 0 where it has none.
fn read_paddings(tap: &mut Tap, cluster: Range<u64>, paddings: &mut BTreeMap<u64, i64>) -> io::Result<()> {
    let mut offset = cluster.start;
    for _ in 0..MAX_BLOCKS {
        if offset >= cluster.end {
            return Ok(());
        }
        let Some(element) = read_head(tap, offset)? else { break };
        let Some(end) = element.end.filter(|end| (offset + 1..=cluster.end).contains(end)) else { break };
        let block = match element.id {
            SIMPLE_BLOCK => Some((read_track(tap, &element)?, 0)),
            BLOCK_GROUP => match find(tap, BLOCK, element.body, end)? {
                Some(block) => {
                    let padding = find(tap, DISCARD_PADDING, element.body, end)?;
                    let padding_ns = padding.map_or(Ok(0), |padding| read_signed(tap, &padding))?;
                    Some((read_track(tap, &block)?, padding_ns))
                }
                None => None,
            },
            _ => None,
        };
        if let Some((Some(track), padding_ns)) = block
            && (paddings.len() < MAX_TRACKS || paddings.contains_key(&track))
        {
            paddings.insert(track, padding_ns);
        }
        offset = end;
    }
    // A block that was not seen may be the last one.
    paddings.clear();
    Ok(())
}

/// Section 10.1: a block begins with the number of its track.
fn read_track(tap: &mut Tap, block: &Element) -> io::Result<Option<u64>> {
    let mut head = [0; 8];
    let length = tap.read_at(block.body, &mut head)?;
    Ok(number(&head[..length], false).map(|(track, _)| track))
}

/// RFC 8794, section 7.1: up to eight bytes in two's complement.
fn read_signed(tap: &mut Tap, element: &Element) -> io::Result<i64> {
    let length = element.end.map_or(0, |end| end - element.body);
    let Ok(length @ 1..=8) = usize::try_from(length) else { return Ok(0) };
    let mut bytes = [0; 8];
    let filled = tap.read_at(element.body, &mut bytes[..length])?;
    Ok(if filled == length { i64::from_be_bytes(bytes) >> (64 - 8 * length) } else { 0 })
}

/// Looks for an element among those from `offset` to `limit`, up to the first cluster.
fn find(tap: &mut Tap, id: u64, mut offset: u64, limit: u64) -> io::Result<Option<Element>> {
    for _ in 0..MAX_ELEMENTS {
        if offset >= limit {
            break;
        }
        let Some(element) = read_head(tap, offset)? else { break };
        if element.id == id {
            return Ok(Some(element));
        }
        match element.end {
            Some(end) if element.id != CLUSTER && end > offset => offset = end,
            _ => break,
        }
    }
    Ok(None)
}

fn read_head(tap: &mut Tap, offset: u64) -> io::Result<Option<Element>> {
    let mut head = [0; 12];
    let length = tap.read_at(offset, &mut head)?;
    let head = &head[..length];
    let numbers = number(head, true).and_then(|(id, id_bytes)| {
        let (size, size_bytes) = number(head.get(id_bytes..)?, false)?;
        Some((id, size, id_bytes + size_bytes, size_bytes))
    });
    Ok(numbers.map(|(id, size, head_bytes, size_bytes)| {
        let body = offset + head_bytes as u64;
        // All ones means that the size was not known.
        let is_open = size == (1 << (7 * size_bytes)) - 1;
        Element { id, start: offset, body, end: (!is_open).then(|| body.saturating_add(size)) }
    }))
}

/// The zeros in front tell the length; ids keep the marker behind them, sizes do not.
fn number(bytes: &[u8], keep_marker: bool) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = first.leading_zeros() as usize + 1;
    if length > 8 || bytes.len() < length {
        return None;
    }
    let marker = 0x80_u8 >> (length - 1);
    let start = u64::from(if keep_marker { first } else { first & !marker });
    let value = bytes[1..length].iter().fold(start, |value, byte| (value << 8) | u64::from(*byte));
    Some((value, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use std::sync::Arc;

    fn walk(bytes: &[u8]) -> Result<Matroska, MediaError> {
        let size_bytes = bytes.len() as u64;
        read(&mut Tap::new(Box::new(Cursor::new(bytes.to_vec())), Arc::default()), size_bytes)
    }

    fn title(bytes: &[u8]) -> Option<String> {
        walk(bytes).unwrap().title
    }

    const HEAD: &[u8] = b"\x1a\x45\xdf\xa3\x82..\x18\x53\x80\x67";
    const INFO_WITH_TITLE: &[u8] = b"\xec\x81.\x15\x49\xa9\x66\x89\xec\x81.\x7b\xa9\x83abc";

    #[test]
    fn the_title_is_found_whether_or_not_the_size_is_known() {
        let known = [HEAD, b"\x91", INFO_WITH_TITLE].concat();
        let open = [HEAD, b"\x01\xff\xff\xff\xff\xff\xff\xff", INFO_WITH_TITLE].concat();
        assert_eq!(title(&known).as_deref(), Some("abc"));
        assert_eq!(title(&open).as_deref(), Some("abc"));
        assert_eq!(title(&[HEAD, b"\x80"].concat()), None);
    }

    #[test]
    fn a_cut_segment_says_how_much_is_missing() {
        let cut = [HEAD, b"\x01\0\0\0\0\0\0\x10", &[0; 6]].concat();
        assert_eq!(walk(&cut).unwrap_err().to_string(), "the input is cut off: 10 of 35 bytes are missing");
    }

    fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
        [id, &[0x80 | u8::try_from(body.len()).unwrap()], body].concat()
    }

    fn segment(clusters: &[Vec<u8>]) -> Vec<u8> {
        let header = element(b"\x1a\x45\xdf\xa3", &element(b"\x42\x82", b"webm\0"));
        [header, element(b"\x18\x53\x80\x67", &clusters.concat())].concat()
    }

    #[test]
    fn the_padding_of_a_tracks_last_block_is_found_in_frames() {
        let id = b"\x1f\x43\xb6\x75";
        let simple = |track: u8| element(b"\xa3", &[0x80 | track, 0, 0, 0]);
        // 21,768,707 ns are 960 frames of 44.1 kHz.
        let padding = element(b"\x75\xa2", &[0x01, 0x4c, 0x2a, 0x03]);
        let group = element(b"\xa0", &[element(b"\xa1", &[0x82, 0, 0, 0]), padding].concat());
        let last = [simple(1), group.clone()].concat();
        let file = segment(&[element(id, &simple(2)), element(id, &last)]);
        let found = walk(&file).unwrap();
        assert!(found.is_webm);
        assert_eq!((found.padding_frames(1, 44_100), found.padding_frames(2, 44_100)), (0, 960));

        let not_last = [group, simple(2)].concat();
        assert_eq!(walk(&segment(&[element(id, &not_last)])).unwrap().padding_frames(2, 44_100), 0);
        let unclear = segment(&[element(id, &last), b"\x1f\x43\xb6\x75\x90".to_vec()]);
        assert_eq!(walk(&unclear).unwrap().padding_frames(2, 44_100), 0);
    }

    #[test]
    fn a_negative_padding_is_none() {
        let matroska = Matroska { paddings: BTreeMap::from([(1, -5)]), ..Matroska::default() };
        assert_eq!(matroska.padding_frames(1, 48_000), 0);
    }
}
