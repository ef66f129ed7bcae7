//! WAV: RIFF WAVE with linear PCM, which turns into RF64 (EBU Tech 3306) when it outgrows 4 GiB.
//!
//! A `JUNK` chunk right after the form type keeps the place of RF64's `ds64`, so that the head can be
//! rewritten either way at the end. Sizes written at the start are the largest possible, so that a file
//! whose end never came is still played by those who read on.

use super::{Encoder, Heading, Output, quantise};
use crate::error::MediaError;
use crate::tags::{id3, riff};

const DS64_BYTES: u32 = 28;
const PCM: u16 = 1;
const EXTENSIBLE: u16 = 0xfffe;
/// The tail of every `KSDATAFORMAT_SUBTYPE` GUID; the format tag stands in front of it.
const SUBTYPE_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

pub(super) struct Wav {
    bits: u8,
    frame_bytes: u64,
    /// Where the size of the data chunk stands.
    data_size_offset: u64,
    buffer: Vec<u8>,
}

impl Wav {
    pub(super) fn start(heading: &Heading<'_>, output: &mut Output<'_>) -> Result<Self, MediaError> {
        let plan = heading.plan;
        let bits = plan.bits_per_sample.unwrap_or(16);
        let frame_bytes = u16::from(plan.channels) * u16::from(bits / 8);
        let mut head = Vec::with_capacity(1024);
        head.extend_from_slice(b"RIFF");
        head.extend_from_slice(&u32::MAX.to_le_bytes());
        head.extend_from_slice(b"WAVE");
        push_chunk(&mut head, *b"JUNK", &[0; DS64_BYTES as usize]);
        push_chunk(&mut head, *b"fmt ", &format_chunk(heading, bits, frame_bytes));
        if !heading.tags.is_empty() {
            push_chunk(&mut head, *b"LIST", &riff::write_info(heading.tags));
        }
        if !heading.tags.is_empty() || heading.cover.is_some() {
            push_chunk(&mut head, *b"id3 ", &id3::write(heading.tags, heading.cover, &[]));
        }
        head.extend_from_slice(b"data");
        let data_size_offset = output.written_bytes() + head.len() as u64;
        head.extend_from_slice(&u32::MAX.to_le_bytes());
        output.write(&head)?;
        Ok(Self { bits, frame_bytes: u64::from(frame_bytes), data_size_offset, buffer: Vec::new() })
    }
}

impl Encoder for Wav {
    fn write(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError> {
        let bytes = usize::from(self.bits / 8);
        let frames = planes.first().map_or(0, |plane| plane.len());
        self.buffer.clear();
        self.buffer.resize(frames * bytes * planes.len(), 0);
        if let (16, [left, right]) = (self.bits, planes) {
            // Nearly all there is, and a loop without steps is several times as fast.
            let (frames, _) = self.buffer.as_chunks_mut::<4>();
            for ((frame, left), right) in frames.iter_mut().zip(*left).zip(*right) {
                let both = (quantise(*left, 16) & 0xffff) | (quantise(*right, 16) << 16);
                *frame = both.to_le_bytes();
            }
            return output.write(&self.buffer);
        }
        for (channel, plane) in planes.iter().enumerate() {
            let samples = self.buffer.chunks_exact_mut(bytes).skip(channel).step_by(planes.len());
            for (sample, place) in plane.iter().zip(samples) {
                place.copy_from_slice(&quantise(*sample, self.bits).to_le_bytes()[..bytes]);
            }
        }
        output.write(&self.buffer)
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        let data_bytes = output.written_bytes() - self.data_size_offset - 4;
        if data_bytes % 2 == 1 {
            output.write(&[0])?;
        }
        let riff_bytes = output.written_bytes() - 8;
        if let (Ok(riff), Ok(data)) = (u32::try_from(riff_bytes), u32::try_from(data_bytes)) {
            output.patch(4, &riff.to_le_bytes())?;
            return output.patch(self.data_size_offset, &data.to_le_bytes());
        }
        // The 32-bit sizes already hold the all-ones that RF64 wants there.
        let mut ds64 = Vec::new();
        ds64.extend_from_slice(&riff_bytes.to_le_bytes());
        ds64.extend_from_slice(&data_bytes.to_le_bytes());
        ds64.extend_from_slice(&(data_bytes / self.frame_bytes).to_le_bytes());
        ds64.extend_from_slice(&0_u32.to_le_bytes());
        let mut chunk = Vec::new();
        push_chunk(&mut chunk, *b"ds64", &ds64);
        output.patch(12, &chunk)?;
        output.patch(0, b"RF64")
    }
}

fn push_chunk(head: &mut Vec<u8>, id: [u8; 4], body: &[u8]) {
    head.extend_from_slice(&id);
    head.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    head.extend_from_slice(body);
    if body.len() % 2 == 1 {
        head.push(0);
    }
}

fn format_chunk(heading: &Heading<'_>, bits: u8, frame_bytes: u16) -> Vec<u8> {
    let plan = heading.plan;
    let is_plain = plan.channels <= 2 && bits == 16;
    let mut chunk = Vec::with_capacity(40);
    chunk.extend_from_slice(&if is_plain { PCM } else { EXTENSIBLE }.to_le_bytes());
    chunk.extend_from_slice(&u16::from(plan.channels).to_le_bytes());
    chunk.extend_from_slice(&plan.sample_rate_hz.to_le_bytes());
    chunk.extend_from_slice(&(plan.sample_rate_hz * u32::from(frame_bytes)).to_le_bytes());
    chunk.extend_from_slice(&frame_bytes.to_le_bytes());
    chunk.extend_from_slice(&u16::from(bits).to_le_bytes());
    if !is_plain {
        chunk.extend_from_slice(&22_u16.to_le_bytes());
        chunk.extend_from_slice(&u16::from(bits).to_le_bytes());
        chunk.extend_from_slice(&heading.layout.mask.to_le_bytes());
        chunk.extend_from_slice(&PCM.to_le_bytes());
        chunk.extend_from_slice(&SUBTYPE_TAIL);
    }
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::Layout;
    use crate::plan::Plan;
    use crate::sink::VecSink;
    use crate::tags::Tags;
    use crate::target::Format;

    /// A mono file whose two frames are written as if `more_bytes` had come before them.
    fn made(more_bytes: u64) -> Vec<u8> {
        let plan = Plan {
            summary: String::new(),
            method: crate::plan::Method::Encode,
            format: Format::Wav,
            sample_rate_hz: 8000,
            channels: 1,
            rate: None,
            effort: None,
            bits_per_sample: Some(16),
            loudness: None,
            start_ms: 0,
            end_ms: None,
            tags: true,
            notes: Vec::new(),
        };
        let tags = Tags::default();
        let heading = Heading {
            plan: &plan,
            layout: Layout::of_count(1),
            tags: &tags,
            cover: None,
            chapters: &[],
            frames: None,
        };
        let mut sink = VecSink::new();
        let mut output = Output::new(&mut sink);
        let mut wav = Wav::start(&heading, &mut output).unwrap();
        output.written_bytes += more_bytes;
        wav.write(&[&[0.5, -0.5]], &mut output).unwrap();
        wav.finish(&mut output).unwrap();
        sink.into_bytes()
    }

    #[test]
    fn a_small_file_is_plain_riff() {
        let bytes = made(0);
        assert_eq!(bytes[..16], *b"RIFF\x4c\0\0\0WAVEJUNK");
        assert_eq!(bytes[72..], b"data\x04\0\0\0\0\x40\0\xc0"[..]);
        assert_eq!(bytes.len(), 84);
    }

    #[test]
    fn a_file_beyond_4_gib_becomes_rf64_with_its_true_sizes() {
        let more_bytes = 5 << 30;
        let bytes = made(more_bytes);
        assert_eq!(bytes[..16], *b"RF64\xff\xff\xff\xffWAVEds64");
        assert_eq!(bytes[20..28], (more_bytes + 80 - 8 + 4).to_le_bytes());
        assert_eq!(bytes[28..36], (more_bytes + 4).to_le_bytes());
        assert_eq!(bytes[36..44], (more_bytes / 2 + 2).to_le_bytes());
        assert_eq!(bytes[76..80], [0xff; 4]);
    }
}
