//! Each fault as a client and a server at both ends of the proxy see it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Proxy;

/// Long enough to notice a byte that should not come, short enough to wait for.
const MOMENT: Duration = Duration::from_millis(150);
/// When a test would otherwise hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers every byte with itself, on every connection.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || std::io::copy(&mut stream.try_clone().unwrap(), &mut stream));
        }
    });
    address
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn say(stream: &mut TcpStream, word: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(word)?;
    let mut answer = vec![0; word.len()];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

fn is_silent(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(MOMENT)).unwrap();
    let heard = stream.read(&mut [0]);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    heard.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn without_a_fault_bytes_and_ends_pass_and_are_counted() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = connect(&proxy);
    let sent: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let reader: JoinHandle<Vec<u8>> = {
        let mut stream = stream.try_clone().unwrap();
        thread::spawn(move || {
            let mut heard = Vec::new();
            stream.read_to_end(&mut heard).unwrap();
            heard
        })
    };
    stream.write_all(&sent).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(reader.join().unwrap() == sent);
    assert_eq!((proxy.connections(), proxy.bytes_up(), proxy.bytes_down()), (1, 3_000_000, 3_000_000));
}

#[test]
fn a_delay_makes_bytes_late_and_does_not_add_up() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = connect(&proxy);
    proxy.delay(Duration::from_millis(120), Duration::from_millis(80));
    let began = Instant::now();
    // Twenty words behind one another would take four seconds if each waited for the last one's delay.
    for word in 0..20_u8 {
        stream.write_all(&[word]).unwrap();
        thread::yield_now();
    }
    let mut heard = [0; 20];
    stream.read_exact(&mut heard).unwrap();
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(200), "{took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_narrow_line_takes_its_time() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = connect(&proxy);
    proxy.throttle(100_000);
    let began = Instant::now();
    say(&mut stream, &vec![7; 50_000]).unwrap();
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(450), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_cut_connection_ends_and_the_next_one_is_good() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = connect(&proxy);
    say(&mut stream, b"word").unwrap();
    proxy.cut();
    assert_eq!(proxy.open_connections(), 0);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert_eq!(say(&mut connect(&proxy), b"word").unwrap(), b"word");
}

#[test]
fn a_reset_connection_is_an_error_at_both_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    let mut client = connect(&proxy);
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(b"x").unwrap();
    server.read_exact(&mut [0]).unwrap();
    proxy.reset();
    for stream in [&mut client, &mut server] {
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_connection_ends_after_the_bytes_that_it_may_carry() {
    let proxy = Proxy::start(echo()).unwrap();
    proxy.cut_after(1_000);
    let mut stream = connect(&proxy);
    stream.write_all(&[1; 5_000]).unwrap();
    let mut heard = Vec::new();
    // What was not read makes a close a reset now and then; both are an end.
    let _ = stream.read_to_end(&mut heard);
    assert!(heard.len() <= 1_000, "{}", heard.len());
    assert_eq!(proxy.bytes_up() + proxy.bytes_down(), 1_000);
    proxy.clean().unwrap();
    assert_eq!(say(&mut connect(&proxy), &[1; 5_000]).unwrap(), [1; 5_000]);
}

#[test]
fn a_stalled_line_is_silent_and_loses_nothing() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut old = connect(&proxy);
    say(&mut old, b"a").unwrap();
    proxy.stall();
    let mut new = connect(&proxy);
    old.write_all(b"b").unwrap();
    new.write_all(b"c").unwrap();
    assert!(is_silent(&mut old));
    assert!(is_silent(&mut new));
    proxy.clean().unwrap();
    for (stream, word) in [(&mut old, b"b"), (&mut new, b"c")] {
        let mut heard = [0];
        stream.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, word);
    }
}

#[test]
fn a_stalled_line_does_not_pass_on_that_a_peer_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    let client = connect(&proxy);
    let (mut server, _) = listener.accept().unwrap();
    proxy.stall();
    drop(client);
    assert!(is_silent(&mut server));
}

#[test]
fn a_stalled_connection_can_be_cut() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = connect(&proxy);
    say(&mut stream, b"a").unwrap();
    proxy.stall();
    stream.write_all(b"b").unwrap();
    proxy.reset();
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_refused_connection_is_refused_until_the_proxy_is_clean() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut old = connect(&proxy);
    say(&mut old, b"a").unwrap();
    proxy.refuse();
    let refused = TcpStream::connect(proxy.address()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(say(&mut old, b"b").unwrap(), b"b");
    proxy.clean().unwrap();
    assert_eq!(say(&mut connect(&proxy), b"c").unwrap(), b"c");
}

#[test]
fn a_target_that_is_not_there_resets_its_clients() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::start(nobody).unwrap();
    assert!(say(&mut connect(&proxy), b"x").is_err());
}

#[test]
fn a_proxy_may_be_used_and_dropped_within_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let proxy = Proxy::start(echo()).unwrap();
        let mut stream = connect(&proxy);
        proxy.refuse();
        proxy.cut();
        assert_eq!(stream.read(&mut [0]).unwrap_or_default(), 0);
    });
}
