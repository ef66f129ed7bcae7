//! The music bot's songs against the real binary: fetched once, resumed after a crash, and never a success without its
//! file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::fountain::Fountain;
use crate::mill::{Mill, Site, until};
use crate::{report, tools};

/// How long a song of a case may take, on a machine that does other things too.
const SONG: Duration = Duration::from_mins(3);

/// What a song of any length may take.
const MOST_MEMORY_BYTES: u64 = 256 << 20;

/// A key that must be seen nowhere.
const API_KEY: &str = "AIzaSyD-secret-of-a-youtube-project-0001";

/// Where songs come from the fountain.
pub(crate) fn site(fountain: &Fountain) -> Site {
    let site = Site::new();
    // What reads pages of YouTube's here refuses them all.
    let ytdlp = site.folder().join("yt-dlp");
    let script = "#!/bin/sh\ncase \"$*\" in *--version*) echo 2026.01.01;; *) echo 'ERROR: [youtube] dQw4w9WgXcQ: Private video' >&2; exit 1;; esac\n";
    fs::write(&ytdlp, script).unwrap();
    make_executable(&ytdlp);
    site.variable("REELMILL_SOURCES_ALLOW_HOSTS", &fountain.host())
        .variable("REELMILL_YOUTUBE_API_BASE", &fountain.url("/youtube"))
        .variable("REELMILL_YOUTUBE_API_KEY", API_KEY)
        .variable("REELMILL_YTDLP", ytdlp.to_str().unwrap())
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A song that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Song {
    pub(crate) operation: String,
    pub(crate) id: String,
}

/// Text as a part of a query.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

pub(crate) fn ask(mill: &Mill, song: &str) -> Answer {
    Request::new(mill.address(), "POST", &format!("/api/audio/start?song={}", encoded(song))).get()
}

pub(crate) fn start(mill: &Mill, song: &str) -> Song {
    let started = ask(mill, song).expect(200);
    let text = |name: &str| started[name].as_str().unwrap().to_owned();
    Song { operation: text("operation_id"), id: text("song_id") }
}

pub(crate) fn status(mill: &Mill, song: &Song) -> Value {
    let path = format!("/api/audio/status?operation_id={}&song_id={}", song.operation, song.id);
    Request::new(mill.address(), "GET", &path).get().expect(200)
}

/// The song's last status.
pub(crate) fn await_end(mill: &Mill, song: &Song) -> Value {
    let is_over = |answer: &Value| answer["status"]["status"] != "iniciando";
    until("the song's end", SONG, || Some(status(mill, song)).filter(is_over)).0
}

pub(crate) fn await_success(mill: &Mill, song: &Song) -> Value {
    let last = await_end(mill, song);
    assert_eq!(last["status"]["status"], "success", "{last}");
    last
}

/// The file that a success names.
fn file_of(last: &Value) -> PathBuf {
    let data = last["status"]["data"].as_str().unwrap();
    let uri = data.strip_prefix("Archivo guardado en S3: ").unwrap_or_else(|| panic!("{data}"));
    path_of(uri)
}

/// The path of a `file:` URI.
fn path_of(uri: &str) -> PathBuf {
    let mut rest = uri.strip_prefix("file://").unwrap_or_else(|| panic!("{uri}")).bytes();
    let mut path = Vec::new();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            path.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            path.push(byte);
        }
    }
    String::from_utf8(path).unwrap().into()
}

/// The packets of a DCA1 file: its magic, a JSON of announced length, and packets of announced lengths to the end.
fn packets(file: &[u8]) -> usize {
    assert_eq!(&file[..4], b"DCA1");
    let length = usize::try_from(i32::from_le_bytes(file[4..8].try_into().unwrap())).unwrap();
    let about: Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
    assert_eq!((&about["opus"]["sample_rate"], &about["opus"]["frame_size"]), (&json!(48_000), &json!(1920)));
    let (mut at, mut count) = (8 + length, 0);
    while at < file.len() {
        let packet = usize::try_from(i16::from_le_bytes(file[at..at + 2].try_into().unwrap())).unwrap();
        assert!(packet > 0);
        at += 2 + packet;
        count += 1;
    }
    assert_eq!(at, file.len());
    count
}

pub(crate) fn a_failed_download_is_failed_and_never_a_success_with_an_empty_file() {
    let fountain = Fountain::start();
    let site = site(&fountain);
    let mill = site.start();
    for path in ["/empty.wav", "/rubbish.wav", "/missing.wav", "/cut.wav"] {
        let song = start(&mill, &fountain.url(path));
        let last = await_end(&mill, &song);
        assert_eq!(last["status"]["status"], "failed", "{path}: {last}");
        assert_eq!(
            (&last["status"]["success"], &last["operation_id"]),
            (&json!(false), &json!(song.operation))
        );
        assert!(last["error"].as_str().is_some_and(|said| said.len() > 10), "{last}");
        assert!(last["status"]["data"].as_str().unwrap().starts_with("Fallos: "), "{last}");
        let library = Request::new(mill.address(), "GET", &format!("/api/v1/media?video_id={}", song.id))
            .get()
            .expect(200);
        assert_eq!(
            (&library["data"]["success"], &library["data"]["file_data"]["file_path"]),
            (&json!(false), &json!(""))
        );
    }
    mill.sign_in().expect_no_leftovers(&site.objects());
    assert!(site.objects().objects().is_empty());
    mill.stop();
}

pub(crate) fn a_deadline_that_passes_ends_in_failed() {
    let fountain = Fountain::start();
    let site = site(&fountain).variable("REELMILL_AUDIO_DEADLINE", "3s");
    let mill = site.start();
    let song = start(&mill, &fountain.url("/slow/stuck.wav?seconds=5"));
    let began = Instant::now();
    let last = await_end(&mill, &song);
    assert_eq!(last["status"]["status"], "failed", "{last}");
    assert_eq!(last["error"], "La operación no terminó dentro del tiempo permitido", "{last}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn a_crash_midway_resumes_the_operation() {
    let fountain = Fountain::start();
    let site = site(&fountain);
    let mill = site.start();
    let song = start(&mill, &fountain.url("/slow/song.wav?seconds=20"));
    let store = site.objects();
    until("half of the song is on disk", SONG, || {
        let sizes = store.partials().into_iter().filter_map(|path| path.metadata().ok());
        sizes.map(|file| file.len()).any(|size| size > 1 << 20).then_some(())
    });
    mill.kill();

    fountain.open();
    let mill = site.start();
    let last = await_success(&mill, &song);
    assert_eq!((&last["status"]["attempts"], &last["status"]["failures"]), (&json!(2), &json!(1)), "{last}");
    assert_eq!(packets(&fs::read(file_of(&last)).unwrap()) / 50, 20);
    let session = mill.sign_in();
    assert_eq!(session.all("/v1/jobs").len(), 1);
    session.expect_no_leftovers(&store);
    mill.stop();
    assert_eq!(store.objects().len(), 2, "{:?}", store.objects());
}

pub(crate) fn the_same_song_asked_for_twice_at_once_is_fetched_once() {
    let fountain = Fountain::start();
    let site = site(&fountain);
    let mill = site.start();
    let url = fountain.url("/slow/song.wav?seconds=2");
    let (first, second) = (start(&mill, &url), start(&mill, &url));
    assert_ne!(first.operation, second.operation);
    assert_eq!(first.id, second.id);
    fountain.open();
    let files = [&first, &second].map(|song| file_of(&await_success(&mill, song)));
    assert_eq!(files[0], files[1]);
    assert_eq!(fountain.asked("/slow/"), 1);
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn a_hundred_starts_at_once_of_twenty_songs_are_twenty_downloads() {
    let fountain = Fountain::start();
    let site = site(&fountain);
    let mill = site.start();
    let songs: Vec<Song> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..100)
            .map(|nth| {
                let (mill, url) = (&mill, fountain.url(&format!("/sound/{}.wav?seconds=1", nth % 20)));
                scope.spawn(move || start(mill, &url))
            })
            .collect();
        asked.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for song in &songs {
        await_success(&mill, song);
    }
    assert_eq!(fountain.asked("/sound/"), 20);
    let session = mill.sign_in();
    assert_eq!(session.all("/v1/jobs").len(), 20);
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn a_song_that_is_in_the_library_answers_at_once() {
    let fountain = Fountain::start();
    let site = site(&fountain);
    let mill = site.start();
    let url = fountain.url("/sound/song.wav");
    let last = await_success(&mill, &start(&mill, &url));
    let again = start(&mill, &url);
    let there = status(&mill, &again);
    assert_eq!(
        (&there["status"]["status"], &there["status"]["data"]),
        (&json!("success"), &last["status"]["data"])
    );
    assert_eq!(fountain.asked("/sound/"), 1);
    let library = Request::new(mill.address(), "GET", "/api/v1/media/search?title=song").get().expect(200);
    assert_eq!(library["data"][0]["play_count"], 1, "{library}");
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn the_api_key_is_in_no_error_and_no_log() {
    let fountain = Fountain::start();
    let site = site(&fountain).variable("REELMILL_LOG", "debug");
    let mill = site.start();
    let mut said = String::new();
    for (title, expected) in [("nothing", 404), ("quota", 502), ("badkey", 502), ("trouble", 503)] {
        let answer = ask(&mill, title);
        assert_eq!(answer.status, expected, "{title}");
        said.push_str(&answer.text());
    }
    let song = start(&mill, "a known song");
    assert_eq!(song.id, crate::fountain::VIDEO);
    let last = await_end(&mill, &song);
    assert_eq!(last["status"]["status"], "failed", "{last}");
    said.push_str(&last.to_string());
    let session = mill.sign_in();
    let wish = json!({"source": "badkey", "profile": "mp3"});
    said.push_str(&session.request("POST", "/v1/imports").json(&wish).problem(502).to_string());
    for job in session.all("/v1/jobs") {
        said.push_str(&job.to_string());
    }
    said.push_str(&Request::new(mill.address(), "GET", "/api/health").get().text());
    let shown = Command::new(tools::reelmill())
        .args(["config", "--json"])
        .env("REELMILL_YOUTUBE_API_KEY", API_KEY)
        .current_dir(site.folder())
        .output()
        .unwrap();
    said.push_str(&String::from_utf8_lossy(&shown.stdout));
    // The key went to the API, and nowhere else.
    assert!(fountain.asked("/youtube/search") >= 5);
    assert!(!said.contains(API_KEY), "{said}");
    session.expect_no_leftovers(&site.objects());
    mill.signal(rustix::process::Signal::TERM);
    until("the log ends", Duration::from_secs(45), || mill.said().contains("stopped").then_some(()));
    assert!(!mill.said().contains(API_KEY), "{}", mill.said());
}

pub(crate) fn the_recorded_uri_is_where_the_object_really_is() {
    let fountain = Fountain::start();
    let site = site(&fountain);
    let mill = site.start();
    let song = start(&mill, &fountain.url("/sound/El%20D%C3%ADa%20100%25%20%231.wav?seconds=3"));
    let last = await_success(&mill, &song);
    let path = file_of(&last);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{error}: {}", path.display()));
    assert_eq!(packets(&bytes) / 50, 3);
    assert!(site.objects().objects().contains(&path), "{}", path.display());
    // On disk, the store writes names that any file system takes.
    let name = path.file_name().unwrap().to_str().unwrap();
    let id = name.strip_prefix("El%20D%C3%ADa%20100_%20_1-").and_then(|rest| rest.strip_suffix(".dca"));
    assert!(id.is_some_and(|id| id.len() == 36), "{name}");

    let session = mill.sign_in();
    assert_eq!(session.output(&session.all("/v1/jobs")[0]), bytes);
    let library =
        Request::new(mill.address(), "GET", &format!("/api/v1/media?video_id={}", song.id)).get().expect(200);
    let file = &library["data"]["file_data"];
    assert_eq!(path_of(file["file_path"].as_str().unwrap()), path);
    assert_eq!(file["file_size"], bytes.len().to_string());
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn memory_stays_bounded_however_long_the_audio() {
    let seconds: usize = if tools::is_soak() { 2 * 60 * 60 } else { 5 * 60 };
    let fountain = Fountain::start();
    let site = site(&fountain).variable("REELMILL_AUDIO_DEADLINE", "1h");
    let mill = site.start();
    let song = start(&mill, &fountain.url(&format!("/sound/long.wav?seconds={seconds}")));
    let is_over = |answer: &Value| answer["status"]["status"] != "iniciando";
    let hour = Duration::from_hours(1);
    let last = until("the song's end", hour, || Some(status(&mill, &song)).filter(is_over)).0;
    assert_eq!(last["status"]["status"], "success", "{last}");
    let count = packets(&fs::read(file_of(&last)).unwrap());
    assert!(count.abs_diff(seconds * 50) < 5, "{count} packets");
    let peak_bytes = mill.peak_memory_bytes();
    let what = format!("peak resident memory, a song of {} min", seconds / 60);
    report::figure("long_song", &what, report::mib(peak_bytes), "MiB", Some("≤ 256"));
    assert!(peak_bytes <= MOST_MEMORY_BYTES, "{} MiB", peak_bytes >> 20);
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn an_import_of_an_address_is_fetched_and_converted() {
    let fountain = Fountain::start();
    let site = site(&fountain);
    let mill = site.start();
    let session = mill.sign_in();
    let wish = json!({"source": fountain.url("/slow/talk.wav?seconds=4"), "profile": "mp3"});
    let made = session.request("POST", "/v1/imports").header("idempotency-key", "k").json(&wish).expect(202);
    assert_eq!(made["media_id"], Value::Null, "{made}");
    let id = made["id"].as_str().unwrap();
    let fetching = until("it is being fetched", SONG, || {
        Some(session.job(id)).filter(|job| job["stage"] == "fetch" && job["progress"].as_f64().unwrap() > 0.0)
    })
    .0;
    assert_eq!(fetching["media_id"], Value::Null, "{fetching}");
    fountain.open();
    let done = session.await_done(id);
    assert_eq!(done["output"]["duration_ms"], 4000, "{done}");
    let media = session.get(&format!("/v1/media/{}", done["media_id"].as_str().unwrap()));
    assert_eq!((&media["name"], &media["content_type"]), (&json!("talk.wav"), &json!("audio/wav")));
    let again = session.request("POST", "/v1/imports").header("idempotency-key", "k").json(&wish).expect(202);
    assert_eq!(again["id"], made["id"]);
    assert_eq!(fountain.asked("/slow/"), 1);

    let inside = json!({"source": "http://169.254.169.254/latest/meta-data/", "profile": "mp3"});
    let answer = session.request("POST", "/v1/imports").json(&inside);
    let refused = if answer.status == 202 {
        session.await_end(answer.expect(202)["id"].as_str().unwrap())["error"]["reason"].clone()
    } else {
        let problem = answer.problem(422);
        assert_eq!(problem["type"], "/problems/source-refused");
        json!("forbidden")
    };
    assert_eq!(refused, "forbidden");
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn the_example_script_says_where_the_song_is() {
    let fountain = Fountain::start();
    let site = site(&fountain);
    let mill = site.start();
    let run = script(&mill, &[&fountain.url("/sound/my%20song.wav?seconds=2")]);
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.status.code(), Some(0), "{said}");
    let uri = String::from_utf8(run.stdout).unwrap().trim().to_owned();
    assert_eq!(packets(&fs::read(path_of(&uri)).unwrap()) / 50, 2);

    let run = script(&mill, &[&fountain.url("/missing.wav")]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!((run.status.code(), run.stdout.len()), (Some(1), 0), "{said}");
    assert!(said.contains("No se encontró"), "{said}");
    let run = script(&mill, &["nothing"]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(said.contains("404"), "{said}");
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn script(mill: &Mill, words: &[&str]) -> Output {
    Command::new("sh")
        .arg(tools::repository().join("examples/music-bot.sh"))
        .args(words)
        .env("REELMILL_URL", format!("http://{}", mill.address()))
        .output()
        .unwrap()
}
