//! What somebody wishes: a title, a video of YouTube's, or another address.
//!
//! A video's address has many forms and one id. Everything after this file works with the id alone, so nothing else of
//! such an address reaches anybody.

use reelmill_core::Obstacle;
use url::Url;

use super::trouble::Trouble;

/// Longer than any address that works everywhere.
const MAX_WISH_BYTES: usize = 4096;
/// YouTube's ids all have this length.
const VIDEO_ID_LENGTH: usize = 11;
/// Names under which YouTube shows a video, without `www.`.
const YOUTUBE_HOSTS: [&str; 5] =
    ["youtube.com", "m.youtube.com", "music.youtube.com", "youtube-nocookie.com", "gaming.youtube.com"];
/// First parts of a path that a video's id follows.
const BEFORE_AN_ID: [&str; 5] = ["shorts", "live", "embed", "v", "e"];

/// What is wished.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Wish {
    /// Words to search for.
    Title(String),
    /// A video of YouTube's, by its id.
    Youtube(String),
    /// Anything else, without a fragment.
    Address(Url),
}

impl Wish {
    /// Understands what was typed.
    pub(super) fn read(text: &str) -> Result<Self, Trouble> {
        let unsupported = |why: &str| Err(Trouble::new(Obstacle::Unsupported, why));
        let text = text.trim();
        if text.is_empty() {
            return unsupported("there is no title and no address");
        }
        if text.len() > MAX_WISH_BYTES || text.chars().any(char::is_control) {
            return unsupported("this is neither a title nor an address");
        }
        let Some(url) = address(text) else { return Ok(Self::Title(text.to_owned())) };
        let Ok(mut url) = url else { return unsupported("the address cannot be read") };
        if !matches!(url.scheme(), "http" | "https") {
            return unsupported("only addresses that begin with http:// or https:// are fetched");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return unsupported("an address with a user name or password in it is not fetched");
        }
        // yt-dlp reads instructions of its own from fragments, the proxy to be used among them.
        url.set_fragment(None);
        match youtube(&url)? {
            Some(id) => Ok(Self::Youtube(id)),
            None => Ok(Self::Address(url)),
        }
    }
}

/// The address in `text`, if it is meant as one; a title may hold colons and dots.
fn address(text: &str) -> Option<Result<Url, url::ParseError>> {
    if text.contains(char::is_whitespace) && !text.contains("://") {
        return None;
    }
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    if let Some(scheme) = scheme
        && (text.contains("://") && is_scheme(&scheme)
            || matches!(scheme.as_str(), "http" | "https" | "file" | "ftp" | "data" | "javascript"))
    {
        return Some(Url::parse(text));
    }
    let host = text.split(['/', '?']).next().unwrap_or_default().to_ascii_lowercase();
    let is_known = host == "youtu.be" || YOUTUBE_HOSTS.contains(&host.strip_prefix("www.").unwrap_or(&host));
    is_known.then(|| Url::parse(&format!("https://{text}")))
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// The id of the video that an address of YouTube's shows; `None` for an address of somebody else's.
fn youtube(url: &Url) -> Result<Option<String>, Trouble> {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let host = host.strip_prefix("www.").unwrap_or(host);
    let mut path = url.path_segments().into_iter().flatten().filter(|part| !part.is_empty());
    let first = path.next();
    if host == "youtu.be" {
        return video_id(first.unwrap_or_default()).map(Some);
    }
    if !YOUTUBE_HOSTS.contains(&host) {
        return Ok(None);
    }
    let query = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value);
    if let Some(id) = query("v") {
        return video_id(&id).map(Some);
    }
    match (first, path.next()) {
        (Some("playlist"), _) | (Some("embed"), Some("videoseries")) => {
            Err(Trouble::new(Obstacle::Playlist, "this is the address of a playlist; give one of its videos"))
        }
        (Some(first), Some(id)) if BEFORE_AN_ID.contains(&first) => video_id(id).map(Some),
        (Some("watch"), _) if query("list").is_some() => {
            Err(Trouble::new(Obstacle::Playlist, "this is the address of a playlist; give one of its videos"))
        }
        _ => Err(Trouble::new(
            Obstacle::Unsupported,
            "this page of YouTube's is no video; give a video's address, or its title",
        )),
    }
}

fn video_id(text: &str) -> Result<String, Trouble> {
    let is_id = text.len() == VIDEO_ID_LENGTH
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_id {
        return Ok(text.to_owned());
    }
    Err(Trouble::new(Obstacle::Unsupported, "the address holds no video id that YouTube could have given"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obstacle(text: &str) -> Obstacle {
        match Wish::read(text).unwrap_err() {
            Trouble::Told { obstacle, .. } => obstacle,
            Trouble::Internal(said) => panic!("{said}"),
        }
    }

    #[test]
    fn every_form_of_a_videos_address_is_the_same_video() {
        for form in [
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
            "http://youtube.com/watch?v=dQw4w9WgXcQ",
            "https://www.youtube.com/watch?app=desktop&v=dQw4w9WgXcQ&list=PL123&t=10s#comments",
            "https://youtu.be/dQw4w9WgXcQ",
            "https://youtu.be/dQw4w9WgXcQ?si=abc&t=3",
            "https://www.youtube.com/shorts/dQw4w9WgXcQ",
            "https://youtube.com/live/dQw4w9WgXcQ?feature=share",
            "https://www.youtube.com/embed/dQw4w9WgXcQ?start=3",
            "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ",
            "https://music.youtube.com/watch?v=dQw4w9WgXcQ&si=x",
            "https://m.youtube.com/watch?v=dQw4w9WgXcQ",
            "https://www.youtube.com/v/dQw4w9WgXcQ",
            "HTTPS://WWW.YOUTUBE.COM/watch?v=dQw4w9WgXcQ",
            "  https://youtu.be/dQw4w9WgXcQ  ",
            "youtu.be/dQw4w9WgXcQ",
            "www.youtube.com/watch?v=dQw4w9WgXcQ",
        ] {
            assert_eq!(Wish::read(form), Ok(Wish::Youtube("dQw4w9WgXcQ".into())), "{form}");
        }
    }

    #[test]
    fn playlists_are_refused_by_name() {
        for form in [
            "https://www.youtube.com/playlist?list=PL0123456789",
            "https://music.youtube.com/playlist?list=OLAK5uy",
            "https://www.youtube.com/embed/videoseries?list=PL0123456789",
            "https://www.youtube.com/watch?list=PL0123456789",
        ] {
            assert_eq!(obstacle(form), Obstacle::Playlist, "{form}");
        }
    }

    #[test]
    fn what_is_no_video_and_no_address_to_be_fetched_is_refused() {
        for form in [
            "https://www.youtube.com/@somebody",
            "https://www.youtube.com/channel/UC123",
            "https://www.youtube.com/",
            "https://www.youtube.com/watch?v=tooshort",
            "https://youtu.be/dQw4w9WgXc%51",
            "https://youtu.be/--exec=rm-x-",
            "ftp://example.org/a.mp3",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:audio/mpeg,abc",
            "gopher://127.0.0.1:6379/_x",
            "http://user:secret@example.org/a.mp3",
            "https://user@example.org/a.mp3",
            "http://",
            "http://[::1",
            "",
            "   ",
            "a\nb",
        ] {
            assert_eq!(obstacle(form), Obstacle::Unsupported, "{form}");
        }
    }

    #[test]
    fn titles_stay_titles_whatever_they_look_like() {
        for title in [
            "never gonna give you up",
            "--exec rm",
            "-v",
            "AC/DC: T.N.T.",
            "re:zero opening",
            "S.O.S.",
            "what is http://",
            "ytsearch10:many",
        ] {
            assert_eq!(Wish::read(title), Ok(Wish::Title(title.into())));
        }
    }

    #[test]
    fn another_address_keeps_its_query_and_loses_its_fragment() {
        let read = Wish::read("https://example.org/a%20b?x=1#__youtubedl_smuggle=%7B%7D").unwrap();
        assert_eq!(read, Wish::Address(Url::parse("https://example.org/a%20b?x=1").unwrap()));
    }

    #[test]
    fn hosts_that_only_look_like_youtube_are_somebody_elses() {
        for form in
            ["https://youtube.com.evil.example/watch?v=dQw4w9WgXcQ", "https://notyoutube.com/shorts/x"]
        {
            assert!(matches!(Wish::read(form), Ok(Wish::Address(_))), "{form}");
        }
    }
}
