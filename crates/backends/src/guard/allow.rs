//! The operator's list of what passes although it is not public.

use std::net::IpAddr;

use url::Host;

/// An entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Allowed {
    what: What,
    /// Any, unless one is named.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Name(String),
    Network { first: IpAddr, prefix: u8 },
}

/// An entry that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no host, host:port, address or network that could be allowed")]
pub(crate) struct BadEntry(String);

impl Allowed {
    /// Reads `host`, `host:port`, an address with or without a port, or `address/prefix`.
    pub(super) fn parse(entry: &str) -> Result<Self, BadEntry> {
        let bad = || BadEntry(entry.to_owned());
        let text = entry.trim();
        if let Some((address, prefix)) = text.split_once('/') {
            let first: IpAddr = address.parse().map_err(|_| bad())?;
            let prefix: u8 = prefix.parse().map_err(|_| bad())?;
            let is_sound = prefix <= width(first);
            return is_sound
                .then_some(Self { what: What::Network { first, prefix }, port: None })
                .ok_or_else(bad);
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self { what: What::of(ip), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') && !text.ends_with(']') => {
                (host, Some(port.parse().map_err(|_| bad())?))
            }
            _ => (text, None),
        };
        let what = match Host::parse(host).map_err(|_| bad())? {
            Host::Ipv4(ip) => What::of(ip.into()),
            Host::Ipv6(ip) => What::of(ip.into()),
            Host::Domain(name) => What::Name(without_dot(&name).to_owned()),
        };
        Ok(Self { what, port })
    }

    /// Whether it lets a connection through to `ip`, which was found under `name`.
    pub(super) fn covers(&self, ip: IpAddr, name: Option<&str>, port: u16) -> bool {
        if self.port.is_some_and(|own| own != port) {
            return false;
        }
        match &self.what {
            What::Name(own) => name.is_some_and(|name| without_dot(name).eq_ignore_ascii_case(own)),
            What::Network { first, prefix } => is_within(ip, *first, *prefix),
        }
    }
}

impl What {
    fn of(ip: IpAddr) -> Self {
        Self::Network { first: ip, prefix: width(ip) }
    }
}

/// Whether `ip` has the first `prefix` bits of `first`.
pub(super) fn is_within(ip: IpAddr, first: IpAddr, prefix: u8) -> bool {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    let shift = u32::from(width(first).saturating_sub(prefix));
    let differing = bits(ip) ^ bits(first);
    ip.is_ipv4() == first.is_ipv4() && differing.checked_shr(shift).unwrap_or(0) == 0
}

fn width(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(entry: &str, ip: &str, name: Option<&str>, port: u16) -> bool {
        Allowed::parse(entry).unwrap().covers(ip.parse().unwrap(), name, port)
    }

    #[test]
    fn a_host_passes_on_any_port_and_one_with_a_port_on_that_alone() {
        assert!(covers("media.lan", "10.0.0.1", Some("Media.LAN."), 81));
        assert!(covers("media.lan:80", "10.0.0.1", Some("media.lan"), 80));
        assert!(!covers("media.lan:80", "10.0.0.1", Some("media.lan"), 81));
        assert!(!covers("media.lan", "10.0.0.1", Some("evil.media.lan"), 80));
        assert!(!covers("media.lan", "10.0.0.1", None, 80));
    }

    #[test]
    fn an_address_or_a_network_passes_under_any_name() {
        assert!(covers("127.0.0.1:8000", "127.0.0.1", None, 8000));
        assert!(!covers("127.0.0.1:8000", "127.0.0.2", None, 8000));
        assert!(covers("10.1.0.0/16", "10.1.255.255", Some("x"), 1));
        assert!(!covers("10.1.0.0/16", "10.2.0.0", None, 1));
        assert!(covers("[fd00::1]:443", "fd00::1", None, 443));
        assert!(covers("fd00::/8", "fdff::1", None, 443));
        assert!(covers("::1", "::1", None, 443));
        assert!(covers("0.0.0.0/0", "10.2.0.0", None, 1));
        assert!(!covers("0.0.0.0/0", "::1", None, 1), "families do not mix");
    }

    #[test]
    fn an_entry_that_means_nothing_is_refused_by_name() {
        for entry in ["", "10.0.0.0/33", "10.0.0.0/x", "host:port", "a b", "fd00::/129", "host/24"] {
            let refused = Allowed::parse(entry).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("`{entry}`")), "{refused}");
        }
    }
}
