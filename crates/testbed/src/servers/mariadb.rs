//! `MariaDB`, for what speaks `MySQL`'s protocol; `root` has no password.
//!
//! A transaction is handed to the kernel when it commits and reaches the disk when the kernel likes: it survives what
//! tests do, a kill of the process, and commits cost no wait for a disk.

use std::path::PathBuf;
use std::process::Command;

use crate::server::{Kind, Site, is_root, program};
use crate::tools::{self, Tools};
use crate::{ServerError, answer};

/// `MariaDB`: `mysql://root@127.0.0.1:<port>/`.
pub static MARIADB: Kind = Kind {
    name: "MariaDB",
    variable: "REELMILL_TEST_MYSQL",
    tools: &[tools::MARIADB, tools::MARIADB_INSTALL],
    ports: 1,
    prepare,
    programs,
    answers,
    url: |port| format!("mysql://root@127.0.0.1:{port}/"),
    litter: |_| Vec::new(),
};

/// The first byte of a greeting's payload: version 10 of the protocol. Four bytes of length and sequence come before.
const GREETING: u8 = 10;

fn prepare(tools: &Tools, site: &Site) -> Result<(), ServerError> {
    if site.path("data").exists() {
        return Ok(());
    }
    let install = tools.path(MARIADB.name, tools::MARIADB_INSTALL)?;
    let mut command = program(install, &[&"--no-defaults", &option("--datadir=", site.path("data"))]);
    command.args([
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
        "--innodb-log-file-size=16M",
    ]);
    site.run(as_root(command))
}

fn programs(tools: &Tools, site: &Site) -> Result<Vec<Command>, ServerError> {
    let mut command = program(
        tools.path(MARIADB.name, tools::MARIADB)?,
        &[
            &"--no-defaults",
            &option("--datadir=", site.path("data")),
            &option("--socket=", site.path("s")),
            &option("--pid-file=", site.path("pid")),
            &format!("--port={}", site.port()),
        ],
    );
    command.args([
        "--bind-address=127.0.0.1",
        "--skip-networking=0",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--innodb-buffer-pool-size=64M",
        "--innodb-log-file-size=16M",
        "--innodb-flush-log-at-trx-commit=2",
        "--max-connections=400",
    ]);
    Ok(vec![as_root(command)])
}

fn answers(site: &Site) -> bool {
    answer::bytes(site.port(), b"", 5).is_some_and(|greeting| greeting[4] == GREETING)
}

/// It refuses to run as root unless that is what it is told.
fn as_root(mut command: Command) -> Command {
    if is_root() {
        command.arg("--user=root");
    }
    command
}

fn option(name: &str, path: PathBuf) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push(path);
    option
}
