//! What a catalog promises.

mod accounts;
mod collections;
mod commits;
mod durable;
mod intents;
mod jobs;
mod lists;
mod pulses;
mod records;
mod sample;
mod songs;
mod tasks;
mod videos;
mod workers;

use reelmill_core::ports::Catalog;

use crate::suite::{Backend, Trials, cases, pair};

cases! { CASES of dyn Catalog:
    commits::a_commit_is_all_or_nothing,
    commits::a_refused_commit_leaves_songs_videos_and_tasks_alone,
    commits::a_commit_of_everything_is_seen_at_once,
    commits::writes_hold_as_if_done_in_order,
    commits::a_commit_of_nothing_is_taken,
    commits::too_many_writes_are_refused_for_good,
    commits::the_most_writes_are_taken,
    commits::of_many_writers_of_one_version_one_wins,
    commits::many_commits_at_once_each_get_their_own_verdict,
    commits::a_read_that_follows_a_commit_sees_it,
    commits::it_can_be_checked,
    accounts::a_user_is_found_by_id_number_address_and_name,
    accounts::addresses_and_names_are_compared_in_lower_case,
    accounts::an_address_or_name_or_number_is_given_once,
    accounts::a_name_equal_to_anothers_address_is_refused,
    accounts::an_address_equal_to_anothers_name_is_refused,
    accounts::a_user_whose_name_is_its_own_address_is_taken,
    accounts::a_stale_user_is_refused,
    accounts::a_renamed_user_is_found_by_the_new_name_only,
    accounts::a_rename_to_anothers_name_is_refused,
    accounts::a_dropped_user_is_gone_with_its_keys,
    accounts::a_user_that_is_not_there_cannot_be_dropped,
    accounts::an_api_key_is_found_by_its_secret,
    accounts::an_api_key_is_dropped_by_its_owner_only,
    accounts::a_secret_stands_for_one_key,
    accounts::a_token_ends_once_or_twice_alike,
    accounts::numbers_are_never_given_twice,
    accounts::each_sequence_counts_for_itself,
    jobs::a_job_comes_back_as_it_was_written,
    jobs::a_job_of_every_state_comes_back_as_it_was_written,
    jobs::a_job_without_a_media_gets_it_by_a_later_write,
    jobs::a_stale_version_is_refused,
    jobs::a_version_may_not_be_skipped,
    jobs::a_job_that_is_not_there_cannot_be_replaced,
    jobs::a_job_is_dropped_at_its_version_only,
    jobs::a_worker_whose_job_was_reclaimed_cannot_finish_it_after_rereading,
    jobs::due_jobs_come_by_priority_then_time,
    jobs::a_job_not_due_is_not_listed,
    jobs::only_queued_jobs_are_due,
    jobs::due_jobs_are_no_more_than_asked_for,
    jobs::claimed_jobs_are_those_running_or_cancelling,
    jobs::the_census_counts_each_job_once,
    jobs::a_refused_commit_leaves_the_census_alone,
    pulses::a_beat_is_counted_and_its_progress_kept,
    pulses::a_beat_does_not_change_the_version,
    pulses::a_beat_of_a_lost_claim_is_refused,
    pulses::a_beat_of_no_job_is_not_found,
    pulses::a_beat_of_a_job_that_is_over_is_refused,
    pulses::a_beat_hears_that_its_job_was_cancelled,
    pulses::a_new_claim_starts_with_a_fresh_pulse,
    pulses::a_write_that_keeps_the_claim_keeps_the_pulse,
    pulses::pulses_are_read_in_every_list,
    lists::pages_cover_all_and_none_twice,
    lists::pages_hold_still_while_records_are_added,
    lists::a_page_goes_on_behind_a_record_that_was_dropped,
    lists::jobs_are_listed_newest_first,
    lists::jobs_are_listed_by_every_filter,
    lists::media_are_listed_by_owner,
    lists::users_are_listed_oldest_first,
    lists::outputs_are_listed_by_their_media,
    intents::an_intent_is_recorded_once,
    intents::an_intent_is_taken_once,
    intents::a_condemned_intent_cannot_be_taken,
    intents::what_became_visible_cannot_be_condemned,
    intents::an_intent_can_be_recorded_condemned,
    intents::only_a_condemned_intent_is_forgotten,
    intents::a_touch_is_counted,
    intents::a_touch_of_a_lost_intent_is_refused,
    intents::intents_are_listed_by_key,
    records::media_come_back_as_they_were_written,
    records::media_are_added_and_dropped_once,
    records::a_media_is_found_by_its_fid,
    records::what_needs_a_media_is_refused_without_it,
    records::an_output_is_found_by_its_fid,
    records::an_output_is_added_and_dropped_once,
    records::a_receipt_is_found_until_it_expires,
    records::a_receipt_is_taken_once_while_it_lasts,
    records::an_expired_receipt_makes_room,
    records::what_has_expired_is_swept,
    records::due_notices_come_oldest_first,
    records::kinds_of_notices_are_kept_apart,
    records::a_notice_is_put_off,
    records::a_notice_is_dropped_once_or_twice_alike,
    records::text_survives,
    songs::a_song_comes_back_as_it_was_written,
    songs::a_song_is_found_by_its_platforms_id,
    songs::a_platforms_id_has_one_song,
    songs::of_many_who_add_one_song_one_wins,
    songs::a_stale_song_is_refused,
    songs::a_song_is_dropped_at_its_version_only,
    songs::a_replaced_song_is_found_as_it_is_now,
    songs::songs_are_found_by_any_beginning_of_their_title,
    songs::a_title_with_a_nul_is_taken_and_found_by_what_stands_before_it,
    songs::long_titles_are_told_apart_to_their_end,
    songs::a_song_without_a_title_is_found_by_its_platforms_id,
    songs::an_operation_is_added_once,
    videos::a_video_comes_back_as_it_was_written,
    videos::a_video_is_found_by_its_thumbnail,
    videos::a_media_a_number_and_a_thumbnail_have_one_video,
    videos::videos_without_a_thumbnail_are_many,
    videos::a_stale_video_is_refused,
    videos::a_video_is_dropped_at_its_version_only,
    videos::videos_are_listed_newest_media_first,
    tasks::a_task_comes_back_as_it_was_written,
    tasks::a_number_has_one_task,
    tasks::a_stale_task_is_refused,
    tasks::a_task_is_dropped_at_its_version_only,
    tasks::tasks_are_listed_by_number_both_ways,
    tasks::a_task_is_found_by_either_of_its_file_names,
    tasks::the_newest_task_of_a_name_is_found,
    tasks::a_task_of_another_account_is_never_found_by_its_name,
    tasks::a_replaced_task_is_found_by_its_new_names_only,
    tasks::names_of_every_kind_are_told_apart,
    workers::each_registration_counts_a_name_up,
    workers::a_name_that_nobody_registered_has_no_epoch,
    workers::those_that_register_at_once_get_different_epochs,
    collections::every_record_comes_once_in_parts_of_any_size,
    collections::an_empty_collection_has_no_records,
    collections::a_part_begins_where_the_one_before_ended,
    collections::what_is_there_all_along_comes_while_others_are_dropped,
    collections::a_jobs_record_is_without_its_pulse,
    collections::what_was_read_as_json_makes_the_same_catalog_again,
    collections::a_raised_sequence_goes_on_behind_the_number,
    collections::a_sequence_is_never_lowered,
}

cases! { DURABLE_CASES of dyn Catalog:
    durable::a_reopened_catalog_holds_what_was_committed,
    durable::a_reopened_catalog_holds_songs_videos_and_tasks,
    durable::ten_that_open_together_migrate_once,
    durable::two_that_share_a_catalog_see_each_others_commits,
    durable::of_two_that_share_a_catalog_one_wins,
    durable::two_that_share_a_catalog_register_different_epochs,
    durable::many_that_change_the_same_jobs_all_come_through,
    durable::nothing_is_added_to_a_media_that_was_dropped_meanwhile,
}

/// The cases of these catalogs.
#[must_use]
pub fn trials(backends: Vec<Backend<dyn Catalog>>) -> Trials {
    pair("catalog", CASES, DURABLE_CASES, backends)
}
