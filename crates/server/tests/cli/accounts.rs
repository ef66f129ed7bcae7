//! `user` and `migrate` on a catalog in a folder of their own.

use std::io::Write as _;
use std::process::Stdio;

use crate::mill::{Mill, Said};

fn with_input(mill: &Mill, arguments: &[&str], input: &str) -> Said {
    let mut child = mill
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("the password is taken");
    Said::from(child.wait_with_output().expect("the binary ends"))
}

#[test]
fn an_account_is_made_listed_changed_and_removed() {
    let mill = Mill::new();
    let made = mill.run(&["user", "add", "Me@Example.org", "--name", "me", "--admin", "--json"]);
    assert_eq!((made.code, made.err.as_str()), (Some(0), ""));
    assert_eq!(made.json()["password"].as_str().map(str::len), Some(23), "a password was made");
    let given = with_input(&mill, &["user", "add", "you@example.org", "--password-stdin"], "correct horse\n");
    assert_eq!((given.code, given.out.as_str()), (Some(0), "made the member account you@example.org\n"));
    let listed = mill.run(&["user", "list", "--json"]).json();
    let rows: Vec<_> =
        listed.as_array().expect("a list").iter().map(|row| (&row["email"], &row["role"])).collect();
    assert_eq!(
        rows,
        [(&"Me@Example.org".into(), &"admin".into()), (&"you@example.org".into(), &"member".into())]
    );
    let changed = with_input(&mill, &["user", "passwd", "ME", "--password-stdin"], "battery staple");
    assert_eq!(changed.code, Some(0), "{}", changed.err);
    assert_eq!(mill.run(&["user", "remove", "me@example.org"]).code, Some(0));
    let left = mill.run(&["user", "list"]);
    assert!(left.out.starts_with("you@example.org") && left.out.lines().count() == 1, "{}", left.out);
}

#[test]
fn refusals_name_the_account() {
    let mill = Mill::new();
    assert_eq!(mill.run(&["user", "add", "me@example.org"]).code, Some(0));
    let long = "x".repeat(2000);
    let said = [
        mill.run(&["user", "add", "ME@example.org"]),
        mill.run(&["user", "add", "me"]),
        mill.run(&["user", "passwd", "you@example.org"]),
        mill.run(&["user", "remove", "you@example.org"]),
        with_input(&mill, &["user", "add", "you@example.org", "--password-stdin"], "\n"),
        with_input(&mill, &["user", "add", "you@example.org", "--password-stdin"], &long),
    ];
    insta::assert_snapshot!(said.map(|said| said.refusal()).join("\n"));
}

#[test]
fn a_migration_says_from_where_to_where_and_is_done_once() {
    let mill = Mill::new();
    let first = mill.run(&["migrate", "--json"]);
    assert_eq!(first.code, Some(0), "{}", first.err);
    let (first, again) = (first.json(), mill.run(&["migrate", "--json"]).json());
    assert_eq!(first["from"], 0);
    assert!(first["to"].as_i64() >= Some(1));
    assert_eq!((&again["from"], &again["to"]), (&first["to"], &first["to"]));
}

#[test]
fn a_data_folder_may_have_any_name_and_an_empty_catalog_path_is_the_catalog_in_it() {
    let mill = Mill::new();
    let run = |arguments: &[&str]| mill.run(&[arguments, &["--data-dir", "a%20b ü"]].concat());
    let added = run(&["user", "add", "me@example.org"]);
    assert_eq!(added.code, Some(0), "{}", added.err);
    let listed = run(&["user", "list", "--catalog", "sqlite:"]);
    assert!(listed.out.starts_with("me@example.org"), "{}{}", listed.out, listed.err);
    assert_eq!(mill.names(), ["a%20b ü"]);
    for name in ["catalog.db", "objects/.partial"] {
        assert!(mill.path("a%20b ü").join(name).exists(), "{name}");
    }
}
