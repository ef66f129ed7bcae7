//! The end of an upload: its parts become a media.
//!
//! One part is taken as it is. Several are written one behind the other into an object of their own, which lands as
//! any other file does; the commit that makes the media visible is the one that says so in the upload's record, so
//! it happens once. A process that dies before it leaves an upload whose bytes are all here, and whoever asks for it next
//! does the same again.

use futures_util::StreamExt;
use reelmill_core::ports::ObjectsError;
use reelmill_core::{Kind, Media, MediaId, Phase, Resumable, UploadPart, Write};
use tracing::warn;

use super::turn::{Hold, Turn};
use super::{expired, lost};
use crate::ingest::{Arrived, Arriving, Purpose, Received, content_type};
use crate::{Caller, Error, Service};

impl Service {
    /// Makes a media of an upload whose bytes are all here, or waits for whoever does.
    pub(super) async fn finish_upload(&self, caller: &Caller, id: MediaId) -> Result<Resumable, Error> {
        let hold = match self.turn(caller, id, |_| Ok(())).await? {
            Turn::Done(upload) => return Ok(upload),
            Turn::Ours(hold) => hold,
        };
        // A client that leaves now leaves a media.
        let landed = tokio::spawn(self.clone().land_upload(hold));
        landed.await.map_err(Error::internal)?
    }

    async fn land_upload(self, hold: Hold) -> Result<Resumable, Error> {
        let Hold { upload, arriving } = hold;
        let done = Resumable {
            phase: Phase::Done,
            is_wanted: false,
            expires_at: self.upload_expiry(),
            version: upload.version + 1,
            ..upload.clone()
        };
        let landed = match upload.parts.as_slice() {
            [UploadPart { object, size_bytes: _, blake3: Some(blake3), fid }] => {
                let taken = Media {
                    id: upload.id,
                    owner: upload.owner,
                    name: upload.name.clone(),
                    key: upload.key(*object).map_err(Error::internal)?,
                    size_bytes: upload.size_bytes,
                    blake3: blake3.clone(),
                    content_type: String::new(),
                    info: reelmill_core::MediaInfo::default(),
                    fid: fid.clone(),
                    task: None,
                    created_at: self.now(),
                };
                self.take_part(taken, Resumable { parts: Vec::new(), ..done }).await
            }
            _ => self.join_parts(&upload, done, arriving).await,
        };
        match landed {
            Ok(done) => {
                // Its sender need not wait for that, and the collector does what is left of it.
                tokio::spawn(async move { self.drop_parts(done).await });
                Ok(Resumable { phase: Phase::Done, ..upload })
            }
            Err(error) if is_final(&error) => {
                if let Err(error) = self.retire_upload(upload.id).await {
                    warn!(upload.id = %upload.id, error = ?error, "an upload that is no media waits for the collector");
                }
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// The only part becomes the media's object.
    async fn take_part(&self, media: Media, done: Resumable) -> Result<Resumable, Error> {
        let info = self.probe(&media.key, media.size_bytes, &media.name).await?;
        let media = Media { content_type: content_type(&info).to_owned(), info, ..media };
        self.admit(&media, vec![Write::AddMedia(media.clone()), Write::ReplaceUpload(done.clone())]).await?;
        self.must_have_owner(&media).await?;
        Ok(done)
    }

    /// All parts, one behind the other, become the media's object.
    async fn join_parts(
        &self,
        upload: &Resumable,
        done: Resumable,
        arriving: Arriving,
    ) -> Result<Resumable, Error> {
        let key = upload.key(upload.newest_object).map_err(Error::internal)?;
        let mut writer = self.objects().create(&key).await?;
        let mut hasher = blake3::Hasher::new();
        for part in &upload.parts {
            let key = upload.key(part.object).map_err(Error::internal)?;
            let mut bytes = self.objects().read(&key, 0..part.size_bytes).await.map_err(gone)?;
            while let Some(piece) = bytes.next().await {
                let piece = piece.map_err(gone)?;
                if arriving.is_lost() {
                    return Err(lost());
                }
                hasher.update(&piece);
                writer.write(piece).await?;
            }
        }
        let arrived = Arrived {
            id: upload.id,
            name: upload.name.clone(),
            key,
            number: 0,
            received: Received { writer, blake3: hasher.finalize().to_hex().to_string() },
            arriving,
        };
        self.clone().land(arrived, upload.owner, None, Purpose::Resumed(done.clone())).await?;
        Ok(done)
    }

    /// Deletes the parts of an upload that has become a media. What cannot be done now the collector does.
    pub(super) async fn drop_parts(&self, done: Resumable) {
        if done.parts.is_empty() {
            return;
        }
        let bare = Resumable { parts: Vec::new(), version: done.version + 1, ..done.clone() };
        let dropped = async {
            self.delete_parts(&done).await?;
            Ok::<(), Error>(self.catalog().commit(vec![Write::ReplaceUpload(bare)]).await?)
        };
        match dropped.await {
            // Another has done it, or the record is about to go.
            Err(error) if error.kind == Kind::Conflict => {}
            Err(error) => {
                warn!(upload.id = %done.id, error = ?error, "an upload's parts wait for the collector");
            }
            Ok(()) => {}
        }
    }
}

/// Whether the bytes will never be a media of that account.
const fn is_final(error: &Error) -> bool {
    matches!(
        error.kind,
        Kind::NotMedia | Kind::Unprocessable | Kind::Invalid | Kind::NotFound | Kind::Unauthenticated
    )
}

/// Parts are gone where somebody else emptied the store.
fn gone(error: ObjectsError) -> Error {
    match error {
        ObjectsError::NotFound(_) => expired().because(&error),
        error => error.into(),
    }
}
