//! `export`, `import` and `migrate-objects`: what is in the data folder, taken somewhere else.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::json;

use crate::mill::{Mill, Said};

const MEDIA: &str = "01939f00-0000-7000-8000-00000000000a";
const CONTENT: &[u8] = b"what was sent in";

fn inhabited() -> Mill {
    let mill = Mill::new();
    for email in ["me@example.org", "you@example.org"] {
        assert_eq!(mill.run(&["user", "add", email]).code, Some(0));
    }
    mill
}

fn text(mill: &Mill, name: &str) -> String {
    fs::read_to_string(mill.path(name)).expect("a file")
}

/// The lines without the first, which has the time, with a last line that is right for them.
fn sealed(first: &str, records: &[String], counts: &serde_json::Value) -> String {
    let lines: Vec<_> = [first].into_iter().chain(records.iter().map(String::as_str)).collect();
    let body = format!("{}\n", lines.join("\n"));
    let blake3 = blake3::hash(body.as_bytes()).to_hex().to_string();
    format!("{body}{}\n", json!({"end": {"records": counts, "blake3": blake3}}))
}

/// A data folder whose catalog names one object, which is in its store.
fn with_an_object() -> Mill {
    let mill = Mill::new();
    let media = json!({"media": {
        "id": MEDIA, "owner": MEDIA, "name": "a.wav", "key": format!("media/{MEDIA}"), "size_bytes": CONTENT.len(),
        "blake3": blake3::hash(CONTENT).to_hex().to_string(), "content_type": "audio/wav", "created_at": 0,
        "info": {"container": "wav", "duration_ms": null, "audio": null, "unreadable": null, "tags": [], "has_cover": false},
    }});
    let first = json!({"reelmill_export": 1, "schema": 1, "exported_at": ""}).to_string();
    mill.write("one.jsonl", sealed(&first, &[media.to_string()], &json!({"media": 1})));
    let said = mill.run(&["import", "one.jsonl"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let folder = mill.path("reelmill-data/objects/media+");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(MEDIA), CONTENT).expect("an object");
    mill
}

#[test]
fn a_catalog_is_carried_by_a_file_and_by_a_pipe() {
    let mill = inhabited();
    let exported = mill.run(&["export", "all.jsonl"]);
    assert_eq!((exported.code, exported.err.as_str()), (Some(0), ""));
    assert!(exported.out.starts_with("wrote 5 records to all.jsonl;"), "{}", exported.out);
    let mode = fs::metadata(mill.path("all.jsonl")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let imported = mill.run(&["import", "all.jsonl", "--data-dir", "other", "--json"]);
    assert_eq!(
        (imported.code, imported.json()),
        (Some(0), json!({"added": 2, "found": 0})),
        "{}",
        imported.err
    );
    let again = mill.run(&["import", "all.jsonl", "--data-dir", "other", "--json"]);
    assert_eq!(again.json(), json!({"added": 0, "found": 2}));

    let piped = mill.run(&["export", "-"]);
    let mut child = mill
        .command(&["import", "-", "--data-dir", "third"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    child.stdin.take().expect("a pipe").write_all(piped.out.as_bytes()).expect("it is taken");
    let said = Said::from(child.wait_with_output().expect("the binary ends"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let listed = mill.run(&["user", "list"]).out;
    for folder in ["other", "third"] {
        assert_eq!(mill.run(&["user", "list", "--data-dir", folder]).out, listed);
    }
}

#[test]
fn an_export_replaces_nothing_unasked_and_leaves_no_half() {
    let mill = inhabited();
    mill.write("all.jsonl", "mine");
    let refused = mill.run(&["export", "all.jsonl"]);
    assert_eq!(
        refused.refusal(),
        "4: reelmill: cannot write all.jsonl: it exists; add --overwrite to replace it"
    );
    assert_eq!(text(&mill, "all.jsonl"), "mine");
    let folder = mill.run(&["export", "reelmill-data", "--overwrite"]);
    assert_eq!(folder.code, Some(4), "{}", folder.err);
    assert_eq!(mill.run(&["export", "all.jsonl", "--overwrite"]).code, Some(0));
    assert!(text(&mill, "all.jsonl").starts_with("{\"reelmill_export\":1"));
    assert_eq!(mill.names(), ["all.jsonl", "reelmill-data"]);
    let gone = mill.run(&["export", "gone.jsonl", "--catalog", "memory:"]);
    assert_eq!(gone.code, Some(2), "{}", gone.err);
}

#[test]
fn an_import_that_cannot_be_whole_writes_nothing() {
    let mill = inhabited();
    assert_eq!(mill.run(&["export", "all.jsonl"]).code, Some(0));
    let all = text(&mill, "all.jsonl");
    mill.write("cut.jsonl", &all[..all.len() - 20]);
    mill.write("changed.jsonl", all.replace("you@example.org", "foo@example.org"));
    for (name, words) in
        [("cut.jsonl", "it was cut"), ("changed.jsonl", "it was changed"), ("none.jsonl", "no such file")]
    {
        let refused = mill.run(&["import", name, "--data-dir", "other"]).refusal();
        assert!(refused.starts_with("3: ") && refused.to_lowercase().contains(words), "{refused}");
    }
    assert!(mill.run(&["user", "list", "--data-dir", "other"]).out.contains("no account yet"));
    // One account more than the file has.
    assert_eq!(mill.run(&["user", "add", "they@example.org"]).code, Some(0));
    let refused = mill.run(&["import", "all.jsonl"]).refusal();
    assert!(refused.starts_with("1: ") && refused.contains("not in the file are account"), "{refused}");
    assert_eq!(mill.run(&["user", "list"]).out.lines().count(), 3);
}

#[test]
fn a_running_server_keeps_both_out() {
    let mill = inhabited();
    assert_eq!(mill.run(&["export", "all.jsonl"]).code, Some(0));
    let lock = fs::File::open(mill.path("reelmill-data/lock")).expect("the lock");
    lock.lock().expect("nobody else has it");
    for command in [&["export", "more.jsonl"], &["import", "all.jsonl"]] {
        let refused = mill.run(command).refusal();
        assert!(refused.starts_with("1: ") && refused.contains("is in use by another reelmill"), "{refused}");
    }
    assert_eq!(mill.names(), ["all.jsonl", "reelmill-data"]);
}

#[test]
fn objects_are_moved_once_and_proved_each_time() {
    let mill = with_an_object();
    let to = format!("file://{}", mill.path("there").display());
    let moved = mill.run(&["migrate-objects", "file:", &to]);
    assert_eq!((moved.code, moved.err.as_str()), (Some(0), ""));
    assert!(
        moved.out.starts_with("objects copied: 1 (16 bytes), there already: 0, missing: 0\nnext: ")
            && moved.out.contains(&format!("REELMILL_OBJECTS={to}")),
        "{}",
        moved.out
    );
    let copy = mill.path("there/media+").join(MEDIA);
    assert_eq!(fs::read(&copy).expect("the copy"), CONTENT);
    assert_eq!(
        fs::read(mill.path("reelmill-data/objects/media+").join(MEDIA)).expect("the original"),
        CONTENT
    );
    let again = mill.run(&["migrate-objects", "file:", &to, "--json"]).json();
    assert_eq!((&again["copied"], &again["found"], &again["failed"]), (&json!(0), &json!(1), &json!(0)));

    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).expect("it may be changed");
    fs::write(&copy, b"what was sent un").expect("it is changed");
    let wrong = mill.run(&["migrate-objects", "file:", &to]);
    assert_eq!(wrong.code, Some(1));
    assert!(
        wrong.out.contains("other bytes under this key") && !wrong.out.contains("next:"),
        "{}",
        wrong.out
    );
}

#[test]
fn a_store_that_is_none_is_refused_without_its_password() {
    let mill = Mill::new();
    for (from, to, code) in [
        ("file:", "file:", 2),
        ("file:", "nothing", 2),
        ("file:", "memory:", 2),
        ("file:", "ftp://me:s3cret@host/", 1),
        ("s3cret@host", "file:", 2),
    ] {
        let refused = mill.run(&["migrate-objects", from, to]);
        assert_eq!(refused.code, Some(code), "{}", refused.err);
        assert!(!refused.err.contains("s3cret"), "{}", refused.err);
    }
}
