//! YouTube's API, by the answers that it documents.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reelmill_backends::source::SourceOptions;
use reelmill_conformance::source::{Answer, Asked, Origin};
use reelmill_core::{Found, Obstacle, Platform};

use super::bench::{always, open, options, told};

const KEY: &str = "AIza-very/secret+key";
const ID: &str = "dQw4w9WgXcQ";

fn with_key(origin: &Origin) -> SourceOptions {
    SourceOptions {
        youtube_api_key: Some(KEY.into()),
        youtube_api_base: origin.url("/youtube/v3"),
        allow_hosts: Vec::new(),
        ..options(origin)
    }
}

fn json(text: impl Into<String>) -> Answer {
    Answer::of("application/json; charset=UTF-8", text.into())
}

fn video(broadcast: &str, duration: &str) -> String {
    format!(
        r#"{{"kind":"youtube#videoListResponse","etag":"x","items":[{{"kind":"youtube#video","id":"{ID}",
        "snippet":{{"publishedAt":"2009-10-25T06:57:33Z","title":"A song \u00e9","description":"long",
        "thumbnails":{{"default":{{"url":"https://i.ytimg.com/vi/x/default.jpg","width":120,"height":90}},
        "high":{{"url":"https://i.ytimg.com/vi/x/hqdefault.jpg","width":480,"height":360}}}},
        "liveBroadcastContent":"{broadcast}"}},
        "contentDetails":{{"duration":"{duration}","dimension":"2d","definition":"hd"}}}}],
        "pageInfo":{{"totalResults":1,"resultsPerPage":1}}}}"#
    )
}

fn search(id: &str) -> String {
    format!(
        r#"{{"kind":"youtube#searchListResponse","regionCode":"DE","pageInfo":{{"totalResults":1000000,"resultsPerPage":1}},
        "items":[{{"kind":"youtube#searchResult","etag":"y","id":{{"kind":"youtube#video","videoId":"{id}"}}}}]}}"#
    )
}

fn error(code: u16, reason: &str, message: &str) -> Answer {
    let body = format!(
        r#"{{"error":{{"code":{code},"message":"{message}","errors":[{{"message":"{message}","domain":"youtube.x","reason":"{reason}"}}]}}}}"#
    );
    json(body).with_status(code)
}

fn api(asked: &Asked) -> Answer {
    if asked.target.starts_with("/youtube/v3/search?") {
        json(search(ID))
    } else {
        json(video("none", "PT3M33S"))
    }
}

fn a_song() -> Found {
    Found {
        platform: Platform::Youtube,
        id: ID.into(),
        url: format!("https://www.youtube.com/watch?v={ID}"),
        title: Some("A song é".into()),
        duration_ms: Some(213_000),
        thumbnail_url: Some("https://i.ytimg.com/vi/x/hqdefault.jpg".into()),
    }
}

pub(crate) async fn a_title_is_searched_and_then_looked_up_as_documented() {
    let origin = Origin::start(api).await;
    let source = open(with_key(&origin)).await;
    assert_eq!(source.find("never gonna & give").await.unwrap(), a_song());
    let asked: Vec<_> = origin.asked().into_iter().map(|asked| (asked.method, asked.target)).collect();
    let key = "AIza-very%2Fsecret%2Bkey";
    assert_eq!(
        asked,
        [
            (
                "GET".to_owned(),
                format!(
                    "/youtube/v3/search?part=id&q=never+gonna+%26+give&type=video&maxResults=1&key={key}"
                )
            ),
            ("GET".to_owned(), format!("/youtube/v3/videos?part=snippet%2CcontentDetails&id={ID}&key={key}")),
        ]
    );
}

pub(crate) async fn an_address_is_looked_up_at_once() {
    let origin = Origin::start(api).await;
    let source = open(with_key(&origin)).await;
    let url = format!("https://music.youtube.com/watch?v={ID}&list=PL1");
    assert_eq!(source.find(&url).await.unwrap(), a_song());
    assert_eq!(origin.asked().len(), 1);
}

pub(crate) async fn nothing_found_is_not_found() {
    let origin = always(json(r#"{"kind":"youtube#searchListResponse","items":[]}"#)).await;
    let source = open(with_key(&origin)).await;
    let (obstacle, said, _) = told(source.find("no such song").await);
    assert!(obstacle == Obstacle::NotFound && said.contains("`no such song`"), "{said}");
    let (obstacle, _, _) = told(source.find(&format!("https://youtu.be/{ID}")).await);
    assert_eq!(obstacle, Obstacle::NotFound);
}

pub(crate) async fn what_is_on_air_or_too_long_is_refused() {
    for (broadcast, duration, expected) in [
        ("live", "P0D", Obstacle::Live),
        ("upcoming", "P0D", Obstacle::Live),
        ("none", "PT3H1S", Obstacle::TooLong),
        ("none", "P1DT0S", Obstacle::TooLong),
    ] {
        let origin = always(json(video(broadcast, duration))).await;
        let source = open(with_key(&origin)).await;
        let (obstacle, said, _) = told(source.find(&format!("https://youtu.be/{ID}")).await);
        assert_eq!(obstacle, expected, "{said}");
    }
    let origin = always(json(video("none", "PT3H"))).await;
    let source = open(with_key(&origin)).await;
    assert!(source.find(&format!("https://youtu.be/{ID}")).await.is_ok(), "exactly the limit");
}

pub(crate) async fn each_error_is_told_as_what_it_means_and_never_holds_the_key() {
    let invalid = format!("API key not valid. Please pass a valid API key: {KEY}.");
    for (code, reason, message, expected) in [
        (403, "quotaExceeded", "The request cannot be completed", Obstacle::Quota),
        (403, "dailyLimitExceeded", "Daily Limit Exceeded", Obstacle::Quota),
        (400, "keyInvalid", "Bad Request", Obstacle::BadKey),
        (400, "badRequest", &invalid, Obstacle::BadKey),
        (403, "accessNotConfigured", "has not been used in project", Obstacle::BadKey),
        (403, "ipRefererBlocked", "The request did not specify any referer", Obstacle::BadKey),
        (403, "rateLimitExceeded", "Rate Limit Exceeded", Obstacle::RateLimited),
        (403, "userRateLimitExceeded", "User Rate Limit Exceeded", Obstacle::RateLimited),
        (429, "rateLimitExceeded", "Quota exceeded for quota metric", Obstacle::RateLimited),
        (429, "rateLimitExceeded", "limit 'Search Queries per day' of service", Obstacle::Quota),
        (404, "videoNotFound", "gone", Obstacle::NotFound),
        (500, "backendError", "Backend Error", Obstacle::Unreachable),
        (503, "backendError", "Service Unavailable", Obstacle::Unreachable),
        (400, "invalidParameter", "x", Obstacle::Unreachable),
    ] {
        let origin = always(error(code, reason, message).with("retry-after", "30")).await;
        let source = open(with_key(&origin)).await;
        let outcome = source.find("a song").await;
        let shown = format!("{outcome:?} {}", outcome.as_ref().unwrap_err());
        assert!(!shown.contains("AIza") && !shown.contains("very"), "{shown}");
        let (obstacle, said, retry_after_ms) = told(outcome);
        assert_eq!(obstacle, expected, "{code} {reason}: {said}");
        assert_eq!(retry_after_ms, (expected == Obstacle::RateLimited).then_some(30_000), "{reason}");
    }
}

pub(crate) async fn a_silent_api_is_given_up() {
    let origin = always(json(video("none", "PT1S")).cut_after(3).hanging()).await;
    let source = open(with_key(&origin)).await;
    let began = Instant::now();
    assert_eq!(told(source.find("a song").await).0, Obstacle::Unreachable);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let nobody = with_key(&origin);
    drop(origin);
    let outcome = open(nobody).await.find("a song").await;
    let shown = format!("{outcome:?} {}", outcome.as_ref().unwrap_err());
    assert!(!shown.contains("AIza") && !shown.contains("key="), "{shown}");
    assert_eq!(told(outcome).0, Obstacle::Unreachable);
}

pub(crate) async fn an_api_that_redirects_or_babbles_gets_no_further() {
    let within = always(json("{}")).await;
    for answer in [
        Answer::to(&within.url("/")),
        json("<html>"),
        json("x".repeat(2 * 1024 * 1024)),
        json("x".repeat(4096)).endless(),
    ] {
        let origin = always(answer).await;
        let outcome = open(with_key(&origin)).await.find("a song").await;
        assert_eq!(told(outcome).0, Obstacle::Unreachable);
    }
    assert!(within.asked().is_empty(), "the key is sent nowhere else");
}

pub(crate) async fn no_log_line_holds_the_key() {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || sink.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let origin = Origin::start(api).await;
    open(with_key(&origin)).await.find("a song").await.unwrap();
    let failing = always(error(403, "quotaExceeded", KEY)).await;
    open(with_key(&failing)).await.find("a song").await.unwrap_err();
    let nobody = with_key(&origin);
    drop(origin);
    open(nobody).await.find("a song").await.unwrap_err();
    let lines = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!lines.is_empty(), "the client says something at this level");
    assert!(!lines.contains("AIza") && !lines.contains("secret"), "{lines}");
}

pub(crate) async fn a_hundred_wishes_for_twenty_songs_are_twenty_searches() {
    let origin = Origin::start(|asked| {
        // Long enough for everybody to have asked.
        std::thread::sleep(Duration::from_millis(20));
        api(asked)
    })
    .await;
    let mut options = with_key(&origin);
    options.api_timeout = Duration::from_secs(30);
    let source = open(options).await;
    let finding = (0..100).map(|number| {
        let source = Arc::clone(&source);
        async move { source.find(&format!("song {}", number % 20)).await }
    });
    for found in futures_util::future::join_all(finding).await {
        assert_eq!(found.unwrap(), a_song());
    }
    let searches = origin.asked().iter().filter(|asked| asked.target.contains("/search?")).count();
    assert_eq!(searches, 20);
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
