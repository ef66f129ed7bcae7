//! Letters of the real binary by a real mail server, which puts them off for a while.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

pub(crate) use reelmill_testbed::servers::MAIL_PASSWORD;
use reelmill_testbed::servers::MAIL_USER;
use serde_json::{Value, json};

use crate::bad_input::multipart;
use crate::client::{Body, Request};
use crate::mill::{PASSWORD, Site, until};
use crate::session::Session;
use crate::{material, tools};

/// Two waits of some seconds before another try, and the looks between them.
const SOON: Duration = Duration::from_mins(2);

fn asked(path: &str) -> Value {
    let control = std::env::var("REELMILL_TEST_MAIL").unwrap();
    let address = control.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    serde_json::from_str(&Request::new(address, "GET", path).get().text()).unwrap()
}

pub(crate) fn letters(to: &str) -> Vec<Value> {
    asked(&format!("/letters?to={to}")).as_array().unwrap().clone()
}

pub(crate) fn notifier(password: &str) -> String {
    let here = asked("/");
    let (port, ca) = (&here["starttls"], here["ca"].as_str().unwrap());
    let password = password.replace('&', "%26");
    format!("smtp://{MAIL_USER}:{password}@localhost:{port}/?from=mill@mill.example&ca={ca}")
}

pub(crate) fn header<'l>(letter: &'l Value, name: &str) -> &'l str {
    let found = letter["headers"].as_array().unwrap().iter().find(|header| header[0] == name);
    found.unwrap_or_else(|| panic!("no {name} in {letter:#}"))[1].as_str().unwrap()
}

pub(crate) fn letters_that_are_put_off_for_a_while_arrive_once_each() {
    let miller = format!("later-2-{}@mill.example", std::process::id());
    let site = Site::new()
        .variable("REELMILL_ADMIN_EMAIL", &miller)
        .variable("REELMILL_NOTIFIER", &notifier(MAIL_PASSWORD));
    let mill = site.start();
    let session = Session::begin(mill.address(), &miller, PASSWORD);
    let media = session.upload("short.wav", &material::wav_bytes(1));
    // Nobody asked for a letter of this one.
    session.await_done(&session.convert(&media, "mp3"));

    let (kind, body) = multipart(&[("file", Some("talk.wav"), &material::wav_bytes(2))]);
    let answer =
        session.request("POST", "/upload").header("content-type", kind).send(Body::Bytes(body.as_slice()));
    assert_eq!(answer.status, 200);
    let promised = session.await_done(answer.header("x-job-id").unwrap());
    let changed = session.request("PATCH", "/v1/me").json(&json!({"email_notifications": true})).expect(200);
    assert_eq!(changed["email_notifications"], true);
    let wished = session.await_done(&session.convert(&media, "flac"));

    until("both letters", SOON, || (letters(&miller).len() >= 2).then_some(()));
    let letters = letters(&miller);
    let texts: BTreeSet<(&str, &str)> = letters
        .iter()
        .map(|letter| (header(letter, "Subject"), letter["parts"]["text/plain"].as_str().unwrap().trim_end()))
        .collect();
    let (fid, id) = (promised["output"]["fid"].as_str().unwrap(), wished["output"]["id"].as_str().unwrap());
    let words = [
        ("MP3 Download", format!("mp3 file_id: {fid} is now ready!")),
        ("short.flac is ready", format!("short.flac is ready: /v1/outputs/{id}/content")),
    ];
    assert_eq!(texts, words.iter().map(|(subject, body)| (*subject, body.as_str())).collect());
    let ids: BTreeSet<_> = letters.iter().map(|letter| header(letter, "Message-ID")).collect();
    assert_eq!((letters.len(), ids.len()), (2, 2), "{letters:#?}");
    // The server refused the first two tries, whichever letter they were of.
    assert!(letters.iter().any(|letter| letter["tries"].as_u64().unwrap() >= 3), "{letters:#?}");
    assert!(!mill.said().contains("flour"), "{}", mill.said());
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn check_says_whether_letters_can_be_sent() {
    let folder = tools::scratch();
    for (password, verdict, code) in [(MAIL_PASSWORD, " ok ", 0), ("opensesame", " degraded ", 1)] {
        let run = Command::new(tools::reelmill())
            .args(["check", "--notifier", &notifier(password)])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8(run.stdout).unwrap();
        let line = said.lines().find(|line| line.starts_with("notifier")).unwrap();
        assert!(line.contains(verdict) && !line.contains(password), "{line}");
        assert_eq!(run.status.code(), Some(code), "{said}");
    }
}
