//! `convert` and `probe` on real audio: results, exit codes, and that nothing is left behind.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Stdio;

use crate::mill::{Mill, Said};
use crate::sine::wav;

fn mill_with_tone() -> Mill {
    let mill = Mill::new();
    mill.write("tone.wav", wav(2, 44_100, 2));
    mill
}

#[test]
fn a_file_becomes_every_format_with_the_length_it_had() {
    let mill = mill_with_tone();
    for (name, format) in
        [("a.mp3", "mp3"), ("a.opus", "opus"), ("a.flac", "flac"), ("a.wav", "wav"), ("a.ogg", "ogg")]
    {
        let said = mill.run(&["convert", "tone.wav", name, "--json"]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{name}");
        let done = said.json();
        assert_eq!((&done["format"], &done["output"]), (&format.into(), &name.into()));
        assert_eq!(done["duration_ms"], 2000, "{name}: {done}");
        assert_eq!(done["size_bytes"], std::fs::metadata(mill.path(name)).unwrap().len());
        let probed = mill.run(&["probe", name, "--json"]);
        assert_eq!(probed.code, Some(0), "{name}: {}", probed.err);
        assert_eq!(probed.json()["audio"]["channels"], 2, "{name}");
    }
}

#[test]
fn opus_becomes_dca_by_copying_and_the_result_plays_to_its_end() {
    let mill = mill_with_tone();
    assert_eq!(mill.run(&["convert", "tone.wav", "a.opus"]).code, Some(0));
    for (name, profile, version) in [("a.dca", "dca", 1), ("b.dca", "dca0", 0)] {
        let done = mill.run(&["convert", "a.opus", name, "--profile", profile, "--json"]).json();
        assert!(done["plan"].as_str().is_some_and(|plan| plan.starts_with("copied: Opus")), "{done}");
        let said = mill.run(&["play-check", name, "--json"]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{name}");
        let found = said.json();
        assert_eq!((&found["version"], &found["stereo"]), (&version.into(), &found["packets"]), "{found}");
        assert_eq!(found["duration_ms"], done["duration_ms"], "{found}");
    }
    let asked = mill.run(&["convert", "a.opus", "c.dca", "--bitrate", "96k", "--json"]).json();
    assert!(asked["plan"].as_str().is_some_and(|plan| plan.starts_with("encoded: opus")), "{asked}");
    assert_eq!(mill.run(&["play-check", "c.dca", "--json"]).json()["header"]["opus"]["abr"], 96_000);
}

#[test]
fn a_dca_file_that_does_not_play_says_where_it_breaks() {
    let mill = mill_with_tone();
    assert_eq!(mill.run(&["convert", "tone.wav", "a.dca"]).code, Some(0));
    let whole = std::fs::read(mill.path("a.dca")).unwrap();
    mill.write("cut.dca", &whole[..whole.len() - 1]);
    let said = mill.run(&["play-check", "cut.dca"]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""));
    assert!(said.err.contains("cut off at byte") && said.err.contains("1 bytes"), "{}", said.err);
    let said = mill.run(&["play-check", "tone.wav", "--json"]);
    assert_eq!(said.code, Some(3));
    assert!(said.err.contains("not dca"), "{}", said.err);
    assert_eq!(mill.run(&["play-check", "nothing.dca"]).code, Some(3));
}

#[test]
fn a_lossless_result_is_sample_exact_and_readable_as_any_new_file() {
    let mill = mill_with_tone();
    assert_eq!(mill.run(&["convert", "tone.wav", "a.flac"]).code, Some(0));
    assert_eq!(mill.run(&["convert", "a.flac", "b.wav"]).code, Some(0));
    let (before, after) = (wav(2, 44_100, 2), std::fs::read(mill.path("b.wav")).unwrap());
    assert!(after.ends_with(&before[44..]), "the samples differ");
    mill.write("new", "");
    let mode = |name| std::fs::metadata(mill.path(name)).unwrap().permissions().mode();
    assert_eq!(mode("a.flac"), mode("new"));
}

#[test]
fn nothing_is_said_without_a_terminal() {
    let mill = mill_with_tone();
    let said = mill.run(&["convert", "tone.wav", "a.mp3"]);
    assert_eq!((said.code, said.out, said.err), (Some(0), String::new(), String::new()));
}

#[test]
fn flags_reach_the_encoder() {
    let mill = mill_with_tone();
    let flags = [
        "--profile",
        "mp3-voice",
        "--sample-rate",
        "22050",
        "--start",
        "0.5",
        "--end",
        "1.5",
        "--effort",
        "9",
    ];
    let said = mill.run(&[["convert", "tone.wav", "a.mp3", "--json"].as_slice(), &flags].concat());
    let done = said.json();
    assert_eq!(done["duration_ms"], 1000);
    assert_eq!(done["plan"], "encoded: pcm 44.1 kHz stereo to mp3 64 kbit/s 22.05 kHz mono");
}

#[test]
fn an_output_is_replaced_only_with_overwrite() {
    let mill = mill_with_tone();
    mill.write("a.mp3", "precious");
    let said = mill.run(&["convert", "tone.wav", "a.mp3"]);
    insta::assert_snapshot!(said.refusal(), @"4: reelmill: cannot write a.mp3: it exists; add --overwrite to replace it");
    assert_eq!(std::fs::read(mill.path("a.mp3")).unwrap(), b"precious");
    assert_eq!(mill.run(&["convert", "tone.wav", "a.mp3", "--overwrite"]).code, Some(0));
    assert!(std::fs::metadata(mill.path("a.mp3")).unwrap().len() > 10_000);
    assert_eq!(mill.names(), ["a.mp3", "tone.wav"]);
}

#[test]
fn an_input_is_never_its_own_output() {
    let mill = mill_with_tone();
    std::os::unix::fs::symlink("tone.wav", mill.path("link.wav")).unwrap();
    for name in ["tone.wav", "./tone.wav", "link.wav"] {
        let said = mill.run(&["convert", "tone.wav", name, "--overwrite"]);
        assert_eq!(said.code, Some(4), "{name}: {}", said.err);
        assert!(said.err.contains("it is the input itself"), "{}", said.err);
    }
    assert_eq!(std::fs::read(mill.path("tone.wav")).unwrap(), wav(2, 44_100, 2));
}

#[test]
fn a_replaced_link_stays_a_link() {
    let mill = mill_with_tone();
    mill.write("real.mp3", "old");
    std::os::unix::fs::symlink("real.mp3", mill.path("link.mp3")).unwrap();
    assert_eq!(mill.run(&["convert", "tone.wav", "link.mp3", "--overwrite"]).code, Some(0));
    assert!(mill.path("link.mp3").is_symlink());
    assert!(std::fs::metadata(mill.path("real.mp3")).unwrap().len() > 10_000);
}

#[test]
fn refusals_say_what_to_do_and_leave_nothing() {
    let mill = mill_with_tone();
    mill.write("text.mp3", "this is no media at all, whatever its name says. ".repeat(100));
    mill.write("empty.wav", "");
    std::fs::create_dir(mill.path("folder.mp3")).unwrap();
    let before = mill.names();
    let cases: [&[&str]; 17] = [
        &["convert", "missing.wav", "a.mp3"],
        &["convert", "folder.mp3", "a.mp3"],
        &["convert", "text.mp3", "a.wav"],
        &["convert", "empty.wav", "a.mp3"],
        &["convert", "tone.wav", "a.exe"],
        &["convert", "tone.wav", "a"],
        &["convert", "tone.wav", "missing/a.mp3"],
        &["convert", "tone.wav", "folder.mp3"],
        &["convert", "tone.wav", "text.mp3", "a.mp3"],
        &["convert", "-", "folder.mp3", "--to", "mp3"],
        &["convert", "tone.wav", "tone.wav", "folder.mp3", "--to", "mp3"],
        &["convert", "tone.wav", "a.flac", "--bitrate", "128k"],
        &["convert", "tone.wav", "a.mp3", "--start", "9"],
        &["convert", "tone.wav", "a.mp3", "--start", "1", "--end", "0.5"],
        &["convert", "tone.wav", "a.mp3", "--channels", "6"],
        &["convert", "tone.wav", "-", "--to", "mp3", "--json"],
        &["probe", "text.mp3"],
    ];
    let said: Vec<String> =
        cases.iter().map(|case| format!("{}\n  {}", case.join(" "), mill.run(case).refusal())).collect();
    insta::assert_snapshot!(said.join("\n"));
    assert_eq!(mill.names(), before);
}

#[test]
fn errors_are_objects_with_json() {
    let mill = mill_with_tone();
    let cases: [&[&str]; 3] = [
        &["convert", "missing.wav", "a.mp3", "--json"],
        &["convert", "a.mp3", "--json"],
        &["probe", "missing.wav", "--json"],
    ];
    let said: Vec<String> = cases.iter().map(|case| mill.run(case).refusal()).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn several_inputs_go_into_a_folder_and_one_that_fails_stops_no_other() {
    let mill = mill_with_tone();
    mill.write("b.wav", wav(1, 48_000, 1));
    mill.write("broken.wav", "nothing");
    let said =
        mill.run(&["convert", "tone.wav", "broken.wav", "b.wav", "out/", "--profile", "opus", "--json"]);
    assert_eq!(said.code, Some(3));
    assert_eq!(said.out.lines().count(), 2, "{}", said.out);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    let mut names: Vec<_> =
        std::fs::read_dir(mill.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["b.opus", "tone.opus"]);
}

#[test]
fn standard_input_and_output_are_a_pipe() {
    let mill = mill_with_tone();
    let mut child = mill
        .command(&["convert", "-", "-", "--to", "flac"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeding = std::thread::spawn(move || stdin.write_all(&wav(2, 44_100, 2)).unwrap());
    let mut flac = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut flac).unwrap();
    feeding.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(flac.starts_with(b"fLaC"));
    mill.write("piped.flac", flac);
    assert_eq!(mill.run(&["convert", "tone.wav", "named.flac"]).code, Some(0));
    assert_eq!(
        std::fs::read(mill.path("piped.flac")).unwrap(),
        std::fs::read(mill.path("named.flac")).unwrap()
    );
    assert_eq!(mill.names(), ["named.flac", "piped.flac", "tone.wav"]);
}

#[test]
fn a_redirected_file_is_read_where_it_is() {
    let mill = mill_with_tone();
    let file = File::open(mill.path("tone.wav")).unwrap();
    let said = Said::from(mill.command(&["probe", "-", "--json"]).stdin(file).output().unwrap());
    assert_eq!(said.json()["duration_ms"], 2000);
}

#[test]
fn a_full_device_is_an_output_that_is_refused() {
    let mill = mill_with_tone();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let said =
        Said::from(mill.command(&["convert", "tone.wav", "-", "--to", "mp3"]).stdout(full).output().unwrap());
    insta::assert_snapshot!(said.refusal(), @"4: reelmill: cannot write standard output: No space left on device (os error 28); make room and try again");
    let said = mill.run(&["convert", "tone.wav", "/dev/full", "--to", "mp3"]);
    assert_eq!(said.code, Some(4), "{}", said.err);
    assert_ne!(std::fs::metadata("/dev/full").unwrap().rdev(), 0, "the device is still one");
    assert_eq!(mill.names(), ["tone.wav"]);
}

#[test]
fn an_interrupted_conversion_leaves_nothing_and_says_so() {
    let mill = Mill::new();
    mill.write("long.wav", wav(900, 44_100, 2));
    let mut child = mill
        .command(&["convert", "long.wav", "a.mp3", "--effort", "0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let is_writing = || mill.names().iter().any(|name| name.starts_with(".reelmill-"));
    while !is_writing() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it wrote");
        std::thread::yield_now();
    }
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(err, "reelmill: interrupted; what was not finished was removed\n");
    assert_eq!(mill.names(), ["long.wav"]);
}

#[test]
fn a_probe_says_what_is_there_and_what_each_profile_makes_of_it() {
    let mill = Mill::new();
    mill.write("tone.wav", wav(1, 96_000, 2));
    let said = mill.run(&["probe", "tone.wav"]);
    assert_eq!(said.err, "");
    insta::assert_snapshot!(said.out);
}
