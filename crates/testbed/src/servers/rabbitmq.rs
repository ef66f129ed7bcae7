//! `RabbitMQ`, one node with an Erlang port mapper of its own; `guest` may sign in.
//!
//! The port mapper is started first and on loopback: the node would otherwise leave one behind that listens everywhere.

use std::process::Command;

use crate::server::{Kind, Site, program};
use crate::tools::{self, Tools};
use crate::{ServerError, answer};

/// `RabbitMQ`: `amqp://guest:guest@127.0.0.1:<port>/`. [`Server::forget`](crate::Server::forget) makes it one without
/// its queues. A quorum queue that was declared within a second before a kill is broken for good, since the node notes
/// late which it has: let a test wait until its queue has done something.
pub static RABBITMQ: Kind = Kind {
    name: "RabbitMQ",
    variable: "REELMILL_TEST_AMQP",
    tools: &[tools::RABBITMQ, tools::EPMD],
    ports: 3,
    prepare,
    programs,
    answers,
    url: |port| format!("amqp://guest:guest@127.0.0.1:{port}/"),
    litter: |_| Vec::new(),
};

/// How a client of AMQP 0-9-1 begins.
const HEADER: &[u8] = b"AMQP\0\0\x09\x01";
/// Method 10 of class 10, `connection.start`, behind a frame's type, channel and length.
const CONNECTION_START: [u8; 4] = [0, 10, 0, 10];

fn prepare(_: &Tools, site: &Site) -> Result<(), ServerError> {
    site.make("home")?;
    site.write("enabled_plugins", "[].\n")?;
    site.write(
        "rabbitmq.conf",
        &format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nloopback_users = none\nlog.file = false\nlog.console = true\n\
             log.console.level = warning\nvm_memory_high_watermark.absolute = 512MB\n\
             disk_free_limit.absolute = 100MB\n",
            site.port()
        ),
    )
}

fn programs(tools: &Tools, site: &Site) -> Result<Vec<Command>, ServerError> {
    let [amqp, distribution, mapper] = [0, 1, 2].map(|index: usize| site.ports[index].to_string());
    let mut epmd =
        program(tools.path(RABBITMQ.name, tools::EPMD)?, &[&"-port", &mapper, &"-address", &"127.0.0.1"]);
    let mut node = Command::new(tools.path(RABBITMQ.name, tools::RABBITMQ)?);
    for command in [&mut epmd, &mut node] {
        command.env("ERL_EPMD_PORT", &mapper).env("ERL_EPMD_ADDRESS", "127.0.0.1");
    }
    for (name, path) in [
        ("HOME", "home"),
        ("RABBITMQ_CONF_ENV_FILE", "none.conf"),
        ("RABBITMQ_MNESIA_BASE", "mnesia"),
        ("RABBITMQ_LOG_BASE", "log"),
        ("RABBITMQ_PID_FILE", "pid"),
        ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", "enabled_plugins"),
        ("RABBITMQ_GENERATED_CONFIG_DIR", "generated"),
    ] {
        node.env(name, site.path(path));
    }
    node.env("RABBITMQ_NODENAME", format!("n{amqp}@localhost"))
        .env("RABBITMQ_NODE_PORT", &amqp)
        .env("RABBITMQ_DIST_PORT", &distribution)
        .env("RABBITMQ_LOGS", "-")
        .env("ERL_CRASH_DUMP", "/dev/null")
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}");
    Ok(vec![epmd, node])
}

fn answers(site: &Site) -> bool {
    answer::bytes(site.port(), HEADER, 11).is_some_and(|frame| frame[7..] == CONNECTION_START)
}
