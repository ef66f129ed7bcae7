//! The engines that are measured, and how each gets a place that holds nothing yet.
//!
//! The servers are private to the run, so that names are free; what a case needs beyond a server's own client is not
//! installed for it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use reelmill_testbed::servers::{
    ACCESS_KEY, DYNAMODB, GCS, Kind, MARIADB, POSTGRES, SEAWEEDFS, SECANTUS, SECRET_KEY,
};

use crate::debian::POSTGRES_DIR;
use crate::program::Program;

/// An engine behind a port.
pub(crate) struct Engine {
    /// What it is called in a report.
    pub(crate) title: &'static str,
    /// The server that it runs on, where it needs one.
    pub(crate) server: Option<&'static Kind>,
    /// Makes a place and gives its URL; takes the server's URL and a folder.
    pub(crate) place: fn(&str, &Path) -> Result<String>,
}

/// All catalogs that keep what they take.
pub(crate) const CATALOGS: [Engine; 4] = [
    Engine {
        title: "SQLite",
        server: None,
        place: |_, folder| Ok(format!("sqlite:{}", folder.join("catalog.sqlite").display())),
    },
    Engine { title: "MariaDB", server: Some(&MARIADB), place: |server, _| mariadb_database(server, "bench") },
    Engine {
        title: "PostgreSQL",
        server: Some(&POSTGRES),
        place: |server, _| postgres_database(server, "bench"),
    },
    Engine {
        title: "DynamoDB (DynamoDB Local)",
        server: Some(&DYNAMODB),
        place: |server, _| {
            Ok(format!(
                "dynamodb://us-east-1?songs=bench-songs&operations=bench-operations&endpoint={server}"
            ))
        },
    },
];

/// All object stores that keep what they take.
pub(crate) const STORES: [Engine; 4] = [
    Engine { title: "disk", server: None, place: |_, folder| Ok(format!("file:{}", folder.display())) },
    Engine {
        title: "S3 (SeaweedFS)",
        server: Some(&SEAWEEDFS),
        place: |server, _| {
            let keys = format!("access_key={ACCESS_KEY}&secret_key={SECRET_KEY}");
            Ok(format!("s3://reelmill-bench/run?endpoint={server}&{keys}"))
        },
    },
    Engine {
        title: "Google Cloud Storage (fake-gcs-server)",
        server: Some(&GCS),
        place: |server, _| {
            gcs_bucket(server, "reelmill-bench")?;
            Ok(format!("gs://reelmill-bench/run?endpoint={server}"))
        },
    },
    Engine {
        title: "GridFS (SecantusDB)",
        server: Some(&SECANTUS),
        place: |server, _| {
            let host = host(server)?;
            Ok(format!("gridfs://{host}/?videos=bench_videos&mp3s=bench_mp3s"))
        },
    },
];

/// Makes a database on a PostgreSQL server and gives its URL.
pub(crate) fn postgres_database(server: &str, name: &str) -> Result<String> {
    Program::new(Path::new(POSTGRES_DIR).join("psql"))
        .args(["--no-psqlrc", "--quiet", "--command", &format!("CREATE DATABASE {name}")])
        .args([format!("{}/postgres", server.trim_end_matches('/'))])
        .quietly()?;
    Ok(format!("{}/{name}", server.trim_end_matches('/')))
}

fn mariadb_database(server: &str, name: &str) -> Result<String> {
    let (address, port) = host(server)?.rsplit_once(':').context("the server's URL has no port")?;
    Program::new("mariadb")
        .args(["--no-defaults", "--protocol=tcp", "--user=root"])
        .args([format!("--host={address}"), format!("--port={port}")])
        .args([format!("--execute=CREATE DATABASE {name}")])
        .quietly()?;
    Ok(format!("{}/{name}", server.trim_end_matches('/')))
}

fn gcs_bucket(server: &str, name: &str) -> Result<()> {
    let body = format!("{{\"name\":\"{name}\"}}");
    let mut connection = TcpStream::connect(host(server)?)?;
    write!(
        connection,
        "POST /storage/v1/b?project=reelmill HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    match answer.lines().next() {
        Some(status) if status.contains(" 200 ") => Ok(()),
        status => bail!("no bucket {name} was made: {}", status.unwrap_or("no answer")),
    }
}

/// Address and port of a server's URL.
fn host(server: &str) -> Result<&str> {
    let (_, rest) = server.split_once("://").with_context(|| format!("`{server}` is no URL"))?;
    let rest = rest.trim_end_matches('/');
    Ok(rest.rsplit_once('@').map_or(rest, |(_, host)| host))
}

/// The measuring program `name` of `reelmill-backends`, built into `target`.
pub(crate) fn example(target: &Path, name: &str) -> PathBuf {
    target.join("release/examples").join(name)
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn a_servers_host_is_what_stands_behind_its_user() {
        assert_eq!(host("mysql://root@127.0.0.1:58955/").unwrap(), "127.0.0.1:58955");
        assert_eq!(host("mongodb://127.0.0.1:33807").unwrap(), "127.0.0.1:33807");
        assert!(host("127.0.0.1:33807").is_err());
    }
}
