//! End to end: the real binary, real media, a real browser. This list is all cases; a file holds a topic.
//!
//! Each case starts processes of its own in a folder of its own and ends by looking for what was left over. A case
//! that needs what this machine lacks is shown as ignored with the reason, or fails where `REELMILL_TEST_ALL=1`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bad_input;
mod batch;
mod big;
mod cancel;
mod client;
mod converter_contract;
mod corpus;
mod crash;
mod dca;
mod disk;
mod drain;
mod exchange;
mod first_start;
mod fleet;
mod fountain;
mod hardship;
mod live;
mod mail;
mod material;
mod mill;
mod music;
mod music_contract;
mod page;
mod pty;
mod report;
mod resumable;
mod rpc;
mod session;
mod sound;
mod sources;
mod tasks_client;
mod tasks_contract;
mod tasks_crowd;
mod tasks_right;
mod terminal;
mod tools;
mod video_contract;
mod video_pages;
mod video_rules;
mod video_site;
mod video_traffic;
mod webhooks;
mod zombie;

use std::io::Write as _;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use fleet::{combinations, contracts, kills, storm, weather};
use tools::Need::{
    self, Amqp, Browser, CloudPython, Corpus, Curl, DynamoDb, Faketime, Ffmpeg, Gcs, GridFs, GrpcPython,
    Mail, Mount, MySql, NodePackages, Postgres, PrivatePostgres, PrivateRabbitMq, PubSub, S3, Ytdlp,
};

/// A case: its area, what it needs, and the function whose name is the case's sentence.
struct Case {
    name: String,
    needs: &'static [Need],
    run: fn(),
}

macro_rules! cases {
    ($( $area:literal $topic:ident::$sentence:ident [$($need:ident),*] )*) => {
        vec![$( Case {
            name: format!("{}::{}", $area, stringify!($sentence)),
            needs: &[$($need),*],
            run: $topic::$sentence,
        } ),*]
    };
}

/// Every case. Those of the area `soak` have a stated size, are smaller in the daily run, and run alone.
fn cases() -> Vec<Case> {
    cases! {
        "soak" corpus::real_files_of_every_kind_convert_to_every_format [Corpus, Ffmpeg]
        "corpus" corpus::damaged_files_end_in_a_sound_result_or_in_a_reason [Corpus, Ffmpeg]
        "start" first_start::on_a_terminal_the_first_start_shows_address_email_and_password_once []
        "start" first_start::without_a_terminal_the_password_is_written_for_its_owner_only []
        "start" first_start::a_second_process_on_the_data_folder_is_refused_by_name []
        "crash" crash::a_job_whose_mill_was_killed_in_mid_conversion_ends_done_once_at_the_second_attempt []
        "crash" crash::an_upload_cut_by_a_kill_leaves_nothing []
        "crash" crash::a_job_that_kills_its_mill_again_and_again_is_set_aside_with_the_reason []
        "crash" crash::a_job_accepted_just_before_a_kill_is_done []
        "crash" zombie::a_worker_that_wakes_while_another_converts_its_job_cannot_finish_it []
        "crash" zombie::a_worker_that_wakes_when_another_has_done_its_job_cannot_finish_it []
        "soak" big::big_upload_and_download_stay_within_their_memory [Ffmpeg]
        "soak" batch::a_batch_of_clips_spends_little_on_its_catalog []
        "soak" big::long_conversion_stays_within_its_memory []
        "soak" resumable::a_client_that_is_cut_again_and_again_uploads_the_same_bytes_to_a_disk [NodePackages]
        "crash" resumable::an_upload_outlives_a_kill_and_goes_on_where_it_stood []
        "soak" live::many_clients_hear_each_end_once_and_in_order [Ffmpeg]
        "events" live::a_client_whose_server_was_killed_misses_no_end [Ffmpeg]
        "sources" sources::an_update_is_used_and_one_that_does_not_work_leaves_it_in_use [Ytdlp]
        "stop" drain::a_short_conversion_is_finished_before_a_stop []
        "stop" drain::a_long_conversion_is_given_back_with_its_attempt []
        "stop" drain::a_second_signal_ends_it_at_once []
        "hardship" hardship::a_catalog_that_another_process_has_locked_costs_nothing_but_time [CloudPython]
        "hardship" hardship::a_clock_that_jumps_an_hour_either_way_costs_no_job [Faketime]
        "cancel" cancel::a_running_job_is_cancelled_within_two_seconds []
        "cancel" cancel::media_deleted_while_it_is_converted_leaves_nothing []
        "disk" disk::a_full_store_refuses_an_upload_and_fails_a_job_until_there_is_room [Mount]
        "bad_input" bad_input::what_is_no_media_is_refused_at_both_doors []
        "bad_input" bad_input::damaged_and_silent_files_fail_with_their_reason [Ffmpeg]
        "bad_input" bad_input::more_than_one_file_or_none_is_refused []
        "bad_input" bad_input::a_path_as_a_file_name_stays_a_name []
        "bad_input" bad_input::ten_gibibytes_are_refused_before_they_are_sent []
        "bad_input" bad_input::a_slow_sender_is_sent_away []
        "bad_input" bad_input::a_client_that_leaves_midway_leaves_nothing []
        "bad_input" bad_input::a_wrong_token_opens_no_door []
        "converter" converter_contract::the_example_script_turns_an_mp4_into_an_mp3 [Curl, Ffmpeg]
        "converter" converter_contract::the_example_script_says_why_it_failed [Curl]
        "mail" mail::letters_that_are_put_off_for_a_while_arrive_once_each [Mail]
        "webhooks" webhooks::an_end_arrives_signed_under_one_id_whatever_comes_between [CloudPython]
        "webhooks" webhooks::a_new_secret_signs_beside_the_old_one_and_a_farewell_is_heard [CloudPython]
        "mail" mail::check_says_whether_letters_can_be_sent [Mail]
        "tasks" tasks_contract::accounts_are_made_and_signed_in_as_the_contract_says []
        "tasks" tasks_contract::tasks_are_made_listed_changed_and_deleted_as_the_contract_says []
        "tasks" tasks_contract::files_are_downloaded_as_the_contract_says []
        "tasks" tasks_contract::the_load_balancer_is_answered_where_the_page_is []
        "tasks" tasks_contract::the_example_script_converts_a_song [Curl]
        "tasks" tasks_contract::formats_convert_both_ways [Ffmpeg]
        "tasks" tasks_right::messages_are_data_never_code []
        "tasks" tasks_right::no_task_is_half_made []
        "tasks" tasks_right::formats_are_compared_without_case_and_the_output_never_overwrites_the_original []
        "tasks" tasks_right::two_workers_never_collide_on_a_scratch_file []
        "tasks" tasks_right::a_failed_task_says_so []
        "soak" tasks_crowd::a_crowd_with_files_of_its_own_has_every_task_whole_and_nobody_elses []
        "music" music_contract::every_row_of_the_contract_is_answered_to_the_letter []
        "music" music_contract::the_websocket_tells_each_change_and_closes_behind_the_last []
        "music" music_contract::the_contracts_variables_count_as_a_whole_set_alone []
        "music" music::a_failed_download_is_failed_and_never_a_success_with_an_empty_file []
        "music" music::a_deadline_that_passes_ends_in_failed []
        "music" music::a_crash_midway_resumes_the_operation []
        "music" music::the_same_song_asked_for_twice_at_once_is_fetched_once []
        "music" music::a_hundred_starts_at_once_of_twenty_songs_are_twenty_downloads []
        "music" music::a_song_that_is_in_the_library_answers_at_once []
        "music" music::the_api_key_is_in_no_error_and_no_log []
        "music" music::the_recorded_uri_is_where_the_object_really_is []
        "music" music::an_import_of_an_address_is_fetched_and_converted []
        "music" music::the_example_script_says_where_the_song_is [Curl]
        "soak" music::memory_stays_bounded_however_long_the_audio []
        "dca" dca::a_reader_of_another_library_reads_our_files_to_the_end [Ffmpeg, NodePackages]
        "video" video_contract::every_rpc_answers_as_the_contract_says [Ffmpeg]
        "video" video_contract::every_http_row_answers_as_the_contract_says [Ffmpeg]
        "video" video_contract::the_example_publishes_a_video_and_reads_it_again [Ffmpeg, GrpcPython]
        "video" video_rules::errors_carry_real_grpc_codes []
        "video" video_rules::uploading_or_editing_needs_the_right_on_every_route_and_rpc []
        "video" video_rules::a_range_fetches_only_its_bytes_from_the_store []
        "video" video_rules::backward_negative_and_huge_ranges_are_refused []
        "video" video_rules::image_names_cannot_leave_their_prefix []
        "video" video_rules::resize_is_bounded [Ffmpeg]
        "video" video_rules::what_is_not_published_is_seen_by_its_owner_and_admins_alone []
        "video" video_rules::the_last_word_on_owner_and_size_counts []
        "soak" video_traffic::uploads_stream [Ffmpeg]
        "video" video_traffic::a_client_that_leaves_midway_leaves_nothing []
        "video" video_traffic::a_slow_reader_does_not_hold_another_stream_up []
        "video" video_traffic::health_turns_to_not_serving_while_it_drains []
        "video" video_traffic::reflection_lists_the_services []
        "video" video_traffic::grpc_has_a_port_of_its_own_where_one_is_named []
        "video" video_traffic::http_and_grpc_share_a_port []
        "page" page::somebody_signs_in_drops_a_film_and_downloads_the_song [Browser, Corpus]
        "page" video_pages::a_video_uploaded_over_grpc_plays_by_range [Browser, Ffmpeg]
        "page" video_pages::a_member_publishes_a_video_guests_watch_it_and_an_admin_deletes_it [Browser, Ffmpeg]
        "terminal" terminal::on_a_terminal_a_conversion_shows_a_bar_with_speed_and_time_left []
        "terminal" terminal::without_a_terminal_a_conversion_is_quiet []
        "terminal" terminal::ctrl_c_leaves_nothing_and_exits_with_130 []
        "terminal" terminal::ctrl_c_at_a_password_prompt_gives_the_echo_back_and_exits_with_130 []
    }
}

/// The cases on engines of other makes.
fn fleet_cases() -> Vec<Case> {
    cases! {
        "fleet" combinations::the_converter_on_mysql_gridfs_and_rabbitmq [CloudPython, MySql, GridFs, Amqp]
        "fleet" combinations::the_converter_on_postgres_gridfs_and_rabbitmq [CloudPython, Postgres, GridFs, Amqp]
        "fleet" combinations::the_converter_on_sqlite_disk_and_rabbitmq [CloudPython, Amqp]
        "fleet" combinations::the_converter_on_dynamodb_gridfs_and_rabbitmq [CloudPython, DynamoDb, GridFs, Amqp]
        "fleet" combinations::the_site_on_mysql_and_s3 [CloudPython, MySql, S3]
        "fleet" combinations::the_site_on_postgres_gcs_and_rabbitmq [CloudPython, Postgres, Gcs, Amqp]
        "fleet" combinations::the_tasks_on_postgres_gcs_and_pubsub [CloudPython, Postgres, Gcs, PubSub]
        "fleet" combinations::the_tasks_on_mysql_disk_and_pubsub [CloudPython, MySql, PubSub]
        "fleet" combinations::the_tasks_on_dynamodb_gcs_and_pubsub [CloudPython, DynamoDb, Gcs, PubSub]
        "fleet" combinations::the_api_on_sqlite_and_s3 [CloudPython, S3]
        "fleet" combinations::the_api_on_sqlite_and_gcs [CloudPython, Gcs]
        "fleet" combinations::the_api_on_sqlite_gridfs_and_pubsub [CloudPython, GridFs, PubSub]
        "fleet" combinations::the_api_on_postgres_s3_and_rabbitmq [CloudPython, Postgres, S3, Amqp]
        "fleet" combinations::the_api_on_dynamodb_disk_and_embedded [CloudPython, DynamoDb]
        "fleet" combinations::the_bot_on_dynamodb_and_s3 [CloudPython, DynamoDb, S3]
        "fleet" combinations::the_bot_on_mysql_s3_and_pubsub [CloudPython, MySql, S3, PubSub]
        "fleet" contracts::the_bots_variables_run_it_on_dynamodb_and_s3 [CloudPython, Curl, DynamoDb, S3]
        "fleet" contracts::the_converters_variables_run_it_on_mysql_rabbitmq_and_gridfs [CloudPython, Curl, Ffmpeg, MySql, GridFs, Amqp]
        "fleet" contracts::the_sites_variables_run_it_on_mysql_and_s3 [CloudPython, Ffmpeg, GrpcPython, MySql, S3]
        "fleet" contracts::the_tasks_variables_run_them_on_postgres_gcs_and_pubsub [CloudPython, Curl, Postgres, Gcs, PubSub]
        "fleet" weather::a_database_that_restarts_in_mid_job_costs_nothing_but_time [PrivatePostgres]
        "fleet" weather::a_database_that_falls_silent_is_told_within_seconds_and_used_again [MySql]
        "fleet" weather::a_store_that_cuts_and_narrows_loses_no_upload_and_no_result [CloudPython, S3]
        "fleet" weather::nodes_whose_clocks_differ_by_five_minutes_share_the_work [Faketime, Postgres]
        "fleet" weather::of_two_processes_of_one_name_the_older_ends_and_its_job_goes_on [MySql]
        "soak" resumable::a_client_that_is_cut_again_and_again_uploads_the_same_bytes_to_s3 [CloudPython, NodePackages, S3]
        "soak" storm::storms_of_kills_cost_no_job_and_double_no_effect [CloudPython, Mail, Postgres, S3, Amqp]
        "soak" kills::resumption_after_a_death_is_a_matter_of_seconds [Postgres, Amqp]
        "heavy" kills::sixty_jobs_outlive_ten_killed_workers_and_two_deaths_of_the_broker [CloudPython, Postgres, S3, PrivateRabbitMq]
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut ignored = Vec::new();
    let trials = cases().into_iter().chain(fleet_cases()).map(|Case { name, needs, run }| {
        let missing = needs.iter().find_map(|need| need.missing());
        let trial = match &missing {
            Some(reason) if tools::must_run_all() => {
                let reason = reason.clone();
                Trial::test(&name, move || Err(reason.into()))
            }
            _ => Trial::test(&name, move || {
                run();
                Ok(())
            }),
        };
        let is_ignored = missing.is_some() && !tools::must_run_all();
        ignored.extend(missing.filter(|_| is_ignored).map(|reason| format!("{name}\t{reason}\n")));
        trial.with_ignored_flag(is_ignored)
    });
    let trials = trials.collect();
    if arguments.list {
        keep_reasons(&ignored);
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Leaves the reasons of ignored cases where xtask looks for them: libtest's output has no place for one.
fn keep_reasons(lines: &[String]) {
    let Some(folder) = std::env::var_os("REELMILL_IGNORED_DIR") else { return };
    let mut file = std::fs::File::create(std::path::Path::new(&folder).join("e2e.tsv")).unwrap();
    file.write_all(lines.concat().as_bytes()).unwrap();
}
