//! LAME through its C interface: the only module that talks to it.
//!
//! The encoder state belongs to one `Lame` and is freed with it. Every call hands over slices whose lengths
//! are computed here, so nothing outside this file can make C read or write past a buffer.
#![expect(unsafe_code, reason = "LAME is a C library")]

use std::ffi::c_int;
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use mp3lame_sys as sys;

use crate::error::MediaError;
use crate::target::Rate;

/// Frames handed to LAME at once, so that its output buffer stays small.
const MAX_FRAMES: usize = 8192;
/// What `lame.h` asks for: 1.25 bytes a sample and 7,200 more.
const OUTPUT_BYTES: usize = MAX_FRAMES * 5 / 4 + 7200;

/// LAME fills tables that all encoders share when the first is set up.
static SETTING_UP: Mutex<()> = Mutex::new(());

/// An MP3 encoder.
pub(crate) struct Lame {
    state: NonNull<sys::lame_global_flags>,
    channels: u8,
    output: Vec<u8>,
}

// SAFETY: the state is reachable through this value alone, and LAME keeps nothing per thread.
unsafe impl Send for Lame {}

impl Lame {
    /// Starts an encoder whose input and output run at `sample_rate_hz`, which is a rate MP3 has. With
    /// `has_header` its first frame keeps the place of the Xing/LAME header, where there is room for one.
    pub(crate) fn new(
        sample_rate_hz: u32,
        channels: u8,
        rate: Rate,
        effort: u8,
        has_header: bool,
    ) -> Result<Self, MediaError> {
        // SAFETY: takes no arguments; null means out of memory and is handled.
        let state = NonNull::new(unsafe { sys::lame_init() })
            .ok_or_else(|| MediaError::Limit("no memory for the mp3 encoder".into()))?;
        let lame = Self { state, channels, output: vec![0; OUTPUT_BYTES] };
        let _only = SETTING_UP.lock().unwrap_or_else(PoisonError::into_inner);
        lame.configure(sample_rate_hz, rate, effort, has_header)?;
        Ok(lame)
    }

    fn configure(
        &self,
        sample_rate_hz: u32,
        rate: Rate,
        effort: u8,
        has_header: bool,
    ) -> Result<(), MediaError> {
        let state = self.state.as_ptr();
        let hz = c_int::try_from(sample_rate_hz).unwrap_or(c_int::MAX);
        let mode = if self.channels == 1 { sys::MPEG_mode::MONO } else { sys::MPEG_mode::JOINT_STEREO };
        // SAFETY: `state` is live; every setter copies its value and answers below zero when refused.
        let answers = unsafe {
            let mut answers = vec![
                sys::lame_set_in_samplerate(state, hz),
                sys::lame_set_out_samplerate(state, hz),
                sys::lame_set_num_channels(state, c_int::from(self.channels)),
                sys::lame_set_mode(state, mode),
                sys::lame_set_quality(state, c_int::from(effort)),
                sys::lame_set_bWriteVbrTag(state, c_int::from(has_header)),
            ];
            match rate {
                Rate::Cbr { kbps } => {
                    answers.push(sys::lame_set_VBR(state, sys::vbr_mode::vbr_off));
                    answers.push(sys::lame_set_brate(state, c_int::from(kbps)));
                }
                Rate::Abr { kbps } => {
                    answers.push(sys::lame_set_VBR(state, sys::vbr_mode::vbr_abr));
                    answers.push(sys::lame_set_VBR_mean_bitrate_kbps(state, c_int::from(kbps)));
                }
                Rate::Vbr { quality } => {
                    answers.push(sys::lame_set_VBR(state, sys::vbr_mode::vbr_default));
                    answers.push(sys::lame_set_VBR_q(state, c_int::from(quality)));
                }
            }
            // ID3 is ours: LAME's own tag would be written at a place and a version of its choosing.
            sys::lame_set_write_id3tag_automatic(state, 0);
            answers.push(sys::lame_init_params(state));
            answers
        };
        if answers.iter().any(|answer| *answer < 0) {
            return Err(MediaError::BadTarget(format!(
                "the mp3 encoder refuses {sample_rate_hz} Hz at {rate:?}"
            )));
        }
        Ok(())
    }

    /// Encodes equally long planes, one a channel, and hands each piece of output to `write`.
    pub(crate) fn encode(
        &mut self,
        planes: &[&[f32]],
        mut write: impl FnMut(&[u8]) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        debug_assert_eq!(planes.len(), usize::from(self.channels));
        let (Some(left), Some(right)) = (planes.first(), planes.last()) else { return Ok(()) };
        for (left, right) in left.chunks(MAX_FRAMES).zip(right.chunks(MAX_FRAMES)) {
            let frames = left.len().min(right.len());
            // SAFETY: both planes hold `frames` samples, of which LAME reads no more; the output buffer
            // has what it asks for MAX_FRAMES, and its length is passed along.
            let written = unsafe {
                sys::lame_encode_buffer_ieee_float(
                    self.state.as_ptr(),
                    left.as_ptr(),
                    right.as_ptr(),
                    as_c_int(frames),
                    self.output.as_mut_ptr(),
                    as_c_int(self.output.len()),
                )
            };
            write(self.written(written)?)?;
        }
        Ok(())
    }

    /// Encodes what LAME still holds back.
    pub(crate) fn finish(&mut self) -> Result<&[u8], MediaError> {
        // SAFETY: the state is live and the buffer is longer than the 7,200 bytes that a flush may take.
        let written = unsafe {
            sys::lame_encode_flush(self.state.as_ptr(), self.output.as_mut_ptr(), as_c_int(self.output.len()))
        };
        self.written(written)
    }

    /// Returns the final Xing/LAME frame, which belongs where the encoder's first bytes went.
    pub(crate) fn header_frame(&mut self) -> Result<&[u8], MediaError> {
        // SAFETY: the state is live; with too small a buffer LAME writes nothing and answers the needed size.
        let size = unsafe {
            sys::lame_get_lametag_frame(self.state.as_ptr(), self.output.as_mut_ptr(), self.output.len())
        };
        if size > self.output.len() {
            return Err(MediaError::Corrupt(format!("the mp3 encoder made a header of {size} bytes")));
        }
        Ok(&self.output[..size])
    }

    /// How many samples behind the last are padding; known once it has finished.
    pub(crate) fn padding(&self) -> u16 {
        // SAFETY: the state is live, and only a number is read.
        let padding = unsafe { sys::lame_get_encoder_padding(self.state.as_ptr()) };
        u16::try_from(padding).unwrap_or(0)
    }

    fn written(&self, answer: c_int) -> Result<&[u8], MediaError> {
        usize::try_from(answer)
            .ok()
            .and_then(|written| self.output.get(..written))
            .ok_or_else(|| MediaError::Corrupt(format!("the mp3 encoder gave up with code {answer}")))
    }
}

impl Drop for Lame {
    fn drop(&mut self) {
        // SAFETY: the state came from `lame_init` and is closed once, here.
        unsafe { sys::lame_close(self.state.as_ptr()) };
    }
}

fn as_c_int(size: usize) -> c_int {
    c_int::try_from(size).unwrap_or(c_int::MAX)
}
