//! Doorbells in bad weather and in other hands: brokers that are killed, connections that break and fall silent, URLs that
//! are wrong, and Python's clients on the same queues.
//!
//! `REELMILL_TEST_AMQP` and `REELMILL_TEST_PUBSUB` name servers, `REELMILL_CLOUD_PYTHON` a Python with pika and
//! google-cloud-pubsub; what kills a broker starts one of its own (`cargo xtask setup` brings all). Without them the cases
//! are shown as ignored, or fail where `REELMILL_TEST_ALL=1`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bells;
mod interop;
mod killed;
mod network;
mod wrong;

use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use reelmill_testbed::{Tools, servers};

/// How long a case may take.
const PATIENCE: Duration = Duration::from_mins(3);

type Run = fn() -> Pin<Box<dyn Future<Output = ()>>>;

/// A list of cases, each named like the function that shows it.
macro_rules! cases {
    ($($topic:ident::$sentence:ident)*) => {
        &[$((concat!(stringify!($topic), "::", stringify!($sentence)), || Box::pin($topic::$sentence()))),*]
    };
}

const WITH_SERVERS: &[(&str, Run)] = cases! {
    network::a_ring_without_a_broker_fails_at_once_and_the_next_with_one_does_not
    network::a_ring_goes_by_a_new_connection_where_the_old_one_was_cut
    network::a_ring_into_silence_is_not_said_to_be_done
    network::a_listener_outlives_its_connection
    network::a_connection_that_falls_silent_is_noticed
    network::what_was_held_on_a_dead_connection_comes_again
    network::a_queue_that_is_deleted_is_made_again_and_costs_nothing_else
    network::a_slow_network_loses_nothing
    wrong::a_wrong_password_is_said_and_not_shown
    wrong::a_missing_virtual_host_is_named
    wrong::a_broker_that_is_not_there_is_named
    wrong::a_url_that_lacks_something_is_refused
    interop::pika_hears_our_rings
    interop::we_hear_pika
    interop::googles_client_hears_our_rings
    interop::we_hear_googles_client
};
const WITH_ONE_TO_KILL: &[(&str, Run)] = cases! {
    killed::rabbitmq_that_comes_back_has_every_ring_that_was_taken
    killed::rabbitmq_that_comes_back_without_its_queues_gets_them_again
    killed::pubsub_that_comes_back_empty_gets_its_topic_again
};

fn main() -> ExitCode {
    let unset = ["REELMILL_TEST_AMQP", "REELMILL_TEST_PUBSUB", "REELMILL_CLOUD_PYTHON"]
        .into_iter()
        .find(|name| std::env::var_os(name).is_none())
        .map(|name| format!("{name} is not set: no broker, or no Python with its clients here"));
    let tools = Tools::from_environment();
    let none_to_kill = [&servers::RABBITMQ, &servers::PUBSUB]
        .into_iter()
        .find_map(|kind| kind.missing(&tools))
        .map(|missing| missing.to_string());
    let must_all = std::env::var("REELMILL_TEST_ALL").is_ok_and(|all| all == "1");
    let mut trials = Vec::new();
    let mut ignored = String::new();
    for (cases, missing) in [(WITH_SERVERS, unset), (WITH_ONE_TO_KILL, none_to_kill)] {
        for (sentence, run) in cases {
            let (run, missing) = (*run, missing.clone());
            if let Some(reason) = &missing {
                ignored.extend([sentence, "\t", reason.as_str(), "\n"]);
            }
            let is_ignored = missing.is_some() && !must_all;
            let trial = Trial::test(*sentence, move || {
                missing.map_or_else(|| attempt(run), |reason| Err(reason.into()))
            });
            trials.push(trial.with_ignored_flag(is_ignored));
        }
    }
    if let Some(folder) = std::env::var_os("REELMILL_IGNORED_DIR").filter(|_| !ignored.is_empty()) {
        std::fs::write(PathBuf::from(folder).join("doorbells.tsv"), ignored).unwrap();
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn attempt(run: Run) -> Result<(), libtest_mimic::Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let shown = tokio::time::timeout(PATIENCE, run()).await;
        shown.map_err(|_| format!("was not shown within {} s", PATIENCE.as_secs()).into())
    })
}
