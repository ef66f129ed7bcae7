//! GridFS as other programs have it: pymongo reads what we write and we read what it writes, whatever becomes of either.
//!
//! `REELMILL_TEST_GRIDFS` names a server and `REELMILL_CLOUD_PYTHON` a Python with pymongo (`cargo xtask setup` brings both).
//! Without them the cases are shown as ignored, or fail where `REELMILL_TEST_ALL=1`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod damage;
mod interop;
mod leftovers;
mod place;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};

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
    interop::pymongo_reads_what_we_write
    interop::we_read_what_pymongo_writes_in_chunks_of_any_size
    interop::a_file_of_pymongos_is_in_the_way_of_one_of_ours
    interop::of_pymongos_files_of_one_name_the_newest_is_read
    interop::results_and_what_is_sent_in_are_in_two_databases
    leftovers::a_writer_that_was_dropped_leaves_no_chunk
    leftovers::chunks_without_a_file_are_deleted_by_their_key
    leftovers::a_writer_that_died_is_in_nobodys_way
    leftovers::an_object_deleted_while_it_is_written_does_not_come_back
    leftovers::a_writer_that_lost_leaves_no_chunk
    leftovers::what_a_delete_leaves_is_nothing
    leftovers::of_many_that_finish_at_once_one_wins_and_the_others_leave_nothing
    damage::a_missing_or_short_chunk_is_an_error_and_never_a_short_stream
    damage::a_range_is_read_from_its_own_chunks_alone
    damage::a_server_that_is_not_there_is_said_soon_and_without_the_password
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let missing = ["REELMILL_TEST_GRIDFS", "REELMILL_CLOUD_PYTHON"]
        .into_iter()
        .find(|name| std::env::var_os(name).is_none())
        .map(|name| format!("{name} is not set: no MongoDB wire-compatible server or no pymongo here"));
    if let Some(reason) = &missing {
        let lines: Vec<_> = CASES.iter().map(|(name, _)| format!("{name}\t{reason}\n")).collect();
        let _ = std::fs::write(ignored_file(), lines.concat());
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

/// Where it is said why the cases are ignored.
fn ignored_file() -> PathBuf {
    std::env::var_os("REELMILL_IGNORED_DIR")
        .map_or_else(|| PathBuf::from("/dev/null"), |folder| PathBuf::from(folder).join("gridfs.tsv"))
}

fn attempt(run: fn() -> Pin<Box<dyn Future<Output = ()>>>) -> Result<(), libtest_mimic::Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let kept = tokio::time::timeout(PATIENCE, run()).await;
        kept.map_err(|_| format!("was not shown within {} s", PATIENCE.as_secs()).into())
    })
}
