//! Converting: from an object to another.

use std::sync::{Arc, Mutex};

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use reelmill_core::ports::{Conversion, Converted, ConverterError, Input, ObjectsError};
use reelmill_core::{Format, Key, Profile, Settings};

use super::Bench;
use super::fake::{Sink, conversion, stored, wav};
use crate::Place;

type Setup = Place<Bench>;

/// Converts into the bench's store and gives the result back as an input.
async fn convert(
    bench: &Bench,
    conversion: Conversion,
    name: &str,
) -> Result<(Converted, Input), ConverterError> {
    let key: Key = format!("outputs/{name}").parse().unwrap();
    let mut writer = bench.objects.create(&key).await.unwrap();
    let converted = bench.converter.convert(conversion, &mut *writer).await?;
    let size_bytes = writer.finish().await.unwrap().size_bytes;
    Ok((converted, Input { objects: Arc::clone(&bench.objects), key, size_bytes, name: name.to_owned() }))
}

pub(super) async fn every_format_is_written(place: Setup) {
    let bench = place.open().await;
    let input = stored(&bench.objects, "tone.wav", wav(3)).await;
    for format in bench.converter.writes() {
        let name = format.name();
        let (converted, output) = convert(&bench, conversion(input.clone(), name), name).await.unwrap();
        assert!(converted.duration_ms.abs_diff(3_000) <= 1, "{name}: {}", converted.duration_ms);
        assert!(output.size_bytes > 1_000, "{name}: {}", output.size_bytes);
        let info = match bench.converter.probe(&output).await {
            // What it writes, it need not read, and DCA0 has nothing to be known by.
            Err(ConverterError::NotMedia(_)) if format == Format::Dca0 => continue,
            probed => probed.unwrap(),
        };
        // ADTS cannot say that its ends are padding.
        let slack_ms = if format == Format::Aac { 100 } else { 1 };
        let is_whole = info.duration_ms.is_some_and(|ms| ms.abs_diff(3_000) <= slack_ms);
        assert!(is_whole || info.unreadable.is_some(), "{name}: {info:?}");
    }
}

/// Opus in Ogg, as the converter itself makes it.
async fn opus(bench: &Bench) -> Input {
    let input = stored(&bench.objects, "tone.wav", wav(3)).await;
    convert(bench, conversion(input, "opus"), "opus").await.unwrap().1
}

async fn bytes(bench: &Bench, input: &Input) -> Vec<u8> {
    let stream = bench.objects.read(&input.key, 0..input.size_bytes).await.unwrap();
    stream.try_collect::<Vec<_>>().await.unwrap().concat()
}

pub(super) async fn opus_packets_that_fit_are_copied_bit_for_bit(place: Setup) {
    let bench = place.open().await;
    let input = opus(&bench).await;
    let source = bytes(&bench, &input).await;
    let info = bench.converter.probe(&input).await.unwrap();
    let plan = bench.converter.plan(&info, &Profile::named("dca0").unwrap()).unwrap();
    assert!(plan.starts_with("copied"), "{plan}");
    let (converted, output) = convert(&bench, conversion(input, "dca0"), "copy").await.unwrap();
    assert_eq!(converted.plan, plan);

    let copy = bytes(&bench, &output).await;
    let (mut packets, mut rest) = (0, &copy[..]);
    let mut searched = &source[..];
    while let [low, high, behind @ ..] = rest {
        let (packet, next) = behind.split_at(usize::from(u16::from_le_bytes([*low, *high])));
        // They stand in the source one after the other, and only a page's head may be between them.
        let found = searched.windows(packet.len()).position(|window| window == packet);
        let found = found.expect("the packet is not in the source");
        searched = &searched[found + packet.len()..];
        (packets, rest) = (packets + 1, next);
    }
    assert_eq!(packets, converted.duration_ms / 20);
}

pub(super) async fn opus_packets_are_not_copied_where_a_rate_is_asked_for(place: Setup) {
    let bench = place.open().await;
    let info = bench.converter.probe(&opus(&bench).await).await.unwrap();
    let settings = Settings { bitrate_kbps: Some(96), ..Settings::default() };
    let plan = bench.converter.plan(&info, &Profile::named("dca").unwrap().with(&settings));
    match plan {
        Ok(plan) => assert!(plan.starts_with("encoded") && plan.contains("96"), "{plan}"),
        Err(refused) => assert!(matches!(refused, ConverterError::Unsupported(_)), "{refused:?}"),
    }
}

pub(super) async fn what_is_not_written_here_is_refused_by_the_plan(place: Setup) {
    let bench = place.open().await;
    let input = stored(&bench.objects, "tone.wav", wav(1)).await;
    let info = bench.converter.probe(&input).await.unwrap();
    let writes = bench.converter.writes();
    for profile in Profile::builtin() {
        match bench.converter.plan(&info, &profile) {
            Ok(_) => assert!(writes.contains(&profile.format), "{}", profile.name),
            Err(refused) => {
                assert!(matches!(refused, ConverterError::Unsupported(_)), "{refused:?}");
                assert!(!writes.contains(&profile.format), "{}: {refused}", profile.name);
            }
        }
    }
}

pub(super) async fn a_plan_says_what_the_conversion_does(place: Setup) {
    let bench = place.open().await;
    let input = stored(&bench.objects, "tone.wav", wav(1)).await;
    let info = bench.converter.probe(&input).await.unwrap();
    let writes = bench.converter.writes();
    for profile in Profile::builtin().into_iter().filter(|profile| writes.contains(&profile.format)) {
        let plan = bench.converter.plan(&info, &profile).unwrap();
        let work = conversion(input.clone(), &profile.name);
        let converted = bench.converter.convert(work, &mut Sink::Takes).await.unwrap();
        assert_eq!(converted.plan, plan);
    }
}

pub(super) async fn the_result_is_not_finished(place: Setup) {
    let bench = place.open().await;
    let input = stored(&bench.objects, "tone.wav", wav(1)).await;
    let key: Key = "outputs/1".parse().unwrap();
    let mut writer = bench.objects.create(&key).await.unwrap();
    bench.converter.convert(conversion(input, "mp3"), &mut *writer).await.unwrap();
    let size = bench.objects.size(&key).await;
    assert!(matches!(size, Err(ObjectsError::NotFound(_))), "{size:?}");
    assert!(writer.finish().await.unwrap().size_bytes > 0);
}

pub(super) async fn progress_rises_to_one(place: Setup) {
    let bench = place.open().await;
    let input = stored(&bench.objects, "tone.wav", wav(20)).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let tells = Arc::clone(&told);
    let work = Conversion {
        progress: Arc::new(move |share| tells.lock().unwrap().push(share)),
        ..conversion(input, "mp3")
    };
    bench.converter.convert(work, &mut Sink::Takes).await.unwrap();
    let told = told.lock().unwrap();
    assert!(told.is_sorted() && told.iter().all(|share| (0.0..=1.0).contains(share)), "{told:?}");
    assert!(told.last().is_some_and(|share| *share >= 1.0), "{told:?}");
}

pub(super) async fn a_part_is_cut_out(place: Setup) {
    let bench = place.open().await;
    let input = stored(&bench.objects, "tone.wav", wav(4)).await;
    let settings = Settings { start_ms: Some(1_000), end_ms: Some(2_500), ..Settings::default() };
    let profile = Profile::named("wav").unwrap().with(&settings);
    let work = Conversion { profile, ..conversion(input, "wav") };
    let (converted, output) = convert(&bench, work, "part").await.unwrap();
    assert_eq!(converted.duration_ms, 1_500);
    assert_eq!(bench.converter.probe(&output).await.unwrap().duration_ms, Some(1_500));
}

pub(super) async fn conversions_run_side_by_side(place: Setup) {
    let bench = place.open().await;
    let input = stored(&bench.objects, "tone.wav", wav(2)).await;
    let names: Vec<_> = (0..6).map(|n| format!("n{n}")).collect();
    let all = names.iter().map(|name| convert(&bench, conversion(input.clone(), "flac"), name));
    let sizes: Vec<u64> = join_all(all).await.into_iter().map(|done| done.unwrap().1.size_bytes).collect();
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
}

pub(super) async fn a_failed_conversion_harms_no_other(place: Setup) {
    let bench = place.open().await;
    let good = stored(&bench.objects, "tone.wav", wav(2)).await;
    let bad = stored(&bench.objects, "bad.wav", vec![0x52; 100_000]).await;
    let (failed, done) = futures_util::future::join(
        convert(&bench, conversion(bad, "mp3"), "failed"),
        convert(&bench, conversion(good, "mp3"), "done"),
    )
    .await;
    assert!(failed.is_err());
    done.unwrap();
}
