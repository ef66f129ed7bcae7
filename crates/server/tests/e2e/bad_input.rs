//! Bad input through the real binary: each gets an answer that says what to do, and leaves nothing behind.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::json;

use crate::client::{Answer, Body, Request};
use crate::material;
use crate::mill::{Mill, Site};
use crate::report;
use crate::session::Session;

/// Field, file name, content.
type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

/// A multipart body of these parts, with its content type.
pub(crate) fn multipart(parts: &[Part]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (field, file, content) in parts {
        let file = file.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
        let head = format!("--edge\r\nContent-Disposition: form-data; name=\"{field}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    ("multipart/form-data; boundary=edge".to_owned(), body)
}

pub(crate) fn what_is_no_media_is_refused_at_both_doors() {
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let wav = material::wav_bytes(1);
    let riff = b"RIFF\x24\0\0\0WAVEfmt ".to_vec();
    let table: [(&str, &[u8], u16, &str); 5] = [
        ("rubbish.mp4", &[0x5a; 4096], 415, "not-media"),
        ("page.mp3", b"<!doctype html><title>404</title>", 415, "not-media"),
        ("one.wav", b"R", 415, "not-media"),
        ("empty.mp4", b"", 400, "empty"),
        ("cut.wav", &riff, 422, "corrupt"),
    ];
    for (name, bytes, status, problem) in table {
        let answer = session.request("POST", &format!("/v1/media?name={name}")).send(Body::Bytes(bytes));
        let body = answer.problem(status);
        assert_eq!(body["type"], format!("/problems/{problem}"), "{name}: {body}");
        let (kind, body) = multipart(&[("file", Some(name), bytes)]);
        let answer = session.request("POST", "/upload").header("content-type", kind).send(Body::Bytes(&body));
        assert!((400..500).contains(&answer.status), "{name}: {}", answer.status);
        assert!(answer.status != 415 || status == 415, "{name}: {}", answer.status);
    }
    // The name is the sender's word alone: what is in the file counts.
    session.upload("really-a.txt", &wav);
    expect_nothing_but(&site, mill, &session, 1);
}

pub(crate) fn damaged_and_silent_files_fail_with_their_reason() {
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let film = material::mp4(site.folder(), &["-movflags", "+faststart"]);
    let truncated = &film[..film.len() / 2];
    refused_or_failed(&session, "truncated.mp4", truncated, &["corrupt"], "");
    let picture = ["-f", "lavfi", "-i", "testsrc=duration=1:size=64x64", "-map", "1:v", "-c:v", "mpeg4"];
    let mute = material::mp4(site.folder(), &picture);
    refused_or_failed(&session, "mute.mp4", &mute, &["unsupported"], "audio");
    refused_or_failed(&session, "he-aac.mp4", &he_aac(film), &["unsupported"], "HE-AAC");
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

/// Sends a file that cannot be converted to every door: it is refused, or its job fails at the first attempt.
fn refused_or_failed(session: &Session, name: &str, bytes: &[u8], kinds: &[&str], word: &str) {
    let answer = session.request("POST", &format!("/v1/media?name={name}")).send(Body::Bytes(bytes));
    if answer.status == 201 {
        let media = answer.expect(201)["id"].as_str().unwrap().to_owned();
        let wish = json!({"media_id": media, "profile": "mp3"});
        let answer = session.request("POST", "/v1/jobs").json(&wish);
        if answer.status == 422 {
            expect_reason(&answer.problem(422)["detail"], word);
        } else {
            expect_failure(session, answer.expect(202)["id"].as_str().unwrap(), kinds, word);
        }
        assert_eq!(session.request("DELETE", &format!("/v1/media/{media}")).get().status, 204);
    } else {
        expect_reason(&answer.problem(422)["detail"], word);
    }
    let (kind, body) = multipart(&[("file", Some(name), bytes)]);
    let answer = session.request("POST", "/upload").header("content-type", kind).send(Body::Bytes(&body));
    if answer.status == 200 {
        let job = answer.header("x-job-id").unwrap().to_owned();
        expect_failure(session, &job, kinds, word);
    } else {
        assert!(matches!(answer.status, 415 | 422), "{name}: {}", answer.status);
    }
}

fn expect_failure(session: &Session, job: &str, kinds: &[&str], word: &str) {
    let ended = session.await_end(job);
    assert_eq!((&ended["state"], &ended["attempt"]), (&"failed".into(), &1.into()), "{ended}");
    let kind = ended["error"]["kind"].as_str().unwrap_or_default();
    assert!(kinds.contains(&kind), "{ended}");
    expect_reason(&ended["error"]["message"], word);
}

fn expect_reason(said: &serde_json::Value, word: &str) {
    assert!(
        said.as_str().is_some_and(|said| !said.is_empty() && said.contains(word)),
        "{said} without `{word}`"
    );
}

/// The film with its AAC declared to have a spectral band replicated: ISO/IEC 14496-3, 1.6.5.3, hierarchical signalling
/// behind the configuration (0x2b7, object type 5), whose flag is raised.
fn he_aac(mut film: Vec<u8>) -> Vec<u8> {
    let at =
        film.windows(3).position(|bytes| bytes == [0x56, 0xe5, 0x00]).expect("no extension in ffmpeg's AAC");
    film[at + 2] = 0xa0;
    film
}

pub(crate) fn more_than_one_file_or_none_is_refused() {
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let wav = material::wav_bytes(1);
    let table: [&[Part]; 3] =
        [&[("a", Some("a.wav"), &wav), ("b", Some("b.wav"), &wav)], &[], &[("note", None, b"no file")]];
    for parts in table {
        for target in ["/upload", "/v1/media"] {
            let (kind, body) = multipart(parts);
            let answer =
                session.request("POST", target).header("content-type", kind).send(Body::Bytes(&body));
            assert_eq!(answer.status, 400, "{target}");
            if target == "/upload" {
                assert_eq!(answer.text().trim_end(), "exactly 1 file required");
            } else {
                answer.problem(400);
            }
        }
    }
    expect_nothing_but(&site, mill, &session, 0);
}

pub(crate) fn a_path_as_a_file_name_stays_a_name() {
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let wav = material::wav_bytes(1);
    for name in ["../../../../escaped.wav", "/etc/escaped.wav", "..\\\\..\\\\escaped.wav"] {
        let (kind, body) = multipart(&[("file", Some(name), &wav)]);
        let media = session
            .request("POST", "/v1/media")
            .header("content-type", kind)
            .send(Body::Bytes(&body))
            .expect(201);
        assert_eq!(media["name"], "escaped.wav", "{media}");
    }
    let encoded = session.request("POST", "/v1/media?name=..%2F..%2Fescaped.wav").send(Body::Bytes(&wav));
    assert_eq!(encoded.expect(201)["name"], "escaped.wav");
    let above = site.folder().parent().unwrap();
    assert!(!above.join("escaped.wav").exists() && !site.folder().join("escaped.wav").exists());
    expect_nothing_but(&site, mill, &session, 4);
}

pub(crate) fn ten_gibibytes_are_refused_before_they_are_sent() {
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    for target in ["/v1/media?name=huge.mp4", "/upload"] {
        let mut request = session.request("POST", target);
        if target == "/upload" {
            request = request.header("content-type", "multipart/form-data; boundary=edge");
        }
        let began = Instant::now();
        let stream = request.open(&Body::Sized(10 << 30, &mut std::io::empty())).unwrap();
        let answer = Answer::read(stream, "POST").unwrap();
        assert_eq!(answer.status, 413, "{target}");
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    // Said by nobody, and seen only as it comes.
    let small = Site::new().flags(&["--max-upload-bytes", "1MiB"]);
    let strict = small.start();
    let there = strict.sign_in();
    let (_, mut wav) = material::wav(60);
    let answer = there.request("POST", "/v1/media?name=long.wav").try_send(Body::Chunked(&mut wav));
    // The refusal may be lost where the sender goes on sending into a closed connection.
    if let Ok(answer) = answer {
        answer.problem(413);
    }
    expect_nothing_but(&small, strict, &there, 0);
    expect_nothing_but(&site, mill, &session, 0);
}

pub(crate) fn a_slow_sender_is_sent_away() {
    let site = Site::new().flags(&["--upload-idle", "1s"]);
    let mill = site.start();
    let session = mill.sign_in();
    let wav = material::wav_bytes(10);

    let request = session.request("POST", "/v1/media?name=silent.wav");
    let mut silent = request.open(&Body::Sized(wav.len() as u64, &mut std::io::empty())).unwrap();
    silent.write_all(&wav[..100_000]).unwrap();
    let began = Instant::now();
    let answer = Answer::read(silent, "POST").unwrap();
    answer.problem(408);
    report::seconds("bad input", "until a silent sender is sent away (idle 1 s)", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(10));

    // A byte now and then is no sending either.
    let mut dripping = request.open(&Body::Sized(wav.len() as u64, &mut std::io::empty())).unwrap();
    let began = Instant::now();
    for byte in &wav[..600] {
        std::thread::sleep(Duration::from_millis(50));
        if dripping.write_all(&[*byte]).is_err() {
            break;
        }
    }
    assert!(began.elapsed() < Duration::from_secs(15), "it was let to drip on");
    let _ = dripping.shutdown(Shutdown::Write);
    // The answer may be lost to what was sent after it.
    let mut rest = String::new();
    let _ = dripping.read_to_string(&mut rest);
    assert!(rest.is_empty() || rest.contains(" 408 "), "{rest}");
    expect_nothing_but(&site, mill, &session, 0);
}

pub(crate) fn a_client_that_leaves_midway_leaves_nothing() {
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let wav = material::wav_bytes(10);
    for target in ["/v1/media?name=left.wav", "/v1/convert?to=mp3"] {
        let request = session.request("POST", target);
        let mut stream = request.open(&Body::Sized(wav.len() as u64, &mut std::io::empty())).unwrap();
        stream.write_all(&wav[..wav.len() / 2]).unwrap();
        drop(stream);
    }
    expect_nothing_but(&site, mill, &session, 0);
}

pub(crate) fn a_wrong_token_opens_no_door() {
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let wav = material::wav_bytes(1);
    let media = session.upload("mine.wav", &wav);
    for token in wrong_tokens(&session.token) {
        for (method, target) in [
            ("GET", "/v1/me".to_owned()),
            ("POST", "/v1/media?name=x.wav".to_owned()),
            ("GET", format!("/v1/media/{media}/content")),
            ("DELETE", format!("/v1/media/{media}")),
        ] {
            let request = Request::new(mill.address(), method, &target);
            let answer = request.header("authorization", format!("Bearer {token}")).send(Body::Bytes(&wav));
            answer.problem(401);
        }
        for (method, target, words) in [
            ("POST", "/upload", "not authorized"),
            ("POST", "/validate", "not authorized"),
            ("GET", "/download?fid=x", "not authorized"),
        ] {
            let request = Request::new(mill.address(), method, target);
            let answer = request.header("authorization", format!("Bearer {token}")).send(Body::Bytes(b""));
            assert_eq!(answer.status, 403, "{target} with {token}");
            assert_eq!(answer.text().trim_end(), words);
        }
    }
    expect_nothing_but(&site, mill, &session, 1);
}

/// A token with its claims changed, with another header, with its signature cut off, and what is no token at all.
fn wrong_tokens(good: &str) -> Vec<String> {
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    let said = String::from_utf8(BASE64URL.decode(claims).unwrap()).unwrap();
    assert!(said.contains("\"exp\":"), "{said}");
    let longer = BASE64URL.encode(said.replace("\"exp\":", "\"exp\":9"));
    let none = BASE64URL.encode(r#"{"alg":"none","typ":"JWT"}"#);
    vec![
        format!("{header}.{longer}.{signature}"),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        "x".repeat(5000),
    ]
}

/// So much media is there in the end and nothing else, and the process stops well.
fn expect_nothing_but(site: &Site, mill: Mill, session: &Session, media: usize) {
    session.expect_no_leftovers(&site.objects());
    assert_eq!(session.all("/v1/media").len(), media);
    mill.stop();
    assert_eq!(site.objects().objects().len(), media, "{:?}", site.objects().objects());
}
