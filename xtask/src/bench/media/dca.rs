//! DCA in a form that ffmpeg hears: its packets in Ogg, whole, since DCA knows of no priming.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::program::Program;

/// The polynomial of Ogg's checksums (RFC 3533, section 6).
const POLYNOMIAL: u32 = 0x04c1_1db7;
/// Of a packet of 20 ms at Opus' own rate.
const PACKET_FRAMES: u64 = 960;

/// The packets of a DCA file with its header.
pub(crate) fn packets(dca: &[u8]) -> Result<Vec<&[u8]>> {
    let rest = dca.strip_prefix(b"DCA1").context("it is no DCA1")?;
    let (length, rest) = rest.split_first_chunk().context("it has no header")?;
    let mut rest = rest.get(u32::from_le_bytes(*length) as usize..).context("its header is cut")?;
    let mut packets = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(*length));
        let Some((packet, after)) = after.split_at_checked(length) else { bail!("its last packet is cut") };
        packets.push(packet);
        rest = after;
    }
    Ok(packets)
}

/// Writes the packets of `dca` as the Ogg file `to`.
pub(crate) fn to_ogg(dca: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(dca).with_context(|| format!("cannot read {}", dca.display()))?;
    let packets = packets(&bytes)?;
    let last = packets.len().saturating_sub(1);
    let mut ogg = page(0, 2, 0, b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0");
    ogg.extend(page(1, 0, 0, b"OpusTags\0\0\0\0\0\0\0\0"));
    for (index, packet) in packets.iter().enumerate() {
        let flags = if index == last { 4 } else { 0 };
        let number = u32::try_from(index + 2).context("too many packets")?;
        ogg.extend(page(number, flags, (index as u64 + 1) * PACKET_FRAMES, packet));
    }
    fs::write(to, ogg).with_context(|| format!("cannot write {}", to.display()))
}

/// Whether `dca` holds the packets of `input`, by their sizes and order.
pub(crate) fn holds_packets_of(dca: &Path, input: &Path) -> Result<bool> {
    let listed = Program::new("ffprobe")
        .args(["-v", "error", "-select_streams", "a:0", "-show_entries", "packet=size", "-of", "csv=p=0"])
        .args([input])
        .text()?;
    // Where a packet has side data, its line ends in a comma and an empty one follows.
    let words = listed.lines().map(|line| line.trim().trim_end_matches(',')).filter(|line| !line.is_empty());
    let wanted =
        words.map(str::parse).collect::<Result<Vec<usize>, _>>().context("ffprobe lists no sizes")?;
    let bytes = fs::read(dca).with_context(|| format!("cannot read {}", dca.display()))?;
    Ok(packets(&bytes)?.iter().map(|packet| packet.len()).eq(wanted))
}

/// A page that holds one packet (RFC 3533, section 6).
fn page(number: u32, flags: u8, position: u64, packet: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend(position.to_le_bytes());
    page.extend(1_u32.to_le_bytes());
    page.extend(number.to_le_bytes());
    page.extend([0; 4]);
    let mut lacing = vec![255; packet.len() / 255];
    lacing.push(u8::try_from(packet.len() % 255).unwrap_or_default());
    page.push(u8::try_from(lacing.len()).unwrap_or(u8::MAX));
    page.extend(lacing);
    page.extend(packet);
    let sum = checksum(&page);
    page[22..26].copy_from_slice(&sum.to_le_bytes());
    page
}

fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ (u32::from(*byte) << 24), |sum, _| {
            (sum << 1) ^ if sum & 0x8000_0000 == 0 { 0 } else { POLYNOMIAL }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{checksum, packets};

    #[test]
    fn packets_follow_the_header_with_their_lengths() {
        let dca = b"DCA1\x02\0\0\0{}\x01\0a\x02\0bc";
        assert_eq!(packets(dca).unwrap(), [b"a".as_slice(), b"bc"]);
        assert!(packets(&dca[..dca.len() - 1]).is_err());
        assert!(packets(b"RIFF").is_err());
    }

    #[test]
    fn a_checksum_is_the_one_of_the_format() {
        // The check value of this polynomial without reflection, start and end at zero.
        assert_eq!(checksum(b"123456789"), 0x89a1_897f);
    }
}
