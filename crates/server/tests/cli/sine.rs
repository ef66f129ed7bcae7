//! A small real recording: a tone as a WAVE file.

/// A tone of 440 Hz, 16 bit, as WAVE.
pub(crate) fn wav(seconds: u32, rate_hz: u32, channels: u16) -> Vec<u8> {
    let frames = seconds * rate_hz;
    let data_bytes = frames * u32::from(channels) * 2;
    let mut bytes = Vec::new();
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(36 + data_bytes).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    bytes.extend_from_slice(&16_u32.to_le_bytes());
    bytes.extend_from_slice(&1_u16.to_le_bytes());
    bytes.extend_from_slice(&channels.to_le_bytes());
    bytes.extend_from_slice(&rate_hz.to_le_bytes());
    bytes.extend_from_slice(&(rate_hz * u32::from(channels) * 2).to_le_bytes());
    bytes.extend_from_slice(&(channels * 2).to_le_bytes());
    bytes.extend_from_slice(&16_u16.to_le_bytes());
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&data_bytes.to_le_bytes());
    for frame in 0..frames {
        let turns = f64::from(frame) * 440.0 / f64::from(rate_hz);
        #[expect(clippy::cast_possible_truncation, reason = "within a quarter of the range")]
        let sample = ((turns * std::f64::consts::TAU).sin() * 8000.0) as i16;
        for _ in 0..channels {
            bytes.extend_from_slice(&sample.to_le_bytes());
        }
    }
    bytes
}
