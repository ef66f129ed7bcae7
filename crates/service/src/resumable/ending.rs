//! Uploads that are given up: by their owner, or since nothing came for too long.
//!
//! First the record says that it has ended, which takes the upload out of everybody's hands; then its objects are deleted;
//! then the record goes. So whatever is interrupted, what is left is still named, and is deleted at the next look.

use reelmill_core::ports::{CatalogError, PageQuery};
use reelmill_core::{MediaId, Phase, Resumable, Write};
use tracing::{info, warn};

use crate::{Caller, Error, Service};

/// How many uploads a look reads at once.
const PAGE: u32 = 100;

/// How often the end of an upload is tried while others change it.
const TRIES: usize = 16;

impl Service {
    /// Gives an upload up. The media that it may have become stays.
    ///
    /// # Errors
    /// `NotFound` for another's, and with the problem `upload-expired` for one that was given up already.
    pub async fn end_upload(&self, caller: &Caller, id: MediaId) -> Result<(), Error> {
        caller.must_be_member()?;
        self.owned_upload(caller, id).await?;
        self.retire_upload(id).await
    }

    /// Ends an upload and deletes what it has of its own.
    pub(super) async fn retire_upload(&self, id: MediaId) -> Result<(), Error> {
        for _ in 0..TRIES {
            let Some(upload) = self.catalog().upload(id).await? else { return Ok(()) };
            if upload.phase == Phase::Ended {
                return self.clear_away(upload).await;
            }
            let ended = Resumable { phase: Phase::Ended, version: upload.version + 1, ..upload };
            match self.catalog().commit(vec![Write::ReplaceUpload(ended.clone())]).await {
                Ok(()) => {
                    if let Some(bell) = self.takers().with(|takers| takers.get(&id).cloned()) {
                        bell.notify_one();
                    }
                    return self.clear_away(ended).await;
                }
                Err(CatalogError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(CatalogError::Conflict.into())
    }

    /// Deletes the parts of an upload that has ended, and then its record.
    async fn clear_away(&self, ended: Resumable) -> Result<(), Error> {
        self.delete_parts(&ended).await?;
        match self.catalog().commit(vec![Write::DropUpload(ended.id, ended.version)]).await {
            // Another has done it.
            Ok(()) | Err(CatalogError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn delete_parts(&self, upload: &Resumable) -> Result<(), Error> {
        for part in &upload.parts {
            let key = upload.key(part.object).map_err(Error::internal)?;
            self.objects().delete(&key).await?;
        }
        Ok(())
    }

    /// One look at all uploads: ends those that nothing came for, and finishes what was interrupted.
    pub(crate) async fn sweep_uploads(&self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = self.catalog().uploads(PageQuery { limit: PAGE, after }).await?;
            for upload in page.items {
                let id = upload.id;
                if let Err(error) = self.sweep_upload(upload).await {
                    warn!(upload.id = %id, error = ?error, "an upload could not be swept");
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn sweep_upload(&self, upload: Resumable) -> Result<(), Error> {
        let is_old = upload.expires_at <= self.now();
        match upload.phase {
            Phase::Ended => self.clear_away(upload).await,
            Phase::Open | Phase::Done if is_old => {
                info!(upload.id = %upload.id, "an upload has expired");
                self.retire_upload(upload.id).await
            }
            Phase::Done => {
                self.drop_parts(upload).await;
                Ok(())
            }
            Phase::Open => Ok(()),
        }
    }
}
