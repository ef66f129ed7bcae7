//! A small blocking HTTP/1.1 client: one connection a request, bodies streamed both ways.
//!
//! It is written here because the cases need what libraries hide: a body that stops midway, a Content-Length that is a
//! lie, an answer that comes before the body is sent.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// No answer may take longer; the slowest is that to a large upload, which is stored before it is answered.
const PATIENCE: Duration = Duration::from_mins(2);

/// What is sent.
pub(crate) enum Body<'a> {
    Nothing,
    Bytes(&'a [u8]),
    /// So many bytes, announced.
    Sized(u64, &'a mut dyn Read),
    /// In chunks, to the reader's end.
    Chunked(&'a mut dyn Read),
}

/// A request to be sent.
pub(crate) struct Request<'a> {
    address: SocketAddr,
    method: &'a str,
    target: &'a str,
    headers: Vec<(String, String)>,
}

impl<'a> Request<'a> {
    pub(crate) fn new(address: SocketAddr, method: &'a str, target: &'a str) -> Self {
        Self { address, method, target, headers: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Answer {
        self.header("content-type", "application/json").send(Body::Bytes(body.to_string().as_bytes()))
    }

    pub(crate) fn get(self) -> Answer {
        self.send(Body::Nothing)
    }

    pub(crate) fn send(self, body: Body<'_>) -> Answer {
        let what = format!("{} {}", self.method, self.target);
        self.try_send(body).unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// As [`Request::send`], where a failed connection is part of the case.
    pub(crate) fn try_send(self, mut body: Body<'_>) -> io::Result<Answer> {
        let mut stream = self.open(&body)?;
        // The server may answer and close before it has read everything: then the answer is what counts.
        let sent = body.write_to(&mut stream);
        let received = Answer::read(stream, self.method);
        if received.is_err() { sent.and(received) } else { received }
    }

    /// Sends the head alone and leaves the rest to the caller.
    pub(crate) fn open(&self, body: &Body<'_>) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(10))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut lines =
            vec![format!("{} {} HTTP/1.1", self.method, self.target), "connection: close".to_owned()];
        if !self.headers.iter().any(|(name, _)| name == "host") {
            lines.push(format!("host: {}", self.address));
        }
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        match body {
            Body::Nothing => {}
            Body::Bytes(bytes) => lines.push(format!("content-length: {}", bytes.len())),
            Body::Sized(length, _) => lines.push(format!("content-length: {length}")),
            Body::Chunked(_) => lines.push("transfer-encoding: chunked".to_owned()),
        }
        stream.write_all((lines.join("\r\n") + "\r\n\r\n").as_bytes())?;
        Ok(stream)
    }
}

impl Body<'_> {
    fn write_to(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::Bytes(bytes) => stream.write_all(bytes),
            Self::Sized(length, from) => {
                let copied = io::copy(&mut from.take(*length), stream)?;
                if copied == *length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
            }
            Self::Chunked(from) => {
                let mut buffer = vec![0; 128 * 1024];
                loop {
                    let count = from.read(&mut buffer)?;
                    write!(stream, "{count:x}\r\n")?;
                    stream.write_all(&buffer[..count])?;
                    stream.write_all(b"\r\n")?;
                    if count == 0 {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// An answer, its body not yet read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: Box<dyn Read>,
}

impl Answer {
    /// Reads the head of an answer to a request of `method`.
    pub(crate) fn read(stream: TcpStream, method: &str) -> io::Result<Self> {
        let mut lines = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the connection ended without an answer",
                ));
            }
            match line.trim_end() {
                // An interim answer such as `100 Continue` has a head alone.
                "" if head.first().is_some_and(|line: &String| line.starts_with("HTTP/1.1 1")) => {
                    head.clear();
                }
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, format!("no HTTP: {head:?}"));
        let status = head[0].split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(malformed)?;
        let headers = head[1..].iter().filter_map(|line| line.split_once(':'));
        let headers: Vec<_> =
            headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
        let value =
            |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let length = value("content-length").and_then(|text| text.parse::<u64>().ok());
        let body: Box<dyn Read> = match length {
            _ if method == "HEAD" || status == 204 => Box::new(io::empty()),
            Some(length) => Box::new(Whole { from: lines, left: length }),
            None if value("transfer-encoding") == Some("chunked") => {
                Box::new(Chunks { from: lines, left: 0, ended: false })
            }
            None => Box::new(lines),
        };
        Ok(Self { status, headers, body })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn bytes(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.body.read_to_end(&mut bytes).unwrap();
        bytes
    }

    pub(crate) fn text(self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    /// The body as JSON of an answer that must have this status.
    pub(crate) fn expect(self, status: u16) -> Value {
        let (found, text) = (self.status, self.text());
        assert_eq!(found, status, "{text}");
        if text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// The problem+json of an answer that must be an error of this status.
    pub(crate) fn problem(self, status: u16) -> Value {
        let kind = self.header("content-type").unwrap_or_default().to_owned();
        let body = self.expect(status);
        assert!(kind.starts_with("application/problem+json"), "{kind}: {body}");
        assert_eq!(body["status"], status, "{body}");
        assert!(body["type"].as_str().is_some_and(|path| path.starts_with("/problems/")), "{body}");
        assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
        body
    }

    /// The body, to be read as it comes.
    pub(crate) fn reader(self) -> Box<dyn Read> {
        self.body
    }
}

/// A body of announced length; a connection that ends before is an error.
struct Whole<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&mut self.from).take(self.left).read(buffer)?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// A chunked body.
struct Chunks<R> {
    from: R,
    left: u64,
    ended: bool,
}

impl<R: BufRead> Read for Chunks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            let mut line = String::new();
            self.from.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16);
            self.left = size.map_err(|_| io::Error::new(io::ErrorKind::UnexpectedEof, "a cut chunk"))?;
            self.ended = self.left == 0;
        }
        let count = (&mut self.from).take(self.left).read(buffer)?;
        if count == 0 && !self.ended {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        if self.left == 0 {
            self.from.read_line(&mut String::new())?;
        }
        Ok(count)
    }
}
