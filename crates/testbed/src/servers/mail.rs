//! A mail server by aiosmtpd, which keeps what it takes and says over HTTP what came.
//!
//! What it does with a letter its recipient's name says, so that one server is enough for all cases: see `mail.py`.

use std::process::Command;

use crate::server::{Kind, Site, program};
use crate::tools::{self, Tools};
use crate::{ServerError, answer};

/// A mail server: `http://127.0.0.1:<port>` is where it says as JSON which ports it takes letters on and whom it was sent
/// some; [`MAIL_USER`] signs in with [`MAIL_PASSWORD`].
pub static MAIL: Kind = Kind {
    name: "aiosmtpd",
    variable: "REELMILL_TEST_MAIL",
    tools: &[tools::MAIL_PYTHON],
    ports: 4,
    prepare: |_, site| site.write(SCRIPT, include_str!("mail.py")),
    programs,
    answers: |site| answer::status(site.port(), "GET", "/", "", "") == Some(200),
    url: |port| format!("http://127.0.0.1:{port}"),
    litter: |_| Vec::new(),
};

/// Who may send letters by it.
pub const MAIL_USER: &str = "mill";
/// The user's password.
pub const MAIL_PASSWORD: &str = "flour&water";

const SCRIPT: &str = "mail.py";

fn programs(tools: &Tools, site: &Site) -> Result<Vec<Command>, ServerError> {
    let mut command =
        program(tools.path(MAIL.name, tools::MAIL_PYTHON)?, &[&site.path(SCRIPT), &site.folder]);
    command.args(site.ports.iter().map(u16::to_string)).current_dir(&site.folder);
    Ok(vec![command])
}
