//! Reads packets one after another, believing no length.
//!
//! Memory is bounded by the longest packet that 16 bits can announce and by the header's limit; every error says at
//! which byte of the file it is.

use std::io::{self, BufRead, BufReader, Read};

use thiserror::Error;

use super::{Header, MAGIC};

/// A header beyond this is refused. Some writers put a cover picture into it.
const MAX_HEADER_BYTES: usize = 8 * 1024 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;

/// Why a file cannot be read to its end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DcaError {
    /// It is something else.
    #[error("not dca: {0}")]
    NotDca(String),
    /// It begins as DCA and goes wrong.
    #[error("damaged at byte {offset}: {why}")]
    Damaged {
        /// Where what is wrong begins.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// It ends in the middle.
    #[error("cut off at byte {offset}: {missing_bytes} bytes of {what} are missing")]
    Truncated {
        /// Where what is cut begins.
        offset: u64,
        /// What is cut.
        what: String,
        /// How much of it is not there.
        missing_bytes: u64,
    },
    /// The reading failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The packets of a file.
#[derive(Debug)]
pub struct Packets<R> {
    source: BufReader<R>,
    header: Option<Header>,
    header_bytes: u64,
    offset: u64,
    packet: Vec<u8>,
}

impl<R: Read> Packets<R> {
    /// Reads up to the first packet.
    pub fn open(source: R) -> Result<Self, DcaError> {
        let source = BufReader::with_capacity(BUFFER_BYTES, source);
        let mut packets = Self { source, header: None, header_bytes: 0, offset: 0, packet: Vec::new() };
        let start = packets.source.fill_buf()?;
        if start.is_empty() {
            return Err(DcaError::NotDca("it has no bytes".into()));
        }
        if start.starts_with(MAGIC) {
            packets.read_header()?;
        }
        Ok(packets)
    }

    /// The header, where it is version 1.
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Bytes in front of the first packet.
    pub fn header_bytes(&self) -> u64 {
        self.header_bytes
    }

    /// The byte of the file at which the next packet's length stands.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next packet, or `None` at a sound end. After an error nothing more can be read.
    pub fn next_packet(&mut self) -> Result<Option<&[u8]>, DcaError> {
        if self.source.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let offset = self.offset;
        let mut length = [0; 2];
        let there = read_up_to(&mut self.source, &mut length)?;
        expect(offset, "a packet's length", there, 2)?;
        let length = i16::from_le_bytes(length);
        let Some(length @ 1..) = usize::try_from(length).ok() else {
            return Err(DcaError::Damaged { offset, why: format!("a packet of {length} bytes") });
        };
        self.packet.resize(length, 0);
        let there = read_up_to(&mut self.source, &mut self.packet)?;
        expect(offset, "a packet", there, length)?;
        self.offset += 2 + length as u64;
        Ok(Some(&self.packet))
    }

    fn read_header(&mut self) -> Result<(), DcaError> {
        let mut fixed = [0; 8];
        let there = read_up_to(&mut self.source, &mut fixed)?;
        expect(0, "the header's length", there, 8)?;
        let [.., a, b, c, d] = fixed;
        let length = i32::from_le_bytes([a, b, c, d]);
        let length = usize::try_from(length).ok().filter(|length| (1..=MAX_HEADER_BYTES).contains(length));
        let Some(length) = length else {
            let length = i32::from_le_bytes([a, b, c, d]);
            return Err(DcaError::Damaged { offset: 4, why: format!("a header of {length} bytes") });
        };
        // Grows with what is there, not with what is announced.
        let mut json = Vec::new();
        let there = (&mut self.source).take(length as u64).read_to_end(&mut json)?;
        expect(8, "the header", there, length)?;
        let header = Header::parse(&json).map_err(|error| DcaError::Damaged {
            offset: 8,
            why: format!("the header is no JSON of DCA: {error}"),
        })?;
        self.header = Some(header);
        self.header_bytes = 8 + length as u64;
        self.offset = self.header_bytes;
        Ok(())
    }
}

fn expect(offset: u64, what: &str, there: usize, needed: usize) -> Result<(), DcaError> {
    if there == needed {
        return Ok(());
    }
    Err(DcaError::Truncated { offset, what: what.into(), missing_bytes: (needed - there) as u64 })
}

/// Fills as much of the buffer as there is.
fn read_up_to(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
