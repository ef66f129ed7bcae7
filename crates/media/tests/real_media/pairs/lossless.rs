//! Lossless files that no encoder at hand makes: Monkey's Audio, Shorten and DSD, each in its simplest form.

use super::signal::{Bits, samples, sweep};

const RATE_HZ: u32 = 44_100;

/// Monkey's Audio 3.87 at its fastest: differences, one adaptive coefficient, and Rice codes.
pub(super) fn ape() -> Vec<u8> {
    const FRAME: usize = 9216;
    let samples = samples(97_020);
    let frames: Vec<Vec<u8>> = samples.chunks(FRAME).map(ape_frame).collect();
    let count = u32::try_from(frames.len()).unwrap_or(0);
    let last = u32::try_from(samples.len() % FRAME).unwrap_or(0);
    let mut file = b"MAC ".to_vec();
    // The version, the level, no flag but that there is no WAV header, and one channel.
    for half in [3870_u16, 1000, 32, 1] {
        file.extend(half.to_le_bytes());
    }
    for word in [RATE_HZ, 0, 0, count, last] {
        file.extend(word.to_le_bytes());
    }
    let mut start = file.len() + 4 * frames.len();
    for frame in &frames {
        file.extend(u32::try_from(start).unwrap_or(0).to_le_bytes());
        start += frame.len();
    }
    file.extend(frames.into_iter().flatten());
    file
}

fn ape_frame(samples: &[i32]) -> Vec<u8> {
    let mut bits = Bits::default();
    // A checksum that nobody looks at in files of this age.
    bits.put(0, 32);
    let (mut width, mut sum) = (10_u32, 16_u32 << 10);
    let (mut last, mut before, mut output, mut weight) = (0_i32, 0_i32, 0_i32, 375_i32);
    for (position, sample) in samples.iter().enumerate() {
        let residual = if position < 3 {
            (before, last, output) = (last, *sample, *sample);
            *sample
        } else {
            let predicted = 2 * last - before;
            let difference = sample - output;
            let residual = difference - ((predicted * weight) >> 9);
            weight += if residual ^ predicted > 0 { 1 } else { -1 };
            (before, last, output) = (last, difference, *sample);
            residual
        };
        let code = if residual > 0 { 2 * residual.unsigned_abs() - 1 } else { 2 * residual.unsigned_abs() };
        bits.put_unary(code >> width);
        bits.put(code, width);
        sum = sum + code - ((sum + 8) >> 4);
        if width > 0 && sum < 1 << (width + 4) {
            width -= 1;
        } else if sum >= 1 << (width + 5) {
            width += 1;
        }
    }
    bits.put(0, 32);
    bits.into_words()
}

/// Shorten 2: first differences in blocks of 256, Rice coded, behind the WAV header that it keeps.
pub(super) fn shorten() -> Vec<u8> {
    const BLOCK: usize = 256;
    const WIDTH: u32 = 9;
    let samples = samples(380 * BLOCK);
    let mut bits = Bits::default();
    for byte in b"ajkg\x02" {
        bits.put(u32::from(*byte), 8);
    }
    let rice = |bits: &mut Bits, value: u32, width: u32| {
        bits.put_unary(value >> width);
        bits.put(value, width);
    };
    // 16 bits with a sign, one channel, the block; no prediction of its own, no mean, nothing to skip.
    for (value, width) in [(5, 4), (1, 1), (256, 8), (0, 2), (0, 0), (0, 1)] {
        rice(&mut bits, width, 2);
        rice(&mut bits, value, width);
    }
    let header = wav_header(samples.len());
    rice(&mut bits, 9, 2);
    rice(&mut bits, 44, 5);
    for byte in header {
        rice(&mut bits, u32::from(byte), 8);
    }
    let mut last = 0;
    for block in samples.chunks(BLOCK) {
        rice(&mut bits, 1, 2);
        rice(&mut bits, WIDTH, 3);
        for sample in block {
            let difference = sample - last;
            last = *sample;
            let code = if difference < 0 {
                2 * difference.unsigned_abs() - 1
            } else {
                2 * difference.unsigned_abs()
            };
            rice(&mut bits, code, WIDTH + 1);
        }
    }
    rice(&mut bits, 4, 2);
    bits.put_zeros(64);
    bits.into_bytes()
}

fn wav_header(frames: usize) -> Vec<u8> {
    let bytes = u32::try_from(frames * 2).unwrap_or(0);
    let mut header = [b"RIFF", &(bytes + 36).to_le_bytes()[..], b"WAVEfmt ", &16_u32.to_le_bytes()].concat();
    header.extend([1, 0, 1, 0]);
    header.extend([RATE_HZ, RATE_HZ * 2].iter().flat_map(|word| word.to_le_bytes()));
    header.extend([2, 0, 16, 0]);
    header.extend([&b"data"[..], &bytes.to_le_bytes()].concat());
    header
}

/// DSD in DSF: one bit a sample, 64 times the rate of a CD, by a modulator of the second order.
pub(super) fn dsf() -> Vec<u8> {
    const BLOCK: usize = 4096;
    const DSD_HZ: u32 = 64 * RATE_HZ;
    let count = 190 * BLOCK * 8;
    let (mut first, mut second) = (0.0, 0.0);
    let mut data = vec![0_u8; count / 8];
    for (position, sample) in sweep(count, f64::from(DSD_HZ), 200.0, 580.0).into_iter().enumerate() {
        let bit = if second >= 0.0 { 1.0 } else { -1.0 };
        first += sample - bit;
        second += first - 2.0 * bit;
        if bit > 0.0 {
            data[position / 8] |= 1 << (position % 8);
        }
    }
    let long = |value: usize| (value as u64).to_le_bytes();
    let mut file = [&b"DSD "[..], &long(28), &long(28 + 52 + 12 + data.len()), &long(0)].concat();
    file.extend([&b"fmt "[..], &long(52)].concat());
    // Version, bare DSD, mono, one channel, the rate, one bit.
    for word in [1, 0, 1, 1, DSD_HZ, 1] {
        file.extend(word.to_le_bytes());
    }
    file.extend(long(count));
    file.extend([4096_u32, 0].iter().flat_map(|word| word.to_le_bytes()));
    file.extend([&b"data"[..], &long(12 + data.len())].concat());
    file.extend(data);
    file
}
