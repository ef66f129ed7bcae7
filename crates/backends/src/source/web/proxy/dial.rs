//! Making a connection: to an address that the guard let pass, directly or by way of the operator's own proxy.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::Shared;
use crate::guard::Barrier;

/// How long one address of several may take before the next is tried.
const PATIENCE_PER_ADDRESS: Duration = Duration::from_secs(4);
/// The longest answer of a proxy to CONNECT.
const MAX_ANSWER_BYTES: usize = 8 * 1024;

/// The operator's own proxy.
#[derive(Debug)]
pub(in super::super) struct Upstream {
    host: String,
    port: u16,
    authorization: Option<SecretString>,
}

/// A proxy's address that cannot be used. What was given is not repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("the proxy for downloads is to be given as http://[user:password@]host:port")]
pub(in super::super) struct BadUpstream;

impl Upstream {
    /// Reads `http://[user:password@]host:port`.
    pub(in super::super) fn parse(text: &str) -> Result<Self, BadUpstream> {
        let url = Url::parse(text).map_err(|_| BadUpstream)?;
        let host = url.host_str().filter(|_| url.scheme() == "http").ok_or(BadUpstream)?;
        let authorization = (!url.username().is_empty()).then(|| {
            let pair = format!(
                "{}:{}",
                percent_decoded(url.username()),
                percent_decoded(url.password().unwrap_or_default())
            );
            SecretString::from(format!("Basic {}", STANDARD.encode(pair)))
        });
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: url.port_or_known_default().unwrap_or(80), authorization })
    }

    /// A connection to `address`, made by the proxy.
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let mut head = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n");
        if let Some(authorization) = &self.authorization {
            head.push_str("Proxy-Authorization: ");
            head.push_str(authorization.expose_secret());
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        // Byte by byte: what follows the head belongs to whoever is at the other end of the tunnel.
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() == MAX_ANSWER_BYTES {
                return Err(io::Error::other("the proxy's answer has no end"));
            }
            answer.push(stream.read_u8().await?);
        }
        let is_made = answer.starts_with(b"HTTP/1.") && answer.get(8..10) == Some(b" 2");
        is_made.then_some(stream).ok_or_else(|| io::Error::other("the proxy makes no connection"))
    }
}

impl Shared {
    /// A connection to `host`, whose every address the guard lets pass.
    pub(super) async fn dial(&self, host: &Host<&str>, port: u16) -> Result<TcpStream, Barrier> {
        let addresses = self.guard.addresses(host, port).await?;
        let (last, others) =
            addresses.split_last().ok_or_else(|| Barrier::Unresolved("no address was found".into()))?;
        for address in others {
            if let Ok(stream) = self.connect(*address, self.patience.connect.min(PATIENCE_PER_ADDRESS)).await
            {
                return Ok(stream);
            }
        }
        let made = self.connect(*last, self.patience.connect).await;
        made.map_err(|_| Barrier::Unresolved(format!("`{host}` does not answer on port {port}")))
    }

    async fn connect(&self, address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
        let connecting = async {
            match &self.upstream {
                Some(upstream) => upstream.connect(address).await,
                None => TcpStream::connect(address).await,
            }
        };
        let stream = tokio::time::timeout(patience, connecting).await??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// A user name or password as it was before it was put into an address.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = (*first == b'%').then(|| tail.get(..2)).flatten();
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
