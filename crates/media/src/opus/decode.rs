//! Decoding packets into planes, with the gain that the header asks for.
//!
//! The decoder works beside this thread, so it is kept supplied: packets are read ahead of what comes back.

use std::collections::VecDeque;

use crate::control::Control;
use crate::engine::{Decoded, OpusDecoder};
use crate::error::MediaError;
use crate::input::Stream;

use super::{OpusHead, frames_of};

/// Decodes packets one after another.
pub(crate) struct Planes {
    decoder: OpusDecoder,
    channels: usize,
    gain: f32,
    /// When the packets on their way are to be heard, and their frames by their own word.
    sent: VecDeque<(i64, u32)>,
    is_over: bool,
}

/// What became of a packet.
pub(crate) struct Block {
    /// The packet's time, in ticks of its track.
    pub(crate) pts: i64,
    /// The frames in the planes; where the packet is damaged, those that it should have become, and why there are none.
    pub(crate) frames: Result<usize, (usize, String)>,
}

impl Planes {
    pub(crate) fn start(head: &OpusHead, control: &Control) -> Result<Self, MediaError> {
        Ok(Self {
            decoder: OpusDecoder::start(&control.engines, &head.layout()?, control)?,
            channels: usize::from(head.channels),
            gain: gain_of(head.output_gain),
            sent: VecDeque::new(),
            is_over: false,
        })
    }

    /// Decodes the next packet of `stream` into `planes`; `None` after the last.
    pub(crate) fn advance(
        &mut self,
        stream: &mut Stream,
        planes: &mut Vec<Vec<f32>>,
    ) -> Result<Option<Block>, MediaError> {
        while !self.is_over && self.decoder.wants_packet() {
            match stream.next_packet()? {
                Some(packet) => {
                    self.decoder.send(&packet.data)?;
                    self.sent.push_back((packet.pts.get(), frames_of(&packet.data).unwrap_or(0)));
                }
                None => self.is_over = true,
            }
        }
        let Some((pts, declared)) = self.sent.pop_front() else { return Ok(None) };
        let frames = match self.decoder.receive()? {
            Decoded::Samples(samples) => Ok(spread(samples, self.channels, self.gain, planes)),
            Decoded::Damaged(why) => Err((declared as usize, why)),
        };
        Ok(Some(Block { pts, frames }))
    }

    /// Whether no packet is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.sent.is_empty()
    }
}

/// From 1/256 dB to a factor (RFC 7845, section 5.1).
fn gain_of(output_gain: i16) -> f32 {
    if output_gain == 0 { 1.0 } else { 10.0_f32.powf(f32::from(output_gain) / (20.0 * 256.0)) }
}

/// Takes interleaved samples apart; gives the frames.
fn spread(samples: &[f32], channels: usize, gain: f32, planes: &mut Vec<Vec<f32>>) -> usize {
    planes.resize_with(channels, Vec::new);
    for (channel, plane) in planes.iter_mut().enumerate() {
        plane.clear();
        plane.extend(samples.iter().skip(channel).step_by(channels).map(|sample| sample * gain));
    }
    samples.len() / channels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gain_is_in_256ths_of_a_decibel() {
        assert!((gain_of(0) - 1.0).abs() < f32::EPSILON);
        assert!((gain_of(-1541) - 0.5).abs() < 1e-3);
        assert!((gain_of(20 * 256) - 10.0).abs() < 1e-4);
    }

    #[test]
    fn samples_are_taken_apart_and_scaled() {
        let mut planes = vec![vec![9.0; 7]];
        assert_eq!(spread(&[1.0, 2.0, 3.0, 4.0], 2, 0.5, &mut planes), 2);
        assert_eq!(planes, [[0.5, 1.5], [1.0, 2.0]]);
    }
}
