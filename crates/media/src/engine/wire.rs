//! What parent and decoding child say to each other, and the child's side of the talk.
//!
//! The parent sends the layout once (channels, streams, coupled, one byte a channel), then packets, each
//! after its length. The child answers the layout and every packet in order: a number of frames and so
//! many samples, or a negative number and nothing. It reads and writes in large pieces, so that many
//! packets cross with one switch of processes, and it writes as soon as there is nothing more to decode.

use std::ops::Range;

use rustix::io::{read, retry_on_intr, write};

use super::libopus::Decoder;
use super::opus::OpusLayout;

/// Answers are written once they are this many bytes.
const PIECE_BYTES: usize = 64 << 10;
/// An answer's head.
pub(super) const HEAD_BYTES: usize = 4;

/// Writes the first message.
pub(super) fn put_layout(layout: &OpusLayout, out: &mut Vec<u8>) {
    out.extend([layout.channels(), layout.streams(), layout.coupled()]);
    out.extend(layout.mapping());
}

/// Writes a packet.
pub(super) fn put_packet(packet: &[u8], out: &mut Vec<u8>) {
    out.extend(u32::try_from(packet.len()).unwrap_or(0).to_le_bytes());
    out.extend(packet);
}

/// An answer's head: frames, or the reason why there are none.
pub(super) fn answer_head(bytes: &[u8]) -> Option<i32> {
    bytes.first_chunk().map(|head| i32::from_le_bytes(*head))
}

/// Copies little-endian samples; what is no number becomes silence.
pub(super) fn take_samples(bytes: &[u8], samples: &mut Vec<f32>) {
    samples.clear();
    samples.extend(bytes.as_chunks().0.iter().map(|sample| {
        let sample = f32::from_le_bytes(*sample);
        if sample.is_finite() { sample } else { 0.0 }
    }));
}

/// Decodes what comes on standard input until it ends.
pub(super) fn answer() -> Result<(), String> {
    let mut asked = Asked { bytes: vec![0; 4 * PIECE_BYTES], unread: 0..0 };
    let Some(layout) = asked.layout()? else { return Ok(()) };
    let mut answers = Vec::with_capacity(4 * PIECE_BYTES);
    let mut decoder = match Decoder::new(&layout) {
        Ok(decoder) => decoder,
        Err(code) => {
            answers.extend(code.to_le_bytes());
            return send(&mut answers);
        }
    };
    answers.extend(0_i32.to_le_bytes());
    loop {
        while let Some(packet) = asked.packet()? {
            put_answer(decoder.decode(&asked.bytes[packet]), layout.channels(), &mut answers);
            if answers.len() >= PIECE_BYTES {
                send(&mut answers)?;
            }
        }
        send(&mut answers)?;
        if !asked.read_on()? {
            return Ok(());
        }
    }
}

fn put_answer(decoded: Result<&[f32], i32>, channels: u8, answers: &mut Vec<u8>) {
    match decoded {
        Ok(samples) => {
            let frames = i32::try_from(samples.len() / usize::from(channels)).unwrap_or(0);
            answers.extend(frames.to_le_bytes());
            answers.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        }
        Err(code) => answers.extend(code.min(-1).to_le_bytes()),
    }
}

fn send(answers: &mut Vec<u8>) -> Result<(), String> {
    let mut rest = answers.as_slice();
    while !rest.is_empty() {
        let written = retry_on_intr(|| write(rustix::stdio::stdout(), rest))
            .map_err(|why| format!("the parent does not listen: {why}"))?;
        rest = rest.get(written..).unwrap_or_default();
    }
    answers.clear();
    Ok(())
}

/// What the parent has asked and is not yet answered.
struct Asked {
    bytes: Vec<u8>,
    unread: Range<usize>,
}

impl Asked {
    fn layout(&mut self) -> Result<Option<OpusLayout>, String> {
        loop {
            if let [channels, streams, coupled, rest @ ..] = &self.bytes[self.unread.clone()]
                && let Some(mapping) = rest.get(..usize::from(*channels))
            {
                let layout = OpusLayout::new(*channels, *streams, *coupled, mapping);
                self.unread.start += 3 + usize::from(*channels);
                return layout.map(Some).map_err(|why| why.to_string());
            }
            if !self.read_on()? {
                return Ok(None);
            }
        }
    }

    /// Where the next packet lies, if all of it is here.
    fn packet(&mut self) -> Result<Option<Range<usize>>, String> {
        let unread = &self.bytes[self.unread.clone()];
        let Some(length) = unread.first_chunk().map(|head| u32::from_le_bytes(*head)) else {
            return Ok(None);
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > OpusLayout::MAX_PACKET_BYTES {
            return Err(format!("a packet of {length} bytes"));
        }
        let start = self.unread.start + 4;
        if start + length > self.unread.end {
            return Ok(None);
        }
        self.unread.start = start + length;
        Ok(Some(start..start + length))
    }

    /// Reads what there is, and waits if there is nothing; false at the end.
    fn read_on(&mut self) -> Result<bool, String> {
        self.bytes.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if self.bytes.len() < OpusLayout::MAX_PACKET_BYTES + 2 * PIECE_BYTES {
            self.bytes.resize(OpusLayout::MAX_PACKET_BYTES + 2 * PIECE_BYTES, 0);
        }
        let free = &mut self.bytes[self.unread.end..];
        let count = retry_on_intr(|| read(rustix::stdio::stdin(), &mut *free))
            .map_err(|why| format!("standard input cannot be read: {why}"))?;
        self.unread.end += count;
        Ok(count > 0)
    }
}
