//! A limiter that knows what comes: it looks ahead, so that the gain is down when the peak is there.
//!
//! Each frame has a gain that would keep its true peak at the limit. The smallest of the next few milliseconds is held,
//! let go slowly, and averaged over as long: a mean of gains none of which is above what a frame needs is not above it
//! either. True peaks are estimated by interpolation at four times the rate (ITU-R BS.1770-4, annex 2).

use std::collections::VecDeque;

/// How far it looks ahead.
const AHEAD_S: f64 = 0.005;
/// How fast a gain comes back: to 63 % in that time.
const RELEASE_S: f64 = 0.1;
/// Interpolated points between two frames.
const BETWEEN: usize = 3;
/// Frames that a point is interpolated from.
const TAPS: usize = 12;

/// Takes true peaks down to a limit.
pub(super) struct Limiter {
    limit: f32,
    ahead: usize,
    release: f32,
    interpolation: [[f32; TAPS]; BETWEEN],
    /// Frames that are not yet out, by channel; the first is the next to come out.
    waiting: Vec<VecDeque<f32>>,
    /// The last frames, for interpolation.
    recent: Vec<VecDeque<f32>>,
    /// What the frames ask for whose neighbours are not all known.
    asked: VecDeque<f32>,
    /// Gains that may become the smallest of those ahead, with the frame that asked for each.
    smallest: VecDeque<(u64, f32)>,
    /// Frames whose gain is known.
    known: u64,
    released: f32,
    /// The gains that the mean is taken of.
    held: VecDeque<f32>,
    sum: f64,
    out: Vec<Vec<f32>>,
}

impl Limiter {
    pub(super) fn new(limit: f32, rate_hz: u32, channels: usize) -> Self {
        let rate_hz = f64::from(rate_hz);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most some thousands")]
        let ahead = (rate_hz * AHEAD_S).ceil().max(2.0) as usize;
        #[expect(clippy::cast_possible_truncation, reason = "a share")]
        let release = (1.0 - (-1.0 / (rate_hz * RELEASE_S)).exp()) as f32;
        Self {
            limit,
            ahead,
            release,
            interpolation: interpolation(),
            waiting: vec![VecDeque::new(); channels],
            recent: vec![VecDeque::from([0.0; TAPS]); channels],
            asked: VecDeque::from([1.0]),
            smallest: VecDeque::new(),
            known: 0,
            released: 1.0,
            held: std::iter::repeat_n(1.0, ahead).collect(),
            sum: wide(ahead),
            out: vec![Vec::new(); channels],
        }
    }

    /// Takes equally long planes; gives what is ready.
    pub(super) fn push(&mut self, planes: &[Vec<f32>]) -> &[Vec<f32>] {
        self.out.iter_mut().for_each(Vec::clear);
        let frames = planes.first().map_or(0, Vec::len);
        for frame in 0..frames {
            self.take(|channel| {
                planes.get(channel).and_then(|plane| plane.get(frame)).copied().unwrap_or(0.0)
            });
        }
        &self.out
    }

    /// Gives what is still waiting.
    pub(super) fn finish(&mut self) -> &[Vec<f32>] {
        self.out.iter_mut().for_each(Vec::clear);
        let left = self.waiting.first().map_or(0, VecDeque::len);
        while self.out.first().is_some_and(|plane| plane.len() < left) {
            self.take(|_| 0.0);
        }
        for plane in &mut self.out {
            plane.truncate(left);
        }
        &self.out
    }

    fn take(&mut self, sample_of: impl Fn(usize) -> f32) {
        // The frame before the middle of what is known, its right neighbour, and what lies between them.
        let (mut own, mut between) = (0.0_f32, 0.0_f32);
        for (channel, (waiting, recent)) in self.waiting.iter_mut().zip(&mut self.recent).enumerate() {
            let sample = sample_of(channel);
            waiting.push_back(sample);
            recent.pop_front();
            recent.push_back(sample);
            own = own.max(recent[TAPS / 2].abs());
            for weights in &self.interpolation {
                let point: f32 = recent.iter().zip(weights).map(|(sample, weight)| sample * weight).sum();
                between = between.max(point.abs());
            }
        }
        let asked = |peak: f32| if peak > self.limit { self.limit / peak } else { 1.0 };
        if let Some(left) = self.asked.back_mut() {
            *left = left.min(asked(between));
        }
        self.asked.push_back(asked(own).min(asked(between)));
        if self.asked.len() > 1
            && let Some(gain) = self.asked.pop_front()
        {
            self.know(gain);
        }
    }

    /// Takes what the next frame asks for, and lets the frame out whose gain that completes.
    fn know(&mut self, gain: f32) {
        while self.smallest.back().is_some_and(|(_, later)| *later >= gain) {
            self.smallest.pop_back();
        }
        self.smallest.push_back((self.known, gain));
        self.known += 1;
        let ahead = self.ahead as u64;
        if self.smallest.front().is_some_and(|(frame, _)| frame + ahead < self.known) {
            self.smallest.pop_front();
        }
        let smallest = self.smallest.front().map_or(1.0, |(_, gain)| *gain);
        self.released = smallest.min(self.released + (1.0 - self.released) * self.release);
        let oldest = self.held.pop_front().unwrap_or(1.0);
        self.held.push_back(self.released);
        self.sum += f64::from(self.released) - f64::from(oldest);
        // A point is known when half of what it is interpolated from has come after it.
        if self.known >= (self.ahead + TAPS / 2) as u64 {
            #[expect(clippy::cast_possible_truncation, reason = "a gain")]
            let gain = (self.sum / wide(self.ahead)) as f32;
            for (out, waiting) in self.out.iter_mut().zip(&mut self.waiting) {
                out.extend(waiting.pop_front().map(|sample| sample * gain));
            }
        }
    }
}

fn wide(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// Weights of a sinc under a Hann window, for the points between the two frames in the middle.
fn interpolation() -> [[f32; TAPS]; BETWEEN] {
    let mut all = [[0.0; TAPS]; BETWEEN];
    for (point, weights) in all.iter_mut().enumerate() {
        let place = wide(TAPS / 2 - 1) + wide(point + 1) / wide(BETWEEN + 1);
        let mut ideal = [0.0_f64; TAPS];
        for (tap, weight) in ideal.iter_mut().enumerate() {
            let away = wide(tap) - place;
            let window = (std::f64::consts::PI * away / wide(TAPS + 1)).cos().powi(2);
            *weight = (std::f64::consts::PI * away).sin() / (std::f64::consts::PI * away) * window;
        }
        let sum: f64 = ideal.iter().sum();
        for (weight, ideal) in weights.iter_mut().zip(ideal) {
            #[expect(clippy::cast_possible_truncation, reason = "a weight")]
            let scaled = (ideal / sum) as f32;
            *weight = scaled;
        }
    }
    all
}
