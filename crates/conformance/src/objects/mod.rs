//! What an object store promises.

#![expect(clippy::cast_possible_truncation, reason = "what the cases count is small")]

mod durable;
mod handing;
mod plain_http;
mod reading;
mod sample;
mod writing;

use reelmill_core::ports::Objects;

use crate::suite::{Backend, Trials, cases, pair};

cases! { CASES of dyn Objects:
    writing::what_was_written_is_read,
    writing::an_empty_object_is_an_object,
    writing::pieces_of_every_size_are_put_together,
    writing::nothing_is_visible_before_finish,
    writing::a_dropped_writer_leaves_nothing,
    writing::a_writer_dropped_in_the_middle_of_a_write_leaves_nothing,
    writing::finish_tells_the_size,
    writing::a_key_is_never_written_twice,
    writing::of_two_writers_of_one_key_the_first_to_finish_wins,
    writing::of_many_writers_of_one_key_one_wins,
    writing::a_patch_changes_the_head,
    writing::a_patch_of_bytes_just_written_is_seen,
    writing::a_patch_may_reach_the_end_of_the_head,
    writing::a_patch_beyond_the_head_is_refused,
    writing::a_patch_beyond_what_was_written_is_refused,
    writing::a_patch_does_not_move_the_end,
    writing::many_objects_are_written_at_once,
    writing::a_large_object_is_streamed_in_small_pieces,
    writing::a_large_object_is_whole_whatever_its_length,
    writing::a_large_object_is_never_written_over,
    writing::a_large_object_dropped_halfway_leaves_its_key_free,
    reading::a_range_is_exact_at_its_edges,
    reading::a_range_outside_the_object_is_refused,
    reading::an_object_that_is_not_there_is_not_found,
    reading::one_object_is_read_by_many_at_once,
    reading::a_stream_may_be_dropped_halfway,
    reading::a_delete_leaves_nothing,
    reading::a_delete_of_nothing_is_done,
    reading::a_deleted_key_may_be_written_anew,
    reading::an_object_deleted_while_it_is_read_is_whole_or_an_error,
    reading::keys_of_every_kind_are_told_apart,
    reading::a_key_below_another_is_an_object_of_its_own,
    reading::a_key_above_another_is_an_object_of_its_own_or_refused,
    reading::the_longest_key_is_taken,
    reading::a_name_longer_than_a_files_is_taken_or_refused,
    reading::a_uri_names_one_object,
    reading::it_can_be_checked,
    handing::a_presigned_address_gives_the_object_as_it_was_signed,
    handing::a_presigned_address_gives_nothing_else,
    handing::a_presigned_address_is_of_one_key_of_any_kind,
}

cases! { DURABLE_CASES of dyn Objects:
    durable::a_reopened_store_holds_what_was_finished_and_nothing_else,
    durable::opening_a_store_leaves_the_writers_of_another_alone,
    durable::a_key_is_written_once_among_all_who_share_a_store,
}

/// The cases of these object stores.
#[must_use]
pub fn trials(backends: Vec<Backend<dyn Objects>>) -> Trials {
    pair("objects", CASES, DURABLE_CASES, backends)
}
