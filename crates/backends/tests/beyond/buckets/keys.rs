//! Keys of Amazon's chain that change while we run: a profile's program gives others each time.
//!
//! The chain reads the environment, so each case is a process of its own: this very program, told what to do.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reelmill_backends::{Deployment, objects};

use super::front::{Front, Turn, say};
use super::place::{BUCKET, s3};

/// Tells a child where the store is.
const CHILD: &str = "REELMILL_TEST_KEYS_OF_CHAIN";
/// Holds what the profile's program says, and is written anew by whoever rotates the keys.
const KEYS: &str = "keys.json";

/// The store says that they have expired, and at first there are no others.
pub(crate) async fn keys_that_expire_are_taken_anew() {
    let (folder, refusals) = (with_keys("expired"), Arc::new(AtomicUsize::new(0)));
    let (place, counted) = (Arc::clone(&folder), Arc::clone(&refusals));
    let front = Front::before(&s3(), move |asked| {
        if !asked.head.contains("Credential=expired/") {
            return Turn::Pass;
        }
        if counted.fetch_add(1, Ordering::Relaxed) == 1 {
            give_keys(place.path(), "reelmill");
        }
        say("400 Bad Request", "", "<Error><Code>ExpiredToken</Code></Error>")
    })
    .await;
    run_child(&front.address, folder.path()).await;
    assert_eq!(refusals.load(Ordering::Relaxed), 2);
}

/// The store does not know them any more, and says so itself.
pub(crate) async fn keys_that_were_taken_back_are_taken_anew() {
    let (folder, refusals) = (with_keys("taken-back"), Arc::new(AtomicUsize::new(0)));
    let (place, counted) = (Arc::clone(&folder), Arc::clone(&refusals));
    let front = Front::before(&s3(), move |asked| {
        if asked.head.contains("Credential=taken-back/") {
            counted.fetch_add(1, Ordering::Relaxed);
            give_keys(place.path(), "reelmill");
        }
        Turn::Pass
    })
    .await;
    run_child(&front.address, folder.path()).await;
    assert_eq!(refusals.load(Ordering::Relaxed), 1);
}

fn with_keys(access: &str) -> Arc<tempfile::TempDir> {
    let folder = tempfile::tempdir().unwrap();
    give_keys(folder.path(), access);
    let program =
        format!("[default]\ncredential_process = /bin/cat {}\n", folder.path().join(KEYS).display());
    std::fs::write(folder.path().join("config"), program).unwrap();
    Arc::new(folder)
}

/// Keys that are good for an hour, as far as they say.
fn give_keys(folder: &Path, access: &str) {
    let expiry = (SystemTime::now() + Duration::from_hours(1)).duration_since(UNIX_EPOCH).unwrap().as_secs();
    let date =
        std::process::Command::new("date").args(["-u", "-d", &format!("@{expiry}"), "+%FT%TZ"]).output();
    let expiry = String::from_utf8(date.unwrap().stdout).unwrap();
    let json = format!(
        r#"{{"Version":1,"AccessKeyId":"{access}","SecretAccessKey":"reelmill-secret","Expiration":"{}"}}"#,
        expiry.trim()
    );
    let next = folder.join("next");
    std::fs::write(&next, json).unwrap();
    std::fs::rename(next, folder.join(KEYS)).unwrap();
}

async fn run_child(store: &str, folder: &Path) {
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child
        .env_clear()
        .env(CHILD, store)
        .env("AWS_CONFIG_FILE", folder.join("config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", folder.join("none"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .kill_on_drop(true);
    let ended = child.output().await.unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// What a child does: it writes, reads and deletes with the keys that it finds.
pub(crate) fn as_child() -> Option<ExitCode> {
    let endpoint = std::env::var(CHILD).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let checked = runtime.block_on(async {
        let url = format!("s3://{BUCKET}/keys?region=us-east-1&endpoint={endpoint}");
        let objects = objects::open(&url, &Deployment::within(PathBuf::new())).await.unwrap();
        objects.check().await
    });
    if let Err(error) = &checked {
        eprintln!("{error}");
    }
    Some(if checked.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
