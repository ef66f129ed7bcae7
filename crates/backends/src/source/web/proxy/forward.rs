//! What the proxy answers: a tunnel, a forwarded request, or why not.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    RETRY_AFTER, TE, TRAILER, UPGRADE,
};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use url::{Host, Url};

use super::idle::Idle;
use super::outlet::{Heard, Outlet};
use super::session::Notes;
use super::{MAX_HEAD_BYTES, Shared};
use crate::guard::Barrier;

type Body = BoxBody<Bytes, hyper::Error>;
type Answer = Response<Body>;

/// A server's wish to be left alone for longer is not believed.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Why a request is not passed on.
struct Refusal(StatusCode, &'static str);

impl From<Refusal> for Answer {
    fn from(Refusal(status, why): Refusal) -> Self {
        let body = Full::new(Bytes::from_static(why.as_bytes())).map_err(|never| match never {}).boxed();
        let mut answer = Response::new(body);
        *answer.status_mut() = status;
        answer
    }
}

/// Headers that concern one connection only, RFC 9110, section 7.6.1.
const OF_ONE_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    UPGRADE,
];

/// Answers a request of a download.
pub(super) async fn answer(
    shared: Arc<Shared>,
    outlet: Outlet,
    request: Request<Incoming>,
) -> Result<Answer, std::convert::Infallible> {
    let Some(notes) = session(&shared, request.headers()) else {
        let status = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        let mut answer = Answer::from(Refusal(status, "no download has these credentials"));
        answer.headers_mut().insert(PROXY_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"reelmill\""));
        return Ok(answer);
    };
    let answered = match *request.method() {
        Method::CONNECT => tunnel(&shared, &notes, request).await,
        Method::GET | Method::HEAD | Method::POST => forward(&shared, &notes, outlet, request).await,
        _ => Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "only GET, HEAD, POST and CONNECT are passed on")),
    };
    Ok(answered.unwrap_or_else(Answer::from))
}

fn session(shared: &Shared, headers: &HeaderMap) -> Option<Arc<Notes>> {
    let given = headers.get(PROXY_AUTHORIZATION)?.to_str().ok()?;
    shared.sessions().get(given).cloned()
}

/// Opens a tunnel to a checked address.
async fn tunnel(
    shared: &Arc<Shared>,
    notes: &Arc<Notes>,
    mut request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let target = target(request.uri().authority(), None)?;
    let (stream, place) = connect(shared, notes, &target).await?;
    let mut stream = Idle::new(stream, shared.patience.idle);
    let over = notes.over.clone();
    tokio::spawn(async move {
        let _place = place;
        let carry = async {
            let Ok(client) = hyper::upgrade::on(&mut request).await else { return };
            // However it ends, both sides see it by their own end of the stream.
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut stream).await;
        };
        tokio::select! {
            () = carry => {}
            () = over.cancelled() => {}
        }
    });
    Ok(Response::new(Empty::new().map_err(|never| match never {}).boxed()))
}

/// Passes a plain request on, and its answer back.
async fn forward(
    shared: &Arc<Shared>,
    notes: &Arc<Notes>,
    outlet: Outlet,
    mut request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    if request.uri().scheme_str() != Some("http") {
        return Err(Refusal(StatusCode::BAD_REQUEST, "a proxy takes whole http:// addresses"));
    }
    let authority = request.uri().authority().cloned();
    let target = target(authority.as_ref(), Some(80))?;
    let (stream, place) = connect(shared, notes, &target).await?;
    let unreachable = |_| Refusal(StatusCode::BAD_GATEWAY, "the server broke off");
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .handshake(TokioIo::new(Idle::new(stream, shared.patience.idle)))
        .await
        .map_err(unreachable)?;
    let over = notes.over.clone();
    tokio::spawn(async move {
        let _place = place;
        tokio::select! {
            // What went wrong is told to whoever reads the answer.
            _ = connection => {}
            () = over.cancelled() => {}
        }
    });
    strip(request.headers_mut());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>().map_err(|_| malformed())?;
    let host = authority.and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    request.headers_mut().insert(HOST, host.ok_or_else(malformed)?);
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    let mut response = sender.send_request(request).await.map_err(unreachable)?;
    if response.status() == StatusCode::TOO_MANY_REQUESTS
        && let Some(wait) = retry_after(response.headers())
    {
        notes.retry_after(wait);
    }
    strip(response.headers_mut());
    Ok(response.map(|body| Heard::new(body, outlet).boxed()))
}

/// What is to be connected to. Hosts are read as a browser reads them, so that no form of an address is a name.
fn target(authority: Option<&Authority>, port: Option<u16>) -> Result<(Host<String>, u16), Refusal> {
    let authority = authority.filter(|authority| !authority.as_str().contains('@')).ok_or_else(malformed)?;
    let url = Url::parse(&format!("http://{}/", authority.host())).map_err(|_| malformed())?;
    let host = url.host().ok_or_else(malformed)?.to_owned();
    let port = authority.port_u16().or(port).filter(|port| *port != 0).ok_or_else(malformed)?;
    Ok((host, port))
}

async fn connect(
    shared: &Shared,
    notes: &Notes,
    (host, port): &(Host<String>, u16),
) -> Result<(tokio::net::TcpStream, OwnedSemaphorePermit), Refusal> {
    let place = Arc::clone(&notes.places).acquire_owned().await;
    let place = place.map_err(|_| Refusal(StatusCode::SERVICE_UNAVAILABLE, "the download is over"))?;
    let host = match host {
        Host::Domain(name) => Host::Domain(name.as_str()),
        Host::Ipv4(ip) => Host::Ipv4(*ip),
        Host::Ipv6(ip) => Host::Ipv6(*ip),
    };
    match shared.dial(&host, *port).await {
        Ok(stream) => Ok((stream, place)),
        Err(Barrier::Refused(sentence)) => {
            notes.refuse(&sentence);
            Err(Refusal(StatusCode::FORBIDDEN, "not on the public internet"))
        }
        Err(Barrier::Unresolved(_)) => Err(Refusal(StatusCode::BAD_GATEWAY, "cannot be reached")),
    }
}

/// Takes away what concerns one connection only, by name and by the list in `Connection`.
fn strip(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    // How a body is framed is for hyper to say, not for a peer to have forgotten.
    let framing = [hyper::header::TRANSFER_ENCODING, hyper::header::CONTENT_LENGTH];
    for name in listed.iter().filter(|name| !framing.contains(name)).chain(&OF_ONE_HOP) {
        headers.remove(name);
    }
}

/// RFC 9110, section 10.2.3: seconds, or a date.
pub(in super::super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        date.duration_since(SystemTime::now()).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

fn malformed() -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, "the target cannot be read")
}
