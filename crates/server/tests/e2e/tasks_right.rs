//! What must be right at the tasks' door, a case for each line of its contract.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::Shutdown;
use std::time::Duration;

use crate::bad_input::multipart;
use crate::client::Body;
use crate::material;
use crate::mill::until;
use crate::tasks_client::{Member, id_of, open_site, tone, unreadable};

/// Names that would do something if anything took them for more than a name.
const NAMES: [(&str, &str, &str); 8] = [
    ("$(touch x);.mp3", "$(touch x);.mp3", "$(touch x);.ogg"),
    ("a.b.mp3", "a.b.mp3", "a.b.ogg"),
    ("`touch x`.wav", "`touch x`.wav", "`touch x`.ogg"),
    ("../../x.wav", "x.wav", "x.ogg"),
    ("'; DROP TABLE tasks; --.wav", "'; DROP TABLE tasks; --.wav", "'; DROP TABLE tasks; --.ogg"),
    (r#"__import__(\"os\").wav"#, r#"__import__("os").wav"#, r#"__import__("os").ogg"#),
    (r#"{\"task_id\": 1}.wav"#, r#"{"task_id": 1}.wav"#, r#"{"task_id": 1}.ogg"#),
    ("-rf ñandú.wav", "-rf ñandú.wav", "-rf ñandú.ogg"),
];

pub(crate) fn messages_are_data_never_code() {
    let site = open_site();
    let mill = site.start();
    let ann = Member::join(&mill, "ann");
    let before = everything_in(site.folder(), &["objects", "catalog"]);
    for (seed, (sent, kept, result)) in (1_u32..).zip(NAMES) {
        let original = tone(seed, 800);
        let task = ann.create(sent, &original, "flac");
        assert_eq!(task["name"], kept);
        let id = id_of(&task);
        ann.await_result(id);
        let answer = ann.get(&format!("/api/download/{id}?which=original"));
        let disposition = answer.header("content-disposition").unwrap().to_owned();
        assert!(disposition.starts_with("attachment; filename=\""), "{disposition}");
        assert_eq!(answer.bytes(), original);
        for (name, is_original) in [(kept, true), (&*result.replace(".ogg", ".flac"), false)] {
            let file = ann.get(&format!("/api/files/{}", encoded(name)));
            assert_eq!(file.status, 200, "{name}");
            assert_eq!(file.bytes() == original, is_original, "{name}");
        }
    }
    assert_eq!(everything_in(site.folder(), &["objects", "catalog"]), before);
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}

/// The files under a folder, but for those whose path names one of `but`.
fn everything_in(folder: &std::path::Path, but: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.path().display().to_string();
        if but.iter().any(|word| name.contains(word)) {
            continue;
        }
        if entry.path().is_dir() {
            found.extend(everything_in(&entry.path(), but));
        } else {
            found.insert(name);
        }
    }
    found
}

fn encoded(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        write!(encoded, "%{byte:02X}").unwrap();
    }
    encoded
}

pub(crate) fn no_task_is_half_made() {
    let site = open_site();
    let mill = site.start();
    let ann = Member::join(&mill, "ann");
    let wav = tone(1, 2000);
    let file = ("audio", Some("song.wav"), &wav[..]);
    // Refused when all bytes are here.
    ann.send_form(&[file, ("newFormat", None, b"exe")]).expect(400);
    ann.send_form(&[file]).expect(400);
    ann.send_form(&[file, ("filename", None, b".."), ("newFormat", None, b"mp3")]).expect(400);
    ann.send_form(&[file, ("newFormat", None, &[b'x'; 5000])]).expect(400);
    ann.send_form(&[file, ("file", Some("b.wav"), &wav), ("newFormat", None, b"mp3")]).expect(400);
    ann.send_form(&[("audio", Some("a.wav"), &[0x5a; 5000]), ("newFormat", None, b"mp3")]).expect(415);
    // Cut at every part of the form, and in between.
    let (kind, body) = multipart(&[file, ("newFormat", None, b"mp3")]);
    for end in [10, 100, 2000, body.len() - 60, body.len() - 12, body.len() - 3] {
        let request = ann.request("POST", "/api/tasks").header("content-type", kind.clone());
        let mut stream = request.open(&Body::Bytes(&body)).unwrap();
        stream.write_all(&body[..end]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // Whatever it says to nobody.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!(ann.tasks().is_empty(), "{:?}", ann.tasks());
    // Killed while a file comes: nothing; killed when it was accepted: all of it.
    let (length, mut endless) = material::wav(60);
    let request = ann.request("POST", "/api/tasks").header("content-type", kind.clone());
    let mut head = Vec::new();
    (&mut endless).take(1_000_000).read_to_end(&mut head).unwrap();
    let mut stream = request.open(&Body::Sized(length, &mut endless)).unwrap();
    stream.write_all(&body[..body.len() / 2]).unwrap();
    stream.write_all(&head).unwrap();
    let made = id_of(&ann.create("song.wav", &wav, "flac"));
    mill.kill();
    drop(stream);

    let mill = site.start();
    let ann = Member::log_in(&mill, "ann");
    assert!(ann.await_result(made).starts_with(b"fLaC"));
    assert_eq!(ann.tasks().len(), 1);
    mill.sign_in().expect_no_leftovers(&site.objects());
    let id = made.to_string();
    assert_eq!(ann.request("DELETE", &format!("/api/tasks/{id}")).get().status, 200);
    until("nothing is left", Duration::from_secs(20), || site.objects().objects().is_empty().then_some(()));
    mill.stop();
}

pub(crate) fn formats_are_compared_without_case_and_the_output_never_overwrites_the_original() {
    let site = open_site();
    let mill = site.start();
    let ann = Member::join(&mill, "ann");
    let original = tone(1, 4000);
    for (name, format, extension) in [
        ("SONG.WAV", "wav", "WAV"),
        ("song.wav", "WAV", "wav"),
        ("a.b.Wav", "fLaC", "Wav"),
        ("plain", "Mp3", ""),
    ] {
        let task = ann.create(name, &original, format);
        assert_eq!((&task["name"], &task["originalExt"]), (&name.into(), &extension.into()));
        assert_eq!(task["convertedExt"], format.to_lowercase());
        let id = id_of(&task);
        let converted = ann.await_result(id);
        assert_ne!(converted, b"");
        assert_eq!(ann.download(id, "original"), original, "{name}");
        assert_eq!(ann.get(&format!("/api/files/{name}")).bytes(), original, "{name}");
        // Converted again, and again the original is what it was.
        let body = serde_json::json!({"newFormat": "WAV"});
        let target = format!("/api/tasks/{id}");
        let changed = ann.request("PUT", &target).json(&body).expect(200);
        assert_eq!((&changed["state"], &changed["convertedExt"]), (&"UPLOADED".into(), &"wav".into()));
        ann.await_result(id);
        assert_eq!(ann.download(id, "original"), original, "{name}");
    }
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn two_workers_never_collide_on_a_scratch_file() {
    let site = open_site().flags(&["--slots", "4"]);
    let mill = site.start();
    let members = [Member::join(&mill, "ann"), Member::join(&mill, "bob")];
    // Everybody's file has the same name, and every one another sound.
    let mut tasks = Vec::new();
    for seed in 0..12_u32 {
        let member = &members[seed as usize % 2];
        let original = tone(seed, 40_000);
        let id = id_of(&member.create("song.wav", &original, "flac"));
        tasks.push((member, id, original));
    }
    let mut results = BTreeSet::new();
    for (member, id, original) in &tasks {
        let flac = member.await_result(*id);
        // Its own sound and nobody else's: a FLAC knows the MD5 of what it decodes to, and these are all different.
        assert!(results.insert(flac[26..42].to_vec()), "task {id}");
        assert_eq!(member.download(*id, "original"), *original);
    }
    assert_eq!(results.len(), 12);
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn a_failed_task_says_so() {
    let site = open_site();
    let mill = site.start();
    let ann = Member::join(&mill, "ann");
    let id = id_of(&ann.create("broken.wav", &unreadable(), "mp3"));
    let task = ann.await_end(id);
    assert_eq!(task["state"], "FAILED");
    let reason = task["message"].as_str().unwrap();
    assert!(!reason.is_empty());
    let answer = ann.get(&format!("/api/download/{id}?which=converted")).expect(404);
    assert_eq!(answer["error"], format!("the task failed: {reason}"));
    // The original is what there is, and another wish may do better or say again that it does not.
    assert_eq!(ann.get(&format!("/api/download/{id}")).bytes(), unreadable());
    let target = format!("/api/tasks/{id}");
    ann.request("PUT", &target).json(&serde_json::json!({"newFormat": "wav"})).expect(200);
    assert_eq!(ann.await_end(id)["state"], "FAILED");
    let whole = id_of(&ann.create("whole.wav", &tone(1, 800), "mp3"));
    ann.await_result(whole);
    assert_eq!(ann.task(whole).get("message"), None);
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}
