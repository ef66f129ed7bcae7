//! Buckets in bad weather and in other hands: what fails on the way, keys that change, and Amazon's and Google's own clients
//! beside ours.
//!
//! `REELMILL_TEST_S3` and `REELMILL_TEST_GCS` name servers and `REELMILL_CLOUD_PYTHON` a Python with boto3 and
//! google-cloud-storage (`cargo xtask setup` brings all). Without them the cases are shown as ignored, or fail where
//! `REELMILL_TEST_ALL=1`.

mod front;
mod gcs;
mod interop;
mod keys;
mod place;
mod s3;

use reelmill_conformance::{Sentence, Trials, sentences, topic, unset};

const CASES: &[Sentence] = sentences! {
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

/// Ends the program where a case started it as a process of its own, as keys are learnt once a process.
pub(crate) use keys::as_child;

pub(crate) fn trials() -> Trials {
    let needs = ["REELMILL_TEST_S3", "REELMILL_TEST_GCS", "REELMILL_CLOUD_PYTHON"];
    let missing = unset(&needs, "no server, or no Python with the clouds' clients here");
    topic("beyond", "buckets", CASES.iter().copied(), missing.as_deref())
}
