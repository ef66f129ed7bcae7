//! libopus' decoder, translated to unsafe Rust: called by the confined child alone.
//!
//! What it does with hostile packets is not trusted, which is why nothing in this file may run before the
//! process is confined. The multistream decoder is used for mono and stereo too; it adds a copy.
#![expect(unsafe_code, reason = "the translated libopus keeps C's interface")]

use std::ptr::NonNull;

use unsafe_libopus as unsafe_sys;

use super::opus::{MAX_FRAMES, OpusLayout};

/// A decoder at 48 kHz.
pub(super) struct Decoder {
    state: NonNull<unsafe_sys::OpusMSDecoder>,
    channels: usize,
    samples: Vec<f32>,
}

impl Decoder {
    pub(super) fn new(layout: &OpusLayout) -> Result<Self, i32> {
        let mut code = unsafe_sys::OPUS_OK;
        // SAFETY: the mapping has an entry a channel, which `OpusLayout` guarantees; the callee copies it.
        // `code` outlives the call, and a null answer is handled.
        let state = unsafe {
            unsafe_sys::opus_multistream_decoder_create(
                48_000,
                i32::from(layout.channels()),
                i32::from(layout.streams()),
                i32::from(layout.coupled()),
                layout.mapping().as_ptr(),
                &raw mut code,
            )
        };
        let channels = usize::from(layout.channels());
        let state = NonNull::new(state).ok_or(code)?;
        Ok(Self { state, channels, samples: vec![0.0; MAX_FRAMES * channels] })
    }

    /// Decodes one packet to interleaved samples, or fails with libopus' code.
    pub(super) fn decode(&mut self, packet: &[u8]) -> Result<&[f32], i32> {
        // An empty packet means a lost one to libopus, which would then invent something.
        let (Ok(length @ 1..), Ok(room)) = (i32::try_from(packet.len()), i32::try_from(MAX_FRAMES)) else {
            return Err(unsafe_sys::OPUS_INVALID_PACKET);
        };
        // SAFETY: the state is live; the packet's true length is passed along, and the samples have room
        // for `MAX_FRAMES` frames of all channels.
        let frames = unsafe {
            unsafe_sys::opus_multistream_decode_float(
                self.state.as_ptr(),
                packet.as_ptr(),
                length,
                self.samples.as_mut_ptr(),
                room,
                0,
            )
        };
        let samples = usize::try_from(frames).map_err(|_| frames)? * self.channels;
        self.samples.get(..samples).ok_or(unsafe_sys::OPUS_INTERNAL_ERROR)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the state came from the matching `create` and is destroyed once, here.
        unsafe { unsafe_sys::opus_multistream_decoder_destroy(self.state.as_ptr()) };
    }
}
