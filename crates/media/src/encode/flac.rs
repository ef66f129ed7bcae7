//! FLAC (RFC 9639): our own stream around flacenc's frames.
//!
//! flacenc's stream type keeps every frame until the end, so only its frame encoder is used; the stream
//! header is written here and patched with totals and checksum at the end. The last, short block does not
//! count for the minimum block size, as section 8.2 says; some readers refuse a file in which it does. Frames
//! know nothing of one another, so idle cores encode some of them.

use flacenc::component::{BitRepr, Frame, FrameHeader, FrameOffset, StreamInfo};
use flacenc::config;
use flacenc::error::{Verified, Verify};
use flacenc::source::{Fill, FrameBuf};
use md5::{Digest, Md5};

use super::crew::{Crew, Terms};
use super::{Encoder, Heading, Output, quantise};
use crate::chapters::clock;
use crate::control::Control;
use crate::error::MediaError;
use crate::tags::vorbis;

const BLOCK_FRAMES: usize = 4096;
const STREAMINFO_BYTES: usize = 34;
const STREAMINFO: u8 = 0;
const SEEKTABLE: u8 = 3;
const COMMENTS: u8 = 4;
const PICTURE: u8 = 6;
const LAST_BLOCK: u8 = 0x80;
/// flacenc takes no more; above it the frames get headers of our own making.
const MAX_FLACENC_HZ: u32 = 96_000;
/// A metadata block's length has 24 bits.
const MAX_BLOCK_BYTES: usize = (1 << 24) - 1;
/// A seek point every ten seconds, as long as there are not more than this.
const MAX_SEEK_POINTS: u64 = 2048;
const SEEK_POINT_BYTES: usize = 18;

/// Blocks that are encoded before a further core is asked for: about three seconds.
const BLOCKS_ALONE: usize = 32;
/// Blocks that wait before each of several cores.
const BLOCKS_AHEAD: usize = 4;

pub(super) struct Flac {
    crew: Crew<(), Block, Coded>,
    bits: u8,
    channels: usize,
    rate_hz: u32,
    /// Interleaved samples that do not fill a block yet.
    pending: Vec<i32>,
    bytes: Vec<u8>,
    digest: Md5,
    blocks: usize,
    written: Written,
    info_offset: u64,
}

/// The samples of a frame, and which it is.
struct Block {
    number: usize,
    samples: Vec<i32>,
}

/// A frame as it is written.
struct Coded {
    /// Samples of one channel.
    frames: usize,
    bytes: Vec<u8>,
}

/// What is counted of the frames in the output.
struct Written {
    frames: u64,
    smallest_bytes: usize,
    largest_bytes: usize,
    seek: SeekTable,
}

/// What a frame is encoded by.
struct Shape {
    config: Verified<config::Encoder>,
    info: StreamInfo,
    bits: u8,
    channels: usize,
    rate_hz: u32,
}

impl Flac {
    pub(super) fn start(
        heading: &Heading<'_>,
        control: &Control,
        output: &mut Output<'_>,
    ) -> Result<Self, MediaError> {
        let plan = heading.plan;
        let bits = plan.bits_per_sample.unwrap_or(16);
        let channels = usize::from(plan.channels);
        let shape = Shape::new(plan.sample_rate_hz, channels, bits)?;
        let terms = Terms { threads: control.threads(), alone: BLOCKS_ALONE, ahead: BLOCKS_AHEAD };
        let mut flac = Self {
            crew: Crew::new(terms, move |(): &mut (), block| shape.encode(&block)),
            bits,
            channels,
            rate_hz: plan.sample_rate_hz,
            pending: Vec::with_capacity(BLOCK_FRAMES * channels),
            bytes: Vec::new(),
            digest: Md5::new(),
            blocks: 0,
            written: Written {
                frames: 0,
                smallest_bytes: usize::MAX,
                largest_bytes: 0,
                seek: SeekTable::new(plan.sample_rate_hz, heading.frames),
            },
            info_offset: 0,
        };
        flac.write_head(heading, output)?;
        Ok(flac)
    }

    fn write_head(&mut self, heading: &Heading<'_>, output: &mut Output<'_>) -> Result<(), MediaError> {
        output.write(b"fLaC")?;
        write_block_head(STREAMINFO, STREAMINFO_BYTES, output)?;
        self.info_offset = output.written_bytes();
        output.write(&self.stream_info())?;
        if self.written.seek.room > 0 {
            write_block_head(SEEKTABLE, self.written.seek.room * SEEK_POINT_BYTES, output)?;
            self.written.seek.offset = output.written_bytes();
            output.write(&self.written.seek.bytes())?;
        }
        if let Some(picture) =
            heading.cover.map(vorbis::write_picture).filter(|block| block.len() <= MAX_BLOCK_BYTES)
        {
            write_block_head(PICTURE, picture.len(), output)?;
            output.write(&picture)?;
        }
        let mut lines = self.channel_mask(heading);
        lines.extend(clock::comments(heading.chapters));
        let comments = vorbis::write_comments(heading.tags, &lines);
        write_block_head(COMMENTS | LAST_BLOCK, comments.len(), output)?;
        output.write(&comments)?;
        self.written.seek.first_frame = output.written_bytes();
        Ok(())
    }

    /// Layouts other than the usual one of their count are told in a comment (RFC 9639, section 8.6.2).
    fn channel_mask(&self, heading: &Heading<'_>) -> Vec<String> {
        let usual = crate::mix::Layout::of_count(self.channels);
        if heading.layout == usual || self.channels < 3 {
            Vec::new()
        } else {
            vec![format!("WAVEFORMATEXTENSIBLE_CHANNEL_MASK=0x{:04X}", heading.layout.mask)]
        }
    }

    /// RFC 9639, section 8.2.
    fn stream_info(&self) -> [u8; STREAMINFO_BYTES] {
        let mut info = [0; STREAMINFO_BYTES];
        let block = u16::try_from(BLOCK_FRAMES).unwrap_or(u16::MAX).to_be_bytes();
        info[0..2].copy_from_slice(&block);
        info[2..4].copy_from_slice(&block);
        let (smallest, largest) =
            if self.blocks == 0 { (0, 0) } else { (self.written.smallest_bytes, self.written.largest_bytes) };
        info[4..7].copy_from_slice(&be_24(smallest));
        info[7..10].copy_from_slice(&be_24(largest));
        let packed = (u64::from(self.rate_hz) << 44)
            | ((self.channels as u64 - 1) << 41)
            | ((u64::from(self.bits) - 1) << 36)
            | self.written.frames.min((1 << 36) - 1);
        info[10..18].copy_from_slice(&packed.to_be_bytes());
        info[18..34].copy_from_slice(&self.digest.clone().finalize());
        info
    }

    fn encode_pending(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        let bytes_a_sample = usize::from(self.bits / 8);
        self.bytes.clear();
        for sample in &self.pending {
            self.bytes.extend_from_slice(&sample.to_le_bytes()[..bytes_a_sample]);
        }
        self.digest.update(&self.bytes);
        let room = Vec::with_capacity(BLOCK_FRAMES * self.channels);
        let block = Block { number: self.blocks, samples: std::mem::replace(&mut self.pending, room) };
        self.blocks += 1;
        let Self { crew, written, .. } = self;
        crew.give(block, |frame| written.write(&frame, output))
    }
}

impl Written {
    fn write(&mut self, coded: &Coded, output: &mut Output<'_>) -> Result<(), MediaError> {
        self.seek.note(self.frames, coded.frames, output.written_bytes());
        output.write(&coded.bytes)?;
        self.smallest_bytes = self.smallest_bytes.min(coded.bytes.len());
        self.largest_bytes = self.largest_bytes.max(coded.bytes.len());
        self.frames += coded.frames as u64;
        Ok(())
    }
}

impl Shape {
    fn new(rate_hz: u32, channels: usize, bits: u8) -> Result<Self, MediaError> {
        let refused = |error: &dyn std::fmt::Display| MediaError::BadTarget(format!("flac: {error}"));
        let mut config = config::Encoder::default();
        config.block_size = BLOCK_FRAMES;
        let config = config.into_verified().map_err(|(_, error)| refused(&error))?;
        let info = StreamInfo::new(rate_hz.min(MAX_FLACENC_HZ) as usize, channels, usize::from(bits))
            .map_err(|error| refused(&error))?;
        Ok(Self { config, info, bits, channels, rate_hz })
    }

    fn encode(&self, Block { number, samples }: &Block) -> Result<Coded, MediaError> {
        let frames = samples.len() / self.channels;
        // It refuses to be made as short as a last block may be.
        let mut buffer = FrameBuf::with_size(self.channels, BLOCK_FRAMES).map_err(|error| gave_up(&error))?;
        if frames != BLOCK_FRAMES {
            buffer.resize(frames);
        }
        buffer.fill_interleaved(samples).map_err(|error| gave_up(&error))?;
        let frame = flacenc::encode_fixed_size_frame(&self.config, &buffer, *number, &self.info)
            .map_err(|error| gave_up(&error))?;
        let frame = if self.rate_hz > MAX_FLACENC_HZ { self.with_true_rate(frame, *number)? } else { frame };
        let mut bits = flacenc::bitsink::ByteSink::new();
        frame.write(&mut bits).map_err(|error| gave_up(&error))?;
        Ok(Coded { frames, bytes: bits.into_inner() })
    }

    fn with_true_rate(&self, frame: Frame, number: usize) -> Result<Frame, MediaError> {
        let (head, subframes) = frame.into_parts();
        let number = FrameOffset::Frame(u32::try_from(number).unwrap_or(u32::MAX));
        let (channels, bits) = (head.channel_assignment().clone(), usize::from(self.bits));
        FrameHeader::new(head.block_size(), channels, bits, self.rate_hz as usize, number)
            .and_then(|head| Frame::new(head, subframes.into_iter()))
            .map_err(|error| gave_up(&error))
    }
}

impl Encoder for Flac {
    fn write(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError> {
        let frames = planes.first().map_or(0, |plane| plane.len());
        for frame in 0..frames {
            self.pending.extend(planes.iter().map(|plane| quantise(plane[frame], self.bits)));
            if self.pending.len() == BLOCK_FRAMES * self.channels {
                self.encode_pending(output)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        if !self.pending.is_empty() {
            self.encode_pending(output)?;
        }
        let Self { crew, written, .. } = self;
        crew.finish(|coded| written.write(&coded, output))?;
        if self.written.seek.room > 0 {
            output.patch(self.written.seek.offset, &self.written.seek.bytes())?;
        }
        output.patch(self.info_offset, &self.stream_info())
    }
}

/// The places where a player may jump to (RFC 9639, section 8.5), kept short for any length.
struct SeekTable {
    room: usize,
    step: u64,
    offset: u64,
    first_frame: u64,
    points: Vec<(u64, u64, u16)>,
}

impl SeekTable {
    fn new(rate_hz: u32, frames: Option<u64>) -> Self {
        let frames = frames.unwrap_or(0);
        let step = (u64::from(rate_hz) * 10).max(frames / MAX_SEEK_POINTS).max(1);
        let room = if frames == 0 { 0 } else { usize::try_from(frames / step + 1).unwrap_or(0) };
        Self { room, step, offset: 0, first_frame: 0, points: Vec::with_capacity(room) }
    }

    fn note(&mut self, start: u64, frames: usize, offset: u64) {
        if self.points.len() < self.room && start >= self.points.len() as u64 * self.step {
            let frames = u16::try_from(frames).unwrap_or(u16::MAX);
            self.points.push((start, offset - self.first_frame, frames));
        }
    }

    /// Unused places are marked by all ones.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.room * SEEK_POINT_BYTES);
        for (start, offset, frames) in &self.points {
            bytes.extend_from_slice(&start.to_be_bytes());
            bytes.extend_from_slice(&offset.to_be_bytes());
            bytes.extend_from_slice(&frames.to_be_bytes());
        }
        while bytes.len() < self.room * SEEK_POINT_BYTES {
            bytes.extend_from_slice(&u64::MAX.to_be_bytes());
            bytes.extend_from_slice(&[0; 10]);
        }
        bytes
    }
}

fn gave_up(error: &dyn std::fmt::Display) -> MediaError {
    MediaError::Corrupt(format!("the flac encoder gave up: {error}"))
}

fn write_block_head(kind: u8, length: usize, output: &mut Output<'_>) -> Result<(), MediaError> {
    output.write(&[kind])?;
    output.write(&be_24(length))
}

fn be_24(value: usize) -> [u8; 3] {
    let [_, high, middle, low] = u32::try_from(value).unwrap_or(0).to_be_bytes();
    [high, middle, low]
}
