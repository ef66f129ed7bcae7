//! The noise of an encode, granule by granule.

use std::fmt;

/// Samples of one channel in a granule.
const GRANULE: usize = 576;
/// Granules on each side of a seam that may hear of it: the overlap, the frame's second granule, and some more.
const AROUND: usize = 6;
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
    worst_db: f64,
    percentile_db: f64,
    /// What the serial encode has at that granule.
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
        let allowed = |granule: usize| {
            serial.0.get(granule).map_or(percentile, |alone| percentile.max(alone * HEARD_AS_EQUAL))
        };
        let at_seams: Vec<(usize, f64)> =
            self.0.iter().copied().enumerate().filter(|(granule, _)| near(*granule)).collect();
        let (worst_at, worst) =
            at_seams.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, f64::INFINITY));
        let sum = |noise: &Self| noise.0.iter().sum::<f64>();
        Verdict {
            seams: seams.len(),
            holds: at_seams.iter().all(|(granule, noise)| *noise <= allowed(*granule)),
            worst_db: decibels(worst),
            percentile_db: decibels(percentile),
            serial_db: decibels(serial.0.get(worst_at).copied().unwrap_or(0.0)),
            whole_db: decibels(sum(self)) - decibels(sum(serial)),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} seams: worst granule {:.1} dB, serial there {:.1}, 99th percentile {:.1}; noise of the whole {:+.2} dB",
            self.seams, self.worst_db, self.serial_db, self.percentile_db, self.whole_db
        )
    }
}

fn decibels(energy: f64) -> f64 {
    10.0 * energy.max(1.0).log10()
}
