//! WMA 2 in ASF, written by the system's ffmpeg.
//!
//! Into a pipe ffmpeg writes ASF as a broadcast: without a length, and with a mark at the end that only a
//! network stream has. So the mark is left out, and the totals are patched into the head once they are known:
//! to a player it is a file. The codec has no place for its delay, so what is decoded ends on a whole
//! block.

use super::encoding::Encoding;
use crate::control::Control;
use crate::encode::{Encoder, Heading, Output};
use crate::error::MediaError;
use crate::tags::Tags;

/// The objects of an ASF file by their GUIDs, as they stand in the file (ASF specification, section 10).
const HEADER: [u8; 16] = *b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c";
const FILE_PROPERTIES: [u8; 16] = *b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65";
const DATA: [u8; 16] = *b"\x36\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c";
/// What ffmpeg ends a broadcast with.
const BROADCAST_END_BYTES: usize = 12;
/// The data object's own head, before its first packet (section 5.1).
const DATA_HEAD_BYTES: u64 = 50;
/// A header longer than this is none of ffmpeg's.
const MAX_HEAD_BYTES: usize = 512 << 10;
/// Where a header object's first part begins (section 3.1).
const HEADER_HEAD_BYTES: usize = 30;
const SEEKABLE: u32 = 2;

/// A running encoder. Dropping it ends its child.
pub(crate) struct WmaEncoder {
    encoding: Encoding,
    rate_hz: u32,
    channels: usize,
    frames: u64,
    tail: Tail,
}

/// What is kept back: the head until it is known, and the mark at the end.
#[derive(Default)]
struct Tail {
    kept: Vec<u8>,
    head: Option<Head>,
}

/// Offsets in the file of what is to be patched.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    properties: u64,
    data: u64,
    packet_bytes: u64,
    preroll_ms: u64,
}

impl WmaEncoder {
    /// Starts ffmpeg, without waiting for it.
    pub(crate) fn start(heading: &Heading<'_>, control: &Control) -> Result<Self, MediaError> {
        control.engines.wma_encoder().map_err(MediaError::Missing)?;
        let encoding = Encoding::start(heading, control, ["wma", "wmav2", "asf"], &metadata(heading.tags))?;
        Ok(Self {
            encoding,
            rate_hz: heading.plan.sample_rate_hz,
            channels: usize::from(heading.plan.channels),
            frames: 0,
            tail: Tail::default(),
        })
    }

    /// Decoders drop the first block that ffmpeg's encoder writes, so that is silence.
    fn prime(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        let silence = vec![0.0; block_frames(self.rate_hz)];
        let planes = vec![silence.as_slice(); self.channels];
        let tail = &mut self.tail;
        self.encoding.write(&planes, &mut |bytes| tail.take(bytes, output))
    }

    fn patch(&self, head: &Head, output: &mut Output<'_>) -> Result<(), MediaError> {
        let file_bytes = output.written_bytes();
        let packets = file_bytes.saturating_sub(head.data + DATA_HEAD_BYTES) / head.packet_bytes;
        // Both lengths count in 100 ns.
        let length = u128::from(self.frames) * 10_000_000 / u128::from(self.rate_hz.max(1));
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let with_preroll = length.saturating_add(head.preroll_ms.saturating_mul(10_000));
        // The fields of section 3.2, each by its place in the object.
        output.patch(head.properties + 40, &file_bytes.to_le_bytes())?;
        output.patch(head.properties + 56, &packets.to_le_bytes())?;
        output.patch(head.properties + 64, &with_preroll.to_le_bytes())?;
        output.patch(head.properties + 72, &length.to_le_bytes())?;
        output.patch(head.properties + 88, &SEEKABLE.to_le_bytes())?;
        output.patch(head.data + 16, &(file_bytes - head.data).to_le_bytes())?;
        output.patch(head.data + 40, &packets.to_le_bytes())
    }
}

impl Encoder for WmaEncoder {
    fn write(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError> {
        if self.frames == 0 {
            self.prime(output)?;
        }
        self.frames += planes.first().map_or(0, |plane| plane.len()) as u64;
        let tail = &mut self.tail;
        self.encoding.write(planes, &mut |bytes| tail.take(bytes, output))
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        let tail = &mut self.tail;
        self.encoding.finish(&mut |bytes| tail.take(bytes, output))?;
        match &self.tail.head {
            Some(head) => self.patch(head, output),
            None => Err(std::io::Error::other("ffmpeg writes wma without a header").into()),
        }
    }
}

/// Tags as ffmpeg's arguments, which have less room than a file; it knows ASF's names for its own.
fn metadata(tags: &Tags) -> Vec<String> {
    const MAX_TAGS: usize = 64;
    const MAX_CHARS: usize = 2000;
    let pairs = tags.iter().take(MAX_TAGS).map(|(name, value)| {
        let name = match name {
            "ALBUMARTIST" => "album_artist".to_owned(),
            "TRACKNUMBER" => "track".to_owned(),
            "DISCNUMBER" => "disc".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        // An argument ends at a zero.
        let value: String = value.chars().filter(|c| *c != '\0').take(MAX_CHARS).collect();
        ["-metadata".to_owned(), format!("{name}={value}")]
    });
    pairs.flatten().collect()
}

/// The codec's block at a sample rate.
fn block_frames(rate_hz: u32) -> usize {
    match rate_hz {
        0..=16_000 => 512,
        16_001..=22_050 => 1024,
        _ => 2048,
    }
}

impl Tail {
    fn take(&mut self, bytes: &[u8], output: &mut Output<'_>) -> Result<(), MediaError> {
        self.kept.extend_from_slice(bytes);
        if self.head.is_none() {
            self.head = find_head(&self.kept);
            if self.head.is_none() && self.kept.len() < MAX_HEAD_BYTES {
                return Ok(());
            }
        }
        let whole = self.kept.len().saturating_sub(BROADCAST_END_BYTES);
        output.write(&self.kept[..whole])?;
        self.kept.drain(..whole);
        Ok(())
    }
}

/// Walks the header's objects up to the data object that follows; `None` while it is not whole, or wrong.
fn find_head(bytes: &[u8]) -> Option<Head> {
    let object = |at: usize| {
        let id: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
        let size = u64::from_le_bytes(bytes.get(at + 16..at + 24)?.try_into().ok()?);
        Some((id, usize::try_from(size).ok()?))
    };
    let (id, header_bytes) = object(0)?;
    if id != HEADER || object(header_bytes)?.0 != DATA {
        return None;
    }
    let mut at = HEADER_HEAD_BYTES;
    while at < header_bytes {
        let (id, size) = object(at)?;
        if id == FILE_PROPERTIES {
            let word = |offset: usize| bytes.get(at + offset..at + offset + 8)?.try_into().ok();
            let packet_bytes = u32::from_le_bytes(bytes.get(at + 92..at + 96)?.try_into().ok()?);
            return Some(Head {
                properties: at as u64,
                data: header_bytes as u64,
                packet_bytes: u64::from(packet_bytes.max(1)),
                preroll_ms: u64::from_le_bytes(word(80)?),
            });
        }
        at = at.checked_add(size.max(24))?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_arguments_that_cannot_be_options() {
        let mut tags = Tags::default();
        tags.add("TITLE", "-y /etc/passwd");
        tags.add("TRACKNUMBER", "3\0/9");
        tags.add("COMMENT", &"x".repeat(9000));
        let told = metadata(&tags);
        assert_eq!(told[..4], ["-metadata", "title=-y /etc/passwd", "-metadata", "track=3/9"]);
        assert_eq!(told[5].len(), "comment=".len() + 2000);
    }

    #[test]
    fn the_places_to_patch_are_found_behind_other_objects() {
        let object = |id: [u8; 16], body: &[u8]| {
            [id.as_slice(), &(24 + body.len() as u64).to_le_bytes(), body].concat()
        };
        let mut properties = vec![0; 80];
        properties[56..64].copy_from_slice(&3100_u64.to_le_bytes());
        properties[68..72].copy_from_slice(&3200_u32.to_le_bytes());
        let inner = [object([7; 16], b"other"), object(FILE_PROPERTIES, &properties)].concat();
        let header = object(HEADER, &[[0; 6].as_slice(), &inner].concat());
        let file = [header.clone(), object(DATA, &[0; 26])].concat();
        let expected =
            Head { properties: 59, data: header.len() as u64, packet_bytes: 3200, preroll_ms: 3100 };
        assert_eq!(find_head(&file), Some(expected));
        for cut in [0, 16, 40, header.len()] {
            assert_eq!(find_head(&file[..cut]), None, "cut at {cut}");
        }
    }
}
