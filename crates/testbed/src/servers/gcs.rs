//! `fake-gcs-server`, for Google Cloud Storage, with its objects on disk so that they survive a kill.
//!
//! It is not told its URL: then it answers with the one that it was asked by, and a client behind a proxy stays there.

use std::process::Command;

use crate::server::{Kind, Site, program};
use crate::tools::{self, Tools};
use crate::{ServerError, answer};

/// `fake-gcs-server`: `http://127.0.0.1:<port>`, any project, no credentials.
pub static GCS: Kind = Kind {
    name: "fake-gcs-server",
    variable: "REELMILL_TEST_GCS",
    tools: &[tools::GCS],
    ports: 1,
    prepare: |_, _| Ok(()),
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
    command.args(["-log-level", "warn", "-backend", "filesystem", "-filesystem-root"]);
    command.arg(site.path("data"));
    Ok(vec![command])
}

fn answers(site: &Site) -> bool {
    answer::status(site.port(), "GET", "/storage/v1/b?project=reelmill", "", "") == Some(200)
}
