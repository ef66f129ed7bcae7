//! What kind of file this is, from its first bytes.
//!
//! The demuxers' own search accepts any two bytes that look like an MPEG sync word within the first
//! megabyte, which random data has. So nothing reaches them that is not recognised here, and what is
//! recognised but not read is refused by name.

use crate::error::MediaError;
use crate::frames;
use crate::opus::{OpusHead, Order};
use crate::tap::Tap;

mod magics;

/// How far behind tags an MPEG or ADTS stream may start.
const SEARCH_BYTES: usize = 128 * 1024;
/// ID3 tags that may stand in a row.
const MAX_ID3_TAGS: usize = 8;

/// A kind of file that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    IsoMp4,
    Matroska,
    Ogg,
    Wav,
    Aiff,
    Caf,
    Flac,
    /// MPEG audio; whether its first frame is a Xing, Info or VBRI header.
    Mpeg {
        has_header: bool,
    },
    Adts,
    /// What ffmpeg reads; how far the length may be off that its container declares.
    Foreign {
        tolerance_frames: u64,
    },
}

/// How ffmpeg reads a kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// The one demuxer that may be used, or several to choose from, separated by commas.
    pub(crate) demuxer: &'static str,
    pub(crate) access: Access,
}

/// What a demuxer needs of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It reads from front to back.
    Forward,
    /// It seeks.
    Random,
}

impl Foreign {
    pub(crate) const fn forward(demuxer: &'static str) -> Self {
        Self { demuxer, access: Access::Forward }
    }

    pub(crate) const fn random(demuxer: &'static str) -> Self {
        Self { demuxer, access: Access::Random }
    }
}

impl Kind {
    /// The name that `Info` shows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::IsoMp4 => "mp4",
            Self::Matroska => "mkv",
            Self::Ogg => "ogg",
            Self::Wav => "wav",
            Self::Aiff => "aiff",
            Self::Caf => "caf",
            Self::Flac => "flac",
            Self::Mpeg { .. } => "mp3",
            Self::Adts => "aac",
            Self::Foreign { .. } => "foreign",
        }
    }

    /// How ffmpeg reads such a file, where its codec is none of ours.
    fn foreign(self) -> Option<Foreign> {
        Some(match self {
            Self::IsoMp4 => Foreign::random("mov"),
            Self::Matroska => Foreign::forward("matroska"),
            Self::Ogg => Foreign::forward("ogg"),
            Self::Wav => Foreign::forward("wav"),
            Self::Aiff => Foreign::random("aiff"),
            Self::Caf => Foreign::random("caf"),
            Self::Flac => Foreign::forward("flac"),
            Self::Mpeg { .. } => Foreign::forward("mp3"),
            Self::Adts => Foreign::forward("aac"),
            Self::Foreign { .. } => return None,
        })
    }
}

/// Recognises the input, or says why it will not be read.
pub(crate) fn sniff(tap: &mut Tap) -> Result<Kind, MediaError> {
    behind_tags(tap, classify)
}

/// How ffmpeg reads the input, where it may: what is known not to be media is kept from it, and what is not
/// known at all is shown to those of its demuxers that have a mark to go by and open nothing else.
pub(crate) fn foreign(tap: &mut Tap) -> Result<Option<Foreign>, MediaError> {
    behind_tags(tap, |window, is_whole| {
        Ok(match (classify(window, is_whole), unread(window)) {
            (Ok(kind), _) => kind.foreign(),
            (Err(_), Some((_, foreign))) => foreign,
            (Err(MediaError::NotMedia), None) if is_no_audio(window) || is_text(window) => None,
            (Err(MediaError::NotMedia), None) => Some(Foreign::random(magics::MARKED)),
            (Err(_), None) => window.starts_with(b"OggS").then_some(Foreign::forward("ogg")),
        })
    })
}

/// Shows what lies behind all ID3 tags, and whether that is everything.
fn behind_tags<T>(
    tap: &mut Tap,
    look: impl FnOnce(&[u8], bool) -> Result<T, MediaError>,
) -> Result<T, MediaError> {
    let gauge = tap.gauge();
    let mut window = vec![0; SEARCH_BYTES];
    let mut start = 0;
    for _ in 0..=MAX_ID3_TAGS {
        let length = tap.read_at(start, &mut window).map_err(|error| gauge.explain_io(error))?;
        if length == 0 {
            return Err(if start == 0 {
                MediaError::Empty("it has no bytes".into())
            } else {
                MediaError::Truncated("it ends within its tags".into())
            });
        }
        match id3_bytes(&window[..length]) {
            Some(tag_bytes) => start += tag_bytes,
            None => return look(&window[..length], length < SEARCH_BYTES),
        }
    }
    Err(MediaError::NotMedia)
}

/// The size of an ID3 tag with its header and footer (ID3 2.4.0 main structure, section 3.1).
pub(crate) fn id3_bytes(window: &[u8]) -> Option<u64> {
    let [b'I', b'D', b'3', 2..=4, _, flags, a, b, c, d, ..] = *window else { return None };
    if [a, b, c, d].iter().any(|byte| *byte > 0x7f) {
        return None;
    }
    let size = [a, b, c, d].iter().fold(0_u64, |size, byte| (size << 7) | u64::from(*byte));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    Some(size + 10 + footer)
}

fn classify(window: &[u8], is_whole: bool) -> Result<Kind, MediaError> {
    let riff_form = |form: &[u8; 4]| window.get(8..12) == Some(form);
    match window {
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => return Ok(Kind::IsoMp4),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => return Ok(Kind::Matroska),
        [b'O', b'g', b'g', b'S', ..] => return classify_ogg(window),
        [b'R', b'I', b'F', b'F', ..] if riff_form(b"WAVE") => return Ok(Kind::Wav),
        [b'F', b'O', b'R', b'M', ..] if riff_form(b"AIFF") || riff_form(b"AIFC") => return Ok(Kind::Aiff),
        [b'c', b'a', b'f', b'f', 0, 1, ..] => return Ok(Kind::Caf),
        [b'f', b'L', b'a', b'C', ..] => return Ok(Kind::Flac),
        _ => {}
    }
    if let Some((name, _)) = unread(window) {
        return Err(MediaError::Unsupported { codec: name.into() });
    }
    if is_no_audio(window) {
        return Err(MediaError::NotMedia);
    }
    frames::find(window, is_whole).ok_or(MediaError::NotMedia)
}

/// Looks at the first packet of every stream: they all come before anything else (RFC 3533, section 4).
fn classify_ogg(window: &[u8]) -> Result<Kind, MediaError> {
    const STREAMS: [(&[u8], &str, bool); 10] = [
        (b"\x01vorbis", "vorbis audio", true),
        (b"OpusHead", "opus audio", true),
        (b"\x7fFLAC", "flac audio", true),
        (b"Speex   ", "Speex", false),
        (b"CELT    ", "CELT", false),
        (b"PCM     ", "PCM in Ogg", false),
        (b"\x80theora", "theora video", true),
        (b"BBCD\0", "dirac video", true),
        (b"\x80kate", "subtitles", true),
        (b"fishead\0", "", true),
    ];
    let mut tracks = Vec::new();
    let mut offset = 0;
    // Bit 1 of the flags marks a stream's first page.
    while let Some([b'O', b'g', b'g', b'S', 0, flags, ..]) = window.get(offset..)
        && flags & 2 != 0
        && let Some(lacing) = window
            .get(offset + 26)
            .and_then(|count| window.get(offset + 27..offset + 27 + usize::from(*count)))
    {
        let body = offset + 27 + lacing.len();
        let packet = window.get(body..).unwrap_or_default();
        match STREAMS.iter().find(|(magic, ..)| packet.starts_with(magic)) {
            Some((_, name, false)) => return Err(MediaError::Unsupported { codec: (*name).into() }),
            Some((_, "opus audio", _)) => match OpusHead::parse(packet, Order::Little) {
                Err(unread @ MediaError::Unsupported { .. }) => return Err(unread),
                _ => return Ok(Kind::Ogg),
            },
            Some((_, name, true)) if name.ends_with("audio") => return Ok(Kind::Ogg),
            Some((_, name, true)) if !name.is_empty() => tracks.push((*name).to_owned()),
            Some(_) => {}
            None => tracks.push("an unknown stream".to_owned()),
        }
        offset = body + lacing.iter().map(|bytes| usize::from(*bytes)).sum::<usize>();
    }
    Err(MediaError::NoAudio { tracks })
}

/// Media that is known by its first bytes and not read here: its name, and ffmpeg's demuxer where it has one.
fn unread(window: &[u8]) -> Option<(&'static str, Option<Foreign>)> {
    let found = magics::UNREAD
        .iter()
        .find(|(offset, magic, ..)| window.get(*offset..offset + magic.len()) == Some(*magic));
    if let Some((_, _, name, foreign)) = found {
        return Some((name, *foreign));
    }
    match window {
        [0x0b, 0x77, _, _, _, id, ..] => {
            // `bsid` beyond 10 is the enhanced form (ETSI TS 102 366, annex E).
            let demuxer = if id >> 3 > 10 { "eac3" } else { "ac3" };
            Some(("ac-3", Some(Foreign::forward(demuxer))))
        }
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', ..] => {
            Some(("avi", Some(Foreign::random("avi"))))
        }
        _ if is_transport_stream(window) => Some(("mpeg transport stream", Some(Foreign::forward("mpegts")))),
        // LOAS/LATM: an 11-bit sync word and a 13-bit length that leads to the next one.
        [0x56, high, low, ..] if high & 0xe0 == 0xe0 => {
            let next = ((usize::from(high & 0x1f) << 8) | usize::from(*low)) + 3;
            let is_next = window.get(next) == Some(&0x56);
            is_next.then_some(("aac in latm", Some(Foreign::forward("loas"))))
        }
        _ => None,
    }
}

/// Plain packets, or packets with a time stamp in front (Blu-ray's).
fn is_transport_stream(window: &[u8]) -> bool {
    let is_sync =
        |start: usize, step: usize| (0..4).all(|packet| window.get(start + packet * step) == Some(&0x47));
    is_sync(0, 188) || is_sync(4, 192)
}

/// Text is no media, though some demuxers would take it for instructions.
fn is_text(window: &[u8]) -> bool {
    let head = &window[..window.len().min(512)];
    head.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..)) && !head.is_empty()
}

/// Common files in which a frame header may turn up by chance.
fn is_no_audio(window: &[u8]) -> bool {
    const MAGICS: [&[u8]; 14] = [
        b"\x89PNG",
        b"\xff\xd8\xff",
        b"GIF8",
        b"%PDF",
        b"PK\x03\x04",
        b"\x1f\x8b",
        b"\x7fELF",
        b"MZ",
        b"BZh",
        b"\xfd7zXZ",
        b"7z\xbc\xaf",
        b"SQLite format 3",
        b"<!DOCTYPE",
        b"<html",
    ];
    MAGICS.iter().any(|magic| window.starts_with(magic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_known_by_their_magic() {
        let table: [(&[u8], Kind); 5] = [
            (b"\0\0\0\x20ftypM4A ", Kind::IsoMp4),
            (b"\x1a\x45\xdf\xa3....", Kind::Matroska),
            (b"RIFF....WAVE", Kind::Wav),
            (b"FORM....AIFC", Kind::Aiff),
            (b"fLaC....", Kind::Flac),
        ];
        for (bytes, kind) in table {
            assert_eq!(classify(bytes, true).unwrap(), kind);
        }
    }

    #[test]
    fn what_is_not_read_is_named() {
        for (bytes, name) in [
            (&b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9"[..], "asf/wma"),
            (b"wvpk....", "wavpack"),
            (b"#!AMR\n", "amr"),
            (b"RIFF....AVI LIST", "avi"),
            (b"DCA1\x40\0\0\0{", "dca"),
        ] {
            match classify(bytes, true) {
                Err(MediaError::Unsupported { codec }) => assert_eq!(codec, name),
                other => panic!("{name} became {other:?}"),
            }
        }
    }

    #[test]
    fn an_ogg_file_is_judged_by_its_streams() {
        let page = |packet: &[u8]| {
            [&b"OggS\0\x02"[..], &[0; 20], &[1, u8::try_from(packet.len()).unwrap()], packet].concat()
        };
        assert_eq!(classify(&page(b"\x01vorbis..."), true).unwrap(), Kind::Ogg);
        let both = [page(b"\x80theora..."), page(b"OpusHead...")].concat();
        assert_eq!(classify(&both, true).unwrap(), Kind::Ogg);
        let error = classify(&page(b"\x80theora..."), true).unwrap_err();
        assert_eq!(error.to_string(), "the input has no audio track, it has: theora video");
        let error = classify(&page(b"Speex   1.2"), true).unwrap_err();
        assert_eq!(error.to_string(), "Speex is not read by this build");
        let ambisonic = [&b"OpusHead\x01\x04"[..], &[0; 8], &[2, 4, 0, 0, 1, 2, 3]].concat();
        let error = classify(&page(&ambisonic), true).unwrap_err();
        assert_eq!(error.to_string(), "Opus with channel mapping family 2 is not read by this build");
    }

    #[test]
    fn text_noise_and_pictures_are_not_media() {
        assert!(matches!(classify(b"hello, world\n", true), Err(MediaError::NotMedia)));
        let png = [b"\x89PNG\r\n".to_vec(), frames::silent_mp3(4)].concat();
        assert!(matches!(classify(&png, true), Err(MediaError::NotMedia)));
        let mut noise = 7_u32;
        let bytes: Vec<u8> = (0..SEARCH_BYTES)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            })
            .collect();
        assert!(matches!(classify(&bytes, false), Err(MediaError::NotMedia)));
    }
}
