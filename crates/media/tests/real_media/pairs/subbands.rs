//! Files of codecs that halve the spectrum often and that no encoder at hand makes: MPEG audio layer 1 and Musepack 7.
//!
//! Both are written in the lowest of 32 bands alone, whose samples are those of the sweep at a 32nd of the rate.

use super::signal::{Bits, SECONDS, sweep};

/// MPEG-1 layer 1, mono, 192 kbit/s at 48 kHz, without a checksum (ISO/IEC 11172-3, 2.4.1).
pub(super) fn mp1() -> Vec<u8> {
    const FRAME_BYTES: usize = 192;
    /// Samples of a band in a frame, and bits of each.
    const SAMPLES: usize = 12;
    const WIDTH: u32 = 15;
    let samples = sweep(frames(384.0, 48_000.0) * SAMPLES, 1500.0, 200.0, 180.0);
    let mut file = Vec::new();
    for frame in samples.chunks_exact(SAMPLES) {
        let mut bits = Bits::default();
        bits.put(0xffff_64c0, 32);
        bits.put(WIDTH - 1, 4);
        bits.put_zeros(4 * 31);
        // A scale factor of one.
        bits.put(3, 6);
        for sample in frame {
            bits.put(level(*sample, (1 << WIDTH) - 2), WIDTH);
        }
        let mut bytes = bits.into_bytes();
        bytes.resize(FRAME_BYTES, 0);
        file.extend(bytes);
    }
    file
}

/// Musepack stream version 7, stereo at 44.1 kHz.
pub(super) fn sv7() -> Vec<u8> {
    /// Samples of a band in a frame; their resolution, which is one more than the bits of each.
    const SAMPLES: usize = 36;
    const RESOLUTION: u32 = 12;
    let count = frames(1152.0, 44_100.0);
    let band = sweep(count * SAMPLES, 44_100.0 / 32.0, 200.0, 180.0);
    let mut file = b"MP+\x07".to_vec();
    file.extend(u32::try_from(count).unwrap_or(0).to_le_bytes());
    // No intensity or middle and side stereo, no band above the first, and 44.1 kHz.
    file.extend([0; 16]);
    let mut bits = Bits::default();
    // The header ends within a word.
    bits.put(0, 8);
    for frame in band.chunks_exact(SAMPLES) {
        let mut body = Bits::default();
        (0..2).for_each(|_| body.put(RESOLUTION, 4));
        // One scale factor for all of the frame, written out.
        (0..2).for_each(|_| body.put(0, 2));
        (0..2).for_each(|_| {
            body.put(0xc, 4);
            body.put(SCALE, 6);
        });
        for _ in 0..2 {
            for sample in frame {
                body.put(level(*sample, (1 << (RESOLUTION - 1)) - 2), RESOLUTION - 1);
            }
        }
        bits.put(u32::try_from(body.count()).unwrap_or(0), 20);
        bits.append(&body);
    }
    file.extend(bits.into_words());
    file.extend([0; 8]);
    file
}

/// A Musepack scale factor at which full scale is about full scale.
const SCALE: u32 = 2;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred")]
fn frames(length: f64, rate_hz: f64) -> usize {
    (SECONDS * rate_hz / length).ceil() as usize
}

/// A sample as one of `most + 1` levels, the lowest 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "samples lie within full scale")]
fn level(sample: f64, most: u32) -> u32 {
    (f64::midpoint(sample, 1.0) * f64::from(most)).round() as u32
}
