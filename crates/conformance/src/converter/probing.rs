//! Probing and planning.

use reelmill_core::ports::{Converter, ConverterError};
use reelmill_core::{Format, MediaInfo, Profile, Settings};

use super::Bench;
use super::fake::{stored, wav, wav_header};
use crate::Place;

type Setup = Place<Bench>;

async fn probed(bench: &Bench, name: &str, content: Vec<u8>) -> Result<MediaInfo, ConverterError> {
    bench.converter.probe(&stored(&bench.objects, name, content).await).await
}

pub(super) async fn a_wav_is_probed(place: Setup) {
    let bench = place.open().await;
    let info = probed(&bench, "tone.wav", wav(2)).await.unwrap();
    let audio = info.audio.unwrap();
    assert_eq!((info.container.as_str(), info.duration_ms, info.unreadable), ("wav", Some(2_000), None));
    assert_eq!((audio.codec.as_str(), audio.sample_rate_hz, audio.channels), ("pcm", 44_100, 2));
    assert_eq!(audio.frames, Some(88_200));
    // What the file is counts, not what it is called.
    assert_eq!(probed(&bench, "tone.mp3", wav(2)).await.unwrap().container, "wav");
}

pub(super) async fn what_is_not_media_is_refused(place: Setup) {
    let bench = place.open().await;
    let text = "this is no media at all, whatever its name says\n".repeat(4_000).into_bytes();
    for (name, content) in [("a.txt", text.clone()), ("a.mp4", text), ("b.mp3", vec![0; 300_000])] {
        let refused = probed(&bench, name, content).await;
        assert!(matches!(refused, Err(ConverterError::NotMedia(_))), "{name}: {refused:?}");
    }
}

pub(super) async fn an_empty_file_is_refused(place: Setup) {
    let bench = place.open().await;
    let refused = probed(&bench, "a.wav", Vec::new()).await;
    assert!(matches!(refused, Err(ConverterError::NotMedia(_))), "{refused:?}");
}

async fn unread(bench: &Bench) -> MediaInfo {
    // A format tag that nobody has registered.
    let mut file = wav_header(0x7a3b, 40_000);
    file.resize(40_044, 0x55);
    probed(bench, "a.wav", file).await.unwrap()
}

pub(super) async fn a_file_whose_codec_is_not_read_is_no_error(place: Setup) {
    let info = unread(&*place.open().await).await;
    assert_eq!(info.audio, None);
    assert!(info.unreadable.is_some_and(|why| !why.is_empty()));
}

pub(super) async fn what_cannot_be_read_cannot_be_planned(place: Setup) {
    let bench = place.open().await;
    let info = unread(&bench).await;
    match bench.converter.plan(&info, &Profile::named("mp3").unwrap()) {
        Err(ConverterError::Unsupported(why)) => assert_eq!(Some(why), info.unreadable),
        other => panic!("{other:?}"),
    }
}

fn refused_setting(converter: &dyn Converter, info: &MediaInfo, profile: &str, settings: &Settings) {
    let profile = Profile::named(profile).unwrap().with(settings);
    let refused = converter.plan(info, &profile);
    assert!(matches!(refused, Err(ConverterError::Setting(_))), "{settings:?}: {refused:?}");
}

pub(super) async fn a_setting_that_no_format_has_is_refused(place: Setup) {
    let bench = place.open().await;
    let info = probed(&bench, "tone.wav", wav(1)).await.unwrap();
    let wrong = [
        Settings { bitrate_kbps: Some(1_000_000), ..Settings::default() },
        Settings { quality: Some(99), ..Settings::default() },
        Settings { channels: Some(0), ..Settings::default() },
        Settings { bits_per_sample: Some(16), ..Settings::default() },
    ];
    for settings in wrong {
        refused_setting(&*bench.converter, &info, "mp3", &settings);
    }
}

pub(super) async fn settings_that_contradict_each_other_are_refused(place: Setup) {
    let bench = place.open().await;
    let info = probed(&bench, "tone.wav", wav(1)).await.unwrap();
    let two = Settings { bitrate_kbps: Some(128), quality: Some(2), ..Settings::default() };
    refused_setting(&*bench.converter, &info, "wav", &two);
    let backwards = Settings { start_ms: Some(900), end_ms: Some(800), ..Settings::default() };
    refused_setting(&*bench.converter, &info, "mp3", &backwards);
}

pub(super) async fn what_it_reads_and_writes_is_listed(place: Setup) {
    let bench = place.open().await;
    assert!(bench.converter.writes().contains(&Format::Mp3));
    let reads = bench.converter.reads();
    assert!(reads.iter().any(|name| name == "WAV"), "{reads:?}");
}
