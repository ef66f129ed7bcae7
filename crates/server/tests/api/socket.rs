//! What only a real connection shows: who leaves, who is slow, who still sends, and the end of serving.

use std::time::Duration;

use reelmill::http::serve;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::mill::{Mill, wav};

struct Served {
    mill: Mill,
    token: String,
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn new() -> Self {
        let mill = Mill::idle().await;
        let token = mill.member("ann").await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, mill.router.clone(), shutdown.clone()));
        Self { mill, token, address, shutdown, serving }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn head(&self, line: &str, length: u64) -> String {
        format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Length: {length}\r\n\r\n",
            self.token
        )
    }
}

/// Reads until the server ends the connection.
async fn rest_of(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

/// Reads an answer's head.
async fn head_of(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn ten_gibibytes_are_refused_on_the_wire() {
    let served = Served::new().await;
    let mut stream = served.connect().await;
    let head = served.head("POST /v1/media?name=a.mp4", 10_737_418_240);
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(head_of(&mut stream).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_leaves_nothing() {
    let served = Served::new().await;
    let file = wav(500);
    let mut stream = served.connect().await;
    let head = served.head("POST /v1/media?name=a.wav", file.len() as u64);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&file[..file.len() / 2]).await.unwrap();
    // Leave only when the upload has begun.
    while served.mill.catalog.intents(None, 1).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    served.mill.is_empty().await;
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_conversion_with_it() {
    let served = Served::new().await;
    let file = wav(100);
    let mut stream = served.connect().await;
    stream.write_all(served.head("POST /v1/convert?to=mp3", file.len() as u64).as_bytes()).await.unwrap();
    stream.write_all(&file).await.unwrap();
    while served.mill.app.service.census().await.unwrap().queued == 0 {
        tokio::task::yield_now().await;
    }
    drop(stream);
    served.mill.is_empty().await;
}

#[tokio::test]
async fn who_still_sends_reads_why_it_was_refused() {
    let served = Served::new().await;
    let mut stream = served.connect().await;
    let head = "POST /upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\nContent-Length: 67108864\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let sending = tokio::spawn(async move {
        for _ in 0..4096 {
            // The server may have had enough.
            if writing.write_all(&[0; 16 * 1024]).await.is_err() {
                break;
            }
        }
    });
    sending.await.unwrap();
    let mut text = Vec::new();
    reading.read_to_end(&mut text).await.unwrap();
    let text = String::from_utf8_lossy(&text);
    assert!(text.starts_with("HTTP/1.1 403 ") && text.ends_with("not authorized"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let served = Served::new().await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").await.unwrap();
    let answer = rest_of(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let served = Served::new().await;
    let mut stream = served.connect().await;
    let long = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(100_000));
    // The server may end the connection before all of it is sent.
    let _ = stream.write_all(long.as_bytes()).await;
    assert!(rest_of(&mut stream).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn an_answer_that_has_begun_ends_and_then_serving_does() {
    let served = Served::new().await;
    let file = wav(100);
    let mut stream = served.connect().await;
    let head = served.head("POST /v1/media?name=a.wav", file.len() as u64);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&file[..1000]).await.unwrap();
    while served.mill.catalog.intents(None, 1).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let idle = served.connect().await;
    served.shutdown.cancel();
    stream.write_all(&file[1000..]).await.unwrap();
    assert!(rest_of(&mut stream).await.starts_with("HTTP/1.1 201 "));
    tokio::time::timeout(Duration::from_secs(10), served.serving).await.unwrap().unwrap().unwrap();
    drop(idle);
    assert!(TcpStream::connect(served.address).await.is_err());
}
