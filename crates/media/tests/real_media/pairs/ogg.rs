//! DCA's packets in Ogg, a page each, for those who know no DCA (RFC 3533 and 7845).

use std::fs::File;
use std::path::Path;

use reelmill_media::dca::Packets;

/// Frames of a packet.
const PACKET_FRAMES: u64 = 960;

pub(super) fn wrap(from: &Path, to: &Path, channels: u8) -> Result<(), String> {
    let mut packets = Packets::open(File::open(from).map_err(|error| error.to_string())?)
        .map_err(|error| error.to_string())?;
    let head = [&b"OpusHead\x01"[..], &[channels, 0, 0], &48_000_u32.to_le_bytes(), &[0; 3]].concat();
    let tags = b"OpusTags\0\0\0\0\0\0\0\0";
    let mut file = page(2, 0, 0, &head);
    file.extend(page(0, 0, 1, tags));
    let mut number = 1_u32;
    let mut waiting: Option<Vec<u8>> = None;
    loop {
        let next = packets.next_packet().map_err(|error| error.to_string())?.map(<[u8]>::to_vec);
        if let Some(packet) = waiting.take() {
            number += 1;
            let flags = if next.is_none() { 4 } else { 0 };
            file.extend(page(flags, u64::from(number - 1) * PACKET_FRAMES, number, &packet));
        }
        if next.is_none() {
            break;
        }
        waiting = next;
    }
    std::fs::write(to, file).map_err(|error| error.to_string())
}

fn page(flags: u8, position: u64, number: u32, packet: &[u8]) -> Vec<u8> {
    let full = packet.len() / 255;
    let mut lacing = vec![255; full];
    lacing.extend(u8::try_from(packet.len() % 255));
    let mut page =
        [&b"OggS\0"[..], &[flags], &position.to_le_bytes(), &[1, 0, 0, 0], &number.to_le_bytes()].concat();
    page.extend([0; 4]);
    page.extend(u8::try_from(lacing.len()));
    page.extend(lacing);
    page.extend(packet);
    let sum = checksum(&page).to_le_bytes();
    page[22..26].copy_from_slice(&sum);
    page
}

fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
            if sum & 0x8000_0000 == 0 { sum << 1 } else { (sum << 1) ^ 0x04c1_1db7 }
        })
    })
}
