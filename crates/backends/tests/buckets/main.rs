//! Buckets in bad weather and in other hands: what fails on the way, keys that change, and Amazon's and Google's own clients
//! beside ours.
//!
//! `REELMILL_TEST_S3` and `REELMILL_TEST_GCS` name servers and `REELMILL_CLOUD_PYTHON` a Python with boto3 and
//! google-cloud-storage (`cargo xtask setup` brings all). Without them the cases are shown as ignored, or fail where
//! `REELMILL_TEST_ALL=1`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod front;
mod gcs;
mod interop;
mod keys;
mod place;
mod s3;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

/// How long a case may take.
const PATIENCE: Duration = Duration::from_mins(2);

type Running = Pin<Box<dyn Future<Output = ()>>>;
type Case = (&'static str, fn() -> Running);

/// A list of cases, each named like the function that shows it.
macro_rules! cases {
    ($($topic:ident::$sentence:ident)*) => {
        &[$((concat!(stringify!($topic), "::", stringify!($sentence)), || Box::pin($topic::$sentence()))),*]
    };
}

const CASES: &[Case] = cases! {
    s3::a_part_that_fails_is_sent_again
    s3::a_store_that_is_busy_for_a_while_is_waited_for
    s3::a_store_that_stays_busy_is_unavailable
    s3::an_answer_that_was_lost_is_no_conflict
    s3::a_read_goes_on_where_the_connection_was_reset
    s3::a_read_that_cannot_go_on_is_an_error
    s3::a_store_that_falls_silent_is_not_waited_for_without_end
    s3::damaged_bytes_are_not_taken
    s3::a_writer_that_fails_or_is_dropped_leaves_no_upload
    s3::what_a_killed_writer_left_is_deleted_with_its_key
    s3::a_store_that_does_not_know_us_says_what_to_do
    keys::keys_that_expire_are_taken_anew
    keys::keys_that_were_taken_back_are_taken_anew
    gcs::a_piece_whose_answer_was_lost_is_not_sent_twice
    gcs::an_answer_that_was_lost_is_no_conflict
    gcs::a_read_goes_on_where_the_connection_was_reset
    gcs::a_store_that_is_busy_for_a_while_is_waited_for
    gcs::a_store_that_falls_silent_is_not_waited_for_without_end
    gcs::what_a_killed_writer_left_is_deleted_with_its_key
    gcs::a_finished_object_leaves_nothing_beside_it
    interop::boto3_reads_what_we_write
    interop::we_read_what_boto3_writes
    interop::googles_client_reads_what_we_write
    interop::an_address_is_signed_as_googles_client_does
};

fn main() -> ExitCode {
    if let Some(ended) = keys::as_child() {
        return ended;
    }
    let missing = ["REELMILL_TEST_S3", "REELMILL_TEST_GCS", "REELMILL_CLOUD_PYTHON"]
        .into_iter()
        .find(|name| std::env::var_os(name).is_none())
        .map(|name| format!("{name} is not set: no server, or no Python with the clouds' clients here"));
    let must_all = std::env::var("REELMILL_TEST_ALL").is_ok_and(|all| all == "1");
    if let (Some(reason), Some(folder)) = (&missing, std::env::var_os("REELMILL_IGNORED_DIR")) {
        let lines: Vec<_> = CASES.iter().map(|(name, _)| format!("{name}\t{reason}\n")).collect();
        std::fs::write(PathBuf::from(folder).join("buckets.tsv"), lines.concat()).unwrap();
    }
    let trial = |(name, run): &Case| {
        let (run, missing) = (*run, missing.clone());
        let is_ignored = missing.is_some() && !must_all;
        let tried = move || missing.map_or_else(|| attempt(run()), |reason| Err(Failed::from(reason)));
        Trial::test(*name, tried).with_ignored_flag(is_ignored)
    };
    libtest_mimic::run(&Arguments::from_args(), CASES.iter().map(trial).collect()).exit_code()
}

fn attempt(running: Running) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let kept = tokio::time::timeout(PATIENCE, running).await;
        kept.map_err(|_| format!("was not shown within {} s", PATIENCE.as_secs()).into())
    })
}
