//! How a source of each kind comes to be: by ffmpeg where it can write it, else by hand, or made elsewhere and kept.

use std::path::Path;

use super::signal::{SECONDS, SWEEPS};
use super::{lossless, subbands};
use crate::ffmpeg;

/// An input, and what it must be taken for.
pub(super) struct Source {
    pub(super) file: &'static str,
    /// What the list of what is read calls its container, where that is on it.
    pub(super) container: Option<&'static str>,
    /// What a probe calls that.
    pub(super) inside: &'static str,
    /// The codec, as the list and a probe call it.
    pub(super) codec: &'static str,
    how: How,
}

enum How {
    /// At a rate, with arguments.
    Ffmpeg(u32, &'static [&'static str]),
    Hand(fn() -> Vec<u8>),
}

/// Speech coders' and Musepack's own encoders, and fdk-aac, made these of the same sweep or of tones.
const NARROW: &[u8] = include_bytes!("../../data/nb.amr");
const WIDE: &[u8] = include_bytes!("../../data/wb.amr");
const SV8: &[u8] = include_bytes!("../../data/sv8.mpc");
const HE_V1: &[u8] = include_bytes!("../../data/he-v1.aac");
const HE_V2: &[u8] = include_bytes!("../../data/he-v2.aac");

/// A second of it, three times.
fn he_v1() -> Vec<u8> {
    HE_V1.repeat(3)
}

fn he_v2() -> Vec<u8> {
    HE_V2.repeat(3)
}

const fn made(
    file: &'static str,
    (container, inside): (&'static str, &'static str),
    codec: &'static str,
    rate_hz: u32,
    arguments: &'static [&'static str],
) -> Source {
    Source { file, container: Some(container), inside, codec, how: How::Ffmpeg(rate_hz, arguments) }
}

const fn by_hand(
    file: &'static str,
    (container, inside): (&'static str, &'static str),
    codec: &'static str,
    make: fn() -> Vec<u8>,
) -> Source {
    Source { file, container: Some(container), inside, codec, how: How::Hand(make) }
}

const fn unlisted(source: Source) -> Source {
    Source { container: None, ..source }
}

const CD: u32 = 44_100;
const DVD: u32 = 48_000;
const EXPERIMENTAL: &[&str] = &["-strict", "-2"];
/// With a picture; an MP4 without one is an M4A.
const FILM: &[&str] = &["-f", "lavfi", "-i", "color=s=64x64:r=5:d=2.2", "-c:v", "mpeg4", "-c:a", "aac"];
const DTS: &[&str] = &["-c:a", "dca", "-strict", "-2"];

pub(super) static SOURCES: [Source; 47] = [
    made("aac.mp4", ("MP4", "mp4"), "AAC-LC", CD, FILM),
    made("aac.m4a", ("M4A", "m4a"), "AAC-LC", CD, &["-c:a", "aac"]),
    made("alac.m4a", ("M4A", "m4a"), "ALAC", CD, &["-c:a", "alac"]),
    made("aac.mov", ("MOV", "mov"), "AAC-LC", CD, &["-c:a", "aac"]),
    made("flac.mkv", ("MKV", "mkv"), "FLAC", CD, &["-c:a", "flac"]),
    made("opus.webm", ("WebM", "webm"), "Opus", DVD, &["-c:a", "libopus"]),
    made("vorbis.ogg", ("Ogg", "ogg"), "Vorbis", CD, &["-c:a", "libvorbis"]),
    made("speex.ogg", ("Ogg", "ogg"), "Speex", 16_000, &["-c:a", "libspeex", "-ac", "1"]),
    made("a.mp3", ("MP3", "mp3"), "MP3", CD, &["-c:a", "libmp3lame"]),
    unlisted(made("a.mp2", ("", "mp2"), "MPEG audio layer 2", CD, &[])),
    unlisted(by_hand("a.mp1", ("", "mp1"), "MPEG audio layer 1", subbands::mp1)),
    made("a.flac", ("FLAC", "flac"), "FLAC", CD, &[]),
    made("a.wav", ("WAV", "wav"), "PCM", CD, &[]),
    made("adpcm.wav", ("WAV", "wav"), "ADPCM", CD, &["-c:a", "adpcm_ms"]),
    made("a.aiff", ("AIFF", "aiff"), "PCM", CD, &[]),
    made("a.caf", ("CAF", "caf"), "PCM", CD, &["-c:a", "pcm_s16le"]),
    made("aac.aac", ("ADTS", "aac"), "AAC-LC", CD, &["-c:a", "aac"]),
    by_hand("he-v1.aac", ("ADTS", "aac"), "HE-AAC", he_v1),
    by_hand("he-v2.aac", ("ADTS", "aac"), "HE-AAC v2", he_v2),
    made("1.wma", ("ASF (WMA)", "asf"), "WMA 1", CD, &["-c:a", "wmav1"]),
    made("2.wma", ("ASF (WMA)", "asf"), "WMA 2", CD, &["-c:a", "wmav2"]),
    made("mp3.avi", ("AVI", "avi"), "MP3", CD, &["-c:a", "libmp3lame"]),
    made("aac.ts", ("MPEG-TS", "mpegts"), "AAC-LC", CD, &["-c:a", "aac"]),
    made("mp2.mpg", ("MPEG-PS", "mpeg"), "MPEG audio layer 2", CD, &["-c:a", "mp2"]),
    made("nellymoser.flv", ("FLV", "flv"), "Nellymoser", CD, &["-c:a", "nellymoser", "-ac", "1"]),
    made("ac3.rm", ("RealMedia", "rm"), "AC-3", CD, &["-c:a", "ac3"]),
    made("a.ac3", ("bare AC-3", "ac3"), "AC-3", DVD, &[]),
    made("a.eac3", ("bare E-AC-3", "eac3"), "E-AC-3", DVD, &[]),
    made("a.dts", ("bare DTS", "dts"), "DTS", DVD, DTS),
    made("dts.mkv", ("MKV", "mkv"), "DTS", DVD, DTS),
    made("a.thd", ("bare TrueHD", "truehd"), "TrueHD", DVD, &["-f", "truehd", "-strict", "-2"]),
    unlisted(made("a.mlp", ("", "mlp"), "MLP", DVD, EXPERIMENTAL)),
    by_hand("nb.amr", ("AMR", "amr"), "AMR-NB", || NARROW.to_vec()),
    by_hand("wb.amr", ("AMR", "amr"), "AMR-WB", || WIDE.to_vec()),
    by_hand("a.ape", ("APE", "ape"), "Monkey's Audio", lossless::ape),
    made("a.wv", ("WavPack", "wv"), "WavPack", CD, &[]),
    by_hand("sv7.mpc", ("Musepack 7", "mpc"), "Musepack", subbands::sv7),
    by_hand("sv8.mpc", ("Musepack 8", "mpc8"), "Musepack", || SV8.to_vec()),
    made("a.tta", ("TTA", "tta"), "True Audio", CD, &[]),
    by_hand("a.dsf", ("DSF", "dsf"), "DSD", lossless::dsf),
    made("a.au", ("AU", "au"), "PCM", CD, &[]),
    made("a.w64", ("Wave64", "w64"), "PCM", CD, &[]),
    made("a.latm", ("LATM", "loas"), "AAC-LC", CD, &["-c:a", "aac", "-f", "latm"]),
    unlisted(by_hand("a.shn", ("", "shn"), "Shorten", lossless::shorten)),
    made("mp3.mkv", ("MKV", "mkv"), "MP3", CD, &["-c:a", "libmp3lame"]),
    made("opus.opus", ("Ogg", "ogg"), "Opus", DVD, &["-c:a", "libopus"]),
    made("opus.mp4", ("M4A", "m4a"), "Opus", DVD, &["-c:a", "libopus"]),
];

impl Source {
    pub(super) fn make(&self, to: &Path) -> Result<(), String> {
        match self.how {
            How::Ffmpeg(rate_hz, arguments) => {
                let input = format!("{SWEEPS}:s={rate_hz}:d={SECONDS}");
                ffmpeg::run(&[&["-f", "lavfi", "-i", &input], arguments].concat(), to)
            }
            How::Hand(make) => std::fs::write(to, make()).map_err(|error| error.to_string()),
        }
    }
}
