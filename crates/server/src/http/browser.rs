//! What keeps other people's web pages out: rules for Host and Origin, and headers that hold a browser back.
//!
//! A page of another site can make its visitor's browser call us. On loopback, a foreign name in Host means that the
//! page's name was made to point here (DNS rebinding). A foreign Origin means that the page sends the request itself.

use axum::extract::{Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;

use super::{App, Problem};

/// What our pages may load: their own scripts, styles and sounds, and nothing from elsewhere.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

/// The names of loopback.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Refuses a Host that is none of ours, where that is known.
pub(super) async fn known_host(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if app.settings.is_loopback {
        let hosts = request.headers().get_all(HOST);
        let given: Vec<&str> = match request.uri().authority() {
            Some(authority) => vec![authority.as_str()],
            None => hosts.iter().map(|value| value.to_str().unwrap_or_default()).collect(),
        };
        let is_ours = |host: &&str| is_host_of(&app, name_of(host));
        if given.len() != 1 || !given.iter().all(is_ours) {
            let given = given.first().copied().unwrap_or_default();
            let detail =
                format!("this server is not `{given}`; use localhost, or add the name to the setting hosts");
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", detail));
        }
    }
    Ok(next.run(request).await)
}

/// Refuses changes, and upgrades to a WebSocket, that a page of another site asks for.
pub(super) async fn same_origin(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let headers = request.headers();
    let guarded = is_change(request.method()) || headers.contains_key(UPGRADE);
    if guarded && is_foreign(&app, request.uri(), headers) {
        return Err(foreign());
    }
    Ok(next.run(request).await)
}

/// What a change that a cookie proves needs: a word of the browser that a page of ours sent it. A foreign Origin was
/// refused before.
pub(super) fn must_be_our_page(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let from_us = matches!(text_of(headers, "sec-fetch-site"), Some("same-origin" | "none"));
    if is_change(method) && !headers.contains_key(ORIGIN) && !from_us {
        return Err(foreign());
    }
    Ok(())
}

/// Holds a browser to what an answer says it is, and a page to what it was made of.
pub(super) async fn safe_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    let is_page = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    if is_page {
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(PAGE_POLICY));
    }
    response
}

fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn is_foreign(app: &App, uri: &Uri, headers: &HeaderMap) -> bool {
    if text_of(headers, "sec-fetch-site") == Some("cross-site") {
        return true;
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return false };
    let Ok(origin) = origin.to_str() else { return true };
    let host = uri.authority().map(axum::http::uri::Authority::as_str);
    let host = host.or_else(|| text_of(headers, HOST.as_str())).unwrap_or_default();
    origins.next().is_some() || !is_same(app, origin, host)
}

/// Whether `origin` is the one that `host` names. A proxy may have ended TLS before us, so either scheme is taken.
fn is_same(app: &App, origin: &str, host: &str) -> bool {
    let (authority, port) = match origin.split_once("://") {
        Some(("http", authority)) => (authority, ":80"),
        Some(("https", authority)) => (authority, ":443"),
        // `null` too: nobody knows whose page that is.
        _ => return false,
    };
    let bare = |text: &str| text.strip_suffix(port).unwrap_or(text).to_ascii_lowercase();
    let name = name_of(authority).to_ascii_lowercase();
    bare(authority) == bare(host) || app.settings.hosts.contains(&name)
}

fn is_host_of(app: &App, name: &str) -> bool {
    LOOPBACK.iter().any(|known| name.eq_ignore_ascii_case(known))
        || app.settings.hosts.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// The authority without its port.
fn name_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

fn text_of<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn foreign() -> Problem {
    let detail =
        "a page of another site may not do this; use a page of this server, or a token and no Origin";
    Problem::new(StatusCode::FORBIDDEN, "foreign-origin", detail)
}
