//! `cargo xtask`: sets the machine up, runs every test, measures.
//!
//! One command, `cargo xtask test`, goes from a fresh Debian 12 to a summary, so that nobody, and no CI, needs a list of
//! steps. Each command prints what it does and ends with a table; nothing here is needed to build or run Reelmill.
//!
//! # What a test may count on
//!
//! Tests that need more than cargo read these variables, which `test` and `soak` set. A variable that is absent means
//! that the thing could not be had on this machine: the test shows its cases as ignored with the reason, unless
//! `REELMILL_TEST_ALL=1`, when they run and fail.
//!
//! | Variable | Holds |
//! | --- | --- |
//! | `REELMILL_BIN` | under `soak`: the binary of the release profile with every feature; else the one built with the tests is run |
//! | `REELMILL_CORPUS` | a folder of real media and its `manifest.json`, see [`corpus`] |
//! | `REELMILL_FFMPEG_DIR` | the folder with `ffmpeg` and `ffprobe` |
//! | `REELMILL_SOX` | `sox` |
//! | `REELMILL_CHROMIUM` | Chromium |
//! | `REELMILL_NODE` | Node.js, for Playwright scripts |
//! | `REELMILL_NODE_MODULES` | the folder with `playwright-core` and `eris`, to be passed on as `NODE_PATH` |
//! | `REELMILL_YTDLP` | the real yt-dlp, in an environment of its own; its packages lie in that environment's `wheels` |
//! | `REELMILL_GRPC_PYTHON` | a Python with grpcio and grpcio-tools |
//! | `REELMILL_CLOUD_PYTHON` | a Python with pymongo, boto3, pika, google-cloud-pubsub and google-cloud-storage |
//! | `REELMILL_SCRATCH` | an empty folder on disk for large files, removed after a green run |
//! | `REELMILL_IGNORED_DIR` | where a test binary leaves the reasons of its ignored cases |
//! | `REELMILL_SOAK` | `1` under `soak`: use the stated size, not the small one |
//! | `REELMILL_REPORT` | under `soak`: the file to which a case appends its figures, see [`soak`] |
//!
//! One server of each kind runs for the whole of `test`, `soak` and `servers`; a case makes itself a database, vhost,
//! bucket, topic or table of a name that no other has:
//!
//! | Variable | Holds |
//! | --- | --- |
//! | `REELMILL_TEST_MYSQL` | `mysql://root@127.0.0.1:<port>/`, a `MariaDB` |
//! | `REELMILL_TEST_POSTGRES` | `postgres://postgres@127.0.0.1:<port>/` |
//! | `REELMILL_TEST_DYNAMODB` | `http://127.0.0.1:<port>`, `DynamoDB` Local; any access key of letters and digits |
//! | `REELMILL_TEST_S3` | `http://127.0.0.1:<port>`, `SeaweedFS`; access key `reelmill`, secret key `reelmill-secret` |
//! | `REELMILL_TEST_GRIDFS` | `mongodb://127.0.0.1:<port>`, `SecantusDB`, which is `MongoDB` wire-compatible |
//! | `REELMILL_TEST_GCS` | `http://127.0.0.1:<port>`, `fake-gcs-server`; no credentials |
//! | `REELMILL_TEST_AMQP` | `amqp://guest:guest@127.0.0.1:<port>/`, `RabbitMQ` |
//! | `REELMILL_TEST_PUBSUB` | `http://127.0.0.1:<port>`, Google's Pub/Sub emulator; no credentials |
//! | `REELMILL_TEST_MAIL` | `http://127.0.0.1:<port>`, where a mail server by aiosmtpd says which ports it has and what it took |
//!
//! A case that kills a server starts one for itself with `reelmill_testbed`, which finds the programs by these:
//!
//! | Variable | Holds |
//! | --- | --- |
//! | `REELMILL_SERVER_MARIADB`, `REELMILL_SERVER_MARIADB_INSTALL` | `mariadbd`, `mariadb-install-db` |
//! | `REELMILL_SERVER_POSTGRES_DIR` | the folder with `postgres` and `initdb` |
//! | `REELMILL_SERVER_RABBITMQ`, `REELMILL_SERVER_EPMD` | `rabbitmq-server` (the one that keeps its user), `epmd` |
//! | `REELMILL_SERVER_SEAWEEDFS` | `weed` |
//! | `REELMILL_SERVER_JAVA` | `java` of a JDK |
//! | `REELMILL_SERVER_DYNAMODB_DIR` | the folder with `DynamoDBLocal.jar` |
//! | `REELMILL_SERVER_SECANTUS` | `secantusd-py` |
//! | `REELMILL_SERVER_GCS` | `fake-gcs-server` |
//! | `REELMILL_SERVER_PUBSUB_JAR` | the Pub/Sub emulator's jar |
//! | `REELMILL_SERVER_MAIL_PYTHON` | a Python with aiosmtpd and trustme |
//!
//! # How a test binary is written
//!
//! End-to-end tests are the test target `e2e` of the package `reelmill`, conformance tests the test target `conformance`
//! of `reelmill-backends`; both are `harness = false` with libtest-mimic, which nextest runs case by case.
//! A conformance case is named `<port>::<backend>::<promise>`, an end-to-end case `<area>::<sentence>`; the areas
//! `soak` (has a stated size) and `heavy` run alone. A trial's kind stays empty, since it would become part of the name.
//!
//! An ignored trial's reason has no place in the harness's output. When its arguments hold `--list`, a binary therefore
//! writes `$REELMILL_IGNORED_DIR/<target name>.tsv`, one line for each ignored trial: its name, a tab, the reason. A
//! target may write several files, `<target name>-<anything>`.

mod bench;
mod binaries;
mod cases;
mod circumstances;
mod corpus;
mod debian;
mod deny;
mod fuzz;
mod grpc;
mod npm;
mod origins;
mod place;
mod program;
mod python;
mod servers;
mod setup;
mod soak;
mod table;
mod test;
mod timings;
mod ytdlp;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::bench::media::stopwatch;
use crate::place::Place;

const USAGE: &str = "\
cargo xtask setup               installs what the tests need, as far as it is missing
cargo xtask test [--only PART]  runs PART, or everything: setup, fmt, clippy, deny, tests, e2e, fuzz, doc
cargo xtask fuzz [TARGET] [--minutes N]
                                runs TARGET, or every fuzz target, for 20 s or N minutes each
cargo xtask servers             starts the servers that tests use, prints their variables, runs until Ctrl-C
cargo xtask soak [NAME]         runs end-to-end cases at their stated size and writes bench/reports/NAME.md
cargo xtask bench engines       measures each engine beside its plain client and writes bench/reports/engines.md
cargo xtask bench jobs          measures durable jobs beside another queue and writes bench/reports/jobs.md
cargo xtask bench media         measures conversions beside ffmpeg's and writes bench/reports/media.md
cargo xtask timings             builds the release binary from nothing and shows what the time goes to";

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything that was asked for succeeded.
fn run(arguments: &[String]) -> Result<bool> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["setup"] => setup::command(&Place::find()?),
        ["test"] => test::command(&Place::find()?, &test::PARTS),
        ["test", "--only", part] => test::command(&Place::find()?, &[test::part(part)?]),
        ["soak"] => soak::command(&Place::find()?, None),
        ["soak", name] => soak::command(&Place::find()?, Some(name)),
        ["bench", "engines"] => bench::engines::command(&Place::find()?, &bench::engines::STATED),
        ["bench", "engines", "--small"] => bench::engines::command(&Place::find()?, &bench::engines::SMALL),
        ["bench", "jobs"] => bench::jobs::command(&Place::find()?, &bench::jobs::STATED),
        ["bench", "jobs", "--small"] => bench::jobs::command(&Place::find()?, &bench::jobs::SMALL),
        ["bench", "media"] => bench::media::command(&Place::find()?, &bench::media::STATED),
        ["bench", "media", "--small"] => bench::media::command(&Place::find()?, &bench::media::SMALL),
        [stopwatch::WORD, slots, commands] => stopwatch::command(slots, commands),
        ["fuzz", words @ ..] => fuzz::command(&Place::find()?, words),
        ["servers"] => servers::command(&Place::find()?),
        ["timings"] => timings::command(&Place::find()?),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(true)
        }
        other => bail!("cannot read `{}`\n\n{USAGE}", other.join(" ")),
    }
}
