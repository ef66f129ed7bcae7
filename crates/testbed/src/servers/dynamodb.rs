//! `DynamoDB` Local, Amazon's own, with its tables on disk so that they survive a kill.
//!
//! It listens on all interfaces and has no option against that, so a few lines of Java start it instead of its launcher.

use std::process::Command;

use crate::server::{Kind, Site, program};
use crate::tools::{self, Tools};
use crate::{ServerError, answer};

/// `DynamoDB` Local: `http://127.0.0.1:<port>`, any region; every access key of letters and digits sees the same tables.
pub static DYNAMODB: Kind = Kind {
    name: "DynamoDB Local",
    variable: "REELMILL_TEST_DYNAMODB",
    tools: &[tools::JAVA, tools::DYNAMODB_DIR],
    ports: 1,
    prepare,
    programs,
    answers,
    url: |port| format!("http://127.0.0.1:{port}"),
    litter: |_| Vec::new(),
};

const LAUNCHER: &str = include_str!("LoopbackDynamoDb.java");
/// It wants a signature and does not check it.
const HEADERS: &str = "X-Amz-Target: DynamoDB_20120810.ListTables\r\n\
    Content-Type: application/x-amz-json-1.0\r\n\
    Authorization: AWS4-HMAC-SHA256 Credential=reelmill/20250101/us-east-1/dynamodb/aws4_request, \
    SignedHeaders=host, Signature=0\r\n";

fn prepare(_: &Tools, site: &Site) -> Result<(), ServerError> {
    site.make("data")?;
    site.write("LoopbackDynamoDb.java", LAUNCHER)
}

fn programs(tools: &Tools, site: &Site) -> Result<Vec<Command>, ServerError> {
    let folder = tools.path(DYNAMODB.name, tools::DYNAMODB_DIR)?;
    let libraries = folder.join("DynamoDBLocal_lib");
    let classes = format!("{}/DynamoDBLocal.jar:{}/*", folder.display(), libraries.display());
    let native = format!("-Djava.library.path={}", libraries.display());
    let mut command = program(
        tools.path(DYNAMODB.name, tools::JAVA)?,
        &[&"-Xmx256m", &"-XX:+UseSerialGC", &"-XX:TieredStopAtLevel=1", &native, &"-cp", &classes],
    );
    command.args(["LoopbackDynamoDb.java", "-sharedDb", "-disableTelemetry", "-dbPath", "data", "-port"]);
    command.arg(site.port().to_string()).current_dir(&site.folder);
    Ok(vec![command])
}

fn answers(site: &Site) -> bool {
    answer::status(site.port(), "POST", "/", HEADERS, "{}") == Some(200)
}
