//! PostgreSQL; the user `postgres` has no password.
//!
//! It refuses to run as root, so root runs it as the user that its package made. Without fsync a commit survives a kill
//! of the process all the same: it is with the kernel.

use std::path::Path;
use std::process::Command;

use crate::server::{Kind, Site, is_root, program};
use crate::tools::{self, Tools};
use crate::{ServerError, answer};

/// PostgreSQL: `postgres://postgres@127.0.0.1:<port>/`.
pub static POSTGRES: Kind = Kind {
    name: "PostgreSQL",
    variable: "REELMILL_TEST_POSTGRES",
    tools: &[tools::POSTGRES_DIR],
    ports: 1,
    prepare,
    programs,
    answers,
    url: |port| format!("postgres://postgres@127.0.0.1:{port}/"),
    litter: |_| Vec::new(),
};

/// The user that it runs as where this is root.
const USER: &str = "postgres";
/// A start-up message of protocol 3.0 that asks for user and database `postgres`, without its length.
const START_UP: &[u8] = b"\0\x03\0\0user\0postgres\0database\0postgres\0\0";
/// What a server says to it that takes connections; one that still recovers says `E`.
const AUTHENTICATION: u8 = b'R';

fn prepare(tools: &Tools, site: &Site) -> Result<(), ServerError> {
    if site.path("data").exists() {
        return Ok(());
    }
    let initdb = tools.path(POSTGRES.name, tools::POSTGRES_DIR)?.join("initdb");
    if is_root() {
        site.run(program("chown", &[&USER, &site.folder]))?;
    }
    let mut command = as_user(&initdb);
    command.current_dir(&site.folder).arg("-D").arg(site.path("data"));
    command.args(["-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"]);
    site.run(command)
}

fn programs(tools: &Tools, site: &Site) -> Result<Vec<Command>, ServerError> {
    let mut command = as_user(&tools.path(POSTGRES.name, tools::POSTGRES_DIR)?.join("postgres"));
    command.current_dir(&site.folder).arg("-D").arg(site.path("data"));
    command.args(["-p", &site.port().to_string()]);
    for setting in
        ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=400"]
    {
        command.args(["-c", setting]);
    }
    Ok(vec![command])
}

fn answers(site: &Site) -> bool {
    let length = u32::try_from(START_UP.len() + 4).unwrap_or_default();
    let question = [&length.to_be_bytes(), START_UP].concat();
    answer::bytes(site.port(), &question, 1).is_some_and(|answer| answer[0] == AUTHENTICATION)
}

fn as_user(path: &Path) -> Command {
    if !is_root() {
        return Command::new(path);
    }
    program("setpriv", &[&"--reuid", &USER, &"--regid", &USER, &"--clear-groups", &path])
}
