//! Asks a server a first question, to tell "it listens" from "it works".
//!
//! These are the smallest exchanges that a server answers only when it is ready: no client library is needed for one.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take. A server that starts may be slow; one that is asked again is none the worse.
const PATIENCE: Duration = Duration::from_secs(5);
/// As much of an answer as is read.
const READ_BYTES: u64 = 4_096;

/// The first `enough` bytes that the server on `port` says after `question`.
pub(crate) fn bytes(port: u16, question: &[u8], enough: usize) -> Option<Vec<u8>> {
    let mut stream = ask(port, question)?;
    let mut answer = vec![0; enough];
    stream.read_exact(&mut answer).ok()?;
    Some(answer)
}

/// The status with which an HTTP server on `port` answers.
pub(crate) fn status(port: u16, method: &str, path: &str, headers: &str, body: &str) -> Option<u16> {
    let length = body.len();
    let question = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    );
    let mut answer = Vec::new();
    let stream = ask(port, question.as_bytes())?;
    // What was read before a time-out or a reset is enough where it holds the status.
    let _ = stream.take(READ_BYTES).read_to_end(&mut answer);
    status_in(&answer)
}

fn ask(port: u16, question: &[u8]) -> Option<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(question).ok()?;
    Some(stream)
}

/// The 200 of `HTTP/1.1 200 OK`.
fn status_in(answer: &[u8]) -> Option<u16> {
    let line = String::from_utf8_lossy(answer.split(|byte| *byte == b'\r').next()?).into_owned();
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::status_in;

    #[test]
    fn a_status_is_the_second_word_of_an_http_answer() {
        assert_eq!(status_in(b"HTTP/1.1 403 Forbidden\r\nServer: x\r\n"), Some(403));
        assert_eq!(status_in(b"HTTP/1.0 200 OK\r\n"), Some(200));
        assert_eq!(status_in(b"AMQP\x00\x00\x09\x01"), None);
        assert_eq!(status_in(b""), None);
    }
}
