//! The object stores of this build.

use futures_util::FutureExt;
use reelmill_backends::objects;
use reelmill_conformance::{Backend, Place};
use reelmill_core::ports::Objects;

#[cfg(any(feature = "objects-file", feature = "objects-gridfs", feature = "objects-memory"))]
use crate::in_a_folder;

pub(crate) fn backends() -> Vec<Backend<dyn Objects>> {
    vec![
        #[cfg(feature = "objects-memory")]
        Backend { name: "memory", is_durable: false, fresh: Ok(|| within("memory:")) },
        #[cfg(feature = "objects-file")]
        Backend { name: "file", is_durable: true, fresh: Ok(|| within("file:")) },
        #[cfg(feature = "objects-gridfs")]
        Backend { name: "gridfs", is_durable: true, fresh: gridfs() },
        #[cfg(feature = "objects-gcs")]
        Backend { name: "gs", is_durable: true, fresh: gs() },
        #[cfg(feature = "objects-s3")]
        Backend { name: "s3", is_durable: true, fresh: s3() },
    ]
}

#[cfg(any(feature = "objects-file", feature = "objects-memory"))]
fn within(url: &'static str) -> Place<dyn Objects> {
    in_a_folder(move |deployment| async move { objects::open(url, &deployment).await.unwrap() }.boxed())
}

/// Each place has its own two databases in the server that there is.
#[cfg(feature = "objects-gridfs")]
fn gridfs() -> Result<fn() -> Place<dyn Objects>, String> {
    const SERVER: &str = "REELMILL_TEST_GRIDFS";
    std::env::var(SERVER)
        .map_err(|_| format!("{SERVER} is not set: no MongoDB wire-compatible server here"))?;
    Ok(|| {
        let server = std::env::var(SERVER).unwrap();
        let (_, host) = server.split_once("//").unwrap();
        let name = uuid::Uuid::new_v4().simple().to_string();
        let url = format!("gridfs://{}/?videos=v{name}&mp3s=m{name}", host.trim_end_matches('/'));
        in_a_folder(move |deployment| {
            let url = url.clone();
            async move { objects::open(&url, &deployment).await.unwrap() }.boxed()
        })
    })
}

/// Each place is a prefix of its own in one bucket, which the server makes when it is first written to.
#[cfg(feature = "objects-s3")]
fn s3() -> Result<fn() -> Place<dyn Objects>, String> {
    const SERVER: &str = "REELMILL_TEST_S3";
    std::env::var(SERVER).map_err(|_| format!("{SERVER} is not set: no S3 server here"))?;
    Ok(|| {
        let (server, prefix) = (std::env::var(SERVER).unwrap(), uuid::Uuid::new_v4().simple().to_string());
        let keys = "access_key=reelmill&secret_key=reelmill-secret";
        at(format!("s3://reelmill-conformance/{prefix}?endpoint={server}&{keys}"))
    })
}

/// Each place is a prefix of its own in one bucket, which the server starts with.
#[cfg(feature = "objects-gcs")]
fn gs() -> Result<fn() -> Place<dyn Objects>, String> {
    const SERVER: &str = "REELMILL_TEST_GCS";
    std::env::var(SERVER).map_err(|_| format!("{SERVER} is not set: no Cloud Storage server here"))?;
    Ok(|| {
        let (server, prefix) = (std::env::var(SERVER).unwrap(), uuid::Uuid::new_v4().simple().to_string());
        at(format!("gs://reelmill-conformance/{prefix}?endpoint={server}"))
    })
}

/// A place behind a URL of its own.
#[cfg(any(feature = "objects-gcs", feature = "objects-s3"))]
fn at(url: String) -> Place<dyn Objects> {
    let deployment = reelmill_backends::Deployment::within("".into());
    Place::new(move || {
        let (url, deployment) = (url.clone(), deployment.clone());
        async move { objects::open(&url, &deployment).await.unwrap() }.boxed()
    })
}
