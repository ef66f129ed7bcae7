//! Files at an address.

use std::time::{Duration, Instant};

use reelmill_conformance::source::{Answer, Asked, Origin, song};
use reelmill_core::Obstacle;

use super::bench::{always, get, open, options, told};

fn whole() -> Answer {
    Answer::of("audio/mpeg", song(500_000)).with("etag", "\"v1\"").with("accept-ranges", "bytes")
}

pub(crate) async fn a_file_that_breaks_off_is_resumed_where_it_broke_off() {
    let origin = Origin::start(|asked| match asked.range_start() {
        None => whole().cut_after(200_000),
        Some(start) if start < 400_000 => whole().from(start).cut_after(150_000),
        Some(start) => whole().from(start),
    })
    .await;
    let (fetched, bytes) = get(&open(options(&origin)).await, &origin.url("/a.mp3")).await;
    fetched.unwrap();
    assert!(bytes == song(500_000));
    let ranges: Vec<_> = origin.asked().iter().map(Asked::range_start).collect();
    assert_eq!(ranges, [None, Some(200_000), Some(350_000)]);
    assert!(origin.asked()[1..].iter().all(|asked| asked.header("if-range") == Some("\"v1\"")));
}

pub(crate) async fn a_file_that_changed_meanwhile_is_not_glued_together() {
    let changed = |start: Option<usize>| match start {
        None => whole().cut_after(200_000),
        // If-Range does not hold, so the server begins anew.
        Some(_) => Answer::of("audio/mpeg", song(400_000)).with("etag", "\"v2\""),
    };
    let origin = Origin::start(move |asked| changed(asked.range_start())).await;
    let (outcome, _) = get(&open(options(&origin)).await, &origin.url("/a.mp3")).await;
    assert_eq!(told(outcome).0, Obstacle::Unreachable);
    let origin = Origin::start(|asked| match asked.range_start() {
        None => whole().cut_after(200_000),
        Some(start) => Answer::of("audio/mpeg", song(400_000)).from(start),
    })
    .await;
    let (outcome, _) = get(&open(options(&origin)).await, &origin.url("/a.mp3")).await;
    assert_eq!(told(outcome).0, Obstacle::Unreachable, "another size is another file");
    assert_eq!(origin.asked().len(), 2, "and is not asked for further");
}

pub(crate) async fn a_file_without_a_tag_or_date_is_not_resumed() {
    for answer in [
        Answer::of("audio/mpeg", song(500_000)),
        Answer::of("audio/mpeg", song(500_000)).with("etag", "W/\"weak\""),
    ] {
        let origin = always(answer.cut_after(1000)).await;
        let (outcome, _) = get(&open(options(&origin)).await, &origin.url("/a.mp3")).await;
        assert_eq!(told(outcome).0, Obstacle::Unreachable);
        assert_eq!(origin.asked().len(), 1);
    }
}

pub(crate) async fn a_server_that_cannot_resume_is_asked_again_a_few_times_only() {
    let origin = Origin::start(|asked| match asked.range_start() {
        None => whole().cut_after(1000),
        Some(start) => whole().from(start).cut_after(0),
    })
    .await;
    let (outcome, _) = get(&open(options(&origin)).await, &origin.url("/a.mp3")).await;
    assert_eq!(told(outcome).0, Obstacle::Unreachable);
    assert!((3..10).contains(&origin.asked().len()), "{}", origin.asked().len());
}

pub(crate) async fn a_declared_size_above_the_limit_is_refused_before_a_byte() {
    let origin = always(whole()).await;
    let source = open(reelmill_backends::source::SourceOptions { max_bytes: 499_999, ..options(&origin) });
    let (outcome, bytes) = get(&source.await, &origin.url("/a.mp3")).await;
    let (obstacle, said, _) = told(outcome);
    assert_eq!(obstacle, Obstacle::TooLarge);
    assert!(said.contains("499999") && bytes.is_empty(), "{said}");
}

pub(crate) async fn a_server_that_falls_silent_is_left() {
    let answer = Answer::of("audio/mpeg", song(500_000)).cut_after(100_000).hanging();
    let origin = always(answer).await;
    let mut options = options(&origin);
    options.idle_timeout = Duration::from_millis(300);
    let began = Instant::now();
    let (outcome, _) = get(&open(options).await, &origin.url("/a.mp3")).await;
    assert_eq!(told(outcome).0, Obstacle::Unreachable);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

pub(crate) async fn a_download_that_takes_too_long_is_ended() {
    let origin = always(whole().cut_after(100_000).hanging()).await;
    let mut options = options(&origin);
    options.fetch_timeout = Duration::from_millis(300);
    options.idle_timeout = Duration::from_mins(1);
    let began = Instant::now();
    let (outcome, _) = get(&open(options).await, &origin.url("/a.mp3")).await;
    let (obstacle, said, _) = told(outcome);
    assert!(obstacle == Obstacle::Unreachable && said.contains("longer"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

pub(crate) async fn each_status_is_told_as_what_it_means() {
    for (status, expected) in [
        (404, Obstacle::NotFound),
        (410, Obstacle::NotFound),
        (451, Obstacle::GeoBlocked),
        (429, Obstacle::RateLimited),
        (500, Obstacle::Unreachable),
        (503, Obstacle::Unreachable),
        (400, Obstacle::Unsupported),
        (401, Obstacle::Private),
        (403, Obstacle::Private),
    ] {
        let origin = always(Answer::status(status).with("retry-after", "7")).await;
        let (outcome, _) = get(&open(options(&origin)).await, &origin.url("/a.mp3")).await;
        let (obstacle, said, retry_after_ms) = told(outcome);
        assert_eq!(obstacle, expected, "{status}: {said}");
        assert_eq!(retry_after_ms, (status == 429).then_some(7000), "{status}");
    }
    let origin = always(Answer::status(200)).await;
    let url = origin.url("/a.mp3");
    let options = options(&origin);
    drop(origin);
    assert_eq!(told(get(&open(options).await, &url).await.0).0, Obstacle::Unreachable, "nobody there");
}

pub(crate) async fn a_few_redirects_are_followed_and_no_more() {
    let origin = Origin::start(|asked| {
        let left: u32 = asked.target.trim_start_matches('/').parse().unwrap();
        if left == 0 { whole() } else { Answer::to(&format!("/{}", left - 1)) }
    })
    .await;
    let source = open(options(&origin)).await;
    let (fetched, bytes) = get(&source, &origin.url("/5")).await;
    fetched.unwrap();
    assert!(bytes == song(500_000));
    assert_eq!(told(get(&source, &origin.url("/6")).await.0).0, Obstacle::Unsupported);
}

pub(crate) async fn redirects_to_other_than_web_addresses_are_refused() {
    for to in ["file:///etc/passwd", "ftp://127.0.0.2/a.mp3", "http://user:password@127.0.0.2/"] {
        let origin = always(Answer::to(to)).await;
        let (outcome, bytes) = get(&open(options(&origin)).await, &origin.url("/a.mp3")).await;
        assert_eq!(told(outcome).0, Obstacle::Unsupported, "{to}");
        assert!(bytes.is_empty());
    }
}

pub(crate) async fn media_that_comes_compressed_is_refused() {
    let origin = always(whole().with("content-encoding", "gzip")).await;
    let (outcome, bytes) = get(&open(options(&origin)).await, &origin.url("/a.mp3")).await;
    assert_eq!(told(outcome).0, Obstacle::Unsupported);
    assert!(bytes.is_empty());
    assert_eq!(origin.asked()[0].header("accept-encoding"), Some("identity"));
}

pub(crate) async fn what_is_neither_media_nor_page_is_unsupported() {
    let origin = always(Answer::of("image/jpeg", &b"\xff\xd8\xff\xe0"[..])).await;
    let (outcome, _) = get(&open(options(&origin)).await, &origin.url("/a.mp3")).await;
    assert_eq!(told(outcome).0, Obstacle::Unsupported);
}

pub(crate) async fn the_name_is_the_servers_else_the_addresss() {
    for (path, disposition, expected) in [
        ("/x", Some("attachment; filename*=UTF-8''%e2%82%ac%20rates.mp3"), "€ rates.mp3"),
        ("/x", Some("attachment; filename=\"../../up.mp3\""), "up.mp3"),
        ("/dir/a%20song.mp3?x=1", None, "a song.mp3"),
        ("/", None, "media.mp3"),
    ] {
        let answer = whole();
        let answer = match disposition {
            Some(disposition) => answer.with("content-disposition", disposition),
            None => answer,
        };
        let origin = always(answer).await;
        let (fetched, _) = get(&open(options(&origin)).await, &origin.url(path)).await;
        assert_eq!(fetched.unwrap().name, expected);
    }
}

pub(crate) async fn metadata_services_are_never_reached_whatever_is_listed() {
    let origin = always(Answer::to("http://169.254.169.254/latest/meta-data/")).await;
    let mut options = options(&origin);
    options.allow_hosts.extend(["169.254.169.254", "169.254.0.0/16", "0.0.0.0/0"].map(str::to_owned));
    let source = open(options).await;
    assert_eq!(told(get(&source, &origin.url("/a.mp3")).await.0).0, Obstacle::Forbidden);
    let straight = "http://169.254.169.254/latest/meta-data/";
    assert_eq!(told(get(&source, straight).await.0).0, Obstacle::Forbidden);
}
