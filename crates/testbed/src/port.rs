//! Finds free TCP ports that stay free while a server is down.
//!
//! They lie below the range from which the kernel takes the ports of outgoing connections. One from that range could
//! be taken while its server restarts, even by the very client that waits for it: a connection to a port that nobody
//! listens on may be given that port as its own and then reach itself.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Below it lie the ports of well-known services.
const LOWEST: u16 = 10_000;
/// Where Linux begins by default, by the manual page ip(7).
const USUAL_FIRST_OUTGOING: u16 = 32_768;
/// How many are tried; most are free.
const TRIES: usize = 1_000;

/// `count` different ports of 127.0.0.1 that nobody listens on now.
pub(crate) fn free(count: usize) -> io::Result<Vec<u16>> {
    let end = first_outgoing().max(LOWEST + 1_000);
    // All are held until the last is found, so that no two are the same.
    let mut held: Vec<TcpListener> = Vec::new();
    for _ in 0..TRIES {
        if held.len() == count {
            break;
        }
        let random = RandomState::new().hash_one(held.len());
        let offset = random % u64::from(end - LOWEST);
        let port = LOWEST.saturating_add(u16::try_from(offset).unwrap_or_default());
        held.extend(listen(port).ok());
    }
    if held.len() < count {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "no free port was found"));
    }
    held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// Whether nobody listens on `port`.
pub(crate) fn is_free(port: u16) -> bool {
    listen(port).is_ok()
}

fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

/// The lowest port that the kernel gives to an outgoing connection.
fn first_outgoing() -> u16 {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(USUAL_FIRST_OUTGOING)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{first_outgoing, free, is_free, listen};

    #[test]
    fn ports_are_different_and_no_outgoing_connection_gets_one() {
        let ports = free(50).unwrap();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 50);
        assert!(ports.iter().all(|port| *port < first_outgoing()));
    }

    #[test]
    fn a_port_with_a_listener_is_not_free() {
        let port = free(1).unwrap()[0];
        let listener = listen(port).unwrap();
        assert!(!is_free(port));
        drop(listener);
        assert!(is_free(port));
    }
}
