//! Tags in RIFF ("Multimedia Programming Interface and Data Specifications 1.0"), written and read.
//!
//! The `INFO` list holds the few tags that it has names for; all of them and the cover go into an ID3 chunk
//! beside it. They are read here because the demuxer drops what it reads of them.

use std::io;

use super::Tags;
use crate::tap::Tap;

const NAMES: [(&str, &[u8; 4]); 8] = [
    ("TITLE", b"INAM"),
    ("ARTIST", b"IART"),
    ("ALBUM", b"IPRD"),
    ("GENRE", b"IGNR"),
    ("DATE", b"ICRD"),
    ("TRACKNUMBER", b"ITRK"),
    ("COMMENT", b"ICMT"),
    ("COPYRIGHT", b"ICOP"),
];

/// Makes the body of a `LIST` chunk.
pub(crate) fn write_info(tags: &Tags) -> Vec<u8> {
    let mut body = b"INFO".to_vec();
    for (name, value) in tags.iter() {
        let Some((_, id)) = NAMES.iter().find(|(known, _)| *known == name) else { continue };
        body.extend_from_slice(*id);
        body.extend_from_slice(&u32::try_from(value.len() + 1).unwrap_or(0).to_le_bytes());
        body.extend_from_slice(value.as_bytes());
        body.push(0);
        if body.len() % 2 == 1 {
            body.push(0);
        }
    }
    body
}

/// Chunks looked at, and how large one of tags may be.
const MAX_CHUNKS: u32 = 1000;
const MAX_INFO_BYTES: u32 = 1024 * 1024;
const MAX_ID3_BYTES: u32 = 16 * 1024 * 1024;

/// The chunks of a WAV file that hold tags.
#[derive(Default)]
pub(crate) struct Chunks {
    /// The body of the `INFO` list.
    info: Vec<u8>,
    /// A whole ID3 tag.
    pub(crate) id3: Vec<u8>,
}

/// Collects the chunks with tags from a file of `size_bytes`.
pub(crate) fn read_chunks(tap: &mut Tap, size_bytes: u64) -> io::Result<Chunks> {
    let mut chunks = Chunks::default();
    let mut offset = 12;
    for _ in 0..MAX_CHUNKS {
        if offset >= size_bytes {
            break;
        }
        let Some([a, b, c, d, size @ ..]) = tap.bytes_at::<8>(offset)? else { break };
        let size = u32::from_le_bytes(size);
        match &[a, b, c, d] {
            b"LIST" if size <= MAX_INFO_BYTES => {
                let body = read_body(tap, offset + 8, size)?;
                if body.starts_with(b"INFO") {
                    chunks.info = body;
                }
            }
            b"id3 " | b"ID3 " if size <= MAX_ID3_BYTES => chunks.id3 = read_body(tap, offset + 8, size)?,
            _ => {}
        }
        offset += 8 + u64::from(size) + u64::from(size & 1);
    }
    Ok(chunks)
}

fn read_body(tap: &mut Tap, offset: u64, size: u32) -> io::Result<Vec<u8>> {
    let mut body = vec![0; size as usize];
    let length = tap.read_at(offset, &mut body)?;
    body.truncate(length);
    Ok(body)
}

impl Chunks {
    /// Adds the tags of the `INFO` list.
    pub(crate) fn add_info(&self, tags: &mut Tags) {
        let mut rest = self.info.get(4..).unwrap_or_default();
        while let [a, b, c, d, size @ ..] = rest
            && let Some((size, body)) = size.split_first_chunk::<4>()
        {
            let size = u32::from_le_bytes(*size) as usize;
            let value = &body[..size.min(body.len())];
            if let Some((name, _)) = NAMES.iter().find(|(_, id)| *id == &[*a, *b, *c, *d]) {
                tags.add(name, &String::from_utf8_lossy(value));
            }
            rest = body.get(size.saturating_add(size & 1)..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_in_zero_and_start_on_even_offsets() {
        let tags = Tags { title: Some("ab".into()), artist: Some("c".into()), ..Tags::default() };
        let body = write_info(&tags);
        assert_eq!(body, b"INFOINAM\x03\0\0\0ab\0\0IART\x02\0\0\0c\0");

        let mut again = Tags::default();
        Chunks { info: body, id3: Vec::new() }.add_info(&mut again);
        assert_eq!(again, tags);
    }

    #[test]
    fn sizes_that_lie_end_the_list() {
        let mut tags = Tags::default();
        for size in [0_u32, 5, u32::MAX] {
            let info = [&b"INFOINAM"[..], &size.to_le_bytes(), b"ab"].concat();
            Chunks { info, id3: Vec::new() }.add_info(&mut tags);
        }
        assert_eq!(tags.title.as_deref(), Some("ab"));
    }
}
