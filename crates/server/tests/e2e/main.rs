//! End to end: the real binary, real media, a real browser. This list is all cases; a file holds a topic.
//!
//! Each case starts processes of its own in a folder of its own and ends by looking for what was left over. A case
//! that needs what this machine lacks is shown as ignored with the reason, or fails where `REELMILL_TEST_ALL=1`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bad_input;
mod big;
mod cancel;
mod client;
mod converter_contract;
mod corpus;
mod crash;
mod disk;
mod drain;
mod first_start;
mod material;
mod mill;
mod page;
mod pty;
mod report;
mod session;
mod sound;
mod terminal;
mod tools;
mod zombie;

use std::io::Write as _;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use tools::Need::{self, Browser, Corpus, Curl, Ffmpeg, Mount};

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
        "crash" crash::a_job_accepted_just_before_a_kill_is_done []
        "crash" zombie::a_worker_that_wakes_while_another_converts_its_job_cannot_finish_it []
        "crash" zombie::a_worker_that_wakes_when_another_has_done_its_job_cannot_finish_it []
        "soak" big::big_upload_and_download_stay_within_their_memory [Ffmpeg]
        "soak" big::long_conversion_stays_within_its_memory []
        "stop" drain::a_short_conversion_is_finished_before_a_stop []
        "stop" drain::a_long_conversion_is_given_back_with_its_attempt []
        "stop" drain::a_second_signal_ends_it_at_once []
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
        "page" page::somebody_signs_in_drops_a_film_and_downloads_the_song [Browser, Corpus]
        "terminal" terminal::on_a_terminal_a_conversion_shows_a_bar_with_speed_and_time_left []
        "terminal" terminal::without_a_terminal_a_conversion_is_quiet []
        "terminal" terminal::ctrl_c_leaves_nothing_and_exits_with_130 []
        "terminal" terminal::ctrl_c_at_a_password_prompt_gives_the_echo_back_and_exits_with_130 []
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut ignored = Vec::new();
    let trials = cases().into_iter().map(|Case { name, needs, run }| {
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
