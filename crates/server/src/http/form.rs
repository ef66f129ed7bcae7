//! A form with a file in it: the file streamed as it arrives, the fields kept wherever they stand.
//!
//! Clients write a form's parts in any order, so a field may come when the file is already stored. Whoever reads the
//! file's stream to its end has read the whole body, and finds all fields then.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::Request;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use reelmill_core::Kind;
use reelmill_service::Error;
use tokio::time::timeout;

use super::json::declared_bytes;
use super::multipart::Multipart;
use super::upload::{ENVELOPE_BYTES, arriving, content_type, is_multipart, not_one};
use super::{App, Incoming};

/// The most bytes of a field.
const MOST_FIELD_BYTES: usize = 4 * 1024;

/// What a form has, by the names of its parts.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// What its one file may be called.
    pub(crate) files: &'static [&'static str],
    /// Its fields. What else it has is skipped.
    pub(crate) fields: &'static [&'static str],
}

/// The fields that have come so far; all, once the file's stream has ended. Of two with one name, the first counts.
#[derive(Clone, Default)]
pub(crate) struct Fields(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Fields {
    /// The field's text as it was sent.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn keep(&self, name: &'static str, text: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_insert(text);
    }
}

impl Form {
    /// The form's file, its bytes still to come, and the fields. Another file that follows it makes the stream end in an
    /// error.
    ///
    /// # Errors
    /// `Invalid` with the problem `one-file` where there is none; `Timeout` where it does not begin.
    pub(crate) async fn read(self, app: &App, request: Request) -> Result<(Incoming, Fields), Error> {
        if !is_multipart(request.headers()) {
            return Err(not_one());
        }
        let declared_bytes =
            declared_bytes(request.headers()).map(|bytes| bytes.saturating_sub(ENVELOPE_BYTES));
        let fields = Fields::default();
        let options = app.service.options();
        if declared_bytes.is_some_and(|declared| declared > options.max_upload_bytes) {
            // The service refuses it by the length; the body is not needed for that.
            let bytes = stream::empty().boxed();
            return Ok((Incoming { name: String::new(), declared_bytes, bytes }, fields));
        }
        let content_type = content_type(request.headers()).to_owned();
        let multipart = Multipart::new(arriving(app, request.into_body()).boxed(), &content_type)?;
        let mut parts = Parts { multipart, form: self, fields: fields.clone() };
        let name = timeout(options.upload_idle, parts.next_file()).await.map_err(|_| {
            Error::new(Kind::Timeout, "too-slow", "no file began in time; nothing was kept, send it again")
        })??;
        let name = name.ok_or_else(not_one)?;
        Ok((Incoming { name, declared_bytes, bytes: parts.file() }, fields))
    }
}

/// A form's body, read up to somewhere.
struct Parts<S> {
    multipart: Multipart<S>,
    form: Form,
    fields: Fields,
}

impl<S> Parts<S>
where
    S: Stream<Item = Result<Bytes, Error>> + Unpin + Send + 'static,
{
    /// The name of the next file, fields before it kept; `None` at the body's end.
    async fn next_file(&mut self) -> Result<Option<String>, Error> {
        while let Some(head) = self.multipart.next_part().await? {
            let name = head.name.unwrap_or_default();
            match head.file_name {
                Some(file_name) if self.form.files.contains(&name.as_str()) => return Ok(Some(file_name)),
                Some(_) => {}
                None => {
                    if let Some(name) = self.form.fields.iter().find(|field| **field == name) {
                        let text = self.field(name).await?;
                        self.fields.keep(name, text);
                    }
                }
            }
        }
        Ok(None)
    }

    async fn field(&mut self, name: &str) -> Result<String, Error> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.multipart.next_piece().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MOST_FIELD_BYTES {
                let detail = format!("the field `{name}` has more than {MOST_FIELD_BYTES} bytes");
                return Err(Error::invalid(detail));
            }
        }
        String::from_utf8(bytes).map_err(|_| Error::invalid(format!("the field `{name}` is no UTF-8")))
    }

    /// The bytes of the file that was come to, and then what follows it.
    fn file(self) -> BoxStream<'static, Result<Bytes, Error>> {
        stream::try_unfold(self, |mut parts| async move {
            match parts.multipart.next_piece().await? {
                Some(piece) => Ok(Some((piece, parts))),
                None if parts.next_file().await?.is_some() => Err(not_one()),
                None => Ok(None),
            }
        })
        .boxed()
    }
}
