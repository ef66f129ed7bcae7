//! `reelmill health`: asks a running server how it is, for container probes.
//!
//! Two GETs of plain HTTP/1.1 over a TCP stream: a probe starts every few seconds, so it is kept as light as that.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::Outcome;
use super::failure::Failure;
use super::flags::{Flags, Listening};
use super::say::say;

/// A probe that waits longer is no probe.
const PATIENCE: Duration = Duration::from_secs(5);
/// More of an answer than its head and a short sentence is not read.
const ANSWER_BYTES: u64 = 64 * 1024;

/// Ask a running server whether it lives and is ready, for container probes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  reelmill health
  reelmill health --url http://mill.internal:8080

Exit codes: 0 it lives and is ready, 1 it does not answer or is not ready.")]
pub(super) struct Health {
    /// Where the server is; by default where `listen` says
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    flags: Flags<Listening>,
}

impl Health {
    pub(super) fn run(self) -> Outcome {
        let base = match self.url {
            Some(url) => url,
            None => format!("http://{}", reachable(self.flags.load()?.config.listen)),
        };
        let place = Place::read(&base)?;
        for (path, meaning) in [("/healthz", "does not live"), ("/readyz", "is not ready")] {
            let status = place.ask(path)?;
            if status != 200 {
                return Err(Failure::failed(format!("{base} {meaning}: {path} answered {status}")));
            }
        }
        say(format!("{base} lives and is ready"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The address to reach a listener at: one that listens everywhere is reached over loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// A server's host, port and path.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// Host and port as they stand in the URL.
    authority: String,
    /// Host and port to connect to.
    address: String,
    /// Before `/healthz`.
    path: String,
}

impl Place {
    fn read(url: &str) -> Result<Self, Failure> {
        let bad = || Failure::usage(format!("`{url}` is no URL to ask: expected http://HOST:PORT"));
        let rest = url.strip_prefix("http://").ok_or_else(bad)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |c: char| c.is_ascii_graphic() && !"@?#".contains(c);
        if authority.is_empty() || !rest.chars().all(is_plain) {
            return Err(bad());
        }
        let after_brackets = authority.rsplit(']').next().unwrap_or_default();
        let address =
            if after_brackets.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { authority: authority.to_owned(), address, path })
    }

    /// The status of the answer to a GET.
    fn ask(&self, path: &str) -> Result<u16, Failure> {
        let failed = |error: std::io::Error| {
            Failure::failed(format!(
                "http://{} does not answer: {error}; is the server running there?",
                self.authority
            ))
        };
        let deadline = Instant::now() + PATIENCE;
        let mut stream = self.connect(deadline).map_err(failed)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        let request = format!(
            "GET {}{path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: reelmill-health\r\nConnection: close\r\n\r\n",
            self.path, self.authority
        );
        stream.write_all(request.as_bytes()).map_err(failed)?;
        status_line(stream, deadline)
            .map_err(failed)?
            .ok_or_else(|| Failure::failed(format!("http://{} answers no HTTP", self.authority)))
    }

    fn connect(&self, deadline: Instant) -> std::io::Result<TcpStream> {
        let mut last = std::io::ErrorKind::NotFound.into();
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, left_until(deadline)) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// What is left; never zero, which would mean for ever.
fn left_until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

/// Reads up to the end of the first line and gives its status; a server that drips bytes gets no more time for it.
fn status_line(mut stream: TcpStream, deadline: Instant) -> std::io::Result<Option<u16>> {
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while !answer.contains(&b'\n') && (answer.len() as u64) < ANSWER_BYTES {
        if Instant::now() >= deadline {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left_until(deadline)))?;
        match stream.read(&mut buffer)? {
            0 => break,
            count => answer.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(status_of(&String::from_utf8_lossy(&answer)))
}

fn status_of(answer: &str) -> Option<u16> {
    let mut words = answer.lines().next()?.split(' ');
    words.next()?.starts_with("HTTP/1.").then(|| words.next()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_asked_over_loopback() {
        let table =
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("10.1.2.3:8080", "10.1.2.3:8080")];
        for (listen, asked) in table {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }

    #[test]
    fn a_url_has_a_host_perhaps_a_port_and_a_path() {
        let table = [
            ("http://localhost:8080", "localhost:8080", ""),
            ("http://localhost/", "localhost:80", ""),
            ("http://[::1]", "[::1]:80", ""),
            ("http://[::1]:81/mill/", "[::1]:81", "/mill"),
        ];
        for (url, address, path) in table {
            let place = Place::read(url).unwrap();
            assert_eq!((place.address.as_str(), place.path.as_str()), (address, path), "{url}");
        }
        for url in
            ["localhost:8080", "https://localhost", "http://", "http://a b", "http://a\r\nX: y", "http://u@h"]
        {
            assert!(Place::read(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_status_stands_in_the_first_line() {
        assert_eq!(status_of("HTTP/1.1 503 Service Unavailable\r\n"), Some(503));
        assert_eq!(status_of("SSH-2.0-OpenSSH 200"), None);
        assert_eq!(status_of(""), None);
    }
}
