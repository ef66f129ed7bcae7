//! Writes ID3 2.4 (id3.org, "ID3 tag version 2.4.0 - Main Structure" and "- Native Frames").
//!
//! Text is UTF-8. Nothing is unsynchronised: every player of the last twenty years reads a tag without it.

use super::{Cover, Tags};

/// Vorbis comment names that have a text frame of their own.
const FRAMES: [(&str, &[u8; 4]); 16] = [
    ("TITLE", b"TIT2"),
    ("ARTIST", b"TPE1"),
    ("ALBUM", b"TALB"),
    ("ALBUMARTIST", b"TPE2"),
    ("CONDUCTOR", b"TPE3"),
    ("COMPOSER", b"TCOM"),
    ("LYRICIST", b"TEXT"),
    ("GENRE", b"TCON"),
    ("DATE", b"TDRC"),
    ("TRACKNUMBER", b"TRCK"),
    ("DISCNUMBER", b"TPOS"),
    ("COPYRIGHT", b"TCOP"),
    ("LABEL", b"TPUB"),
    ("ISRC", b"TSRC"),
    ("BPM", b"TBPM"),
    ("COMPILATION", b"TCMP"),
];
const UTF8: u8 = 3;
const FRONT_COVER: u8 = 3;

/// Makes a whole tag, or nothing where there is nothing to say.
pub(crate) fn write(tags: &Tags, cover: Option<&Cover>) -> Vec<u8> {
    let mut frames = Vec::new();
    for (name, value) in tags.iter() {
        push_text(&mut frames, tags, name, value);
    }
    if let Some(cover) = cover {
        let mut body = vec![UTF8];
        body.extend_from_slice(cover.media_type.as_bytes());
        body.extend_from_slice(&[0, FRONT_COVER, 0]);
        body.extend_from_slice(&cover.bytes);
        push_frame(&mut frames, *b"APIC", &body);
    }
    if frames.is_empty() {
        return frames;
    }
    let mut tag = Vec::with_capacity(frames.len() + 10);
    tag.extend_from_slice(b"ID3\x04\x00\x00");
    tag.extend_from_slice(&synchsafe(frames.len()));
    tag.append(&mut frames);
    tag
}

fn push_text(frames: &mut Vec<u8>, tags: &Tags, name: &str, value: &str) {
    let mut body = vec![UTF8];
    match (name, FRAMES.iter().find(|(known, _)| *known == name)) {
        // The totals stand behind a slash in the frame of their number.
        ("TRACKTOTAL", _) if has(tags, "TRACKNUMBER") => {}
        ("DISCTOTAL", _) if has(tags, "DISCNUMBER") => {}
        (_, Some((_, id))) => {
            body.extend_from_slice(value.as_bytes());
            let total = match name {
                "TRACKNUMBER" => of(tags, "TRACKTOTAL"),
                "DISCNUMBER" => of(tags, "DISCTOTAL"),
                _ => None,
            };
            if let Some(total) = total.filter(|_| !value.contains('/')) {
                body.push(b'/');
                body.extend_from_slice(total.as_bytes());
            }
            push_frame(frames, **id, &body);
        }
        ("COMMENT" | "LYRICS", None) => {
            // Language unknown, description empty.
            body.extend_from_slice(b"und\0");
            body.extend_from_slice(value.as_bytes());
            push_frame(frames, if name == "COMMENT" { *b"COMM" } else { *b"USLT" }, &body);
        }
        (_, None) => {
            body.extend_from_slice(name.as_bytes());
            body.push(0);
            body.extend_from_slice(value.as_bytes());
            push_frame(frames, *b"TXXX", &body);
        }
    }
}

fn of<'a>(tags: &'a Tags, name: &str) -> Option<&'a str> {
    tags.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

fn has(tags: &Tags, name: &str) -> bool {
    of(tags, name).is_some()
}

fn push_frame(frames: &mut Vec<u8>, id: [u8; 4], body: &[u8]) {
    frames.extend_from_slice(&id);
    frames.extend_from_slice(&synchsafe(body.len()));
    frames.extend_from_slice(&[0, 0]);
    frames.extend_from_slice(body);
}

/// Seven bits a byte, so that no size looks like an MPEG sync word (main structure, section 6.2).
fn synchsafe(size: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| u8::try_from((size >> shift) & 0x7f).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_laid_out_byte_for_byte() {
        let tags = Tags { title: Some("Ö".into()), ..Tags::default() };
        assert_eq!(
            write(&tags, None),
            b"ID3\x04\x00\x00\x00\x00\x00\x0dTIT2\x00\x00\x00\x03\x00\x00\x03\xc3\x96"
        );
        assert_eq!(write(&Tags::default(), None), b"");
    }

    #[test]
    fn totals_join_their_numbers_and_strangers_get_frames_of_their_own() {
        let other = [("TRACKNUMBER", "3"), ("TRACKTOTAL", "12"), ("MOOD", "calm")];
        let tags = Tags {
            other: other.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            ..Tags::default()
        };
        let bytes = write(&tags, None);
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("3/12"));
        assert!(text.contains("MOOD\0calm"));
        assert!(!text.contains("TRACKTOTAL"));
    }

    #[test]
    fn a_cover_larger_than_seven_bits_a_byte_keeps_its_size() {
        let cover = Cover { media_type: "image/png", bytes: vec![0x89; 1_000_000] };
        let bytes = write(&Tags::default(), Some(&cover));
        let size = bytes[6..10].iter().fold(0, |size, byte| (size << 7) | usize::from(*byte));
        assert_eq!(size + 10, bytes.len());
    }
}
