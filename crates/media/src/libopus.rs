//! libopus, translated to unsafe Rust: the only module that talks to it.
//!
//! The encoder belongs to one `OpusEncoder` value and is freed with it. Slices are handed over with lengths
//! that are checked here, so nothing outside this file can make it read or write past a buffer.
#![expect(unsafe_code, reason = "the translated libopus keeps C's interface")]

use std::ptr::NonNull;

use unsafe_libopus as unsafe_sys;

use crate::error::MediaError;
use crate::target::Rate;

/// Frames of one packet: 20 ms at 48 kHz.
pub(crate) const PACKET_FRAMES: usize = 960;
/// The longest packet that one frame may become (RFC 6716, section 3.2.1, with room for its head).
const MAX_PACKET_BYTES: usize = 1500;

/// An Opus encoder at 48 kHz.
pub(crate) struct OpusEncoder {
    state: NonNull<unsafe_sys::OpusEncoder>,
    channels: usize,
    packet: Vec<u8>,
}

// SAFETY: the state is reachable through this value alone and refers to nothing per thread.
unsafe impl Send for OpusEncoder {}

impl OpusEncoder {
    /// Starts an encoder for one or two channels.
    pub(crate) fn new(channels: u8, rate: Rate) -> Result<Self, MediaError> {
        let mut code = unsafe_sys::OPUS_OK;
        // SAFETY: `code` outlives the call; a null answer is handled.
        let state = unsafe {
            unsafe_sys::opus_encoder_create(
                48_000,
                i32::from(channels),
                unsafe_sys::OPUS_APPLICATION_AUDIO,
                &raw mut code,
            )
        };
        let state = NonNull::new(state)
            .ok_or_else(|| MediaError::Limit(format!("the opus encoder did not start: code {code}")))?;
        let encoder = Self { state, channels: usize::from(channels), packet: vec![0; MAX_PACKET_BYTES] };
        let (kbps, is_varying) = match rate {
            Rate::Cbr { kbps } => (kbps, 0),
            Rate::Abr { kbps } => (kbps, 1),
            Rate::Vbr { .. } => (96, 1),
        };
        encoder.set(unsafe_sys::OPUS_SET_BITRATE_REQUEST, i32::from(kbps) * 1000)?;
        encoder.set(unsafe_sys::OPUS_SET_VBR_REQUEST, is_varying)?;
        // A constrained rate is kept by what was spent since the beginning, which an encoder that begins elsewhere has not seen.
        encoder.set(unsafe_sys::OPUS_SET_VBR_CONSTRAINT_REQUEST, 0)?;
        encoder.set(unsafe_sys::OPUS_SET_COMPLEXITY_REQUEST, 10)?;
        Ok(encoder)
    }

    fn set(&self, request: i32, value: i32) -> Result<(), MediaError> {
        // SAFETY: the state is live, and each request used here takes one i32.
        let code = unsafe { unsafe_sys::opus_encoder_ctl!(self.state.as_ptr(), request, value) };
        if code == unsafe_sys::OPUS_OK {
            Ok(())
        } else {
            Err(MediaError::BadTarget(format!("the opus encoder refuses setting {request} = {value}")))
        }
    }

    /// How many frames the encoder answers late, which a player must skip.
    pub(crate) fn lookahead(&self) -> Result<u16, MediaError> {
        let mut frames = 0_i32;
        // SAFETY: the state is live, and this request writes one i32.
        let code = unsafe {
            unsafe_sys::opus_encoder_ctl!(
                self.state.as_ptr(),
                unsafe_sys::OPUS_GET_LOOKAHEAD_REQUEST,
                &mut frames
            )
        };
        u16::try_from(frames)
            .ok()
            .filter(|_| code == unsafe_sys::OPUS_OK)
            .ok_or_else(|| MediaError::Corrupt(format!("the opus encoder hides its lookahead: code {code}")))
    }

    /// The same as [`Self::encode`], to a packet that a decoder understands whatever it has decoded before.
    pub(crate) fn encode_alone(&mut self, interleaved: &[f32]) -> Result<&[u8], MediaError> {
        self.set(unsafe_sys::OPUS_SET_PREDICTION_DISABLED_REQUEST, 1)?;
        let length = self.encode(interleaved)?.len();
        self.set(unsafe_sys::OPUS_SET_PREDICTION_DISABLED_REQUEST, 0)?;
        Ok(&self.packet[..length])
    }

    /// Encodes exactly [`PACKET_FRAMES`] interleaved frames.
    pub(crate) fn encode(&mut self, interleaved: &[f32]) -> Result<&[u8], MediaError> {
        if interleaved.len() != PACKET_FRAMES * self.channels {
            return Err(MediaError::Corrupt(format!("an opus packet of {} samples", interleaved.len())));
        }
        // SAFETY: the samples' number was checked just now, and the packet's true length is passed along.
        let written = unsafe {
            unsafe_sys::opus_encode_float(
                self.state.as_ptr(),
                interleaved.as_ptr(),
                i32::try_from(PACKET_FRAMES).unwrap_or(0),
                self.packet.as_mut_ptr(),
                i32::try_from(self.packet.len()).unwrap_or(0),
            )
        };
        usize::try_from(written)
            .ok()
            .and_then(|written| self.packet.get(..written))
            .ok_or_else(|| MediaError::Corrupt(format!("the opus encoder gave up with code {written}")))
    }
}

impl Drop for OpusEncoder {
    fn drop(&mut self) {
        // SAFETY: the state came from `opus_encoder_create` and is destroyed once, here.
        unsafe { unsafe_sys::opus_encoder_destroy(self.state.as_ptr()) };
    }
}
