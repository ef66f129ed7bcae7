//! A file on its way in: the whole body, or the one file part of a multipart body, streamed as it arrives.
//!
//! A second file part shows only when the first has been read, so the stream looks for the end of the body before it
//! ends itself: whoever reads it to the end knows that there was one file.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::BytesMut;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use reelmill_core::Kind;
use reelmill_core::ports::MAX_PICTURE_BYTES;
use reelmill_service::{Error, Upload};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::App;
use super::json::declared_bytes;
use super::multipart::Multipart;

/// What a multipart body is taken to have besides its file, at the most.
pub(super) const ENVELOPE_BYTES: u64 = 64 * 1024;

/// The most bytes of a picture's name.
const MOST_NAME_BYTES: u64 = 256;

/// How long a picture may take to arrive.
const FORM_PATIENCE: Duration = Duration::from_mins(1);

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

/// The picture of a form and its name: the parts `file` and `name`, in either order. It is read whole, since the name may
/// come last.
pub(crate) async fn picture_form(app: &App, request: Request) -> Result<(String, Bytes), Error> {
    static PLACES: Semaphore = Semaphore::const_new(16);
    if !is_multipart(request.headers()) {
        return Err(not_one());
    }
    let _place = PLACES.try_acquire().map_err(|_| {
        Error::new(Kind::Busy, "busy", "too many pictures arrive at this moment; try again in a few seconds")
    })?;
    let content_type = content_type(request.headers()).to_owned();
    let mut form = Multipart::new(arriving(app, request.into_body()).boxed(), &content_type)?;
    let read = async {
        let (mut name, mut file) = (None, None);
        while let Some(head) = form.next_part().await? {
            match (head.file_name, head.name.as_deref()) {
                (Some(_), _) if file.is_some() => return Err(not_one()),
                (Some(_), _) => file = Some(part(&mut form, MAX_PICTURE_BYTES).await?),
                (None, Some("name")) => name = Some(part(&mut form, MOST_NAME_BYTES).await?),
                (None, _) => {}
            }
        }
        let name = name.and_then(|name| String::from_utf8(name.into()).ok());
        let name =
            name.ok_or_else(|| Error::invalid("the form has no part `name`; it is `<uuid>.<extension>`"))?;
        Ok((name, file.ok_or_else(not_one)?))
    };
    timeout(FORM_PATIENCE, read).await.map_err(|_| {
        Error::new(Kind::Timeout, "too-slow", "the picture did not arrive in a minute; send it again")
    })?
}

/// A part of a form, read whole.
async fn part<S>(form: &mut Multipart<S>, most: u64) -> Result<Bytes, Error>
where
    S: Stream<Item = Result<Bytes, Error>> + Unpin,
{
    let mut whole = BytesMut::new();
    while let Some(piece) = form.next_piece().await? {
        if (whole.len() + piece.len()) as u64 > most {
            let detail = format!("a part of the form has more than {most} bytes");
            return Err(Error::new(Kind::TooLarge, "too-large", detail));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// The bytes of a body, counted.
pub(super) fn arriving(app: &App, body: Body) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
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

pub(super) fn is_multipart(headers: &HeaderMap) -> bool {
    let essence = content_type(headers).split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("multipart/form-data")
}

pub(super) fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

pub(super) fn not_one() -> Error {
    Error::new(Kind::Invalid, "one-file", "exactly 1 file required")
}
