//! DynamoDB beyond its port: what other programs read in the tables, many at the same items, connections that
//! break, and tables that are wrong.
//!
//! `REELMILL_TEST_DYNAMODB` names a server and `REELMILL_CLOUD_PYTHON` a Python with boto3 (`cargo xtask setup` brings both).
//! Without them the cases are shown as ignored, or fail where `REELMILL_TEST_ALL=1`.

mod broken;
mod interop;
mod other;
mod sample;
mod storm;
#[path = "../conformance/catalog/tables.rs"]
mod tables;
mod wrong;

use reelmill_conformance::{Sentence, Trials, sentences, topic, unset};

const CASES: &[Sentence] = sentences! {
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

pub(crate) fn trials() -> Trials {
    let missing = unset(&[tables::SERVER, other::PYTHON], "no DynamoDB server or no boto3 here");
    topic("beyond", "dynamodb", CASES.iter().copied(), missing.as_deref())
}
