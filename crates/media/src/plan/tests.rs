//! The table of plans: what a source and a target become, and what is refused.

use super::*;
use crate::codec::Codec;
use crate::info::OpusTrack;
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
            opus: None,
            by_ffmpeg: false,
            is_demuxed: false,
        },
        other_tracks: Vec::new(),
        tags: Tags::default(),
        has_cover: false,
        chapters: Vec::new(),
    }
}

/// On a host that has nothing but this process.
fn planned(info: &Info, target: &Target) -> Result<Plan, MediaError> {
    plan(info, target, &Engines::default())
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
        (aac(44_100, 2), target(Format::Ogg), "encoded: aac 44.1 kHz stereo to ogg about 160 kbit/s"),
        (aac(48_000, 1), target(Format::Ogg), "encoded: aac 48 kHz mono to ogg about 80 kbit/s"),
        (aac(8_000, 1), target(Format::Ogg), "encoded: aac 8 kHz mono to ogg about 42 kbit/s"),
        (
            aac(96_000, 6),
            target(Format::Ogg),
            "encoded: aac 96 kHz 6 channels to ogg about 160 kbit/s 48 kHz stereo",
        ),
        (
            aac(44_100, 2),
            Target { rate: Some(Rate::Vbr { quality: 4 }), ..target(Format::Ogg) },
            "encoded: aac 44.1 kHz stereo to ogg quality 4",
        ),
        (
            aac(22_050, 2),
            Target { rate: Some(Rate::Cbr { kbps: 320 }), ..target(Format::Ogg) },
            "encoded: aac 22.05 kHz stereo to ogg about 172 kbit/s",
        ),
        (aac(44_100, 2), target(Format::Dca), "encoded: aac 44.1 kHz stereo to dca about 64 kbit/s 48 kHz"),
        (aac(48_000, 1), target(Format::Dca0), "encoded: aac 48 kHz mono to dca0 about 64 kbit/s"),
        (
            aac(48_000, 6),
            Target { rate: Some(Rate::Cbr { kbps: 128 }), ..target(Format::Dca) },
            "encoded: aac 48 kHz 6 channels to dca about 128 kbit/s stereo",
        ),
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
        assert_eq!(planned(&info, &target).unwrap().summary, summary);
    }
}

#[test]
fn a_lossless_source_keeps_its_depth_and_a_lossy_one_gets_sixteen_bits() {
    let mut info = source(Codec::Flac, 96_000, 2);
    for (bits, expected) in [(8, 16), (16, 16), (20, 24), (24, 24), (32, 24)] {
        info.audio.bits_per_sample = Some(bits);
        assert_eq!(planned(&info, &target(Format::Wav)).unwrap().bits_per_sample, Some(expected));
    }
    info.audio.codec = Codec::Adpcm;
    assert_eq!(planned(&info, &target(Format::Wav)).unwrap().bits_per_sample, Some(16));
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
        (Target { rate: Some(Rate::Vbr { quality: 2 }), ..target(Format::Dca) }, "not a quality"),
        (Target { rate: Some(Rate::Cbr { kbps: 511 }), ..target(Format::Dca0) }, "511 kbit/s in dca0"),
        (Target { rate: Some(Rate::Vbr { quality: 10 }), ..target(Format::Ogg) }, "quality 10"),
        (Target { rate: Some(Rate::Cbr { kbps: 7 }), ..target(Format::Ogg) }, "7 kbit/s"),
        (Target { effort: Some(3), ..target(Format::Ogg) }, "effort"),
        (Target { bits_per_sample: Some(16), ..target(Format::Dca) }, "bits per sample"),
    ];
    for (target, needle) in table {
        match planned(&info, &target) {
            Err(MediaError::BadTarget(why)) => assert!(why.contains(needle), "{why} lacks {needle}"),
            other => panic!("{target:?} became {other:?}"),
        }
    }
}

#[test]
fn an_unread_codec_is_named_with_what_would_read_it() {
    for codec in [Codec::HeAac, Codec::XheAac, Codec::Other("ac-3".into())] {
        let label = codec.label().to_owned();
        let error = planned(&source(codec, 48_000, 2), &target(Format::Mp3)).unwrap_err();
        assert!(matches!(error, MediaError::Missing(_)), "{error:?}");
        let sentence = error.to_string();
        assert!(sentence.starts_with(&format!("{label} is read by ffmpeg only: ")), "{sentence}");
        assert!(sentence.ends_with("install it (on Debian: apt install ffmpeg)"), "{sentence}");
    }
}

#[test]
fn what_ffmpeg_has_described_needs_ffmpeg_whatever_its_codec() {
    for codec in [Codec::Mp3, Codec::Other("wmav2".into())] {
        let mut info = source(codec, 44_100, 2);
        info.audio.by_ffmpeg = true;
        let error = planned(&info, &target(Format::Mp3)).unwrap_err();
        assert!(matches!(error, MediaError::Missing(_)), "{error:?}");
    }
}

#[test]
fn packets_that_ffmpeg_demuxes_are_not_copied() {
    let mut info = opus();
    info.audio.by_ffmpeg = true;
    let error = planned(&info, &target(Format::Dca)).unwrap_err();
    assert!(matches!(error, MediaError::Missing(_)), "a copy would need no ffmpeg: {error:?}");
}

#[test]
fn wma_is_made_at_rates_that_its_players_know() {
    for (wanted_hz, expected_hz) in [(8000, 8000), (12_000, 16_000), (44_100, 44_100), (96_000, 48_000)] {
        assert_eq!(nearest_wma_rate(wanted_hz), expected_hz, "for {wanted_hz} Hz");
    }
}

#[test]
fn absurd_sources_are_over_a_limit() {
    for (hz, channels) in [(1, 2), (0, 2), (4_000_000, 2), (44_100, 0), (44_100, 24)] {
        let error = planned(&source(Codec::Pcm, hz, channels), &target(Format::Wav)).unwrap_err();
        assert!(matches!(error, MediaError::Limit(_)), "{hz} Hz, {channels} channels: {error}");
    }
}

#[test]
fn a_value_that_was_bent_to_fit_is_noted() {
    let info = source(Codec::AacLc, 44_100, 2);
    let bent =
        Target { sample_rate_hz: Some(50_000), rate: Some(Rate::Cbr { kbps: 100 }), ..target(Format::Mp3) };
    let notes = planned(&info, &bent).unwrap().notes;
    assert_eq!(notes, ["mp3 has no 50 kHz, so it is 48 kHz", "mp3 at 48 kHz has no 100 kbit/s, so it is 96"]);
    assert_eq!(planned(&info, &target(Format::Mp3)).unwrap().notes, Vec::<String>::new());
}

fn opus() -> Info {
    let track = OpusTrack { packet_frames: Some(960), mapping_family: 0, output_gain: 0 };
    let mut info = source(Codec::Opus, 48_000, 2);
    info.audio = AudioTrack { opus: Some(track), delay_frames: 312, padding_frames: 648, ..info.audio };
    info
}

/// The same with other packets.
fn with(change: impl FnOnce(&mut AudioTrack)) -> Info {
    let mut info = opus();
    change(&mut info.audio);
    info
}

#[test]
fn opus_that_fits_dca_is_copied_and_the_plan_says_why() {
    let dca = target(Format::Dca);
    let table = [
        (
            opus(),
            dca.clone(),
            "copied: Opus 48 kHz stereo 20 ms already fits dca; up to 80 ms of priming is kept",
        ),
        (
            with(|audio| audio.channels = 1),
            target(Format::Dca0),
            "copied: Opus 48 kHz mono 20 ms already fits dca0; up to 80 ms of priming is kept",
        ),
        (
            with(|audio| (audio.delay_frames, audio.padding_frames) = (3840, 0)),
            // What is asked for is what it has, and a profile's own rate forbids no copy.
            Target {
                channels: Some(2),
                sample_rate_hz: Some(48_000),
                rate: Some(Rate::Cbr { kbps: 64 }),
                ..dca.clone()
            },
            "copied: Opus 48 kHz stereo 20 ms already fits dca; up to 80 ms of priming is kept",
        ),
    ];
    for (info, target, summary) in table {
        let plan = planned(&info, &target).unwrap();
        assert_eq!((plan.method, plan.summary.as_str(), plan.notes), (Method::Copy, summary, Vec::new()));
    }
}

#[test]
fn opus_that_does_not_fit_dca_says_what_is_in_the_way() {
    let dca = target(Format::Dca);
    let packets = |frames| {
        with(move |audio| audio.opus = audio.opus.map(|track| OpusTrack { packet_frames: frames, ..track }))
    };
    let track = |change: fn(&mut OpusTrack)| with(move |audio| audio.opus.iter_mut().for_each(change));
    let table = [
        (packets(Some(480)), dca.clone(), "its packets have 10 ms, dca has 20 ms"),
        (packets(Some(120)), dca.clone(), "its packets have 2.5 ms, dca has 20 ms"),
        (packets(Some(2880)), target(Format::Dca0), "its packets have 60 ms, dca0 has 20 ms"),
        (packets(None), dca.clone(), "its packets are not equally long"),
        (with(|audio| audio.opus = None), dca.clone(), "nothing is known of its packets"),
        (
            track(|track| track.output_gain = -256),
            dca.clone(),
            "a player must apply -1.0 dB, which dca cannot say",
        ),
        (
            track(|track| track.mapping_family = 1),
            dca.clone(),
            "its channels are mapped by family 1, dca has family 0",
        ),
        (
            with(|audio| audio.delay_frames = 3840),
            dca.clone(),
            "93 ms of it are not to be heard, which dca cannot say",
        ),
        (opus(), Target { start_ms: 1, ..dca.clone() }, "a part is asked for"),
        (opus(), Target { end_ms: Some(60_000), ..dca.clone() }, "a part is asked for"),
        (opus(), Target { channels: Some(1), ..dca.clone() }, "mono is asked for"),
        (opus(), Target { sample_rate_hz: Some(44_100), ..dca.clone() }, "44.1 kHz is asked for"),
    ];
    for (info, target, why) in table {
        match copy::verdict(&info.audio, &target) {
            copy::Verdict::Unfit(said) => assert_eq!(said, why),
            copy::Verdict::Fits => panic!("it fits, although {why}"),
            copy::Verdict::NotAsked => panic!("nobody asked whether {why}"),
        }
    }
    let asked = [
        (opus(), Target { copy: false, ..dca.clone() }),
        (source(Codec::Vorbis, 48_000, 2), target(Format::Opus)),
        (source(Codec::Vorbis, 48_000, 2), dca),
    ];
    for (info, target) in asked {
        assert!(matches!(copy::verdict(&info.audio, &target), copy::Verdict::NotAsked), "{target:?}");
    }
}

#[test]
fn what_fits_is_copied_and_what_is_asked_for_beside_it_forbids_that() {
    let of = |codec, channels| source(codec, 44_100, channels);
    let (m4a, mp3, to_opus) = (target(Format::M4a), target(Format::Mp3), target(Format::Opus));
    let part = |target: &Target| Target { start_ms: 1500, end_ms: Some(2500), ..target.clone() };
    let table: Vec<(Info, Target, &str)> = vec![
        (of(Codec::AacLc, 2), m4a.clone(), "copied: AAC-LC 44.1 kHz stereo already fits m4a"),
        (of(Codec::AacLc, 6), m4a.clone(), "copied: AAC-LC 44.1 kHz 6 channels already fits m4a"),
        (of(Codec::AacLc, 2), part(&m4a), "copied, in part: AAC-LC 44.1 kHz stereo already fits m4a"),
        (of(Codec::HeAac, 2), m4a.clone(), "copied: HE-AAC 44.1 kHz stereo already fits m4a"),
        (of(Codec::HeAacV2, 2), target(Format::Aac), "copied: HE-AAC v2 44.1 kHz stereo already fits aac"),
        (of(Codec::AacLc, 1), target(Format::Aac), "copied: AAC-LC 44.1 kHz mono already fits aac"),
        (of(Codec::Mp3, 2), mp3.clone(), "copied: MP3 44.1 kHz stereo already fits mp3"),
        (opus(), to_opus.clone(), "copied: Opus 48 kHz stereo already fits opus"),
        (opus(), part(&to_opus), "copied, in part: Opus 48 kHz stereo already fits opus"),
        (with(|audio| audio.channels = 6), to_opus, "copied: Opus 48 kHz 6 channels already fits opus"),
        // A rate is what packets made anew would have; whether it forbids a copy is said by `copy`.
        (
            of(Codec::Mp3, 2),
            Target { rate: Some(Rate::Cbr { kbps: 128 }), channels: Some(2), ..mp3.clone() },
            "copied: MP3 44.1 kHz stereo already fits mp3",
        ),
    ];
    for (info, target, summary) in table {
        let plan = planned(&info, &target).unwrap();
        assert_eq!((plan.summary.as_str(), plan.method), (summary, Method::Copy));
        assert_eq!((plan.start_ms, plan.end_ms), (target.start_ms, target.end_ms));
    }
    let why = |info: &Info, target: &Target| match copy::verdict(&info.audio, target) {
        copy::Verdict::Fits => "fits".to_owned(),
        copy::Verdict::Unfit(why) => why,
        copy::Verdict::NotAsked => "not asked".to_owned(),
    };
    let aac = of(Codec::AacLc, 2);
    let table = [
        (&aac, Target { channels: Some(1), ..m4a.clone() }, "mono is asked for"),
        (&aac, Target { sample_rate_hz: Some(48_000), ..m4a.clone() }, "48 kHz is asked for"),
        (&aac, Target { copy: false, ..m4a.clone() }, "not asked"),
        (&aac, part(&target(Format::Aac)), "a part is asked for"),
        (&of(Codec::HeAac, 2), part(&m4a), "a part is asked for"),
        (&of(Codec::Mp3, 2), part(&mp3), "a part is asked for"),
        (&of(Codec::XheAac, 2), m4a.clone(), "not asked"),
        (&of(Codec::Mp3, 2), m4a.clone(), "not asked"),
        (&of(Codec::Opus, 2), target(Format::Opus), "nothing is known of its packets"),
    ];
    for (info, target, said) in table {
        assert_eq!(why(info, &target), said, "{target:?}");
    }
}

#[test]
fn a_copy_forgives_no_nonsense() {
    let table = [
        (Codec::AacLc, Target { rate: Some(Rate::Vbr { quality: 2 }), ..target(Format::M4a) }),
        (Codec::Mp3, Target { effort: Some(12), ..target(Format::Mp3) }),
        (Codec::Mp3, Target { bits_per_sample: Some(16), ..target(Format::Mp3) }),
    ];
    for (codec, target) in table {
        let refused = planned(&source(codec, 44_100, 2), &target);
        assert!(matches!(refused, Err(MediaError::BadTarget(_))), "{target:?}: {refused:?}");
    }
}

#[test]
fn what_this_host_lacks_is_named_before_anything_is_written() {
    for (info, target) in [
        (opus(), target(Format::Mp3)),
        (opus(), Target { copy: false, ..target(Format::Dca) }),
        (source(Codec::Pcm, 48_000, 2), target(Format::Aac)),
    ] {
        match planned(&info, &target) {
            Err(MediaError::Missing(what)) => assert!(!what.is_empty()),
            other => panic!("{target:?} became {other:?}"),
        }
    }
}

#[test]
fn aac_spends_no_more_than_its_blocks_hold() {
    let chosen = |rate, sample_rate_hz, channels| {
        let mut notes = Vec::new();
        let target = Target { rate, ..target(Format::Aac) };
        (rate::choose(&target, sample_rate_hz, channels, &mut notes).unwrap(), notes)
    };
    let table = [
        (None, 44_100, 2, 128, ""),
        (None, 8_000, 1, 48, ""),
        (Some(Rate::Abr { kbps: 320 }), 48_000, 2, 320, ""),
        (Some(Rate::Cbr { kbps: 320 }), 22_050, 1, 132, "aac at 22.05 kHz has no 320 kbit/s, so it is 132"),
    ];
    for (rate, hz, channels, kbps, note) in table {
        let (made, notes) = chosen(rate, hz, channels);
        assert_eq!((made, notes.concat().as_str()), (Some(Rate::Cbr { kbps }), note));
    }
    let wrong = [Rate::Vbr { quality: 2 }, Rate::Cbr { kbps: 7 }, Rate::Cbr { kbps: 513 }];
    for rate in wrong {
        let target = Target { rate: Some(rate), ..target(Format::Aac) };
        let refused = rate::choose(&target, 44_100, 2, &mut Vec::new());
        assert!(matches!(refused, Err(MediaError::BadTarget(_))), "{rate:?}: {refused:?}");
    }
}
