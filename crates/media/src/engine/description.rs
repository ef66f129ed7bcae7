//! What ffprobe says of an input, with only the fields that are believed, each within its limit.

use serde::Deserialize;

use crate::chapters::Marks;
use crate::codec::Codec;
use crate::error::MediaError;
use crate::tags::Tags;

/// Streams beyond this many are not looked at.
const MAX_STREAMS: usize = 64;
/// A name longer than this is no name.
const MAX_NAME_BYTES: usize = 40;
/// No audio is this long: a hundred days.
const MAX_SECONDS: f64 = 100.0 * 86_400.0;

/// An input as ffprobe sees it.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) container: String,
    /// The audio that a conversion takes.
    pub(crate) audio: Heard,
    /// The other streams, one phrase each.
    pub(crate) others: Vec<String>,
    pub(crate) tags: Tags,
    pub(crate) chapters: Marks,
}

/// The chosen audio stream.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) stream: u32,
    pub(crate) codec: Codec,
    pub(crate) label: String,
    pub(crate) rate_hz: u32,
    pub(crate) channels: u8,
    pub(crate) bits_per_sample: Option<u8>,
    pub(crate) bit_rate_bps: Option<u32>,
    pub(crate) length: Length,
}

/// How long the audio is, by how far that can be trusted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Length {
    /// Nothing is known.
    Unknown,
    /// The container's, which other streams may make longer, in seconds.
    OfContainer(f64),
    /// The stream's own, in seconds.
    OfStream(f64),
}

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    streams: Vec<ToldStream>,
    #[serde(default)]
    format: ToldFormat,
    #[serde(default)]
    chapters: Vec<ToldChapter>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToldChapter {
    start_time: Option<String>,
    end_time: Option<String>,
    tags: serde_json::Map<String, serde_json::Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToldStream {
    index: u32,
    codec_name: Option<String>,
    codec_type: Option<String>,
    profile: Option<String>,
    sample_rate: Option<String>,
    channels: Option<u32>,
    bits_per_sample: Option<u32>,
    bits_per_raw_sample: Option<String>,
    bit_rate: Option<String>,
    duration: Option<String>,
    disposition: Disposition,
    tags: serde_json::Map<String, serde_json::Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Disposition {
    default: u8,
    attached_pic: u8,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToldFormat {
    format_name: Option<String>,
    duration: Option<String>,
    tags: serde_json::Map<String, serde_json::Value>,
}

/// Reads ffprobe's JSON of an input that `demuxer` was chosen for.
pub(super) fn read(told: &[u8], demuxer: &str) -> Result<Description, MediaError> {
    let told: Told = serde_json::from_slice(told)
        .map_err(|why| std::io::Error::other(format!("ffprobe answers something else: {why}")))?;
    let is_audio = |stream: &&ToldStream| stream.codec_type.as_deref() == Some("audio");
    let chosen = told
        .streams
        .iter()
        .take(MAX_STREAMS)
        .filter(is_audio)
        .min_by_key(|stream| (stream.rate_hz() == 0, stream.disposition.default == 0));
    let phrases = |skip: Option<u32>| -> Vec<String> {
        let others = told.streams.iter().take(MAX_STREAMS);
        others.filter(|stream| Some(stream.index) != skip).map(ToldStream::phrase).collect()
    };
    let Some(stream) = chosen else { return Err(MediaError::NoAudio { tracks: phrases(None) }) };
    let format_name = told.format.format_name.as_deref().and_then(|names| names.split(',').next());
    let demuxer = if demuxer.contains(',') { format_name.unwrap_or("unknown") } else { demuxer };
    let (codec, label) = stream.codec();
    let is_known = !matches!(stream.codec_name.as_deref(), None | Some("unknown" | "none"));
    if !is_known || stream.rate_hz() == 0 || stream.channels.is_none_or(|channels| channels == 0) {
        return Err(MediaError::Unsupported { codec: label });
    }
    let is_alone =
        !told.streams.iter().any(|other| other.index != stream.index && other.disposition.attached_pic == 0);
    Ok(Description {
        container: printable(demuxer),
        audio: Heard {
            stream: stream.index,
            length: stream.length(demuxer, told.format.duration.as_deref(), is_alone),
            codec,
            label,
            rate_hz: stream.rate_hz(),
            channels: stream.channels.and_then(|count| u8::try_from(count).ok()).unwrap_or(u8::MAX),
            bits_per_sample: stream.bits_per_sample(),
            bit_rate_bps: stream.bit_rate.as_deref().and_then(|bits| bits.parse().ok()),
        },
        others: phrases(Some(stream.index)),
        tags: tags([&told.format.tags, &stream.tags]),
        chapters: chapters(&told.chapters),
    })
}

impl ToldStream {
    fn rate_hz(&self) -> u32 {
        self.sample_rate.as_deref().and_then(|rate| rate.parse().ok()).unwrap_or(0)
    }

    fn phrase(&self) -> String {
        let name = printable(self.codec_name.as_deref().unwrap_or("unknown"));
        format!("{name} {}", printable(self.codec_type.as_deref().unwrap_or("data")))
    }

    fn bits_per_sample(&self) -> Option<u8> {
        let raw = self.bits_per_raw_sample.as_deref().and_then(|bits| bits.parse().ok());
        raw.or(self.bits_per_sample.and_then(|bits| u8::try_from(bits).ok())).filter(|bits| *bits > 0)
    }

    /// The codec and how people write it.
    fn codec(&self) -> (Codec, String) {
        let name = match self.codec_name.as_deref().unwrap_or("an unknown codec") {
            // The same packets in another wrapping.
            "aac_latm" => "aac".to_owned(),
            name => printable(name),
        };
        let codec = match (name.as_str(), self.profile.as_deref()) {
            ("aac", Some("HE-AAC")) => Codec::HeAac,
            ("aac", Some("HE-AACv2")) => Codec::HeAacV2,
            ("aac", Some("xHE-AAC")) => Codec::XheAac,
            ("aac", None | Some("LC")) => Codec::AacLc,
            (pcm, _) if pcm.starts_with("pcm_") => Codec::Pcm,
            (adpcm, _) if adpcm.starts_with("adpcm_") => Codec::Adpcm,
            _ => Codec::from(name.clone()),
        };
        let label = match (&codec, LABELS.iter().find(|(known, _)| *known == name)) {
            (Codec::Other(_), Some((_, label))) => (*label).to_owned(),
            _ => codec.label().to_owned(),
        };
        (codec, label)
    }

    fn length(&self, demuxer: &str, whole: Option<&str>, is_alone: bool) -> Length {
        // These have no length of their own; what is said of them is guessed from the bit rate.
        const GUESSED: [&str; 11] =
            ["aac", "loas", "ac3", "eac3", "dts", "mp3", "mpeg", "mpegts", "amr", "truehd", "mlp"];
        let seconds = |text: Option<&str>| {
            text.and_then(|text| text.parse::<f64>().ok())
                .filter(|seconds| *seconds > 0.0 && *seconds < MAX_SECONDS)
        };
        match (seconds(self.duration.as_deref()), seconds(whole)) {
            _ if GUESSED.contains(&demuxer) => Length::Unknown,
            (Some(own), _) => Length::OfStream(own),
            (None, Some(whole)) if is_alone => Length::OfStream(whole),
            (None, Some(whole)) => Length::OfContainer(whole),
            (None, None) => Length::Unknown,
        }
    }
}

/// How people write what ffmpeg calls by these names.
pub(super) const LABELS: [(&str, &str); 24] = [
    ("ac3", "AC-3"),
    ("eac3", "E-AC-3"),
    ("dts", "DTS"),
    ("truehd", "TrueHD"),
    ("mlp", "MLP"),
    ("amr_nb", "AMR-NB"),
    ("amr_wb", "AMR-WB"),
    ("wmav1", "WMA 1"),
    ("wmav2", "WMA 2"),
    ("wmapro", "WMA Pro"),
    ("wmalossless", "WMA Lossless"),
    ("wmavoice", "WMA Voice"),
    ("ape", "Monkey's Audio"),
    ("wavpack", "WavPack"),
    ("musepack7", "Musepack"),
    ("musepack8", "Musepack"),
    ("tta", "True Audio"),
    ("tak", "TAK"),
    ("speex", "Speex"),
    ("shorten", "Shorten"),
    ("cook", "RealAudio"),
    ("nellymoser", "Nellymoser"),
    ("dsd_lsbf_planar", "DSD"),
    ("dsd_msbf_planar", "DSD"),
];

/// Both maps in the common form; ffmpeg has the names of all containers brought to its own already.
fn tags(maps: [&serde_json::Map<String, serde_json::Value>; 2]) -> Tags {
    let mut tags = Tags::default();
    for (name, value) in maps.into_iter().flatten() {
        let Some(value) = value.as_str() else { continue };
        let name = match name.to_ascii_lowercase().as_str() {
            "album_artist" => "ALBUMARTIST".to_owned(),
            "track" => "TRACKNUMBER".to_owned(),
            "disc" => "DISCNUMBER".to_owned(),
            // What wrote the container says nothing of the audio.
            "encoder" | "major_brand" | "minor_version" | "compatible_brands" | "handler_name"
            | "vendor_id" | "creation_time" | "duration" => continue,
            name if name.starts_with("wm/") || name.starts_with("deviceconformance") => continue,
            other => other.to_ascii_uppercase(),
        };
        tags.add(&name, value);
    }
    tags
}

fn chapters(told: &[ToldChapter]) -> Marks {
    let mut marks = Marks::default();
    for chapter in told {
        let us = |time: &Option<String>| time.as_deref().and_then(microseconds);
        let title = chapter.tags.get("title").and_then(|title| title.as_str());
        if let Some(start_us) = us(&chapter.start_time) {
            marks.add(start_us, us(&chapter.end_time), title.unwrap_or_default());
        }
    }
    marks
}

/// Seconds as ffprobe writes them; what is before the start is at the start.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within a hundred days, and positive"
)]
fn microseconds(seconds: &str) -> Option<u64> {
    let seconds = seconds.parse::<f64>().ok().filter(|seconds| *seconds < MAX_SECONDS)?;
    Some((seconds.max(0.0) * 1e6).round() as u64)
}

fn printable(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(MAX_NAME_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(streams: &str, demuxer: &str) -> Result<Description, MediaError> {
        let format = r#"{"format_name":"asf","duration":"3.5","tags":{"title":"a","WM/X":"b","track":"4"}}"#;
        read(format!(r#"{{"streams":[{streams}],"format":{format}}}"#).as_bytes(), demuxer)
    }

    #[test]
    fn the_audio_that_can_be_read_is_chosen() {
        let told = described(
            r#"{"index":0,"codec_type":"video","codec_name":"wmv2"},
               {"index":1,"codec_type":"audio","codec_name":"none"},
               {"index":2,"codec_type":"audio","codec_name":"wmav2","sample_rate":"44100","channels":2,"duration":"3.0"}"#,
            "asf",
        );
        let told = told.unwrap();
        assert_eq!((told.audio.stream, told.audio.label.as_str()), (2, "WMA 2"));
        assert_eq!(told.audio.length, Length::OfStream(3.0));
        assert_eq!(told.others, ["wmv2 video", "none audio"]);
        assert_eq!(told.tags.title.as_deref(), Some("a"));
        assert_eq!(told.tags.other, [("TRACKNUMBER".into(), "4".into())]);
    }

    #[test]
    fn a_guessed_length_is_no_length() {
        let stream = r#"{"index":0,"codec_type":"audio","codec_name":"aac","profile":"HE-AAC","sample_rate":"44100","channels":2,"duration":"3.0"}"#;
        let told = described(stream, "aac").unwrap();
        assert_eq!((told.audio.codec, told.audio.length), (Codec::HeAac, Length::Unknown));
    }

    #[test]
    fn what_cannot_be_decoded_is_named_and_what_is_no_audio_is_listed() {
        let unknown = described(r#"{"index":0,"codec_type":"audio","codec_name":"ac4"}"#, "mov").unwrap_err();
        assert_eq!(unknown.to_string(), "ac4 is not read by this build");
        let silent = described(r#"{"index":0,"codec_type":"video","codec_name":"h264"}"#, "mov").unwrap_err();
        assert_eq!(silent.to_string(), "the input has no audio track, it has: h264 video");
        assert!(matches!(read(b"oops", "mov"), Err(MediaError::Io(_))));
    }
}
