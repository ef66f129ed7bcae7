//! Opens an input: recognises it, picks the audio track, and learns from its first packets what headers
//! leave out.
//!
//! Headers are hearsay. The sample rate and channels are those of the first decoded packet, AAC's hidden
//! extension is looked for in the packets themselves, and lengths are kept apart by how far they can be
//! trusted: what is declared is checked against what comes out, an estimate only feeds the progress.

use std::collections::VecDeque;
use std::io::{Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use symphonia::core::audio::Channels;
use symphonia::core::audio::sample::SampleFormat;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackFlags};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, TimeBase};

use crate::chapters;
use crate::codec::Codec;
use crate::error::MediaError;
use crate::info::{AudioTrack, Info};
use crate::matroska::Matroska;
use crate::mix::Layout;
use crate::mp4::Mp4;
use crate::opus::OpusHead;
use crate::plan::MAX_CHANNELS;
use crate::sniff::Kind;
use crate::source::Source;
use crate::tags::Cover;
use crate::tap::{Gauge, Tap};
use crate::trim::Trim;
use crate::{aac, extent, matroska, mend, mp4, names, sniff, tags, trim};

mod foreign;
mod opus;

pub(crate) use foreign::open_any;

/// Packets looked at before anything is decided.
const PEEK_PACKETS: usize = 32;
/// And at most this many bytes of them.
const PEEK_BYTES: usize = 1024 * 1024;
/// Packets of other tracks that may stand before and between those.
const MAX_FOREIGN_PACKETS: u32 = 20_000;
/// A picture beyond this is not even read.
const MAX_VISUAL_BYTES: usize = 16 * 1024 * 1024;
const MAX_OTHER_TRACKS: usize = 64;

/// An opened input.
pub(crate) struct Input {
    pub(crate) info: Info,
    pub(crate) layout: Layout,
    pub(crate) cover: Option<Cover>,
    pub(crate) notes: Vec<String>,
    pub(crate) stream: Stream,
    pub(crate) trim: Trim,
    pub(crate) kind: Kind,
    /// Where the codec is Opus.
    pub(crate) opus: Option<OpusHead>,
    /// Frames that must come out, after trimming; `None` where nothing reliable is declared.
    pub(crate) declared_frames: Option<u64>,
    /// Frames that probably come out.
    pub(crate) expected_frames: Option<u64>,
    pub(crate) size_bytes: u64,
    /// Where the stream ends by its last page. The demuxer does not find it behind a damaged one.
    ogg_end: Option<u64>,
}

/// The packets of the chosen track.
pub(crate) struct Stream {
    reader: Box<dyn FormatReader>,
    pub(crate) track_id: u32,
    pub(crate) params: AudioCodecParameters,
    pub(crate) time_base: Option<TimeBase>,
    pub(crate) gauge: Gauge,
    peeked: VecDeque<Packet>,
    /// Whether another recording follows in the same file.
    is_chained: bool,
}

impl Stream {
    /// Gives the next packet of the track, or `None` at the end.
    pub(crate) fn next_packet(&mut self) -> Result<Option<Packet>, MediaError> {
        match self.peeked.pop_front() {
            Some(packet) => Ok(Some(packet)),
            None => self.read_packet(u32::MAX),
        }
    }

    /// Whether the last packet was given.
    pub(crate) fn is_at_end(&mut self) -> Result<bool, MediaError> {
        if self.peeked.is_empty() {
            let next = self.read_packet(u32::MAX)?;
            self.peeked.extend(next);
        }
        Ok(self.peeked.is_empty())
    }

    fn read_packet(&mut self, max_foreign: u32) -> Result<Option<Packet>, MediaError> {
        for _ in 0..max_foreign {
            match self.reader.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track_id => return Ok(Some(packet)),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                // A chained Ogg stream begins anew here; its first part is what its headers described.
                Err(Error::ResetRequired) => {
                    self.is_chained = true;
                    return Ok(None);
                }
                Err(error) => return Err(self.gauge.explain(error)),
            }
        }
        Ok(None)
    }

    /// What was left unread, once the last packet was given.
    pub(crate) fn left_out(&self) -> Option<String> {
        self.is_chained.then(|| "another recording follows in the same file and is left out".to_owned())
    }

    fn peek(&mut self) -> Result<(), MediaError> {
        let mut bytes = 0;
        while self.peeked.len() < PEEK_PACKETS && bytes < PEEK_BYTES {
            let Some(packet) = self.read_packet(MAX_FOREIGN_PACKETS)? else { break };
            bytes += packet.data.len();
            self.peeked.push_back(packet);
        }
        Ok(())
    }

    /// Makes a decoder; with `gapless` it drops what the container marks as not to be heard.
    pub(crate) fn decoder(&self, gapless: bool) -> Result<Box<dyn AudioDecoder>, MediaError> {
        let options = AudioDecoderOptions::default().gapless(gapless);
        symphonia::default::get_codecs()
            .make_audio_decoder(&self.params, &options)
            .map_err(|error| self.gauge.explain(error))
    }
}

/// Opens `source` up to its first audio packets.
pub(crate) fn open(
    source: Box<dyn Source>,
    name_hint: Option<&str>,
    cancel: Arc<AtomicBool>,
) -> Result<Input, MediaError> {
    let mut tap = Tap::new(source, cancel);
    let gauge = tap.gauge();
    let size_bytes = tap.seek(SeekFrom::End(0)).map_err(|error| gauge.explain_io(error))?;
    let kind = sniff::sniff(&mut tap)?;
    let boxes = if kind == Kind::IsoMp4 { Some(mp4::read(&mut tap, size_bytes)?) } else { None };
    let mut notes = Vec::new();
    let extent = extent::check(&mut tap, kind, size_bytes)?;
    notes.extend(extent.note);
    let mut elements =
        if kind == Kind::Matroska { matroska::read(&mut tap, size_bytes)? } else { Matroska::default() };
    let chunks = if kind == Kind::Wav {
        tags::riff::read_chunks(&mut tap, size_bytes).map_err(|error| gauge.explain_io(error))?
    } else {
        tags::riff::Chunks::default()
    };
    let mut marks = if kind == Kind::Flac {
        chapters::read::of_flac(&mut tap).map_err(|error| gauge.explain_io(error))?
    } else {
        std::mem::take(&mut elements.chapters)
    };
    mend::mend(&mut tap, kind, size_bytes).map_err(|error| gauge.explain_io(error))?;
    chapters::guard::guard(&mut tap, kind, size_bytes).map_err(|error| gauge.explain_io(error))?;
    let (mut reader, rest) = match &boxes {
        Some(boxes) => {
            let head = mp4::head::read(&mut tap, boxes, metadata_limits())?;
            notes.extend(head.notes);
            (head.reader, Some((tap, boxes)))
        }
        None => (demuxer(tap, name_hint, &gauge)?, None),
    };
    let chosen = choose_track(reader.as_ref(), boxes.as_ref())?;
    if let Some((mut tap, boxes)) = rest {
        let (of_mp4, note) = mp4::chapters::read(&mut tap, boxes, chosen.id, size_bytes)?;
        marks = of_mp4;
        notes.extend(note);
        reader = match mp4::demuxer(tap, boxes, reader, chosen.id, &chosen.codec, size_bytes)? {
            Ok(reader) => reader,
            Err(tap) => demuxer(tap, name_hint, &gauge)?,
        };
    }
    let mut found = tags::read::collect(reader.as_mut(), chosen.id);
    tags::read::add_riff(&mut found, chunks, metadata_limits());
    found.add_title(elements.title.as_deref());
    if marks.is_empty() {
        marks = found.chapters;
    }
    notes.extend(found.notes);

    let container = match (kind, &boxes) {
        // MPEG audio without a container is called by its layer.
        (Kind::Mpeg { .. }, _) => chosen.codec.name(),
        (Kind::Matroska, _) if elements.is_webm => "webm",
        (_, Some(boxes)) => boxes.name(),
        _ => kind.name(),
    };
    let track = reader.tracks().iter().find(|track| track.id == chosen.id);
    let mut input = Input {
        info: describe(&chosen, container),
        layout: Layout::of_count(0),
        cover: found.cover,
        notes,
        trim: Trim::default(),
        kind,
        opus: None,
        declared_frames: None,
        expected_frames: None,
        size_bytes,
        ogg_end: extent.ogg_end.filter(|(serial, _)| *serial == chosen.id).map(|(_, end)| end),
        stream: Stream {
            track_id: chosen.id,
            params: chosen.params.unwrap_or_default(),
            time_base: track.and_then(|track| track.time_base),
            gauge,
            peeked: VecDeque::new(),
            is_chained: false,
            reader,
        },
    };
    input.info.tags = found.tags;
    input.info.has_cover = input.cover.is_some();
    if input.info.audio.codec.is_read() {
        input.learn()?;
        input.measure(boxes.as_ref(), &elements, found.itunes_gapless.as_deref());
    }
    input.info.chapters = marks.settle(input.length_us());
    Ok(input)
}

/// Gives every packet of the audio track that would be converted, with its time in ticks of the container. For tests
/// and fuzzers of the demuxers alone.
#[doc(hidden)]
pub fn each_packet(
    source: Box<dyn Source>,
    name_hint: Option<&str>,
    mut take: impl FnMut(i64, &[u8]),
) -> Result<(), MediaError> {
    let mut input = open(source, name_hint, Arc::default())?;
    while let Some(packet) = input.stream.next_packet()? {
        take(packet.pts.get(), &packet.data);
    }
    Ok(())
}

fn demuxer(
    mut tap: Tap,
    name_hint: Option<&str>,
    gauge: &Gauge,
) -> Result<Box<dyn FormatReader>, MediaError> {
    tap.seek(SeekFrom::Start(0)).map_err(|error| gauge.explain_io(error))?;
    tap.read_straight();
    let mut hint = Hint::new();
    if let Some((_, extension)) = name_hint.and_then(|name| name.rsplit_once('.')) {
        hint.with_extension(extension);
    }
    let stream =
        MediaSourceStream::new(Box::new(tap), symphonia::core::io::MediaSourceStreamOptions::default());
    symphonia::default::get_probe().probe(&hint, stream, FormatOptions::default(), metadata_limits()).map_err(
        |error| {
            let is_unknown =
                matches!(error, Error::Unsupported(what) if what.contains("no suitable format reader"));
            match gauge.explain(error) {
                MediaError::Unsupported { .. } if is_unknown => MediaError::NotMedia,
                other => other,
            }
        },
    )
}

fn metadata_limits() -> MetadataOptions {
    MetadataOptions::default()
        .limit_visual_bytes(Limit::Maximum(MAX_VISUAL_BYTES))
        .limit_tag_bytes(Limit::Maximum(tags::MAX_TEXT_BYTES))
}

struct Chosen {
    id: u32,
    codec: Codec,
    params: Option<AudioCodecParameters>,
    others: Vec<String>,
}

/// Takes the default audio track among those that can be read, or else among those that cannot.
fn choose_track(reader: &dyn FormatReader, boxes: Option<&Mp4>) -> Result<Chosen, MediaError> {
    let mut audio: Vec<(&Track, Codec)> = Vec::new();
    let mut others: Vec<(u32, String)> = Vec::new();
    for track in reader.tracks() {
        let in_mp4 = boxes.and_then(|mp4| mp4.track(track.id));
        match (&track.codec_params, in_mp4) {
            (Some(CodecParameters::Audio(params)), _) => {
                let codec = names::audio(params, in_mp4.map(|found| found.codec));
                others.push((track.id, format!("{} audio", codec.name())));
                audio.push((track, codec));
            }
            (None, Some(found)) if &found.handler == b"soun" => {
                let codec = Codec::Other(mp4::codec_name(found.codec));
                others.push((track.id, format!("{} audio", codec.name())));
                audio.push((track, codec));
            }
            // What says the chapters is no track to speak of.
            _ if boxes.is_some_and(|mp4| mp4.is_of_chapters(track.id)) => {}
            (params, found) => others.push((track.id, names::other(params.as_ref(), found))),
        }
    }
    let is_default = |track: &Track| track.flags.contains(TrackFlags::DEFAULT);
    let best = audio
        .iter()
        .enumerate()
        .min_by_key(|(index, (track, codec))| (!codec.is_read(), !is_default(track), *index))
        .map(|(_, (track, codec))| (*track, codec.clone()));
    let Some((track, codec)) = best else {
        let tracks = others.into_iter().map(|(_, name)| name).take(MAX_OTHER_TRACKS).collect::<Vec<_>>();
        return Err(MediaError::NoAudio { tracks });
    };
    let params = match &track.codec_params {
        Some(CodecParameters::Audio(params)) => {
            let mut params = params.clone();
            if codec == Codec::AacLc
                && let Some(config) = &mut params.extra_data
            {
                aac::forget_core(config);
            }
            Some(params)
        }
        _ => None,
    };
    let others =
        others.into_iter().filter(|(id, _)| *id != track.id).map(|(_, name)| name).take(MAX_OTHER_TRACKS);
    Ok(Chosen { id: track.id, codec, params, others: others.collect() })
}

fn describe(chosen: &Chosen, container: &str) -> Info {
    let params = chosen.params.as_ref();
    let channels = params.and_then(|params| params.channels.as_ref()).map_or(0, Channels::count);
    Info {
        container: container.into(),
        duration_ms: None,
        audio: AudioTrack {
            codec_label: chosen.codec.label().into(),
            codec: chosen.codec.clone(),
            sample_rate_hz: params.and_then(|params| params.sample_rate).unwrap_or(0),
            channels: u8::try_from(channels).unwrap_or(u8::MAX),
            bits_per_sample: None,
            frames: None,
            bit_rate_bps: None,
            delay_frames: 0,
            padding_frames: 0,
            opus: None,
            by_ffmpeg: false,
            is_demuxed: false,
        },
        other_tracks: chosen.others.clone(),
        tags: tags::Tags::default(),
        has_cover: false,
        chapters: Vec::new(),
    }
}

impl Input {
    /// Reads the first packets and corrects what the headers said.
    fn learn(&mut self) -> Result<(), MediaError> {
        if self.info.audio.codec == Codec::Opus {
            return self.learn_opus();
        }
        let audio = &mut self.info.audio;
        if audio.channels > MAX_CHANNELS {
            // The plan refuses it; a decoder need not allocate for it first.
            return Ok(());
        }
        self.stream.peek()?;
        let packets: Vec<&[u8]> = self.stream.peeked.iter().map(|packet| packet.data.as_ref()).collect();
        if audio.codec == Codec::AacLc && aac::has_hidden_sbr(audio.sample_rate_hz, &packets) {
            audio.codec = Codec::HeAac;
            audio.codec_label = Codec::HeAac.label().into();
            return Ok(());
        }
        let mut decoder = self.stream.decoder(false).map_err(|error| match error {
            // The decoder says what it cannot do, but not in whose name.
            MediaError::Unsupported { codec } => {
                let channels = audio.channels;
                MediaError::Unsupported {
                    codec: format!("{} with {channels} channels ({codec})", audio.codec_label),
                }
            }
            other => other,
        })?;
        let mut problem = None;
        for packet in &self.stream.peeked {
            match decoder.decode(packet) {
                Ok(buffer) if buffer.frames() > 0 => {
                    audio.sample_rate_hz = buffer.spec().rate();
                    audio.channels = u8::try_from(buffer.spec().channels().count()).unwrap_or(u8::MAX);
                    self.layout = Layout::from_decoder(buffer.spec().channels());
                    problem = None;
                    break;
                }
                Ok(_) => {}
                Err(error) => problem = Some(error),
            }
        }
        if let Some(error) = problem {
            return Err(self.stream.gauge.explain(error));
        }
        let params = decoder.codec_params();
        audio.bits_per_sample =
            depth(&audio.codec, params).or_else(|| depth(&audio.codec, &self.stream.params));
        Ok(())
    }

    /// Works out how long the audio is, what of it is not to be heard, and how far that can be trusted.
    fn measure(&mut self, boxes: Option<&Mp4>, elements: &Matroska, itunes_gapless: Option<&str>) {
        if self.kind == Kind::Ogg && self.opus.is_some() {
            return self.measure_ogg_opus();
        }
        let rate_hz = self.info.audio.sample_rate_hz;
        let stream = &self.stream;
        let Some(track) = stream.reader.tracks().iter().find(|track| track.id == stream.track_id) else {
            return;
        };
        let declared = track.num_frames.or_else(|| {
            let duration = track.duration.filter(|duration| *duration > Duration::ZERO)?;
            trim::ticks_to_frames(duration.get(), stream.time_base?, rate_hz)
        });
        let declared = declared.filter(|frames| *frames > 0);
        match (self.kind, boxes) {
            (Kind::IsoMp4, Some(boxes)) => {
                let (trim, note) = Trim::of_mp4(boxes, stream.track_id, declared, rate_hz, itunes_gapless);
                self.trim = trim;
                self.notes.extend(note);
                self.expected_frames = declared.map(|frames| self.trim.kept_of(frames));
                self.declared_frames = self.expected_frames.filter(|_| !boxes.is_fragmented);
            }
            (Kind::Mpeg { has_header }, _) => {
                self.trim = Trim::of_mp3(track.delay, track.padding, track.num_frames);
                self.expected_frames = declared;
                self.declared_frames = declared.filter(|_| has_header);
            }
            (Kind::Adts, _) => self.expected_frames = declared,
            (Kind::Matroska, _) => {
                self.trim = Trim::of_last_packet(elements.padding_frames(stream.track_id, rate_hz));
                let media = stream.reader.media_info();
                let whole = media
                    .duration
                    .zip(media.time_base)
                    .and_then(|(duration, base)| trim::ticks_to_frames(duration.get(), base, rate_hz));
                self.expected_frames = declared.or(whole);
            }
            _ => {
                let declared = declared.or(self.ogg_end);
                self.expected_frames = declared;
                self.declared_frames = declared;
            }
        }
        let (delay, padding) = (track.delay, track.padding);
        self.skip_opus_delay();
        self.summarise(delay, padding);
    }

    /// How long the sound is, unless that is no more than an estimate.
    fn length_us(&self) -> Option<u64> {
        let rate_hz = u64::from(self.info.audio.sample_rate_hz);
        let frames = match self.kind {
            Kind::Adts | Kind::Mpeg { has_header: false } => self.declared_frames,
            _ => self.expected_frames,
        };
        frames?.saturating_mul(1_000_000).checked_div(rate_hz)
    }

    fn summarise(&mut self, delay: Option<u32>, padding: Option<u32>) {
        let rate_hz = u64::from(self.info.audio.sample_rate_hz);
        let audio = &mut self.info.audio;
        audio.frames = self.declared_frames;
        audio.delay_frames = delay.unwrap_or(0).max(u32::try_from(self.trim.skip).unwrap_or(u32::MAX));
        audio.padding_frames = padding.unwrap_or(0).max(self.trim.padding);
        if rate_hz > 0 {
            self.info.duration_ms = self.expected_frames.map(|frames| frames.saturating_mul(1000) / rate_hz);
        }
        if let (Some(duration_ms @ 1..), true) = (self.info.duration_ms, self.info.other_tracks.is_empty()) {
            let cover_bytes = self.cover.as_ref().map_or(0, |cover| cover.bytes.len() as u64);
            let bits = u128::from(self.size_bytes.saturating_sub(cover_bytes)) * 8 * 1000;
            audio.bit_rate_bps = u32::try_from(bits / u128::from(duration_ms)).ok();
        }
    }
}

/// Significant bits, where a codec has a number of them.
fn depth(codec: &Codec, params: &AudioCodecParameters) -> Option<u8> {
    if !codec.is_lossless() {
        return None;
    }
    match params.sample_format {
        Some(SampleFormat::F32 | SampleFormat::F64) => Some(32),
        _ => params.bits_per_sample.or(params.bits_per_coded_sample).and_then(|bits| u8::try_from(bits).ok()),
    }
}
