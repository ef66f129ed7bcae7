//! The bytes of media and outputs on their way out: the one place that every door answers content from.
//!
//! What a client sees of a file is decided here alone: its type comes from our own probe, nothing in it may run, and
//! it is shown in place only where it can do no harm.

use std::fmt::Write as _;
use std::io;
use std::ops::Range;
use std::pin::Pin;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, LOCATION, REFERRER_POLICY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use reelmill_core::ports::Drawn;
use reelmill_service::Content;
use tracing::warn;
use uuid::Uuid;

use super::range::{Validators, Wish, lists, wish};
use super::{App, Problem};

type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// How content is offered to a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// Shown in place where that is safe.
    InPlace,
    /// Always saved to a file.
    Attachment,
}

/// Answers a GET or HEAD with the content; where the deployment asks for it and the store can, a GET is sent on to the
/// store, which then serves the bytes itself.
pub(crate) async fn hand_out(
    app: &App,
    content: Content,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    // An address is signed for one method, and what the client has already needs none.
    let is_conditional = [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE]
        .iter()
        .any(|condition| headers.contains_key(condition));
    if app.settings.redirects_content && *method == Method::GET && !is_conditional {
        match content.presigned(&disposition(content_kind(&content, Offer::InPlace), &content.name)).await {
            Ok(Some(address)) => return redirect(&address),
            Ok(None) => {}
            Err(error) => {
                warn!(error = ?error, "no address of the store could be made; serving the bytes here");
            }
        }
    }
    respond(content, method, headers, Offer::InPlace).await
}

fn redirect(address: &str) -> Result<Response, Problem> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    set(&mut response, LOCATION, address)?;
    // Whoever has the address may read, so it is kept nowhere.
    set(&mut response, CACHE_CONTROL, "no-store")?;
    set(&mut response, REFERRER_POLICY, "no-referrer")?;
    Ok(response)
}

/// Answers a GET or HEAD with the content, or with the parts of it that are asked for.
pub async fn respond(
    content: Content,
    method: &Method,
    headers: &HeaderMap,
    offer: Offer,
) -> Result<Response, Problem> {
    let etag = format!("\"{}\"", content.etag);
    let validators = Validators::new(&etag, content.modified_at.as_seconds());
    let is_get = *method == Method::GET;
    let size_bytes = content.size_bytes;
    let wish = wish(headers, is_get, size_bytes, &validators);
    let mut response = Response::new(Body::empty());
    describe(response.headers_mut(), &content, &validators, offer)?;
    match wish {
        Wish::Whole => {
            set(&mut response, CONTENT_LENGTH, &size_bytes.to_string())?;
            if is_get {
                *response.body_mut() = Body::from_stream(pieces(&content, 0..size_bytes).await?);
            }
        }
        Wish::Part(range) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            set(&mut response, CONTENT_RANGE, &content_range(&range, size_bytes))?;
            set(&mut response, CONTENT_LENGTH, &(range.end - range.start).to_string())?;
            *response.body_mut() = Body::from_stream(pieces(&content, range).await?);
        }
        Wish::Parts(ranges) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let parts = Parts::new(&content, ranges);
            set(&mut response, CONTENT_TYPE, &parts.content_type())?;
            set(&mut response, CONTENT_LENGTH, &parts.size_bytes().to_string())?;
            *response.body_mut() = Body::from_stream(parts.stream(content));
        }
        Wish::NotModified => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(CONTENT_TYPE);
        }
        Wish::Failed => {
            let detail = "the content is not the one that If-Match or If-Unmodified-Since asks for";
            return Err(Problem::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", detail));
        }
        Wish::Outside => return Err(outside(size_bytes)?),
    }
    Ok(response)
}

/// Answers with the whole content; `guard` is dropped when the last byte is gone or the client is.
pub(super) async fn whole<G: Send + 'static>(content: Content, guard: G) -> Result<Response, Problem> {
    let mut response = Response::new(Body::empty());
    let etag = format!("\"{}\"", content.etag);
    let validators = Validators::new(&etag, content.modified_at.as_seconds());
    describe(response.headers_mut(), &content, &validators, Offer::Attachment)?;
    // There is nothing to come back to.
    response.headers_mut().remove(ACCEPT_RANGES);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    set(&mut response, CONTENT_LENGTH, &content.size_bytes.to_string())?;
    let mut pieces = pieces(&content, 0..content.size_bytes).await?;
    let guarded = stream::poll_fn(move |context| {
        let _held = &guard;
        pieces.poll_next_unpin(context)
    });
    *response.body_mut() = Body::from_stream(guarded);
    Ok(response)
}

/// Answers with a picture that was drawn for this request.
pub(crate) fn show(drawn: Drawn, name: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let etag = format!("\"{}\"", blake3::hash(&drawn.bytes).to_hex());
    let is_known = lists(headers, IF_NONE_MATCH, &etag, true);
    let mut response = Response::new(Body::empty());
    set(&mut response, CONTENT_DISPOSITION, &disposition("inline", name))?;
    set(&mut response, CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'")?;
    set(&mut response, ETAG, &etag)?;
    // Drawing it costs more than an old picture for a moment after it was replaced.
    set(&mut response, CACHE_CONTROL, "private, max-age=300")?;
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        set(&mut response, CONTENT_TYPE, drawn.content_type)?;
        *response.body_mut() = Body::from(drawn.bytes);
    }
    Ok(response)
}

fn describe(
    headers: &mut HeaderMap,
    content: &Content,
    validators: &Validators,
    offer: Offer,
) -> Result<(), Problem> {
    let kind = content_kind(content, offer);
    let mut insert = |name: HeaderName, text: &str| -> Result<(), Problem> {
        headers.insert(name, value_of(text)?);
        Ok(())
    };
    insert(CONTENT_TYPE, &content.content_type)?;
    insert(CONTENT_DISPOSITION, &disposition(kind, &content.name))?;
    insert(CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'")?;
    insert(ETAG, validators.etag)?;
    insert(LAST_MODIFIED, &httpdate::fmt_http_date(validators.modified))?;
    insert(ACCEPT_RANGES, "bytes")?;
    // It never changes, but it may be deleted, and the next user of the browser may not see it.
    insert(CACHE_CONTROL, "private, no-cache")
}

fn content_kind(content: &Content, offer: Offer) -> &'static str {
    let safe = is_safe_in_place(&content.content_type, content.is_ours);
    if safe && offer == Offer::InPlace { "inline" } else { "attachment" }
}

/// Whether a browser may show it instead of saving it: sound and moving pictures, and still ones that we encoded. An
/// SVG is a document with scripts.
fn is_safe_in_place(content_type: &str, is_ours: bool) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is_raster = matches!(essence, "image/png" | "image/jpeg" | "image/webp" | "image/gif" | "image/avif");
    essence.starts_with("audio/") || essence.starts_with("video/") || (is_raster && is_ours)
}

/// RFC 6266: the name in ASCII for old clients, and whole as RFC 8187 writes it where that is not the same.
fn disposition(kind: &str, name: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%' | '/') || c == ' ';
    let ascii: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    if ascii == name {
        return format!("{kind}; filename=\"{ascii}\"");
    }
    let mut encoded = String::with_capacity(name.len() * 3);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

async fn pieces(content: &Content, range: Range<u64>) -> Result<Pieces, Problem> {
    let stream = content.read(range).await?;
    // The status is sent by then, so that a cut connection is all that can be told.
    Ok(Box::pin(stream.map_err(|error| {
        warn!(%error, "content ended early");
        io::Error::other(error)
    })))
}

fn outside(size_bytes: u64) -> Result<Problem, Problem> {
    let detail = format!("the content has {size_bytes} bytes, and no range of the header Range lies within");
    Ok(Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "unsatisfiable-range", detail)
        .with(CONTENT_RANGE, value_of(&format!("bytes */{size_bytes}"))?)
        .with(ACCEPT_RANGES, HeaderValue::from_static("bytes")))
}

fn content_range(range: &Range<u64>, size_bytes: u64) -> String {
    format!("bytes {}-{}/{size_bytes}", range.start, range.end - 1)
}

fn set(response: &mut Response, name: HeaderName, text: &str) -> Result<(), Problem> {
    response.headers_mut().insert(name, value_of(text)?);
    Ok(())
}

fn value_of(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(text).map_err(|error| Problem::internal(error.to_string()))
}

/// `multipart/byteranges`: RFC 9110, section 14.6.
struct Parts {
    boundary: String,
    parts: Vec<(String, Range<u64>)>,
}

impl Parts {
    fn new(content: &Content, ranges: Vec<Range<u64>>) -> Self {
        let boundary = Uuid::new_v4().simple().to_string();
        let head = |range: &Range<u64>| {
            let place = content_range(range, content.size_bytes);
            format!(
                "\r\n--{boundary}\r\nContent-Type: {}\r\nContent-Range: {place}\r\n\r\n",
                content.content_type
            )
        };
        let parts = ranges.into_iter().map(|range| (head(&range), range)).collect();
        Self { boundary, parts }
    }

    fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    fn tail(&self) -> String {
        format!("\r\n--{}--\r\n", self.boundary)
    }

    fn size_bytes(&self) -> u64 {
        let part = |(head, range): &(String, Range<u64>)| head.len() as u64 + range.end - range.start;
        self.parts.iter().map(part).sum::<u64>() + self.tail().len() as u64
    }

    /// Each part is opened when the one before it is sent.
    fn stream(self, content: Content) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let tail = Bytes::from(self.tail());
        let opened = stream::iter(self.parts).then(move |(head, range)| {
            let content = content.clone();
            async move {
                let pieces = pieces(&content, range).await.map_err(|problem| {
                    let cause = problem.cause.unwrap_or(problem.detail);
                    warn!(cause, "content ended early");
                    io::Error::other(cause)
                })?;
                Ok::<_, io::Error>(stream::iter([Ok(Bytes::from(head))]).chain(pieces))
            }
        });
        opened.try_flatten().chain(stream::iter([Ok(tail)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_leave_its_header_and_is_whole_where_it_can_be() {
        let table = [
            ("talk.mp3", "attachment; filename=\"talk.mp3\""),
            ("a b.mp3", "attachment; filename=\"a b.mp3\""),
            ("a\".mp3", "attachment; filename=\"a_.mp3\"; filename*=UTF-8''a%22.mp3"),
            ("a\r\nX: y", "attachment; filename=\"a__X: y\"; filename*=UTF-8''a%0D%0AX%3A%20y"),
            ("100%.mp3", "attachment; filename=\"100_.mp3\"; filename*=UTF-8''100%25.mp3"),
            ("Zoë.mp3", "attachment; filename=\"Zo_.mp3\"; filename*=UTF-8''Zo%C3%AB.mp3"),
        ];
        for (name, expected) in table {
            assert_eq!(disposition("attachment", name), expected);
            assert!(HeaderValue::from_str(expected).is_ok());
        }
    }

    #[test]
    fn only_what_can_do_no_harm_is_shown_in_place() {
        for (content_type, is_ours, safe) in [
            ("audio/mpeg", true, true),
            ("video/mp4", false, true),
            ("image/png", true, true),
            ("image/png", false, false),
            ("image/svg+xml", true, false),
            ("text/html", true, false),
            ("application/octet-stream", false, false),
        ] {
            assert_eq!(is_safe_in_place(content_type, is_ours), safe, "{content_type}");
        }
    }
}
