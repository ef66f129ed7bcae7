//! `health` against listeners that answer well, badly, or not at all.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::mill::Mill;

/// Answers one connection after the other, and gives the requests' first lines.
fn answering(answers: &'static [&'static str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let serve = move || {
        let answer = |answer: &&str| {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("a request") > 0 {
                request.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).expect("the answer is taken");
            String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned()
        };
        answers.iter().map(answer).collect()
    };
    (url, std::thread::spawn(serve))
}

#[test]
fn a_server_that_lives_and_is_ready_is_healthy() {
    let mill = Mill::new();
    let (url, asked) = answering(&["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"; 2]);
    let said = mill.run(&["health", "--url", &url]);
    assert_eq!((said.code, said.out), (Some(0), format!("{url} lives and is ready\n")));
    assert_eq!(asked.join().expect("a listener"), ["GET /healthz HTTP/1.1", "GET /readyz HTTP/1.1"]);
}

#[test]
fn a_server_that_is_not_ready_is_not_healthy() {
    let mill = Mill::new();
    let (url, _) = answering(&["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\n\r\n"]);
    let said = mill.run(&["health", "--url", &url]);
    assert_eq!(said.refusal(), format!("1: reelmill: {url} is not ready: /readyz answered 503"));
}

#[test]
fn what_speaks_no_http_or_does_not_listen_is_not_healthy() {
    let mill = Mill::new();
    let (url, _) = answering(&["SSH-2.0-OpenSSH\r\n"]);
    assert_eq!(mill.run(&["health", "--url", &url]).refusal(), format!("1: reelmill: {url} answers no HTTP"));
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let said = mill.run(&["health", "--listen", &free.to_string()]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("is the server running there?"), "{}", said.err);
    assert_eq!(mill.run(&["health", "--url", "ftp://x"]).code, Some(2));
}
