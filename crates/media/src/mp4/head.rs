//! The head of a file without its tables, as a small file of its own.
//!
//! The library's demuxer knows every codec's header and the tags, but it keeps the tables of all tracks, as long as
//! they claim to be, and reads the media of all of them. So it is shown a file that has descriptions and no media.

use std::io::{self, Cursor};

use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::{Header, Mp4, children};
use crate::error::MediaError;
use crate::tap::Tap;

/// More than a description of a codec ever is.
const MAX_BOX_BYTES: u64 = 1024 * 1024;
/// One tag, which may be a picture.
const MAX_TAG_BYTES: u64 = 17 * 1024 * 1024;
/// `udta`, `meta` and `ilst` within each other, and one to spare.
const MAX_TAG_DEPTH: u32 = 4;
const MAX_HEAD_BYTES: u64 = 24 * 1024 * 1024;

/// Tables that say that there is nothing.
const EMPTY_TABLES: &[u8] = b"\0\0\0\x10stts\0\0\0\0\0\0\0\0\0\0\0\x10stsc\0\0\0\0\0\0\0\0\
    \0\0\0\x14stsz\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10stco\0\0\0\0\0\0\0\0";

/// The library's demuxer of a head.
pub(crate) struct Head {
    pub(crate) reader: Box<dyn FormatReader>,
    /// What was left out of it.
    pub(crate) notes: Vec<String>,
}

/// Reads the head of the file that `mp4` describes.
pub(crate) fn read(tap: &mut Tap, mp4: &Mp4, limits: MetadataOptions) -> Result<Head, MediaError> {
    let gauge = tap.gauge();
    let mut copy = Copy::default();
    copy.open(*b"ftyp", |copy| {
        copy.bytes.extend_from_slice(&mp4.brand);
        copy.bytes.extend_from_slice(&[0; 4]);
        Ok(())
    })
    .and_then(|()| mp4.movie.iter().chain(&mp4.meta).try_for_each(|header| copy.copy(tap, header)))
    .map_err(|error| gauge.explain_io(error))?;
    let stream =
        MediaSourceStream::new(Box::new(Cursor::new(copy.bytes)), MediaSourceStreamOptions::default());
    let probed =
        symphonia::default::get_probe().probe(&Hint::new(), stream, FormatOptions::default(), limits);
    let reader = probed.map_err(|error| gauge.explain(error))?;
    let notes =
        copy.left_out.map(|bytes| format!("a tag of {bytes} bytes is left out")).into_iter().collect();
    Ok(Head { reader, notes })
}

#[derive(Default)]
struct Copy {
    bytes: Vec<u8>,
    /// How many boxes with tags are around the next.
    depth: u32,
    /// The largest tag that was too large.
    left_out: Option<u64>,
}

impl Copy {
    /// Writes a box around what `fill` writes.
    fn open(&mut self, kind: [u8; 4], fill: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&kind);
        fill(self)?;
        let length = u32::try_from(self.bytes.len() - start).map_err(io::Error::other)?;
        self.bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    fn copy(&mut self, tap: &mut Tap, header: &Header) -> io::Result<()> {
        match &header.kind {
            b"moov" => self.copy_some(tap, header, &[b"mvhd", b"trak", b"udta"], &[]),
            b"trak" => self.copy_some(tap, header, &[b"tkhd", b"mdia"], &[]),
            b"mdia" => self.copy_some(tap, header, &[b"mdhd", b"hdlr", b"minf"], &[]),
            b"minf" => self.copy_some(tap, header, &[b"smhd", b"stbl"], &[]),
            b"stbl" => self.copy_some(tap, header, &[b"stsd"], EMPTY_TABLES),
            b"udta" | b"ilst" => self.copy_tags(tap, header, header.body),
            b"meta" => {
                // QuickTime's has no version; its first child begins at once.
                let start = tap.bytes_at::<8>(header.body)?.unwrap_or_default();
                let is_bare = start.ends_with(b"hdlr");
                self.copy_tags(tap, header, header.body + if is_bare { 0 } else { 4 })
            }
            _ => self.copy_whole(tap, header, MAX_BOX_BYTES),
        }
    }

    fn copy_some(
        &mut self,
        tap: &mut Tap,
        header: &Header,
        kinds: &[&[u8; 4]],
        end: &[u8],
    ) -> io::Result<()> {
        self.open(header.kind, |copy| {
            children(tap, header, &mut |tap, child| {
                if kinds.contains(&&child.kind) { copy.copy(tap, child) } else { Ok(()) }
            })?;
            copy.bytes.extend_from_slice(end);
            Ok(())
        })
    }

    /// Copies a box with tags, whose children begin at `first`.
    fn copy_tags(&mut self, tap: &mut Tap, header: &Header, first: u64) -> io::Result<()> {
        if self.depth >= MAX_TAG_DEPTH {
            return Ok(());
        }
        self.depth += 1;
        let copied = self.open(header.kind, |copy| {
            copy.bytes.resize(copy.bytes.len() + usize::try_from(first - header.body).unwrap_or(0), 0);
            let inner = Header { body: first, ..*header };
            children(tap, &inner, &mut |tap, child| match &child.kind {
                b"meta" | b"ilst" => copy.copy(tap, child),
                _ => copy.copy_whole(tap, child, MAX_TAG_BYTES),
            })
        });
        self.depth -= 1;
        copied
    }

    fn copy_whole(&mut self, tap: &mut Tap, header: &Header, limit: u64) -> io::Result<()> {
        let length = header.end - header.body;
        if length > limit || self.bytes.len() as u64 + length > MAX_HEAD_BYTES {
            self.left_out = self.left_out.max(Some(length));
            return Ok(());
        }
        self.open(header.kind, |copy| {
            let start = copy.bytes.len();
            copy.bytes.resize(start + usize::try_from(length).unwrap_or(0), 0);
            let count = tap.read_at(header.body, &mut copy.bytes[start..])?;
            copy.bytes.truncate(start + count);
            Ok(())
        })
    }
}
