//! Bad weather between catalogs and their database servers: killed and half-open connections, migrations that break off,
//! deployments that are wrong.
//!
//! `REELMILL_TEST_MYSQL` and `REELMILL_TEST_POSTGRES` name servers whose administrator may come in without a password
//! (`cargo xtask setup` brings both). Without one, its cases are shown as ignored, or fail where `REELMILL_TEST_ALL=1`.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../conformance/catalog/database.rs"]
mod database;
mod killed;
mod proxy;
mod silent;
mod wrong;

use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};

/// How long a case may take.
const PATIENCE: Duration = Duration::from_mins(2);

type Run = fn(String) -> Pin<Box<dyn Future<Output = ()>>>;

/// A list of cases, each named like the function that shows it; each gets its server's URL.
macro_rules! cases {
    ($($topic:ident::$sentence:ident)*) => {
        &[$((concat!(stringify!($topic), "::", stringify!($sentence)), |server| Box::pin($topic::$sentence(server)))),*]
    };
}

const EVERYWHERE: &[(&str, Run)] = cases! {
    killed::what_was_acknowledged_is_there_whatever_connections_are_killed
    killed::a_migration_that_breaks_off_anywhere_is_gone_on_with
    silent::a_server_that_says_nothing_is_given_up
    silent::a_connection_that_falls_silent_is_replaced
    wrong::a_missing_database_is_named_with_what_makes_it
    wrong::a_server_that_is_not_there_is_named_without_the_password
    wrong::a_url_that_lacks_something_is_refused_with_its_form
};
const MYSQL: &[(&str, Run)] = cases! {
    wrong::a_wrong_password_is_said_and_not_shown
};
const POSTGRES: &[(&str, Run)] = cases! {
    wrong::text_with_a_nul_fails_alone
};

fn main() -> ExitCode {
    let servers = [("mysql", "REELMILL_TEST_MYSQL", MYSQL), ("postgres", "REELMILL_TEST_POSTGRES", POSTGRES)];
    let must_all = std::env::var("REELMILL_TEST_ALL").is_ok_and(|all| all == "1");
    let mut trials = Vec::new();
    for (name, variable, own) in servers {
        let server =
            std::env::var(variable).map_err(|_| format!("{variable} is not set: no {name} server here"));
        let mut ignored = String::new();
        for (sentence, run) in EVERYWHERE.iter().chain(own) {
            let (run, server) = (*run, server.clone());
            let is_ignored = server.is_err() && !must_all;
            if let Err(reason) = &server {
                ignored.extend([name, "::", sentence, "\t", reason, "\n"]);
            }
            let trial = Trial::test(format!("{name}::{sentence}"), move || attempt(run, server?));
            trials.push(trial.with_ignored_flag(is_ignored));
        }
        if let Some(folder) = std::env::var_os("REELMILL_IGNORED_DIR").filter(|_| server.is_err()) {
            std::fs::write(PathBuf::from(folder).join(format!("catalogs-{name}")), ignored).unwrap();
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn attempt(run: Run, server: String) -> Result<(), libtest_mimic::Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let shown = tokio::time::timeout(PATIENCE, run(server)).await;
        shown.map_err(|_| format!("was not shown within {} s", PATIENCE.as_secs()).into())
    })
}
