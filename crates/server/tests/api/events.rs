//! Live events of all jobs, by both ways, on real connections.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use reelmill::http::{Settings, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use crate::mill::{Ask, Mill, wav};

struct Served {
    mill: Mill,
    address: SocketAddr,
}

impl Served {
    async fn new(converts: bool) -> Self {
        let mill = Mill::with(Settings::default(), converts).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, mill.router.clone(), CancellationToken::new()));
        Self { mill, address }
    }

    async fn socket(&self, token: &str, query: &str) -> Result<WebSocketStream<TcpStream>, Error> {
        let uri = format!("ws://{}/v1/events{query}", self.address);
        let mut request = uri.into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let stream = TcpStream::connect(self.address).await.unwrap();
        tokio_tungstenite::client_async(request, stream).await.map(|(socket, _)| socket)
    }

    /// A stream of server-sent events, its head read.
    async fn stream(&self, token: &str, headers: &str) -> Events {
        let (read, mut write) = TcpStream::connect(self.address).await.unwrap().into_split();
        let head = format!(
            "GET /v1/events HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n{headers}\r\n",
            self.address
        );
        write.write_all(head.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(read).lines();
        let status = lines.next_line().await.unwrap().unwrap();
        let mut given = Vec::new();
        loop {
            let line = lines.next_line().await.unwrap().unwrap();
            if line.is_empty() {
                break;
            }
            given.push(line.to_lowercase());
        }
        Events { status, headers: given, lines, _write: write }
    }
}

struct Events {
    status: String,
    headers: Vec<String>,
    lines: Lines<BufReader<OwnedReadHalf>>,
    _write: tokio::net::tcp::OwnedWriteHalf,
}

impl Events {
    /// The next event: its id, its name, what it says.
    async fn next(&mut self) -> (Option<String>, String, Value) {
        let (mut id, mut name) = (None, String::new());
        loop {
            let line =
                timeout(Duration::from_secs(30), self.lines.next_line()).await.unwrap().unwrap().unwrap();
            if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.to_owned());
            } else if let Some(text) = line.strip_prefix("event: ") {
                text.clone_into(&mut name);
            } else if let Some(text) = line.strip_prefix("data: ") {
                return (id, name, serde_json::from_str(text).unwrap());
            }
        }
    }
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Value {
    loop {
        match timeout(Duration::from_secs(30), socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Close(frame) => panic!("closed: {frame:?}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_socket_tells_of_each_change_of_the_callers_jobs() {
    let served = Served::new(true).await;
    let (ann, ben) = (served.mill.member("ann").await, served.mill.member("ben").await);
    let mut socket = served.socket(&ann, "").await.unwrap();
    let mut other = served.socket(&ben, "").await.unwrap();
    assert_eq!(next(&mut socket).await["type"], "ready");
    assert_eq!(next(&mut other).await["type"], "ready");

    let media = served.mill.upload(&ann, "talk.wav", wav(500)).await;
    let job = served.mill.submit(&ann, &media, "mp3").await;
    let mut versions = Vec::new();
    let last = loop {
        let event = next(&mut socket).await;
        if event["type"] == "progress" {
            assert_eq!(event["job_id"], json!(job));
            continue;
        }
        assert_eq!(event["job"]["id"], json!(job), "{event}");
        versions.push(event["version"].as_u64().unwrap());
        if event["job"]["state"] == "done" {
            break event;
        }
    };
    assert_eq!(versions, [1, 2, 3]);
    assert_eq!(last["job"], served.mill.over(&ann, &job).await, "an event shows a job as /v1/jobs does");
    assert!(timeout(Duration::from_millis(600), other.next()).await.is_err(), "it is none of ben's");
    served.mill.stop().await;
}

#[tokio::test]
async fn a_stream_that_was_cut_goes_on_behind_its_last_id() {
    let served = Served::new(true).await;
    let ann = served.mill.member("ann").await;
    let mut events = served.stream(&ann, "").await;
    assert!(events.status.contains("200"), "{}", events.status);
    assert!(
        events.headers.iter().any(|line| line == "content-type: text/event-stream"),
        "{:?}",
        events.headers
    );
    let (id, name, _) = events.next().await;
    assert_eq!(name, "ready");
    let cursor = id.unwrap();
    drop(events);

    let media = served.mill.upload(&ann, "talk.wav", wav(200)).await;
    let job = served.mill.submit(&ann, &media, "mp3").await;
    served.mill.over(&ann, &job).await;
    let mut events = served.stream(&ann, &format!("last-event-id: {cursor}\r\n")).await;
    let (id, name, missed) = events.next().await;
    assert_eq!((name.as_str(), &missed["job"]["state"]), ("job", &json!("done")));
    assert_eq!(missed["job"]["id"], json!(job));
    assert!(id.unwrap().parse::<i64>().unwrap() >= cursor.parse().unwrap());
    assert_eq!(events.next().await.1, "ready");

    let mut socket = served.socket(&ann, &format!("?cursor={cursor}")).await.unwrap();
    assert_eq!(next(&mut socket).await["job"]["id"], json!(job), "a socket resumes alike");
    served.mill.stop().await;
}

#[tokio::test]
async fn an_administrator_hears_of_everybodys_jobs() {
    let served = Served::new(false).await;
    let admin = served.mill.account("root", reelmill_core::Role::Admin).await;
    let ann = served.mill.member("ann").await;
    let mut socket = served.socket(&admin, "").await.unwrap();
    assert_eq!(next(&mut socket).await["type"], "ready");
    let media = served.mill.upload(&ann, "talk.wav", wav(200)).await;
    let job = served.mill.submit(&ann, &media, "mp3").await;
    let event = next(&mut socket).await;
    assert_eq!((&event["job"]["id"], &event["job"]["state"]), (&json!(job), &json!("queued")));
    served.mill.call(Ask::post(&format!("/v1/jobs/{job}/cancel")).bearer(&ann)).await;
    assert_eq!(next(&mut socket).await["job"]["state"], "cancelled");
}

#[tokio::test]
async fn strangers_and_cursors_that_are_none_are_refused() {
    let served = Served::new(false).await;
    let ann = served.mill.member("ann").await;
    let status = |opened: Result<_, Error>| match opened {
        Err(Error::Http(answer)) => answer.status().as_u16(),
        other => panic!("{:?}", other.map(drop)),
    };
    assert_eq!(status(served.socket("nobody", "").await), 401);
    for cursor in ["", "-1", "soon", "99999999999999999999999"] {
        assert_eq!(status(served.socket(&ann, &format!("?cursor={cursor}")).await), 400, "{cursor}");
    }
    let answer = served.mill.call(Ask::get("/v1/events?cursor=soon").bearer(&ann)).await;
    assert_eq!(answer.status, 400);
    assert!(answer.json()["detail"].as_str().unwrap().contains("`soon`"), "{answer:?}");
}
