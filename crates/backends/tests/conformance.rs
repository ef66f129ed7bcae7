//! Every backend of this build, held to its port's promises.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reelmill_backends as backends;
use reelmill_backends::source::SourceOptions;
use reelmill_conformance::converter::Bench;
use reelmill_conformance::source::{self, Origin};
use reelmill_conformance::{Backend, Place, run};
use tempfile::TempDir;

fn main() -> ExitCode {
    reelmill_media::become_child_if_asked();
    run([
        reelmill_conformance::catalog::trials(vec![
            Backend { name: "memory", is_durable: false, fresh: Ok(|| catalog("memory:")) },
            Backend { name: "sqlite", is_durable: true, fresh: Ok(|| catalog("sqlite:")) },
        ]),
        reelmill_conformance::objects::trials(vec![
            Backend { name: "memory", is_durable: false, fresh: Ok(|| objects("memory:")) },
            Backend { name: "file", is_durable: true, fresh: Ok(|| objects("file:")) },
        ]),
        reelmill_conformance::doorbell::trials(vec![Backend {
            name: "embedded",
            is_durable: false,
            fresh: Ok(|| {
                Place::new(|| async { backends::doorbell::open("embedded:").await.unwrap() }.boxed())
            }),
        }]),
        reelmill_conformance::converter::trials(vec![Backend {
            name: "inprocess",
            is_durable: false,
            fresh: Ok(|| Place::new(|| bench().boxed())),
        }]),
        reelmill_conformance::source::trials(vec![Backend {
            name: "web",
            is_durable: false,
            fresh: Ok(|| Place::new(|| source().boxed())),
        }]),
        reelmill_conformance::notifier::trials(vec![Backend {
            name: "log",
            is_durable: false,
            fresh: Ok(|| Place::new(|| async { backends::notifier::open("log:").await.unwrap() }.boxed())),
        }]),
    ])
}

async fn bench() -> Arc<Bench> {
    let converter = backends::converter::open("inprocess:").await.unwrap();
    let objects = backends::objects::open("memory:", Path::new("")).await.unwrap();
    Arc::new(Bench { converter, objects })
}

async fn source() -> Arc<source::Bench> {
    let within = Origin::at([127, 0, 0, 2].into(), |_| source::Answer::of("audio/mpeg", "ID3")).await;
    let forbidden = within.url("/song.mp3");
    let origin = Origin::start(move |asked| source::answer(asked, &forbidden)).await;
    let options = SourceOptions {
        allow_hosts: vec![origin.address().to_string()],
        max_bytes: source::MAX_BYTES,
        ytdlp: Some("/nonexistent/yt-dlp".into()),
        ..SourceOptions::new("/nonexistent".into())
    };
    let source = backends::source::open(options).await.unwrap();
    Arc::new(source::Bench { source, origin, within })
}

fn catalog(url: &'static str) -> Place<dyn reelmill_core::ports::Catalog> {
    in_a_folder(move |folder| {
        async move { backends::catalog::open(url, folder.path()).await.unwrap() }.boxed()
    })
}

fn objects(url: &'static str) -> Place<dyn reelmill_core::ports::Objects> {
    in_a_folder(move |folder| {
        async move { backends::objects::open(url, folder.path()).await.unwrap() }.boxed()
    })
}

/// A place that is a folder, gone when the case is over.
fn in_a_folder<P: ?Sized + 'static>(
    open: impl Fn(Arc<TempDir>) -> BoxFuture<'static, Arc<P>> + Send + Sync + 'static,
) -> Place<P> {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    Place::new(move || open(Arc::clone(&folder)))
}
