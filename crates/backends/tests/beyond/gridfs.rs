//! GridFS as other programs have it: pymongo reads what we write and we read what it writes, whatever becomes of either.
//!
//! `REELMILL_TEST_GRIDFS` names a server and `REELMILL_CLOUD_PYTHON` a Python with pymongo (`cargo xtask setup` brings both).
//! Without them the cases are shown as ignored, or fail where `REELMILL_TEST_ALL=1`.

mod damage;
mod interop;
mod leftovers;
mod place;

use reelmill_conformance::{Sentence, Trials, sentences, topic, unset};

const CASES: &[Sentence] = sentences! {
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

pub(crate) fn trials() -> Trials {
    let needs = ["REELMILL_TEST_GRIDFS", "REELMILL_CLOUD_PYTHON"];
    let missing = unset(&needs, "no MongoDB wire-compatible server or no pymongo here");
    topic("beyond", "gridfs", CASES.iter().copied(), missing.as_deref())
}
