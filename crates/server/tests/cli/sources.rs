//! `sources`: what is shown of what fetches media, and how an update is refused. One that works is shown end to end.

use crate::mill::{Mill, Said};

#[test]
fn without_yt_dlp_it_is_said_how_to_get_it_and_the_key_stays_unsaid() {
    let mill = Mill::new();
    let mut command = mill.command(&["sources"]);
    command.env("PATH", "/nonexistent").env("REELMILL_YTDLP", "/nonexistent/yt-dlp");
    let said: Said = command.env("REELMILL_YOUTUBE_API_KEY", "AIzaSecret").output().expect("it runs").into();
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("none: the yt-dlp that the configuration names does not run"), "{}", said.out);
    assert!(!said.out.contains("Secret") && !said.err.contains("Secret"), "{}", said.out);
    let mut command = mill.command(&["sources", "--json"]);
    let said: Said = command.env("PATH", "/nonexistent").output().expect("it runs").into();
    let missing = said.json()["ytdlp"]["missing"].as_str().expect("a sentence").to_owned();
    assert!(missing.contains("not installed") && missing.contains("reelmill sources update"), "{missing}");
    assert_eq!(said.json()["youtube_api_key"], false);
}

#[test]
fn without_python_an_update_says_what_to_install() {
    let mill = Mill::new();
    let mut command = mill.command(&["sources", "update"]);
    let said: Said = command.env("PATH", "/nonexistent").output().expect("it runs").into();
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("no `python3`") && said.err.contains("python3-pip"), "{}", said.err);
}

#[test]
fn what_is_no_version_is_refused_before_anything_is_done() {
    let mill = Mill::new();
    for wrong in ["../../x", "latest", "2026", "2026.8.19; rm"] {
        let said = mill.run(&["sources", "update", wrong]);
        assert_eq!(said.code, Some(1));
        assert!(said.err.contains("is no version of yt-dlp"), "{}", said.err);
    }
    let odd = mill.run(&["sources", "update", "--extra-index"]);
    assert_eq!(odd.code, Some(2), "{}", odd.err);
}
