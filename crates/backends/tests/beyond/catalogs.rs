//! Bad weather between catalogs and their database servers: killed and half-open connections, migrations that break off,
//! deployments that are wrong.
//!
//! `REELMILL_TEST_MYSQL` and `REELMILL_TEST_POSTGRES` name servers whose administrator may come in without a password
//! (`cargo xtask setup` brings both). Without one, its cases are shown as ignored, or fail where `REELMILL_TEST_ALL=1`.

#[path = "../conformance/catalog/database.rs"]
mod database;
mod killed;
mod proxy;
mod silent;
mod wrong;

use reelmill_conformance::{Running, Trials, topic};

type Run = fn(String) -> Running;

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

pub(crate) fn trials() -> [Trials; 2] {
    [("mysql", "REELMILL_TEST_MYSQL", MYSQL), ("postgres", "REELMILL_TEST_POSTGRES", POSTGRES)].map(
        |(name, variable, own)| {
            let server = std::env::var(variable).ok();
            let missing = format!("{variable} is not set: no {name} server here");
            let missing = server.is_none().then_some(missing);
            let server = server.unwrap_or_default();
            let cases = EVERYWHERE.iter().chain(own).map(|(sentence, run)| {
                let (run, server) = (*run, server.clone());
                (*sentence, move || run(server.clone()))
            });
            topic("beyond", name, cases, missing.as_deref())
        },
    )
}
