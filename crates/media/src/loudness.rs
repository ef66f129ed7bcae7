//! Loudness as EBU R 128 has it: measured over the whole input first, then brought to what was asked for.
//!
//! One gain for all of it keeps the music as it is. Only where that would put a true peak above the limit, a limiter
//! takes those peaks down; what it costs in loudness is measured and said.

mod limiter;
mod meter;

use serde::{Deserialize, Serialize};

use crate::error::MediaError;
use crate::mix::Layout;
use limiter::Limiter;
pub(crate) use meter::Meter;

/// What can be asked for, in LUFS: below, there is nothing to hear, above, there is nothing but the limiter.
const LUFS_RANGE: std::ops::RangeInclusive<f64> = -40.0..=-5.0;
/// Limits of true peaks that can be asked for, in dBTP.
const PEAK_RANGE: std::ops::RangeInclusive<f64> = -9.0..=0.0;
/// The largest gain: what is more silent is hardly more than noise.
const MAX_GAIN_DB: f64 = 40.0;
/// A miss that is worth a sentence, in LU; the standard's own tolerance (EBU R 128, 2023, recommendation f).
const TOLERANCE_LU: f64 = 0.5;

/// How loud an output is to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loudness {
    /// Over the whole programme, gated, in LUFS (ITU-R BS.1770).
    pub integrated_lufs: f64,
    /// What no true peak passes, in dB relative to full scale (dBTP).
    pub true_peak_dbtp: f64,
}

impl Loudness {
    /// As loud as that, with true peaks up to -1 dBTP, as EBU R 128 recommends for production.
    #[must_use]
    pub fn of(integrated_lufs: f64) -> Self {
        Self { integrated_lufs, true_peak_dbtp: -1.0 }
    }

    /// Refuses what makes no sense, as [`MediaError::BadTarget`].
    pub(crate) fn check(&self) -> Result<(), MediaError> {
        let bad = |what: &str, value: f64, range: &std::ops::RangeInclusive<f64>| {
            Err(MediaError::BadTarget(format!(
                "{what} of {value}; {} to {} are possible",
                range.start(),
                range.end()
            )))
        };
        if !LUFS_RANGE.contains(&self.integrated_lufs) {
            return bad("a loudness in LUFS", self.integrated_lufs, &LUFS_RANGE);
        }
        if !PEAK_RANGE.contains(&self.true_peak_dbtp) {
            return bad("a true peak in dBTP", self.true_peak_dbtp, &PEAK_RANGE);
        }
        Ok(())
    }
}

/// What a first pass found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measured {
    /// `None` where all of it is below the gate: silence, or less than 400 ms.
    pub(crate) integrated_lufs: Option<f64>,
    /// The largest true peak, 1 being full scale.
    pub(crate) true_peak: f64,
}

/// Brings what passes through to a loudness.
pub(crate) struct Leveller {
    wanted: Loudness,
    found: Option<f64>,
    gain: f32,
    limiter: Option<Limiter>,
    outcome: Meter,
    scaled: Vec<Vec<f32>>,
}

impl Leveller {
    pub(crate) fn new(
        wanted: Loudness,
        measured: Measured,
        rate_hz: u32,
        layout: Layout,
        channels: usize,
    ) -> Result<Self, MediaError> {
        let gain_db =
            measured.integrated_lufs.map_or(0.0, |lufs| (wanted.integrated_lufs - lufs).min(MAX_GAIN_DB));
        let (gain, limit) = (from_db(gain_db), from_db(wanted.true_peak_dbtp));
        let is_too_high = measured.integrated_lufs.is_some() && measured.true_peak * gain > limit;
        #[expect(clippy::cast_possible_truncation, reason = "both are small")]
        let (gain, limit) = (gain as f32, limit as f32);
        Ok(Self {
            wanted,
            found: measured.integrated_lufs,
            gain,
            limiter: is_too_high.then(|| Limiter::new(limit, rate_hz, channels)),
            outcome: Meter::new(rate_hz, layout, channels)?,
            scaled: vec![Vec::new(); channels],
        })
    }

    /// Takes equally long planes and hands what comes out to `next`; that may lag behind.
    pub(crate) fn push(
        &mut self,
        planes: &[&[f32]],
        mut next: impl FnMut(&[&[f32]]) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        let Self { gain, limiter, outcome, scaled, .. } = self;
        for (scaled, plane) in scaled.iter_mut().zip(planes) {
            scaled.clear();
            scaled.extend(plane.iter().map(|sample| sample * *gain));
        }
        let ready = match limiter {
            Some(limiter) => limiter.push(scaled),
            None => scaled,
        };
        let planes: Vec<&[f32]> = ready.iter().map(Vec::as_slice).collect();
        outcome.add(&planes)?;
        // Where the limiter still looks ahead, there is nothing yet.
        if planes.first().is_none_or(|plane| plane.is_empty()) { Ok(()) } else { next(&planes) }
    }

    /// Hands out what lags behind, and says what was done.
    pub(crate) fn finish(
        mut self,
        mut next: impl FnMut(&[&[f32]]) -> Result<(), MediaError>,
    ) -> Result<String, MediaError> {
        if let Some(limiter) = &mut self.limiter {
            let planes: Vec<&[f32]> = limiter.finish().iter().map(Vec::as_slice).collect();
            self.outcome.add(&planes)?;
            next(&planes)?;
        }
        Ok(self.told())
    }

    fn told(&self) -> String {
        let wanted = self.wanted.integrated_lufs;
        let (Some(found), Some(reached)) = (self.found, self.outcome.measured().integrated_lufs) else {
            return "its loudness was left alone: there is nothing above the gate of -70 LUFS".into();
        };
        let limited = if self.limiter.is_some() {
            format!(", with its peaks held at {} dBTP", self.wanted.true_peak_dbtp)
        } else {
            String::new()
        };
        if (reached - wanted).abs() <= TOLERANCE_LU {
            format!("loudness brought from {found:.1} to {reached:.1} LUFS{limited}")
        } else {
            format!("loudness brought from {found:.1} to {reached:.1} LUFS instead of {wanted}{limited}")
        }
    }
}

fn from_db(decibels: f64) -> f64 {
    10_f64.powf(decibels / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: u32 = 48_000;

    /// Seconds of a tone with a click a second that is `click` high.
    fn tone(seconds: u32, level: f32, click: f32) -> Vec<f32> {
        (0..seconds * RATE_HZ)
            .map(|at| {
                let turn = f64::from(at) * 997.0 / f64::from(RATE_HZ) * std::f64::consts::TAU;
                #[expect(clippy::cast_possible_truncation, reason = "a sample")]
                let sample = turn.sin() as f32 * level;
                if at % RATE_HZ == 100 { click } else { sample }
            })
            .collect()
    }

    fn levelled(wanted: Loudness, plane: &[f32]) -> (Vec<f32>, Measured, String) {
        let stereo = Layout::of_count(2);
        let mut before = Meter::new(RATE_HZ, stereo, 2).unwrap();
        before.add(&[plane, plane]).unwrap();
        let mut leveller = Leveller::new(wanted, before.measured(), RATE_HZ, stereo, 2).unwrap();
        let mut out = Vec::new();
        // Pieces of odd lengths, as decoders hand them out.
        for piece in plane.chunks(1013) {
            leveller
                .push(&[piece, piece], |planes| {
                    assert_eq!(planes[0], planes[1]);
                    out.extend_from_slice(planes[0]);
                    Ok(())
                })
                .unwrap();
        }
        let mut rest = Vec::new();
        let told = leveller
            .finish(|planes| {
                rest.extend_from_slice(planes[0]);
                Ok(())
            })
            .unwrap();
        out.extend(rest);
        let mut after = Meter::new(RATE_HZ, stereo, 2).unwrap();
        after.add(&[&out, &out]).unwrap();
        let measured = after.measured();
        (out, measured, told)
    }

    #[test]
    fn what_is_soft_is_brought_up_by_one_gain() {
        let plane = tone(5, 0.01, 0.0);
        let (out, after, told) = levelled(Loudness::of(-16.0), &plane);
        assert!((after.integrated_lufs.unwrap() + 16.0).abs() < 0.1, "{after:?}");
        let gain = out[1000] / plane[1000];
        assert!(out.iter().zip(&plane).all(|(out, plane)| (out - plane * gain).abs() < 1e-6));
        assert!(told.ends_with("to -16.0 LUFS"), "{told}");
    }

    #[test]
    fn no_true_peak_passes_the_limit_and_nothing_moves_in_time() {
        let plane = tone(5, 0.05, 0.9);
        let (out, after, told) = levelled(Loudness::of(-16.0), &plane);
        assert_eq!(out.len(), plane.len());
        assert!(after.true_peak <= from_db(-0.9), "{after:?}");
        // What the clicks lost was a part of the loudness.
        assert!((after.integrated_lufs.unwrap() + 16.0).abs() < 1.0, "{after:?}");
        // Far from any click the limiter does nothing but the gain.
        let far = 24_000;
        let gain = out[far + 7] / plane[far + 7];
        assert!((far..far + 4_000).all(|at| (out[at] - plane[at] * gain).abs() < 1e-3));
        assert!(told.contains("held at -1 dBTP"), "{told}");
    }

    #[test]
    fn silence_stays_silence_and_is_told() {
        let (out, _, told) = levelled(Loudness::of(-16.0), &vec![0.0; 48_000]);
        assert!(out.iter().all(|sample| *sample == 0.0));
        assert!(told.contains("left alone"), "{told}");
    }

    #[test]
    fn what_cannot_be_reached_is_said_with_what_was() {
        // All of it is peaks: a square wave whose loudness is its peak's.
        let plane: Vec<f32> = (0..240_000).map(|at| if at / 60 % 2 == 0 { 0.5 } else { -0.5 }).collect();
        let (_, after, told) = levelled(Loudness { integrated_lufs: -5.0, true_peak_dbtp: -9.0 }, &plane);
        assert!(after.integrated_lufs.unwrap() < -6.0, "{after:?}");
        assert!(told.contains("instead of -5"), "{told}");
    }

    #[test]
    fn a_target_without_sense_is_refused_with_what_is_possible() {
        let refused = |loudness: Loudness| loudness.check().unwrap_err().to_string();
        assert!(refused(Loudness::of(0.0)).contains("-40 to -5"), "{}", refused(Loudness::of(0.0)));
        assert!(refused(Loudness::of(f64::NAN)).contains("are possible"));
        let above = Loudness { true_peak_dbtp: 1.0, ..Loudness::of(-16.0) };
        assert!(refused(above).contains("-9 to 0"));
        assert!(Loudness::of(-23.0).check().is_ok());
    }
}
