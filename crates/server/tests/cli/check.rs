//! `check` on engines that work, that are not there, and that refuse.

use std::path::Path;

use serde_json::Value;

use crate::mill::Mill;

/// The line of a part.
fn line<'a>(out: &'a str, port: &str) -> &'a str {
    out.lines().find(|line| line.starts_with(port)).unwrap_or_else(|| panic!("no {port} in {out}"))
}

/// What lies in a store, locks and folders not counted.
fn files_below(folder: &Path) -> Vec<String> {
    let entries =
        std::fs::read_dir(folder).expect("the store is there").map(|entry| entry.expect("an entry"));
    entries
        .flat_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() { files_below(&entry.path()) } else { vec![name] }
        })
        .filter(|name| name != "lock")
        .collect()
}

#[test]
fn each_part_is_written_to_read_and_cleared_again() {
    let mill = Mill::new();
    let said = mill.run(&["check"]);
    for (port, steps) in [
        ("catalog", ["open ", "write ", "read ", "delete "]),
        ("objects", ["open ", "write ", "read ", "delete "]),
        ("doorbell", ["open ", "ring ", "hear ", "ms"]),
    ] {
        let line = line(&said.out, port);
        assert!(line.contains(" ok ") && steps.iter().all(|step| line.contains(step)), "{line}");
    }
    assert_eq!(files_below(&mill.path("reelmill-data/objects")), Vec::<String>::new());
}

#[test]
fn what_cannot_be_used_is_told_in_one_line_and_fails_the_check() {
    let mill = Mill::new();
    mill.write("taken", "a file where a folder should be");
    let said = mill.run(&["check", "--objects", &format!("file://{}", mill.path("taken").display())]);
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(line(&said.out, "objects").contains(" FAILED "), "{}", said.out);
    assert!(line(&said.out, "catalog").contains(" ok "), "{}", said.out);
}

#[test]
fn an_engine_of_no_build_is_refused_by_name_and_a_password_is_never_shown() {
    let mill = Mill::new();
    let said = mill.run(&["check", "--json", "--catalog", "oracle://me:hush@db/mill"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    let findings: Value = serde_json::from_str(&said.out).expect("JSON");
    let catalog = &findings[0];
    assert_eq!((&catalog["port"], &catalog["ok"]), (&"catalog".into(), &false.into()));
    let error = catalog["error"].as_str().unwrap_or_default();
    assert!(error.starts_with("there is no catalog `oracle:`, this build has "), "{error}");
    assert!(!said.out.contains("hush") && !said.err.contains("hush"), "{}", said.out);
}
