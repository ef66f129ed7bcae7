//! Packets that are no packets, and children that hang, lie and die: each ends in an answer or an error.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use reelmill_media::{Control, Decoded, Engines, MediaError, OpusDecoder, OpusLayout};

use crate::opus::SPEECH;
use crate::sound::{self, STEREO};
use crate::{ensure, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("random_packets_of_every_kind_neither_hang_nor_crash", random),
        trial("truncated_and_flipped_packets_neither_hang_nor_crash", broken),
        trial("a_packet_beyond_any_size_is_damaged_and_the_next_is_not", too_long),
        trial("a_child_that_answers_too_many_frames_is_ended", || {
            lying(
                "printf '\\000\\000\\000\\000\\377\\377\\377\\177'; sleep 60",
                "it answers 2147483647 frames",
            )
        }),
        trial("a_child_that_dies_is_a_damaged_stream", || {
            lying("printf '\\000\\000\\000\\000'; kill -SEGV $$", "gave up at packet 1: signal 11 ended it")
        }),
        trial("a_child_that_complains_is_quoted", || {
            lying(
                "printf '\\000\\000\\000\\000'; echo 'first\nit is late' >&2; exit 3",
                "ended with code 3: it is late",
            )
        }),
        trial("a_child_that_floods_its_complaints_locks_nothing_up", || {
            lying(
                "printf '\\000\\000\\000\\000'; yes too much | head -c 1000000 >&2; exit 4",
                "ended with code 4: t",
            )
        }),
        trial("a_child_that_stops_in_the_middle_of_an_answer_is_a_damaged_stream", || {
            lying(
                "printf '\\000\\000\\000\\000\\100\\000\\000\\000abc'",
                "gave up at packet 1: it ended with code 0",
            )
        }),
        trial("a_child_that_answers_nothing_is_killed_after_ten_seconds", silent),
        trial("a_child_that_does_not_start_is_no_fault_of_the_stream", || {
            let error = with_script("exit 125").err().unwrap_or_default();
            ensure(error.contains("the opus decoder did not start: it ended with code 125"), || error)
        }),
    ]
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next()).unwrap_or(0) % limit.max(1)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// Every first byte (mode, bandwidth, duration, channels, frame count) before noise of many lengths.
fn random() -> Result<(), String> {
    let mut numbers = Numbers(1);
    let mut packets = Vec::new();
    for first in 0..=255 {
        for limit in [1, 2, 3, 10, 100, 1500, 10_000] {
            let length = numbers.below(limit);
            let mut packet = vec![first];
            packet.extend(numbers.bytes(length));
            packets.push(packet);
        }
    }
    packets.push(Vec::new());
    feed(&packets)
}

fn broken() -> Result<(), String> {
    let mut numbers = Numbers(2);
    let mut packets = Vec::new();
    for sound in [sound::encode(&STEREO, 40), sound::encode(&SPEECH, 40)].concat() {
        packets.push(sound[..numbers.below(sound.len())].to_vec());
        for _ in 0..8 {
            let mut flipped = sound.clone();
            for _ in 0..=numbers.below(20) {
                let place = numbers.below(flipped.len());
                flipped[place] ^= numbers.bytes(1)[0];
            }
            packets.push(flipped);
        }
    }
    feed(&packets)
}

/// Every packet must be answered, and a sound one after all of them must still be heard.
fn feed(packets: &[Vec<u8>]) -> Result<(), String> {
    let layout = OpusLayout::plain(true);
    let mut decoder = OpusDecoder::start(&Engines::find(), &layout, &Control::silent()).map_err(text)?;
    let (mut heard, mut damaged) = (0, 0);
    for (number, packet) in packets.iter().enumerate() {
        match decoder.decode(packet).map_err(|why| format!("packet {number} ({packet:?}): {why}"))? {
            Decoded::Samples(samples) => {
                heard += 1;
                ensure(samples.len() <= 2 * 5760, || format!("{} samples", samples.len()))?;
                ensure(samples.iter().all(|sample| sample.is_finite()), || "no numbers".into())?;
            }
            Decoded::Damaged(_) => damaged += 1,
        }
    }
    // Noise is a valid packet more often than not; what contradicts itself is not.
    ensure(heard > 0 && damaged > 0, || format!("{heard} heard, {damaged} damaged"))?;
    let sound = &sound::encode(&STEREO, 1)[0];
    match decoder.decode(sound).map_err(text)? {
        Decoded::Samples(samples) if samples.len() == 2 * 960 => Ok(()),
        other => Err(format!("a sound packet afterwards: {other:?}")),
    }
}

fn too_long() -> Result<(), String> {
    let mut decoder =
        OpusDecoder::start(&Engines::find(), &OpusLayout::plain(true), &Control::silent()).map_err(text)?;
    let sound = &sound::encode(&STEREO, 1)[0];
    decoder.send(&vec![0xff; 10 << 20]).map_err(text)?;
    decoder.send(sound).map_err(text)?;
    let first = decoder.receive().map_err(text)?;
    ensure(matches!(first, Decoded::Damaged(_)), || format!("{first:?}"))?;
    let second = decoder.receive().map_err(text)?;
    ensure(matches!(second, Decoded::Samples(samples) if samples.len() == 1920), || format!("{second:?}"))
}

/// Starts a decoder whose child is a shell script, and asks it for a packet.
fn with_script(script: &str) -> Result<MediaError, String> {
    let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
    let program = folder.path().join("child");
    std::fs::write(
        &program,
        format!("#!/bin/sh\nif [ $2 = check ]; then echo seccomp; exit 0; fi\n{script}\n"),
    )
    .map_err(|why| why.to_string())?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).map_err(|why| why.to_string())?;
    let engines = Engines::default().with_child(Some(program));
    let mut decoder =
        OpusDecoder::start(&engines, &OpusLayout::plain(true), &Control::silent()).map_err(text)?;
    match decoder.decode(&[0xff, 0]) {
        Ok(answer) => Err(format!("it answered {answer:?}")),
        Err(error @ MediaError::Io(_)) => Err(error.to_string()),
        Err(error) => Ok(error),
    }
}

fn lying(script: &str, expected: &str) -> Result<(), String> {
    let error = with_script(script)?;
    ensure(matches!(error, MediaError::Corrupt(_)), || format!("{error:?}"))?;
    ensure(error.to_string().contains(expected), || error.to_string())
}

fn silent() -> Result<(), String> {
    let since = Instant::now();
    lying("printf '\\000\\000\\000\\000'; exec sleep 60", "it has not answered for 10 s")?;
    let waited = since.elapsed();
    ensure((9..20).contains(&waited.as_secs()), || format!("after {waited:?}"))?;
    ensure(waited >= Duration::from_secs(10), || format!("after {waited:?}"))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn text(error: MediaError) -> String {
    error.to_string()
}
