//! The converter's contract as its clients know it: the example script, which is curl and nothing else.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::mill::{EMAIL, Mill, PASSWORD, Site};
use crate::sound;
use crate::{material, tools};

pub(crate) fn the_example_script_turns_an_mp4_into_an_mp3() {
    let site = Site::new();
    let mill = site.start();
    let film = match tools::corpus() {
        Some(corpus) => fs::read(corpus.join("hachoir/quicktime.mp4")).unwrap(),
        None => material::mp4(site.folder(), &[]),
    };
    fs::write(site.folder().join("my film.mp4"), film).unwrap();
    let run = script(&mill, site.folder(), PASSWORD, &["my film.mp4", "song.mp3"]);
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.status.code(), Some(0), "{said}");
    assert!(said.contains("success!"), "{said}");

    let song = site.folder().join("song.mp3");
    let about = sound::probe(&song);
    assert_eq!(about.codec, "mp3");
    let (result, original) = (sound::frames(&song), sound::frames(&site.folder().join("my film.mp4")));
    assert_eq!(result.complaints, "");
    assert!(result.frames > 0 && result.frames.abs_diff(original.frames) <= 1024, "{result:?} {original:?}");

    let session = mill.sign_in();
    let jobs = session.all("/v1/jobs");
    assert_eq!((jobs.len(), &jobs[0]["state"]), (1, &"done".into()));
    assert_eq!(fs::read(&song).unwrap(), session.output(&jobs[0]));
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn the_example_script_says_why_it_failed() {
    let site = Site::new();
    let mill = site.start();
    fs::write(site.folder().join("rubbish.mp4"), [0x5a; 5000]).unwrap();
    let run = script(&mill, site.folder(), PASSWORD, &["rubbish.mp4", "song.mp3"]);
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    let run = script(&mill, site.folder(), "not the password", &["rubbish.mp4", "song.mp3"]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(said.contains("invalid credentials"), "{said}");
    assert!(!site.folder().join("song.mp3").exists());
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}

fn script(mill: &Mill, folder: &Path, password: &str, words: &[&str]) -> Output {
    script_of(mill, folder, EMAIL, password, words)
}

pub(crate) fn script_of(mill: &Mill, folder: &Path, email: &str, password: &str, words: &[&str]) -> Output {
    Command::new("sh")
        .arg(tools::repository().join("examples/mp3-converter.sh"))
        .args(words)
        .current_dir(folder)
        .env("REELMILL_URL", format!("http://{}", mill.address()))
        .env("REELMILL_EMAIL", email)
        .env("REELMILL_PASSWORD", password)
        .output()
        .unwrap()
}
