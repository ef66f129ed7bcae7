//! `SeaweedFS`, for what speaks S3: master, volume server, filer and gateway in one process.
//!
//! Its gateway listens long before there is a volume to write to, so the first question is a file written to the filer.

use std::path::PathBuf;
use std::process::Command;

use crate::server::{Kind, Site};
use crate::tools::{self, Tools};
use crate::{ServerError, answer};

/// `SeaweedFS`: `http://127.0.0.1:<port>`, any region, [`ACCESS_KEY`] and [`SECRET_KEY`].
pub static SEAWEEDFS: Kind = Kind {
    name: "SeaweedFS",
    variable: "REELMILL_TEST_S3",
    tools: &[tools::SEAWEEDFS],
    ports: 8,
    prepare,
    programs,
    answers,
    url: |port| format!("http://127.0.0.1:{port}"),
    litter,
};

/// The key with all rights.
pub const ACCESS_KEY: &str = "reelmill";
/// Its secret.
pub const SECRET_KEY: &str = "reelmill-secret";

/// What each of the ports is for.
const PORTS: [&str; 8] = [
    "s3.port",
    "s3.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "master.port",
    "master.port.grpc",
];
const FILER: usize = 2;

fn prepare(_: &Tools, site: &Site) -> Result<(), ServerError> {
    site.make("data")?;
    site.write(
        "s3.json",
        &format!(
            r#"{{"identities":[{{"name":"reelmill","actions":["Admin","Read","Write","List","Tagging"],
            "credentials":[{{"accessKey":"{ACCESS_KEY}","secretKey":"{SECRET_KEY}"}}]}}]}}"#
        ),
    )
}

fn programs(tools: &Tools, site: &Site) -> Result<Vec<Command>, ServerError> {
    let mut command = Command::new(tools.path(SEAWEEDFS.name, tools::SEAWEEDFS)?);
    command.current_dir(&site.folder);
    command.args(["-logtostderr=true", "server", "-dir=data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]);
    command.args(["-master.volumeSizeLimitMB=64", "-volume.max=0", "-filer", "-s3", "-s3.config=s3.json"]);
    // It is its only master, and one that comes back waits so long for others.
    command.arg("-master.electionTimeout=1s");
    // Two more gateways that would take ports of their own choice.
    command.args(["-s3.port.iceberg=0", "-s3.port.lance=0"]);
    command.args(PORTS.iter().zip(&site.ports).map(|(name, port)| format!("-{name}={port}")));
    Ok(vec![command])
}

fn answers(site: &Site) -> bool {
    let written = answer::status(site.ports[FILER], "PUT", "/reelmill-ready", "", "ready");
    // Without a signature the gateway refuses, which it can only do when it is there.
    let refused = || answer::status(site.port(), "GET", "/", "", "");
    written.is_some_and(|status| status < 300) && refused() == Some(403)
}

/// It listens on sockets in the temporary folder too, whose names are not for us to choose.
fn litter(site: &Site) -> Vec<PathBuf> {
    let by_service = |(name, port): (&str, &u16)| {
        let (service, end) = name.split_once(".port").unwrap_or((name, ""));
        let kind = end.replace('.', "-");
        format!("/tmp/seaweedfs-{service}{kind}-{port}.sock").into()
    };
    PORTS.into_iter().zip(&site.ports).map(by_service).collect()
}
