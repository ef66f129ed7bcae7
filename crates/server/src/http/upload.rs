//! A file on its way in: the whole body, or the one file part of a multipart body, streamed as it arrives.
//!
//! A second file part shows only when the first has been read, so the stream looks for the end of the body before it
//! ends itself: whoever reads it to the end knows that there was one file.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use reelmill_core::Kind;
use reelmill_service::{Error, Upload};
use tokio::time::timeout;

use super::App;
use super::json::declared_bytes;
use super::multipart::Multipart;

/// What a multipart body is taken to have besides its file, at the most.
const ENVELOPE_BYTES: u64 = 64 * 1024;

/// A file whose bytes are still to come.
pub type Incoming = Upload<BoxStream<'static, Result<Bytes, Error>>>;

/// The file of a request: its one file part where it is multipart, else its body under the name that was given.
pub(super) async fn any(app: &App, request: Request, name: Option<String>) -> Result<Incoming, Error> {
    if is_multipart(request.headers()) {
        let upload = one_file(app, request).await?;
        return Ok(Incoming { name: name.unwrap_or(upload.name), ..upload });
    }
    let declared_bytes = declared_bytes(request.headers());
    let bytes = arriving(app, request.into_body()).boxed();
    Ok(Incoming { name: name.unwrap_or_default(), declared_bytes, bytes })
}

/// The one file part of a multipart request. Another that follows it makes the stream end in an error.
///
/// # Errors
/// `Invalid` with the problem `one-file` where there is none; `TooLarge` before anything is read where the length says
/// so; `Timeout` where the part does not begin.
pub async fn one_file(app: &App, request: Request) -> Result<Incoming, Error> {
    let declared = declared_bytes(request.headers()).map(|bytes| bytes.saturating_sub(ENVELOPE_BYTES));
    if !is_multipart(request.headers()) {
        return Err(not_one());
    }
    let content_type = content_type(request.headers()).to_owned();
    let options = app.service.options();
    if declared.is_some_and(|declared| declared > options.max_upload_bytes) {
        // The service refuses it by the length; the body is not needed for that.
        return Ok(Incoming {
            name: String::new(),
            declared_bytes: declared,
            bytes: stream::empty().boxed(),
        });
    }
    let mut multipart = Multipart::new(arriving(app, request.into_body()).boxed(), &content_type)?;
    let name = timeout(options.upload_idle, next_file(&mut multipart)).await.map_err(|_| {
        Error::new(Kind::Timeout, "too-slow", "no file part began in time; nothing was kept, send it again")
    })??;
    let name = name.ok_or_else(not_one)?;
    let bytes = stream::try_unfold(multipart, |mut multipart| async move {
        match multipart.next_piece().await? {
            Some(piece) => Ok(Some((piece, multipart))),
            None if next_file(&mut multipart).await?.is_some() => Err(not_one()),
            None => Ok(None),
        }
    });
    Ok(Incoming { name, declared_bytes: declared, bytes: bytes.boxed() })
}

async fn next_file<S>(multipart: &mut Multipart<S>) -> Result<Option<String>, Error>
where
    S: Stream<Item = Result<Bytes, Error>> + Unpin,
{
    while let Some(head) = multipart.next_part().await? {
        if head.file_name.is_some() {
            return Ok(head.file_name);
        }
    }
    Ok(None)
}

/// The bytes of a body, counted.
fn arriving(app: &App, body: Body) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    let metrics = std::sync::Arc::clone(&app.metrics);
    body.into_data_stream().map(move |piece| {
        let piece = piece.map_err(|error| {
            Error::new(Kind::Invalid, "cut-off", "the upload was cut; nothing was kept, send it again")
                .because(&error)
        })?;
        metrics.count_upload(piece.len());
        Ok(piece)
    })
}

/// Refuses a stream's bytes past `most`.
pub(super) fn limited(
    upload: Incoming,
    most: u64,
    too_large: impl Fn() -> Error + Send + 'static,
) -> Incoming {
    let mut arrived = 0_u64;
    let bytes = upload.bytes.map(move |piece| {
        let piece = piece?;
        arrived += piece.len() as u64;
        if arrived > most { Err(too_large()) } else { Ok(piece) }
    });
    Incoming { bytes: bytes.boxed(), ..upload }
}

fn is_multipart(headers: &HeaderMap) -> bool {
    let essence = content_type(headers).split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("multipart/form-data")
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn not_one() -> Error {
    Error::new(Kind::Invalid, "one-file", "exactly 1 file required")
}
