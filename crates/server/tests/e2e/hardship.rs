//! What befalls a machine on its own: somebody else holds the catalog, the clock jumps. It costs time and nothing else.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::material;
use crate::mill::{Site, until};
use crate::session::Session;
use crate::tools;

/// A conversion of this much is still under way when its job has been seen to run.
const MIDST_SECONDS: u32 = 240;

/// Longer than a writer waits, which is ten seconds.
const LOCKED_SECONDS: &str = "12";

/// Another process that holds SQLite's lock.
fn lock(site: &Site) -> Child {
    const HOLD: &str = "import sqlite3, sys, time\n\
        held = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
        held.execute('BEGIN IMMEDIATE')\n\
        print('held', flush=True)\n\
        time.sleep(float(sys.argv[2]))\n\
        held.execute('ROLLBACK')\n";
    let mut holder = Command::new(tools::cloud_python().unwrap())
        .args(["-c", HOLD])
        .arg(site.data_dir().join("catalog.sqlite"))
        .arg(LOCKED_SECONDS)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    holder
}

pub(crate) fn a_catalog_that_another_process_has_locked_costs_nothing_but_time() {
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let (length, sound) = material::wav(MIDST_SECONDS);
    let long = session.upload_stream("long.wav", length, sound);
    let short = session.upload("short.wav", &material::wav_bytes(3));
    let running = session.convert(&long, "mp3");
    session.await_midst(&running);
    let mut holder = lock(&site);

    // What is read is answered, and what cannot be written is refused in words or waits.
    assert_eq!(session.all("/v1/media").len(), 2);
    let wish = serde_json::json!({"media_id": short, "profile": "mp3"});
    let answer = session.request("POST", "/v1/jobs").header("idempotency-key", "once").json(&wish);
    if answer.status != 202 {
        let problem = answer.problem(503);
        assert_eq!(problem["type"], "/problems/unavailable", "{problem}");
    }
    assert!(holder.wait().unwrap().success());

    session.await_done(&running);
    let asked = session.request("POST", "/v1/jobs").header("idempotency-key", "once").json(&wish).expect(202);
    session.await_done(asked["id"].as_str().unwrap());
    assert_eq!(session.all("/v1/jobs").len(), 2);
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn a_clock_that_jumps_an_hour_either_way_costs_no_job() {
    let site = Site::new();
    let (clock, next) = (site.folder().join("clock"), site.folder().join("clock.next"));
    let jump = |shift: &str| {
        // Renamed, so that nobody reads half of it.
        fs::write(&next, shift).unwrap();
        fs::rename(&next, &clock).unwrap();
    };
    jump("+0");
    let site = site
        .variable("LD_PRELOAD", &tools::faketime().unwrap())
        .variable("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap())
        .variable("FAKETIME_CACHE_DURATION", "1")
        .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let mill = site.start();
    let session = mill.sign_in();
    let (length, sound) = material::wav(MIDST_SECONDS);
    let media = session.upload_stream("long.wav", length, sound);

    for shift in ["+3600", "-3600"] {
        let running = session.convert(&media, "mp3");
        session.await_midst(&running);
        jump(shift);
        let done = session.await_done(&running);
        // Nobody took it for dead.
        assert_eq!(done["attempt"], 1, "{shift}: {done}");
        at_once(&session, &media, shift);
    }
    // What was queued at a time that is not yet again does not wait for it.
    jump("+3600");
    until("the clock has jumped", Duration::from_secs(10), || {
        session.request("POST", "/v1/queue/pause").get();
        let job = session.job(&session.convert(&media, "wav"));
        (job["created_at"].as_str() > Some(&*in_half_an_hour())).then_some(())
    });
    jump("-3600");
    std::thread::sleep(Duration::from_secs(2));
    session.request("POST", "/v1/queue/resume").get();
    for job in session.all("/v1/jobs") {
        session.await_done(job["id"].as_str().unwrap());
    }
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

/// A job that is asked for now is done now.
fn at_once(session: &Session, media: &str, shift: &str) {
    let job = session.await_done(&session.convert(media, "flac"));
    assert_eq!(job["attempt"], 1, "{shift}: {job}");
}

/// RFC 3339, by the clock that does not jump.
fn in_half_an_hour() -> String {
    let run = Command::new("date").args(["-u", "-d", "+30 minutes", "+%Y-%m-%dT%H:%M:%S"]).output().unwrap();
    String::from_utf8(run.stdout).unwrap().trim().to_owned()
}
