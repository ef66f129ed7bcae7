//! A prefix of its own in a bucket for each case, and what is done there.

use std::ops::Range;
use std::process::Stdio;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use reelmill_backends::{Deployment, objects};
use reelmill_core::Key;
use reelmill_core::ports::{ObjectWriter, Objects, ObjectsError};
use uuid::Uuid;

/// The bucket of all cases, which both servers have.
pub(crate) const BUCKET: &str = "reelmill-buckets";
const MIB: usize = 1024 * 1024;
/// An object of more than one part anywhere.
pub(crate) const LARGE: usize = 21 * MIB + 7;

pub(crate) fn s3() -> String {
    std::env::var("REELMILL_TEST_S3").unwrap()
}

pub(crate) fn gcs() -> String {
    std::env::var("REELMILL_TEST_GCS").unwrap()
}

/// A store at that endpoint, under a prefix of its own; options as `&name=value`.
pub(crate) async fn s3_at(endpoint: &str, options: &str) -> Place {
    let keys = "access_key=reelmill&secret_key=reelmill-secret";
    Place::open("s3", &format!("endpoint={endpoint}&{keys}{options}")).await
}

/// As [`s3_at`].
pub(crate) async fn gcs_at(endpoint: &str, options: &str) -> Place {
    Place::open("gs", &format!("endpoint={endpoint}{options}")).await
}

pub(crate) struct Place {
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) prefix: String,
}

impl Place {
    async fn open(scheme: &str, query: &str) -> Self {
        let prefix = Uuid::new_v4().simple().to_string();
        let url = format!("{scheme}://{BUCKET}/{prefix}?{query}");
        let objects = objects::open(&url, &Deployment::within("".into())).await.unwrap();
        Self { objects, prefix }
    }

    pub(crate) async fn writer(
        &self,
        name: &str,
        content: &[u8],
    ) -> Result<Box<dyn ObjectWriter>, ObjectsError> {
        let mut writer = self.objects.create(&key(name)).await?;
        for piece in content.chunks(300_000) {
            writer.write(Bytes::copy_from_slice(piece)).await?;
        }
        Ok(writer)
    }

    pub(crate) async fn put(&self, name: &str, content: &[u8]) -> Result<(), ObjectsError> {
        self.writer(name, content).await?.finish().await.map(drop)
    }

    pub(crate) async fn read(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectsError> {
        let pieces: Vec<Bytes> = self.objects.read(&key(name), range).await?.try_collect().await?;
        Ok(pieces.concat())
    }

    /// Whether the object has that content, seen from a client of its own.
    pub(crate) async fn holds(&self, name: &str, content: &[u8]) -> bool {
        self.read(name, 0..content.len() as u64).await.unwrap() == content
    }

    /// What a Python program says that knows the two stores, the bucket, our prefix and `content`.
    pub(crate) async fn python(&self, program: &str) -> String {
        let (s3, gcs, prefix) = (s3(), gcs(), &self.prefix);
        let start = format!(
            "\
import sys
def content(length):
    return bytes((at % 251) ^ (at // 251 % 256) for at in range(length))
prefix, bucket = '{prefix}', '{BUCKET}'
def amazon():
    import boto3
    from botocore.config import Config
    return boto3.client('s3', endpoint_url='{s3}', aws_access_key_id='reelmill', region_name='us-east-1',
        aws_secret_access_key='reelmill-secret', config=Config(s3={{'addressing_style': 'path'}}))
def google():
    from google.cloud import storage
    from google.auth.credentials import AnonymousCredentials
    return storage.Client(project='reelmill', credentials=AnonymousCredentials(),
        client_options={{'api_endpoint': '{gcs}'}})
"
        );
        let python = std::env::var("REELMILL_CLOUD_PYTHON").unwrap();
        let mut command = tokio::process::Command::new(python);
        command.args(["-c", &(start + program)]).stdin(Stdio::null()).kill_on_drop(true);
        let ended = command.output().await.unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        String::from_utf8(ended.stdout).unwrap().trim().to_owned()
    }
}

pub(crate) fn key(text: &str) -> Key {
    text.parse().unwrap()
}

/// Bytes that tell each place from every other nearby.
pub(crate) fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap() ^ u8::try_from(at / 251 % 256).unwrap()).collect()
}
