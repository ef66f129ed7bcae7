//! Sources for cases, and what is asked of them.

use std::sync::Arc;
use std::time::Duration;

use reelmill_backends::source::{self, SourceOptions};
use reelmill_conformance::source::{Answer, Asked, Origin, Output, fetch};
use reelmill_core::Obstacle;
use reelmill_core::ports::{Fetched, Source, SourceError};

/// Options that reach `origin` and wait for nothing long.
pub(crate) fn options(origin: &Origin) -> SourceOptions {
    SourceOptions {
        allow_hosts: vec![origin.address().to_string()],
        ytdlp: Some("/nonexistent/yt-dlp".into()),
        api_timeout: Duration::from_millis(500),
        connect_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(2),
        fetch_timeout: Duration::from_mins(1),
        ..SourceOptions::new("/nonexistent".into())
    }
}

pub(crate) async fn open(options: SourceOptions) -> Arc<dyn Source> {
    source::open(options).await.unwrap()
}

/// A server that answers everything alike.
pub(crate) async fn always(answer: Answer) -> Origin {
    Origin::start(move |_: &Asked| answer.clone()).await
}

/// Finds and fetches an address.
pub(crate) async fn get(source: &Arc<dyn Source>, url: &str) -> (Result<Fetched, SourceError>, Vec<u8>) {
    let found = match source.find(url).await {
        Ok(found) => found,
        Err(error) => return (Err(error), Vec::new()),
    };
    let mut output = Output::default();
    let fetched = source.fetch(fetch(found), &mut output).await;
    (fetched, output.bytes)
}

/// What is in the way, what is said of it, and when to try again.
pub(crate) fn told<T: std::fmt::Debug>(outcome: Result<T, SourceError>) -> (Obstacle, String, Option<u64>) {
    match outcome {
        Err(SourceError::Obstacle { obstacle, message, retry_after_ms }) => {
            (obstacle, message, retry_after_ms)
        }
        other => panic!("{other:?}"),
    }
}

/// A page with that body.
pub(crate) fn page(body: &str) -> Answer {
    let page = format!("<!doctype html><html><head><title>A page</title></head><body>{body}</body></html>");
    Answer::of("text/html; charset=utf-8", page)
}
