//! What the confined child costs: four minutes of stereo Opus, decoded by it and in this process.
//!
//! `cargo bench -p reelmill-media --bench opus_child`, on an idle machine. Rounds alternate, and the ratio
//! is the median of their ratios, so that a busy moment cannot favour one side.

#[path = "../tests/engine/sound.rs"]
mod sound;

use std::hint::black_box;
use std::time::Instant;

use reelmill_media::{Control, Decoded, Engines, OpusDecoder, OpusLayout};
use sound::STEREO;

const ROUNDS: usize = 7;
const PACKETS: usize = 4 * 60 * 50;

fn main() {
    reelmill_media::become_child_if_asked();
    // `cargo test --benches` runs this too, and wants to know only that it works.
    let packets =
        sound::encode(&STEREO, if std::env::args().any(|word| word == "--bench") { PACKETS } else { 50 });
    println!("{}", Engines::find().confinement().unwrap_or_else(|why| panic!("{why}")));
    let (mut ahead, mut single) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let here = seconds(|| {
            sound::decode(&STEREO, &packets, |samples| {
                black_box(samples);
            });
        });
        let child = seconds(|| through_child(&packets, true));
        let one = seconds(|| through_child(&packets, false));
        println!("round {round}: in process {here:.3} s, child {child:.3} s, child one at a time {one:.3} s");
        ahead.push(child / here);
        single.push(one / here);
    }
    println!(
        "child / in process: {:.3} read ahead, {:.3} one at a time",
        median(&mut ahead),
        median(&mut single)
    );
}

fn through_child(packets: &[Vec<u8>], is_ahead: bool) {
    let control = Control::silent();
    let mut decoder =
        OpusDecoder::start(&Engines::find(), &OpusLayout::plain(true), &control).expect("a child");
    let mut unsent = packets.iter();
    for _ in packets {
        while (is_ahead && decoder.wants_packet()) || decoder.pending() == 0 {
            let Some(packet) = unsent.next() else { break };
            decoder.send(packet).expect("a child that listens");
        }
        let Decoded::Samples(samples) = decoder.receive().expect("an answer") else {
            panic!("a sound packet is damaged");
        };
        black_box(samples);
    }
}

fn seconds(work: impl FnOnce()) -> f64 {
    let since = Instant::now();
    work();
    since.elapsed().as_secs_f64()
}

fn median(ratios: &mut [f64]) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}
