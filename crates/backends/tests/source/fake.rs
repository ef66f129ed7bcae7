//! Programs in the place of yt-dlp that do what the real one cannot be brought to here: be old, hang, flood, fail in
//! the ways that need a site.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reelmill_backends::source::SourceOptions;
use reelmill_conformance::source::{Answer, Output, fetch};
use reelmill_core::ports::{Source, SourceError};
use reelmill_core::{Obstacle, Platform};
use tempfile::TempDir;

use super::bench::{always, get, open, options, page, told};
use super::processes;

const VIDEO: &str = "https://youtu.be/dQw4w9WgXcQ";

/// A shell script that says a version, and otherwise does what the case says. `$DIR` is the case's own folder.
struct Fake {
    folder: TempDir,
}

impl Fake {
    fn new(does: &str) -> Self {
        Self::of_version("2026.10.26", does)
    }

    fn of_version(version: &str, does: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "#!/bin/sh\nDIR='{}'\ncase \"$*\" in *--version*) echo {version}; exit;; esac\n{does}\n",
            folder.path().display()
        );
        let path = folder.path().join("yt-dlp");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("yt-dlp")
    }

    fn left(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    async fn options(&self) -> SourceOptions {
        let nobody = always(Answer::status(404)).await;
        SourceOptions { ytdlp: Some(self.path()), ..options(&nobody) }
    }

    async fn source(&self) -> Arc<dyn Source> {
        open(self.options().await).await
    }
}

pub(crate) async fn without_yt_dlp_what_needs_it_says_how_to_get_it() {
    let origin = always(page("a song")).await;
    let source = open(options(&origin)).await;
    let outcomes = [
        source.check().await,
        source.find("a song").await.map(|_| ()),
        get(&source, VIDEO).await.0.map(|_| ()),
        get(&source, &origin.url("/page")).await.0.map(|_| ()),
    ];
    for outcome in outcomes {
        let (obstacle, said, _) = told(outcome);
        assert_eq!(obstacle, Obstacle::ToolMissing, "{said}");
        assert!(said.contains("yt-dlp") && said.contains("does not run"), "{said}");
    }
}

pub(crate) async fn an_old_yt_dlp_is_named_with_its_version() {
    let fake = Fake::of_version("2023.03.04", "exit 1");
    let (obstacle, said, _) = told(fake.source().await.check().await);
    assert_eq!(obstacle, Obstacle::ToolMissing);
    assert!(said.contains("2023.03.04") && said.contains("2025.11.12"), "{said}");
    assert!(said.contains("reelmill sources update"), "{said}");
    assert_eq!(told(fake.source().await.find("a song").await).0, Obstacle::ToolMissing);
    assert!(Fake::of_version("2025.11.12", "").source().await.check().await.is_ok());
}

const FOUND: &str = r#"cat <<'END'
{"_type":"playlist","entries":[{"_type":"url","ie_key":"Youtube","id":"dQw4w9WgXcQ","title":"A song \u00e9","duration":213.0,
"thumbnails":[{"url":"https://i.ytimg.com/small.jpg"},{"url":"https://i.ytimg.com/large.jpg"}],"live_status":null}]}
END
"#;

pub(crate) async fn without_a_key_titles_are_searched_through_yt_dlp() {
    let found = Fake::new(FOUND).source().await.find("a song").await.unwrap();
    assert_eq!(found.platform, Platform::Youtube);
    assert_eq!((found.id.as_str(), found.duration_ms), ("dQw4w9WgXcQ", Some(213_000)));
    assert_eq!(found.title.as_deref(), Some("A song é"));
    assert_eq!(found.thumbnail_url.as_deref(), Some("https://i.ytimg.com/large.jpg"));
    let bare = Fake::new("exit 1").source().await.find(VIDEO).await.unwrap();
    assert_eq!((bare.id.as_str(), bare.title), ("dQw4w9WgXcQ", None));
}

pub(crate) async fn a_title_never_becomes_an_option() {
    let fake = Fake::new(&format!("for word in \"$@\"; do echo \"$word\"; done > \"$DIR/words\"\n{FOUND}"));
    fake.source().await.find("--exec=touch /tmp/x -o y").await.unwrap();
    let words = fake.left("words");
    let words: Vec<&str> = words.lines().collect();
    assert_eq!(words[words.len() - 2..], ["--", "ytsearch1:--exec=touch /tmp/x -o y"]);
    for needed in
        ["--ignore-config", "--no-plugin-dirs", "--no-cache-dir", "--no-exec", "--no-update", "native"]
    {
        assert!(words.contains(&needed), "{needed}");
    }
}

pub(crate) async fn a_search_that_finds_nothing_or_fails_says_so() {
    let long = r#"echo '{"entries":[{"id":"dQw4w9WgXcQ","duration":10801}]}'"#;
    let live = r#"echo '{"entries":[{"id":"dQw4w9WgXcQ","live_status":"is_live"}]}'"#;
    for (does, expected) in [
        (r#"echo '{"entries":[]}'"#, Obstacle::NotFound),
        (long, Obstacle::TooLong),
        (live, Obstacle::Live),
        ("echo nonsense", Obstacle::Unreachable),
        ("", Obstacle::Unreachable),
        ("echo 'ERROR: Sign in to confirm you’re not a bot' >&2; exit 1", Obstacle::BotCheck),
    ] {
        let (obstacle, said, _) = told(Fake::new(does).source().await.find("a song").await);
        assert_eq!(obstacle, expected, "{does}: {said}");
    }
    let endless = Fake::new("yes").source().await.find("a song").await;
    assert!(matches!(endless, Err(SourceError::Internal(_))), "{endless:?}");
}

pub(crate) async fn it_gets_nothing_of_our_environment() {
    let does = r#"env > "$DIR/env"; echo "$@" > "$DIR/words"; pwd > "$DIR/pwd"; ls -A > "$DIR/files"; ls -ld . > "$DIR/mode"; echo ID3"#;
    let fake = Fake::new(does);
    get(&fake.source().await, VIDEO).await.0.unwrap();
    let environment = fake.left("env");
    let known = [
        "HOME",
        "TMPDIR",
        "LANG",
        "NO_COLOR",
        "PYTHONUTF8",
        "YTDLP_NO_PLUGINS",
        "PYTHONUSERBASE",
        "PYTHONPATH",
        "REELMILL_PROXY_PORT",
        "REELMILL_TOKEN",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "PATH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "LD_LIBRARY_PATH",
        "PYENV_ROOT",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
    ];
    for line in environment.lines() {
        let (name, _) = line.split_once('=').unwrap();
        assert!(known.contains(&name), "{name}");
    }
    let proxy = environment.lines().find_map(|line| line.strip_prefix("https_proxy=")).unwrap();
    assert!(proxy.starts_with("http://reelmill:") && proxy.contains("@127.0.0.1:"), "{proxy}");
    let password = proxy.split([':', '@']).nth(2).unwrap();
    assert!(
        password.len() >= 32 && !fake.left("words").contains(password),
        "a secret stays out of the list of processes"
    );
    assert_eq!(fake.left("files"), "guard\n");
    assert!(fake.left("mode").starts_with("drwx------"));
    assert!(!PathBuf::from(fake.left("pwd").trim()).exists(), "its folder is gone");
}

pub(crate) async fn each_failure_is_told_as_what_it_means() {
    for (message, expected) in [
        ("Private video. Sign in if you have been granted access to this video", Obstacle::Private),
        (
            "Sign in to confirm your age. This video may be inappropriate for some users.",
            Obstacle::AgeRestricted,
        ),
        ("The uploader has not made this video available in your country", Obstacle::GeoBlocked),
        ("Sign in to confirm you’re not a bot. Use --cookies-from-browser", Obstacle::BotCheck),
        ("Video unavailable. This video has been removed by the uploader", Obstacle::Removed),
        ("This live event will begin in 2 hours.", Obstacle::Live),
        ("This video is DRM protected", Obstacle::Unsupported),
        ("Unable to download webpage: timed out", Obstacle::Unreachable),
    ] {
        let fake = Fake::new(&format!("echo 'ERROR: [youtube] x: {message}' >&2; exit 1"));
        let (outcome, bytes) = get(&fake.source().await, VIDEO).await;
        let (obstacle, said, retry_after_ms) = told(outcome);
        assert_eq!(obstacle, expected, "{message}: {said}");
        assert!(bytes.is_empty() && retry_after_ms.is_none() && !said.contains("ERROR"), "{said}");
    }
    let limited = "This content isn't available, try again later. The current session has been rate-limited by YouTube for up to an hour.";
    let fake = Fake::new(&format!("echo \"ERROR: [youtube] x: {limited}\" >&2; exit 1"));
    let (obstacle, _, retry_after_ms) = told(get(&fake.source().await, VIDEO).await.0);
    assert_eq!((obstacle, retry_after_ms), (Obstacle::RateLimited, Some(3_600_000)));
}

pub(crate) async fn no_output_is_never_success() {
    let (outcome, bytes) = get(&Fake::new("exit 0").source().await, VIDEO).await;
    assert_eq!(told(outcome).0, Obstacle::Unreachable);
    assert!(bytes.is_empty());
    let (outcome, _) = get(&Fake::new("echo half; exit 1").source().await, VIDEO).await;
    assert_eq!(told(outcome).0, Obstacle::Unreachable, "nor is half of it");
}

pub(crate) async fn output_without_end_is_cut_off() {
    let fake = Fake::new("yes");
    let mut options = fake.options().await;
    options.max_bytes = 3_000_000;
    let (outcome, bytes) = get(&open(options).await, VIDEO).await;
    assert_eq!(told(outcome).0, Obstacle::TooLarge);
    assert!(bytes.len() <= 3_000_000);
    assert_eq!(processes::left(&fake.path().display().to_string(), Duration::ZERO).await, Vec::<u32>::new());
}

pub(crate) async fn a_flood_of_words_does_no_harm() {
    let fake = Fake::new(
        "yes ERROR: words without end | head -c 30000000 >&2; printf ID3; head -c 30000000 /dev/zero >&2",
    );
    let (fetched, bytes) = get(&fake.source().await, VIDEO).await;
    fetched.unwrap();
    assert_eq!(bytes, b"ID3");
}

/// Starts a fetch that hangs, and waits until `count` of its processes run.
async fn hanging(
    fake: &Fake,
    count: usize,
) -> (tokio::task::JoinHandle<Result<(), SourceError>>, reelmill_core::ports::Cancel) {
    let source = fake.source().await;
    let fetch = fetch(source.find(VIDEO).await.unwrap());
    let cancel = fetch.cancel.clone();
    let fetching = tokio::spawn(async move { source.fetch(fetch, &mut Output::default()).await.map(|_| ()) });
    processes::there_are(&marker(fake), count).await;
    (fetching, cancel)
}

/// What the command lines of a fake and of what it starts hold.
fn marker(fake: &Fake) -> String {
    fake.folder.path().display().to_string()
}

const FAMILY: &str = "sh -c 'sleep 600; :' \"$DIR\" &\nsh -c 'sleep 600; :' \"$DIR\" &\n";

pub(crate) async fn one_that_hangs_is_ended_with_all_that_it_started() {
    let fake = Fake::new(&format!("{FAMILY} wait"));
    let (fetching, cancel) = hanging(&fake, 3).await;
    let began = Instant::now();
    cancel.cancel();
    let outcome = fetching.await.unwrap();
    assert!(matches!(outcome, Err(SourceError::Cancelled)), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(processes::left(&marker(&fake), Duration::from_millis(500)).await, Vec::<u32>::new());
}

pub(crate) async fn one_that_ignores_requests_is_killed() {
    let fake = Fake::new(&format!("trap '' TERM INT HUP\n{FAMILY} while :; do sleep 1; done"));
    let (fetching, cancel) = hanging(&fake, 3).await;
    let began = Instant::now();
    cancel.cancel();
    let outcome = fetching.await.unwrap();
    assert!(matches!(outcome, Err(SourceError::Cancelled)), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(processes::left(&marker(&fake), Duration::from_millis(500)).await, Vec::<u32>::new());
    let fake = Fake::new("sleep 600");
    let mut options = fake.options().await;
    options.fetch_timeout = Duration::from_millis(300);
    assert_eq!(told(get(&open(options).await, VIDEO).await.0).0, Obstacle::Unreachable);
    assert_eq!(processes::left(&marker(&fake), Duration::from_secs(2)).await, Vec::<u32>::new());
}

pub(crate) async fn what_it_leaves_behind_is_ended() {
    // The one left behind holds the output open, so the fetch would not end while it lives.
    let fake = Fake::new(&format!("{FAMILY} printf ID3"));
    let began = Instant::now();
    let (fetched, bytes) = get(&fake.source().await, VIDEO).await;
    fetched.unwrap();
    assert_eq!(bytes, b"ID3");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(processes::left(&marker(&fake), Duration::from_millis(500)).await, Vec::<u32>::new());
}

pub(crate) async fn a_dropped_fetch_leaves_no_process() {
    let fake = Fake::new(&format!("{FAMILY} wait"));
    let (fetching, _) = hanging(&fake, 3).await;
    fetching.abort();
    assert!(fetching.await.unwrap_err().is_cancelled());
    assert_eq!(processes::left(&marker(&fake), Duration::from_secs(2)).await, Vec::<u32>::new());
}

pub(crate) async fn the_operators_cookies_stay_as_they_are() {
    let does = r#"while [ "$1" != --cookies ]; do shift; done; cat "$2" > "$DIR/seen"; echo changed > "$2"; printf ID3"#;
    let fake = Fake::new(does);
    let cookies = fake.folder.path().join("cookies.txt");
    std::fs::write(&cookies, "# Netscape HTTP Cookie File\n").unwrap();
    let source = open(SourceOptions { cookies_file: Some(cookies), ..fake.options().await }).await;
    get(&source, VIDEO).await.0.unwrap();
    assert_eq!(fake.left("seen"), "# Netscape HTTP Cookie File\n");
    assert_eq!(fake.left("cookies.txt"), "# Netscape HTTP Cookie File\n");
}
