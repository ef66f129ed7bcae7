//! The guard: which addresses somebody who types an address may make this server connect to.
//!
//! Names are resolved here and nowhere else, every address of a name must pass, and whoever asked connects to the very
//! addresses that passed: there is no second resolution that could answer otherwise. Hosts come as [`url::Host`],
//! which has read decimal, octal, hexadecimal and short forms as the IPv4 addresses that they are.

mod allow;
mod ranges;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use url::{Host, Url};

use allow::Allowed;
pub(crate) use allow::BadEntry;

/// How long a name server may take.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(10);
/// More addresses than any honest name has.
const MAX_ADDRESSES: usize = 64;

/// Says which addresses may be connected to.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    allowed: Vec<Allowed>,
}

/// Why there is nothing to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Barrier {
    /// It is not public. The sentence names the host as it was asked for, and the kind of network, no address behind
    /// a name: that would tell strangers what the operator's network looks like.
    Refused(String),
    /// The name has no address, or nobody answered.
    Unresolved(String),
}

impl Guard {
    /// A guard that lets `entries` through: hosts, hosts with a port, addresses and networks.
    pub(crate) fn new(entries: &[String]) -> Result<Self, BadEntry> {
        let allowed = entries.iter().map(|entry| Allowed::parse(entry)).collect::<Result<_, _>>()?;
        Ok(Self { allowed })
    }

    /// Checks an address whose host is an IP address, whatever its form; a name passes here and is checked when it is
    /// connected to.
    pub(crate) fn check_literal(&self, url: &Url) -> Result<(), Barrier> {
        let port = url.port_or_known_default().unwrap_or_default();
        match url.host() {
            Some(Host::Ipv4(ip)) => self.check(ip.into(), None, port),
            Some(Host::Ipv6(ip)) => self.check(ip.into(), None, port),
            Some(Host::Domain(_)) => Ok(()),
            None => Err(Barrier::Refused("the address names no host".into())),
        }
    }

    /// The addresses of `host`, each of which may be connected to.
    pub(crate) async fn addresses(&self, host: &Host<&str>, port: u16) -> Result<Vec<SocketAddr>, Barrier> {
        let name = match host {
            Host::Ipv4(ip) => return self.literal((*ip).into(), port),
            Host::Ipv6(ip) => return self.literal((*ip).into(), port),
            Host::Domain(name) => *name,
        };
        let unresolved = || Barrier::Unresolved(format!("the name `{name}` could not be resolved"));
        let looking = tokio::net::lookup_host((name, port));
        let found = tokio::time::timeout(RESOLVE_TIMEOUT, looking).await.map_err(|_| unresolved())?;
        let found: Vec<_> = found.map_err(|_| unresolved())?.take(MAX_ADDRESSES).collect();
        if found.is_empty() {
            return Err(unresolved());
        }
        for address in &found {
            self.check(address.ip(), Some(name), port)?;
        }
        Ok(found)
    }

    fn literal(&self, ip: IpAddr, port: u16) -> Result<Vec<SocketAddr>, Barrier> {
        self.check(ip, None, port).map(|()| vec![SocketAddr::new(ip, port)])
    }

    /// Whether `ip` may be connected to, under `name` where it was found by one.
    fn check(&self, ip: IpAddr, name: Option<&str>, port: u16) -> Result<(), Barrier> {
        let Some(class) = ranges::class(ip) else { return Ok(()) };
        let is_listed = || self.allowed.iter().any(|allowed| allowed.covers(ip, name, port));
        if !ranges::is_link_local(ip) && is_listed() {
            return Ok(());
        }
        let shown = name.map_or_else(|| ip.to_string(), str::to_owned);
        Err(Barrier::Refused(format!(
            "`{shown}` is not on the public internet ({class}), nothing is asked of it"
        )))
    }
}
