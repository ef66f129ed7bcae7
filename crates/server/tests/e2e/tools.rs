//! What a case needs besides the binary, and where it is on this machine.
//!
//! `cargo xtask test` says where by variables; without them the usual places are looked at, so that a single case can
//! be run by plain cargo too.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reelmill_testbed::{Tools, servers};

/// A thing that a case cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Ffmpeg,
    Corpus,
    Browser,
    Curl,
    /// Node.js and what comes from npm.
    NodePackages,
    /// The real yt-dlp's packages, and pip.
    Ytdlp,
    GrpcPython,
    /// A mount of one's own, for a small disk.
    Mount,
    /// A Python with the makers' own clients of the engines below, and Standard Webhooks' verifier.
    CloudPython,
    MySql,
    Postgres,
    DynamoDb,
    S3,
    Gcs,
    GridFs,
    Amqp,
    PubSub,
    Mail,
    /// Servers that a case starts for itself, to kill them.
    PrivatePostgres,
    PrivateRabbitMq,
    /// A clock of one's own for a process.
    Faketime,
}

impl Need {
    /// Why it is not to be had here, if it is not.
    pub(crate) fn missing(self) -> Option<String> {
        let (what, is_there) = match self {
            Self::Ffmpeg => {
                ("ffmpeg and ffprobe (Debian's `ffmpeg`)", ffmpeg().is_some() && ffprobe().is_some())
            }
            Self::Corpus => ("the media corpus (`cargo xtask setup`)", corpus().is_some()),
            Self::Browser => {
                let all = [chromium(), node(), node_modules()];
                (
                    "Chromium, Node.js and playwright-core (`cargo xtask setup`)",
                    all.iter().all(Option::is_some),
                )
            }
            Self::NodePackages => {
                let is_there = node().is_some() && node_modules().is_some();
                ("Node.js and its packages (`cargo xtask setup`)", is_there)
            }
            Self::Curl => ("curl", on_path("curl").is_some()),
            Self::Ytdlp => ("yt-dlp's packages (`cargo xtask setup`)", ytdlp_wheels().is_some()),
            Self::GrpcPython => {
                ("Python with grpcio and grpcio-tools (`cargo xtask setup`)", grpc_python().is_some())
            }
            Self::CloudPython => {
                ("Python with the engines' own clients (`cargo xtask setup`)", cloud_python().is_some())
            }
            Self::MySql => {
                ("a MySQL server and `mariadb`", has_server("MYSQL") && on_path("mariadb").is_some())
            }
            Self::Postgres => {
                ("a PostgreSQL server and `psql`", has_server("POSTGRES") && on_path("psql").is_some())
            }
            Self::DynamoDb => ("DynamoDB Local", has_server("DYNAMODB")),
            Self::S3 => ("a server of S3", has_server("S3")),
            Self::Gcs => ("a server of Google Cloud Storage", has_server("GCS")),
            Self::GridFs => ("a server of MongoDB's protocol", has_server("GRIDFS")),
            Self::Amqp => ("RabbitMQ", has_server("AMQP")),
            Self::PubSub => ("the emulator of Pub/Sub", has_server("PUBSUB")),
            Self::Mail => ("a mail server", has_server("MAIL")),
            Self::PrivatePostgres => {
                ("a PostgreSQL to be killed", servers::POSTGRES.missing(&Tools::from_environment()).is_none())
            }
            Self::PrivateRabbitMq => {
                ("a RabbitMQ to be killed", servers::RABBITMQ.missing(&Tools::from_environment()).is_none())
            }
            Self::Faketime => ("faketime (Debian's `faketime`)", faketime().is_some()),
            Self::Mount => ("a mount namespace (needs root, or user namespaces)", unshare().is_some()),
        };
        (!is_there).then(|| format!("{what} cannot be had here"))
    }
}

/// The binary under test: the release build where xtask names it, else the one that cargo has just built.
pub(crate) fn reelmill() -> PathBuf {
    variable("REELMILL_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_reelmill").into())
}

pub(crate) fn ffmpeg() -> Option<PathBuf> {
    of_ffmpeg("ffmpeg")
}

pub(crate) fn ffprobe() -> Option<PathBuf> {
    of_ffmpeg("ffprobe")
}

/// The folder of real media, with its manifest.
pub(crate) fn corpus() -> Option<PathBuf> {
    variable("REELMILL_CORPUS").filter(|folder| folder.join("manifest.json").is_file())
}

pub(crate) fn chromium() -> Option<PathBuf> {
    variable("REELMILL_CHROMIUM").or_else(|| on_path("chromium"))
}

pub(crate) fn node() -> Option<PathBuf> {
    variable("REELMILL_NODE").or_else(|| on_path("node"))
}

pub(crate) fn node_modules() -> Option<PathBuf> {
    variable("REELMILL_NODE_MODULES").filter(|folder| {
        ["playwright-core", "eris", "tus-js-client"].iter().all(|package| folder.join(package).is_dir())
    })
}

/// The folder of the real yt-dlp's packages, beside the environment that it is installed in.
pub(crate) fn ytdlp_wheels() -> Option<PathBuf> {
    let wheels = variable("REELMILL_YTDLP")?.parent()?.parent()?.join("wheels");
    wheels.is_dir().then_some(wheels)
}

/// A Python that has grpcio and grpcio-tools.
pub(crate) fn grpc_python() -> Option<PathBuf> {
    variable("REELMILL_GRPC_PYTHON").filter(|python| python.is_file())
}

/// The library that shifts a process's clock, as its own program names it.
pub(crate) fn faketime() -> Option<String> {
    let run = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output().ok()?;
    let said = String::from_utf8(run.stdout).ok()?;
    Some(said.trim().to_owned()).filter(|library| !library.is_empty())
}

/// A Python that has pymongo, boto3, pika, Google's clients and standardwebhooks.
pub(crate) fn cloud_python() -> Option<PathBuf> {
    variable("REELMILL_CLOUD_PYTHON").filter(|python| python.is_file())
}

/// Whether `cargo xtask` has started the shared server of that name.
fn has_server(name: &str) -> bool {
    variable(&format!("REELMILL_TEST_{name}")).is_some()
}

/// The words before a program that gets mounts of its own, which go with it.
pub(crate) fn unshare() -> Option<Vec<&'static str>> {
    [vec!["unshare", "--mount"], vec!["unshare", "--mount", "--map-root-user"]].into_iter().find(|words| {
        let mounts = "mount -t tmpfs none /mnt";
        let tried = Command::new(words[0])
            .args(&words[1..])
            .args(["sh", "-c", mounts])
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    })
}

/// Whether cases take the size that they are stated for.
pub(crate) fn is_soak() -> bool {
    is_set("REELMILL_SOAK")
}

/// Whether a case that lacks something fails rather than being left out.
pub(crate) fn must_run_all() -> bool {
    is_set("REELMILL_TEST_ALL")
}

/// The repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// An empty folder on disk, gone with the returned value.
pub(crate) fn scratch() -> tempfile::TempDir {
    let mut builder = tempfile::Builder::new();
    builder.prefix("reelmill-e2e-");
    match variable("REELMILL_SCRATCH") {
        Some(folder) => builder.tempdir_in(folder),
        None => builder.tempdir(),
    }
    .unwrap()
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| value == "1")
}

fn of_ffmpeg(name: &str) -> Option<PathBuf> {
    variable("REELMILL_FFMPEG_DIR").map(|folder| folder.join(name)).or_else(|| on_path(name))
}

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
