//! The web as a source, against servers of the test's own: YouTube's API by its documented answers, files that break
//! off, and yt-dlp, the real one wherever it can be brought to what a case is about.
//!
//! `REELMILL_YTDLP` names the real yt-dlp (`cargo xtask setup` installs it). Without it, the cases that need it are shown
//! as ignored, or fail where `REELMILL_TEST_ALL=1`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bench;
mod direct;
mod fake;
mod processes;
mod real;
mod youtube;

use std::future::Future;
use std::io::Write as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};

/// How long a case may take.
const PATIENCE: Duration = Duration::from_mins(2);

struct Case {
    name: String,
    needs_ytdlp: bool,
    run: fn() -> Pin<Box<dyn Future<Output = ()>>>,
}

/// A list of cases, each named like the function that shows it.
macro_rules! cases {
    ($needs:literal $($topic:ident::$sentence:ident)*) => {
        vec![$(Case {
            name: format!("{}::{}", stringify!($topic), stringify!($sentence)),
            needs_ytdlp: $needs,
            run: || Box::pin($topic::$sentence()),
        }),*]
    };
}

fn cases() -> Vec<Case> {
    let mut all = cases! { false
        direct::a_file_that_breaks_off_is_resumed_where_it_broke_off
        direct::a_file_that_changed_meanwhile_is_not_glued_together
        direct::a_file_without_a_tag_or_date_is_not_resumed
        direct::a_server_that_cannot_resume_is_asked_again_a_few_times_only
        direct::a_declared_size_above_the_limit_is_refused_before_a_byte
        direct::a_server_that_falls_silent_is_left
        direct::a_download_that_takes_too_long_is_ended
        direct::each_status_is_told_as_what_it_means
        direct::a_few_redirects_are_followed_and_no_more
        direct::redirects_to_other_than_web_addresses_are_refused
        direct::media_that_comes_compressed_is_refused
        direct::what_is_neither_media_nor_page_is_unsupported
        direct::the_name_is_the_servers_else_the_addresss
        direct::metadata_services_are_never_reached_whatever_is_listed
        youtube::a_title_is_searched_and_then_looked_up_as_documented
        youtube::an_address_is_looked_up_at_once
        youtube::nothing_found_is_not_found
        youtube::what_is_on_air_or_too_long_is_refused
        youtube::each_error_is_told_as_what_it_means_and_never_holds_the_key
        youtube::a_silent_api_is_given_up
        youtube::an_api_that_redirects_or_babbles_gets_no_further
        youtube::no_log_line_holds_the_key
        youtube::a_hundred_wishes_for_twenty_songs_are_twenty_searches
        fake::without_yt_dlp_what_needs_it_says_how_to_get_it
        fake::an_old_yt_dlp_is_named_with_its_version
        fake::without_a_key_titles_are_searched_through_yt_dlp
        fake::a_title_never_becomes_an_option
        fake::a_search_that_finds_nothing_or_fails_says_so
        fake::it_gets_nothing_of_our_environment
        fake::each_failure_is_told_as_what_it_means
        fake::no_output_is_never_success
        fake::output_without_end_is_cut_off
        fake::a_flood_of_words_does_no_harm
        fake::one_that_hangs_is_ended_with_all_that_it_started
        fake::one_that_ignores_requests_is_killed
        fake::what_it_leaves_behind_is_ended
        fake::a_dropped_fetch_leaves_no_process
        fake::the_operators_cookies_stay_as_they_are
    };
    all.extend(cases! { true
        real::it_is_found_and_will_do
        real::media_on_a_page_come_byte_by_byte
        real::media_that_break_off_are_resumed
        real::media_that_cannot_be_resumed_are_no_success
        real::a_list_of_pieces_is_joined
        real::a_page_whose_media_lie_within_is_forbidden
        real::a_page_whose_media_are_redirected_within_is_forbidden
        real::a_list_with_a_piece_within_is_forbidden
        real::a_page_that_leads_to_the_metadata_service_is_forbidden
        real::media_too_large_are_refused
        real::a_page_without_media_is_unsupported
        real::a_source_that_was_asked_too_often_says_when_to_come_back
        real::a_cancelled_fetch_leaves_no_process
        real::its_interpreter_reaches_nothing_but_the_proxy
    });
    all
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let must_run_all = std::env::var_os("REELMILL_TEST_ALL").is_some_and(|all| all == "1");
    let mut reasons = Vec::new();
    let trials = cases().into_iter().map(|Case { name, needs_ytdlp, run }| {
        let is_missing = needs_ytdlp && real_ytdlp().is_none();
        if is_missing {
            reasons.push(format!("{name}\tyt-dlp is not installed (`cargo xtask setup`)\n"));
        }
        Trial::test(name, move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, run()).await });
            ended.map_err(|_| format!("was not shown within {} s", PATIENCE.as_secs()).into())
        })
        .with_ignored_flag(is_missing && !must_run_all)
    });
    let trials = trials.collect();
    if arguments.list
        && let Some(folder) = std::env::var_os("REELMILL_IGNORED_DIR")
    {
        let mut file = std::fs::File::create(PathBuf::from(folder).join("source.tsv")).unwrap();
        file.write_all(reasons.concat().as_bytes()).unwrap();
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The yt-dlp that was installed for tests.
fn real_ytdlp() -> Option<PathBuf> {
    std::env::var_os("REELMILL_YTDLP").map(PathBuf::from).filter(|path| path.is_file())
}
