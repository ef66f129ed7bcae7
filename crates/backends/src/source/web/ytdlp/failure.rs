//! What yt-dlp's errors mean.
//!
//! Its messages quote pages, so none of them is passed on: each of them becomes a sentence of ours, and the log gets
//! the original. The first row that fits counts: a message may say several things at once ("sign in to confirm that you
//! are not a bot … use cookies").

use std::time::Duration;

use reelmill_core::Obstacle;

use crate::source::web::trouble::Trouble;

/// A row: what a message holds in lower case, and what that means.
type Row = (&'static [&'static str], Obstacle, &'static str);

const ROWS: [Row; 14] = [
    (
        &["unable to connect to proxy", "tunnel connection failed"],
        Obstacle::Unreachable,
        "the source cannot be reached",
    ),
    (
        &["rate-limited", "rate limited", "http error 429", "too many requests", "try again later"],
        Obstacle::RateLimited,
        "the source was asked too often; it will answer again later",
    ),
    (
        &["not a bot", "captcha", "unusual traffic", "confirm you are human"],
        Obstacle::BotCheck,
        "the source wants a proof that a person asks; the operator can give cookies of a browser",
    ),
    (
        &[
            "confirm your age",
            "age-restricted",
            "age restricted",
            "age-gated",
            "inappropriate for some users",
        ],
        Obstacle::AgeRestricted,
        "the source shows this to grown-ups who signed in only",
    ),
    (
        &[
            "private video",
            "video is private",
            "this content is private",
            "members-only",
            "channel's members",
            "join this channel",
            "requires payment",
            "requires purchase",
            "music premium",
            "registered users",
            "login required",
            "log in",
            "need to be logged",
            "subscribers",
        ],
        Obstacle::Private,
        "its owner keeps it private, or gives it to members and buyers only",
    ),
    (
        &[
            "in your country",
            "in your region",
            "from your location",
            "geo restrict",
            "geo-restrict",
            "geo_restrict",
        ],
        Obstacle::GeoBlocked,
        "the source does not show this in the country of this server",
    ),
    (
        &[
            "live event will begin",
            "premieres in",
            "premiere will begin",
            "live stream",
            "is live",
            "livestream",
        ],
        Obstacle::Live,
        "it is a live stream; what is still on air cannot be fetched",
    ),
    (&["drm"], Obstacle::Unsupported, "it is protected against copying, so it cannot be fetched"),
    (
        &[
            "unsupported url",
            "is not a valid url",
            "no suitable extractor",
            "piracy",
            "no video formats found",
            "requested format is not available",
            "no media found",
            "no video could be found",
            "nothing to download",
        ],
        Obstacle::Unsupported,
        "there is no media at this address that can be fetched",
    ),
    (
        &[
            "has been removed",
            "was removed",
            "no longer available",
            "has been terminated",
            "been deleted",
            "account associated with this video",
            "http error 404",
            "http error 410",
            "does not exist",
        ],
        Obstacle::Removed,
        "it is not there any more",
    ),
    (&["not through the proxy"], Obstacle::Forbidden, "the address leads to where nothing is fetched from"),
    (
        &["video unavailable", "isn't available", "is not available", "is unavailable"],
        Obstacle::Removed,
        "the source says that it is not available",
    ),
    (&["http error 451"], Obstacle::GeoBlocked, "the source may not show this, for legal reasons"),
    (
        &["please report this issue", "unable to extract", "failed to extract", "signature", "nsig"],
        Obstacle::Unreachable,
        "yt-dlp does not understand the source's page; a newer one may (`reelmill sources update`)",
    ),
];

/// What is told where no row fits.
const OTHERWISE: &str = "the source cannot be reached, or broke off";

/// What a message of yt-dlp's means.
pub(super) fn read(message: &str) -> Trouble {
    // Warnings tell of what yt-dlp could do without, such as the ffmpeg that it is not given.
    let errors: Vec<&str> = message.lines().filter(|line| !line.starts_with("WARNING:")).collect();
    let message = errors.join("\n").replace('’', "'").to_lowercase();
    let row = ROWS.iter().find(|(words, _, _)| words.iter().any(|word| message.contains(word)));
    let Some((_, obstacle, sentence)) = row else { return Trouble::new(Obstacle::Unreachable, OTHERWISE) };
    let wait = (*obstacle == Obstacle::RateLimited).then(|| wait(&message)).flatten();
    Trouble::Told {
        obstacle: *obstacle,
        message: (*sentence).to_owned(),
        retry_after_ms: wait.and_then(|wait| u64::try_from(wait.as_millis()).ok()),
    }
}

/// The span in a message such as "for up to an hour" or "try again in 5 minutes".
fn wait(message: &str) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_hours(24);
    let words: Vec<&str> =
        message.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.windows(2).find_map(|pair| {
        let count = match pair[0] {
            "a" | "an" | "one" => 1,
            number => number.parse::<u64>().ok()?,
        };
        let seconds = match pair[1].trim_end_matches('s') {
            "second" | "sec" => 1,
            "minute" | "min" => 60,
            "hour" => 3600,
            "day" => 86_400,
            _ => return None,
        };
        Some(Duration::from_secs(count.checked_mul(seconds)?).min(LONGEST))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_has_its_obstacle() {
        for (message, expected) in [
            (
                "ERROR: [youtube] x: Private video. Sign in if you've been granted access to this video. Use --cookies",
                Obstacle::Private,
            ),
            (
                "ERROR: [youtube] x: Join this channel to get access to members-only content like this video",
                Obstacle::Private,
            ),
            ("ERROR: [youtube] x: This video requires payment to watch", Obstacle::Private),
            (
                "WARNING: ffmpeg-location /nowhere does not exist! Continuing without ffmpeg\nERROR: Unable to download",
                Obstacle::Unreachable,
            ),
            (
                "ERROR: [youtube] x: Unable to connect to proxy; please report this issue on  its tracker",
                Obstacle::Unreachable,
            ),
            (
                "ERROR: [vimeo] x: This video is only available for registered users. Use --cookies",
                Obstacle::Private,
            ),
            (
                "ERROR: [youtube] x: Sign in to confirm your age. This video may be inappropriate for some users.",
                Obstacle::AgeRestricted,
            ),
            (
                "ERROR: [youtube] x: Sign in to confirm you’re not a bot. Use --cookies-from-browser or --cookies",
                Obstacle::BotCheck,
            ),
            (
                "ERROR: [youtube] x: The uploader has not made this video available in your country",
                Obstacle::GeoBlocked,
            ),
            (
                "ERROR: [x] x: This video is not available from your location due to geo restriction",
                Obstacle::GeoBlocked,
            ),
            (
                "ERROR: [youtube] x: Video unavailable. This video has been removed by the uploader",
                Obstacle::Removed,
            ),
            (
                "ERROR: [youtube] x: Video unavailable. This video is no longer available because the YouTube account associated with this video has been terminated.",
                Obstacle::Removed,
            ),
            ("ERROR: [youtube] x: Video unavailable", Obstacle::Removed),
            ("ERROR: [generic] Unable to download webpage: HTTP Error 404: Not Found", Obstacle::Removed),
            ("ERROR: [youtube] x: This live event will begin in 3 hours.", Obstacle::Live),
            ("ERROR: [youtube] x: Premieres in 5 minutes", Obstacle::Live),
            ("ERROR: [x] x: This video is DRM protected", Obstacle::Unsupported),
            ("ERROR: Unsupported URL: https://example.org/", Obstacle::Unsupported),
            ("ERROR: [x] x: Requested format is not available. Use --list-formats", Obstacle::Unsupported),
            (
                "ERROR: unable to download video data: HTTP Error 429: Too Many Requests",
                Obstacle::RateLimited,
            ),
            (
                "ERROR: [generic] Unable to download webpage: [Errno 111] Connection refused",
                Obstacle::Unreachable,
            ),
            (
                "ERROR: [generic] Unable to download webpage: HTTP Error 503: Service Unavailable",
                Obstacle::Unreachable,
            ),
            ("ERROR: unable to download video data: <urlopen error timed out>", Obstacle::Unreachable),
            ("ERROR: [x] Unable to extract title; please report this issue on …", Obstacle::Unreachable),
            ("", Obstacle::Unreachable),
        ] {
            let Trouble::Told { obstacle, message: said, .. } = read(message) else { panic!("{message}") };
            assert_eq!(obstacle, expected, "{message}");
            assert!(!said.contains("ERROR") && !said.is_empty());
        }
    }

    #[test]
    fn a_rate_limit_is_over_when_the_source_says_so() {
        let said = "This content isn't available, try again later. Your session has been rate-limited by YouTube for up to an hour.";
        let Trouble::Told { retry_after_ms, obstacle, .. } = read(said) else { panic!() };
        assert_eq!((obstacle, retry_after_ms), (Obstacle::RateLimited, Some(3_600_000)));
        for (said, seconds) in [
            ("rate-limited: try again in 5 minutes", Some(300)),
            ("HTTP Error 429: retry after 30 seconds", Some(30)),
            ("too many requests, come back in 99999999999999999 days", None),
            ("too many requests, come back in 99 days", Some(86_400)),
            ("HTTP Error 429: Too Many Requests", None),
        ] {
            let Trouble::Told { retry_after_ms, .. } = read(said) else { panic!() };
            assert_eq!(retry_after_ms, seconds.map(|seconds: u64| seconds * 1000), "{said}");
        }
    }
}
