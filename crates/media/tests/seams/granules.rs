//! The noise of an encode, granule by granule.

use std::fmt;

/// Samples of one channel in a granule.
const GRANULE: usize = 576;
/// Granules on each side of a seam that may hear of it: the overlap, the frame's second granule, and some more.
const AROUND: usize = 6;
/// Granules on each side among which an encoder gives out its bits: a frame. What one of them is spared its neighbour
/// pays, so where it is hard to encode anyway two encoders may have the same noise in another granule each.
const NEIGHBOURS: usize = 2;
/// Half a decibel.
const HEARD_AS_EQUAL: f64 = 1.122;
/// Where the fields of a WAVE file stand as this library writes it: behind the form, a chunk of junk, and a format
/// chunk of the long kind.
pub(crate) const RATE_OFFSET: usize = 12 + 8 + 28 + 8 + 4;
const CHANNELS_OFFSET: usize = RATE_OFFSET - 2;
const SAMPLES_OFFSET: usize = 12 + 8 + 28 + 8 + 40 + 8;
const SAMPLE_BYTES: usize = 3;

/// The energy of the difference in each granule.
pub(crate) struct Noise(Vec<f64>);

/// How the worst granule at a seam stands.
pub(crate) struct Verdict {
    /// Whether no granule at a seam is too noisy.
    pub(crate) holds: bool,
    seams: usize,
    /// The granule that has most of what it may have.
    worst: usize,
    worst_db: f64,
    percentile_db: f64,
    /// What the serial encode has in that granule and in its neighbours.
    serial_db: f64,
    /// All of it, against the serial encode.
    whole_db: f64,
}

impl Noise {
    pub(crate) fn of(original: &[u8], other: &[u8]) -> Self {
        let sample = |bytes: &[u8]| f64::from(i32::from_le_bytes([0, bytes[0], bytes[1], bytes[2]]) >> 8);
        let energy = |(a, b): (&[u8], &[u8])| {
            a.chunks_exact(SAMPLE_BYTES)
                .zip(b.chunks_exact(SAMPLE_BYTES))
                .map(|(a, b)| (sample(a) - sample(b)).powi(2))
                .sum::<f64>()
        };
        let granules = |wave: &'_ [u8]| {
            let granule_bytes = GRANULE * SAMPLE_BYTES * usize::from(wave[CHANNELS_OFFSET]);
            wave[SAMPLES_OFFSET..].chunks(granule_bytes).map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        let (original, other) = (granules(original), granules(other));
        Self(original.iter().map(Vec::as_slice).zip(other.iter().map(Vec::as_slice)).map(energy).collect())
    }

    pub(crate) fn at_seams(&self, serial: &Self, seams: &[u64]) -> Verdict {
        let near = |granule: usize| {
            let of = |seam: &u64| usize::try_from(*seam).unwrap_or(usize::MAX) / GRANULE;
            seams.iter().any(|seam| of(seam).abs_diff(granule) <= AROUND)
        };
        let mut elsewhere: Vec<f64> = serial
            .0
            .iter()
            .enumerate()
            .filter(|(granule, _)| !near(*granule))
            .map(|(_, noise)| *noise)
            .collect();
        elsewhere.sort_by(f64::total_cmp);
        let percentile = elsewhere.get(elsewhere.len() * 99 / 100).copied().unwrap_or(0.0);
        // A seam may fall on what is hard to encode anyway, so what the serial encode has there is allowed, too.
        let serial_near = |granule: usize| {
            let neighbours =
                serial.0.iter().skip(granule.saturating_sub(NEIGHBOURS)).take(2 * NEIGHBOURS + 1);
            neighbours.copied().fold(0.0, f64::max)
        };
        let excess = |(granule, noise): (usize, f64)| {
            let allowed = percentile.max(serial_near(granule) * HEARD_AS_EQUAL);
            (granule, noise, noise / allowed)
        };
        let at_seams = self.0.iter().copied().enumerate().filter(|(granule, _)| near(*granule)).map(excess);
        let (worst, noise, part) =
            at_seams.max_by(|a, b| a.2.total_cmp(&b.2)).unwrap_or((0, 0.0, f64::INFINITY));
        let sum = |noise: &Self| noise.0.iter().sum::<f64>();
        Verdict {
            seams: seams.len(),
            holds: part <= 1.0,
            worst,
            worst_db: decibels(noise),
            percentile_db: decibels(percentile),
            serial_db: decibels(serial_near(worst)),
            whole_db: decibels(sum(self)) - decibels(sum(serial)),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} seams: worst granule {} at {:.1} dB, serial there {:.1}, 99th percentile {:.1}; noise of the whole {:+.2} dB",
            self.seams, self.worst, self.worst_db, self.serial_db, self.percentile_db, self.whole_db
        )
    }
}

fn decibels(energy: f64) -> f64 {
    10.0 * energy.max(1.0).log10()
}
