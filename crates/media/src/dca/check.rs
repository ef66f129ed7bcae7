//! Whether a DCA file is sound from its first byte to its last, and what is in it.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Serialize;

use super::{DcaError, Header, Packets};
use crate::opus::{self, Mode, Packet};

/// What a sound file holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// 1 with a header, 0 without.
    pub version: u8,
    /// The header of version 1.
    pub header: Option<Header>,
    /// How long it plays.
    pub duration_ms: u64,
    /// How many packets there are.
    pub packets: u64,
    /// Their sizes, without the lengths between them.
    pub packet_bytes: Sizes,
    /// Mean bit rate of the packets, in bits per second.
    pub bit_rate_bps: u64,
    /// How many packets there are of each length, in milliseconds.
    pub packet_ms: BTreeMap<String, u64>,
    /// Packets with one channel.
    pub mono: u64,
    /// Packets with two channels.
    pub stereo: u64,
    /// How many packets there are of each of Opus' modes: `SILK`, `hybrid`, `CELT`.
    pub modes: BTreeMap<&'static str, u64>,
    /// Where the header and the packets tell different things, one sentence each.
    pub notes: Vec<String>,
}

/// Sizes in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sizes {
    /// The smallest.
    pub min: u64,
    /// The mean, rounded to tenths.
    pub mean: f64,
    /// The largest.
    pub max: u64,
    /// All together.
    pub total: u64,
}

/// Reads a whole file and checks every length and every packet's first bytes. A file without a single sound packet is
/// not taken for DCA, unless it has a header.
pub fn check(source: impl Read) -> Result<Check, DcaError> {
    let mut packets = Packets::open(source)?;
    let mut tally = Tally::default();
    loop {
        let offset = packets.offset();
        let found = packets.next_packet().and_then(|packet| {
            let Some(bytes) = packet else { return Ok(None) };
            let read = Packet::read(bytes).map_err(|why| DcaError::Damaged { offset, why: why.into() })?;
            Ok(Some((bytes.len() as u64, read)))
        });
        match found {
            Ok(Some((bytes, packet))) => tally.add(bytes, packet),
            Ok(None) => break,
            Err(error) if tally.packets == 0 && packets.header().is_none() => return Err(not_dca(error)),
            Err(error) => return Err(error),
        }
    }
    if tally.packets == 0 {
        return Err(DcaError::Truncated {
            offset: packets.offset(),
            what: "the first packet".into(),
            missing_bytes: 3,
        });
    }
    Ok(tally.into_check(packets.header().cloned()))
}

/// Without a header, what goes wrong at once was never DCA.
fn not_dca(error: DcaError) -> DcaError {
    match error {
        DcaError::Io(_) | DcaError::NotDca(_) => error,
        other => DcaError::NotDca(format!("no DCA1 header, and no opus packet in front ({other})")),
    }
}

#[derive(Default)]
struct Tally {
    packets: u64,
    frames: u64,
    min: u64,
    max: u64,
    total: u64,
    by_frames: BTreeMap<u32, u64>,
    by_mode: BTreeMap<Mode, u64>,
    stereo: u64,
}

impl Tally {
    fn add(&mut self, bytes: u64, packet: Packet) {
        self.min = if self.packets == 0 { bytes } else { self.min.min(bytes) };
        self.max = self.max.max(bytes);
        self.total += bytes;
        self.packets += 1;
        self.frames += u64::from(packet.frames);
        *self.by_frames.entry(packet.frames).or_default() += 1;
        *self.by_mode.entry(packet.mode).or_default() += 1;
        self.stereo += u64::from(packet.is_stereo);
    }

    #[expect(clippy::cast_precision_loss, reason = "a mean for display")]
    fn into_check(self, header: Option<Header>) -> Check {
        let rate_hz = u64::from(opus::RATE_HZ);
        let notes = header.as_ref().map(|header| self.contradictions(header)).unwrap_or_default();
        Check {
            version: u8::from(header.is_some()),
            header,
            duration_ms: self.frames * 1000 / rate_hz,
            packets: self.packets,
            packet_bytes: Sizes {
                min: self.min,
                mean: (self.total as f64 / self.packets.max(1) as f64 * 10.0).round() / 10.0,
                max: self.max,
                total: self.total,
            },
            bit_rate_bps: mean_rate_bps(self.total, self.frames),
            packet_ms: self.by_frames.iter().map(|(frames, count)| (ms_of(*frames), *count)).collect(),
            mono: self.packets - self.stereo,
            stereo: self.stereo,
            modes: self.by_mode.iter().map(|(mode, count)| (name_of(*mode), *count)).collect(),
            notes,
        }
    }

    /// What a client that believes the header would get wrong.
    fn contradictions(&self, header: &Header) -> Vec<String> {
        let said = &header.opus;
        let mut notes = Vec::new();
        if said.sample_rate != opus::RATE_HZ {
            notes.push(format!("the header says {} Hz, opus is always played at 48000", said.sample_rate));
        }
        let frames = said.frame_size.checked_div(u32::from(said.channels)).unwrap_or(0);
        let others = self.packets - self.by_frames.get(&frames).copied().unwrap_or(0);
        if others > 0 {
            notes.push(format!(
                "the header says {} ms a packet (frame_size {}, {} channels), {others} of {} packets have another length",
                ms_of(frames), said.frame_size, said.channels, self.packets
            ));
        }
        notes
    }
}

/// Bits a second of so many bytes over so many frames of 48 kHz.
pub(crate) fn mean_rate_bps(bytes: u64, frames: u64) -> u64 {
    (bytes * 8 * u64::from(opus::RATE_HZ) + frames / 2).checked_div(frames).unwrap_or(0)
}

/// As `20` or `2.5`.
fn ms_of(frames: u32) -> String {
    (f64::from(frames) / 48.0).to_string()
}

fn name_of(mode: Mode) -> &'static str {
    match mode {
        Mode::Silk => "SILK",
        Mode::Hybrid => "hybrid",
        Mode::Celt => "CELT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELT_STEREO: [u8; 4] = [0xfc, 1, 2, 3];
    const SILK_MONO: [u8; 2] = [0x08, 9];

    fn framed(packets: &[&[u8]]) -> Vec<u8> {
        let framed = packets
            .iter()
            .map(|packet| [&i16::try_from(packet.len()).unwrap().to_le_bytes(), *packet].concat());
        framed.collect::<Vec<_>>().concat()
    }

    fn file(header: &Header, packets: &[&[u8]]) -> Vec<u8> {
        let json = serde_json::to_vec(header).unwrap();
        let length = i32::try_from(json.len()).unwrap().to_le_bytes();
        [b"DCA1", &length[..], &json, &framed(packets)].concat()
    }

    fn refused(bytes: &[u8]) -> String {
        check(bytes).unwrap_err().to_string()
    }

    #[test]
    fn a_sound_file_is_counted() {
        let header = Header::new(1200, 2, 960);
        let found = check(&file(&header, &[&CELT_STEREO, &SILK_MONO])[..]).unwrap();
        assert_eq!((found.version, found.packets, found.duration_ms), (1, 2, 40));
        assert_eq!(found.packet_bytes, Sizes { min: 2, mean: 3.0, max: 4, total: 6 });
        assert_eq!((found.bit_rate_bps, found.mono, found.stereo), (1200, 1, 1));
        assert_eq!(found.packet_ms, BTreeMap::from([("20".to_owned(), 2)]));
        assert_eq!(found.modes, BTreeMap::from([("SILK", 1), ("CELT", 1)]));
        assert_eq!((found.header, found.notes), (Some(header), Vec::new()));

        let bare = check(&framed(&[&CELT_STEREO])[..]).unwrap();
        assert_eq!((bare.version, bare.header, bare.packets), (0, None, 1));
    }

    #[test]
    fn a_header_that_does_not_fit_its_packets_is_noted() {
        let mut header = Header::new(0, 2, 1920);
        header.opus.sample_rate = 44_100;
        let notes = check(&file(&header, &[&CELT_STEREO])[..]).unwrap().notes;
        assert_eq!(
            notes,
            [
                "the header says 44100 Hz, opus is always played at 48000",
                "the header says 40 ms a packet (frame_size 3840, 2 channels), 1 of 1 packets have another length",
            ]
        );
        header.opus.channels = 0;
        assert_eq!(check(&file(&header, &[&CELT_STEREO])[..]).unwrap().notes.len(), 2);
    }

    #[test]
    fn a_cut_tail_is_reported_with_its_offset() {
        let whole = framed(&[&CELT_STEREO, &SILK_MONO]);
        assert_eq!(refused(&whole[..9]), "cut off at byte 6: 1 bytes of a packet are missing");
        assert_eq!(refused(&whole[..7]), "cut off at byte 6: 1 bytes of a packet's length are missing");
        let with_header = file(&Header::new(0, 2, 960), &[&CELT_STEREO]);
        let start = with_header.len() as u64 - 6;
        assert_eq!(
            refused(&with_header[..with_header.len() - 2]),
            format!("cut off at byte {start}: 2 bytes of a packet are missing")
        );
        let header_only = &with_header[..usize::try_from(start).unwrap()];
        assert!(refused(header_only).contains("the first packet"), "{}", refused(header_only));
        for length in 0..with_header.len() {
            assert!(check(&with_header[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn hostile_lengths_and_packets_are_damage_at_their_offset() {
        let header = Header::new(0, 2, 960);
        let behind = |tail: &[u8]| [file(&header, &[&CELT_STEREO]), tail.to_vec()].concat();
        let at = file(&header, &[&CELT_STEREO]).len();
        assert_eq!(refused(&behind(&[0, 0])), format!("damaged at byte {at}: a packet of 0 bytes"));
        assert_eq!(refused(&behind(&[0xff, 0xff])), format!("damaged at byte {at}: a packet of -1 bytes"));
        assert_eq!(
            refused(&behind(&framed(&[&[0xff, 0]]))),
            format!("damaged at byte {at}: a packet of no frames or too many")
        );
        assert!(refused(b"DCA1\xff\xff\xff\xff{}").contains("a header of -1 bytes"));
        assert!(refused(b"DCA1\xff\xff\xff\x7f{}").contains("a header of 2147483647 bytes"));
        assert!(refused(b"DCA1\x02\0\0\0{]").contains("no JSON of DCA"));
        assert!(refused(b"DCA1\x02\0\0\0[]").contains("it is no object"));
        assert!(refused(b"DCA1\x00\0\x01\0{}").contains("65534 bytes of the header"));
    }

    #[test]
    fn no_changed_byte_makes_it_stumble() {
        let whole = file(&Header::new(0, 2, 960), &[&CELT_STEREO, &SILK_MONO]);
        let mut refused = 0;
        for place in 0..whole.len() {
            for byte in [0, 0x40, 0x7f, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[place] = byte;
                refused += u32::from(check(&changed[..]).is_err());
            }
        }
        assert!(refused > 100, "{refused}");
    }

    #[test]
    fn what_was_never_dca_is_called_so() {
        for bytes in [&b""[..], b"Dear diary", b"ID3\x04\0\0", b"DCA", &[0; 100], &[0xff; 100]] {
            assert!(refused(bytes).starts_with("not dca"), "{}", refused(bytes));
        }
    }
}
