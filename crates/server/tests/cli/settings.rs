//! `config`, `backends`, the help texts, and what a wrong configuration is answered with.

use crate::mill::{Mill, Said};

#[test]
fn the_effective_configuration_has_origins_and_no_secrets() {
    let mill = Mill::new();
    mill.write("reelmill.toml", "lease = \"20s\"\nslots = 9\n");
    let run = |arguments: &[&str]| {
        let mut command = mill.command(arguments);
        command.env("REELMILL_SLOTS", "2").env("JWT_SECRET", "0123456789abcdef0123456789abcdef");
        command
            .env("REELMILL_CATALOG", "mysql://reel:hunter2@db/reel")
            .env("REELMILL_PORT", "tcp://10.0.0.1:80");
        Said::from(command.output().expect("the binary runs"))
    };
    let said = run(&["config", "--data-dir", "/srv/mill"]);
    assert_eq!(said.code, Some(0));
    insta::assert_snapshot!(format!("{}\n{}", said.out, said.err));
    let json = run(&["config", "--data-dir", "/srv/mill", "--json"]).json();
    let settings = json["settings"].as_array().expect("a list");
    let of = |key: &str| settings.iter().find(|row| row["key"] == key).expect("the setting").clone();
    assert_eq!(of("slots")["origin"]["name"], "REELMILL_SLOTS");
    assert_eq!(of("data_dir")["origin"]["name"], "--data-dir");
    assert_eq!(of("lease")["origin"]["line"], 1);
    assert!(!json.to_string().contains("hunter2") && !json.to_string().contains("0123456789"));
}

#[test]
fn a_wrong_configuration_stops_every_command_that_needs_one() {
    let mill = Mill::new();
    mill.write("reelmill.toml", "lissten = \"127.0.0.1:1\"");
    for arguments in [&["config"] as &[&str], &["serve"], &[], &["migrate"], &["user", "list"], &["health"]] {
        let said = mill.run(arguments);
        assert_eq!(
            said.refusal(),
            "2: reelmill: unknown key `lissten` in reelmill.toml line 1: did you mean `listen`?",
            "{arguments:?}"
        );
    }
}

#[test]
fn the_build_lists_what_it_has() {
    let mill = Mill::new();
    let json = mill.run(&["backends", "--json"]).json();
    let rows = json["backends"].as_array().expect("a list");
    for (port, scheme) in
        [("catalog", "sqlite"), ("objects", "file"), ("doorbell", "embedded"), ("converter", "inprocess")]
    {
        assert!(rows.iter().any(|row| row["port"] == port && row["scheme"] == scheme), "{port} {scheme}");
    }
    // Without a search path there is no ffmpeg, and so no aac.
    let written = serde_json::json!(["mp3", "ogg", "opus", "flac", "wav", "dca", "dca0"]);
    assert_eq!(json["formats"]["written"], written);
    let said = mill.run(&["backends"]);
    let line = |head: &str| said.out.lines().find(|line| line.starts_with(head)).unwrap_or_default();
    assert!(said.out.contains("sqlite:") && line("codecs").contains("AAC-LC"), "{}", said.out);
    assert!(!line("codecs").contains("HE-AAC"), "{}", said.out);
    assert!(
        line("missing").contains("HE-AAC") && line("missing").contains("apt install ffmpeg"),
        "{}",
        said.out
    );
}

#[test]
fn every_command_has_a_help_text() {
    let mill = Mill::new();
    let commands: [&[&str]; 17] = [
        &[],
        &["serve"],
        &["convert"],
        &["probe"],
        &["play-check"],
        &["user"],
        &["user", "add"],
        &["user", "list"],
        &["user", "passwd"],
        &["user", "remove"],
        &["backends"],
        &["config"],
        &["migrate"],
        &["migrate-objects"],
        &["export"],
        &["import"],
        &["health"],
    ];
    let help = |command: &[&str]| {
        let said = mill.run(&[command, &["--help"]].concat());
        assert_eq!(said.code, Some(0), "{command:?}");
        format!("$ {}\n{}", [&["reelmill"], command, &["--help"]].concat().join(" "), said.out)
    };
    insta::assert_snapshot!(commands.map(help).join("\n"));
}
