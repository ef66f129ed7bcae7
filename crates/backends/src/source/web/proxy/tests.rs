//! The proxy as a client sees it: who may use it, what it hands on, and what it refuses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use super::*;

const PATIENCE: Patience = Patience { connect: Duration::from_secs(5), idle: Duration::from_millis(300) };

async fn proxy(allowed: &[String], upstream: Option<Upstream>) -> Proxy {
    Proxy::start(Arc::new(Guard::new(allowed).unwrap()), PATIENCE, upstream).await.unwrap()
}

/// A server that says `hello` to whoever connects, gives back what it is told, and notes the first of it.
async fn echo() -> (SocketAddr, Arc<Mutex<String>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(Mutex::new(String::new()));
    let log = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                    log.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..read]));
                    let answer = if bytes.starts_with(b"GET") {
                        &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: x-secret\r\nx-secret: 1\r\n\r\nok"[..]
                    } else {
                        &bytes[..read]
                    };
                    stream.write_all(answer).await.unwrap();
                }
            });
        }
    });
    (address, heard)
}

fn credentials(session: &Session) -> String {
    let url = Url::parse(&session.url()).unwrap();
    STANDARD.encode(format!("{}:{}", url.username(), url.password().unwrap()))
}

async fn open(session: &Session, request: &str, authorization: Option<&str>) -> TcpStream {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, session.port())).await.unwrap();
    let authorization =
        authorization.map(|value| format!("Proxy-Authorization: Basic {value}\r\n")).unwrap_or_default();
    let head = format!("{request} HTTP/1.1\r\nHost: whatever\r\n{authorization}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn status(session: &Session, request: &str) -> String {
    let mut stream = open(session, request, Some(&credentials(session))).await;
    head(&mut stream).await.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn nobody_without_a_running_download_gets_through() {
    let (server, heard) = echo().await;
    let proxy = proxy(&[server.to_string()], None).await;
    let session = proxy.session().unwrap();
    let request = format!("CONNECT {server}");
    let mut stream = open(&session, &request, None).await;
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 407 "));
    let mut stream = open(&session, &request, Some(&STANDARD.encode("reelmill:guess"))).await;
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 407 "));
    let over = proxy.session().unwrap();
    let old = credentials(&over);
    drop(over);
    let mut stream = open(&session, &request, Some(&old)).await;
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 407 "));
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_tunnel_carries_both_ways_and_ends_with_its_download() {
    let (server, _) = echo().await;
    let proxy = proxy(&[server.to_string()], None).await;
    let session = proxy.session().unwrap();
    let mut stream = open(&session, &format!("CONNECT {server}"), Some(&credentials(&session))).await;
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200 "));
    stream.write_all(b"ping").await.unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"ping");
    drop(session);
    assert_eq!(stream.read(&mut answer).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_silent_tunnel_is_closed() {
    let (server, _) = echo().await;
    let proxy = proxy(&[server.to_string()], None).await;
    let session = proxy.session().unwrap();
    let mut stream = open(&session, &format!("CONNECT {server}"), Some(&credentials(&session))).await;
    head(&mut stream).await;
    let ended = tokio::time::timeout(PATIENCE.idle * 10, stream.read(&mut [0; 4])).await;
    assert_eq!(ended.unwrap().unwrap_or(0), 0);
}

#[tokio::test]
async fn a_server_that_never_answers_is_left() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let server = listener.local_addr().unwrap();
    let proxy = proxy(&[server.to_string()], None).await;
    let session = proxy.session().unwrap();
    let request = format!("GET http://{server}/");
    let asking = tokio::time::timeout(PATIENCE.idle * 10, status(&session, &request));
    assert_eq!(asking.await.unwrap(), "502");
}

#[tokio::test]
async fn what_the_guard_refuses_is_refused_and_noted() {
    let proxy = proxy(&[], None).await;
    for target in
        ["127.0.0.2:80", "2130706434:80", "0x7f.2:80", "[::1]:80", "localhost:80", "169.254.169.254:80"]
    {
        let session = proxy.session().unwrap();
        assert_eq!(status(&session, &format!("CONNECT {target}")).await, "403", "{target}");
        assert!(session.refused().is_some());
        let session = proxy.session().unwrap();
        assert_eq!(status(&session, &format!("GET http://{target}/x")).await, "403", "{target}");
        assert!(session.refused().is_some());
    }
}

#[tokio::test]
async fn requests_go_on_without_what_concerns_the_proxy() {
    let (server, heard) = echo().await;
    let proxy = proxy(&[server.to_string()], None).await;
    let session = proxy.session().unwrap();
    let request = format!("GET http://{server}/a?b=1");
    let mut stream = open(&session, &request, Some(&credentials(&session))).await;
    let answer = head(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("x-secret"), "{answer}");
    let heard = heard.lock().unwrap().to_lowercase();
    assert!(heard.starts_with("get /a?b=1 http/1.1\r\n"), "{heard}");
    assert!(heard.contains(&format!("host: {server}\r\n")) && !heard.contains("authorization"), "{heard}");
}

#[tokio::test]
async fn what_is_no_download_is_not_passed_on() {
    let (server, heard) = echo().await;
    let proxy = proxy(&[server.to_string()], None).await;
    let session = proxy.session().unwrap();
    for (request, expected) in [
        (format!("DELETE http://{server}/"), "405"),
        (format!("PUT http://{server}/"), "405"),
        (format!("GET ftp://{server}/"), "400"),
        ("GET /relative".to_owned(), "400"),
        (format!("GET http://user:password@{server}/"), "400"),
        ("CONNECT example.org".to_owned(), "400"),
        ("CONNECT 127.0.0.1:0".to_owned(), "400"),
    ] {
        assert_eq!(status(&session, &request).await, expected, "{request}");
    }
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_operators_own_proxy_is_asked_for_the_address_that_was_checked() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 fine\r\n\r\nhello").await.unwrap();
        head
    });
    let upstream = Upstream::parse(&format!("http://me:p%40ss@{address}")).unwrap();
    let proxy = proxy(&["localhost".to_owned()], Some(upstream)).await;
    let session = proxy.session().unwrap();
    let mut stream = open(&session, "CONNECT localhost:443", Some(&credentials(&session))).await;
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200 "));
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
    let asked = asked.await.unwrap();
    let to_address = asked.starts_with("CONNECT 127.0.0.1:443 ") || asked.starts_with("CONNECT [::1]:443 ");
    assert!(to_address, "{asked}");
    assert!(asked.contains(&format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode("me:p@ss"))));
}

#[test]
fn a_proxy_that_is_none_is_refused_without_its_password() {
    for text in ["proxy:3128", "https://u:secret@proxy", "socks5://proxy:1080", "http://", ""] {
        let refused = Upstream::parse(text).unwrap_err().to_string();
        assert!(!refused.contains("secret"), "{refused}");
    }
}
