//! Tells plain AAC from its high-efficiency extensions, which our decoder would decode wrongly in silence.
//!
//! Extensions are announced in the `AudioSpecificConfig`, or not at all: then only a fill element at the end
//! of every packet carries the spectral band replication data. Finding it from the front would take all of
//! AAC's Huffman tables; from the back it takes none, because a packet must end in that element, the end
//! mark and less than a byte of padding. By chance that fits one packet in fifty, so a stream counts only
//! when nearly all of its first packets fit.

use crate::codec::Codec;

const AOT_AAC_LC: u32 = 2;
const AOT_SBR: u32 = 5;
const AOT_PS: u32 = 29;
const AOT_USAC: u32 = 42;
/// What introduces a backward compatible extension (ISO/IEC 14496-3, 1.6.2.1).
const SYNC_SBR: u32 = 0x2b7;
const SYNC_PS: u32 = 0x548;
/// `id_syn_ele` of a fill element and of the end (ISO/IEC 14496-3, table 4.85).
const ID_FIL: u32 = 6;
const ID_END: u32 = 7;
/// `extension_type` of replication data, without and with a checksum (table 4.121).
const EXT_SBR_DATA: [u32; 2] = [13, 14];
/// Half of 48 kHz.
const MAX_CORE_RATE_HZ: u32 = 24_000;
/// A fill element's payload at its longest, by its two counters.
const MAX_FILL_BYTES: usize = 269;

/// Names the codec that an `AudioSpecificConfig` announces (ISO/IEC 14496-3, 1.6.2.1).
pub(crate) fn announced(config: &[u8]) -> Codec {
    read_config(&mut Bits::new(config)).unwrap_or(Codec::AacLc)
}

/// What a configuration says of the packets themselves, without any extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Core {
    /// The audio object type.
    object: u32,
    rate_index: u32,
    pub(crate) rate_hz: u32,
    /// ISO/IEC 14496-3, table 1.19; 0 where the packets tell.
    channel_configuration: u32,
    /// Frames of a packet.
    pub(crate) packet_frames: u32,
}

/// Reads the part of an `AudioSpecificConfig` that the core decoder needs.
pub(crate) fn core(config: &[u8]) -> Option<Core> {
    let mut bits = Bits::new(config);
    let mut object = read_object_type(&mut bits)?;
    let mut rate = read_rate_hz(&mut bits)?;
    let channel_configuration = bits.take(4)?;
    if object == AOT_SBR || object == AOT_PS {
        // The first rate is the core's; what follows is the output's, and what the core is.
        read_rate_hz(&mut bits)?;
        object = read_object_type(&mut bits)?;
    }
    if rate.0 == 15 {
        rate.0 = RATES_HZ.iter().position(|hz| *hz == rate.1).and_then(|index| u32::try_from(index).ok())?;
    }
    let is_short = bits.take(1)? == 1;
    Some(Core {
        object,
        rate_index: rate.0,
        rate_hz: rate.1,
        channel_configuration,
        packet_frames: if is_short { 960 } else { 1024 },
    })
}

impl Core {
    /// From the first bytes of an ADTS frame (ISO/IEC 14496-3, table 1.A.6).
    pub(crate) fn of_adts(header: &[u8]) -> Option<Self> {
        let [_, _, third, fourth, ..] = *header else { return None };
        let rate_index = u32::from((third >> 2) & 15);
        Some(Self {
            object: u32::from(third >> 6) + 1,
            rate_index,
            rate_hz: *RATES_HZ.get(rate_index as usize)?,
            channel_configuration: u32::from(((third & 1) << 2) | (fourth >> 6)),
            packet_frames: 1024,
        })
    }

    /// Whether the configuration has the channels, rather than each packet.
    pub(crate) fn names_channels(&self) -> bool {
        self.channel_configuration > 0
    }

    /// The configuration that says no more than this.
    pub(crate) fn config(&self) -> Vec<u8> {
        let bits = self.object << 11 | self.rate_index << 7 | self.channel_configuration << 3;
        u16::try_from(bits).unwrap_or(0).to_be_bytes().to_vec()
    }

    /// What stands in front of a packet of so many bytes in ADTS, which has no more than two bits for the object and
    /// thirteen for the length.
    pub(crate) fn adts(&self, bytes: usize) -> Option<[u8; ADTS_BYTES]> {
        let object = self.object.checked_sub(1).filter(|object| *object < 4)?;
        let length = u32::try_from(bytes + ADTS_BYTES).ok().filter(|length| *length < 1 << 13)?;
        let fits = self.packet_frames == 1024 && (1..8).contains(&self.channel_configuration);
        let [_, _, c, d] =
            (object << 14 | self.rate_index << 10 | self.channel_configuration << 6 | length >> 11)
                .to_be_bytes();
        let [_, _, e, f] = ((length & 0x7ff) << 5 | 0x1f).to_be_bytes();
        // MPEG-4, no checksum; a buffer that is not measured; one packet.
        fits.then_some([0xff, 0xf1, c, d, e, f, 0xfc])
    }
}

/// The bytes in front of a packet in ADTS, without a checksum.
pub(crate) const ADTS_BYTES: usize = 7;

/// By index (ISO/IEC 14496-3, table 1.18).
const RATES_HZ: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

fn read_rate_hz(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    match bits.take(4)? {
        15 => Some((15, bits.take(24)?)),
        index => Some((index, *RATES_HZ.get(index as usize)?)),
    }
}

/// Clears the flag of a core coder in a plain configuration of two bytes, which has no room for the delay that would
/// follow (ISO/IEC 14496-3, table 4.1); without it the decoder would find the end.
pub(crate) fn forget_core(config: &mut [u8]) {
    if let [_, second] = config {
        *second &= !2;
    }
}

fn read_config(bits: &mut Bits<'_>) -> Option<Codec> {
    let object = read_object_type(bits)?;
    read_rate(bits)?;
    bits.take(4)?;
    match object {
        AOT_AAC_LC => {}
        AOT_SBR => return Some(Codec::HeAac),
        AOT_PS => return Some(Codec::HeAacV2),
        AOT_USAC => return Some(Codec::XheAac),
        other => return Some(Codec::Other(object_name(other))),
    }
    Some(read_extension(bits).unwrap_or(Codec::AacLc))
}

/// Reads what may follow a plain AAC configuration. The extension starts on a bit of its own, behind fields
/// whose lengths depend on the channels, so it is looked for at every bit.
fn read_extension(bits: &mut Bits<'_>) -> Option<Codec> {
    while bits.left() >= 17 {
        let mut ahead = bits.clone();
        if ahead.take(11)? == SYNC_SBR && read_object_type(&mut ahead)? == AOT_SBR && ahead.take(1)? == 1 {
            let has_ps = read_rate(&mut ahead).is_some()
                && ahead.take(11) == Some(SYNC_PS)
                && ahead.take(1) == Some(1);
            return Some(if has_ps { Codec::HeAacV2 } else { Codec::HeAac });
        }
        bits.take(1)?;
    }
    None
}

fn read_object_type(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.take(5)? {
        31 => Some(32 + bits.take(6)?),
        short => Some(short),
    }
}

fn read_rate(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.take(4)? {
        15 => bits.take(24),
        index => Some(index),
    }
}

/// ISO/IEC 14496-3, table 1.17.
fn object_name(object: u32) -> String {
    match object {
        1 => "AAC Main".into(),
        3 => "AAC SSR".into(),
        4 => "AAC LTP".into(),
        23 => "AAC-LD".into(),
        39 => "AAC-ELD".into(),
        36 => "MPEG-4 ALS".into(),
        other => format!("MPEG-4 audio object type {other}"),
    }
}

/// Whether the first packets of a stream that announced plain AAC at `rate_hz` end in replication data.
///
/// The core of such a stream runs at half the output's rate, so above 24 kHz it is next to unknown, and
/// only many different packets are believed: equal ones, as in silence, would all match by one chance.
pub(crate) fn has_hidden_sbr(rate_hz: u32, packets: &[&[u8]]) -> bool {
    let matching = packets.iter().filter(|packet| ends_in_sbr(packet)).count();
    let different = packets.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let is_enough = if rate_hz <= MAX_CORE_RATE_HZ { packets.len() >= 3 } else { different >= 16 };
    is_enough && matching * 10 >= packets.len() * 9
}

fn ends_in_sbr(packet: &[u8]) -> bool {
    let bits = packet.len() * 8;
    (0..8).any(|padding| {
        let Some(end) = bits.checked_sub(padding + 3) else { return false };
        let is_padding = read_at(packet, end + 3, padding) == Some(0);
        is_padding && read_at(packet, end, 3) == Some(ID_END) && element_ends_at(packet, end, 2)
    })
}

/// Whether a fill element with replication data ends at `end`, perhaps with plain fill elements behind it.
fn element_ends_at(packet: &[u8], end: usize, depth: u8) -> bool {
    (0..=MAX_FILL_BYTES).any(|bytes| {
        // ISO/IEC 14496-3, table 4.11: a count up to 14, or 15 and the rest less one in eight bits more.
        let head_bits = if bytes < 15 { 7 } else { 15 };
        let Some(start) = end.checked_sub(bytes * 8 + head_bits) else { return false };
        let count = if bytes < 15 {
            read_at(packet, start + 3, 4)
        } else if read_at(packet, start + 3, 4) == Some(15) {
            read_at(packet, start + 7, 8).map(|more| more + 14)
        } else {
            None
        };
        if read_at(packet, start, 3) != Some(ID_FIL) || count.map(|count| count as usize) != Some(bytes) {
            return false;
        }
        // An element may also hold nothing at all.
        let kind = if bytes == 0 { Some(0) } else { read_at(packet, start + head_bits, 4) };
        match kind {
            Some(kind) if EXT_SBR_DATA.contains(&kind) => true,
            Some(0 | 1) => depth > 0 && element_ends_at(packet, start, depth - 1),
            _ => false,
        }
    })
}

fn read_at(bytes: &[u8], offset: usize, count: usize) -> Option<u32> {
    let mut bits = Bits { bytes, position: offset };
    bits.take(u32::try_from(count).ok()?)
}

/// Reads bits from the most significant down.
#[derive(Clone)]
struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.position)
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.position / 8)?;
            value = (value << 1) | u32::from((byte >> (7 - self.position % 8)) & 1);
            self.position += 1;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_coder_without_its_delay_is_forgotten() {
        let mut config = [0x12, 0x12];
        forget_core(&mut config);
        assert_eq!(config, [0x12, 0x10]);
        let mut with_delay = [0x12, 0x12, 0, 0];
        forget_core(&mut with_delay);
        assert_eq!(with_delay, [0x12, 0x12, 0, 0]);
    }

    #[test]
    fn the_core_of_a_configuration_is_what_its_packets_are() {
        let of = |config: &[u8]| core(config).map(|core| (core.object, core.rate_hz, core.packet_frames));
        assert_eq!(of(&[0x12, 0x10]), Some((2, 44_100, 1024)));
        assert_eq!(of(&[0x12, 0x14]), Some((2, 44_100, 960)));
        assert_eq!(of(&[0x2b, 0x92, 0x08, 0x00]), Some((2, 22_050, 1024)));
        assert_eq!(of(&[0x17, 0x80, 0x2b, 0x11, 0x00]), Some((2, 22_050, 1024)));
        for short in [&[][..], &[0x12], &[0x2b, 0x92]] {
            assert_eq!(of(short), None);
        }
        let plain = core(&[0x12, 0x10]).unwrap();
        assert_eq!(plain.config(), [0x12, 0x10]);
        let header = plain.adts(100).unwrap();
        assert_eq!(header, [0xff, 0xf1, 0x50, 0x80, 0x0d, 0x7f, 0xfc]);
        assert_eq!(Core::of_adts(&header), Some(plain));
        assert_eq!(plain.adts(8185), None);
        assert_eq!(core(&[0x12, 0x00]).unwrap().adts(100), None);
    }

    #[test]
    fn configurations_are_told_apart() {
        let table: [(&[u8], Codec); 8] = [
            (&[0x12, 0x10], Codec::AacLc),
            (&[0x12, 0x10, 0x56, 0xe5, 0x00], Codec::AacLc),
            (&[0x13, 0x90, 0x56, 0xe5, 0xa0], Codec::HeAac),
            (&[0x13, 0x88, 0x56, 0xe5, 0xa5, 0x48, 0x80], Codec::HeAacV2),
            (&[0x2b, 0x92, 0x08, 0x00], Codec::HeAac),
            (&[0xeb, 0x8a, 0x08, 0x00], Codec::HeAacV2),
            (&[0xf9, 0x46, 0x40, 0x22], Codec::XheAac),
            (&[], Codec::AacLc),
        ];
        for (config, codec) in table {
            assert_eq!(announced(config), codec, "{config:02x?}");
        }
        assert_eq!(announced(&[0x0a, 0x10]), Codec::Other("AAC Main".into()));
    }

    /// Some audio bits, a fill element of `kind` and `bytes`, the end, padding.
    fn packet(seed: u32, kind: u32, bytes: u32) -> Vec<u8> {
        let mut bits: Vec<bool> = Vec::new();
        let mut push = |value: u32, count: u32| {
            bits.extend((0..count).rev().map(|bit| (value >> bit) & 1 == 1));
        };
        let mut noise = seed.wrapping_mul(2_654_435_761);
        for _ in 0..40 + seed % 13 {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            push(noise >> 27, 5);
        }
        push(ID_FIL, 3);
        if bytes < 15 {
            push(bytes, 4);
        } else {
            push(15, 4);
            push(bytes - 14, 8);
        }
        push(kind, 4);
        push(0xa, 4);
        for _ in 1..bytes {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            push(noise >> 24, 8);
        }
        push(ID_END, 3);
        bits.chunks(8)
            .map(|byte| byte.iter().enumerate().fold(0, |sum, (n, bit)| sum | (u8::from(*bit) << (7 - n))))
            .collect()
    }

    fn refs(packets: &[Vec<u8>]) -> Vec<&[u8]> {
        packets.iter().map(Vec::as_slice).collect()
    }

    #[test]
    fn hidden_replication_data_is_found_whatever_its_length() {
        let packets: Vec<_> = (1..40).map(|n| packet(n, 13 + n % 2, 2 + n * 3)).collect();
        assert!(has_hidden_sbr(22_050, &refs(&packets)));
        assert!(has_hidden_sbr(44_100, &refs(&packets)));
        assert!(!has_hidden_sbr(44_100, &refs(&vec![packets[0].clone(); 40])));
    }

    #[test]
    fn plain_fill_and_noise_are_not_mistaken_for_it() {
        let packets: Vec<_> = (1..40).map(|n| packet(n, 0, 2 + n * 3)).collect();
        assert!(!has_hidden_sbr(22_050, &refs(&packets)));
        let matching = (1..2000_u32)
            .filter(|seed| {
                let mut noise = *seed;
                let bytes: Vec<u8> = (0..180)
                    .map(|_| {
                        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        (noise >> 24) as u8
                    })
                    .collect();
                ends_in_sbr(&bytes)
            })
            .count();
        assert!(matching < 100, "{matching} of 2000 random packets look like it");
    }
}
