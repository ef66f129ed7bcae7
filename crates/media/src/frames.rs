//! Streams that have no container: MPEG audio and ADTS, known by frames that follow one another.
//!
//! A frame's first bytes alone are found by chance in any large file, so a stream counts only where each
//! header leads exactly to the next of its kind.

use crate::sniff::Kind;

/// Looks for a row of frames: three, or as many as a short file has.
pub(crate) fn find(window: &[u8], is_whole: bool) -> Option<Kind> {
    for start in 0..window.len().saturating_sub(6) {
        if window[start] != 0xff || window[start + 1] < 0xe0 {
            continue;
        }
        let Some(first) = Frame::parse(&window[start..]) else { continue };
        let mut offset = start + first.bytes;
        let mut frames = 1;
        while frames < 3 && offset < window.len() {
            match Frame::parse(&window[offset..]) {
                Some(next) if next.family == first.family => {
                    offset += next.bytes;
                    frames += 1;
                }
                _ => break,
            }
        }
        // A short file may end within its last frame, or in an ID3v1 tag behind it.
        let rest = window.get(offset..).unwrap_or_default();
        let ends_here =
            is_whole && (rest.is_empty() || rest.starts_with(b"TAG") || rest.starts_with(b"APETAG"));
        if frames >= 3 || (ends_here && (frames == 2 || start == 0)) {
            let end = (start + first.bytes).min(window.len());
            return Some(match first.family {
                Family::Adts(_) => Kind::Adts,
                Family::Mpeg(_) => Kind::Mpeg { has_header: has_xing(&window[start..end]) },
            });
        }
    }
    None
}

/// Whether a first frame holds a Xing, Info or VBRI header instead of audio; they stand behind the side
/// information, or at byte 36.
pub(crate) fn has_xing(frame: &[u8]) -> bool {
    [13, 21, 36, 15, 23, 38].iter().any(|offset| {
        frame.get(*offset..offset + 4).is_some_and(|id| id == b"Xing" || id == b"Info" || id == b"VBRI")
    })
}

/// What must be equal in all frames of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Version, layer and sample rate.
    Mpeg([u8; 3]),
    /// Profile and sample rate.
    Adts(u8),
}

/// A frame by its header.
pub(crate) struct Frame {
    pub(crate) family: Family,
    pub(crate) bytes: usize,
}

impl Frame {
    pub(crate) fn parse(window: &[u8]) -> Option<Self> {
        let [0xff, second, third, fourth, fifth, sixth, ..] = *window else { return None };
        match second & 0xf6 {
            0xf0 => Self::parse_adts(third, [fourth, fifth, sixth]),
            _ if second & 0xe0 == 0xe0 => Self::parse_mpeg(second, third),
            _ => None,
        }
    }

    /// ISO/IEC 14496-3, table 1.A.6.
    fn parse_adts(third: u8, rest: [u8; 3]) -> Option<Self> {
        let [fourth, fifth, sixth] = rest.map(usize::from);
        let bytes = ((fourth & 3) << 11) | (fifth << 3) | (sixth >> 5);
        let rate = (third >> 2) & 15;
        (bytes > 7 && rate < 13).then_some(Self { family: Family::Adts(third & 0xfc), bytes })
    }

    /// ISO/IEC 11172-3, 2.4.2.3, and 13818-3 for the lower rates.
    fn parse_mpeg(second: u8, third: u8) -> Option<Self> {
        const LAYER_1: [u32; 15] = [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448];
        const LAYER_2: [u32; 15] = [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
        const LAYER_3: [u32; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
        const LOW_1: [u32; 15] = [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256];
        const LOW_23: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
        let (version, layer) = ((second >> 3) & 3, (second >> 1) & 3);
        let (bit_rate, rate) = (usize::from(third >> 4), (third >> 2) & 3);
        if version == 1 || layer == 0 || rate == 3 || bit_rate == 0 || bit_rate == 15 {
            return None;
        }
        let is_mpeg1 = version == 3;
        let divisor = match version {
            3 => 1,
            2 => 2,
            _ => 4,
        };
        let hz = [44_100_u32, 48_000, 32_000][usize::from(rate)] / divisor;
        let kbps = match (is_mpeg1, layer) {
            (true, 3) => LAYER_1,
            (true, 2) => LAYER_2,
            (true, _) => LAYER_3,
            (false, 3) => LOW_1,
            (false, _) => LOW_23,
        }[bit_rate];
        let padding = u32::from((third >> 1) & 1);
        let bytes = match layer {
            3 => (12_000 * kbps / hz + padding) * 4,
            1 if !is_mpeg1 => 72_000 * kbps / hz + padding,
            _ => 144_000 * kbps / hz + padding,
        };
        Some(Self { family: Family::Mpeg([version, layer, rate]), bytes: bytes as usize })
    }
}

/// Silent 128 kbit/s frames at 44.1 kHz.
#[cfg(test)]
pub(crate) fn silent_mp3(count: usize) -> Vec<u8> {
    let mut frame = vec![0; 417];
    frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
    frame.repeat(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_frames_in_a_row_make_mpeg_audio_and_fewer_only_at_the_end() {
        let mpeg = Some(Kind::Mpeg { has_header: false });
        assert_eq!(find(&silent_mp3(5), true), mpeg);
        assert_eq!(find(&silent_mp3(1), true), mpeg);
        assert_eq!(find(&[b"junk".repeat(50), silent_mp3(3)].concat(), true), mpeg);
        let mut alone = [silent_mp3(1), vec![0x55; 4000]].concat();
        assert_eq!(find(&alone, true), None);
        alone.truncate(417);
        assert_eq!(find(&[silent_mp3(1), b"TAG".to_vec()].concat(), true), mpeg);
    }
}
