//! The HTTP clients of this source: one that goes through the guarded proxy, one for the operator's own addresses.
//!
//! Neither follows redirects, reads proxies from the environment, or asks for compressed bodies. Certificates are
//! trusted by Mozilla's list and by the system's, so that a bare container and a company's own authority both work.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Proxy};
use rustls::ClientConfig;

use super::trouble::Trouble;
use crate::tls;

/// What we call ourselves.
const USER_AGENT: &str = concat!("reelmill/", env!("CARGO_PKG_VERSION"));

/// A client for addresses that the operator configured.
pub(super) fn of_operator(timeout: Duration) -> Result<Client, Trouble> {
    finished(builder(tls()?).timeout(timeout).connect_timeout(timeout))
}

/// A client whose every connection goes through the proxy at `proxy`, which has credentials in it.
pub(super) fn through(proxy: &str, idle: Duration) -> Result<Client, Trouble> {
    through_with(tls()?, proxy, idle)
}

fn through_with(tls: ClientConfig, proxy: &str, idle: Duration) -> Result<Client, Trouble> {
    let proxy = Proxy::all(proxy).map_err(|error| Trouble::Internal(error.without_url().to_string()))?;
    // The proxy bounds the time of connecting; it needs a little more to say so.
    finished(builder(tls).proxy(proxy).read_timeout(idle + Duration::from_secs(5)).pool_max_idle_per_host(0))
}

fn builder(tls: ClientConfig) -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .user_agent(USER_AGENT)
        .referer(false)
        .tls_backend_preconfigured(tls)
}

fn finished(builder: ClientBuilder) -> Result<Client, Trouble> {
    builder.build().map_err(|error| Trouble::Internal(format!("no HTTP client: {}", error.without_url())))
}

fn tls() -> Result<ClientConfig, Trouble> {
    tls::config().map_err(Trouble::Internal)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{RootCertStore, ServerConfig};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::super::proxy::{Patience, Proxy};
    use super::*;
    use crate::guard::Guard;

    const SECOND: Duration = Duration::from_secs(1);

    /// A server for `https://localhost` with a certificate of its own; its port, and the certificate.
    async fn server() -> (u16, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret";
                stream.write_all(answer).await.unwrap();
            }
        });
        (port, certificate)
    }

    async fn proxy() -> Proxy {
        let guard = Guard::new(&["localhost".to_owned()]).unwrap();
        let patience = Patience { connect: 5 * SECOND, idle: 5 * SECOND };
        Proxy::start(Arc::new(guard), patience, None).await.unwrap()
    }

    #[tokio::test]
    async fn tls_goes_through_the_proxy_end_to_end() {
        let (port, certificate) = server().await;
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let (proxy, tls) = (proxy().await, tls::trusting(roots).unwrap());
        let session = proxy.session().unwrap();
        let client = through_with(tls, &session.url(), 5 * SECOND).unwrap();
        let response = client.get(format!("https://localhost:{port}/")).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "secret");
        let elsewhere = client.get(format!("https://127.0.0.1:{port}/")).send().await;
        assert!(elsewhere.is_err() && session.refused().is_some());
    }

    #[tokio::test]
    async fn a_certificate_that_nobody_vouches_for_is_not_taken() {
        let (port, _) = server().await;
        let proxy = proxy().await;
        let session = proxy.session().unwrap();
        let client = through(&session.url(), 5 * SECOND).unwrap();
        let refused = client.get(format!("https://localhost:{port}/")).send().await.unwrap_err();
        assert!(format!("{refused:?}").contains("UnknownIssuer"), "{refused:?}");
    }
}
