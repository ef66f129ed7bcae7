//! The media type that other readers of a bucket are told.
//!
//! Our own doors tell what the probe found. Nothing that a browser would run is ever named here, whatever a key ends in.

use reelmill_core::Key;

/// By the key's extension; `application/octet-stream` for what we do not make ourselves.
pub(crate) fn media_type(key: &Key) -> &'static str {
    let extension = key.as_str().rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "mp3" => "audio/mpeg",
        "flac" => "audio/flac",
        "wav" => "audio/wav",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "m4a" => "audio/mp4",
        "wma" => "audio/x-ms-wma",
        "dca" => "audio/x-dca",
        "mp4" | "m4v" => "video/mp4",
        "mkv" => "video/x-matroska",
        "webm" => "video/webm",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_would_run_has_no_type_of_its_own() {
        for (key, expected) in [
            ("outputs/1.mp3", "audio/mpeg"),
            ("a.b/1.MP4", "video/mp4"),
            ("media/1", "application/octet-stream"),
            ("7/x.html", "application/octet-stream"),
            ("7/x.svg", "application/octet-stream"),
        ] {
            assert_eq!(key.parse().map(|key| media_type(&key)), Ok(expected));
        }
    }
}
