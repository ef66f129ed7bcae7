//! Decodes the chosen track block by block and proves at the end that what came out is what was declared.
//!
//! A decoder can be wrong without an error: half the frames, double the speed, a stream that stops early.
//! So decoded frames are counted against the packets' timestamps and against the container's length, for
//! every codec, and a difference that no sound file has fails the conversion.

use std::ops::Range;

use symphonia::core::audio::{Audio, GenericAudioBufferRef};
use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;

use crate::codec::Codec;
use crate::control::Control;
use crate::error::MediaError;
use crate::input::{Input, Stream};
use crate::opus::{self, Block};
use crate::plan::MAX_CHANNELS;
use crate::sniff::Kind;
use crate::timeline::Timeline;
use crate::trim::{Last, Trim, ticks_to_frames};

/// More of a packet than this is never made silent.
const MAX_SILENT_FRAMES: usize = 65_536;

/// What understands the packets.
enum Decoder {
    /// One of the library's.
    Library(Box<dyn AudioDecoder>),
    Opus(Box<opus::Planes>),
}

/// A running decoder.
pub(crate) struct Decoding {
    stream: Stream,
    decoder: Decoder,
    trim: Trim,
    kind: Kind,
    codec: Codec,
    rate_hz: u32,
    channels: usize,
    declared_frames: Option<u64>,
    /// Samples that did not come as 32-bit floats, and silence.
    converted: Vec<Vec<f32>>,
    is_converted: bool,
    range: Range<usize>,
    decoded_frames: u64,
    kept_frames: u64,
    packets: u64,
    damaged: u64,
    damage: Option<String>,
    largest_packet: u64,
    timeline: Timeline,
    notes: Vec<String>,
}

impl Decoding {
    pub(crate) fn start(input: Input, control: &Control) -> Result<Self, MediaError> {
        // MP3's and MP4's trims are counted here; the demuxer's would rest on estimates.
        let gapless = !matches!(input.kind, Kind::Mpeg { .. } | Kind::IsoMp4);
        let decoder = match &input.opus {
            Some(head) => Decoder::Opus(Box::new(opus::Planes::start(head, control)?)),
            None => Decoder::Library(input.stream.decoder(gapless)?),
        };
        Ok(Self {
            decoder,
            timeline: Timeline::default(),
            trim: input.trim,
            kind: input.kind,
            codec: input.info.audio.codec,
            rate_hz: input.info.audio.sample_rate_hz,
            channels: usize::from(input.info.audio.channels),
            declared_frames: input.declared_frames,
            stream: input.stream,
            converted: Vec::new(),
            is_converted: false,
            range: 0..0,
            decoded_frames: 0,
            kept_frames: 0,
            packets: 0,
            damaged: 0,
            damage: None,
            largest_packet: 0,
            notes: Vec::new(),
        })
    }

    /// Decodes up to the next block that is to be heard and returns its frames, or `None` at the end.
    pub(crate) fn advance(&mut self) -> Result<Option<usize>, MediaError> {
        loop {
            let Some(frames) = self.decode_next()? else {
                self.prove()?;
                return Ok(None);
            };
            self.range = self.trim.keep(self.decoded_frames, frames);
            if self.trim.last != Last::Whole && self.is_at_end()? {
                let end = self.trim.last.kept_of(self.decoded_frames, frames);
                self.range.end = end.clamp(self.range.start, self.range.end);
            }
            self.decoded_frames += frames as u64;
            self.kept_frames += self.range.len() as u64;
            if !self.range.is_empty() {
                return Ok(Some(self.range.len()));
            }
        }
    }

    /// Shows the block that `advance` decoded, one plane a channel.
    pub(crate) fn with_planes<T>(&self, show: impl FnOnce(&[&[f32]]) -> T) -> T {
        let mut planes: [&[f32]; MAX_CHANNELS as usize] = [&[]; MAX_CHANNELS as usize];
        let last = match &self.decoder {
            Decoder::Library(decoder) => Some(decoder.last_decoded()),
            Decoder::Opus(_) => None,
        };
        for (channel, plane) in planes.iter_mut().take(self.channels).enumerate() {
            let whole: &[f32] = match &last {
                Some(GenericAudioBufferRef::F32(buffer)) if !self.is_converted => {
                    buffer.plane(channel).unwrap_or(&[])
                }
                _ => self.converted.get(channel).map_or(&[], Vec::as_slice),
            };
            *plane = whole.get(self.range.clone()).unwrap_or(&[]);
        }
        show(&planes[..self.channels])
    }

    /// Frames that are to be heard, so far.
    pub(crate) fn kept_frames(&self) -> u64 {
        self.kept_frames
    }

    pub(crate) fn position_bytes(&self) -> u64 {
        self.stream.gauge.position()
    }

    /// What was odd but not wrong.
    pub(crate) fn into_notes(mut self) -> Vec<String> {
        if let (1.., Some(damage)) = (self.damaged, self.damage) {
            self.notes.push(format!(
                "{} of {} packets are damaged and became silence: {damage}",
                self.damaged, self.packets
            ));
        }
        self.notes.extend(self.stream.left_out());
        self.notes.extend(self.stream.gauge.remarked());
        self.notes
    }

    /// Whether nothing follows the block that was decoded last.
    fn is_at_end(&mut self) -> Result<bool, MediaError> {
        let is_idle = match &self.decoder {
            Decoder::Library(_) => true,
            Decoder::Opus(planes) => planes.is_idle(),
        };
        Ok(is_idle && self.stream.is_at_end()?)
    }

    /// Decodes a packet; gives its frames, or `None` after the last.
    fn decode_next(&mut self) -> Result<Option<usize>, MediaError> {
        let (pts, frames) = match &mut self.decoder {
            Decoder::Library(_) => {
                let Some(packet) = self.stream.next_packet()? else { return Ok(None) };
                self.packets += 1;
                (packet.pts.get(), self.decode(&packet)?)
            }
            Decoder::Opus(planes) => {
                let Some(Block { pts, frames }) = planes.advance(&mut self.stream, &mut self.converted)?
                else {
                    return Ok(None);
                };
                self.packets += 1;
                self.is_converted = true;
                match frames {
                    Ok(frames) => (pts, frames),
                    Err((declared, why)) => (pts, self.conceal(declared, MediaError::Corrupt(why))?),
                }
            }
        };
        self.largest_packet = self.largest_packet.max(frames as u64);
        self.timeline
            .note(pts, frames as u64, |ticks| ticks_to_frames(ticks, self.stream.time_base?, self.rate_hz));
        Ok(Some(frames))
    }

    fn decode(&mut self, packet: &Packet) -> Result<usize, MediaError> {
        let Decoder::Library(decoder) = &mut self.decoder else { return Ok(0) };
        match decoder.decode(packet) {
            Ok(buffer) => {
                let (rate_hz, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
                // An empty buffer may not know its shape yet.
                if buffer.frames() > 0 && (rate_hz, channels) != (self.rate_hz, self.channels) {
                    return Err(MediaError::Corrupt(format!(
                        "it changes from {} Hz with {} channels to {rate_hz} Hz with {channels} on the way",
                        self.rate_hz, self.channels
                    )));
                }
                self.is_converted = !matches!(buffer, GenericAudioBufferRef::F32(_));
                if self.is_converted {
                    buffer.copy_to_vecs_planar(&mut self.converted);
                }
                Ok(buffer.frames())
            }
            Err(error @ (Error::DecodeError(_) | Error::IoError(_))) => {
                let base = self.stream.time_base;
                let frames = base.and_then(|base| ticks_to_frames(packet.dur.get(), base, self.rate_hz));
                let frames = frames.and_then(|frames| usize::try_from(frames).ok()).unwrap_or(0);
                let explained = self.stream.gauge.explain(error);
                self.conceal(frames, explained)
            }
            Err(error) => Err(self.stream.gauge.explain(error)),
        }
    }

    /// Puts silence in place of a packet that cannot be decoded, so that what follows stays in time.
    fn conceal(&mut self, frames: usize, why: MediaError) -> Result<usize, MediaError> {
        let reason = match why {
            MediaError::Cancelled | MediaError::Busy(_) | MediaError::Io(_) => return Err(why),
            MediaError::Corrupt(why) | MediaError::Truncated(why) => why,
            other => other.to_string(),
        };
        self.damaged += 1;
        // One broken stretch is bearable; a stream that breaks all the time is not what it claims to be.
        if self.damaged > 10 && self.damaged * 20 > self.packets {
            return Err(MediaError::Corrupt(format!(
                "{} of the first {} packets cannot be decoded: {reason}",
                self.damaged, self.packets
            )));
        }
        self.damage.get_or_insert(reason);
        let frames = frames.min(MAX_SILENT_FRAMES);
        self.converted.resize_with(self.channels, Vec::new);
        for plane in &mut self.converted {
            plane.clear();
            plane.resize(frames, 0.0);
        }
        self.is_converted = true;
        Ok(frames)
    }

    /// Compares what came out with what was declared.
    fn prove(&mut self) -> Result<(), MediaError> {
        if self.damaged > 0 && self.damaged * 2 > self.packets {
            let why = self.damage.clone().unwrap_or_default();
            return Err(MediaError::Corrupt(format!("most of its packets cannot be decoded: {why}")));
        }
        if self.kept_frames == 0 {
            return Err(MediaError::Empty("its audio track has no samples".into()));
        }
        self.prove_timeline()?;
        let Some(declared) = self.declared_frames else { return Ok(()) };
        // Headers of MP3 count whole frames, and joined or cut files keep a stale one.
        let share = if matches!(self.kind, Kind::Mpeg { .. }) { declared / 200 } else { 0 };
        let tolerance = match self.kind {
            Kind::Foreign { tolerance_frames } => tolerance_frames,
            _ => 2 * self.largest_packet + share,
        };
        let (kept, rate_hz) = (self.kept_frames, u64::from(self.rate_hz));
        let ms = |frames: u64| frames.saturating_mul(1000) / rate_hz.max(1);
        if kept.saturating_add(tolerance) < declared {
            return Err(MediaError::Truncated(format!(
                "{} of {} ms of its audio are missing",
                ms(declared - kept),
                ms(declared)
            )));
        }
        if kept > declared.saturating_add(tolerance) {
            if !matches!(self.kind, Kind::Mpeg { .. }) {
                return Err(MediaError::Corrupt(format!(
                    "it declares {} ms of audio but holds {} ms",
                    ms(declared),
                    ms(kept)
                )));
            }
            self.notes.push(format!("the header declares {} ms but there are {} ms", ms(declared), ms(kept)));
        }
        Ok(())
    }

    fn prove_timeline(&mut self) -> Result<(), MediaError> {
        if let Some((span, decoded)) = self.timeline.contradiction(self.largest_packet) {
            return Err(MediaError::Corrupt(format!(
                "its {} packets claim {span} frames but decode to {decoded}",
                self.codec.name()
            )));
        }
        let paused = self.timeline.paused();
        if paused > 0 {
            let ms = paused.saturating_mul(1000) / u64::from(self.rate_hz.max(1));
            self.notes.push(format!("the timestamps leave {ms} ms without audio, which are closed up"));
        }
        Ok(())
    }
}
