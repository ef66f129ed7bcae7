//! The conversion tasks' contract, row by row and error by error, each exchange kept as a snapshot.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::client::{Answer, Body, Request};
use crate::exchange::Exchanges;
use crate::mill::{Mill, Site};
use crate::sound;
use crate::tasks_client::{Member, PASSWORD, id_of, open_site, tone, unreadable};
use crate::tools;

const CONTRACT: &str = "tasks";

fn ask(mill: &Mill, method: &str, target: &str, body: &Value) -> (String, Answer) {
    let answer = Request::new(mill.address(), method, target).json(body);
    (format!("{method} {target}\n\n{body}"), answer)
}

pub(crate) fn accounts_are_made_and_signed_in_as_the_contract_says() {
    let site = open_site();
    let mill = site.start();
    let mut exchanges = Exchanges::of(CONTRACT);
    let keep = |row: &str, target: &str, body: &Value| {
        let (request, answer) = ask(&mill, "POST", target, body);
        exchanges.keep(row, &request, answer)
    };
    let (sign_up, login) = ("/api/auth/signup", "/api/auth/login");
    let person = |user: &str, email: &str, again: &str| json!({"user": user, "email": email, "password1": "correct horse", "password2": again});
    keep("signup", sign_up, &person("ann", "ann@tasks.example", PASSWORD));
    let mut by_username = person("", "bob@tasks.example", PASSWORD);
    by_username["username"] = "bob".into();
    by_username.as_object_mut().unwrap().remove("user");
    keep("signup_by_username", sign_up, &by_username);
    keep("signup_email_exists", sign_up, &person("ann", "ANN@tasks.example", "other"));
    keep("signup_invalid_email", sign_up, &person("ann", "nonsense", "other"));
    keep("signup_username_exists", sign_up, &person("Ann", "new@tasks.example", "other"));
    keep("signup_passwords_differ", sign_up, &person("new", "new@tasks.example", "other"));
    keep("signup_without_a_name", sign_up, &json!({"email": "new@tasks.example"}));
    let short = json!({"user": "new", "email": "new@tasks.example", "password1": "x", "password2": "x"});
    keep("signup_short_password", sign_up, &short);
    keep("signup_no_object", sign_up, &json!("nonsense"));

    keep("login", login, &json!({"email": "ann@tasks.example", "password": PASSWORD}));
    keep("login_by_username", login, &json!({"username": "ann", "password": PASSWORD}));
    let wrong = keep("login_wrong_password", login, &json!({"email": "ann@tasks.example", "password": "x"}));
    let unknown = keep("login_unknown", login, &json!({"email": "nobody@tasks.example", "password": "x"}));
    assert_eq!(wrong, unknown);
    keep("login_without_a_password", login, &json!({"email": "ann@tasks.example"}));
    keep("login_without_a_name", login, &json!({"password": PASSWORD}));
    let text = Request::new(mill.address(), "POST", login).send(Body::Bytes(b"email=ann"));
    exchanges.keep("login_no_json", &format!("POST {login}\n\nemail=ann"), text);

    let guess = || ask(&mill, "POST", login, &json!({"email": "bob@tasks.example", "password": "x"})).1;
    let held = (0..100).map(|_| guess()).find(|answer| answer.status != 401).unwrap();
    let wait_s: u64 = held.header("retry-after").unwrap().parse().unwrap();
    exchanges.word(format!("retry-after: {wait_s}"), "retry-after: seconds");
    exchanges.word(format!("{wait_s} s\"}}"), "seconds");
    exchanges.word(format!("content-length: {}", held.header("content-length").unwrap()), "content-length");
    exchanges.keep("login_too_many_tries", &format!("POST {login} (once too often)"), held);
    mill.stop();

    let closed = Site::new();
    let mill = closed.start();
    let (request, answer) = ask(&mill, "POST", sign_up, &person("new", "new@tasks.example", PASSWORD));
    exchanges.keep("signup_while_it_is_off", &request, answer);
    mill.stop();
}

pub(crate) fn tasks_are_made_listed_changed_and_deleted_as_the_contract_says() {
    let site = open_site();
    // Nothing is converted, so that states stand still.
    let mill = site.start_with(&["--roles", "gateway"]);
    let exchanges = Exchanges::of(CONTRACT);
    let ann = Member::join(&mill, "ann");
    let wav = tone(1, 2000);
    let keep = |row: &str, method: &str, target: &str| {
        exchanges.keep(row, &format!("{method} {target}"), ann.request(method, target).get())
    };
    let refused = |row: &str, token: Option<&str>| {
        let mut request = Request::new(mill.address(), "GET", "/api/tasks");
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let line = format!("GET /api/tasks\nauthorization: {}", token.unwrap_or("(none)"));
        exchanges.keep(row, &line, request.get());
    };
    refused("tasks_without_a_token", None);
    refused("tasks_with_a_wrong_token", Some("Bearer nonsense"));
    refused("tasks_with_a_password", Some("Basic YTpi"));
    let cookie = Request::new(mill.address(), "GET", "/api/tasks")
        .header("cookie", format!("reelmill_session={}", ann.token))
        .header("sec-fetch-site", "same-origin");
    assert_eq!(cookie.get().status, 401);

    keep("tasks_none", "GET", "/api/tasks");
    create_rows(&exchanges, &ann, &wav);
    keep("tasks_ascending", "GET", "/api/tasks?order=0");
    keep("tasks_descending_the_first_two", "GET", "/api/tasks?max=2&order=1");
    for (row, query) in
        [("max_no_number", "max=many"), ("max_negative", "max=-1"), ("order_no_number", "order=up")]
    {
        keep(&format!("tasks_{row}"), "GET", &format!("/api/tasks?{query}"));
    }
    keep("task", "GET", "/api/tasks/1");
    keep("task_missing", "GET", "/api/tasks/999");
    keep("task_no_number", "GET", "/api/tasks/first");
    let bob = Member::join(&mill, "bob");
    for method in ["GET", "DELETE"] {
        let row = format!("task_of_another_{}", method.to_lowercase());
        exchanges.keep(
            &row,
            &format!("{method} /api/tasks/1 (of another)"),
            bob.request(method, "/api/tasks/1").get(),
        );
    }
    change_rows(&exchanges, &mill, &ann);
    keep("task_delete", "DELETE", "/api/tasks/1");
    keep("task_delete_again", "DELETE", "/api/tasks/1");
    mill.stop();
}

fn create_rows(exchanges: &Exchanges, ann: &Member, wav: &[u8]) {
    let file = |field, name| (field, Some(name), wav);
    let format = |name: &'static str| ("newFormat", None, name.as_bytes());
    let name = |name: &'static str| ("filename", None, name.as_bytes());
    let keep = |row: &str, parts: &[(&str, Option<&str>, &[u8])]| {
        let shown = parts.iter().map(|(field, file, bytes)| match file {
            Some(name) => format!("{field}: file {name:?}"),
            None => format!("{field}: {}", String::from_utf8_lossy(bytes)),
        });
        let request = format!("POST /api/tasks\n\n{}", shown.collect::<Vec<_>>().join("\n"));
        exchanges.keep(row, &request, ann.send_form(parts));
    };
    keep("create", &[file("audio", "a.b.wav"), name("my.song.wav"), format("mp3")]);
    keep("create_fields_first", &[format("FLAC"), name("Second.WAV"), file("file", "part.wav")]);
    keep("create_named_by_its_part", &[file("fileName", "C:\\music\\third.wav"), format("Wav")]);
    keep("create_without_a_file", &[name("song.wav"), format("mp3")]);
    keep("create_with_an_empty_name", &[file("audio", "a.wav"), name(""), format("mp3")]);
    keep("create_without_a_name", &[file("audio", ""), format("mp3")]);
    keep("create_bad_format", &[file("audio", "a.wav"), format("exe")]);
    keep("create_bad_format_first", &[format("exe"), file("audio", "a.wav")]);
    keep("create_without_a_format", &[file("audio", "a.wav")]);
    keep("create_no_media", &[("audio", Some("a.mp3"), b"<!doctype html>"), format("wav")]);
    keep("create_empty", &[("audio", Some("a.mp3"), b""), format("wav")]);
    keep("create_two_files", &[file("audio", "a.wav"), file("file", "b.wav"), format("mp3")]);
    let no_form = ann.request("POST", "/api/tasks").json(&json!({"newFormat": "mp3"}));
    exchanges.keep("create_no_form", "POST /api/tasks\n\n{\"newFormat\":\"mp3\"}", no_form);
}

fn change_rows(exchanges: &Exchanges, mill: &Mill, ann: &Member) {
    let keep = |row: &str, target: &str, body: &Value| {
        exchanges.keep(row, &format!("PUT {target}\n\n{body}"), ann.request("PUT", target).json(body));
    };
    keep("task_change", "/api/tasks/1", &json!({"newFormat": "OGG"}));
    keep("task_change_to_no_format", "/api/tasks/1", &json!({"newFormat": "exe"}));
    keep("task_change_to_nothing", "/api/tasks/1", &json!({}));
    keep("task_change_missing", "/api/tasks/999", &json!({"newFormat": "mp3"}));

    let target = "/api/tasks/1/processed";
    let worker = |row: &str, who: &str, request: Request<'_>| {
        exchanges.keep(row, &format!("POST {target} ({who})"), request.get());
    };
    worker("processed_without_a_token", "nobody", Request::new(mill.address(), "POST", target));
    worker("processed_by_its_owner", "the task's owner", ann.request("POST", target));
    let admin = mill.sign_in();
    worker("processed_by_a_worker", "an administrator's token", admin.request("POST", target));
    let key = admin.request("POST", "/v1/keys").json(&json!({"name": "worker"})).expect(201);
    let key = format!("Bearer {}", key["secret"].as_str().unwrap());
    let by_key = || {
        Request::new(mill.address(), "POST", "/api/tasks/999/processed").header("authorization", key.clone())
    };
    assert_eq!(by_key().get().expect(404), json!({"error": "Task not found"}));
    assert_eq!(ann.task(1)["state"], "UPLOADED");
}

pub(crate) fn files_are_downloaded_as_the_contract_says() {
    let site = open_site();
    let mut exchanges = Exchanges::of(CONTRACT);
    let mill = site.start_with(&["--roles", "gateway"]);
    let ann = Member::join(&mill, "ann");
    let (song, broken) = (tone(1, 2000), unreadable());
    ann.create("song.wav", &song, "wav");
    ann.create("broken.wav", &broken, "mp3");
    let early = |row: &str, target: &str| exchanges.keep(row, &format!("GET {target}"), ann.get(target));
    let etag = ann.get("/api/download/1").header("etag").unwrap().to_owned();
    assert_eq!(early("download_before_it_is_processed", "/api/download/1"), song);
    early("download_converted_before_it_is_processed", "/api/download/1?which=converted");
    early("file_before_it_is_processed", "/api/files/broken.mp3");
    mill.stop();

    let mill = site.start();
    let ann = Member::log_in(&mill, "ann");
    let converted = ann.await_result(1);
    assert_eq!(ann.await_end(2)["state"], "FAILED");
    let result_etag = ann.get("/api/download/1").header("etag").unwrap().to_owned();
    assert_ne!(etag, result_etag);
    exchanges.word(etag, "the original's etag");
    exchanges.word(result_etag, "the result's etag");
    let keep = |row: &str, target: &str, headers: &[(&str, &str)]| {
        let mut request = ann.request("GET", target);
        let mut line = format!("GET {target}");
        for (name, value) in headers {
            request = request.header(name, *value);
            write!(line, "\n{name}: {value}").unwrap();
        }
        exchanges.keep(row, &line, request.get())
    };
    assert_eq!(keep("download", "/api/download/1", &[]), converted);
    assert_eq!(keep("download_original", "/api/download/1?which=original", &[]), song);
    assert_eq!(keep("download_part", "/api/download/1?which=original", &[("range", "bytes=0-3")]), b"RIFF");
    keep("download_outside", "/api/download/1", &[("range", "bytes=99999999-")]);
    keep("download_neither", "/api/download/1?which=both", &[]);
    keep("download_missing", "/api/download/999", &[]);
    keep("download_no_number", "/api/download/first", &[]);
    keep("download_of_a_failed_task", "/api/download/2?which=converted", &[]);
    assert_eq!(keep("file", "/api/files/song.wav", &[]), song);
    keep("file_missing", "/api/files/..%2Fsong.wav", &[]);
    let head = ann.request("HEAD", "/api/download/1").get();
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some(converted.len().to_string().as_str()))
    );
    let anonymous = Request::new(mill.address(), "GET", "/api/download/1").get();
    exchanges.keep("download_without_a_token", "GET /api/download/1 (nobody)", anonymous);
    let bob = Member::join(&mill, "bob");
    for target in ["/api/download/1", "/api/files/song.wav"] {
        assert_eq!(bob.get(target).status, 404);
    }
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn the_load_balancer_is_answered_where_the_page_is() {
    let site = Site::new();
    let mill = site.start();
    let exchanges = Exchanges::of(CONTRACT);
    let get = |accept: &str| {
        let request = Request::new(mill.address(), "GET", "/");
        if accept.is_empty() { request.get() } else { request.header("accept", accept).get() }
    };
    exchanges.keep("root", "GET /", get(""));
    for accept in ["*/*", "application/json", "text/plain, text/*"] {
        assert_eq!(get(accept).text(), "Success", "{accept}");
    }
    for accept in ["text/html", "application/xhtml+xml,Text/HTML;q=0.9,*/*;q=0.8"] {
        let page = get(accept);
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert!(page.text().starts_with("<!DOCTYPE html>"), "{accept}");
    }
    mill.stop();
}

pub(crate) fn the_example_script_converts_a_song() {
    let site = open_site();
    let mill = site.start();
    fs::write(site.folder().join("my song.wav"), tone(7, 4000)).unwrap();
    let run = script(&mill, site.folder(), &["my song.wav", "flac", "song.flac"]);
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.status.code(), Some(0), "{said}");
    assert!(fs::read(site.folder().join("song.flac")).unwrap().starts_with(b"fLaC"));

    // The account is there now; the script signs in.
    fs::write(site.folder().join("broken.wav"), unreadable()).unwrap();
    let run = script(&mill, site.folder(), &["broken.wav", "mp3", "broken.mp3"]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(said.contains("did not work out"), "{said}");
    assert!(!site.folder().join("broken.mp3").exists());
    // It deletes what it made, the broken one too.
    assert_eq!(mill.sign_in().all("/v1/media"), Vec::<Value>::new());
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn script(mill: &Mill, folder: &Path, words: &[&str]) -> Output {
    Command::new("sh")
        .arg(tools::repository().join("examples/conversion-tasks.sh"))
        .args(words)
        .current_dir(folder)
        .env("REELMILL_URL", format!("http://{}", mill.address()))
        .env("REELMILL_USER", "zoe")
        .env("REELMILL_EMAIL", "zoe@tasks.example")
        .env("REELMILL_PASSWORD", PASSWORD)
        .output()
        .unwrap()
}

/// What ffmpeg is told to make each format with, and what ffprobe calls it.
const FORMATS: [(&str, &[&str], &str); 6] = [
    ("mp3", &["-c:a", "libmp3lame"], "mp3"),
    ("ogg", &["-c:a", "libvorbis"], "vorbis"),
    ("wav", &[], "pcm_s16le"),
    ("aac", &["-c:a", "aac"], "aac"),
    ("flac", &[], "flac"),
    ("opus", &["-c:a", "libopus"], "opus"),
];

pub(crate) fn formats_convert_both_ways() {
    let site = open_site();
    let mill = site.start();
    let ann = Member::join(&mill, "ann");
    let mut tasks = Vec::new();
    for (from, encoder, _) in FORMATS {
        let path = site.folder().join(format!("original.{from}"));
        let made = Command::new(tools::ffmpeg().unwrap())
            .args(["-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=2:sample_rate=48000"])
            .args(encoder)
            .arg(&path)
            .output()
            .unwrap();
        assert!(made.status.success(), "{from}: {}", String::from_utf8_lossy(&made.stderr));
        let bytes = fs::read(path).unwrap();
        for (to, ..) in FORMATS {
            let task = ann.create(&format!("from-{from}.{from}"), &bytes, &to.to_uppercase());
            assert_eq!((&task["originalExt"], &task["convertedExt"]), (&from.into(), &to.into()));
            tasks.push((from, to, id_of(&task)));
        }
    }
    let mut findings = Vec::new();
    for (from, to, id) in tasks {
        let task = ann.await_end(id);
        if task["state"] != "PROCESSED" {
            findings.push(format!("{from} to {to}: {task}"));
            continue;
        }
        let result = site.folder().join(format!("{from}-to.{to}"));
        fs::write(&result, ann.download(id, "converted")).unwrap();
        let codec = FORMATS.iter().find(|(name, ..)| *name == to).unwrap().2;
        let about = sound::probe(&result);
        let heard = sound::frames(&result);
        #[expect(clippy::cast_precision_loss, reason = "two seconds of sound")]
        let seconds = heard.frames as f64 / about.rate_hz as f64;
        if about.codec != codec || (seconds - 2.0).abs() > 0.1 || !heard.complaints.is_empty() {
            findings
                .push(format!("{from} to {to}: {} for {seconds:.3} s, {}", about.codec, heard.complaints));
        }
    }
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}
