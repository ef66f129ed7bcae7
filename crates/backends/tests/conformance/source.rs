//! The sources of this build.

use std::sync::Arc;

use futures_util::FutureExt;
use reelmill_backends::source::SourceOptions;
use reelmill_conformance::source::{self, Bench, Origin};
use reelmill_conformance::{Backend, Place};

pub(crate) fn backends() -> Vec<Backend<Bench>> {
    vec![Backend { name: "web", is_durable: false, fresh: Ok(|| Place::new(|| bench().boxed())) }]
}

async fn bench() -> Arc<Bench> {
    let within = Origin::at([127, 0, 0, 2].into(), |_| source::Answer::of("audio/mpeg", "ID3")).await;
    let forbidden = within.url("/song.mp3");
    let origin = Origin::start(move |asked| source::answer(asked, &forbidden)).await;
    let options = SourceOptions {
        allow_hosts: vec![origin.address().to_string()],
        max_bytes: source::MAX_BYTES,
        ytdlp: Some("/nonexistent/yt-dlp".into()),
        ..SourceOptions::new("/nonexistent".into())
    };
    let source = reelmill_backends::source::open(options).await.unwrap();
    Arc::new(Bench { source, origin, within })
}
