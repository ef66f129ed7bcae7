//! The real yt-dlp, against pages of the test's own.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reelmill_backends::source::{FoundIn, SourceOptions, inventory};
use reelmill_conformance::source::{Answer, Asked, Origin, Output, fetch, song};
use reelmill_core::ports::{Source, SourceError};
use reelmill_core::{Format, Obstacle};

use super::bench::{always, get, open, options, page, told};
use super::{processes, real_ytdlp};

fn with_ytdlp(origin: &Origin) -> SourceOptions {
    SourceOptions { ytdlp: real_ytdlp(), idle_timeout: Duration::from_secs(20), ..options(origin) }
}

async fn source(origin: &Origin) -> Arc<dyn Source> {
    open(with_ytdlp(origin)).await
}

/// A server whose pages show what is at `to`, whose media are whole, and where `/away` leads to `to`.
async fn pages(to: String) -> Origin {
    Origin::start(move |asked: &Asked| match asked.target.as_str() {
        "/page" => page(&format!("<audio src=\"{to}\" type=\"audio/mpeg\"></audio>")),
        "/redirecting" => page("<audio src=\"/away\" type=\"audio/mpeg\"></audio>"),
        "/away" => Answer::to(&to),
        "/song.mp3" => Answer::of("audio/mpeg", song(2_000_000)),
        _ => Answer::status(404),
    })
    .await
}

async fn within() -> Origin {
    Origin::at([127, 0, 0, 2].into(), |_: &Asked| Answer::of("audio/mpeg", song(1000))).await
}

pub(crate) async fn it_is_found_and_will_do() {
    let origin = always(Answer::status(404)).await;
    let options = with_ytdlp(&origin);
    let found = inventory(&options).await.ytdlp.unwrap();
    assert_eq!(found.found_in, FoundIn::Configuration);
    assert!(found.version.starts_with("20"), "{found:?}");
    open(options).await.check().await.unwrap();
}

pub(crate) async fn media_on_a_page_come_byte_by_byte() {
    let origin = pages("/song.mp3".into()).await;
    let source = source(&origin).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let mut fetch = fetch(source.find(&origin.url("/page")).await.unwrap());
    fetch.wanted = Format::Dca;
    fetch.progress = Arc::new(move |done| sink.lock().unwrap().push(done));
    let mut output = Output::default();
    let fetched = source.fetch(fetch, &mut output).await.unwrap();
    assert!(output.bytes == song(2_000_000));
    assert!(fetched.found.title.as_deref().is_some_and(|title| title.starts_with("A page")), "{fetched:?}");
    assert_eq!(fetched.name.rsplit('.').next(), Some("mp3"), "{}", fetched.name);
    let seen = seen.lock().unwrap();
    assert!(seen.is_sorted() && seen.last().is_some_and(|last| *last >= 1.0), "{seen:?}");
}

async fn breaking(resumes: bool) -> Origin {
    Origin::start(move |asked| match (asked.target.as_str(), asked.range_start()) {
        ("/page", _) => page("<audio src=\"/song.mp3\" type=\"audio/mpeg\"></audio>"),
        (_, Some(start)) if start > 0 && resumes => Answer::of("audio/mpeg", song(2_000_000)).from(start),
        (_, Some(start)) if start > 0 => Answer::of("audio/mpeg", song(2_000_000)),
        _ => Answer::of("audio/mpeg", song(2_000_000)).cut_after(700_000),
    })
    .await
}

pub(crate) async fn media_that_break_off_are_resumed() {
    let origin = breaking(true).await;
    let (fetched, bytes) = get(&source(&origin).await, &origin.url("/page")).await;
    fetched.unwrap();
    assert!(bytes == song(2_000_000));
}

pub(crate) async fn media_that_cannot_be_resumed_are_no_success() {
    let origin = breaking(false).await;
    let (outcome, _) = get(&source(&origin).await, &origin.url("/page")).await;
    assert_eq!(told(outcome).0, Obstacle::Unreachable);
}

/// An HLS list of two pieces, the second of which lies at `second`.
async fn hls(second: String) -> Origin {
    Origin::start(move |asked: &Asked| match asked.target.as_str() {
        "/list.m3u8" => Answer::of(
            "application/vnd.apple.mpegurl",
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:5,\n/1.ts\n#EXTINF:5,\n{second}\n#EXT-X-ENDLIST\n"),
        ),
        "/1.ts" => Answer::of("video/mp2t", vec![1; 50_000]),
        "/2.ts" => Answer::of("video/mp2t", vec![2; 60_000]),
        _ => Answer::status(404),
    })
    .await
}

pub(crate) async fn a_list_of_pieces_is_joined() {
    let origin = hls("/2.ts".into()).await;
    let (fetched, bytes) = get(&source(&origin).await, &origin.url("/list.m3u8")).await;
    fetched.unwrap();
    assert!(bytes == [vec![1; 50_000], vec![2; 60_000]].concat(), "{}", bytes.len());
    let origin = hls("/gone.ts".into()).await;
    let (outcome, _) = get(&source(&origin).await, &origin.url("/list.m3u8")).await;
    assert!(outcome.is_err(), "a list with a hole is no success");
}

pub(crate) async fn a_page_whose_media_lie_within_is_forbidden() {
    let within = within().await;
    // Over TLS, it is CONNECT that is refused.
    for link in [within.url("/song.mp3"), within.url("/song.mp3").replace("http:", "https:")] {
        let origin = pages(link).await;
        let (outcome, bytes) = get(&source(&origin).await, &origin.url("/page")).await;
        assert_eq!(told(outcome).0, Obstacle::Forbidden);
        assert!(bytes.is_empty() && within.asked().is_empty());
        assert!(!origin.asked().is_empty(), "the page was read");
    }
}

pub(crate) async fn a_page_whose_media_are_redirected_within_is_forbidden() {
    let within = within().await;
    let origin = pages(within.url("/song.mp3")).await;
    let (outcome, bytes) = get(&source(&origin).await, &origin.url("/redirecting")).await;
    assert_eq!(told(outcome).0, Obstacle::Forbidden);
    assert!(bytes.is_empty() && within.asked().is_empty());
    assert!(origin.asked().iter().any(|asked| asked.target == "/away"), "the redirect was reached");
}

pub(crate) async fn a_list_with_a_piece_within_is_forbidden() {
    let within = within().await;
    let origin = hls(within.url("/2.ts")).await;
    let (outcome, _) = get(&source(&origin).await, &origin.url("/list.m3u8")).await;
    assert_eq!(told(outcome).0, Obstacle::Forbidden);
    assert!(within.asked().is_empty());
}

pub(crate) async fn a_page_that_leads_to_the_metadata_service_is_forbidden() {
    let origin = pages("http://169.254.169.254/latest/meta-data/song.mp3".into()).await;
    let mut options = with_ytdlp(&origin);
    options.allow_hosts.push("0.0.0.0/0".into());
    let source = open(options).await;
    for path in ["/page", "/redirecting"] {
        let (outcome, bytes) = get(&source, &origin.url(path)).await;
        assert_eq!(told(outcome).0, Obstacle::Forbidden, "{path}");
        assert!(bytes.is_empty());
    }
}

pub(crate) async fn media_too_large_are_refused() {
    let origin = pages("/song.mp3".into()).await;
    let options = SourceOptions { max_bytes: 1_000_000, ..with_ytdlp(&origin) };
    let (outcome, bytes) = get(&open(options).await, &origin.url("/page")).await;
    assert_eq!(told(outcome).0, Obstacle::TooLarge);
    assert!(bytes.len() <= 1_000_000);
}

pub(crate) async fn a_page_without_media_is_unsupported() {
    let origin = always(page("<p>words</p>")).await;
    let (outcome, _) = get(&source(&origin).await, &origin.url("/page")).await;
    assert_eq!(told(outcome).0, Obstacle::Unsupported);
}

pub(crate) async fn a_source_that_was_asked_too_often_says_when_to_come_back() {
    let origin = Origin::start(|asked: &Asked| match asked.target.as_str() {
        "/page" => page("<audio src=\"/song.mp3\" type=\"audio/mpeg\"></audio>"),
        _ => Answer::status(429).with("retry-after", "77"),
    })
    .await;
    let (outcome, _) = get(&source(&origin).await, &origin.url("/page")).await;
    let (obstacle, _, retry_after_ms) = told(outcome);
    assert_eq!((obstacle, retry_after_ms), (Obstacle::RateLimited, Some(77_000)));
}

pub(crate) async fn a_cancelled_fetch_leaves_no_process() {
    let origin = Origin::start(|asked: &Asked| match asked.target.as_str() {
        "/page" => page("<audio src=\"/song.mp3\" type=\"audio/mpeg\"></audio>"),
        _ => Answer::of("audio/mpeg", song(2_000_000)).cut_after(300_000).hanging(),
    })
    .await;
    let source = source(&origin).await;
    let url = origin.url("/page");
    let fetch = fetch(source.find(&url).await.unwrap());
    let cancel = fetch.cancel.clone();
    let fetching = tokio::spawn(async move { source.fetch(fetch, &mut Output::default()).await.map(|_| ()) });
    processes::there_are(&url, 1).await;
    while !origin.asked().iter().any(|asked| asked.target == "/song.mp3") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let began = Instant::now();
    cancel.cancel();
    let outcome = fetching.await.unwrap();
    assert!(matches!(outcome, Err(SourceError::Cancelled)), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(processes::left(&url, Duration::from_millis(500)).await, Vec::<u32>::new());
}

pub(crate) async fn its_interpreter_reaches_nothing_but_the_proxy() {
    let within = within().await;
    let folder = tempfile::tempdir().unwrap();
    let python = real_ytdlp().unwrap().with_file_name("python");
    // What a page could do that has found its way around yt-dlp's proxy settings.
    let tries = format!(
        r"#!{python}
import socket, subprocess, sys, os, urllib.request
if '--version' in sys.argv: print('2026.10.26'); sys.exit()
done = []
def attempt(name, act):
    try: act(); done.append(name)
    except OSError: pass
def udp(): socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.2', 9))
opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
attempt('tcp', lambda: socket.create_connection(('127.0.0.2', {port}), 2))
attempt('http', lambda: opener.open('http://127.0.0.2:{port}/', timeout=2))
attempt('udp', udp)
attempt('name', lambda: socket.getaddrinfo('localhost', 80))
attempt('program', lambda: subprocess.run(['sh', '-c', ':']))
attempt('system', lambda: os.system(':'))
attempt('exec', lambda: os.execvp('true', ['true']))
print('went through:', done)
",
        python = python.display(),
        port = within.address().port()
    );
    let path = folder.path().join("yt-dlp");
    std::fs::write(&path, tries).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let origin = always(Answer::status(404)).await;
    // Even if the guard let everything through: this is about the ways around the proxy.
    let options =
        SourceOptions { ytdlp: Some(path), allow_hosts: vec!["0.0.0.0/0".into()], ..options(&origin) };
    let (outcome, bytes) = get(&open(options).await, "https://youtu.be/dQw4w9WgXcQ").await;
    outcome.unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), "went through: []\n");
    assert!(within.asked().is_empty());
}
