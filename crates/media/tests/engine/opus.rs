//! Decoding through the child: the same samples as in process, in order, whatever the pace.

use libtest_mimic::Trial;
use reelmill_media::{Control, Decoded, Engines, MediaError, OpusDecoder, OpusLayout};

use crate::sound::{self, Recipe, STEREO};
use crate::{ensure, trial};

/// Speech in mono at a rate at which libopus takes its speech coder.
pub(crate) const SPEECH: Recipe = Recipe {
    channels: 1,
    streams: 1,
    coupled: 0,
    mapping: &[0],
    frames: 960,
    bits_per_second: 16_000,
    application: unsafe_libopus::OPUS_APPLICATION_VOIP,
};

pub(crate) fn trials() -> Vec<Trial> {
    let surround = Recipe {
        channels: 6,
        streams: 4,
        coupled: 2,
        mapping: &[0, 4, 1, 2, 3, 5],
        bits_per_second: 256_000,
        ..STEREO
    };
    let mut trials = vec![
        trial("the_child_decodes_as_this_process_does::surround", move || same(&surround, 100, true)),
        trial("the_child_decodes_as_this_process_does::one_at_a_time", || same(&STEREO, 100, false)),
        trial("a_channel_that_is_mapped_to_nothing_is_silent", silent_channel),
        trial("cancelling_ends_the_decoder_at_once", cancel),
        trial("an_answer_without_a_question_is_refused", || {
            let mut decoder = start(&STEREO, &Control::silent())?;
            ensure(decoder.receive().is_err(), || "it answered".into())
        }),
    ];
    for frames in [120, 240, 480, 960, 1920, 2880] {
        for (name, recipe) in [("music", STEREO), ("speech", SPEECH)] {
            let recipe = Recipe { frames, ..recipe };
            let name = format!("the_child_decodes_as_this_process_does::{name}_in_{frames}_frames");
            trials.push(trial(&name, move || same(&recipe, 60, true)));
        }
    }
    trials
}

pub(crate) fn start(recipe: &Recipe, control: &Control) -> Result<OpusDecoder, String> {
    let layout = OpusLayout::new(recipe.channels, recipe.streams, recipe.coupled, recipe.mapping);
    let layout = layout.map_err(|why| why.to_string())?;
    OpusDecoder::start(&Engines::find(), &layout, control).map_err(|why| why.to_string())
}

fn same(recipe: &Recipe, count: usize, is_ahead: bool) -> Result<(), String> {
    let packets = sound::encode(recipe, count);
    let mut expected: Vec<Vec<f32>> = Vec::new();
    sound::decode(recipe, &packets, |samples| expected.push(samples.to_vec()));
    let mut decoder = start(recipe, &Control::silent())?;
    let mut unsent = packets.iter();
    for (number, expected) in expected.iter().enumerate() {
        while (is_ahead && decoder.wants_packet()) || decoder.pending() == 0 {
            let Some(packet) = unsent.next() else { break };
            decoder.send(packet).map_err(|why| why.to_string())?;
        }
        let got = decoder.receive().map_err(|why| why.to_string())?;
        ensure(got == Decoded::Samples(expected), || format!("packet {number} differs"))?;
    }
    ensure(decoder.pending() == 0, || format!("{} packets are left over", decoder.pending()))
}

fn silent_channel() -> Result<(), String> {
    let packets = sound::encode(&SPEECH, 10);
    let recipe = Recipe { channels: 2, mapping: &[255, 0], ..SPEECH };
    let mut decoder = start(&recipe, &Control::silent())?;
    let mut loudest = [0_f32; 2];
    for packet in &packets {
        let Decoded::Samples(samples) = decoder.decode(packet).map_err(|why| why.to_string())? else {
            return Err("a sound packet is damaged".into());
        };
        for frame in samples.as_chunks::<2>().0 {
            loudest = [loudest[0].max(frame[0].abs()), loudest[1].max(frame[1].abs())];
        }
    }
    ensure(loudest[0] == 0.0 && loudest[1] > 0.1, || format!("{loudest:?}"))
}

fn cancel() -> Result<(), String> {
    let control = Control::silent();
    let mut decoder = start(&STEREO, &control)?;
    let packet = &sound::encode(&STEREO, 1)[0];
    drop(decoder.decode(packet).map_err(|why| why.to_string())?);
    decoder.send(packet).map_err(|why| why.to_string())?;
    control.cancel.store(true, std::sync::atomic::Ordering::Relaxed);
    for _ in 0..2 {
        let outcome = decoder.receive();
        ensure(matches!(outcome, Err(MediaError::Cancelled)), || format!("{outcome:?}"))?;
    }
    Ok(())
}
