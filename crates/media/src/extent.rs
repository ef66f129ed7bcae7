//! Whether the file holds all that its container declares.
//!
//! A demuxer takes the end of the file for the end of the media, and a half-uploaded file would become a
//! half-length result without a word. Where the container says how long it is, the file must be that long.
//! Lengths that a live writer never came back to fill in declare nothing.

use std::io;

use crate::error::MediaError;
use crate::mend::is_open;
use crate::sniff::Kind;
use crate::tap::Tap;

const MAX_CHUNKS: u32 = 10_000;
/// An Ogg page is at most this long (RFC 3533, section 6).
const MAX_PAGE_BYTES: usize = 65_307;

/// What the end of a file tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// What is odd about it.
    pub(crate) note: Option<String>,
    /// Where the file ends with an Ogg stream's last page, that stream's number and the position at its end.
    pub(crate) ogg_end: Option<(u32, u64)>,
}

/// Refuses a file that is shorter than it declares.
pub(crate) fn check(tap: &mut Tap, kind: Kind, size_bytes: u64) -> Result<Extent, MediaError> {
    let gauge = tap.gauge();
    let declared = match kind {
        Kind::Wav => chunks(tap, size_bytes, *b"data", u32::from_le_bytes),
        Kind::Aiff => chunks(tap, size_bytes, *b"SSND", u32::from_be_bytes),
        Kind::Ogg => return ogg(tap, size_bytes),
        // MP4 and Matroska are checked by walks of their own; the others declare no length in bytes.
        Kind::IsoMp4
        | Kind::Matroska
        | Kind::Caf
        | Kind::Flac
        | Kind::Mpeg { .. }
        | Kind::Adts
        | Kind::Foreign { .. } => Ok(None),
    };
    match declared.map_err(|error| gauge.explain_io(error))? {
        Some(end) if end > size_bytes => {
            Err(MediaError::Truncated(format!("{} of {end} bytes are missing", end - size_bytes)))
        }
        _ => Ok(Extent::default()),
    }
}

/// Finds the end of the chunk with the samples, in RIFF or in IFF.
fn chunks(
    tap: &mut Tap,
    size_bytes: u64,
    wanted: [u8; 4],
    number: fn([u8; 4]) -> u32,
) -> io::Result<Option<u64>> {
    let mut offset = 12;
    for _ in 0..MAX_CHUNKS {
        if offset >= size_bytes {
            break;
        }
        let Some([a, b, c, d, size @ ..]) = tap.bytes_at::<8>(offset)? else { break };
        let size = number(size);
        if [a, b, c, d] == wanted {
            let is_open = size == 0 || is_open(size);
            return Ok((!is_open).then_some(offset + 8 + u64::from(size)));
        }
        offset += 8 + u64::from(size) + u64::from(size & 1);
    }
    Ok(None)
}

/// Looks at the last Ogg page (RFC 3533, section 6): it must be whole, and should be marked as the last.
fn ogg(tap: &mut Tap, size_bytes: u64) -> Result<Extent, MediaError> {
    let gauge = tap.gauge();
    let window_bytes = (2 * MAX_PAGE_BYTES as u64).min(size_bytes);
    let mut window = vec![0; 2 * MAX_PAGE_BYTES];
    let length =
        tap.read_at(size_bytes - window_bytes, &mut window).map_err(|error| gauge.explain_io(error))?;
    window.truncate(length);
    let Some(start) = window.windows(4).rposition(|bytes| bytes == b"OggS") else {
        return Err(MediaError::Corrupt("no ogg page where its last one should be".into()));
    };
    let page = &window[start..];
    let page_bytes = page
        .get(26)
        .and_then(|count| page.get(27..27 + usize::from(*count)))
        .map(|lacing| 27 + lacing.len() + lacing.iter().map(|size| usize::from(*size)).sum::<usize>());
    match page_bytes {
        Some(bytes) if bytes <= page.len() => Ok(last_page(page)),
        Some(bytes) => Err(MediaError::Truncated(format!(
            "{} bytes of its last ogg page are missing",
            bytes - page.len()
        ))),
        None => Err(MediaError::Truncated("it ends within the header of an ogg page".into())),
    }
}

fn last_page(page: &[u8]) -> Extent {
    let is_last = page[5] & 4 != 0;
    let number = |range: std::ops::Range<usize>| {
        page[range].iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
    };
    // All ones where no packet ends on the page.
    let position = Some(number(6..14)).filter(|position| is_last && i64::try_from(*position).is_ok());
    Extent {
        note: (!is_last).then(|| "the ogg stream has no end mark, so it may be cut off".to_owned()),
        ogg_end: u32::try_from(number(14..18)).ok().zip(position),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use std::sync::Arc;

    fn checked(kind: Kind, bytes: &[u8]) -> Result<Extent, MediaError> {
        let size_bytes = bytes.len() as u64;
        check(&mut Tap::new(Box::new(Cursor::new(bytes.to_vec())), Arc::default()), kind, size_bytes)
    }

    fn wav(data_size: u32, data: usize) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVEodd \x03\0\0\0abc\0data".to_vec();
        bytes.extend_from_slice(&data_size.to_le_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    #[test]
    fn a_cut_wav_says_how_much_is_missing_and_an_open_one_does_not() {
        assert_eq!(checked(Kind::Wav, &wav(100, 100)).unwrap(), Extent::default());
        let error = checked(Kind::Wav, &wav(100, 60)).unwrap_err();
        assert_eq!(error.to_string(), "the input is cut off: 40 of 132 bytes are missing");
        assert_eq!(checked(Kind::Wav, &wav(u32::MAX, 60)).unwrap(), Extent::default());
        assert_eq!(checked(Kind::Wav, &wav(0, 60)).unwrap(), Extent::default());
    }

    #[test]
    fn the_last_ogg_page_must_be_whole() {
        let page = |flags: u8| {
            let (position, serial) = (154_728_u64.to_le_bytes(), 7_u32.to_le_bytes());
            let head = [&b"OggS\0"[..], &[flags], &position, &serial, &[0; 8]].concat();
            [&head[..], &[2, 100, 50], &[7; 150]].concat()
        };
        let whole = checked(Kind::Ogg, &[page(0), page(4)].concat()).unwrap();
        assert_eq!(whole, Extent { note: None, ogg_end: Some((7, 154_728)) });
        let open = checked(Kind::Ogg, &[page(4), page(0)].concat()).unwrap();
        assert_eq!((open.note.is_some(), open.ogg_end), (true, None));
        let mut nowhere = page(4);
        nowhere[6..14].fill(0xff);
        assert_eq!(checked(Kind::Ogg, &nowhere).unwrap(), Extent::default());
        assert!(matches!(checked(Kind::Ogg, &page(4)[..100]), Err(MediaError::Truncated(_))));
        assert!(matches!(checked(Kind::Ogg, &page(4)[..20]), Err(MediaError::Truncated(_))));
    }
}
