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
pub(crate) fn mend(tap: &mut Tap, kind: Kind, size_bytes: u64) -> io::Result<()> {
    match kind {
        Kind::Wav => close_wave(tap, size_bytes),
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

/// Gives the samples of a WAVE that was written to a pipe their length: all whole frames that there are. The demuxer
/// takes the length that such a writer leaves open by its word, and the end of the file for a cut.
fn close_wave(tap: &mut Tap, size_bytes: u64) -> io::Result<()> {
    let (mut offset, mut frame_bytes) = (12, 1);
    for _ in 0..MAX_CHUNKS {
        let Some([a, b, c, d, size @ ..]) = tap.bytes_at::<8>(offset)? else { break };
        let size = u32::from_le_bytes(size);
        let body = offset + 8;
        if [a, b, c, d] == *b"fmt " {
            let align = tap.bytes_at::<2>(body + 12)?.map_or(1, u16::from_le_bytes);
            frame_bytes = u64::from(align.max(1));
        }
        if [a, b, c, d] == *b"data" {
            let there = size_bytes.saturating_sub(body) / frame_bytes * frame_bytes;
            if let (true, Ok(length)) = (is_open(size), u32::try_from(there)) {
                tap.replace(offset + 4, &length.to_le_bytes());
                tap.replace(4, &length.saturating_add(u32::try_from(body - 8).unwrap_or(0)).to_le_bytes());
            }
            break;
        }
        offset = body + u64::from(size) + u64::from(size & 1);
    }
    Ok(())
}

/// Whether a length is what ffmpeg, sox and others write to a pipe, where it is not known yet.
pub(crate) fn is_open(size: u32) -> bool {
    size >= 0xffff_0000 || (0x7fff_0000..0x8000_0000).contains(&size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use std::sync::Arc;

    fn mended(kind: Kind, bytes: &[u8]) -> Vec<u8> {
        let mut tap = Tap::new(Box::new(Cursor::new(bytes.to_vec())), Arc::default());
        mend(&mut tap, kind, bytes.len() as u64).unwrap();
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
    fn a_wave_from_a_pipe_gets_its_length() {
        let file = |riff: u32, data: u32| {
            let format = [&b"fmt "[..], &16_u32.to_le_bytes(), &[0; 12], &[4, 0, 16, 0]].concat();
            [&b"RIFF"[..], &riff.to_le_bytes(), b"WAVE", &format, b"data", &data.to_le_bytes(), &[7; 10]]
                .concat()
        };
        assert_eq!(mended(Kind::Wav, &file(u32::MAX, u32::MAX)), file(44, 8));
        assert_eq!(mended(Kind::Wav, &file(46, 10)), file(46, 10));
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
