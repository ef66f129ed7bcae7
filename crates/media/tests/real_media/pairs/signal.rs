//! What every source sounds like, a sweep with some noise, and bits to write it with.

#![expect(clippy::cast_precision_loss, reason = "a few seconds of samples")]

/// The same for ffmpeg, two channels of it, without its rate and length.
pub(super) const SWEEPS: &str =
    "aevalsrc=0.5*sin(2*PI*(200*t+290*t*t))+0.02*random(0)|0.4*sin(2*PI*(250*t+250*t*t))+0.02*random(1)";
pub(super) const SECONDS: f64 = 2.2;

/// A sweep from `from_hz`, rising by `slope_hz` a second, and noise.
pub(super) fn sweep(count: usize, rate_hz: f64, from_hz: f64, slope_hz: f64) -> Vec<f64> {
    let mut noise = 7_u32;
    (0..count)
        .map(|frame| {
            let t = frame as f64 / rate_hz;
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = f64::from(noise >> 8) / f64::from(1 << 23) - 1.0;
            0.4 * (std::f64::consts::TAU * (from_hz * t + slope_hz / 2.0 * t * t)).sin() + 0.02 * hiss
        })
        .collect()
}

/// The sweep as 16-bit samples.
#[expect(clippy::cast_possible_truncation, reason = "below full scale")]
pub(super) fn samples(count: usize) -> Vec<i32> {
    sweep(count, 44_100.0, 200.0, 580.0)
        .into_iter()
        .map(|sample| (sample * 32_767.0).round() as i32)
        .collect()
}

/// Bits, the most significant first.
#[derive(Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    /// Appends the lowest `width` bits of `value`.
    pub(super) fn put(&mut self, value: u32, width: u32) {
        for shift in (0..width).rev() {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if value >> shift & 1 == 1
                && let Some(last) = self.bytes.last_mut()
            {
                *last |= 0x80 >> (self.count % 8);
            }
            self.count += 1;
        }
    }

    pub(super) fn put_zeros(&mut self, count: u32) {
        (0..count).for_each(|_| self.put(0, 1));
    }

    /// Appends as many zeros and a one.
    pub(super) fn put_unary(&mut self, zeros: u32) {
        self.put_zeros(zeros);
        self.put(1, 1);
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Appends others'.
    pub(super) fn append(&mut self, other: &Self) {
        for bit in 0..other.count {
            self.put(u32::from(other.bytes[bit / 8] >> (7 - bit % 8)), 1);
        }
    }

    /// Whole bytes, filled up with zeros.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Whole words of 32 bits, each with its last byte in front.
    pub(super) fn into_words(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.bytes.chunks_exact(4).flat_map(|word| [word[3], word[2], word[1], word[0]]).collect()
    }
}
