//! The courier over HTTP: each request goes to an address that was checked a moment before, by a client that knows no other.
//!
//! The name is resolved once, by the guard, and the client is given what passed: there is no second resolution that could
//! answer otherwise, no proxy from the environment, and no redirect to be led away by.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::FutureExt;
use reelmill_core::ports::{Answer, Courier, CourierError};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use url::Url;

use super::Opening;
use crate::guard::{Barrier, Guard};
use crate::opening::OpenError;
use crate::tls;

/// How it is opened.
pub(super) const OPENING: Opening =
    |allow_hosts| async move { Ok(Arc::new(HttpCourier::new(&allow_hosts)?) as Arc<dyn Courier>) }.boxed();

/// How long a receiver may take in all.
const PATIENCE: Duration = Duration::from_secs(15);
/// What we call ourselves.
const USER_AGENT: &str = concat!("reelmill/", env!("CARGO_PKG_VERSION"));

/// Carries webhooks by HTTP.
#[derive(Debug)]
pub struct HttpCourier {
    guard: Guard,
    patience: Duration,
}

impl HttpCourier {
    /// A courier that goes to public addresses and to `allow_hosts`: hosts, hosts with a port, addresses and networks.
    ///
    /// # Errors
    /// Where an entry cannot be read.
    pub fn new(allow_hosts: &[String]) -> Result<Self, OpenError> {
        let bad = |reason| OpenError::BadUrl { scheme: "http", reason };
        let guard = Guard::new(allow_hosts).map_err(|error| bad(error.to_string()))?;
        Ok(Self { guard, patience: PATIENCE })
    }

    /// A client whose only way is to the addresses of this URL that may be connected to.
    async fn client(&self, url: &Url) -> Result<Client, CourierError> {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(refused("it names no host"));
        };
        let addresses = self.guard.addresses(&host, port).await.map_err(|barrier| match barrier {
            Barrier::Refused(said) => CourierError::Refused(said),
            Barrier::Unresolved(said) => CourierError::Unreachable(said),
        })?;
        let tls = tls::config().map_err(CourierError::Unreachable)?;
        let builder = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .user_agent(USER_AGENT)
            .referer(false)
            .pool_max_idle_per_host(0)
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(Checked(addresses)));
        builder.build().map_err(|error| CourierError::Unreachable(said(error)))
    }

    async fn send(
        &self,
        url: &Url,
        headers: &[(&str, String)],
        body: &str,
    ) -> Result<Response, CourierError> {
        let request = self.client(url).await?.post(url.clone()).header(CONTENT_TYPE, "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        request.body(body.to_owned()).send().await.map_err(|error| CourierError::Unreachable(said(error)))
    }
}

/// The one answer that there is to the question where a name is. (A host that is an address is connected to as it is.)
struct Checked(Vec<SocketAddr>);

impl Resolve for Checked {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

#[async_trait]
impl Courier for HttpCourier {
    fn check(&self, url: &str) -> Result<(), CourierError> {
        self.guard.check_literal(&parsed(url)?).map_err(|barrier| match barrier {
            Barrier::Refused(said) | Barrier::Unresolved(said) => CourierError::Refused(said),
        })
    }

    async fn post(&self, url: &str, headers: &[(&str, String)], body: &str) -> Result<Answer, CourierError> {
        let url = parsed(url)?;
        let late =
            || CourierError::Unreachable(format!("no answer within {} s", self.patience.as_secs_f32()));
        let sent = tokio::time::timeout(self.patience, self.send(&url, headers, body));
        let response = sent.await.map_err(|_| late())??;
        // The head says all; what follows it is left unread.
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after_ms: retry_after_ms(response.headers(), SystemTime::now()),
        })
    }
}

fn parsed(text: &str) -> Result<Url, CourierError> {
    let url = Url::parse(text).map_err(|error| refused(&format!("it is no address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("it begins with neither https:// nor http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it has a user or a password in it, which would be sent and shown"));
    }
    Ok(url)
}

fn refused(reason: &str) -> CourierError {
    CourierError::Refused(reason.to_owned())
}

/// What went wrong, without the address, which its owner knows.
fn said(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        said = inner.to_string();
        cause = inner.source();
    }
    said
}

/// What `Retry-After` asks for: seconds, or a date (RFC 9110 section 10.2.3).
fn retry_after_ms(headers: &HeaderMap, now: SystemTime) -> Option<u64> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(seconds.saturating_mul(1000));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(u64::try_from(at.duration_since(now).unwrap_or_default().as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers every request with `answer`; its port, and what it was sent.
    async fn server(answer: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = vec![0; 4096];
                let length = stream.read(&mut bytes).await.unwrap();
                kept.lock().unwrap().push(String::from_utf8_lossy(&bytes[..length]).into_owned());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (port, heard)
    }

    fn courier(allowed: &[&str]) -> HttpCourier {
        HttpCourier::new(&allowed.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[tokio::test]
    async fn what_is_said_arrives_and_the_answer_comes_back() {
        let (port, heard) =
            server("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno").await;
        let headers = [("webhook-id", "1".to_owned())];
        let answer = courier(&["localhost"])
            .post(&format!("http://localhost:{port}/hook?a=1"), &headers, "{\"a\":1}")
            .await
            .unwrap();
        assert_eq!(answer, Answer { status: 503, retry_after_ms: Some(7000) });
        let heard = heard.lock().unwrap().concat().to_lowercase();
        for part in
            ["post /hook?a=1 http/1.1", "content-type: application/json", "webhook-id: 1", "{\"a\":1}"]
        {
            assert!(heard.contains(part), "{part} in {heard}");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_a_way() {
        let (aim, heard) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let answer =
            format!("HTTP/1.1 307 There\r\nLocation: http://127.0.0.1:{aim}/\r\nContent-Length: 0\r\n\r\n");
        let (port, _) = server(answer.leak()).await;
        let answer = courier(&["127.0.0.0/8"]).post(&format!("http://127.0.0.1:{port}/"), &[], "{}").await;
        assert_eq!(answer.map(|answer| answer.status), Ok(307));
        assert!(heard.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_follows_the_head_of_an_answer_is_left_unread() {
        let (port, _) = server("HTTP/1.1 202 Taken\r\nContent-Length: 99999999999\r\n\r\nand so on").await;
        let answer = courier(&["127.0.0.1"]).post(&format!("http://127.0.0.1:{port}/"), &[], "{}").await;
        assert_eq!(answer, Ok(Answer { status: 202, retry_after_ms: None }));
    }

    #[tokio::test]
    async fn a_receiver_that_says_nothing_is_not_waited_for_without_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let courier = HttpCourier { patience: Duration::from_millis(200), ..courier(&["127.0.0.1"]) };
        let silence = courier.post(&url, &[], "{}").await;
        assert_eq!(silence, Err(CourierError::Unreachable("no answer within 0.2 s".into())));
    }

    #[tokio::test]
    async fn nothing_goes_to_the_operators_own_network() {
        let (port, heard) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let courier = courier(&["allowed.example"]);
        for host in ["127.0.0.1", "localhost", "[::1]", "0", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"] {
            let url = format!("http://{host}:{port}/");
            let refused = courier.post(&url, &[], "{}").await;
            assert!(matches!(refused, Err(CourierError::Refused(_))), "{url}: {refused:?}");
        }
        for url in ["http://169.254.169.254/latest/meta-data/", "https://10.0.0.7/", "http://[fd00::1]/"] {
            assert!(matches!(courier.check(url), Err(CourierError::Refused(_))), "{url}");
            assert!(matches!(courier.post(url, &[], "{}").await, Err(CourierError::Refused(_))), "{url}");
        }
        assert!(heard.lock().unwrap().is_empty());
        assert_eq!(courier.check("https://example.org/hook"), Ok(()));
    }

    #[test]
    fn what_is_no_address_of_the_web_is_refused_by_its_form() {
        let courier = courier(&[]);
        for url in
            ["", "hook", "ftp://example.org/", "file:///etc/passwd", "https://me:pw@example.org/", "http://"]
        {
            assert!(matches!(courier.check(url), Err(CourierError::Refused(_))), "{url}");
        }
    }

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        for (value, expected) in [
            ("120", Some(120_000)),
            ("Sun, 09 Sep 2001 01:47:40 GMT", Some(60_000)),
            ("Sun, 09 Sep 2001 01:40:00 GMT", Some(0)),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after_ms(&headers, now), expected, "{value}");
        }
    }
}
