//! Frames that are taken out, stitched and put back, held against the stream and the header that LAME makes alone.

use super::frame::{Frame, Unpacker};
use super::stitch::Stitcher;
use super::*;
use crate::sink::VecSink;

/// Seconds of a tone in noise that grows and fades, so that frames need more and fewer bits.
fn sound(rate_hz: u32, seconds: u32) -> Vec<f32> {
    let mut state = 1_u32;
    let sample = |n: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(state >> 8) / f64::from(1 << 23) - 1.0;
        let time = f64::from(n) / f64::from(rate_hz);
        let loudness = 0.3 * (time * 1.7).sin().powi(8);
        #[expect(clippy::cast_possible_truncation, reason = "a sample")]
        let sample = (0.3 * (time * 440.0 * std::f64::consts::TAU).sin() + loudness * noise) as f32;
        sample
    };
    (0..rate_hz * seconds).map(sample).collect()
}

fn setting(rate_hz: u32, channels: u8, rate: Rate) -> Setting {
    Setting { rate_hz, channels, rate, effort: 7, cancel: Arc::default() }
}

/// What LAME alone makes: its stream, and its header.
fn lame_alone(setting: &Setting, samples: &[f32]) -> (Vec<u8>, Vec<u8>) {
    let mut lame = setting.encoder(true).unwrap();
    let mut stream = Vec::new();
    let planes = vec![samples; usize::from(setting.channels)];
    lame.encode(&planes, |bytes| {
        stream.extend_from_slice(bytes);
        Ok(())
    })
    .unwrap();
    stream.extend_from_slice(lame.finish().unwrap());
    let header = lame.header_frame().unwrap().to_vec();
    (stream, header)
}

fn frames_of(stream: &[u8], header_bytes: usize) -> Vec<Frame> {
    let mut unpacker = Unpacker::default();
    unpacker.push(stream);
    unpacker.skip(header_bytes);
    std::iter::from_fn(|| unpacker.next().unwrap()).collect()
}

fn stitched(frames: &[Frame]) -> Stitcher {
    let mut stitcher = Stitcher::default();
    for frame in frames {
        stitcher.push(frame.clone());
    }
    stitcher
}

const RATES: [Rate; 3] = [Rate::Cbr { kbps: 64 }, Rate::Abr { kbps: 70 }, Rate::Vbr { quality: 5 }];

#[test]
fn frames_of_any_kind_are_taken_out_and_put_back_without_a_difference() {
    for rate_hz in [8000, 22_050, 44_100, 48_000] {
        let samples = sound(rate_hz, 3);
        for (channels, rate) in [1, 2].into_iter().flat_map(|channels| RATES.map(|rate| (channels, rate))) {
            let (stream, header) = lame_alone(&setting(rate_hz, channels, rate), &samples);
            let frames = frames_of(&stream, header.len());
            let mut stitcher = stitched(&frames);
            let whole = stitcher.take(true);
            assert_eq!(whole.len(), stream.len() - header.len(), "{rate_hz} Hz, {channels}, {rate:?}");
            let again = frames_of(&whole, 0);
            assert_eq!(again.len(), frames.len());
            for (before, after) in frames.iter().zip(&again) {
                assert_eq!((before.header, &before.data), (after.header, &after.data));
                // Data is put no later than the encoder put it.
                assert!(after.reservoir >= before.reservoir);
                assert_eq!(before.side[2..], after.side[2..]);
            }
        }
    }
}

#[test]
fn the_header_says_what_lame_would_say_of_the_same_stream() {
    for (rate_hz, rate) in [(44_100, RATES[0]), (44_100, RATES[2]), (22_050, RATES[1])] {
        let (stream, header) = lame_alone(&setting(rate_hz, 2, rate), &sound(rate_hz, 5));
        let frames = frames_of(&stream, header.len());
        let count = frames.len();
        let mut stitcher = stitched(&frames);
        stitcher.take(true);
        let start = 4 + if rate_hz == 44_100 { 32 } else { 17 };
        let padding = u16::from_be_bytes([header[start + 142] & 0xf, header[start + 143]]);
        let ours = stitcher.totals.write(&header, padding);
        assert_eq!(ours[..start + 16], header[..start + 16], "up to the count of frames and bytes");
        assert_eq!(
            ours[start + 116..start + 152],
            header[start + 116..start + 152],
            "between the two tables"
        );
        // LAME knows its bit rates, we the bytes; reservoirs and rounding lie between the two.
        for (at, (ours, lame)) in ours[start + 16..start + 116].iter().zip(&header[start + 16..]).enumerate()
        {
            assert!(ours.abs_diff(*lame) <= 3, "entry {at} of {count} frames: {ours}, and LAME has {lame}");
        }
    }
}

#[test]
fn checksums_are_lames() {
    let (stream, header) = lame_alone(&setting(44_100, 2, RATES[0]), &sound(44_100, 2));
    assert_eq!(tag::crc(0, &stream[header.len()..]).to_be_bytes(), header[36 + 152..36 + 154]);
    assert_eq!(tag::crc(0, &header[..36 + 154]).to_be_bytes(), header[36 + 154..36 + 156]);
}

#[test]
fn a_frame_without_the_reservoir_that_it_counted_on_gets_a_higher_rate() {
    let (stream, header) = lame_alone(&setting(44_100, 2, RATES[0]), &sound(44_100, 3));
    let frames = frames_of(&stream, header.len());
    let at = frames.iter().position(|frame| frame.reservoir > 100).unwrap();
    let again = frames_of(&stitched(&frames[at..]).take(true), 0);
    assert!(again[0].header.frame_bytes() >= frames[at].header.frame_bytes() + frames[at].reservoir);
    assert!(frames[at..].iter().zip(&again).all(|(before, after)| before.data == after.data));
}

#[test]
fn at_the_highest_rate_such_a_frame_is_muted_and_the_rest_is_kept() {
    let (stream, header) = lame_alone(&setting(48_000, 2, Rate::Cbr { kbps: 320 }), &sound(48_000, 3));
    let mut frames = frames_of(&stream, header.len());
    frames.truncate(20);
    frames[3].reservoir = 400;
    let again = frames_of(&stitched(&frames[3..]).take(true), 0);
    assert!(again[0].data.is_empty());
    assert!(frames[4..].iter().zip(&again[1..]).all(|(before, after)| before.data == after.data));
}

#[test]
fn a_stream_that_is_no_mp3_is_refused() {
    let mut unpacker = Unpacker::default();
    unpacker.push(b"RIFF....");
    assert!(matches!(unpacker.next(), Err(MediaError::Corrupt(_))));
}

#[test]
fn one_encoder_alone_makes_the_same_sound_as_serially() {
    let setting = setting(44_100, 2, RATES[0]);
    let samples = sound(44_100, 4);
    let (stream, header) = lame_alone(&setting, &samples);
    let expected = frames_of(&stream, header.len());
    let mut sink = VecSink::new();
    let mut output = Output::new(&mut sink);
    let lame = setting.encoder(true).unwrap();
    let mut chunks = chunks::Chunks::start(setting, lame, 1, None, 0).unwrap();
    for piece in samples.chunks(1000) {
        chunks.write(&[piece, piece], &mut output).unwrap();
    }
    chunks.finish(&mut output).unwrap();
    assert!(chunks.seams().is_empty());
    let ours = sink.into_bytes();
    assert_eq!(ours[36..40], *b"Info");
    let got = frames_of(&ours, header.len());
    assert_eq!(got.len(), expected.len());
    assert!(got.iter().zip(&expected).all(|(a, b)| (a.header, &a.data) == (b.header, &b.data)));
}
