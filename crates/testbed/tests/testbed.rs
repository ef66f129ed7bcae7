//! Every kind of server lives as promised: it answers, dies, comes back where it was, and leaves nothing.
//!
//! One case a kind, named `servers::<kind>::…`; a kind whose programs this machine lacks is ignored with the reason.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use reelmill_testbed::servers::{KINDS, Kind};
use reelmill_testbed::{Server, Tools};

fn main() -> ExitCode {
    let must_run = std::env::var_os("REELMILL_TEST_ALL").is_some_and(|value| value == "1");
    let tools = Tools::from_environment();
    let mut reasons = String::new();
    let mut trials = Vec::new();
    for kind in KINDS {
        let name = format!("servers::{}::lives_dies_and_comes_back", word(kind.name));
        let missing = kind.missing(&tools).filter(|_| !must_run);
        let tools = tools.clone();
        let trial = Trial::test(name.clone(), move || lives(kind, &tools));
        trials.push(trial.with_ignored_flag(missing.is_some()));
        if let Some(missing) = missing {
            let _ = writeln!(reasons, "{name}\t{missing}");
        }
    }
    let arguments = Arguments::from_args();
    if let Some(folder) = std::env::var_os("REELMILL_IGNORED_DIR").filter(|_| arguments.list)
        && let Err(error) = fs::write(PathBuf::from(folder).join("testbed.tsv"), reasons)
    {
        eprintln!("the reasons of ignored cases cannot be written: {error}");
        return ExitCode::FAILURE;
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn lives(kind: &'static Kind, tools: &Tools) -> Result<(), Failed> {
    let mut server = kind.start(tools)?;
    let url = server.url();
    holds(is_heard(&server), "a started server is heard")?;

    server.kill()?;
    holds(!is_heard(&server), "a killed server is not heard")?;
    server.start_again()?;
    holds(is_heard(&server) && server.url() == url, "it comes back where it was")?;

    let address = server.address();
    drop(server);
    holds(TcpStream::connect(address).is_err(), "a dropped server is not heard")
}

/// A name as a word of a case's name.
fn word(name: &str) -> String {
    let letter = |letter: char| if letter.is_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    name.chars().map(letter).collect()
}

fn is_heard(server: &Server) -> bool {
    TcpStream::connect(server.address()).is_ok()
}

fn holds(condition: bool, what: &str) -> Result<(), Failed> {
    if condition { Ok(()) } else { Err(format!("this does not hold: {what}").into()) }
}
