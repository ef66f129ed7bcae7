//! CRC32C as Cloud Storage writes it: four bytes, the highest first, in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The checksum of bytes so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Checksum {
    crc: u32,
    length: u64,
}

impl Checksum {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::default().and(bytes)
    }

    /// With these bytes behind.
    pub(super) fn and(self, bytes: &[u8]) -> Self {
        Self { crc: crc32c::crc32c_append(self.crc, bytes), length: self.length + bytes.len() as u64 }
    }

    /// With the bytes of another behind.
    pub(super) fn then(self, other: Self) -> Self {
        let length = usize::try_from(other.length).unwrap_or(usize::MAX);
        Self { crc: crc32c::crc32c_combine(self.crc, other.crc, length), length: self.length + other.length }
    }

    pub(super) fn size_bytes(self) -> u64 {
        self.length
    }

    /// As the store writes it.
    pub(super) fn text(self) -> String {
        STANDARD.encode(self.crc.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_standard_says() {
        // RFC 3720, appendix B.4: 32 bytes of zeros.
        assert_eq!(Checksum::of(&[0; 32]).text(), STANDARD.encode([0x8a, 0x91, 0x36, 0xaa]));
    }

    #[test]
    fn pieces_make_the_checksum_of_the_whole() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let (head, tail) = bytes.split_at(33_333);
        assert_eq!(Checksum::of(head).and(tail), Checksum::of(&bytes));
        assert_eq!(Checksum::of(head).then(Checksum::of(tail)), Checksum::of(&bytes));
        assert_ne!(Checksum::of(tail).then(Checksum::of(head)), Checksum::of(&bytes));
    }
}
