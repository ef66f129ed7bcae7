//! Doorbells in bad weather and in other hands: brokers that are killed, connections that break and fall silent, URLs that
//! are wrong, and Python's clients on the same queues.
//!
//! `REELMILL_TEST_AMQP` and `REELMILL_TEST_PUBSUB` name servers, `REELMILL_CLOUD_PYTHON` a Python with pika and
//! google-cloud-pubsub; what kills a broker starts one of its own (`cargo xtask setup` brings all). Without them the cases
//! are shown as ignored, or fail where `REELMILL_TEST_ALL=1`.

mod bells;
mod interop;
mod killed;
mod network;
mod wrong;

use reelmill_conformance::{Sentence, Trials, sentences, topic, unset};
use reelmill_testbed::{Tools, servers};

const WITH_SERVERS: &[Sentence] = sentences! {
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
const WITH_ONE_TO_KILL: &[Sentence] = sentences! {
    killed::rabbitmq_that_comes_back_has_every_ring_that_was_taken
    killed::rabbitmq_that_comes_back_without_its_queues_gets_them_again
    killed::pubsub_that_comes_back_empty_gets_its_topic_again
};

pub(crate) fn trials() -> [Trials; 2] {
    let needs = ["REELMILL_TEST_AMQP", "REELMILL_TEST_PUBSUB", "REELMILL_CLOUD_PYTHON"];
    let missing = unset(&needs, "no broker, or no Python with its clients here");
    let tools = Tools::from_environment();
    let none_to_kill =
        [&servers::RABBITMQ, &servers::PUBSUB].into_iter().find_map(|kind| kind.missing(&tools));
    let none_to_kill = none_to_kill.map(|missing| missing.to_string());
    [
        topic("beyond", "doorbells", WITH_SERVERS.iter().copied(), missing.as_deref()),
        topic("beyond", "killed-doorbells", WITH_ONE_TO_KILL.iter().copied(), none_to_kill.as_deref()),
    ]
}
