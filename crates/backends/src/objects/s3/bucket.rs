//! What is asked of a bucket: a method for each request, each tried until patience ends.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use reelmill_core::Key;
use reelmill_core::ports::Handout;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Response, StatusCode};
use url::Url;

use super::answer::{Part, complete_request, field, root, unfinished};
use super::failure::Refusal;
use super::keys::Keys;
use super::place::Place;
use super::sign::{Sha256, Signer, query};
use crate::OpenError;
use crate::objects::remote::{
    Fault, Opening, Origin, Patience, Wire, admit, header, media_type, metered, text,
};

/// Who wrote an object: a random name for each writer.
const WRITER: &str = "x-amz-meta-reelmill-writer";
/// The most pages of unfinished uploads whose names begin with a key: one is usual.
const MAX_PAGES: usize = 100;
/// The longest that S3 lets an address be good for.
const MAX_LIFETIME: Duration = Duration::from_hours(7 * 24);

type Headers = Vec<(&'static str, String)>;

/// A bucket, and how long it is waited for.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    inner: Arc<Inner>,
    patience: Patience,
}

#[derive(Debug)]
struct Inner {
    place: Place,
    keys: Keys,
    wire: Wire,
}

/// A request but for its signature.
#[derive(Debug, Default)]
struct Ask<'a> {
    method: Method,
    key: Option<&'a Key>,
    query: Vec<(&'a str, &'a str)>,
    headers: Headers,
    body: Bytes,
    /// Of the body, where it was needed before.
    sha256: Option<Sha256>,
}

/// An object that is there.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) size_bytes: u64,
    writer: Option<String>,
}

impl Bucket {
    pub(super) fn new(place: Place, keys: Keys, patience: Patience) -> Result<Self, OpenError> {
        let wire = Wire::new("s3", &patience)?;
        Ok(Self { inner: Arc::new(Inner { place, keys, wire }), patience })
    }

    pub(super) fn with_patience_of_at_most(&self, total: Duration) -> Self {
        Self { inner: Arc::clone(&self.inner), patience: self.patience.at_most(total) }
    }

    pub(super) fn place(&self) -> &Place {
        &self.inner.place
    }

    /// Looks whether an object is there.
    pub(super) async fn head(&self, key: &Key) -> Result<Found, Fault> {
        let ask = Ask { method: Method::HEAD, key: Some(key), ..Ask::default() };
        let response = match self.ask(&ask).await {
            // An answer without a body does not say why, so something with a body is asked for, which may well take new
            // keys, too.
            Err(Fault::Lasting(_)) => {
                let headers = vec![("range", "bytes=0-0".to_owned())];
                match self.ask(&Ask { method: Method::GET, key: Some(key), headers, ..Ask::default() }).await
                {
                    Ok(_) | Err(Fault::OutOfRange) => self.ask(&ask).await?,
                    Err(fault) => return Err(fault),
                }
            }
            answered => answered?,
        };
        let size_bytes = header(&response, "content-length").and_then(|size| size.parse().ok());
        let size_bytes =
            size_bytes.ok_or_else(|| Fault::unusable("the store does not tell an object's size"))?;
        Ok(Found { size_bytes, writer: header(&response, WRITER).map(str::to_owned) })
    }

    /// Stores an object in one request, where the key is free.
    pub(super) async fn put(&self, key: &Key, writer: &str, body: Bytes) -> Result<(), Fault> {
        let size_bytes = body.len() as u64;
        let (sha256, mut headers) = self.checksum(&body).await?;
        headers.extend(described(key, writer));
        headers.push(("if-none-match", "*".to_owned()));
        let ask = Ask { method: Method::PUT, key: Some(key), headers, body, sha256, ..Ask::default() };
        match self.ask(&ask).await {
            Ok(_) => Ok(()),
            Err(fault) => self.unless_ours(fault, key, writer, size_bytes).await,
        }
    }

    /// Begins an upload in parts, and gives its id.
    pub(super) async fn begin(&self, key: &Key, writer: &str) -> Result<String, Fault> {
        let (query, mut headers) = (vec![("uploads", "")], described(key, writer));
        if self.place().takes_checksums() {
            headers.push(("x-amz-checksum-algorithm", "SHA256".to_owned()));
        }
        let ask = Ask { method: Method::POST, key: Some(key), query, headers, ..Ask::default() };
        let xml = self.ask_for_text(&ask).await?;
        field(&xml, "UploadId").ok_or_else(|| Fault::unusable("the store does not tell an upload's id"))
    }

    /// Sends a part.
    pub(super) async fn part(&self, key: &Key, id: &str, number: u32, body: Bytes) -> Result<Part, Fault> {
        let digits = number.to_string();
        let query = vec![("partNumber", digits.as_str()), ("uploadId", id)];
        let (sha256, headers) = self.checksum(&body).await?;
        let ask = Ask { method: Method::PUT, key: Some(key), query, headers, body, sha256 };
        let response = self.ask(&ask).await?;
        let etag = header(&response, "etag").map(str::to_owned);
        let etag = etag.ok_or_else(|| Fault::unusable("the store does not tell a part's ETag"))?;
        let sha256 = sha256.filter(|_| self.place().takes_checksums()).map(|sum| sum.base64());
        Ok(Part { number, etag, sha256 })
    }

    /// A body's checksum, and how the store is told it.
    async fn checksum(&self, body: &Bytes) -> Result<(Option<Sha256>, Headers), Fault> {
        let sha256 = digest(body.clone()).await?;
        let told = self.place().takes_checksums().then(|| ("x-amz-checksum-sha256", sha256.base64()));
        Ok((Some(sha256), told.into_iter().collect()))
    }

    /// Makes an object of its parts, where the key is free, and looks at what has become of them.
    pub(super) async fn complete(
        &self,
        key: &Key,
        writer: &str,
        upload: &str,
        parts: &[Part],
        size_bytes: u64,
    ) -> Result<(), Fault> {
        let ask = Ask {
            method: Method::POST,
            key: Some(key),
            query: vec![("uploadId", upload)],
            headers: vec![("if-none-match", "*".to_owned()), ("content-type", "application/xml".to_owned())],
            body: complete_request(parts).into(),
            sha256: None,
        };
        let completed = self.patience.keep_trying(|before| self.complete_once(&ask, before)).await;
        match completed {
            Ok(()) => match self.head(key).await? {
                found if found.is(writer, size_bytes) => Ok(()),
                found => Err(Fault::Lasting(reelmill_core::ports::ObjectsError::Corrupt(format!(
                    "{} of {size_bytes} bytes of `{key}` were stored",
                    found.size_bytes
                )))),
            },
            Err(fault) => self.unless_ours(fault, key, writer, size_bytes).await,
        }
    }

    /// S3 answers before it is done, so that what goes wrong later comes with a good status.
    async fn complete_once(&self, ask: &Ask<'_>, before: u32) -> Result<(), Fault> {
        let response = self.once(ask, before).await?;
        let xml = text(&self.inner.wire, response).await?;
        if root(&xml).is_some_and(|root| root == "Error") {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return Err(Refusal::of(status, &xml, None).fault(self.place()));
        }
        Ok(())
    }

    /// Nothing, where the object that is in the way is the one that was to be stored: a try whose answer was lost.
    async fn unless_ours(&self, fault: Fault, key: &Key, writer: &str, size_bytes: u64) -> Result<(), Fault> {
        if !matches!(fault, Fault::Precondition | Fault::UploadGone) {
            return Err(fault);
        }
        match self.head(key).await {
            Ok(found) if found.is(writer, size_bytes) => Ok(()),
            Ok(_) => Err(Fault::Precondition),
            Err(Fault::Missing) if matches!(fault, Fault::Precondition) => Err(Fault::unusable(format!(
                "it says that `{key}` is taken, and there is no such object: it may be a folder there"
            ))),
            Err(_) => Err(fault),
        }
    }

    /// Takes an unfinished upload away.
    pub(super) async fn abort(&self, key: &Key, upload: &str) -> Result<(), Fault> {
        let query = vec![("uploadId", upload)];
        let ask = Ask { method: Method::DELETE, key: Some(key), query, ..Ask::default() };
        match self.ask(&ask).await {
            Ok(_) | Err(Fault::UploadGone | Fault::Missing) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// Takes an object away, and what processes that died left unfinished under its key.
    pub(super) async fn delete(&self, key: &Key) -> Result<(), Fault> {
        // An upload that is completed in between makes an object, which is taken away then.
        for upload in self.unfinished(key).await? {
            self.abort(key, &upload).await?;
        }
        let ask = Ask { method: Method::DELETE, key: Some(key), ..Ask::default() };
        match self.ask(&ask).await {
            Ok(_) | Err(Fault::Missing) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// The unfinished uploads of exactly this key.
    async fn unfinished(&self, key: &Key) -> Result<Vec<String>, Fault> {
        let name = self.place().name(key);
        let mut own = Vec::new();
        let mut after: Option<(String, String)> = None;
        for _ in 0..MAX_PAGES {
            let mut query = vec![("prefix", name.as_str()), ("uploads", "")];
            if let Some((name, id)) = &after {
                query.extend([("key-marker", name.as_str()), ("upload-id-marker", id.as_str())]);
            }
            let xml = self.ask_for_text(&Ask { method: Method::GET, query, ..Ask::default() }).await?;
            let page = unfinished(&xml)?;
            own.extend(page.uploads.into_iter().filter(|(of, _)| *of == name).map(|(_, id)| id));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(own),
            }
        }
        Err(Fault::unusable(format!("there are too many unfinished uploads whose names begin with `{name}`")))
    }

    /// An address to read the object from.
    pub(super) async fn presign(&self, key: &Key, handout: &Handout<'_>) -> Result<String, Fault> {
        let pinned = [
            ("response-content-disposition", handout.disposition),
            ("response-content-type", handout.content_type),
        ];
        let address = format!("{}?{}", self.place().address(Some(key)), query(pinned.into_iter()));
        let keys = self.inner.keys.take().await?;
        let lifetime = handout.lifetime.clamp(Duration::from_secs(1), MAX_LIFETIME);
        self.signer(&keys).address(&address, Duration::from_secs(lifetime.as_secs()))
    }

    async fn ask_for_text(&self, ask: &Ask<'_>) -> Result<String, Fault> {
        self.patience
            .keep_trying(|before| async move { text(&self.inner.wire, self.once(ask, before).await?).await })
            .await
    }

    async fn ask(&self, ask: &Ask<'_>) -> Result<Response, Fault> {
        self.patience.keep_trying(|before| self.once(ask, before)).await
    }

    async fn once(&self, ask: &Ask<'_>, before: u32) -> Result<Response, Fault> {
        let keys = self.inner.keys.take().await?;
        let (body, sent) = metered([ask.body.clone()]);
        let mut request = self.request(ask, &self.signer(&keys)).await?;
        *request.body_mut() = Some(body);
        let response = self.inner.wire.send(request, &sent).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let refusal = Refusal::read(&self.inner.wire, response).await;
        let may_renew = refusal.is_about_keys() && self.inner.keys.refused(&keys).await;
        if may_renew && (before == 0 || refusal.is_expiry()) {
            return Err(Fault::passing("the store wants other keys than this machine has"));
        }
        Err(refusal.fault(self.place()))
    }

    async fn request(&self, ask: &Ask<'_>, signer: &Signer<'_>) -> Result<Request, Fault> {
        let mut address = self.place().address(ask.key);
        if !ask.query.is_empty() {
            address = format!("{address}?{}", query(ask.query.iter().copied()));
        }
        let sha256 = match ask.sha256 {
            Some(known) => known,
            None => digest(ask.body.clone()).await?,
        };
        let method = ask.method.as_str();
        let added = signer.headers(method, &address, &ask.headers, &sha256)?;
        let unsound = |error: &dyn std::fmt::Display| Fault::unusable(format!("no request: {error}"));
        let mut headers = HeaderMap::new();
        let own = ask.headers.iter().map(|(name, value)| (*name, value));
        for (name, value) in own.chain(added.iter().map(|(name, value)| (name.as_str(), value))) {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| unsound(&error))?;
            headers.insert(name, HeaderValue::from_str(value).map_err(|error| unsound(&error))?);
        }
        let url = Url::parse(&address).map_err(|error| unsound(&error))?;
        let mut request = Request::new(ask.method.clone(), url);
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn signer<'a>(&'a self, keys: &'a aws_credential_types::Credentials) -> Signer<'a> {
        Signer { keys, region: self.place().region(), now: SystemTime::now() }
    }
}

impl Found {
    fn is(&self, writer: &str, size_bytes: u64) -> bool {
        self.writer.as_deref() == Some(writer) && self.size_bytes == size_bytes
    }
}

#[async_trait]
impl Origin for Bucket {
    async fn open(&self, key: &Key, range: Range<u64>, same: Option<&str>) -> Result<Opening, Fault> {
        let mut headers = vec![("range", format!("bytes={}-{}", range.start, range.end - 1))];
        headers.extend(same.map(|etag| ("if-match", etag.to_owned())));
        let ask = Ask { method: Method::GET, key: Some(key), headers, ..Ask::default() };
        let response = self.ask(&ask).await?;
        admit(&response, &range)?;
        let same = header(&response, "etag").map(str::to_owned);
        let same = same.ok_or_else(|| Fault::unusable("the store does not tell an object's ETag"))?;
        Ok(Opening { response, same })
    }

    fn wire(&self) -> &Wire {
        &self.inner.wire
    }
}

/// What other readers of the bucket are told about an object.
fn described(key: &Key, writer: &str) -> Headers {
    vec![("content-type", media_type(key).to_owned()), (WRITER, writer.to_owned())]
}

/// A long body is hashed beside the runtime.
async fn digest(body: Bytes) -> Result<Sha256, Fault> {
    const LONG_BYTES: usize = 256 * 1024;
    if body.len() < LONG_BYTES {
        return Ok(Sha256::of(&body));
    }
    let hashed = tokio::task::spawn_blocking(move || Sha256::of(&body)).await;
    hashed.map_err(|_| Fault::unusable("the process is being stopped"))
}
