//! `SecantusDB`, a server that speaks `MongoDB`'s protocol. It is not mongod: what is tested with it is called
//! "`MongoDB` wire-compatible". Its licence is the GPL, so it is only ever a process of its own.

use std::process::Command;

use crate::server::{Kind, Site, program};
use crate::tools::{self, Tools};
use crate::{ServerError, answer};

/// A server that is `MongoDB` wire-compatible: `mongodb://127.0.0.1:<port>`.
pub static SECANTUS: Kind = Kind {
    name: "SecantusDB",
    variable: "REELMILL_TEST_GRIDFS",
    tools: &[tools::SECANTUS],
    ports: 1,
    prepare: |_, _| Ok(()),
    programs,
    answers,
    url: |port| format!("mongodb://127.0.0.1:{port}"),
    litter: |_| Vec::new(),
};

/// `{hello: 1, $db: "admin"}` as an `OP_MSG`: header (length, request 1, answer to none, operation 2013), no flags, one
/// section of kind 0, and the document.
const HELLO: &[u8] = b"\x34\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\
    \x1f\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0";
/// Where an answer's operation stands, and the same operation.
const OPERATION: (std::ops::Range<usize>, [u8; 4]) = (12..16, [0xdd, 0x07, 0, 0]);

fn programs(tools: &Tools, site: &Site) -> Result<Vec<Command>, ServerError> {
    let mut command = program(
        tools.path(SECANTUS.name, tools::SECANTUS)?,
        &[&"--host", &"127.0.0.1", &"--port", &site.port().to_string()],
    );
    command.arg("--storage-path").arg(site.path("data")).args(["--cache-size", "256M"]);
    Ok(vec![command])
}

fn answers(site: &Site) -> bool {
    let (place, operation) = OPERATION;
    answer::bytes(site.port(), HELLO, 16).is_some_and(|header| header[place] == operation)
}
