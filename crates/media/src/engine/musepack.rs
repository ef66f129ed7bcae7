//! How long a Musepack 8 file is, by its own header.
//!
//! ffmpeg counts these in whole packets of up to 64 frames, rounded down, which is seconds less than there is.

use crate::tap::Tap;

/// Where the header packet's payload may end: it is two dozen bytes at most.
const HEAD_BYTES: usize = 64;

/// The samples of one channel that the stream header declares.
pub(super) fn declared_frames(tap: &mut Tap) -> Option<u64> {
    let mut head = [0; HEAD_BYTES];
    let count = tap.read_at(0, &mut head).ok()?;
    // Encoders write the stream header as the first packet.
    let rest = head.get(..count)?.strip_prefix(b"MPCKSH")?;
    let (_, payload) = number(rest)?;
    // Behind a checksum of four bytes and the version.
    let (frames, rest) = number(payload.get(5..)?)?;
    let (silent, _) = number(rest)?;
    frames.checked_sub(silent).filter(|frames| *frames > 0)
}

/// A number of seven bits a byte, the highest first, each byte but the last with its top bit set.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_header_says_how_many_frames_there_are() {
        let of = |bytes: &[u8]| {
            declared_frames(&mut Tap::new(Box::new(Cursor::new(bytes.to_vec())), Arc::default()))
        };
        let head = b"MPCKSH\x0e\x01\x02\x03\x04\x08\x85\xf5\x7c\x00\x1b\x0b";
        assert_eq!(of(head), Some(97_020));
        assert_eq!(of(&head[..13]), None, "cut within the number");
        assert_eq!(of(b"MPCKSH\x0e\x01\x02\x03\x04\x08\x00\x01"), None, "more silence than there is");
        assert_eq!(of(b"MPCKRG\x0c"), None);
    }
}
