//! Streams of several hands, held against that of one encoder.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const RATE: Rate = Rate::Cbr { kbps: 64 };

fn setting(cancel: bool) -> Setting {
    Setting { channels: 1, rate: RATE, cancel: Arc::new(AtomicBool::new(cancel)) }
}

/// Packets' worth of a tone in noise that is silent for ten packets of fifty.
fn sound(packets: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let sample = |n: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        #[expect(clippy::cast_precision_loss, reason = "a sample")]
        let (noise, time) = ((state >> 8) as f32 / 16_777_216.0 - 0.5, n as f32 / 48_000.0);
        let loudness = if (20..30).contains(&(n / PACKET_FRAMES % 50)) { 0.001 } else { 1.0 };
        loudness * (0.3 * (time * 440.0 * std::f32::consts::TAU).sin() + 0.1 * noise)
    };
    (0..packets * PACKET_FRAMES).map(sample).collect()
}

fn alone(samples: &[f32]) -> Vec<Vec<u8>> {
    let mut encoder = OpusEncoder::new(1, RATE).unwrap();
    samples.chunks_exact(PACKET_FRAMES).map(|packet| encoder.encode(packet).unwrap().to_vec()).collect()
}

/// A crew's packets of mono samples, given in odd portions, and its seams.
fn made(threads: usize, expected: Option<u64>, samples: &[f32]) -> (Vec<Vec<u8>>, Packets) {
    let mut packets = Packets::new(setting(false), threads, expected).unwrap();
    let mut all = Vec::new();
    let mut take = |packet: &[u8]| {
        all.push(packet.to_vec());
        Ok(())
    };
    for portion in samples.chunks(1001) {
        packets.write(&[portion], &mut take).unwrap();
    }
    let end = packets.finish(&mut take).unwrap();
    assert_eq!(end, samples.len() as u64 + u64::from(packets.lookahead()));
    (all, packets)
}

fn piece(samples: &[f32], number: usize, lead: usize, length: usize) -> Piece {
    let samples = &samples[(number - lead) * PACKET_FRAMES..(number + length) * PACKET_FRAMES];
    Piece { number: number as u64, lead, packets: samples.chunks(PACKET_FRAMES).map(Packet::from).collect() }
}

fn packets_of(coded: &Coded) -> Vec<Vec<u8>> {
    coded.packets().map(<[u8]>::to_vec).collect()
}

#[test]
fn one_hand_makes_of_pieces_what_one_encoder_makes_of_all() {
    let samples = sound(100);
    let mut hand = Hand::default();
    let mut all = Vec::new();
    for number in [0, 30, 60] {
        let coded = setting(false).encode(&mut hand, piece(&samples, number, number.min(20), 30)).unwrap();
        assert_eq!(coded.seam, None);
        all.extend(packets_of(&coded));
    }
    assert!(all == alone(&samples[..90 * PACKET_FRAMES]));
}

#[test]
fn a_hand_that_begins_in_the_middle_hears_what_was_before_and_stands_alone() {
    let samples = sound(100);
    let coded = setting(false).encode(&mut Hand::default(), piece(&samples, 60, 25, 30)).unwrap();
    assert_eq!(coded.seam, Some(60));
    let ours = packets_of(&coded);
    let mut encoder = OpusEncoder::new(1, RATE).unwrap();
    let mut theirs = Vec::new();
    for (at, packet) in samples.chunks_exact(PACKET_FRAMES).enumerate().take(90).skip(35) {
        let alone = at == 60;
        let coded = if alone { encoder.encode_alone(packet) } else { encoder.encode(packet) };
        theirs.push(coded.unwrap().to_vec());
    }
    assert!(ours == theirs[25..]);
}

#[test]
fn a_packet_that_stands_alone_is_another_and_only_that_one() {
    let samples = sound(40);
    let with = |disturbed: usize| {
        let mut encoder = OpusEncoder::new(1, RATE).unwrap();
        let encode = |(at, packet)| {
            let coded = if at == disturbed { encoder.encode_alone(packet) } else { encoder.encode(packet) };
            coded.unwrap().to_vec()
        };
        samples.chunks_exact(PACKET_FRAMES).enumerate().map(encode).collect::<Vec<_>>()
    };
    let (plain, disturbed) = (with(99), with(30));
    assert!(plain[..30] == disturbed[..30]);
    assert!(plain[30] != disturbed[30] && disturbed[30].len() == 160);
}

#[test]
fn several_hands_make_as_many_packets_as_one_and_meet_where_it_is_quiet() {
    let samples = sound(1500);
    let (serial, one) = made(1, Some(1501), &samples[..samples.len() - 77]);
    assert!(one.seams().is_empty() && !one.spreads());
    assert!(serial[..1499] == alone(&samples)[..1499]);
    let (spread, several) = made(2, Some(1501), &samples[..samples.len() - 77]);
    assert_eq!(spread.len(), serial.len());
    for seam in several.seams() {
        assert!((24..=26).contains(&(seam % 50)), "a seam at {seam}");
    }
    // Where no core was idle, there is none.
    assert!(!several.seams().is_empty() || spread == serial);
}

#[test]
fn pieces_are_short_at_both_ends_and_never_take_more_than_their_memory() {
    for (threads, channels) in [(2, 1), (2, 2), (16, 2)] {
        let setting = Setting { channels, ..setting(false) };
        let mut packets = Packets::new(setting, threads, Some(30_000)).unwrap();
        let mut lengths = Vec::new();
        while packets.given < 30_000 {
            lengths.push(packets.next_length());
            packets.given += packets.next_length() as u64;
        }
        let longest = lengths.iter().max().unwrap() + PRE_ROLL_PACKETS;
        let bytes = longest * PACKET_FRAMES * usize::from(channels) * 4 * packets.threads * PIECES_EACH;
        assert!(bytes as u64 <= STOCK_BYTES, "{lengths:?}");
        assert_eq!((lengths[0], *lengths.last().unwrap()), (250, 250));
        assert!(lengths.len() < 30_000 / 250);
    }
}

#[test]
fn what_may_be_coded_as_speech_is_not_taken_apart() {
    let spreads = |rate| {
        let setting = Setting { rate, ..setting(false) };
        Packets::new(setting, 2, None).unwrap().spreads()
    };
    let cbr = |kbps| spreads(Rate::Cbr { kbps });
    assert_eq!([cbr(32), cbr(63), cbr(64), cbr(510)], [false, false, true, true]);
    let varying = |kbps| spreads(Rate::Abr { kbps });
    assert_eq!([varying(63), varying(64), spreads(Rate::Vbr { quality: 2 })], [false, true, false]);
    assert!(!Packets::new(setting(false), 2, Some(700)).unwrap().spreads(), "14 seconds");
}

#[test]
fn a_cancel_ends_a_piece() {
    let samples = sound(50);
    let setting = setting(true);
    assert!(setting.cancel.load(Ordering::Relaxed));
    let coded = setting.encode(&mut Hand::default(), piece(&samples, 30, 20, 20));
    assert!(matches!(coded, Err(MediaError::Cancelled)));
}
