//! Objects in a bucket of S3, or of anything that speaks its protocol.
//!
//! `s3://BUCKET/PREFIX?region=…&endpoint=…&style=path|virtual`, and for keys `access_key=…&secret_key=…`.
//!
//! | Option | Without it |
//! | --- | --- |
//! | `endpoint` | `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, else Amazon's of the region |
//! | `region` | `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's, the instance's; `us-east-1` where there is an endpoint |
//! | `style` | `path` with an endpoint, else `virtual` (the bucket is part of the host's name) |
//! | `access_key`, `secret_key` | the deployment's keys, else Amazon's chain: environment, profile, web identity, the task's role, the instance's |
//! | `checksums` | `on` |
//! | `timeout_s` | 20: how long the next byte is waited for |
//! | `patience_s` | 60: how long something is tried that the store does not do for now |
//!
//! A role needs `s3:PutObject`, `s3:GetObject`, `s3:DeleteObject`, `s3:AbortMultipartUpload`,
//! `s3:ListBucketMultipartUploads`, and `s3:ListBucket`, without which S3 says "access denied" of what is not there.
//!
//! An object of up to 10 MiB is one request; a longer one goes in parts, of which the first is held back until the end,
//! as it may be patched. A key is taken by `If-None-Match: *`, so of many writers one wins. Each object carries the
//! random name of its writer: after an answer that was lost, it tells one's own object from another's.
//!
//! Each body is sent with its SHA-256, in its signature and as a checksum: not every store compares the first with what has
//! arrived, and a few refuse the second (`checksums=off` is for those).
//!
//! What a writer holds: the first 5 MiB, the part that is being filled, and at most 3 that are under way, 25 MiB in all
//! up to an object of 5 GiB. From there on parts grow, and as many are under way as 32 MiB hold, but one at least. What
//! a reader holds: what the connection's buffer does, well below 1 MiB.
//!
//! The client is our own, over the HTTP stack that is here anyway: the usual libraries could not be held to this port.
//! They cannot finish a multipart upload on the condition that the key is free, sign the headers of an answer, or take
//! away what another process left unfinished; Amazon's own costs more to build than all the rest.

mod answer;
mod bucket;
mod failure;
mod keys;
mod parts;
mod place;
mod sign;
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
use crate::{AwsKeys, Deployment, OpenError, aws};
use bucket::Bucket;
use keys::Keys;
use place::{Place, Platform};
use writer::S3Writer;

/// How it is opened.
pub(super) const OPENING: Opening = |rest, deployment| {
    async move { Ok(Arc::new(S3Objects::open(rest, deployment).await?) as Arc<dyn Objects>) }.boxed()
};

/// No object is longer than this (50 TiB, S3's own limit); a range that ends behind it is not asked for.
const MAX_OBJECT_BYTES: u64 = 50 << 40;
/// How long `check` goes on trying: whoever asks wants to know now.
const CHECK_PATIENCE: Duration = Duration::from_secs(5);

/// An object store in a bucket of S3.
#[derive(Debug, Clone)]
pub struct S3Objects {
    bucket: Bucket,
}

impl S3Objects {
    /// Opens the store of `rest`, which is what follows `s3:` in a URL. Nothing is asked of the store.
    ///
    /// # Errors
    /// Where the URL says too little, or something that is not known.
    pub async fn open(rest: &str, deployment: &Deployment) -> Result<Self, OpenError> {
        let mut options = Options::parse("s3", rest)?;
        let patience = options.patience()?;
        let mut deployment = deployment.clone();
        match (options.take("access_key"), options.take("secret_key")) {
            (Some(access_key), Some(secret_key)) => {
                deployment.aws_keys = Some(AwsKeys { access_key, secret_key: secret_key.into() });
            }
            (None, None) => {}
            _ => return Err(options.bad("`access_key` and `secret_key` go together")),
        }
        let platform = aws::config(&deployment, options.peek("region"), None).await;
        let region = platform.region().map(ToString::to_string);
        let place = Place::from_options(&mut options, Platform::new(region))?;
        options.finish()?;
        let provider = platform.credentials_provider();
        let provider = provider.ok_or_else(|| options.bad("there is nowhere to take keys from"))?;
        let keys = Keys::new(provider, deployment.aws_keys.is_none());
        Ok(Self { bucket: Bucket::new(place, keys, patience)? })
    }
}

#[async_trait]
impl Objects for S3Objects {
    async fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectsError> {
        Ok(Box::new(S3Writer::new(self.bucket.clone(), key.clone())))
    }

    async fn size(&self, key: &Key) -> Result<u64, ObjectsError> {
        let found = self.bucket.head(key).await.map_err(|fault| fault.about(key))?;
        Ok(found.size_bytes)
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, ObjectsError> {
        if range.is_empty() || range.end > MAX_OBJECT_BYTES {
            check_range(&range, self.size(key).await?)?;
            return Ok(stream::empty().boxed());
        }
        resuming(Arc::new(self.bucket.clone()), key, range).await
    }

    async fn presign(&self, key: &Key, handout: &Handout<'_>) -> Result<Option<String>, ObjectsError> {
        self.bucket.presign(key, handout).await.map(Some).map_err(|fault| fault.about(key))
    }

    fn uri(&self, key: &Key) -> String {
        // As the store's own tools take it: they know no percent signs.
        format!("s3://{}/{}", self.bucket.place().bucket(), self.bucket.place().name(key))
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
