//! Where a request comes from: the connection's other end, or whom a trusted proxy names.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};

use super::App;

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The caller's address; `None` where a trusted proxy does not say it.
    pub address: Option<IpAddr>,
    /// Whether the caller is a program on this machine, and no proxy on it.
    pub is_local: bool,
}

/// Whose word a door takes without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Everybody's: something in front of the server keeps strangers out.
    Everybody,
    /// That of programs on this machine.
    ThisMachine,
    /// Nobody's.
    Nobody,
}

impl Trust {
    /// Whether the word of whoever is at `peer` is taken.
    #[must_use]
    pub const fn reaches(self, peer: Peer) -> bool {
        match self {
            Self::Everybody => true,
            Self::ThisMachine => peer.is_local,
            Self::Nobody => false,
        }
    }
}

impl Peer {
    /// Where a request with these extensions and headers comes from.
    #[must_use]
    pub fn of(app: &App, extensions: &Extensions, headers: &HeaderMap) -> Self {
        let peer =
            extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
        let is_trusted = |address: IpAddr| (app.settings.trusted_proxy)(address);
        let is_local = peer.is_some_and(|peer| peer.is_loopback()) && !is_forwarded(headers);
        let address = match peer {
            Some(peer) if is_trusted(peer) => forwarded_for(headers, is_trusted),
            other => other,
        };
        Self { address, is_local }
    }
}

impl FromRequestParts<App> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(app, &parts.extensions, &parts.headers))
    }
}

/// Whether a proxy handed the request on, so that the peer is not who asks.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    const TELLING: [&str; 4] = ["forwarded", "via", "x-real-ip", "true-client-ip"];
    let tells = |name: &str| TELLING.contains(&name) || name.starts_with("x-forwarded-");
    headers.keys().any(|name| tells(name.as_str()))
}

/// The last address of X-Forwarded-For that no trusted proxy has: everything before it is hearsay.
fn forwarded_for(headers: &HeaderMap, is_trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let given: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let mut addresses =
        given.iter().rev().map(|text| text.trim().parse().map(|ip: IpAddr| ip.to_canonical()));
    addresses.find(|address| !matches!(address, Ok(address) if is_trusted(*address)))?.ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_what_a_trusted_proxy_says_is_believed() {
        let is_trusted = |address: IpAddr| address.to_string().starts_with("10.");
        let of = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", HeaderValue::from_static(line));
            }
            forwarded_for(&headers, is_trusted).map(|address| address.to_string())
        };
        assert_eq!(of(&["1.1.1.1, 2.2.2.2, 10.0.0.7"]).as_deref(), Some("2.2.2.2"));
        assert_eq!(of(&["1.1.1.1", "10.0.0.8"]).as_deref(), Some("1.1.1.1"));
        assert_eq!(of(&["::ffff:3.3.3.3"]).as_deref(), Some("3.3.3.3"));
        assert_eq!(of(&["1.1.1.1, nonsense"]), None);
        assert_eq!((of(&[]), of(&["10.0.0.1"])), (None, None));
    }
}
