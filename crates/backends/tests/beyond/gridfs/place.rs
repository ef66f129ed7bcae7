//! Two databases of a case's own, seen by us and by pymongo.

use std::process::Stdio;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use reelmill_backends::{Deployment, objects};
use reelmill_core::Key;
use reelmill_core::ports::{Objects, ObjectsError};
use tokio::io::AsyncWriteExt;

/// What every script begins with.
const PRELUDE: &str = "\
import sys, os, gridfs, pymongo
from bson import ObjectId, Int64
client = pymongo.MongoClient(sys.argv[1])
videos, mp3s = client[sys.argv[2]], client[sys.argv[3]]
claims = videos['reelmill.claims']
def content(length): return bytes((at % 251) ^ (at // 251 % 256) for at in range(length))
";

pub(crate) struct Place {
    pub(crate) objects: Arc<dyn Objects>,
    names: [String; 2],
}

pub(crate) fn server() -> String {
    std::env::var("REELMILL_TEST_GRIDFS").unwrap()
}

impl Place {
    pub(crate) async fn new() -> Self {
        let name = uuid::Uuid::new_v4().simple();
        let names = [format!("v{name}"), format!("m{name}")];
        let server = server();
        let (_, host) = server.split_once("//").unwrap();
        let url = format!("gridfs://{}/?videos={}&mp3s={}", host.trim_end_matches('/'), names[0], names[1]);
        let objects = objects::open(&url, &Deployment::within(".".into())).await.unwrap();
        Self { objects, names }
    }

    /// What a script prints, with pymongo at hand. It fails where the script does.
    pub(crate) async fn python(&self, script: &str) -> String {
        let mut child = tokio::process::Command::new(std::env::var_os("REELMILL_CLOUD_PYTHON").unwrap())
            .arg("-")
            .arg(server())
            .args(&self.names)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(format!("{PRELUDE}{script}").as_bytes()).await.unwrap();
        drop(stdin);
        let done = child.wait_with_output().await.unwrap();
        assert!(done.status.success(), "the script failed");
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// How many chunks there are in both databases.
    pub(crate) async fn chunks(&self) -> u64 {
        let counted = "print(sum(each['fs.chunks'].count_documents({}) for each in (videos, mp3s)))";
        self.python(counted).await.parse().unwrap()
    }

    pub(crate) async fn put(&self, name: &str, content: &[u8]) -> Option<String> {
        let mut writer = self.objects.create(&key(name)).await.unwrap();
        writer.write(Bytes::copy_from_slice(content)).await.unwrap();
        writer.finish().await.unwrap().fid
    }

    pub(crate) async fn read(
        &self,
        name: &str,
        range: std::ops::Range<u64>,
    ) -> Result<Vec<u8>, ObjectsError> {
        let pieces: Vec<Bytes> = self.objects.read(&key(name), range).await?.try_collect().await?;
        Ok(pieces.concat())
    }
}

pub(crate) fn key(text: &str) -> Key {
    text.parse().unwrap()
}

/// The same bytes as the scripts' own.
pub(crate) fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap() ^ u8::try_from(at / 251 % 256).unwrap()).collect()
}
