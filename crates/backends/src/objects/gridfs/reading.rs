//! A range of a file, as its chunks come.
//!
//! Each step asks for a few chunks by their numbers, so nothing is held at the server while the reader is slow, and the
//! next step is under way while one is consumed. Every chunk must be there and as long as it has to be.

use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use reelmill_core::Key;
use reelmill_core::ports::{ByteStream, ObjectsError};

use super::bucket::{Bucket, File};

/// About how much one step fetches.
const STEP_BYTES: u64 = 1024 * 1024;

/// The bytes of `range`, which lies within the file.
pub(super) fn stream(bucket: Bucket, key: Key, file: File, range: Range<u64>) -> ByteStream {
    if range.is_empty() {
        return stream::empty().boxed();
    }
    let chunks = range.start / file.chunk_bytes..range.end.div_ceil(file.chunk_bytes);
    let at_once = (STEP_BYTES / file.chunk_bytes).max(1);
    let mut first = chunks.start;
    let steps = std::iter::from_fn(move || {
        let step = first..chunks.end.min(first.saturating_add(at_once));
        first = step.end;
        (!step.is_empty()).then_some(step)
    });
    let fetched = stream::iter(steps).map(move |step| {
        let (bucket, key, file, range) = (bucket.clone(), key.clone(), file.clone(), range.clone());
        async move { fetch(&bucket, &key, &file, step, &range).await }
    });
    fetched.buffered(2).map_ok(|pieces| stream::iter(pieces.into_iter().map(Ok))).try_flatten().boxed()
}

async fn fetch(
    bucket: &Bucket,
    key: &Key,
    file: &File,
    step: Range<u64>,
    range: &Range<u64>,
) -> Result<Vec<Bytes>, ObjectsError> {
    let number = |n: u64| i64::try_from(n).map_err(|_| ObjectsError::OutOfRange);
    let chunks = bucket.chunks(&file.id, number(step.start)?, number(step.end)?).await?;
    match cut(file, step, range, chunks) {
        // Without its file, chunks are missing because somebody has deleted it.
        Err(ObjectsError::Corrupt(_)) if !bucket.has_file(&file.id).await? => {
            Err(ObjectsError::NotFound(key.clone()))
        }
        cut => cut,
    }
}

/// What of these chunks lies within the range.
fn cut(
    file: &File,
    step: Range<u64>,
    range: &Range<u64>,
    chunks: Vec<(i64, Bytes)>,
) -> Result<Vec<Bytes>, ObjectsError> {
    let mut chunks = chunks.into_iter();
    step.map(|n| {
        let start = n * file.chunk_bytes;
        let length = file.chunk_bytes.min(file.size_bytes - start);
        let (_, bytes) = chunks
            .next()
            .filter(|(found, _)| u64::try_from(*found) == Ok(n))
            .ok_or_else(|| ObjectsError::Corrupt(format!("chunk {n} is missing")))?;
        if bytes.len() as u64 != length {
            return Err(ObjectsError::Corrupt(format!(
                "chunk {n} has {} bytes instead of {length}",
                bytes.len()
            )));
        }
        let within = |at: u64| usize::try_from(at.clamp(start, start + length) - start).unwrap_or(usize::MAX);
        Ok(bytes.slice(within(range.start)..within(range.end)))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use mongodb::bson::Bson;

    use super::*;

    fn cut_of(chunks: &[(i64, &'static [u8])], range: Range<u64>) -> Result<Vec<u8>, String> {
        let file = File { id: Bson::Null, size_bytes: 10, chunk_bytes: 4 };
        let chunks = chunks.iter().map(|(n, bytes)| (*n, Bytes::from_static(bytes))).collect();
        let step = range.start / 4..range.end.div_ceil(4);
        cut(&file, step, &range, chunks).map(|pieces| pieces.concat()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_range_is_cut_from_its_chunks() {
        let all: [(i64, &'static [u8]); 3] = [(0, b"0123"), (1, b"4567"), (2, b"89")];
        assert_eq!(cut_of(&all, 0..10).unwrap(), b"0123456789");
        assert_eq!(cut_of(&all[1..], 5..9).unwrap(), b"5678");
        assert_eq!(cut_of(&all[1..2], 4..8).unwrap(), b"4567");
        assert_eq!(cut_of(&all[..1], 2..3).unwrap(), b"2");
    }

    #[test]
    fn a_chunk_that_is_missing_or_has_another_length_is_never_passed_over() {
        for damaged in [
            &[(0, &b"0123"[..]), (2, b"89")][..],
            &[(0, b"0123"), (1, b"4567")],
            &[(0, b"0123"), (1, b"456"), (2, b"89")],
            &[(0, b"0123"), (1, b"4567"), (2, b"89x")],
            &[(0, b"0123"), (0, b"0123"), (2, b"89")],
            &[],
        ] {
            let refused = cut_of(damaged, 0..10);
            assert!(refused.as_ref().is_err_and(|said| said.contains("chunk")), "{refused:?}");
        }
    }
}
