//! Opus packets made and decoded in this process, for the child to be compared with.
#![expect(unsafe_code, reason = "the translated libopus keeps C's interface")]

use unsafe_libopus as unsafe_sys;

/// How packets are made.
#[derive(Clone, Copy)]
pub(crate) struct Recipe {
    pub(crate) channels: u8,
    pub(crate) streams: u8,
    pub(crate) coupled: u8,
    pub(crate) mapping: &'static [u8],
    pub(crate) frames: usize,
    pub(crate) bits_per_second: i32,
    pub(crate) application: i32,
}

/// Stereo music in packets of 20 ms.
pub(crate) const STEREO: Recipe = Recipe {
    channels: 2,
    streams: 1,
    coupled: 1,
    mapping: &[0, 1],
    frames: 960,
    bits_per_second: 128_000,
    application: unsafe_sys::OPUS_APPLICATION_AUDIO,
};

/// Encodes `packets` packets of a sweep with a little noise.
#[expect(clippy::cast_precision_loss, reason = "sample numbers of seconds")]
pub(crate) fn encode(recipe: &Recipe, packets: usize) -> Vec<Vec<u8>> {
    let mut code = 0;
    // SAFETY: the mapping has an entry a channel; a null answer ends the test below.
    let state = unsafe {
        unsafe_sys::opus_multistream_encoder_create(
            48_000,
            i32::from(recipe.channels),
            i32::from(recipe.streams),
            i32::from(recipe.coupled),
            recipe.mapping.as_ptr(),
            recipe.application,
            &raw mut code,
        )
    };
    assert!(!state.is_null() && code == 0, "the encoder does not start: {code}");
    // SAFETY: the state is live, and the request takes one i32.
    unsafe {
        unsafe_sys::opus_multistream_encoder_ctl!(
            state,
            unsafe_sys::OPUS_SET_BITRATE_REQUEST,
            recipe.bits_per_second
        );
    }
    let (mut frame, mut noise, mut made) = (0_u64, 1_u32, Vec::new());
    for _ in 0..packets {
        let mut samples = Vec::with_capacity(recipe.frames * usize::from(recipe.channels));
        for _ in 0..recipe.frames {
            let seconds = frame as f32 / 48_000.0;
            for channel in 0..recipe.channels {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let hz = 200.0 + 40.0 * seconds + 130.0 * f32::from(channel);
                let tone = (seconds * hz * std::f32::consts::TAU).sin();
                samples.push(0.4 * tone + 0.05 * (noise as f32 / u32::MAX as f32 - 0.5));
            }
            frame += 1;
        }
        let mut packet = vec![0; 12_000];
        // SAFETY: the samples are `frames` times the channels, and the packet's true length is passed.
        let written = unsafe {
            unsafe_sys::opus_multistream_encode_float(
                state,
                samples.as_ptr(),
                length(recipe.frames),
                packet.as_mut_ptr(),
                length(packet.len()),
            )
        };
        packet.truncate(usize::try_from(written).expect("an encoder's length"));
        made.push(packet);
    }
    // SAFETY: it came from the matching `create`, and is used no more.
    unsafe { unsafe_sys::opus_multistream_encoder_destroy(state) };
    made
}

/// Decodes packets in this process, handing each packet's samples on.
pub(crate) fn decode(recipe: &Recipe, packets: &[Vec<u8>], mut hear: impl FnMut(&[f32])) {
    let mut code = 0;
    // SAFETY: as for the encoder.
    let state = unsafe {
        unsafe_sys::opus_multistream_decoder_create(
            48_000,
            i32::from(recipe.channels),
            i32::from(recipe.streams),
            i32::from(recipe.coupled),
            recipe.mapping.as_ptr(),
            &raw mut code,
        )
    };
    assert!(!state.is_null() && code == 0, "the decoder does not start: {code}");
    let mut samples = vec![0_f32; 5760 * usize::from(recipe.channels)];
    for packet in packets {
        // SAFETY: the packet's true length is passed, and there is room for 5,760 frames.
        let frames = unsafe {
            unsafe_sys::opus_multistream_decode_float(
                state,
                packet.as_ptr(),
                length(packet.len()),
                samples.as_mut_ptr(),
                5760,
                0,
            )
        };
        let frames = usize::try_from(frames).expect("our own packets are sound");
        hear(&samples[..frames * usize::from(recipe.channels)]);
    }
    // SAFETY: it came from the matching `create`, and is used no more.
    unsafe { unsafe_sys::opus_multistream_decoder_destroy(state) };
}

fn length(count: usize) -> i32 {
    i32::try_from(count).expect("lengths of packets are small")
}
