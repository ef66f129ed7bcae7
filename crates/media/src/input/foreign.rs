//! An input whose samples come from ffmpeg: to everything after it, one more container, of uncompressed
//! samples.
//!
//! What our own demuxer has already found out about the file (container, tags, cover) is kept; what ffprobe
//! says replaces the audio track. Its length is checked against what comes out like any other, with a
//! tolerance that depends on whose length it is.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use symphonia::core::audio::Channels;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_PCM_F32LE;
use symphonia::core::errors::{Error, Result as Outcome};
use symphonia::core::formats::{
    FORMAT_ID_NULL, FormatInfo, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo, Track,
};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{Metadata, MetadataLog};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::{Input, Stream, open};
use crate::codec::Codec;
use crate::engine::{Description, Engines, Length, Outsider, Samples, Wanted, outsider};
use crate::error::MediaError;
use crate::info::{AudioTrack, Info};
use crate::mix::Layout;
use crate::sniff::{self, Kind};
use crate::source::Reopenable;
use crate::tap::{Gauge, Tap};
use crate::trim::Trim;

/// Frames of a packet.
const PACKET_FRAMES: usize = 4096;
/// What an encoder's priming and a last block may make of a length, in frames.
const BLOCK_FRAMES: u64 = 8192;

/// Opens an input with our own demuxers and decoders, or else with ffmpeg where this host has it.
pub(crate) fn open_any(
    source: &Reopenable,
    name_hint: Option<&str>,
    engines: &Engines,
    cancel: &Arc<AtomicBool>,
) -> Result<Input, MediaError> {
    let own = open(Box::new(source.clone()), name_hint, Arc::clone(cancel));
    let refusal = match &own {
        Ok(input) if input.info.audio.codec.is_read() => return own,
        Ok(_) | Err(MediaError::NotMedia) => None,
        Err(MediaError::Unsupported { codec }) => Some(codec.clone()),
        Err(_) => return own,
    };
    let foreign = sniff::foreign(&mut Tap::new(Box::new(source.clone()), Arc::clone(cancel)))?;
    let Some(foreign) = foreign else { return own };
    if let Err(why) = engines.foreign_reader() {
        return match refusal {
            Some(name) => Err(MediaError::Missing(format!("{name} is read by ffmpeg only: {why}"))),
            None => own,
        };
    }
    let is_unknown = matches!(own, Err(MediaError::NotMedia));
    let described = outsider(engines, foreign, is_unknown, source, cancel)
        .and_then(|mut outsider| Ok((outsider.describe()?, outsider)));
    match described {
        Ok((description, outsider)) => Input::of_outsider(own.ok(), description, outsider),
        Err(error @ (MediaError::Cancelled | MediaError::Busy(_) | MediaError::Io(_))) => Err(error),
        // What nobody knows is no media, whatever the last demuxer that was tried calls it.
        Err(_) if is_unknown => Err(MediaError::NotMedia),
        // A codec that ffmpeg does not know either has its better name here.
        Err(MediaError::Unsupported { .. }) => own,
        Err(error) => Err(error),
    }
}

impl Input {
    /// Takes over what ffprobe says; `own` is what our demuxer had found.
    fn of_outsider(
        own: Option<Self>,
        description: Description,
        outsider: Outsider,
    ) -> Result<Self, MediaError> {
        let heard = &description.audio;
        let (rate_hz, channels) = (heard.rate_hz, heard.channels);
        if let Some(own) = &own {
            own.compare(&heard.codec, rate_hz)?;
        }
        let (frames, tolerance_frames, is_reliable) = length_of(heard.length, rate_hz);
        let audio = AudioTrack {
            codec: heard.codec.clone(),
            codec_label: heard.label.clone(),
            sample_rate_hz: rate_hz,
            channels,
            bits_per_sample: heard.bits_per_sample,
            frames: frames.filter(|_| is_reliable),
            bit_rate_bps: heard.bit_rate_bps,
            delay_frames: 0,
            padding_frames: 0,
            opus: None,
            by_ffmpeg: true,
            is_demuxed: own.is_some(),
        };
        let size_bytes = outsider.size_bytes();
        let wanted = Wanted { stream: heard.stream, rate_hz, channels };
        let stream = Stream::of_outsider(outsider, wanted);
        let duration_ms = frames.map(|frames| frames.saturating_mul(1000) / u64::from(rate_hz.max(1)));
        let (mut info, cover, notes) = if let Some(own) = own {
            (Info { audio, ..own.info }, own.cover, own.notes)
        } else {
            let info = Info {
                container: description.container,
                duration_ms: None,
                audio,
                other_tracks: description.others,
                tags: description.tags,
                has_cover: false,
                chapters: Vec::new(),
            };
            (info, None, Vec::new())
        };
        info.duration_ms = duration_ms;
        if info.chapters.is_empty() {
            info.chapters = description.chapters.settle(duration_ms.map(|ms| ms.saturating_mul(1000)));
        }
        Ok(Self {
            info,
            cover,
            notes,
            layout: Layout::of_count(usize::from(channels)),
            stream,
            trim: Trim::default(),
            kind: Kind::Foreign { tolerance_frames },
            opus: None,
            declared_frames: frames,
            expected_frames: frames,
            size_bytes,
            ogg_end: None,
        })
    }

    /// High-efficiency AAC that is decoded without its extension has half the rate: that is never heard.
    fn compare(&self, codec: &Codec, rate_hz: u32) -> Result<(), MediaError> {
        let own = &self.info.audio;
        let is_extended = matches!(own.codec, Codec::HeAac | Codec::HeAacV2);
        if is_extended && *codec == Codec::AacLc && rate_hz <= own.sample_rate_hz {
            return Err(MediaError::Unsupported {
                codec: format!("{} that ffmpeg takes for plain AAC of {rate_hz} Hz", own.codec_label),
            });
        }
        Ok(())
    }
}

/// Frames, how far they may be off, and whether they are the audio's own.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a hundred days of samples fit, and lengths are positive"
)]
fn length_of(length: Length, rate_hz: u32) -> (Option<u64>, u64, bool) {
    let frames = |seconds: f64| (seconds * f64::from(rate_hz)).round() as u64;
    // Containers count in milliseconds or in packets, and include what a decoder drops.
    let tolerance = BLOCK_FRAMES.max(u64::from(rate_hz) / 5);
    match length {
        Length::Unknown => (None, 0, false),
        Length::OfStream(seconds) => (Some(frames(seconds)), tolerance, true),
        // Half of it missing would be a decoder's mistake; less may be a picture that lasts longer.
        Length::OfContainer(seconds) => {
            let frames = frames(seconds);
            (Some(frames), tolerance.max((frames as f64 * 0.4) as u64), false)
        }
    }
}

impl Stream {
    fn of_outsider(outsider: Outsider, wanted: Wanted) -> Self {
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(CODEC_ID_PCM_F32LE)
            .with_sample_rate(wanted.rate_hz)
            .with_channels(Channels::Discrete(u16::from(wanted.channels)))
            .with_max_frames_per_packet(PACKET_FRAMES as u64);
        let mut track = Track::new(0);
        track.with_codec_params(CodecParameters::Audio(params.clone()));
        let gauge = outsider.gauge();
        let time_base = track.time_base;
        let reader = Reader {
            state: State::Ready(Box::new(outsider)),
            wanted,
            gauge: gauge.clone(),
            incoming: Vec::new(),
            taken: 0,
            frames: 0,
            tracks: vec![track],
            about: MediaInfo::new(),
            log: MetadataLog::default(),
        };
        Self {
            reader: Box::new(reader),
            track_id: 0,
            params,
            time_base,
            gauge,
            peeked: std::collections::VecDeque::new(),
            is_chained: false,
        }
    }
}

/// ffmpeg's samples as packets.
struct Reader {
    state: State,
    wanted: Wanted,
    gauge: Gauge,
    incoming: Vec<u8>,
    /// How much of `incoming` has been given.
    taken: usize,
    frames: u64,
    tracks: Vec<Track>,
    about: MediaInfo,
    log: MetadataLog,
}

enum State {
    /// Decoding starts when the first packet is wanted.
    Ready(Box<Outsider>),
    Running(Box<Samples>),
    Ended,
}

impl Reader {
    /// Reads until there is a whole packet, or the rest.
    fn fill(&mut self, packet_bytes: usize) -> Result<(), MediaError> {
        while self.incoming.len() - self.taken < packet_bytes {
            self.state = match std::mem::replace(&mut self.state, State::Ended) {
                State::Ready(outsider) => State::Running(Box::new(outsider.decode(&self.wanted)?)),
                State::Running(mut samples) => {
                    self.incoming.drain(..self.taken);
                    self.taken = 0;
                    if samples.read(&mut self.incoming)? { State::Running(samples) } else { State::Ended }
                }
                State::Ended => break,
            };
        }
        Ok(())
    }
}

impl FormatReader for Reader {
    fn format_info(&self) -> &FormatInfo {
        const INFO: FormatInfo =
            FormatInfo { format: FORMAT_ID_NULL, short_name: "ffmpeg", long_name: "samples from ffmpeg" };
        &INFO
    }

    fn media_info(&self) -> &MediaInfo {
        &self.about
    }

    fn metadata(&mut self) -> Metadata<'_> {
        self.log.metadata()
    }

    fn seek(&mut self, _mode: SeekMode, _to: SeekTo) -> Outcome<SeekedTo> {
        Err(Error::Unsupported("seeking in what ffmpeg decodes"))
    }

    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    fn next_packet(&mut self) -> Outcome<Option<Packet>> {
        let frame_bytes = usize::from(self.wanted.channels) * size_of::<f32>();
        let packet_bytes = PACKET_FRAMES * frame_bytes;
        self.fill(packet_bytes).map_err(|error| self.gauge.disguise(error))?;
        let there = (self.incoming.len() - self.taken).min(packet_bytes);
        let frames = there / frame_bytes;
        if frames == 0 {
            return Ok(None);
        }
        let bytes = &self.incoming[self.taken..self.taken + frames * frame_bytes];
        let pts = Timestamp::new(i64::try_from(self.frames).unwrap_or(i64::MAX));
        let packet = Packet::new(0, pts, Duration::new(frames as u64), bytes);
        self.taken += bytes.len();
        self.frames += frames as u64;
        Ok(Some(packet))
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
        MediaSourceStream::new(Box::new(Cursor::new(Vec::new())), MediaSourceStreamOptions::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_believed_as_far_as_it_is_the_audios_own() {
        assert_eq!(length_of(Length::Unknown, 44_100), (None, 0, false));
        assert_eq!(length_of(Length::OfStream(2.0), 44_100), (Some(88_200), 8820, true));
        assert_eq!(length_of(Length::OfStream(2.0), 8000), (Some(16_000), 8192, true));
        let (frames, tolerance, is_own) = length_of(Length::OfContainer(100.0), 48_000);
        assert_eq!((frames, is_own), (Some(4_800_000), false));
        assert!(tolerance < 4_800_000 / 2, "half of the audio is missed at any length");
    }
}
