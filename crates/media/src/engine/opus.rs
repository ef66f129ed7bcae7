//! Opus packets to samples, decoded by a confined child.
//!
//! A pipeline: packets are sent ahead and answers come back in order, so that the child decodes while the
//! parent encodes, and a whole batch crosses with one switch of processes. Every size is checked on this
//! side too: a child that a hostile packet has taken over can answer wrong samples, and no more than that.

use super::pipes::{Piped, Turn};
use super::{Engines, spawn, wire};
use crate::control::Control;
use crate::error::MediaError;

/// 120 ms at 48 kHz, the most that a packet may hold (RFC 6716, section 3.2.5).
pub(super) const MAX_FRAMES: usize = 5760;
/// Channels beyond these have no layout in RFC 7845's mapping family 1.
const MAX_CHANNELS: u8 = 8;
/// Packets under way.
const BATCH: usize = 32;
/// Packets that are written in one go, while the others of a batch are still being decoded.
const WRITE_PACKETS: usize = 8;

/// How the streams of a packet make up the channels: RFC 7845, section 5.1.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpusLayout {
    channels: u8,
    streams: u8,
    coupled: u8,
    mapping: [u8; MAX_CHANNELS as usize],
}

impl OpusLayout {
    /// A longer packet, of all streams together, is damaged: each has at most 48 frames of 1,275 bytes, and
    /// padding beyond that serves no file.
    pub(super) const MAX_PACKET_BYTES: usize = 62_000 * MAX_CHANNELS as usize;

    /// Takes the fields of an identification header and refuses what contradicts itself.
    pub fn new(channels: u8, streams: u8, coupled: u8, mapping: &[u8]) -> Result<Self, MediaError> {
        let wrong = |what: String| Err(MediaError::Corrupt(format!("its opus header {what}")));
        if !(1..=MAX_CHANNELS).contains(&channels) || mapping.len() != usize::from(channels) {
            return wrong(format!("has {channels} channels and a mapping of {}", mapping.len()));
        }
        if streams == 0 || coupled > streams || streams > MAX_CHANNELS {
            return wrong(format!("has {streams} streams, {coupled} of them coupled"));
        }
        // 255 is a channel that stays silent.
        if let Some(index) = mapping.iter().find(|&&index| index != 255 && index >= streams + coupled) {
            return wrong(format!("maps a channel to stream channel {index} of {}", streams + coupled));
        }
        let mut all = [255; MAX_CHANNELS as usize];
        all[..mapping.len()].copy_from_slice(mapping);
        Ok(Self { channels, streams, coupled, mapping: all })
    }

    /// Mono or stereo, as in mapping family 0.
    #[must_use]
    pub fn plain(is_stereo: bool) -> Self {
        let mut mapping = [255; MAX_CHANNELS as usize];
        mapping[0] = 0;
        if is_stereo {
            mapping[1] = 1;
        }
        Self { channels: 1 + u8::from(is_stereo), streams: 1, coupled: u8::from(is_stereo), mapping }
    }

    /// The number of channels.
    #[must_use]
    pub fn channels(&self) -> u8 {
        self.channels
    }

    pub(super) fn streams(&self) -> u8 {
        self.streams
    }

    pub(super) fn coupled(&self) -> u8 {
        self.coupled
    }

    pub(super) fn mapping(&self) -> &[u8] {
        &self.mapping[..usize::from(self.channels)]
    }
}

/// What became of a packet.
#[derive(Debug, PartialEq)]
pub enum Decoded<'a> {
    /// Interleaved samples at 48 kHz.
    Samples(&'a [f32]),
    /// It cannot be decoded, for this reason; the packets after it may.
    Damaged(String),
}

/// A running decoder. Dropping it ends its child.
pub struct OpusDecoder {
    piped: Piped,
    channels: usize,
    is_ready: bool,
    /// Packets sent and not answered.
    pending: usize,
    unsent: usize,
    /// Packets answered.
    answered: u64,
    incoming: Vec<u8>,
    /// How much of `incoming` has been taken.
    taken: usize,
    samples: Vec<f32>,
}

impl OpusDecoder {
    /// Starts the child, without waiting for it.
    ///
    /// Cancelling through `control` ends it, and any call then fails with [`MediaError::Cancelled`].
    pub fn start(engines: &Engines, layout: &OpusLayout, control: &Control) -> Result<Self, MediaError> {
        engines.opus_decoder().map_err(MediaError::Missing)?;
        let command = engines.child("opus", Vec::new()).map_err(std::io::Error::other)?;
        let mut piped = Piped::new(spawn::spawn(command)?, Some(&control.cancel), spawn::PATIENCE)?;
        wire::put_layout(layout, piped.outgoing());
        Ok(Self {
            piped,
            channels: usize::from(layout.channels()),
            is_ready: false,
            pending: 0,
            unsent: 0,
            answered: 0,
            incoming: Vec::new(),
            taken: 0,
            samples: Vec::new(),
        })
    }

    /// Whether sending another packet makes sense before the next answer is taken.
    #[must_use]
    pub fn wants_packet(&self) -> bool {
        self.pending < BATCH
    }

    /// How many packets were sent whose answers have not been received.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Sends a packet ahead. Does not wait for the child.
    pub fn send(&mut self, packet: &[u8]) -> Result<(), MediaError> {
        // One that is too long is answered like any damaged one.
        let packet = if packet.len() > OpusLayout::MAX_PACKET_BYTES { &[] } else { packet };
        wire::put_packet(packet, self.piped.outgoing());
        self.pending += 1;
        self.unsent += 1;
        if self.unsent >= WRITE_PACKETS {
            self.unsent = 0;
            self.piped.feed()?;
        }
        Ok(())
    }

    /// Waits for what became of the oldest packet that was sent and not yet received.
    ///
    /// Every error ends the stream: the child is gone, was ended, or could not begin.
    pub fn receive(&mut self) -> Result<Decoded<'_>, MediaError> {
        if self.pending == 0 {
            return Err(std::io::Error::other("no opus packet is under way").into());
        }
        if !self.is_ready {
            self.begin()?;
        }
        let outcome = self.answer()?;
        self.pending -= 1;
        self.answered += 1;
        Ok(match outcome {
            Ok(bytes) => {
                wire::take_samples(&self.incoming[bytes], &mut self.samples);
                Decoded::Samples(&self.samples)
            }
            Err(code) => Decoded::Damaged(format!("libopus refuses it with code {code}")),
        })
    }

    /// Sends one packet and waits for it; for use without reading ahead.
    pub fn decode(&mut self, packet: &[u8]) -> Result<Decoded<'_>, MediaError> {
        self.send(packet)?;
        self.receive()
    }

    fn begin(&mut self) -> Result<(), MediaError> {
        let began = self.answer()?;
        self.is_ready = true;
        began
            .map(drop)
            .map_err(|code| MediaError::Corrupt(format!("libopus refuses its header with code {code}")))
    }

    /// The next answer: where its samples lie, or libopus' code.
    fn answer(&mut self) -> Result<Result<std::ops::Range<usize>, i32>, MediaError> {
        self.wait_for(wire::HEAD_BYTES)?;
        let head = wire::answer_head(&self.incoming[self.taken..]).unwrap_or(-1);
        let Ok(frames) = usize::try_from(head) else {
            self.taken += wire::HEAD_BYTES;
            return Ok(Err(head));
        };
        if frames > MAX_FRAMES {
            return Err(self.gave_up(&format!("it answers {frames} frames")));
        }
        let length = frames * self.channels * size_of::<f32>();
        self.wait_for(wire::HEAD_BYTES + length)?;
        let start = self.taken + wire::HEAD_BYTES;
        self.taken = start + length;
        Ok(Ok(start..start + length))
    }

    /// Waits until so many bytes that were not taken are here.
    fn wait_for(&mut self, bytes: usize) -> Result<(), MediaError> {
        if self.incoming.len() - self.taken >= bytes {
            return Ok(());
        }
        self.incoming.drain(..self.taken);
        self.taken = 0;
        self.unsent = 0;
        while self.incoming.len() < bytes {
            match self.piped.turn(&mut self.incoming)? {
                Turn::Moved => {}
                Turn::Silent => return Err(self.gave_up("it has not answered for 10 s")),
                Turn::Ended => {
                    let how = self.piped.ending()?.how;
                    return Err(self.gave_up(&how));
                }
            }
        }
        Ok(())
    }

    fn gave_up(&mut self, how: &str) -> MediaError {
        self.piped.kill();
        if self.is_ready {
            MediaError::Corrupt(format!("the opus decoder gave up at packet {}: {how}", self.answered + 1))
        } else {
            std::io::Error::other(format!("the opus decoder did not start: {how}")).into()
        }
    }
}

impl std::fmt::Debug for OpusDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpusDecoder")
            .field("channels", &self.channels)
            .field("pending", &self.pending)
            .field("answered", &self.answered)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_that_contradicts_itself_is_refused() {
        assert!(OpusLayout::new(6, 4, 2, &[0, 4, 1, 2, 3, 5]).is_ok());
        assert!(OpusLayout::new(2, 2, 0, &[0, 255]).is_ok());
        for (channels, streams, coupled, mapping) in [
            (0, 1, 0, &[][..]),
            (9, 9, 0, &[0; 9]),
            (2, 1, 1, &[0]),
            (2, 0, 0, &[0, 0]),
            (2, 1, 2, &[0, 1]),
            (2, 1, 0, &[0, 1]),
            (1, 255, 255, &[0]),
        ] {
            assert!(
                OpusLayout::new(channels, streams, coupled, mapping).is_err(),
                "{channels} {streams} {coupled}"
            );
        }
    }

    #[test]
    fn mono_and_stereo_are_one_stream() {
        assert_eq!(OpusLayout::plain(false), OpusLayout::new(1, 1, 0, &[0]).unwrap());
        assert_eq!(OpusLayout::plain(true).mapping(), [0, 1]);
    }
}
