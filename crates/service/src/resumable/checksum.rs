//! What a portion of bytes must hash to.

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// A hash that was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-1.
    Sha1(Vec<u8>),
    /// SHA-256.
    Sha256(Vec<u8>),
}

impl Checksum {
    /// The names of the algorithms, as tus spells them.
    pub const NAMES: &'static str = "sha1,sha256";

    /// The hash of that algorithm; `None` where there is no such one here, or a hash of it has another length.
    #[must_use]
    pub fn of(algorithm: &str, hash: Vec<u8>) -> Option<Self> {
        match (algorithm, hash.len()) {
            ("sha1", 20) => Some(Self::Sha1(hash)),
            ("sha256", 32) => Some(Self::Sha256(hash)),
            _ => None,
        }
    }

    pub(super) fn begin(&self) -> Running {
        match self {
            Self::Sha1(_) => Running::Sha1(Sha1::default()),
            Self::Sha256(_) => Running::Sha256(Sha256::default()),
        }
    }
}

/// A hash on its way.
pub(super) enum Running {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Running {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Checksum {
        match self {
            Self::Sha1(hasher) => Checksum::Sha1(hasher.finalize().to_vec()),
            Self::Sha256(hasher) => Checksum::Sha256(hasher.finalize().to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_standard() {
        // FIPS 180-4's example of one block: the hashes of "abc".
        let sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d";
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for (algorithm, expected, length) in [("sha1", sha1, 20), ("sha256", sha256, 32)] {
            let mut running = Checksum::of(algorithm, vec![0; length]).map(|checksum| checksum.begin());
            for part in [&b"a"[..], b"bc"] {
                if let Some(running) = &mut running {
                    running.update(part);
                }
            }
            let hash = match running.map(Running::finish) {
                Some(Checksum::Sha1(hash) | Checksum::Sha256(hash)) => hash,
                None => Vec::new(),
            };
            let hex: Vec<_> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex.concat(), expected);
        }
    }

    #[test]
    fn what_is_no_hash_of_ours_is_none() {
        for (algorithm, length) in [("md5", 16), ("sha1", 32), ("sha256", 20), ("", 20)] {
            assert_eq!(Checksum::of(algorithm, vec![0; length]), None);
        }
    }
}
