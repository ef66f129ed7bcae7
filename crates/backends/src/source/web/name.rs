//! Names of files and titles, from whatever a stranger gave.

use url::Url;

/// Longer than any title that somebody reads.
const MAX_TITLE_CHARS: usize = 500;
/// What every file system takes, with room for an extension.
const MAX_STEM_BYTES: usize = 180;
/// Longer than any extension of a media file.
const MAX_EXTENSION_BYTES: usize = 10;

/// A title in one line.
pub(super) fn title(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().chars().take(MAX_TITLE_CHARS).collect()
}

/// Whether it is an address that a page may show.
pub(super) fn is_link(text: &str) -> bool {
    text.len() <= 2048 && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// A file name of a stem and an extension.
pub(super) fn file(stem: &str, extension: Option<&str>) -> String {
    let stem = plain(stem);
    let stem = if stem.is_empty() { "media".to_owned() } else { stem };
    match extension.filter(|extension| is_extension(extension)) {
        Some(extension) => format!("{stem}.{}", extension.to_ascii_lowercase()),
        None => stem,
    }
}

/// A file name that somebody gave whole; `extension` where it has none.
pub(super) fn given(name: &str, extension: Option<&str>) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    match last.rsplit_once('.') {
        Some((stem, own)) if !stem.is_empty() && is_extension(own) => file(stem, Some(own)),
        _ => file(last, extension),
    }
}

fn is_extension(text: &str) -> bool {
    (1..=MAX_EXTENSION_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in title(text).chars() {
        let c = if matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|') { '_' } else { c };
        if plain.len() + c.len_utf8() > MAX_STEM_BYTES {
            break;
        }
        plain.push(c);
    }
    plain.trim_matches(['.', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_a_name() {
        assert_eq!(file("AC/DC: T.N.T.", Some("webm")), "AC_DC_ T.N.T.webm");
        assert_eq!(file("../../etc/passwd", Some("../x")), "_.._etc_passwd");
        assert_eq!(file(" \u{0} ", None), "media");
        assert_eq!(given("../../a.MP3", None), "a.mp3");
        assert_eq!(given("C:\\x\\song", Some("mp3")), "song.mp3");
        assert_eq!(given("", Some("mp3")), "media.mp3");
        assert!(file(&"é".repeat(500), Some("ogg")).len() <= MAX_STEM_BYTES + 4);
    }

    #[test]
    fn a_title_is_one_line() {
        assert_eq!(title(" a\nb\t"), "a b");
        assert_eq!(title(&"x".repeat(1000)).len(), MAX_TITLE_CHARS);
    }
}
