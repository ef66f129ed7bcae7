//! The network before the store: the fault proxy, and the store's URL by way of it.

use std::net::SocketAddr;
use std::time::Duration;

use reelmill_testbed::Proxy;
use url::Url;

use super::Failure;

/// A line to a store that counts what comes over it.
pub(super) struct Line {
    proxy: Proxy,
    url: String,
}

impl Line {
    /// To the store of `url`, as short and wide as loopback is.
    pub(super) fn to(url: &str) -> Result<Self, Failure> {
        let mut url = Url::parse(url)?;
        let options: Vec<_> = url.query_pairs().into_owned().collect();
        let endpoint =
            options.iter().find(|(name, _)| name == "endpoint").ok_or("the URL has no `endpoint`")?;
        let store = Url::parse(&endpoint.1)?;
        if store.scheme() != "http" {
            return Err(format!("{store} is not plain http, which alone can be led through a proxy").into());
        }
        let proxy = Proxy::start(address(&store)?)?;
        let near = format!("http://{}", proxy.address());
        let led = options.iter().map(|(name, value)| (name, if name == "endpoint" { &near } else { value }));
        url.query_pairs_mut().clear().extend_pairs(led);
        Ok(Self { proxy, url: url.into() })
    }

    /// The store's URL at this end of the line.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Makes it so long, there and back, and so wide.
    pub(super) fn lengthen(&self, away: Duration, bytes_per_second: u64) {
        self.proxy.delay(away / 2, away / 2);
        self.proxy.throttle(bytes_per_second);
    }

    /// What has come over it so far.
    pub(super) fn bytes_down(&self) -> u64 {
        self.proxy.bytes_down()
    }
}

fn address(store: &Url) -> Result<SocketAddr, Failure> {
    let addresses = store.socket_addrs(|| None)?;
    addresses.into_iter().next().ok_or_else(|| format!("{store} has no address").into())
}
