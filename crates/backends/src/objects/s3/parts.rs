//! How long the parts of an upload are, and how many are under way at a time.
//!
//! Its length is not known before the end, and S3 takes 10,000 parts of at least 5 MiB. So parts begin at 5 MiB and
//! double every [`STEP`] parts, which reaches past 5 TiB; what most files are stays at the least memory there is.

/// The least that S3 lets a part have, but the last.
pub(super) const LEAST_PART_BYTES: usize = 5 * 1024 * 1024;
/// The most parts that an upload may have (S3, "Multipart upload limits").
pub(super) const MAX_PARTS: u32 = 10_000;
/// How many parts are of one length.
const STEP: u32 = 975;
/// The most parts under way at a time.
const MAX_UNDER_WAY: usize = 3;
/// The most bytes under way at a time, but for a single part that is longer.
const MAX_UNDER_WAY_BYTES: usize = 32 * 1024 * 1024;

/// The length of the part of that number, from 1 on.
pub(super) fn part_bytes(number: u32) -> usize {
    LEAST_PART_BYTES << ((number.saturating_sub(1)) / STEP).min(10)
}

/// How many parts of that length may be under way.
pub(super) fn under_way(part_bytes: usize) -> usize {
    (MAX_UNDER_WAY_BYTES / part_bytes.max(1)).clamp(1, MAX_UNDER_WAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_parts_reach_five_tebibytes() {
        let all: u64 = (1..=MAX_PARTS).map(|number| part_bytes(number) as u64).sum();
        assert!(all >= 5 << 40, "{all}");
        assert!(part_bytes(MAX_PARTS) as u64 <= 5 << 30, "S3's longest part");
    }

    #[test]
    fn what_is_under_way_is_bounded() {
        for number in 1..=MAX_PARTS {
            let length = part_bytes(number);
            let count = under_way(length);
            assert!(count == 1 || length * count <= MAX_UNDER_WAY_BYTES);
        }
        assert_eq!((under_way(part_bytes(1)), under_way(part_bytes(STEP * 3 + 1))), (3, 1));
    }
}
