//! The table of plans: what a source and a target become, and what is refused.

use super::*;
use crate::codec::Codec;
use crate::tags::Tags;

fn source(codec: Codec, sample_rate_hz: u32, channels: u8) -> Info {
    Info {
        container: "mp4".into(),
        duration_ms: Some(60_000),
        audio: AudioTrack {
            codec_label: codec.label().into(),
            codec,
            sample_rate_hz,
            channels,
            bits_per_sample: None,
            frames: None,
            bit_rate_bps: None,
            delay_frames: 0,
            padding_frames: 0,
        },
        other_tracks: Vec::new(),
        tags: Tags::default(),
        has_cover: false,
    }
}

fn target(format: Format) -> Target {
    Target::new(format)
}

#[test]
fn every_decision_stands_in_this_table() {
    let aac = |hz, channels| source(Codec::AacLc, hz, channels);
    let table: Vec<(Info, Target, &str)> = vec![
        (aac(44_100, 2), target(Format::Mp3), "encoded: aac 44.1 kHz stereo to mp3 128 kbit/s"),
        (aac(44_100, 1), target(Format::Mp3), "encoded: aac 44.1 kHz mono to mp3 128 kbit/s"),
        (aac(96_000, 2), target(Format::Mp3), "encoded: aac 96 kHz stereo to mp3 128 kbit/s 48 kHz"),
        (aac(88_200, 2), target(Format::Mp3), "encoded: aac 88.2 kHz stereo to mp3 128 kbit/s 44.1 kHz"),
        (aac(8_000, 1), target(Format::Mp3), "encoded: aac 8 kHz mono to mp3 64 kbit/s"),
        (aac(22_050, 1), target(Format::Mp3), "encoded: aac 22.05 kHz mono to mp3 128 kbit/s"),
        (aac(48_000, 6), target(Format::Mp3), "encoded: aac 48 kHz 6 channels to mp3 128 kbit/s stereo"),
        (aac(44_100, 2), target(Format::Wav), "encoded: aac 44.1 kHz stereo to wav 16 bit"),
        (aac(48_000, 6), target(Format::Flac), "encoded: aac 48 kHz 6 channels to flac 16 bit"),
        (aac(192_000, 2), target(Format::Flac), "encoded: aac 192 kHz stereo to flac 16 bit"),
        (aac(192_003, 2), target(Format::Flac), "encoded: aac 192.003 kHz stereo to flac 16 bit 192.01 kHz"),
        (aac(44_100, 2), target(Format::Opus), "encoded: aac 44.1 kHz stereo to opus about 96 kbit/s 48 kHz"),
        (aac(48_000, 1), target(Format::Opus), "encoded: aac 48 kHz mono to opus about 64 kbit/s"),
        (
            aac(44_100, 2),
            Target { rate: Some(Rate::Vbr { quality: 2 }), channels: Some(1), ..target(Format::Mp3) },
            "encoded: aac 44.1 kHz stereo to mp3 quality 2 mono",
        ),
        (
            aac(44_100, 2),
            Target { rate: Some(Rate::Cbr { kbps: 100 }), ..target(Format::Mp3) },
            "encoded: aac 44.1 kHz stereo to mp3 96 kbit/s",
        ),
        (
            aac(44_100, 2),
            Target { rate: Some(Rate::Abr { kbps: 320 }), ..target(Format::Mp3) },
            "encoded: aac 44.1 kHz stereo to mp3 about 310 kbit/s",
        ),
        (
            aac(22_050, 2),
            Target { rate: Some(Rate::Cbr { kbps: 320 }), ..target(Format::Mp3) },
            "encoded: aac 22.05 kHz stereo to mp3 160 kbit/s",
        ),
    ];
    for (info, target, summary) in table {
        assert_eq!(plan(&info, &target).unwrap().summary, summary);
    }
}

#[test]
fn a_lossless_source_keeps_its_depth_and_a_lossy_one_gets_sixteen_bits() {
    let mut info = source(Codec::Flac, 96_000, 2);
    for (bits, expected) in [(8, 16), (16, 16), (20, 24), (24, 24), (32, 24)] {
        info.audio.bits_per_sample = Some(bits);
        assert_eq!(plan(&info, &target(Format::Wav)).unwrap().bits_per_sample, Some(expected));
    }
    info.audio.codec = Codec::Adpcm;
    assert_eq!(plan(&info, &target(Format::Wav)).unwrap().bits_per_sample, Some(16));
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let info = source(Codec::AacLc, 44_100, 2);
    let mp3 = target(Format::Mp3);
    let table = [
        (Target { sample_rate_hz: Some(1), ..mp3.clone() }, "1 Hz"),
        (Target { sample_rate_hz: Some(4_000_000), ..mp3.clone() }, "4000000 Hz"),
        (Target { channels: Some(0), ..mp3.clone() }, "0 channels"),
        (Target { channels: Some(6), ..mp3.clone() }, "6 channels"),
        (Target { rate: Some(Rate::Cbr { kbps: 0 }), ..mp3.clone() }, "0 kbit/s"),
        (Target { rate: Some(Rate::Abr { kbps: 900 }), ..mp3.clone() }, "900 kbit/s"),
        (Target { rate: Some(Rate::Vbr { quality: 10 }), ..mp3.clone() }, "quality 10"),
        (Target { effort: Some(12), ..mp3.clone() }, "effort 12"),
        (Target { bits_per_sample: Some(24), ..mp3.clone() }, "bits per sample"),
        (Target { start_ms: 2000, end_ms: Some(1000), ..mp3.clone() }, "1000 ms"),
        (Target { start_ms: 60_000, ..mp3 }, "past the end"),
        (Target { rate: Some(Rate::Cbr { kbps: 128 }), ..target(Format::Flac) }, "lossless"),
        (Target { effort: Some(3), ..target(Format::Flac) }, "effort"),
        (Target { bits_per_sample: Some(8), ..target(Format::Wav) }, "8 bits"),
        (Target { channels: Some(5), ..target(Format::Wav) }, "5 channels"),
        (Target { rate: Some(Rate::Vbr { quality: 2 }), ..target(Format::Opus) }, "not a quality"),
        (Target { rate: Some(Rate::Cbr { kbps: 5 }), ..target(Format::Opus) }, "5 kbit/s"),
    ];
    for (target, needle) in table {
        match plan(&info, &target) {
            Err(MediaError::BadTarget(why)) => assert!(why.contains(needle), "{why} lacks {needle}"),
            other => panic!("{target:?} became {other:?}"),
        }
    }
}

#[test]
fn an_unread_codec_is_named() {
    for codec in [Codec::HeAac, Codec::Opus, Codec::Other("ac-3".into())] {
        let label = codec.label().to_owned();
        let error = plan(&source(codec, 48_000, 2), &target(Format::Mp3)).unwrap_err();
        assert_eq!(error.to_string(), format!("{label} is not read by this build"));
    }
}

#[test]
fn absurd_sources_are_over_a_limit() {
    for (hz, channels) in [(1, 2), (0, 2), (4_000_000, 2), (44_100, 0), (44_100, 24)] {
        let error = plan(&source(Codec::Pcm, hz, channels), &target(Format::Wav)).unwrap_err();
        assert!(matches!(error, MediaError::Limit(_)), "{hz} Hz, {channels} channels: {error}");
    }
}

#[test]
fn a_value_that_was_bent_to_fit_is_noted() {
    let info = source(Codec::AacLc, 44_100, 2);
    let bent =
        Target { sample_rate_hz: Some(50_000), rate: Some(Rate::Cbr { kbps: 100 }), ..target(Format::Mp3) };
    let notes = plan(&info, &bent).unwrap().notes;
    assert_eq!(notes, ["mp3 has no 50 kHz, so it is 48 kHz", "mp3 at 48 kHz has no 100 kbit/s, so it is 96"]);
    assert_eq!(plan(&info, &target(Format::Mp3)).unwrap().notes, Vec::<String>::new());
}
