//! What is measured: integrated loudness (ITU-R BS.1770-4, gated as EBU R 128 says) and the largest true peak.

use ebur128::{Channel, EbuR128, Mode};

use super::Measured;
use crate::error::MediaError;
use crate::mix::Layout;

/// Measures what is added.
pub(crate) struct Meter {
    meter: EbuR128,
    channels: u32,
}

impl Meter {
    pub(crate) fn new(rate_hz: u32, layout: Layout, channels: usize) -> Result<Self, MediaError> {
        let refused = |error: ebur128::Error| {
            MediaError::Limit(format!("loudness of {channels} channels at {rate_hz} Hz: {error}"))
        };
        let count = u32::try_from(channels).unwrap_or(u32::MAX);
        // A histogram takes the same memory whatever the length.
        let mode = Mode::I | Mode::TRUE_PEAK | Mode::HISTOGRAM;
        let mut meter = EbuR128::new(count, rate_hz, mode).map_err(refused)?;
        for (channel, position) in (0..count).zip(positions(layout)) {
            meter.set_channel(channel, position).map_err(refused)?;
        }
        Ok(Self { meter, channels: count })
    }

    pub(crate) fn add(&mut self, planes: &[&[f32]]) -> Result<(), MediaError> {
        if planes.first().is_none_or(|plane| plane.is_empty()) {
            return Ok(());
        }
        let failed =
            |error: ebur128::Error| MediaError::Limit(format!("its loudness cannot be measured: {error}"));
        self.meter.add_frames_planar_f32(planes).map_err(failed)
    }

    pub(crate) fn measured(&self) -> Measured {
        let integrated_lufs = self.meter.loudness_global().ok().filter(|lufs| lufs.is_finite());
        let peaks = (0..self.channels).filter_map(|channel| self.meter.true_peak(channel).ok());
        Measured { integrated_lufs, true_peak: peaks.fold(0.0, f64::max) }
    }
}

/// What each plane counts as: surrounds weigh more and the low-frequency channel nothing (BS.1770-4, table 3).
fn positions(layout: Layout) -> impl Iterator<Item = Channel> {
    (0..u32::BITS).filter(move |bit| layout.mask >> bit & 1 == 1).map(|bit| match bit {
        0 | 6 => Channel::Left,
        1 | 7 => Channel::Right,
        3 => Channel::Unused,
        4 | 9 => Channel::LeftSurround,
        5 | 10 => Channel::RightSurround,
        _ => Channel::Center,
    })
}
