//! `fake-gcs-server`, for Google Cloud Storage, with its objects in memory: on disk it needs a file system as the author's,
//! and fails to compose objects where it has another.
//!
//! It is not told its URL: then it answers with the one that it was asked by, and a client behind a proxy stays there.

use std::process::Command;

use crate::server::{Kind, Site, program};
use crate::tools::{self, Tools};
use crate::{ServerError, answer};

/// The buckets that it starts with: two clients that make one at once can lose each other's objects.
const BUCKETS: [&str; 2] = ["reelmill-conformance", "reelmill-buckets"];
/// The folder that it makes them from.
const GIVEN: &str = "given";

/// `fake-gcs-server`: `http://127.0.0.1:<port>`, any project, no credentials, with the buckets `reelmill-conformance` and
/// `reelmill-buckets`.
pub static GCS: Kind = Kind {
    name: "fake-gcs-server",
    variable: "REELMILL_TEST_GCS",
    tools: &[tools::GCS],
    ports: 1,
    prepare: |_, site| {
        BUCKETS.iter().try_for_each(|bucket| site.make(&format!("{GIVEN}/{bucket}")).map(drop))
    },
    programs,
    answers,
    url: |port| format!("http://127.0.0.1:{port}"),
    litter: |_| Vec::new(),
};

fn programs(tools: &Tools, site: &Site) -> Result<Vec<Command>, ServerError> {
    let port = site.port().to_string();
    let mut command = program(
        tools.path(GCS.name, tools::GCS)?,
        &[&"-scheme", &"http", &"-host", &"127.0.0.1", &"-port", &port, &"-port-http", &port],
    );
    command.args(["-log-level", "warn", "-backend", "memory", "-data"]);
    command.arg(site.path(GIVEN));
    Ok(vec![command])
}

fn answers(site: &Site) -> bool {
    answer::status(site.port(), "GET", "/storage/v1/b?project=reelmill", "", "") == Some(200)
}
