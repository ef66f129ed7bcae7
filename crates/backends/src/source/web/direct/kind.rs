//! Whether an answer is media, a page, or neither.
//!
//! The first bytes count more than what the server calls them. Whether media is sound is found out later, by those
//! who read it.

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Media(Media),
    /// For yt-dlp: a page, or a list of pieces.
    Page,
    Other,
}

/// What kind of media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Media {
    /// How names of such files end, where that is known.
    pub(super) extension: Option<&'static str>,
}

/// First bytes: where, which, and how such files' names end.
const MAGIC: [(usize, &[u8], &str); 17] = [
    (0, b"ID3", "mp3"),
    (0, b"\xff\xfb", "mp3"),
    (0, b"\xff\xf3", "mp3"),
    (0, b"\xff\xf2", "mp3"),
    (0, b"\xff\xfa", "mp3"),
    (0, b"OggS", "ogg"),
    (0, b"fLaC", "flac"),
    (8, b"WAVE", "wav"),
    (8, b"AVI ", "avi"),
    (4, b"ftyp", "mp4"),
    (0, b"\x1a\x45\xdf\xa3", "mkv"),
    (0, b"\xff\xf1", "aac"),
    (0, b"\xff\xf9", "aac"),
    (8, b"AIFF", "aiff"),
    (0, b"caff", "caf"),
    (0, b"FLV\x01", "flv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "wma"),
];

/// Types that are lists of pieces, of which yt-dlp makes one.
const LISTS: [&str; 6] = [
    "application/vnd.apple.mpegurl",
    "application/x-mpegurl",
    "audio/mpegurl",
    "audio/x-mpegurl",
    "application/dash+xml",
    "application/vnd.ms-sstr+xml",
];

/// Types that say nothing.
const NOTHING: [&str; 4] =
    ["", "application/octet-stream", "binary/octet-stream", "application/force-download"];

/// Reads the type that the server gives, and the first bytes.
pub(super) fn of(content_type: Option<&str>, head: &[u8]) -> Kind {
    let starts =
        |(at, magic, _): &&(usize, &[u8], &str)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic));
    if let Some((_, _, extension)) = MAGIC.iter().find(starts) {
        return Kind::Media(Media { extension: Some(extension) });
    }
    let declared = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    let declared = declared.trim().to_ascii_lowercase();
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if text.starts_with(b"<") || text.starts_with(b"#EXTM3U") || LISTS.contains(&declared.as_str()) {
        return Kind::Page;
    }
    let is_media = ["audio/", "video/"].iter().any(|family| declared.starts_with(family));
    if is_media || matches!(declared.as_str(), "application/ogg" | "application/mp4") {
        return Kind::Media(Media { extension: None });
    }
    if declared.starts_with("text/") || declared.ends_with("+xml") || declared.ends_with("json") {
        return Kind::Page;
    }
    if NOTHING.contains(&declared.as_str()) { Kind::Media(Media { extension: None }) } else { Kind::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIA: Kind = Kind::Media(Media { extension: None });

    #[test]
    fn the_first_bytes_count_more_than_the_type() {
        for (declared, head, expected) in [
            (Some("text/html"), &b"ID3\x04rest"[..], Kind::Media(Media { extension: Some("mp3") })),
            (Some("audio/mpeg"), b"<!doctype html>", Kind::Page),
            (Some("audio/mpeg"), b"\n\t <html>", Kind::Page),
            (Some("video/mp4"), b"\0\0\0\x18ftypisom", Kind::Media(Media { extension: Some("mp4") })),
            (None, b"RIFF\0\0\0\0WAVEfmt ", Kind::Media(Media { extension: Some("wav") })),
            (None, b"\xef\xbb\xbf<html>", Kind::Page),
            (Some("text/plain"), b"OggS\0", Kind::Media(Media { extension: Some("ogg") })),
        ] {
            assert_eq!(of(declared, head), expected, "{declared:?}");
        }
    }

    #[test]
    fn where_the_bytes_say_nothing_the_type_counts() {
        for (declared, head, expected) in [
            (Some("audio/mpeg; charset=x"), &b"\0\0\0\0"[..], MEDIA),
            (Some("Video/Whatever"), b"abc", MEDIA),
            (Some("application/octet-stream"), b"\0\0\0\0", MEDIA),
            (None, b"\0\0\0\0", MEDIA),
            (Some("text/html"), b"", Kind::Page),
            (Some("application/json"), b"{}", Kind::Page),
            (Some("application/vnd.apple.mpegurl"), b"\0", Kind::Page),
            (Some("application/octet-stream"), b"#EXTM3U\n", Kind::Page),
            (Some("image/jpeg"), b"\xff\xd8\xff", Kind::Other),
            (Some("application/pdf"), b"%PDF-1.7", Kind::Other),
            (Some("application/zip"), b"PK\x03\x04", Kind::Other),
        ] {
            assert_eq!(of(declared, head), expected, "{declared:?}");
        }
    }
}
