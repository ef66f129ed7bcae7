//! What an input with Opus tells: its header instead of a decoded packet, and lengths that count the encoder's delay.

use super::Input;
use crate::codec::Codec;
use crate::error::MediaError;
use crate::info::OpusTrack;
use crate::mix::Layout;
use crate::opus::{self, OpusHead, Order, Packet};
use crate::sniff::Kind;
use crate::trim::Trim;

impl Input {
    /// Takes rate and channels from the header, and the packets' length from the first of them. Nothing is decoded.
    pub(super) fn learn_opus(&mut self) -> Result<(), MediaError> {
        let order = if self.kind == Kind::IsoMp4 { Order::Big } else { Order::Little };
        let head = match (self.stream.params.extra_data.as_deref(), self.info.audio.channels) {
            (Some(bytes), _) => OpusHead::parse(bytes, order)?,
            (None, channels @ (1 | 2)) => OpusHead::plain(channels),
            (None, channels) => {
                let codec = format!("{} with {channels} channels and no header", Codec::Opus.label());
                return Err(MediaError::Unsupported { codec });
            }
        };
        self.stream.peek()?;
        let mut lengths = self
            .stream
            .peeked
            .iter()
            .map(|packet| Packet::read(&packet.data).map(|packet| packet.frames).ok());
        let first = lengths.next().flatten();
        let audio = &mut self.info.audio;
        audio.sample_rate_hz = opus::RATE_HZ;
        audio.channels = head.channels;
        audio.opus = Some(OpusTrack {
            packet_frames: first.filter(|_| lengths.all(|length| length == first)),
            mapping_family: head.mapping_family,
            output_gain: head.output_gain,
        });
        self.layout = Layout::of_count(usize::from(head.channels));
        self.opus = Some(head);
        Ok(())
    }

    /// In Ogg, positions count every decoded frame, the delay included, from wherever the first page says (RFC 7845,
    /// section 4).
    pub(super) fn measure_ogg_opus(&mut self) {
        let stream = &self.stream;
        let track = stream.reader.tracks().iter().find(|track| track.id == stream.track_id);
        let (Some(track), Some(head)) = (track, &self.opus) else { return };
        let start = track.start_ts.get();
        let end = track.num_frames.or(self.ogg_end).and_then(|end| i64::try_from(end).ok());
        let whole =
            end.and_then(|end| u64::try_from(end.checked_sub(start)?).ok()).filter(|whole| *whole > 0);
        let (delay, padding) = (track.delay, track.padding);
        self.trim = Trim { skip: u64::from(head.pre_skip), drop_from: whole, ..Trim::default() };
        self.declared_frames = whole.map(|whole| self.trim.kept_of(whole));
        self.expected_frames = self.declared_frames;
        self.summarise(delay, padding);
    }

    /// Elsewhere the delay is in the header only, unless an edit list has left it out already.
    pub(super) fn skip_opus_delay(&mut self) {
        let Some(head) = &self.opus else { return };
        if self.trim.skip > 0 || self.trim.drop_from.is_some() {
            return;
        }
        let delay = u64::from(head.pre_skip);
        self.trim.skip = delay;
        for frames in [&mut self.expected_frames, &mut self.declared_frames].into_iter().flatten() {
            *frames = frames.saturating_sub(delay);
        }
    }
}
