//! Something in front of a store that sees every request, and may answer in its place or lose what it says.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method and path with its query, as `PUT /bucket/key?partNumber=2`.
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Turn {
    /// The store answers it.
    Pass,
    /// The store does it, and its answer is lost.
    Lose,
    /// Nobody hears it.
    Cut,
    /// It is answered so, status line and headers first.
    Say(String),
    /// The store gets another one.
    Instead(Asked),
}

/// Says that.
pub(crate) fn say(status: &str, headers: &str, body: &str) -> Turn {
    Turn::Say(format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    ))
}

impl Asked {
    /// A header's value; the name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        };
        let mut body = bytes.split_off(end + 4);
        let head = String::from_utf8(bytes).unwrap().trim_end().to_owned();
        let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
        let mut asked = Self { line, head, body: Vec::new() };
        let length: usize = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
        while body.len() < length {
            if stream.read_buf(&mut body).await.ok()? == 0 {
                return None;
            }
        }
        asked.body = body;
        Some(asked)
    }

    async fn pass(&self, store: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(store).await.unwrap();
        let head = format!("{}\r\nconnection: close\r\n\r\n", self.head);
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&self.body).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    }
}

/// A store behind a rule.
pub(crate) struct Front {
    pub(crate) address: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Front {
    /// Stands before the store at `http://…`.
    pub(crate) async fn before(store: &str, rule: impl FnMut(&Asked) -> Turn + Send + 'static) -> Self {
        let store = store.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (rule, lines) = (Arc::new(Mutex::new(rule)), Arc::new(Mutex::new(Vec::new())));
        let seen = Arc::clone(&lines);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (store, rule, lines) = (store.clone(), Arc::clone(&rule), Arc::clone(&seen));
                tokio::spawn(async move {
                    let Some(asked) = Asked::read(&mut stream).await else { return };
                    lines.lock().unwrap().push(asked.line.clone());
                    let turn = (rule.lock().unwrap())(&asked);
                    let answer = match turn {
                        Turn::Pass => asked.pass(&store).await,
                        Turn::Lose => {
                            asked.pass(&store).await;
                            return;
                        }
                        Turn::Cut => return,
                        Turn::Say(answer) => answer.into_bytes(),
                        Turn::Instead(other) => other.pass(&store).await,
                    };
                    let _ = stream.write_all(&answer).await;
                });
            }
        });
        Self { address, lines }
    }

    /// How many requests had all of that in their line.
    pub(crate) fn count(&self, words: &[&str]) -> usize {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }
}
