//! Headers that have nothing wrong with the sound and over which the demuxers stumble all the same, shown to
//! them in a form that they read.
//!
//! The source is not touched: the tap replaces bytes one for one as they are read, so nothing moves. What is hidden
//! is not needed for a conversion.

use std::io;

use crate::sniff::Kind;
use crate::tap::Tap;

const MAX_CHUNKS: u32 = 1000;
/// FLAC's block types (RFC 9639, section 8.1).
const PADDING: u8 = 1;
const CUESHEET: u8 = 5;
const LAST_BLOCK: u8 = 0x80;
/// The fields of an AIFF-C's `COMM` before the name of its compression.
const COMMON_BYTES: u32 = 22;

/// Looks for such headers.
pub(crate) fn mend(tap: &mut Tap, kind: Kind) -> io::Result<()> {
    match kind {
        Kind::Flac => hide_cuesheets(tap),
        Kind::Aiff => split_common(tap),
        _ => Ok(()),
    }
}

/// Makes padding of cue sheets, which the demuxer refuses unless a compact disc could have them.
fn hide_cuesheets(tap: &mut Tap) -> io::Result<()> {
    if tap.bytes_at(0)? != Some(*b"fLaC") {
        return Ok(());
    }
    let mut offset = 4;
    for _ in 0..MAX_CHUNKS {
        let Some([kind, a, b, c]) = tap.bytes_at(offset)? else { break };
        if kind & !LAST_BLOCK == CUESHEET {
            tap.replace(offset, &[kind & LAST_BLOCK | PADDING]);
        }
        if kind & LAST_BLOCK != 0 {
            break;
        }
        offset += 4 + u64::from(u32::from_be_bytes([0, a, b, c]));
    }
    Ok(())
}

/// Makes a chunk of its own of what follows the name of the compression, where the demuxer expects the next one.
fn split_common(tap: &mut Tap) -> io::Result<()> {
    if tap.bytes_at(8)? != Some(*b"AIFC") {
        return Ok(());
    }
    let mut offset = 12;
    for _ in 0..MAX_CHUNKS {
        let Some([a, b, c, d, size @ ..]) = tap.bytes_at::<8>(offset)? else { break };
        let size = u32::from_be_bytes(size);
        let body = offset + 8;
        if [a, b, c, d] == *b"COMM" && size > COMMON_BYTES {
            let name = tap.bytes_at::<1>(body + u64::from(COMMON_BYTES))?.map_or(0, |[length]| length);
            let used = (COMMON_BYTES + 1 + u32::from(name)).next_multiple_of(2);
            if let Some(rest) = size.checked_sub(used).and_then(|rest| rest.checked_sub(8)) {
                tap.replace(offset + 4, &used.to_be_bytes());
                tap.replace(body + u64::from(used), b"JUNK");
                tap.replace(body + u64::from(used) + 4, &rest.to_be_bytes());
            }
            break;
        }
        offset = body + u64::from(size) + u64::from(size & 1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use std::sync::Arc;

    fn mended(kind: Kind, bytes: &[u8]) -> Vec<u8> {
        let mut tap = Tap::new(Box::new(Cursor::new(bytes.to_vec())), Arc::default());
        mend(&mut tap, kind).unwrap();
        let mut shown = vec![0; bytes.len()];
        tap.read_at(0, &mut shown).unwrap();
        // Piece by piece, it is the same.
        for start in 0..bytes.len() {
            let mut piece = [0; 3];
            let length = tap.read_at(start as u64, &mut piece).unwrap();
            assert_eq!(piece[..length], shown[start..start + length]);
        }
        shown
    }

    #[test]
    fn cue_sheets_become_padding() {
        let flac = b"fLaC\x00\0\0\x02ab\x05\0\0\x01c\x85\0\0\x01d\x05\0\0\0";
        assert_eq!(mended(Kind::Flac, flac), b"fLaC\x00\0\0\x02ab\x01\0\0\x01c\x81\0\0\x01d\x05\0\0\0");
    }

    #[test]
    fn what_follows_the_name_of_the_compression_becomes_a_chunk() {
        let file = |size: u8, name: &[u8], rest: &[u8]| {
            [&b"FORM....AIFCCOMM\0\0\0"[..], &[size], &[7; 22], name, rest].concat()
        };
        let padded = mended(Kind::Aiff, &file(22 + 4 + 12, b"\x02ab\0", &[0; 12]));
        assert_eq!(padded, file(26, b"\x02ab\0", b"JUNK\0\0\0\x04\0\0\0\0"));
        let sound = file(26, b"\x02ab\0", b"SSND\0\0\0\0");
        assert_eq!(mended(Kind::Aiff, &sound), sound);
    }

    #[test]
    fn cut_headers_are_left_alone() {
        for bytes in
            [&b"fLaC\x05"[..], b"FORM....AIFCCOMM\xff\xff\xff\xff", b"FORM....AIFCCOMM\xff\xff\xff\xfe\0"]
        {
            mended(Kind::Flac, bytes);
            mended(Kind::Aiff, bytes);
        }
    }
}
