//! The configuration: what goes over what, and what every refusal says.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use super::*;

/// Names and texts: variables, or flags by their setting's key.
type Pairs<'a> = &'a [(&'static str, &'a str)];

/// A folder with a `reelmill.toml` of that text, where there is one.
fn given(file: Option<&str>, environment: Pairs, flags: Pairs) -> (tempfile::TempDir, Given) {
    let folder = tempfile::tempdir().unwrap();
    if let Some(text) = file {
        std::fs::write(folder.path().join("reelmill.toml"), text).unwrap();
    }
    let given = Given {
        file: None,
        flags: flags.iter().map(|(key, text)| (*key, (*text).to_owned())).collect(),
        environment: environment
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
        current_dir: folder.path().to_owned(),
    };
    (folder, given)
}

fn load(file: &str, environment: Pairs, flags: Pairs) -> Result<Loaded, ConfigError> {
    let (_folder, given) = given(Some(file), environment, flags);
    given.load()
}

#[test]
fn flags_go_over_variables_over_the_file_over_defaults() {
    let file = "slots = 3";
    let variable = [("REELMILL_SLOTS", "5")];
    let flag = [("slots", "7")];
    let table: [(&str, Pairs, Pairs, u16, &str); 6] = [
        (file, &variable, &flag, 7, "--slots"),
        (file, &variable, &[], 5, "REELMILL_SLOTS"),
        (file, &[], &flag, 7, "--slots"),
        (file, &[], &[], 3, "reelmill.toml line 1"),
        ("", &variable, &[], 5, "REELMILL_SLOTS"),
        (file, &[("REELMILL_SLOTS", "")], &[], 3, "reelmill.toml line 1"),
    ];
    for (file, environment, flags, slots, origin) in table {
        let loaded = load(file, environment, flags).unwrap();
        assert_eq!(loaded.config.slots, NonZeroU16::new(slots).unwrap());
        let shown = loaded.effective.iter().find(|row| row.setting.key == "slots").unwrap();
        assert_eq!(
            (shown.shown.as_deref(), shown.origin.to_string()),
            (Some(&*slots.to_string()), origin.into())
        );
    }
}

#[test]
fn nothing_given_is_a_whole_configuration() {
    let (folder, given) = given(None, &[], &[]);
    let loaded = given.load().unwrap();
    let config = loaded.config;
    assert!(config.roles.has(Role::Converter) && config.roles.has(Role::Gateway));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(
        config.catalog.expose(),
        format!("sqlite:{}/reelmill-data/catalog.db", folder.path().display())
    );
    assert_eq!(config.objects.expose(), format!("file://{}/reelmill-data/objects", folder.path().display()));
    assert_eq!((config.lease, config.heartbeat), (Duration::from_secs(15), Duration::from_secs(5)));
    assert_eq!(config.signup, Signup::Off);
    assert!(config.max_upload_bytes.0 > 4 << 30 && config.max_upload_bytes.0 < 10 << 30);
    assert!(config.worker_name.is_none() && config.jwt_secret.is_none() && config.hosts.is_empty());
    assert_eq!(loaded.warnings, Vec::<String>::new());
}

#[test]
fn the_backends_move_with_the_data_folder_unless_they_are_set() {
    let file = "data_dir = \"/srv/mill\"\nobjects = \"memory:\"";
    let config = load(file, &[], &[]).unwrap().config;
    assert_eq!(config.catalog.expose(), "sqlite:/srv/mill/catalog.db");
    assert_eq!(config.objects.expose(), "memory:");
    assert_eq!(config.data_dir, PathBuf::from("/srv/mill"));
}

#[test]
fn a_named_file_is_read_instead_and_a_flag_names_it_over_the_variable() {
    let (folder, mut given) = given(Some("slots = 1"), &[("REELMILL_CONFIG", "two.toml")], &[]);
    std::fs::write(folder.path().join("two.toml"), "slots = 2").unwrap();
    std::fs::write(folder.path().join("three.toml"), "slots = 3").unwrap();
    let again = |file| Given { file, environment: given.environment.clone(), ..given_in(&given) };
    assert_eq!(again(None).load().unwrap().config.slots.get(), 2);
    assert_eq!(again(Some("three.toml".into())).load().unwrap().config.slots.get(), 3);
    given.environment.clear();
    assert_eq!(given.load().unwrap().config.slots.get(), 1);
}

fn given_in(given: &Given) -> Given {
    Given { current_dir: given.current_dir.clone(), ..Given::default() }
}

#[test]
fn lists_may_be_written_as_arrays() {
    let config =
        load("roles = [\"converter\", \"auth\"]\nhosts = [\"Mill.example\"]", &[], &[]).unwrap().config;
    assert_eq!(config.roles.to_string(), "auth,converter");
    assert_eq!(config.hosts[0].0, "mill.example");
}

#[test]
fn secrets_are_never_shown() {
    let secret = "0123456789abcdef0123456789abcdef";
    let environment = [
        ("JWT_SECRET", secret),
        ("REELMILL_ADMIN_PASSWORD", "correct horse"),
        ("REELMILL_CATALOG", "mysql://reel:hunter2@db/reel"),
    ];
    let loaded = load("", &environment, &[]).unwrap();
    let seen = format!("{loaded:?}");
    for hidden in [secret, "correct horse", "hunter2"] {
        assert!(!seen.contains(hidden), "{seen}");
    }
    assert_eq!(loaded.config.catalog.expose(), "mysql://reel:hunter2@db/reel");
    for (variable, text) in [("JWT_SECRET", "hunter2"), ("REELMILL_CATALOG", "mysql//reel:hunter2@db/reel")] {
        let error = load("", &[(variable, text)], &[]).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hunter2"), "{error}");
    }
}

const MUSIC_BOT: [(&str, &str); 8] = [
    ("BUCKET_NAME", "songs"),
    ("REGION", "us-east-1"),
    ("YOUTUBE_API_KEY", "yt-secret"),
    ("DYNAMODB_TABLE_NAME_SONGS", "Songs"),
    ("DYNAMODB_TABLE_NAME_OPERATION", "Operations"),
    ("ACCESS_KEY", "AKIA-secret"),
    ("SECRET_KEY", "wJalr-secret"),
    ("GIN_MODE", "debug"),
];

#[test]
fn a_contracts_set_is_shown_with_its_variables_and_without_its_secrets() {
    let loaded = load("slots = 3", &MUSIC_BOT, &[]).unwrap();
    let shown = |key: &str| {
        let row = loaded.effective.iter().find(|row| row.setting.key == key).unwrap();
        format!("{} ({})", row.shown.as_deref().unwrap_or("none"), row.origin)
    };
    assert_eq!(
        shown("catalog"),
        "dynamodb://us-east-1?songs=Songs&operations=Operations&objects=s3://songs (DYNAMODB_TABLE_NAME_SONGS)"
    );
    assert_eq!(shown("objects"), "s3://songs?region=us-east-1 (BUCKET_NAME)");
    assert_eq!(shown("youtube_api_key"), "(hidden) (YOUTUBE_API_KEY)");
    assert_eq!(shown("aws_access_key"), "(hidden) (ACCESS_KEY)");
    assert_eq!(shown("aws_secret_key"), "(hidden) (SECRET_KEY)");
    assert_eq!(shown("log"), "info,reelmill=debug (GIN_MODE)");
    let seen = format!("{loaded:?}");
    for hidden in ["yt-secret", "AKIA-secret", "wJalr-secret"] {
        assert!(!seen.contains(hidden), "{seen}");
    }
    assert_eq!(loaded.warnings, Vec::<String>::new());
}

#[test]
fn what_is_said_to_us_goes_over_a_contracts_set() {
    let mut environment = MUSIC_BOT.to_vec();
    environment.push(("REELMILL_CATALOG", "memory:"));
    let config = load("objects = \"memory:\"", &environment, &[("log", "warn")]).unwrap().config;
    assert_eq!(config.catalog.expose(), "memory:");
    // The file is under the environment, whoever's names that has.
    assert_eq!(config.objects.expose(), "s3://songs?region=us-east-1");
    assert_eq!(config.log.0.to_string(), "warn");
}

#[test]
fn a_part_of_a_contracts_set_is_a_warning_and_half_a_pair_of_keys_is_refused() {
    let loaded = load("", &MUSIC_BOT[2..], &[]).unwrap();
    assert_eq!(loaded.config.catalog.scheme(), "sqlite");
    assert!(loaded.config.youtube_api_key.is_none());
    assert!(loaded.warnings[0].contains("BUCKET_NAME, REGION"), "{:?}", loaded.warnings);
    let error = load("", &MUSIC_BOT[..6], &[]).unwrap_err().to_string();
    assert!(error.contains("aws_access_key") && error.contains("ACCESS_KEY"), "{error}");
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let environment = [("REELMILL_PORT", "tcp://10.0.0.1:80"), ("HOME", "/"), ("REELMILL_SLOTS", "1")];
    let loaded = load("", &environment, &[]).unwrap();
    assert_eq!(loaded.warnings, ["the variable REELMILL_PORT is no setting and is not used"]);
}

#[test]
fn every_refusal_names_the_place_and_what_is_expected() {
    let mut said = Vec::new();
    let mut refuse = |file: &str, environment: Pairs, flags: Pairs| {
        said.push(load(file, environment, flags).unwrap_err().to_string());
    };
    refuse("slots = 2\nlissten = \"x\"", &[], &[]);
    refuse("colour_of_the_bikeshed = 1", &[], &[]);
    refuse("[server]\nlisten = \"127.0.0.1:1\"", &[], &[]);
    refuse("slots = \n", &[], &[]);
    refuse("slots = 2\nslots = 3", &[], &[]);
    refuse("admin_password = \"x\"", &[], &[]);
    refuse("listen = { port = 1 }", &[], &[]);
    refuse("\n\nlease = 15", &[], &[]);
    refuse("", &[("JWT_SECRET", "short")], &[]);
    refuse("", &[("REELMILL_ADMIN_PASSWORD", "sevenäö")], &[]);
    refuse("", &[("REELMILL_CATALOG", "mysql//reel:hunter2@db")], &[]);
    refuse("lease = \"8s\"", &[], &[("heartbeat", "4s")]);
    for (key, text) in [
        ("roles", "converter,cook"),
        ("listen", "8080"),
        ("hosts", "http://mill.example"),
        ("metrics_allow", "10.0.0.0/99"),
        ("slots", "0"),
        ("worker_name", "a\nb"),
        ("job_deadline", "soon"),
        ("max_upload_bytes", "a lot"),
        ("signup", "yes"),
        ("admin_email", "admin"),
        ("log", "loud"),
        ("log_format", "xml"),
    ] {
        refuse("", &[], &[(key, text)]);
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let (_folder, mut given) = given(None, &[], &[]);
    given.file = Some("missing.toml".into());
    let error = given.load().unwrap_err();
    insta::assert_snapshot!(error, @"cannot read the configuration file missing.toml: No such file or directory (os error 2)");
}

#[test]
fn every_setting_has_a_name_a_variable_and_a_sentence_of_its_own() {
    for setting in SETTINGS {
        assert_eq!(SETTINGS.iter().filter(|other| other.key == setting.key).count(), 1);
        assert_eq!(SETTINGS.iter().filter(|other| other.variable == setting.variable).count(), 1);
        assert!(!setting.help.trim().is_empty() && !setting.section.is_empty(), "{}", setting.key);
        let flag = setting.flag.map(|(flag, _)| flag.replace('-', "_"));
        assert!(flag.is_none_or(|flag| flag == setting.key), "{}", setting.key);
    }
}
