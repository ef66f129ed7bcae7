//! Media that lies at an address as a file: fetched by ourselves, resumed where the connection breaks off.
//!
//! What is there shows only in the answer: media is streamed, a page is left to yt-dlp. Redirects are followed by
//! hand; that each hop leads out to the public internet is the proxy's care, through which everything goes.

mod kind;
mod resume;

use std::sync::Arc;
use std::time::Duration;

use reelmill_core::ports::{Fetch, Fetched, ObjectWriter, SourceError};
use reelmill_core::{Found, Obstacle};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, LOCATION,
};
use reqwest::{Client, Response, StatusCode};
use url::Url;

use super::client;
use super::name;
use super::pour::Pour;
use super::proxy::{Proxy, Session, retry_after};
use super::trouble::Trouble;
use kind::Kind;
use resume::Resume;

/// Redirects in a row.
const MAX_HOPS: usize = 5;
/// What is looked at to tell media from a page.
const HEAD_BYTES: usize = 512;

/// Fetches files.
pub(super) struct Direct {
    proxy: Arc<Proxy>,
    max_bytes: u64,
    idle: Duration,
}

/// What a fetch came to.
pub(super) enum Outcome {
    /// The media is in the store.
    Done(Fetched),
    /// It is a page, or something else that yt-dlp may make sense of; nothing was stored. Where nobody can, this is
    /// what to say.
    Page(Trouble),
}

impl Direct {
    pub(super) fn new(options: &crate::source::SourceOptions, proxy: Arc<Proxy>) -> Self {
        Self { proxy, max_bytes: options.max_bytes, idle: options.idle_timeout }
    }

    /// Fetches what is at the address, if it is a file. The caller watches for a cancel and drops this.
    pub(super) async fn fetch(
        &self,
        fetch: &Fetch,
        output: &mut dyn ObjectWriter,
    ) -> Result<Outcome, SourceError> {
        let url = Url::parse(&fetch.found.url)
            .map_err(|_| SourceError::obstacle(Obstacle::Unsupported, "the address cannot be read"))?;
        let session = self.proxy.session().map_err(|error| SourceError::Internal(error.to_string()))?;
        let client = client::through(&session.url(), self.idle)?;
        let mut response = follow(&client, &session, url).await?;
        if let Some(outcome) = refused(&response)? {
            return Ok(outcome);
        }
        let mut pour = Pour::new(output, self.max_bytes);
        let head = head(&mut response).await.map_err(|()| broke_off(&session))?;
        let declared = text(response.headers(), CONTENT_TYPE.as_str());
        let kind = match kind::of(declared.as_deref(), &head) {
            Kind::Media(kind) => kind,
            Kind::Page => {
                return Ok(Outcome::Page(Trouble::new(
                    Obstacle::Unsupported,
                    "the address is a web page, and yt-dlp, which reads those, is not to be had here",
                )));
            }
            Kind::Other => {
                return Err(SourceError::obstacle(
                    Obstacle::Unsupported,
                    "what is at this address is neither media nor a web page",
                ));
            }
        };
        if let Some(encoding) = text(response.headers(), CONTENT_ENCODING.as_str())
            && !encoding.eq_ignore_ascii_case("identity")
        {
            return Err(SourceError::obstacle(
                Obstacle::Unsupported,
                "the server sends the media compressed although nobody asked for that",
            ));
        }
        let name = file_name(&response, kind.extension);
        let mut resume = Resume::of(&response);
        if let Some(total) = resume.total_bytes() {
            pour.accept_size(total)?;
        }
        let mut first = Some(head);
        loop {
            let carried = carry(&mut response, first.take(), &mut pour, resume.total_bytes(), fetch).await?;
            if carried {
                break;
            }
            response = resume.again(&client, &session, pour.taken()).await?;
        }
        if pour.taken() == 0 {
            return Err(SourceError::obstacle(Obstacle::Unreachable, "the server gave no bytes"));
        }
        pour.flush().await?;
        Ok(Outcome::Done(Fetched { found: filled(&fetch.found, &name), name }))
    }
}

/// Asks until somebody does not send us elsewhere.
async fn follow(client: &Client, session: &Session, mut url: Url) -> Result<Response, Trouble> {
    for _ in 0..=MAX_HOPS {
        let request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity").header(ACCEPT, "*/*");
        let response = request.send().await.map_err(|_| broke_off(session))?;
        if let Some(refused) = session.refused() {
            return Err(Trouble::new(Obstacle::Forbidden, refused));
        }
        let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
        let Some(to) = text(response.headers(), LOCATION.as_str()).filter(|_| is_redirect) else {
            return Ok(response);
        };
        let next =
            url.join(&to).map_err(|_| Trouble::new(Obstacle::Unsupported, "a redirect leads nowhere"))?;
        url = acceptable(&url, next)?;
    }
    Err(Trouble::new(Obstacle::Unsupported, format!("the address was redirected more than {MAX_HOPS} times")))
}

/// A redirect's target, unless it leaves HTTP, leaves TLS, or holds a password.
fn acceptable(from: &Url, mut to: Url) -> Result<Url, Trouble> {
    let refused = |why: &str| Err(Trouble::new(Obstacle::Unsupported, why));
    if !matches!(to.scheme(), "http" | "https") {
        return refused("a redirect leads to what is no web address");
    }
    if from.scheme() == "https" && to.scheme() == "http" {
        return refused("a redirect leads from https to http, which is not followed");
    }
    if !to.username().is_empty() || to.password().is_some() {
        return refused("a redirect leads to an address with a user name or password in it");
    }
    to.set_fragment(None);
    Ok(to)
}

/// What an answer without content means; `None` where there is content.
fn refused(response: &Response) -> Result<Option<Outcome>, Trouble> {
    let status = response.status();
    let told = |obstacle, why: &str| Trouble::new(obstacle, format!("{why} (HTTP {})", status.as_u16()));
    match status {
        StatusCode::OK => Ok(None),
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            Err(told(Obstacle::NotFound, "there is nothing at this address"))
        }
        StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => {
            Err(told(Obstacle::GeoBlocked, "the server may not show this, for legal reasons"))
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let wait = retry_after(response.headers());
            Err(Trouble::rate_limited(
                "the server",
                wait.and_then(|wait| u64::try_from(wait.as_millis()).ok()),
            ))
        }
        // Some sites refuse every client that they do not know, and yt-dlp knows ways.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_ACCEPTABLE => {
            Ok(Some(Outcome::Page(told(Obstacle::Private, "the server does not show this to everybody"))))
        }
        _ if status.is_server_error() => Err(told(Obstacle::Unreachable, "the server has a problem")),
        _ => Err(told(Obstacle::Unsupported, "the server does not give this")),
    }
}

/// The first bytes; fewer where there are no more.
async fn head(response: &mut Response) -> Result<Vec<u8>, ()> {
    let mut head = Vec::new();
    while head.len() < HEAD_BYTES {
        match response.chunk().await {
            Ok(Some(piece)) => head.extend_from_slice(&piece),
            Ok(None) => break,
            // What is here may be enough to tell; the rest is resumed.
            Err(_) if !head.is_empty() => break,
            Err(_) => return Err(()),
        }
    }
    Ok(head)
}

/// Streams until the end; `false` where the connection broke off before.
async fn carry(
    response: &mut Response,
    head: Option<Vec<u8>>,
    pour: &mut Pour<'_>,
    total: Option<u64>,
    fetch: &Fetch,
) -> Result<bool, SourceError> {
    if let Some(head) = head {
        pour.add(&head).await?;
    }
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => pour.add(&piece).await?,
            Ok(None) => return Ok(total.is_none_or(|total| pour.taken() == total)),
            Err(_) => return Ok(false),
        }
        #[expect(clippy::cast_precision_loss, reason = "progress is an estimate")]
        if let Some(total) = total.filter(|total| *total > 0) {
            (fetch.progress)((pour.taken() as f64 / total as f64).clamp(0.0, 1.0));
        }
    }
}

/// A connection that was not made or did not last: refused by the guard, or out of reach.
fn broke_off(session: &Session) -> Trouble {
    session.refused().map_or_else(
        || Trouble::new(Obstacle::Unreachable, "the server cannot be reached, or broke off"),
        |refused| Trouble::new(Obstacle::Forbidden, refused),
    )
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned())
}

/// What the server calls it, or the end of its address.
fn file_name(response: &Response, extension: Option<&'static str>) -> String {
    let disposition = text(response.headers(), CONTENT_DISPOSITION.as_str());
    let told = disposition.as_deref().and_then(disposed);
    let of_path = || {
        let last = response.url().path_segments()?.next_back()?;
        Some(decoded(last)).filter(|name| !name.is_empty())
    };
    name::given(&told.or_else(of_path).unwrap_or_default(), extension)
}

/// The file name of a Content-Disposition, RFC 6266: the extended form goes first.
fn disposed(header: &str) -> Option<String> {
    let parameter = |wanted: &str| {
        header.split(';').skip(1).find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    let extended = parameter("filename*").and_then(|value| {
        let (charset, rest) = value.split_once('\'')?;
        let (_, name) = rest.split_once('\'')?;
        charset.eq_ignore_ascii_case("utf-8").then(|| decoded(name))
    });
    extended.or_else(|| parameter("filename")).filter(|name| !name.is_empty())
}

/// Percent-encoded text as it is meant.
fn decoded(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

fn filled(found: &Found, name: &str) -> Found {
    let mut found = found.clone();
    if found.title.is_none() {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        found.title = Some(name::title(stem));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_a_server_gives_is_read_in_both_forms() {
        for (header, expected) in [
            ("attachment; filename=\"a b.mp3\"", Some("a b.mp3")),
            ("attachment; filename=a.mp3", Some("a.mp3")),
            ("attachment; filename=\"x.mp3\"; filename*=UTF-8''%c3%a9%20+.mp3", Some("é +.mp3")),
            ("inline", None),
            ("attachment; filename=\"\"", None),
        ] {
            assert_eq!(disposed(header).as_deref(), expected, "{header}");
        }
    }

    #[test]
    fn redirects_stay_within_http_and_never_leave_tls() {
        let from = Url::parse("https://example.org/a").unwrap();
        for to in
            ["http://example.org/a", "file:///etc/passwd", "https://u:p@example.org/", "ftp://example.org/"]
        {
            assert!(acceptable(&from, Url::parse(to).unwrap()).is_err(), "{to}");
        }
        let to = acceptable(&from, Url::parse("https://example.com/b#f").unwrap()).unwrap();
        assert_eq!(to.as_str(), "https://example.com/b");
        let plain = Url::parse("http://example.org/a").unwrap();
        assert!(acceptable(&plain, Url::parse("http://example.com/").unwrap()).is_ok());
    }
}
