//! Google's own Pub/Sub emulator. It keeps everything in memory: after a kill it is empty.

use std::process::Command;

use crate::server::{Kind, Site, program};
use crate::tools::{self, Tools};
use crate::{ServerError, answer};

/// The Pub/Sub emulator: `http://127.0.0.1:<port>`, any project, no credentials; gRPC and REST on the same port.
pub static PUBSUB: Kind = Kind {
    name: "Pub/Sub emulator",
    variable: "REELMILL_TEST_PUBSUB",
    tools: &[tools::JAVA, tools::PUBSUB_JAR],
    ports: 1,
    prepare: |_, _| Ok(()),
    programs,
    answers,
    url: |port| format!("http://127.0.0.1:{port}"),
    litter: |_| Vec::new(),
};

fn programs(tools: &Tools, site: &Site) -> Result<Vec<Command>, ServerError> {
    let mut command = program(
        tools.path(PUBSUB.name, tools::JAVA)?,
        &[&"-Xmx256m", &"-XX:+UseSerialGC", &"-XX:TieredStopAtLevel=1", &"-jar"],
    );
    command.arg(tools.path(PUBSUB.name, tools::PUBSUB_JAR)?).arg("--host=127.0.0.1");
    command.arg(format!("--port={}", site.port())).current_dir(&site.folder);
    Ok(vec![command])
}

fn answers(site: &Site) -> bool {
    answer::status(site.port(), "GET", "/v1/projects/reelmill/topics", "", "") == Some(200)
}
