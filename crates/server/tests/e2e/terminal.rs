//! `reelmill convert` for somebody who looks, for a script that does not, and for whoever presses Ctrl-C.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::material;
use crate::mill::until;
use crate::pty;
use crate::report;
use crate::tools;

pub(crate) fn on_a_terminal_a_conversion_shows_a_bar_with_speed_and_time_left() {
    let folder = tools::scratch();
    fs::write(folder.path().join("talk.wav"), material::wav_bytes(120)).unwrap();
    let (mut child, screen) = pty::spawn(&mut convert(folder.path(), &["talk.wav", "talk.mp3"]));
    let status = child.wait().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let shown = screen.text();
    assert_eq!(status.code(), Some(0), "{shown}");
    for word in ["talk.wav", "%", "x real time", " left", "talk.mp3"] {
        assert!(shown.contains(word), "no `{word}` in {shown:?}");
    }
    assert_eq!(names(folder.path()), ["talk.mp3", "talk.wav"]);
}

pub(crate) fn without_a_terminal_a_conversion_is_quiet() {
    let folder = tools::scratch();
    fs::write(folder.path().join("talk.wav"), material::wav_bytes(5)).unwrap();
    let run = convert(folder.path(), &["talk.wav", "talk.mp3"]).output().unwrap();
    assert_eq!(run.status.code(), Some(0));
    assert!(run.stdout.is_empty() && run.stderr.is_empty(), "{run:?}");

    let run = convert(folder.path(), &["talk.wav", "talk.opus", "--json"]).output().unwrap();
    assert_eq!(run.status.code(), Some(0));
    let told: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(told["duration_ms"], 5000, "{told}");

    let run = convert(folder.path(), &["talk.wav", "talk.mp3"]).output().unwrap();
    assert_eq!(run.status.code(), Some(4), "an output that exists");
    let run = convert(folder.path(), &["missing.wav", "out.mp3"]).output().unwrap();
    assert_eq!(run.status.code(), Some(3), "an input that does not exist");
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(said.contains("missing.wav") && said.lines().count() == 1, "{said}");
    assert_eq!(names(folder.path()), ["talk.mp3", "talk.opus", "talk.wav"]);
}

pub(crate) fn ctrl_c_leaves_nothing_and_exits_with_130() {
    let folder = tools::scratch();
    fs::write(folder.path().join("talk.wav"), material::wav_bytes(240)).unwrap();
    let mut child = convert(folder.path(), &["talk.wav", "talk.mp3"]).spawn().unwrap();
    until("the conversion has begun", Duration::from_secs(20), || {
        let begun =
            fs::read_dir(folder.path()).unwrap().flatten().filter(|entry| entry.file_name() != "talk.wav");
        begun.filter_map(|entry| entry.metadata().ok()).any(|file| file.len() > 4096).then_some(())
    });
    let asked = Instant::now();
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let status = child.wait().unwrap();
    report::seconds("terminal", "from Ctrl-C to the end", asked.elapsed());
    assert_eq!(status.code(), Some(130));
    assert_eq!(names(folder.path()), ["talk.wav"]);
}

pub(crate) fn ctrl_c_at_a_password_prompt_gives_the_echo_back_and_exits_with_130() {
    for typed in ["\u{3}", "half a password\u{3}"] {
        let folder = tools::scratch();
        let mut command = Command::new(tools::reelmill());
        command.args(["user", "add", "me@example.org"]).current_dir(folder.path());
        let (mut child, mut screen) = pty::spawn(&mut command);
        assert!(screen.is_echoing());
        until("it asks", Duration::from_secs(20), || screen.text().contains("Password for").then_some(()));
        assert!(!screen.is_echoing());
        screen.press(typed);
        let (status, _) = until("it ends", Duration::from_secs(20), || child.try_wait().unwrap());
        assert_eq!(status.code(), Some(130), "{}", screen.text());
        assert!(screen.is_echoing());
        assert!(!screen.text().contains("half"), "{}", screen.text());
    }
}

fn convert(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(tools::reelmill());
    command.arg("convert").args(words).current_dir(folder);
    command
}

/// What is in a folder, hidden files too.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
