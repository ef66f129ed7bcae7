//! The identification header: `OpusHead` of Ogg and Matroska (RFC 7845, section 5.1), and the same fields of MP4's
//! `dOps`, which the demuxer hands on behind the same magic.

use crate::engine::OpusLayout;
use crate::error::MediaError;

const MAGIC: &[u8] = b"OpusHead";
/// Up to the mapping family, which all of them have.
const FIXED_BYTES: usize = 19;
/// A channel of this number is silent.
const SILENT: u8 = 255;
/// By the number of channels: where each loudspeaker of WAVE's order stands in Vorbis' order, in which family 1 counts
/// (RFC 7845, section 5.1.1.2).
const WAVE_ORDER: [&[usize]; 8] = [
    &[0],
    &[0, 1],
    &[0, 2, 1],
    &[0, 1, 2, 3],
    &[0, 2, 1, 3, 4],
    &[0, 2, 1, 5, 3, 4],
    &[0, 2, 1, 6, 5, 3, 4],
    &[0, 2, 1, 7, 5, 6, 3, 4],
];

/// What an Opus stream says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpusHead {
    pub(crate) channels: u8,
    /// Frames of 48 kHz at the start that are not to be heard.
    pub(crate) pre_skip: u16,
    /// In 1/256 dB, to be applied by whoever plays it.
    pub(crate) output_gain: i16,
    pub(crate) mapping_family: u8,
    streams: u8,
    coupled: u8,
    mapping: Vec<u8>,
}

/// How numbers of several bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Ogg and Matroska.
    Little,
    /// MP4.
    Big,
}

impl OpusHead {
    /// Reads a header. One that is cut or contradicts itself is [`MediaError::Corrupt`], one whose channels mean
    /// something that is not played here [`MediaError::Unsupported`].
    pub(crate) fn parse(bytes: &[u8], order: Order) -> Result<Self, MediaError> {
        let corrupt = |why: &str| MediaError::Corrupt(format!("its opus header {why}"));
        let Some(rest) = bytes.strip_prefix(MAGIC).filter(|_| bytes.len() >= FIXED_BYTES) else {
            return Err(corrupt("is cut"));
        };
        let [version, channels, skip_a, skip_b, _, _, _, _, gain_a, gain_b, mapping_family, ref table @ ..] =
            *rest
        else {
            return Err(corrupt("is cut"));
        };
        // The upper half changes with what cannot be read (RFC 7845, section 5.1).
        if version > 15 {
            return Err(MediaError::Unsupported { codec: format!("Opus header version {version}") });
        }
        let (pre_skip, output_gain) = match order {
            Order::Little => (u16::from_le_bytes([skip_a, skip_b]), i16::from_le_bytes([gain_a, gain_b])),
            Order::Big => (u16::from_be_bytes([skip_a, skip_b]), i16::from_be_bytes([gain_a, gain_b])),
        };
        let (streams, coupled, mapping) = match (mapping_family, channels) {
            (0, 1 | 2) => (1, channels - 1, (0..channels).collect()),
            (1, 1..=8) => {
                let [streams, coupled, ref mapping @ ..] = *table else { return Err(corrupt("is cut")) };
                let mapping = mapping.get(..usize::from(channels)).ok_or_else(|| corrupt("is cut"))?;
                (streams, coupled, mapping.to_vec())
            }
            (0 | 1, _) => return Err(corrupt(&format!("declares {channels} channels"))),
            (family, _) => {
                return Err(MediaError::Unsupported {
                    codec: format!("Opus with channel mapping family {family}"),
                });
            }
        };
        let coded = u16::from(streams) + u16::from(coupled);
        let is_sound = streams > 0 && coupled <= streams && coded < u16::from(SILENT);
        if !is_sound || mapping.iter().any(|index| *index != SILENT && u16::from(*index) >= coded) {
            return Err(corrupt("maps channels to streams that are not there"));
        }
        Ok(Self { channels, pre_skip, output_gain, mapping_family, streams, coupled, mapping })
    }

    /// Writes the header as Ogg has it, with another pre-skip.
    pub(crate) fn write(&self, pre_skip: u16) -> Vec<u8> {
        let mut bytes = [MAGIC, &[1, self.channels], &pre_skip.to_le_bytes()].concat();
        // What the encoder was fed is not known everywhere, and matters to nobody who plays it.
        bytes.extend_from_slice(&super::RATE_HZ.to_le_bytes());
        bytes.extend_from_slice(&self.output_gain.to_le_bytes());
        bytes.push(self.mapping_family);
        if self.mapping_family > 0 {
            bytes.extend_from_slice(&[self.streams, self.coupled]);
            bytes.extend_from_slice(&self.mapping);
        }
        bytes
    }

    /// What a container without the header must mean: one stream, nothing skipped.
    pub(crate) fn plain(channels: u8) -> Self {
        Self {
            channels,
            pre_skip: 0,
            output_gain: 0,
            mapping_family: 0,
            streams: 1,
            coupled: channels.saturating_sub(1),
            mapping: (0..channels).collect(),
        }
    }

    /// What a decoder needs, so arranged that its channels come out in WAVE's order.
    pub(crate) fn layout(&self) -> Result<OpusLayout, MediaError> {
        let order = usize::from(self.channels).checked_sub(1).and_then(|index| WAVE_ORDER.get(index));
        let at = |place: &usize| self.mapping.get(*place).copied().unwrap_or(SILENT);
        let mapping: Vec<u8> = order.into_iter().copied().flatten().map(at).collect();
        OpusLayout::new(self.channels, self.streams, self.coupled, &mapping)
    }
}

#[cfg(test)]
pub(crate) fn head(channels: u8, pre_skip: u16, output_gain: i16, rest: &[u8]) -> Vec<u8> {
    let mut bytes = [MAGIC, &[1, channels], &pre_skip.to_le_bytes()].concat();
    bytes.extend_from_slice(&44_100_u32.to_le_bytes());
    bytes.extend_from_slice(&output_gain.to_le_bytes());
    bytes.extend_from_slice(rest);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: &[u8]) -> Result<OpusHead, String> {
        OpusHead::parse(bytes, Order::Little).map_err(|error| error.to_string())
    }

    #[test]
    fn mono_and_stereo_need_no_table() {
        let stereo = parsed(&head(2, 312, -256, &[0])).unwrap();
        assert_eq!((stereo.channels, stereo.pre_skip, stereo.output_gain), (2, 312, -256));
        assert_eq!((stereo.streams, stereo.coupled, stereo.mapping), (1, 1, vec![0, 1]));
        let mono = parsed(&head(1, 3840, 0, &[0])).unwrap();
        assert_eq!((mono.streams, mono.coupled, mono.mapping), (1, 0, vec![0]));
    }

    #[test]
    fn a_header_that_was_written_reads_the_same() {
        for bytes in [head(2, 312, -256, &[0]), head(6, 3840, 0, &[1, 4, 2, 0, 4, 1, 2, 3, 5])] {
            let parsed = parsed(&bytes).unwrap();
            assert_eq!(OpusHead::parse(&parsed.write(parsed.pre_skip), Order::Little).unwrap(), parsed);
        }
    }

    #[test]
    fn in_mp4_the_numbers_are_the_other_way_round() {
        let bytes = [MAGIC, &[0, 2, 0x01, 0x38, 0, 0, 0, 0, 0xff, 0x00, 0]].concat();
        let head = OpusHead::parse(&bytes, Order::Big).unwrap();
        assert_eq!((head.pre_skip, head.output_gain), (312, -256));
    }

    #[test]
    fn surround_is_turned_into_the_order_of_wave() {
        let five_one = parsed(&head(6, 312, 0, &[1, 4, 2, 0, 4, 1, 2, 3, 5])).unwrap();
        assert_eq!(five_one.mapping, [0, 4, 1, 2, 3, 5]);
        let order = WAVE_ORDER[5].iter().map(|place| five_one.mapping[*place]).collect::<Vec<_>>();
        // Front left and right, centre, low frequencies, rear left and right.
        assert_eq!(order, [0, 1, 4, 5, 2, 3]);
    }

    #[test]
    fn hostile_headers_are_refused_and_say_why() {
        let table: [(&[u8], &str); 9] = [
            (b"OpusHead\x01\x02", "is cut"),
            (&head(2, 0, 0, &[]), "is cut"),
            (&head(0, 0, 0, &[0]), "0 channels"),
            (&head(3, 0, 0, &[0]), "3 channels"),
            (&head(9, 0, 0, &[1, 9, 0]), "9 channels"),
            (&head(6, 0, 0, &[1, 4, 2, 0, 4, 1]), "is cut"),
            (&head(2, 0, 0, &[1, 1, 2, 0, 1]), "not there"),
            (&head(2, 0, 0, &[1, 1, 1, 0, 7]), "not there"),
            (&head(4, 0, 0, &[255, 4, 0, 0, 1, 2, 3]), "family 255"),
        ];
        for (bytes, needle) in table {
            let said = parsed(bytes).unwrap_err();
            assert!(said.contains(needle), "{said} lacks {needle}");
        }
        let mut version = head(2, 0, 0, &[0]);
        version[8] = 16;
        assert!(parsed(&version).unwrap_err().contains("version 16"));
        for length in 0..28 {
            // Every cut of a whole header is refused, or leaves all that was needed.
            let whole = head(6, 312, 0, &[1, 4, 2, 0, 4, 1, 2, 3, 5]);
            assert_eq!(parsed(&whole[..length.min(whole.len())]).is_ok(), length >= whole.len());
        }
    }
}
