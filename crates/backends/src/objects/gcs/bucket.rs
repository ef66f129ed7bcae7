//! What is asked of a bucket: a method for each request, each tried until patience ends.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use reelmill_core::Key;
use reelmill_core::ports::{Handout, ObjectsError};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Request, Response, StatusCode};
use serde_json::json as object;
use url::Url;

use super::address;
use super::answer::{Described, Found, Listed, Refusal, WRITER, json};
use super::checksum::Checksum;
use super::credentials::Credentials;
use super::place::{Place, encode};
use crate::OpenError;
use crate::objects::remote::{
    Fault, Opening, Origin, Patience, Wire, admit, header, media_type, metered, text,
};

/// The parts of an object's upload are of one object's name and this, which no key has in it.
const BESIDE: &str = "//";
/// Separates the parts of a request; what is before it is our own, so it cannot stand there.
const BOUNDARY: &str = "reelmill-part-of-this-request";

/// A bucket, and how long it is waited for.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    inner: Arc<Inner>,
    patience: Patience,
}

#[derive(Debug)]
struct Inner {
    place: Place,
    credentials: Credentials,
    wire: Wire,
}

/// A request but for its credentials.
#[derive(Debug, Default)]
struct Ask {
    method: Method,
    address: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<Bytes>,
}

/// What an object is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) name: &'a str,
    pub(super) media_type: &'a str,
    /// Tells this writer's object from that of another.
    pub(super) writer: &'a str,
}

impl Bucket {
    pub(super) fn new(place: Place, credentials: Credentials, patience: Patience) -> Result<Self, OpenError> {
        let wire = Wire::new("gs", &patience)?;
        Ok(Self { inner: Arc::new(Inner { place, credentials, wire }), patience })
    }

    pub(super) fn with_patience_of_at_most(&self, total: Duration) -> Self {
        Self { inner: Arc::clone(&self.inner), patience: self.patience.at_most(total) }
    }

    pub(super) fn place(&self) -> &Place {
        &self.inner.place
    }

    /// Looks whether an object is there.
    pub(super) async fn look(&self, name: &str) -> Result<Found, Fault> {
        let address = self.place().object(name);
        let text = self.ask_for_text(&Ask { method: Method::GET, address, ..Ask::default() }).await?;
        json::<Described>(&text)?.found()
    }

    /// Stores an object in one request, where its name is free.
    pub(super) async fn put(&self, wish: &Wish<'_>, bytes: &[Bytes], sum: Checksum) -> Result<Found, Fault> {
        let mut described = wish.described();
        described["crc32c"] = sum.text().into();
        let start = format!(
            "--{BOUNDARY}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{described}\r\n\
             --{BOUNDARY}\r\ncontent-type: {}\r\n\r\n",
            wish.media_type
        );
        let mut body = vec![Bytes::from(start)];
        body.extend(bytes.iter().cloned());
        body.push(format!("\r\n--{BOUNDARY}--\r\n").into());
        let ask = Ask {
            method: Method::POST,
            address: self.upload_address("multipart", wish.name),
            headers: vec![("content-type", format!("multipart/related; boundary={BOUNDARY}"))],
            body,
        };
        self.stored(self.ask_for_text(&ask).await, wish, sum).await
    }

    /// Begins a resumable upload, and gives its address.
    pub(super) async fn begin(&self, wish: &Wish<'_>) -> Result<String, Fault> {
        let ask = Ask {
            method: Method::POST,
            address: self.upload_address("resumable", wish.name),
            headers: vec![
                ("content-type", "application/json; charset=UTF-8".to_owned()),
                ("x-upload-content-type", wish.media_type.to_owned()),
            ],
            body: vec![wish.described().to_string().into()],
        };
        let response = self.ask(&ask).await?;
        let location = header(&response, "location").and_then(|location| Url::parse(location).ok());
        let location =
            location.ok_or_else(|| Fault::unusable("the store does not tell an upload's address"))?;
        // Where we reach the store is ours to say: it may be behind something that it does not know of.
        Ok(format!("{}{}", self.place().endpoint(), &location[url::Position::BeforePath..]))
    }

    /// Adds a piece to an upload at that offset; the last one where `total` tells the length of all, and then the object is
    /// there.
    pub(super) async fn piece(
        &self,
        upload: &str,
        at: u64,
        bytes: &Bytes,
        total: Option<u64>,
    ) -> Result<Option<Found>, Fault> {
        let end = at + bytes.len() as u64;
        let reached = AtomicU64::new(at);
        let reached = &reached;
        self.patience
            .keep_trying(|before| async move {
                if before > 0 {
                    // The answer was lost, not always the bytes.
                    match self.progress(upload).await? {
                        Progress::Done(found) => return Ok(Some(found)),
                        Progress::Reached(offset) => reached.store(offset, Ordering::Relaxed),
                    }
                }
                let from = reached.load(Ordering::Relaxed);
                let skip = from.checked_sub(at).and_then(|skip| usize::try_from(skip).ok());
                let Some(skip) = skip.filter(|skip| *skip <= bytes.len()) else {
                    return Err(Fault::unusable(format!("the upload is at byte {from} instead of {at}")));
                };
                if skip == bytes.len() && total.is_none() {
                    return Ok(None);
                }
                match self.send_piece(upload, from, bytes.slice(skip..), total).await? {
                    Progress::Done(found) => Ok(Some(found)),
                    Progress::Reached(offset) if offset == end && total.is_none() => Ok(None),
                    Progress::Reached(_) => Err(Fault::passing("the store took a part of a piece only")),
                }
            })
            .await
    }

    async fn send_piece(
        &self,
        upload: &str,
        at: u64,
        bytes: Bytes,
        total: Option<u64>,
    ) -> Result<Progress, Fault> {
        let total = total.map_or("*".to_owned(), |total| total.to_string());
        let range = match bytes.len() as u64 {
            0 => format!("bytes */{total}"),
            length => format!("bytes {at}-{}/{total}", at + length - 1),
        };
        let ask = Ask {
            method: Method::PUT,
            address: upload.to_owned(),
            headers: vec![("content-range", range)],
            body: vec![bytes],
        };
        self.progressed(self.once(&ask).await?).await
    }

    /// How far an upload is.
    async fn progress(&self, upload: &str) -> Result<Progress, Fault> {
        self.send_piece(upload, 0, Bytes::new(), None).await
    }

    async fn progressed(&self, response: Response) -> Result<Progress, Fault> {
        if response.status() == StatusCode::PERMANENT_REDIRECT {
            let reached = match header(&response, "range") {
                Some(range) => {
                    range.rsplit_once('-').and_then(|(_, last)| last.parse::<u64>().ok()).map(|last| last + 1)
                }
                None => Some(0),
            };
            let reached =
                reached.ok_or_else(|| Fault::unusable("the store does not tell how far an upload is"))?;
            return Ok(Progress::Reached(reached));
        }
        let text = text(&self.inner.wire, response).await?;
        Ok(Progress::Done(json::<Described>(&text)?.found()?))
    }

    /// Ends an unfinished upload.
    pub(super) async fn abandon(&self, upload: &str) -> Result<(), Fault> {
        let ask = Ask { method: Method::DELETE, address: upload.to_owned(), ..Ask::default() };
        match self.ask(&ask).await {
            // 499 is the store's way to say that it is done.
            Ok(_) | Err(Fault::Missing | Fault::UploadGone | Fault::Lasting(_)) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// Makes an object of two, each by name and generation, where its name is free.
    pub(super) async fn compose(
        &self,
        wish: &Wish<'_>,
        sources: [(&str, &str); 2],
        sum: Checksum,
    ) -> Result<Found, Fault> {
        let sources = sources.map(|(name, generation)| {
            object!({ "name": name, "objectPreconditions": { "ifGenerationMatch": generation } })
        });
        let mut destination = wish.described();
        destination["contentType"] = wish.media_type.into();
        let body = object!({ "destination": destination, "sourceObjects": sources }).to_string();
        let ask = Ask {
            method: Method::POST,
            address: format!("{}/compose?ifGenerationMatch=0", self.place().object(wish.name)),
            headers: vec![("content-type", "application/json; charset=UTF-8".to_owned())],
            body: vec![body.into()],
        };
        self.stored(self.ask_for_text(&ask).await, wish, sum).await
    }

    /// What was stored, compared with what was to be.
    async fn stored(
        &self,
        answer: Result<String, Fault>,
        wish: &Wish<'_>,
        sum: Checksum,
    ) -> Result<Found, Fault> {
        let found = match answer {
            Ok(text) => json::<Described>(&text)?.found()?,
            // It may be our own, by a try whose answer was lost.
            Err(Fault::Precondition) => match self.look(wish.name).await {
                Ok(found) if found.writer == wish.writer => found,
                Ok(_) | Err(Fault::Missing) => return Err(Fault::Precondition),
                Err(fault) => return Err(fault),
            },
            Err(fault) => return Err(fault),
        };
        same(&found, sum, wish.name)?;
        Ok(found)
    }

    /// Takes an object away, and what processes that died left of its upload.
    pub(super) async fn delete(&self, key: &Key) -> Result<(), Fault> {
        let name = self.place().name(key);
        for beside in self.names(&format!("{name}{BESIDE}")).await? {
            self.delete_named(&beside).await?;
        }
        self.delete_named(&name).await
    }

    /// Takes an object of that name away.
    pub(super) async fn delete_named(&self, name: &str) -> Result<(), Fault> {
        let address = self.place().object(name);
        match self.ask(&Ask { method: Method::DELETE, address, ..Ask::default() }).await {
            Ok(_) | Err(Fault::Missing) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// The names that begin so.
    async fn names(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        let mut page = String::new();
        loop {
            let address = format!("{}?prefix={}{page}", self.place().objects(), encode(prefix));
            let text = self.ask_for_text(&Ask { method: Method::GET, address, ..Ask::default() }).await?;
            let listed: Listed = json(&text)?;
            names.extend(listed.items.into_iter().map(|item| item.name));
            match listed.next_page_token.filter(|token| !token.is_empty()) {
                Some(token) => page = format!("&pageToken={}", encode(&token)),
                None => return Ok(names),
            }
        }
    }

    /// An address to read the object from, where somebody can sign.
    pub(super) async fn presign(&self, key: &Key, handout: &Handout<'_>) -> Result<Option<String>, Fault> {
        let Some(author) = self.inner.credentials.author() else { return Ok(None) };
        let place = self.place();
        let name = place.name(key);
        address::signed(author, (place.endpoint(), place.bucket(), &name), handout).await.map(Some)
    }

    fn upload_address(&self, kind: &str, name: &str) -> String {
        format!("{}?uploadType={kind}&ifGenerationMatch=0&name={}", self.place().uploads(), encode(name))
    }

    async fn ask_for_text(&self, ask: &Ask) -> Result<String, Fault> {
        self.patience
            .keep_trying(|_| async move { text(&self.inner.wire, self.once(ask).await?).await })
            .await
    }

    async fn ask(&self, ask: &Ask) -> Result<Response, Fault> {
        self.patience.keep_trying(|_| self.once(ask)).await
    }

    async fn once(&self, ask: &Ask) -> Result<Response, Fault> {
        let unsound = |error: &dyn std::fmt::Display| Fault::unusable(format!("no request: {error}"));
        let url = Url::parse(&ask.address).map_err(|error| unsound(&error))?;
        let (body, sent) = metered(ask.body.iter().cloned());
        let mut request = Request::new(ask.method.clone(), url);
        *request.headers_mut() = self.inner.credentials.headers().await?;
        for (name, value) in &ask.headers {
            let value = HeaderValue::from_str(value).map_err(|error| unsound(&error))?;
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        *request.body_mut() = Some(body);
        let response = self.inner.wire.send(request, &sent).await?;
        let status = response.status();
        if status.is_success() || status == StatusCode::PERMANENT_REDIRECT {
            return Ok(response);
        }
        Err(Refusal::read(&self.inner.wire, response).await.fault(self.place()))
    }
}

/// How far an upload is.
#[derive(Debug)]
enum Progress {
    /// So many bytes are there.
    Reached(u64),
    /// The object is there.
    Done(Found),
}

impl Wish<'_> {
    /// What other readers of the bucket are told about the object.
    fn described(&self) -> serde_json::Value {
        object!({ "contentType": self.media_type, "metadata": { WRITER: self.writer } })
    }
}

/// The name of something of a writer's own beside the object of that name.
pub(super) fn beside(name: &str, what: &str, writer: &str) -> String {
    format!("{name}{BESIDE}{what}-{writer}")
}

/// Refuses an object that is not what was sent.
pub(super) fn same(found: &Found, sum: Checksum, name: &str) -> Result<(), Fault> {
    let sent = sum.size_bytes();
    if found.size_bytes == sent && found.crc32c == sum.text() {
        return Ok(());
    }
    let stored = found.size_bytes;
    Err(Fault::Lasting(ObjectsError::Corrupt(format!(
        "{stored} bytes were stored as `{name}` which are not the {sent} that were sent"
    ))))
}

#[async_trait]
impl Origin for Bucket {
    async fn open(&self, key: &Key, range: Range<u64>, same: Option<&str>) -> Result<Opening, Fault> {
        let generation = same.map(|generation| format!("&generation={generation}")).unwrap_or_default();
        let ask = Ask {
            method: Method::GET,
            address: format!("{}?alt=media{generation}", self.place().object(&self.place().name(key))),
            headers: vec![("range", format!("bytes={}-{}", range.start, range.end - 1))],
            ..Ask::default()
        };
        let response = self.ask(&ask).await?;
        admit(&response, &range)?;
        let same = header(&response, "x-goog-generation").map(str::to_owned);
        let same = same.ok_or_else(|| Fault::unusable("the store does not tell an object's generation"))?;
        Ok(Opening { response, same })
    }

    fn wire(&self) -> &Wire {
        &self.inner.wire
    }
}

/// [`media_type`], for the object of a key.
pub(super) fn wish<'a>(key: &Key, name: &'a str, writer: &'a str) -> Wish<'a> {
    Wish { name, media_type: media_type(key), writer }
}
