//! Uploads that may be taken up again where they were cut: the bytes of tus 1.0, whatever speaks it.
//!
//! What arrives is put into objects of its own, so it works alike on every store, and the record in the catalog names them.
//! Whoever takes bytes holds the upload by the intent of the object that it writes: any process may be next, and none
//! is taken for dead by a clock. When the last byte is here, the parts become a media by the very way of any other file.

mod checksum;
mod completing;
mod ending;
mod intake;
mod turn;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::Stream;
use reelmill_core::{Kind, MediaId, Phase, Resumable, Timestamp, Write};
use tokio::sync::Notify;

pub use checksum::Checksum;

use crate::ingest::{file_name, too_large};
use crate::{Caller, Error, Service};
use intake::Intake;
use turn::Turn;

/// The most bytes of what a sender says of a file.
pub const MAX_METADATA_BYTES: usize = 4096;

/// An upload that is begun.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// The name that the sender gives it; any folders are cut off.
    pub name: String,
    /// How many bytes there are to be.
    pub size_bytes: u64,
    /// What the sender says of it, to be told again as it is; at most [`MAX_METADATA_BYTES`].
    pub metadata: String,
}

/// Bytes for an upload.
pub struct Portion<S> {
    /// Where they belong: it must be where the upload stands.
    pub offset_bytes: u64,
    /// How many the sender announced, where it did.
    pub declared_bytes: Option<u64>,
    /// What they must hash to; where they do not, or do not all come, none is kept.
    pub checksum: Option<Checksum>,
    /// The bytes. An `Err` is a cut: without a checksum, what came before it is kept.
    pub bytes: S,
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadView {
    /// Its id.
    pub id: MediaId,
    /// How many bytes are here.
    pub offset_bytes: u64,
    /// How many there are to be.
    pub size_bytes: u64,
    /// What its sender said of it.
    pub metadata: String,
    /// When it is given up, unless bytes come before.
    pub expires_at: Timestamp,
    /// The media that it has become, where it has.
    pub media: Option<MediaId>,
}

/// Who takes bytes in this process: each is asked to stop by its bell.
#[derive(Debug, Default)]
pub(crate) struct Takers(Mutex<HashMap<MediaId, Arc<Notify>>>);

impl Takers {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<MediaId, Arc<Notify>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Service {
    /// Begins an upload.
    ///
    /// # Errors
    /// `TooLarge`; `Invalid` for an empty one and for too much metadata; `Forbidden` for guests.
    pub async fn begin_upload(&self, caller: &Caller, new: NewUpload) -> Result<UploadView, Error> {
        caller.must_be_member()?;
        let most = self.options().max_upload_bytes;
        if new.size_bytes > most {
            return Err(too_large(most));
        }
        if new.size_bytes == 0 {
            return Err(Error::new(Kind::Invalid, "empty", "the file is empty; send one with sound in it"));
        }
        if new.metadata.len() > MAX_METADATA_BYTES {
            let detail =
                format!("the metadata has {} bytes; {MAX_METADATA_BYTES} are the most", new.metadata.len());
            return Err(Error::invalid(detail));
        }
        let upload = Resumable {
            id: MediaId(self.fresh_id()),
            owner: caller.id(),
            name: file_name(&new.name),
            size_bytes: new.size_bytes,
            metadata: new.metadata,
            parts: Vec::new(),
            newest_object: 0,
            is_wanted: false,
            phase: Phase::Open,
            expires_at: self.upload_expiry(),
            created_at: self.now(),
            version: 1,
        };
        self.catalog().commit(vec![Write::AddUpload(upload.clone())]).await?;
        Ok(upload.into())
    }

    /// How far an upload is. Whoever takes bytes for it is asked to keep what has come and to stop, so that the answer is
    /// where to go on; one whose bytes are all here becomes a media first.
    ///
    /// # Errors
    /// `NotFound` for another's, and with the problem `upload-expired` for one that was given up; `Busy` while another
    /// process holds it; whatever keeps it from becoming a media.
    pub async fn upload_state(&self, caller: &Caller, id: MediaId) -> Result<UploadView, Error> {
        caller.must_be_member()?;
        let upload = self.at_rest(caller, id).await?;
        if upload.phase == Phase::Open && upload.offset_bytes() == upload.size_bytes {
            return Ok(self.finish_upload(caller, id).await?.into());
        }
        Ok(upload.into())
    }

    /// Takes bytes for an upload. With the last one it becomes a media.
    ///
    /// # Errors
    /// `Conflict` with the problem `wrong-offset`, `TooLarge` for more bytes than there are to be, `Invalid` with the
    /// problem `checksum-mismatch`, `Timeout` for a sender that is too slow, and as [`Self::upload_state`].
    pub async fn continue_upload<S>(
        &self,
        caller: &Caller,
        id: MediaId,
        portion: Portion<S>,
    ) -> Result<UploadView, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        caller.must_be_member()?;
        let (offset, declared) = (portion.offset_bytes, portion.declared_bytes);
        let turn = self.turn(caller, id, |upload| fits(upload, offset, declared)).await?;
        let hold = match turn {
            Turn::Done(upload) => {
                fits(&upload, offset, declared)?;
                return Ok(upload.into());
            }
            Turn::Ours(hold) => hold,
        };
        // The sender may be gone before its last bytes are kept: that must not be lost with its request.
        let (service, caller) = (self.clone(), caller.clone());
        let taken = tokio::spawn(async move {
            let upload = Intake::of(&service, hold).run(portion).await?;
            if upload.offset_bytes() < upload.size_bytes {
                return Ok(upload);
            }
            service.finish_upload(&caller, id).await
        });
        Ok(taken.await.map_err(Error::internal)??.into())
    }

    fn upload_expiry(&self) -> Timestamp {
        let kept = self.options().retention_uploads;
        self.now().plus_ms(u64::try_from(kept.as_millis()).unwrap_or(u64::MAX))
    }

    /// The caller's upload, where it is neither another's nor given up.
    async fn owned_upload(&self, caller: &Caller, id: MediaId) -> Result<Resumable, Error> {
        let upload = self.catalog().upload(id).await?.filter(|upload| upload.owner == caller.id());
        let upload = upload.ok_or_else(|| Error::not_found("upload"))?;
        if upload.phase == Phase::Ended || upload.expires_at <= self.now() {
            return Err(expired());
        }
        Ok(upload)
    }
}

impl From<Resumable> for UploadView {
    fn from(upload: Resumable) -> Self {
        Self {
            id: upload.id,
            offset_bytes: upload.offset_bytes(),
            size_bytes: upload.size_bytes,
            expires_at: upload.expires_at,
            media: (upload.phase == Phase::Done).then_some(upload.id),
            metadata: upload.metadata,
        }
    }
}

/// Whether bytes belong where the upload stands, and are not more than it has room for.
fn fits(upload: &Resumable, offset_bytes: u64, declared_bytes: Option<u64>) -> Result<(), Error> {
    let here = upload.offset_bytes();
    if here != offset_bytes {
        let detail = format!(
            "the upload stands at byte {here}, and these bytes are for {offset_bytes}; go on where it stands"
        );
        return Err(Error::new(Kind::Conflict, "wrong-offset", detail));
    }
    if declared_bytes.is_some_and(|declared| declared > upload.size_bytes - here) {
        return Err(beyond(upload));
    }
    Ok(())
}

fn beyond(upload: &Resumable) -> Error {
    let detail = format!(
        "there are more bytes than the {} that were announced; begin again with the right Upload-Length",
        upload.size_bytes
    );
    Error::new(Kind::TooLarge, "too-large", detail)
}

fn expired() -> Error {
    Error::new(Kind::NotFound, "upload-expired", "the upload was given up; begin it again")
}

fn locked() -> Error {
    let detail = "another request works on this upload at this moment; ask for its offset in a few seconds";
    Error::new(Kind::Busy, "upload-locked", detail)
}

/// Somebody took the upload out of our hands, or ended it.
fn lost() -> Error {
    let detail = "another request has taken this upload over; ask for its offset and go on there";
    Error::new(Kind::Busy, "upload-locked", detail)
}
