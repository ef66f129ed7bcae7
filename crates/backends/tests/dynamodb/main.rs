//! DynamoDB beyond its port: what other programs read in the tables, many at the same items, connections that
//! break, and tables that are wrong.
//!
//! `REELMILL_TEST_DYNAMODB` names a server and `REELMILL_CLOUD_PYTHON` a Python with boto3 (`cargo xtask setup` brings both).
//! Without them the cases are shown as ignored, or fail where `REELMILL_TEST_ALL=1`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod broken;
mod interop;
mod other;
mod sample;
mod storm;
#[path = "../conformance/catalog/tables.rs"]
mod tables;
mod wrong;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

/// How long a case may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// A list of cases, each named like the function that shows it.
macro_rules! cases {
    ($($topic:ident::$sentence:ident)*) => {
        &[$((concat!(stringify!($topic), "::", stringify!($sentence)), || Box::pin($topic::$sentence()))),*]
    };
}

type Case = (&'static str, fn() -> Pin<Box<dyn Future<Output = ()>>>);

const CASES: &[Case] = cases! {
    interop::a_song_and_its_operations_are_read_in_every_state
    interop::a_song_says_what_is_known_of_it
    interop::a_song_that_is_replaced_keeps_where_its_file_is
    interop::an_operation_without_a_job_has_failed
    interop::what_others_keep_in_the_tables_is_passed_over
    interop::an_operation_that_others_took_away_does_not_keep_its_job_from_ending
    storm::eight_at_one_job_lose_no_write
    storm::eight_work_through_a_queue_and_do_each_job_once
    storm::operations_added_while_their_job_ends_are_all_told
    storm::more_operations_than_a_transaction_takes_are_all_told
    storm::the_most_jobs_are_added_moved_and_dropped_in_one_commit
    broken::a_commit_whose_answer_was_lost_is_taken_once
    broken::an_answer_that_never_comes_is_asked_for_again
    wrong::a_table_with_another_key_is_refused_by_name
    wrong::a_newer_layout_is_refused
    wrong::a_server_that_is_not_there_is_said_without_the_secret
    wrong::a_server_that_says_nothing_is_given_up
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let missing = [tables::SERVER, other::PYTHON]
        .into_iter()
        .find(|name| std::env::var_os(name).is_none())
        .map(|name| format!("{name} is not set: no DynamoDB server or no boto3 here"));
    if let (Some(reason), Some(folder)) = (&missing, std::env::var_os("REELMILL_IGNORED_DIR")) {
        let lines: Vec<_> = CASES.iter().map(|(name, _)| format!("{name}\t{reason}\n")).collect();
        std::fs::write(PathBuf::from(folder).join("dynamodb.tsv"), lines.concat()).unwrap();
    }
    let must_all = std::env::var("REELMILL_TEST_ALL").is_ok_and(|all| all == "1");
    let trial = |(name, run): &Case| {
        let (run, missing) = (*run, missing.clone());
        let is_ignored = missing.is_some() && !must_all;
        Trial::test(*name, move || match missing {
            Some(reason) => Err(reason.into()),
            None => attempt(run),
        })
        .with_ignored_flag(is_ignored)
    };
    libtest_mimic::run(&arguments, CASES.iter().map(trial).collect()).exit_code()
}

fn attempt(run: fn() -> Pin<Box<dyn Future<Output = ()>>>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let kept = tokio::time::timeout(PATIENCE, run()).await;
        kept.map_err(|_| format!("was not shown within {} s", PATIENCE.as_secs()).into())
    })
}
