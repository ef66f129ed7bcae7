//! What a file is called and what it is, on our word and not its sender's.

use reelmill_core::MediaInfo;

/// The longest file name that is kept, in bytes: what file systems take.
const MAX_NAME_BYTES: usize = 255;

/// The sender's name for the file, as a name: without folders, control characters or endless length.
pub(crate) fn file_name(given: &str) -> String {
    known_name(given).unwrap_or_else(|| "untitled".to_owned())
}

/// The same; `None` where nothing is left of it.
pub(crate) fn known_name(given: &str) -> Option<String> {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name: String = last.chars().filter(|c| !c.is_control()).collect();
    while name.len() > MAX_NAME_BYTES {
        name.pop();
    }
    match name.trim() {
        "" | "." | ".." => None,
        sound => Some(sound.to_owned()),
    }
}

/// The media type of a container, from our own probe. What is not in the table is served as bytes.
pub(crate) fn content_type(info: &MediaInfo) -> &'static str {
    match info.container.as_str() {
        "mp4" => "video/mp4",
        "m4a" => "audio/mp4",
        "mov" => "video/quicktime",
        "mkv" => "video/x-matroska",
        "webm" => "video/webm",
        "mp1" | "mp2" | "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "flac" => "audio/flac",
        "wav" => "audio/wav",
        "aiff" => "audio/aiff",
        "aac" => "audio/aac",
        "caf" => "audio/x-caf",
        _ => "application/octet-stream",
    }
}

/// A name as a part of a key that other programs read: whatever the store, it needs no quoting that matters.
pub(crate) fn safe_name(name: &str) -> String {
    let mut safe: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '(' | ')') { c } else { '_' })
        .collect();
    while safe.len() > 200 {
        safe.pop();
    }
    match safe.trim() {
        "" | "." | ".." => "untitled".to_owned(),
        sound => sound.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_as_a_file_name_becomes_a_name() {
        assert_eq!(file_name("../../etc/passwd"), "passwd");
        assert_eq!(file_name("C:\\music\\a song.mp3"), "a song.mp3");
        assert_eq!(file_name("/"), "untitled");
        assert_eq!(file_name(".."), "untitled");
        assert_eq!(file_name("a\0b\n.mp4"), "ab.mp4");
        assert!(file_name(&"é".repeat(500)).len() <= MAX_NAME_BYTES);
    }

    #[test]
    fn a_name_in_a_key_stays_one_segment() {
        assert_eq!(safe_name("AC/DC: Back\\in \"Black\"?"), "AC_DC_ Back_in _Black__");
        assert_eq!(safe_name("Ñandú (en vivo).mp3"), "Ñandú (en vivo).mp3");
        assert_eq!((safe_name(".."), safe_name(" ")), ("untitled".to_owned(), "untitled".to_owned()));
        let key: Result<reelmill_core::Key, _> = format!("audio/{}", safe_name(&"é/".repeat(500))).parse();
        assert!(key.is_ok_and(|key| key.as_str().split('/').count() == 2));
    }
}
