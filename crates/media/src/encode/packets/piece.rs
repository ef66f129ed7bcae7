//! One piece of a stream: whole packets of samples, with what is before them; and who makes packets of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::MediaError;
use crate::libopus::OpusEncoder;
use crate::target::Rate;

/// What all encoders of one stream are set to.
pub(super) struct Setting {
    pub(super) channels: u8,
    pub(super) rate: Rate,
    pub(super) cancel: Arc<AtomicBool>,
}

pub(super) struct Piece {
    /// The first packet's place in the stream.
    pub(super) number: u64,
    /// Packets of pre-roll.
    pub(super) lead: usize,
    /// The pre-roll's first.
    pub(super) packets: Vec<Packet>,
}

/// A packet's samples, interleaved. Each is given back to the system's allocator when it is encoded, at a size that the
/// next one has, too: pieces as a whole left holes. The pre-roll of a piece is the end of the one before, for both.
pub(super) type Packet = Arc<[f32]>;

/// A piece's packets.
#[derive(Debug, Default)]
pub(super) struct Coded {
    bytes: Vec<u8>,
    lengths: Vec<u16>,
    /// The first packet's place in the stream, where another encoder made the one before it.
    pub(super) seam: Option<u64>,
}

/// An encoder, and the place of the packet that it would go on with.
#[derive(Default)]
pub(super) struct Hand(Option<(OpusEncoder, u64)>);

impl Setting {
    /// Makes packets of a piece: goes on where the hand's last one ended here, and begins anew elsewhere.
    pub(super) fn encode(&self, hand: &mut Hand, piece: Piece) -> Result<Coded, MediaError> {
        let mut packets = piece.packets.into_iter();
        let pre_roll = packets.by_ref().take(piece.lead);
        let mut coded = Coded::default();
        let mut encoder = if let Some((encoder, _)) = hand.0.take().filter(|(_, next)| *next == piece.number)
        {
            pre_roll.for_each(drop);
            encoder
        } else {
            let mut encoder = OpusEncoder::new(self.channels, self.rate)?;
            for packet in pre_roll {
                self.look()?;
                encoder.encode(&packet)?;
            }
            if piece.number > 0
                && let Some(first) = packets.next()
            {
                coded.seam = Some(piece.number);
                coded.push(encoder.encode_alone(&first)?)?;
            }
            encoder
        };
        for packet in packets {
            self.look()?;
            coded.push(encoder.encode(&packet)?)?;
        }
        hand.0 = Some((encoder, piece.number + coded.lengths.len() as u64));
        Ok(coded)
    }

    fn look(&self) -> Result<(), MediaError> {
        if self.cancel.load(Ordering::Relaxed) { Err(MediaError::Cancelled) } else { Ok(()) }
    }
}

impl Coded {
    fn push(&mut self, packet: &[u8]) -> Result<(), MediaError> {
        let length = u16::try_from(packet.len())
            .map_err(|_| MediaError::Limit(format!("an opus packet of {} bytes", packet.len())))?;
        self.bytes.extend_from_slice(packet);
        self.lengths.push(length);
        Ok(())
    }

    pub(super) fn packets(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        self.lengths.iter().map(move |length| {
            let (packet, further) = rest.split_at(usize::from(*length));
            rest = further;
            packet
        })
    }
}
