//! A web server for one test: it answers what the test says, breaks off where it says, and remembers what it was asked.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running server; it ends when this is dropped.
pub struct Origin {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

/// A request, as far as tests care.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET`, for example.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

/// An answer. Each is the last of its connection.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Of the body, this much is sent.
    sent: usize,
    is_endless: bool,
    hangs: bool,
}

impl Asked {
    /// A header's value, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Where a range such as `bytes=5-` begins.
    #[must_use]
    pub fn range_start(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.split('-').next()?.parse().ok()
    }
}

impl Answer {
    /// A body of that type.
    #[must_use]
    pub fn of(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let answer = Self {
            status: 200,
            headers: Vec::new(),
            sent: body.len(),
            body,
            is_endless: false,
            hangs: false,
        };
        answer.with("content-type", content_type)
    }

    /// A status without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::of("text/plain", "") }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// A redirect.
    #[must_use]
    pub fn to(location: &str) -> Self {
        Self::status(302).with("location", location)
    }

    /// The part of this body from `start` on, as an answer to a range.
    #[must_use]
    pub fn from(mut self, start: usize) -> Self {
        let total = self.body.len();
        self.body.drain(..start.min(total));
        self.sent = self.body.len();
        self.status = 206;
        self.with("content-range", &format!("bytes {start}-{}/{total}", total.saturating_sub(1)))
    }

    /// One more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Breaks off after so many bytes of the body.
    #[must_use]
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.sent = bytes;
        self
    }

    /// Says no more after what it sends, and keeps the connection.
    #[must_use]
    pub fn hanging(mut self) -> Self {
        self.hangs = true;
        self
    }

    /// Sends the body over and over, without a length.
    #[must_use]
    pub fn endless(mut self) -> Self {
        self.is_endless = true;
        self
    }

    async fn send(self, stream: &mut TcpStream) -> std::io::Result<()> {
        let mut lines = vec![format!("HTTP/1.1 {} X", self.status), "connection: close".to_owned()];
        if !self.is_endless {
            lines.push(format!("content-length: {}", self.body.len()));
        }
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        stream.write_all((lines.join("\r\n") + "\r\n\r\n").as_bytes()).await?;
        if self.is_endless {
            loop {
                stream.write_all(&self.body).await?;
            }
        }
        stream.write_all(&self.body[..self.sent]).await?;
        stream.flush().await?;
        if self.hangs {
            std::future::pending::<()>().await;
        }
        stream.shutdown().await
    }
}

impl Origin {
    /// Begins to listen on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// Where that is not possible.
    pub async fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, answer).await
    }

    /// Begins to listen on a free port of `ip`.
    ///
    /// # Panics
    /// Where that is not possible.
    pub async fn at(ip: Ipv4Addr, answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                serving.spawn(async move {
                    let Some(asked) = read(&mut stream).await else { return };
                    let answer = answer(&asked);
                    log.lock().unwrap().push(asked);
                    // A client that leaves in the middle is what some tests are about.
                    let _ = answer.send(&mut stream).await;
                });
            }
        });
        Self { address, asked, task }
    }

    /// Its address and port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An address of this server, with a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked so far.
    ///
    /// # Panics
    /// Where a case has panicked while it was answered.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    Some(Asked { method, target, headers: lines.filter_map(header).collect() })
}
