//! The Opus packets of a stream of samples, made by one encoder, or piece by piece by as many as there are idle cores.
//!
//! A packet leans on the one before it: its energies are told as differences, its filter goes on from the last, and
//! what the encoder knows of the sound decides how many bits it gets. So whoever begins in the middle hears a while of
//! what was before and throws away what it makes of that, and its first packet is one that stands alone. That one is a
//! little worse for its bits, so pieces end where it is quiet. Whoever gets the piece that follows its last goes on as
//! if there were no pieces, and on one core the stream is that of a single encoder, byte for byte.
//!
//! At low rates libopus changes between its coders for speech and for music, and a decoder cannot follow from the one
//! of one encoder to the other of the next, so only what is transform coding from end to end is taken apart. Where the
//! rate varies it varies freely: held to its mean, an encoder spends what it has saved since it began, and one that
//! began elsewhere has saved otherwise, which was found at seams in loud music.

mod piece;

use std::sync::Arc;

use piece::{Coded, Hand, Packet, Piece, Setting};

use super::Heading;
use super::crew::{Crew, Terms};
use crate::control::Control;
use crate::error::MediaError;
use crate::libopus::{OpusEncoder, PACKET_FRAMES};
use crate::target::Rate;

/// Packets in a second.
const A_SECOND: u64 = 50;
/// Shorter inputs are encoded by one encoder, on the converting thread.
const MIN_SECONDS: u64 = 15;
/// What an encoder hears before its piece. What it needs to know of the sound for the bits of a packet takes it more
/// than a second: after less, the pieces of a film's sound came out a hundredth too small.
const PRE_ROLL_PACKETS: usize = 100;
/// The shortest piece of several: the first, so that all begin soon, and the last, so that all end together.
const MIN_PIECE_PACKETS: u64 = 5 * A_SECOND;
/// The packets at the end of a piece among which the quietest place is looked for.
const CALM_PACKETS: usize = 100;
/// What counts as that place, on each side: an attack right behind a pause would be the worst of all places.
const AROUND_PACKETS: usize = 4;
/// What the samples of all pieces may take together.
const STOCK_BYTES: u64 = 21 << 20;
/// Pieces of each thread that samples are kept for: the one in work, and the one that waits or is gathered.
const PIECES_EACH: usize = 2;
/// More only wait for the decoder, which takes about a quarter of the work.
const MAX_THREADS: usize = 4;

/// Makes packets of samples.
pub(super) struct Packets {
    crew: Crew<Hand, Piece, Coded>,
    threads: usize,
    channels: usize,
    lookahead: u16,
    /// How many packets there will likely be.
    expected: Option<u64>,
    /// The pre-roll of the next piece, and what there is of the piece.
    pending: Vec<Packet>,
    /// What there is of the next packet, interleaved.
    begun: Vec<f32>,
    /// Packets of pre-roll in `pending`.
    lead: usize,
    /// Packets of the next piece.
    length: usize,
    /// Packets that all pieces so far make.
    given: u64,
    frames_in: u64,
    /// First packets of encoders that took over.
    seams: Vec<u64>,
}

impl Packets {
    /// Starts an encoder at `rate`, or a first of several.
    pub(super) fn start(heading: &Heading<'_>, rate: Rate, control: &Control) -> Result<Self, MediaError> {
        let setting = Setting { channels: heading.plan.channels, rate, cancel: Arc::clone(&control.cancel) };
        Self::new(setting, control.threads(), heading.frames.map(|frames| frames / PACKET_FRAMES as u64 + 1))
    }

    fn new(setting: Setting, threads: usize, expected: Option<u64>) -> Result<Self, MediaError> {
        let channels = usize::from(setting.channels);
        let lookahead = OpusEncoder::new(setting.channels, setting.rate)?.lookahead()?;
        let is_short = expected.is_some_and(|packets| packets < MIN_SECONDS * A_SECOND);
        let may_spread = !is_short && can_be_taken_apart(setting.rate);
        let threads = if may_spread { threads.min(MAX_THREADS) } else { 1 };
        let terms = Terms { threads, alone: 0, ahead: PIECES_EACH };
        let mut packets = Self {
            crew: Crew::new(terms, move |hand, piece| setting.encode(hand, piece)),
            threads,
            channels,
            lookahead,
            expected,
            pending: Vec::new(),
            begun: Vec::new(),
            lead: 0,
            length: 0,
            given: 0,
            frames_in: 0,
            seams: Vec::new(),
        };
        packets.length = packets.next_length();
        Ok(packets)
    }

    /// How many frames the packets are late.
    pub(super) fn lookahead(&self) -> u16 {
        self.lookahead
    }

    /// Whether further cores make packets while they are idle.
    pub(super) fn spreads(&self) -> bool {
        self.threads > 1
    }

    /// The packets at which another encoder took over.
    pub(super) fn seams(&self) -> &[u64] {
        &self.seams
    }

    /// Takes equally long planes, and hands on the packets whose turn it is.
    pub(super) fn write(
        &mut self,
        planes: &[&[f32]],
        mut take: impl FnMut(&[u8]) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        let frames = planes.first().map_or(0, |plane| plane.len());
        self.frames_in += frames as u64;
        let mut start = 0;
        while start < frames {
            let end = frames.min(start + PACKET_FRAMES - self.begun.len() / self.channels);
            for frame in start..end {
                self.begun.extend(planes.iter().map(|plane| plane[frame]));
            }
            if self.begun.len() == PACKET_FRAMES * self.channels {
                self.end_packet();
                if self.pending.len() == self.lead + self.length {
                    self.give(self.quiet_end(), &mut take)?;
                }
            }
            start = end;
        }
        Ok(())
    }

    /// Fills the last packet up, makes one more where the lookahead reaches beyond it, and hands on the rest. Answers
    /// where the sound ends, in frames of the packets.
    pub(super) fn finish(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), MediaError>,
    ) -> Result<u64, MediaError> {
        let end = self.frames_in + u64::from(self.lookahead);
        let left = usize::try_from(end.div_ceil(PACKET_FRAMES as u64) - self.given).unwrap_or(0);
        if left > 0 {
            while self.pending.len() < self.lead + left {
                self.end_packet();
            }
            self.give(left, &mut take)?;
        }
        let Self { crew, seams, .. } = self;
        crew.finish(|coded| hand_on(&coded, seams, &mut take))?;
        Ok(end)
    }

    /// Lays the packet that was begun, filled up with silence, behind those that wait.
    fn end_packet(&mut self) {
        self.begun.resize(PACKET_FRAMES * self.channels, 0.0);
        self.pending.push(Packet::from(self.begun.as_slice()));
        self.begun.clear();
    }

    /// Gives the next piece of `length` packets, and keeps what it is not made of.
    fn give(
        &mut self,
        length: usize,
        take: &mut impl FnMut(&[u8]) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        let mut piece =
            Piece { number: self.given, lead: self.lead, packets: std::mem::take(&mut self.pending) };
        self.given += length as u64;
        self.length = self.next_length();
        if self.spreads() {
            let end = piece.lead + length;
            self.lead = PRE_ROLL_PACKETS.min(end);
            self.pending.extend_from_slice(&piece.packets[end - self.lead..]);
            piece.packets.truncate(end);
        }
        let Self { crew, seams, .. } = self;
        crew.give(piece, |coded| hand_on(&coded, seams, take))
    }

    /// Where to end the piece that lies in `pending`, in packets from its beginning.
    fn quiet_end(&self) -> usize {
        if !self.spreads() {
            return self.length;
        }
        let loudness = |packet: &Packet| packet.iter().map(|sample| sample * sample).sum::<f32>();
        let loud: Vec<f32> = self.pending.iter().map(loudness).collect();
        let loudest = |end: &usize| {
            loud[end - AROUND_PACKETS..end + AROUND_PACKETS].iter().copied().fold(0.0, f32::max)
        };
        let latest = loud.len() - AROUND_PACKETS;
        let ends = latest - CALM_PACKETS..latest;
        ends.min_by(|a, b| loudest(a).total_cmp(&loudest(b))).unwrap_or(latest) - self.lead
    }

    /// Short at first and at the end, and as long in between as there is memory for.
    fn next_length(&self) -> usize {
        if !self.spreads() {
            return 1;
        }
        let packet_bytes = PACKET_FRAMES * self.channels * size_of::<f32>();
        let pieces = (PIECES_EACH * self.threads) as u64;
        let longest = STOCK_BYTES / (packet_bytes as u64 * pieces) - PRE_ROLL_PACKETS as u64;
        let rest = self.expected.map_or(u64::MAX, |expected| expected.saturating_sub(self.given));
        let length = longest.min(self.given).min(rest / pieces).max(MIN_PIECE_PACKETS);
        usize::try_from(length).unwrap_or(1)
    }
}

fn hand_on(
    coded: &Coded,
    seams: &mut Vec<u64>,
    take: &mut impl FnMut(&[u8]) -> Result<(), MediaError>,
) -> Result<(), MediaError> {
    seams.extend(coded.seam);
    coded.packets().try_for_each(take)
}

/// Whether the packets of two encoders fit together.
///
/// The highest rate at which libopus would leave transform coding is 57,588 bit/s, for what is sure to be speech, is
/// the same in both channels, and was coded as speech before. A constant rate counts as a twelfth less there, which
/// makes it 63 kbit/s; at that, one seam of the tests is a hair too noisy. A rate that varies is held to the same.
fn can_be_taken_apart(rate: Rate) -> bool {
    matches!(rate, Rate::Cbr { kbps: 64.. } | Rate::Abr { kbps: 64.. })
}

#[cfg(test)]
mod tests;
