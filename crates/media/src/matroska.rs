//! What the demuxer does not tell about a Matroska or `WebM` file: its title, and whether all of it is there.
//!
//! Element ids are those of RFC 9559; the variable-size numbers are RFC 8794's, sections 4 and 6.2. The walk
//! ends at the first cluster, so its cost does not grow with the media.

use std::io;

use crate::error::MediaError;
use crate::tap::Tap;

const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1f43_b675;
const INFO: u64 = 0x1549_a966;
const TITLE: u64 = 0x7ba9;
const MAX_ELEMENTS: u32 = 256;
const MAX_TITLE_BYTES: u64 = 4096;

struct Element {
    id: u64,
    body: u64,
    /// `None` where a live writer did not know it.
    end: Option<u64>,
}

/// Reads the title of a file of `size_bytes` and refuses one that is shorter than it declares.
pub(crate) fn read_title(tap: &mut Tap, size_bytes: u64) -> Result<Option<String>, MediaError> {
    let gauge = tap.gauge();
    let explain = |error| gauge.explain_io(error);
    let Some(segment) = find(tap, SEGMENT, 0, size_bytes).map_err(explain)? else { return Ok(None) };
    if let Some(end) = segment.end.filter(|end| *end > size_bytes) {
        return Err(MediaError::Truncated(format!("{} of {end} bytes are missing", end - size_bytes)));
    }
    let end = segment.end.unwrap_or(size_bytes);
    let Some(info) = find(tap, INFO, segment.body, end).map_err(explain)? else { return Ok(None) };
    let info_end = info.end.unwrap_or(end).min(end);
    let Some(title) = find(tap, TITLE, info.body, info_end).map_err(explain)? else { return Ok(None) };
    let length = title.end.map_or(0, |end| end - title.body).min(MAX_TITLE_BYTES);
    let mut text = vec![0; usize::try_from(length).unwrap_or(0)];
    let filled = tap.read_at(title.body, &mut text).map_err(explain)?;
    Ok(Some(String::from_utf8_lossy(&text[..filled]).into_owned()))
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
        Element { id, body, end: (!is_open).then(|| body.saturating_add(size)) }
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

    fn read(bytes: &[u8]) -> Result<Option<String>, MediaError> {
        let size_bytes = bytes.len() as u64;
        read_title(&mut Tap::new(Box::new(Cursor::new(bytes.to_vec())), Arc::default()), size_bytes)
    }

    const HEAD: &[u8] = b"\x1a\x45\xdf\xa3\x82..\x18\x53\x80\x67";
    const INFO_WITH_TITLE: &[u8] = b"\xec\x81.\x15\x49\xa9\x66\x89\xec\x81.\x7b\xa9\x83abc";

    #[test]
    fn the_title_is_found_whether_or_not_the_size_is_known() {
        let known = [HEAD, b"\x91", INFO_WITH_TITLE].concat();
        let open = [HEAD, b"\x01\xff\xff\xff\xff\xff\xff\xff", INFO_WITH_TITLE].concat();
        assert_eq!(read(&known).unwrap().as_deref(), Some("abc"));
        assert_eq!(read(&open).unwrap().as_deref(), Some("abc"));
        assert_eq!(read(&[HEAD, b"\x80"].concat()).unwrap(), None);
    }

    #[test]
    fn a_cut_segment_says_how_much_is_missing() {
        let cut = [HEAD, b"\x01\0\0\0\0\0\0\x10", &[0; 6]].concat();
        assert_eq!(read(&cut).unwrap_err().to_string(), "the input is cut off: 10 of 35 bytes are missing");
    }
}
