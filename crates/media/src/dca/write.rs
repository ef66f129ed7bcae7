//! Writes the header and the packets, gathered into large pieces.

use super::{Header, MAGIC};
use crate::encode::Output;
use crate::error::MediaError;

/// What is gathered before it is handed on.
const PIECE_BYTES: usize = 64 * 1024;

/// Writes one file.
pub(crate) struct Writer {
    gathered: Vec<u8>,
}

impl Writer {
    /// Begins with the header of version 1, or without one.
    pub(crate) fn new(header: Option<&Header>) -> Result<Self, MediaError> {
        let mut gathered = Vec::with_capacity(PIECE_BYTES);
        if let Some(header) = header {
            let json = serde_json::to_vec(header).map_err(std::io::Error::other)?;
            let length = i32::try_from(json.len()).map_err(std::io::Error::other)?;
            gathered.extend_from_slice(MAGIC);
            gathered.extend_from_slice(&length.to_le_bytes());
            gathered.extend_from_slice(&json);
        }
        Ok(Self { gathered })
    }

    pub(crate) fn push(&mut self, packet: &[u8], output: &mut Output<'_>) -> Result<(), MediaError> {
        frame(packet, &mut self.gathered)?;
        if self.gathered.len() >= PIECE_BYTES { self.finish(output) } else { Ok(()) }
    }

    /// Writes what is gathered.
    pub(crate) fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        output.write(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }
}

/// Puts a packet behind its length.
fn frame(packet: &[u8], into: &mut Vec<u8>) -> Result<(), MediaError> {
    let length = i16::try_from(packet.len())
        .map_err(|_| MediaError::Limit(format!("a packet of {} bytes in dca", packet.len())))?;
    into.extend_from_slice(&length.to_le_bytes());
    into.extend_from_slice(packet);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::VecSink;

    fn written(header: Option<&Header>, packets: &[&[u8]]) -> Vec<u8> {
        let mut sink = VecSink::new();
        let mut output = Output::new(&mut sink);
        let mut writer = Writer::new(header).unwrap();
        for packet in packets {
            writer.push(packet, &mut output).unwrap();
        }
        writer.finish(&mut output).unwrap();
        sink.into_bytes()
    }

    #[test]
    fn packets_stand_behind_their_lengths() {
        let long = vec![7; 300];
        let bytes = written(None, &[&[0xfc, 1], &long]);
        assert_eq!(bytes[..6], [2, 0, 0xfc, 1, 44, 1]);
        assert_eq!(bytes[6..], long);
    }

    #[test]
    fn version_1_begins_with_magic_and_measured_header() {
        let header = Header::new(64_000, 2, 960);
        let bytes = written(Some(&header), &[&[0xfc]]);
        let length = usize::try_from(i32::from_le_bytes(bytes[4..8].try_into().unwrap())).unwrap();
        assert_eq!(&bytes[..4], b"DCA1");
        assert_eq!(serde_json::from_slice::<Header>(&bytes[8..8 + length]).unwrap(), header);
        assert_eq!(bytes[8 + length..], [1, 0, 0xfc]);
    }

    #[test]
    fn a_packet_beyond_sixteen_bits_is_over_a_limit() {
        let mut gathered = Vec::new();
        assert!(matches!(frame(&vec![0; 32_768], &mut gathered), Err(MediaError::Limit(_))));
        assert!(frame(&vec![0; 32_767], &mut gathered).is_ok());
    }
}
