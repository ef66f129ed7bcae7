//! Bytes on their way into an object: its head, which may still be patched, and one piece of what follows.
//!
//! This is all that a writer keeps of its own, [`HEAD_LIMIT_BYTES`] and a piece; what a caller hands over is copied, so
//! that no large buffer of somebody else's lives on for a few bytes of it.

use bytes::{Bytes, BytesMut};
use reelmill_core::ports::{HEAD_LIMIT_BYTES, ObjectsError};

use crate::objects::check_patch;

/// How much of an object is its head.
#[expect(clippy::cast_possible_truncation, reason = "5 MiB are a `usize` everywhere")]
const HEAD_BYTES: usize = HEAD_LIMIT_BYTES as usize;

/// What was written and not yet sent.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    head: BytesMut,
    piece: BytesMut,
    written_bytes: u64,
}

impl Intake {
    /// Takes of `bytes` what there is room for, and gives a piece of `piece_bytes` when it is full and more follows. It
    /// is to be called until `bytes` is empty.
    pub(crate) fn take(&mut self, bytes: &mut Bytes, piece_bytes: usize) -> Option<Bytes> {
        let before = bytes.len();
        let to_head = bytes.split_to(bytes.len().min(HEAD_BYTES - self.head.len()));
        self.head.extend_from_slice(&to_head);
        let room = piece_bytes.saturating_sub(self.piece.len());
        let full = (room == 0 && !bytes.is_empty()).then(|| self.piece.split().freeze());
        if full.is_none() && !bytes.is_empty() {
            if self.piece.is_empty() {
                self.piece.reserve(piece_bytes.min(bytes.len().max(HEAD_BYTES)));
            }
            self.piece.extend_from_slice(&bytes.split_to(bytes.len().min(room)));
        }
        self.written_bytes += (before - bytes.len()) as u64;
        full
    }

    /// Writes over bytes of the head.
    pub(crate) fn patch(&mut self, offset: u64, bytes: &[u8]) -> Result<(), ObjectsError> {
        check_patch(offset, bytes.len(), self.written_bytes)?;
        let start = usize::try_from(offset).map_err(|_| ObjectsError::OutOfRange)?;
        self.head[start..start + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    /// How much was written in all.
    pub(crate) fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// The head, and what follows the pieces that were given out.
    pub(crate) fn rest(self) -> (Bytes, Bytes) {
        (self.head.freeze(), self.piece.freeze())
    }

    /// All of an object of which no piece was given out.
    #[cfg(any(test, feature = "objects-s3"))]
    pub(crate) fn whole(mut self) -> Bytes {
        self.head.unsplit(self.piece);
        self.head.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: usize = 1000;

    fn pieces(intake: &mut Intake, bytes: &[u8], at_once: usize) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        for bytes in bytes.chunks(at_once) {
            let mut bytes = Bytes::copy_from_slice(bytes);
            while !bytes.is_empty() {
                pieces.extend(intake.take(&mut bytes, PIECE));
            }
        }
        pieces
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|n| u8::try_from(n % 251).unwrap_or_default()).collect()
    }

    #[test]
    fn whatever_comes_at_once_the_head_is_kept_and_the_rest_is_cut_into_pieces() {
        for at_once in [1, 999, 1000, 1001, 70_000, 10_000_000] {
            let content = content(HEAD_BYTES + 2500);
            // What comes in single bytes is tried at the edge only.
            let (start, rest) = content.split_at(HEAD_BYTES - 10);
            let mut intake = Intake::default();
            assert!(pieces(&mut intake, start, 65_536).is_empty());
            let given = pieces(&mut intake, rest, at_once);
            assert_eq!(given.iter().map(Bytes::len).collect::<Vec<_>>(), [PIECE, PIECE]);
            assert_eq!(intake.written_bytes(), content.len() as u64);
            let (head, last) = intake.rest();
            assert!([&head[..], &given.concat(), &last].concat() == content, "{at_once}");
            assert_eq!((head.len(), last.len()), (HEAD_BYTES, 500));
        }
    }

    #[test]
    fn a_piece_stays_until_more_follows_so_that_the_last_one_is_known() {
        let mut intake = Intake::default();
        assert!(pieces(&mut intake, &content(HEAD_BYTES + PIECE), 4096).is_empty());
        assert!(intake.whole() == content(HEAD_BYTES + PIECE));
    }

    #[test]
    fn a_patch_lands_in_the_head_alone() {
        let mut intake = Intake::default();
        pieces(&mut intake, b"four", 4);
        assert!(intake.patch(1, b"OU").is_ok());
        assert!(matches!(intake.patch(3, b"ab"), Err(ObjectsError::OutOfRange)));
        pieces(&mut intake, &content(HEAD_BYTES), 4096);
        assert!(matches!(intake.patch(HEAD_LIMIT_BYTES, b"x"), Err(ObjectsError::OutOfRange)));
        assert_eq!(intake.rest().0[..4], *b"fOUr");
    }
}
