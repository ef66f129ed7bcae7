//! Engines of other makes under a mill: a database, a store and a broker of the shared servers, each with a room that is
//! the case's own.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::mill::{Site, Store};
use crate::tools;

/// How long the last of what nobody lists may lie in the store: what a killed process began waits for some leases.
const STORE: Duration = Duration::from_mins(2);

/// Where accounts and jobs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Catalog {
    Sqlite,
    MySql,
    Postgres,
    DynamoDb,
}

/// Where bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Objects {
    Disk,
    S3,
    Gcs,
    GridFs,
}

/// What wakes workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doorbell {
    Embedded,
    RabbitMq,
    PubSub,
}

/// One of each, and the name of their rooms.
pub(crate) struct Engines {
    pub(crate) name: String,
    pub(crate) catalog: Catalog,
    pub(crate) objects: Objects,
    pub(crate) doorbell: Doorbell,
    /// The store of those whose store is a disk.
    disk: tempfile::TempDir,
}

pub(crate) const AWS: [(&str, &str); 2] =
    [("REELMILL_AWS_ACCESS_KEY", "reelmill"), ("REELMILL_AWS_SECRET_KEY", "reelmill-secret")];

impl Engines {
    pub(crate) fn new(catalog: Catalog, objects: Objects, doorbell: Doorbell) -> Self {
        let name = format!("e2e{}", &Uuid::new_v4().simple().to_string()[..12]);
        let engines = Self { name, catalog, objects, doorbell, disk: tools::scratch() };
        match catalog {
            Catalog::MySql => mysql(&format!("CREATE DATABASE {}", engines.name)),
            Catalog::Postgres => postgres(&format!("CREATE DATABASE {}", engines.name)),
            Catalog::Sqlite | Catalog::DynamoDb => {}
        }
        match objects {
            Objects::S3 => drop(ask("s3_make", &[&server("S3"), &engines.name])),
            Objects::Gcs => drop(ask("gcs_make", &[&server("GCS"), &engines.name])),
            Objects::Disk | Objects::GridFs => {}
        }
        engines
    }

    pub(crate) fn catalog_url(&self) -> Option<String> {
        let name = &self.name;
        Some(match self.catalog {
            Catalog::Sqlite => return None,
            Catalog::MySql => format!("{}{name}", server("MYSQL")),
            Catalog::Postgres => format!("{}{name}", server("POSTGRES")),
            Catalog::DynamoDb => format!(
                "dynamodb://us-east-1?songs={name}-songs&operations={name}-operations&endpoint={}",
                server("DYNAMODB")
            ),
        })
    }

    pub(crate) fn objects_url(&self) -> String {
        let name = &self.name;
        match self.objects {
            Objects::Disk => format!("file://{}", self.disk.path().display()),
            Objects::S3 => format!("s3://{name}?region=us-east-1&endpoint={}", server("S3")),
            Objects::Gcs => format!("gs://{name}?endpoint={}", server("GCS")),
            Objects::GridFs => {
                let server = server("GRIDFS");
                let host = server.strip_prefix("mongodb://").unwrap().trim_end_matches('/');
                format!("gridfs://{host}/?videos={name}v&mp3s={name}m")
            }
        }
    }

    pub(crate) fn doorbell_url(&self) -> String {
        let name = &self.name;
        match self.doorbell {
            Doorbell::Embedded => "embedded:".to_owned(),
            Doorbell::RabbitMq => format!("{}?video={name}-video&mp3={name}-mp3", server("AMQP")),
            Doorbell::PubSub => format!(
                "pubsub://reelmill?topic={name}&subscription={name}-sub&endpoint={}",
                server("PUBSUB")
            ),
        }
    }

    /// A site on these engines, with a data folder of its own.
    pub(crate) fn site(&self) -> Site {
        self.site_with(&[])
    }

    /// A site on these engines but for those that are named by flag and URL.
    pub(crate) fn site_with(&self, others: &[(&str, &str)]) -> Site {
        let own = [
            ("--catalog", self.catalog_url()),
            ("--objects", Some(self.objects_url())),
            ("--doorbell", Some(self.doorbell_url())),
        ];
        let mut flags = Vec::new();
        for (flag, url) in own {
            let other = others.iter().find(|(named, _)| *named == flag).map(|(_, url)| (*url).to_owned());
            flags.extend(other.or(url).into_iter().flat_map(|url| [flag.to_owned(), url]));
        }
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let site =
            Site::new().flags(&flags).variable("JWT_SECRET", "a secret that all of a fleet have in common");
        AWS.iter().fold(site, |site, (name, value)| site.variable(name, value))
    }

    /// What lies in the store, as another program sees it.
    pub(crate) fn stored(&self) -> Vec<String> {
        let name = &self.name;
        let said = match self.objects {
            Objects::Disk => {
                let store = Store(self.disk.path().to_owned());
                let files: Vec<PathBuf> = store.objects().into_iter().chain(store.partials()).collect();
                return files.iter().map(|file| file.display().to_string()).collect();
            }
            Objects::S3 => ask("s3_list", &[&server("S3"), name]),
            Objects::Gcs => ask("gcs_list", &[&server("GCS"), name]),
            Objects::GridFs => {
                let (videos, mp3s) = (format!("{name}v"), format!("{name}m"));
                ask("gridfs_list", &[&server("GRIDFS"), &videos, &mp3s])
            }
        };
        serde_json::from_str(&said).unwrap()
    }

    /// Waits until so many objects are stored and nothing else.
    pub(crate) fn await_stored(&self, count: usize) {
        let began = Instant::now();
        loop {
            let stored = self.stored();
            if stored.len() == count {
                return;
            }
            assert!(began.elapsed() < STORE, "{} stored where {count} are listed: {stored:?}", stored.len());
        }
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What is left of a case that failed is to be looked at.
            return;
        }
        let name = &self.name;
        match self.catalog {
            Catalog::MySql => mysql(&format!("DROP DATABASE {name}")),
            Catalog::Postgres => postgres(&format!("DROP DATABASE {name}")),
            Catalog::DynamoDb => {
                let tables = [format!("{name}-songs"), format!("{name}-operations")];
                ask("dynamodb_drop", &[&server("DYNAMODB"), &tables[0], &tables[1]]);
            }
            Catalog::Sqlite => {}
        }
        match self.objects {
            Objects::S3 => drop(ask("s3_drop", &[&server("S3"), name])),
            Objects::Gcs => drop(ask("gcs_drop", &[&server("GCS"), name])),
            Objects::GridFs => {
                let (videos, mp3s) = (format!("{name}v"), format!("{name}m"));
                ask("gridfs_drop", &[&server("GRIDFS"), &videos, &mp3s]);
            }
            Objects::Disk => {}
        }
    }
}

/// Has something done by the makers' own clients; what they say.
pub(crate) fn ask(deed: &str, words: &[&str]) -> String {
    let script = tools::repository().join("crates/server/tests/e2e/fleet/engines.py");
    let python = tools::cloud_python().unwrap();
    let run = Command::new(python).arg(script).arg(deed).args(words).output().unwrap();
    assert!(run.status.success(), "{deed} {words:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

/// Has SQL done by the server's own client, as its superuser.
pub(crate) fn mysql(sql: &str) {
    let (host, port) = address("MYSQL");
    let arguments = ["--no-defaults", "--user=root", "--protocol=tcp", "--host", &host, "--port", &port];
    done(Command::new("mariadb").args(arguments).args(["--execute", sql]));
}

/// Has SQL done by the server's own client, as its superuser.
pub(crate) fn postgres(sql: &str) {
    let (host, port) = address("POSTGRES");
    let arguments = ["--no-psqlrc", "--quiet", "--username", "postgres", "--host", &host, "--port", &port];
    done(Command::new("psql").args(arguments).args(["--command", sql]));
}

/// The URL of a shared server.
pub(crate) fn server(name: &str) -> String {
    let variable = format!("REELMILL_TEST_{name}");
    std::env::var(&variable).unwrap_or_else(|_| panic!("{variable} is not set"))
}

/// Its host and port.
pub(crate) fn address(name: &str) -> (String, String) {
    let url = server(name);
    let (_, rest) = url.split_once("://").unwrap();
    let authority = rest.split('/').next().unwrap();
    let (_, address) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host, port) = address.rsplit_once(':').unwrap();
    (host.to_owned(), port.to_owned())
}

fn done(command: &mut Command) {
    let run = command.output().unwrap();
    assert!(run.status.success(), "{command:?}: {}", String::from_utf8_lossy(&run.stderr));
}
