//! Objects in a bucket of Google Cloud Storage, through its JSON interface.
//!
//! `gs://BUCKET/PREFIX?endpoint=…&credentials=FILE`.
//!
//! | Option | Without it |
//! | --- | --- |
//! | `endpoint` | `STORAGE_EMULATOR_HOST`, else `https://storage.googleapis.com` |
//! | `credentials` | `GOOGLE_APPLICATION_CREDENTIALS`, else Google's chain: the user's own, the metadata server (an instance's account, workload identity). Nobody's, where the endpoint is on this machine and speaks plain HTTP |
//! | `timeout_s` | 20: how long the next byte is waited for |
//! | `patience_s` | 60: how long something is tried that the store does not do for now |
//!
//! An account needs `storage.objects.create`, `.get`, `.list` and `.delete`: the role "Storage Object User".
//!
//! A resumable upload is sequential, and the first 5 MiB of an object may be patched until its end. So an object of up to
//! 13 MiB is one request; of a longer one, what follows the head is a resumable upload of its own, the head goes after it,
//! and the store composes both into the object, on the condition that its key is free. The two are named `KEY//tail-…`
//! and `KEY//head-…`: no key has an empty segment, so they are nobody's object, and `delete` finds what a process
//! that died left of them. Google's other way, multipart uploads of the XML interface, takes no such condition at all.
//!
//! Each request's bytes are compared with the store's own CRC32C, as is the composed object's.
//!
//! An address that is good for a while is signed with a service account's key; an account that has its key elsewhere (the
//! metadata server, workload identity) cannot sign here, and content goes through ourselves.
//!
//! What a writer holds: the first 5 MiB, the 8 MiB piece that is being filled, and one that is under way: 21 MiB. What a
//! reader holds: what the connection's buffer does, well below 1 MiB.
//!
//! The client is our own over the HTTP stack that is here anyway, with Google's library for credentials: its library for
//! storage uploads whole objects only, without a head that is told last.

mod address;
mod answer;
mod bucket;
mod checksum;
mod credentials;
mod place;
mod writer;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, stream};
use reelmill_core::Key;
use reelmill_core::ports::{ByteStream, Handout, ObjectWriter, Objects, ObjectsError};

use super::remote::{Options, resuming};
use super::trial::try_out;
use super::{Opening, check_range};
use crate::OpenError;
use bucket::Bucket;
use credentials::Credentials;
use place::Place;
use writer::GcsWriter;

/// How it is opened.
pub(super) const OPENING: Opening =
    |rest, _| async move { Ok(Arc::new(GcsObjects::open(rest).await?) as Arc<dyn Objects>) }.boxed();

/// No object is longer than this (5 TiB, the store's own limit); a range that ends behind it is not asked for.
const MAX_OBJECT_BYTES: u64 = 5 << 40;
/// How long `check` goes on trying: whoever asks wants to know now.
const CHECK_PATIENCE: Duration = Duration::from_secs(5);

/// An object store in a bucket of Cloud Storage.
#[derive(Debug, Clone)]
pub struct GcsObjects {
    bucket: Bucket,
}

impl GcsObjects {
    /// Opens the store of `rest`, which is what follows `gs:` in a URL. Nothing is asked of the store.
    ///
    /// # Errors
    /// Where the URL says too little, or something that is not known, or the credentials cannot be read.
    pub async fn open(rest: &str) -> Result<Self, OpenError> {
        let mut options = Options::parse("gs", rest)?;
        let patience = options.patience()?;
        let place = Place::from_options(&mut options, std::env::var("STORAGE_EMULATOR_HOST").ok())?;
        let file = options.take("credentials");
        options.finish()?;
        let credentials = Credentials::find(file, place.is_emulator()).await;
        let credentials = credentials.map_err(|reason| options.bad(reason))?;
        Ok(Self { bucket: Bucket::new(place, credentials, patience)? })
    }
}

#[async_trait]
impl Objects for GcsObjects {
    async fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectsError> {
        Ok(Box::new(GcsWriter::new(self.bucket.clone(), key.clone())))
    }

    async fn size(&self, key: &Key) -> Result<u64, ObjectsError> {
        let name = self.bucket.place().name(key);
        Ok(self.bucket.look(&name).await.map_err(|fault| fault.about(key))?.size_bytes)
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, ObjectsError> {
        if range.is_empty() || range.end > MAX_OBJECT_BYTES {
            check_range(&range, self.size(key).await?)?;
            return Ok(stream::empty().boxed());
        }
        resuming(Arc::new(self.bucket.clone()), key, range).await
    }

    async fn presign(&self, key: &Key, handout: &Handout<'_>) -> Result<Option<String>, ObjectsError> {
        self.bucket.presign(key, handout).await.map_err(|fault| fault.about(key))
    }

    fn uri(&self, key: &Key) -> String {
        // As the store's own tools take it: they know no percent signs.
        format!("gs://{}/{}", self.bucket.place().bucket(), self.bucket.place().name(key))
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectsError> {
        self.bucket.delete(key).await.map_err(|fault| fault.about(key))
    }

    async fn check(&self) -> Result<(), ObjectsError> {
        // A task of its own goes on where the caller stops waiting, and leaves no object behind.
        let store = Self { bucket: self.bucket.with_patience_of_at_most(CHECK_PATIENCE) };
        let tried = tokio::spawn(async move { try_out(&store, "check").await });
        tried.await.map_err(|_| ObjectsError::Unavailable("the process is being stopped".to_owned()))?
    }
}
