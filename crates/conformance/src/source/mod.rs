//! What a source promises.

mod origin;
mod output;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reelmill_core::ports::{Cancel, Fetch, Fetched, ObjectsError, Source, SourceError};
use reelmill_core::{Format, Found, Obstacle};

use crate::Place;
use crate::suite::{Backend, Trials, cases, pair};

pub use origin::{Answer, Asked, Origin};
pub use output::Output;

/// How soon a fetch ends that was cancelled.
const CANCELLED_WITHIN: Duration = Duration::from_secs(2);

/// A source, and addresses for it.
pub struct Bench {
    /// The source. It may reach [`Bench::origin`] and nothing else that is not public.
    pub source: Arc<dyn Source>,
    /// Answers [`answer`].
    pub origin: Origin,
    /// A server that the source may not reach.
    pub within: Origin,
}

type Setup = Place<Bench>;

cases! { CASES of Bench:
    the_bytes_that_are_there_are_the_bytes_that_come,
    progress_goes_up_to_all,
    the_same_address_is_the_same_thing_and_another_is_another,
    finding_an_address_asks_nobody,
    a_title_is_learned_by_the_fetch_and_the_name_has_its_extension,
    an_address_within_is_forbidden_and_never_asked,
    a_redirect_to_within_is_forbidden_and_never_followed,
    what_is_no_address_to_be_fetched_is_unsupported,
    nothing_there_is_not_found,
    an_empty_answer_is_no_media,
    a_source_that_broke_off_is_unreachable_and_worth_another_try,
    too_many_bytes_are_too_large,
    a_cancelled_fetch_ends_soon,
    a_store_that_is_full_ends_the_fetch_with_its_own_error,
    no_message_tells_an_address_of_the_network_behind_a_name,
}

/// The cases of these sources.
#[must_use]
pub fn trials(backends: Vec<Backend<Bench>>) -> Trials {
    pair("source", CASES, &[], backends)
}

/// The most bytes that the source under test may take.
pub const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// A song: an MP3 by its first bytes, and nothing that repeats after them.
#[must_use]
pub fn song(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut noise = std::iter::repeat_with(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    b"ID3\x04".iter().copied().chain(noise.by_ref()).take(bytes).collect()
}

/// What the origin of a [`Bench`] answers; `within` is the address of the server that may not be reached.
#[must_use]
pub fn answer(asked: &Asked, within: &str) -> Answer {
    match asked.target.as_str() {
        "/song.mp3" | "/other.mp3" => Answer::of("audio/mpeg", song(1_000_000)),
        "/away.mp3" => Answer::to(within),
        "/empty.mp3" => Answer::of("audio/mpeg", ""),
        "/cut.mp3" => Answer::of("audio/mpeg", song(1_000_000)).cut_after(1000),
        "/large.mp3" => Answer::of("audio/mpeg", song(4096)).endless(),
        "/hanging.mp3" => Answer::of("audio/mpeg", song(1_000_000)).cut_after(5000).hanging(),
        _ => Answer::status(404),
    }
}

impl Bench {
    async fn find(&self, path: &str) -> Found {
        self.source.find(&self.origin.url(path)).await.unwrap()
    }

    async fn fetch(&self, path: &str) -> (Result<Fetched, SourceError>, Vec<u8>) {
        let mut output = Output::default();
        let fetched = self.source.fetch(fetch(self.find(path).await), &mut output).await;
        (fetched, output.bytes)
    }
}

/// A fetch that nobody watches.
#[must_use]
pub fn fetch(found: Found) -> Fetch {
    Fetch { found, wanted: Format::Mp3, progress: Arc::new(|_| {}), cancel: Cancel::default() }
}

/// What is in the way, where something is.
#[must_use]
pub fn obstacle<T>(outcome: &Result<T, SourceError>) -> Option<Obstacle> {
    match outcome {
        Err(SourceError::Obstacle { obstacle, .. }) => Some(*obstacle),
        Ok(_) | Err(SourceError::Cancelled | SourceError::Store(_) | SourceError::Internal(_)) => None,
    }
}

async fn the_bytes_that_are_there_are_the_bytes_that_come(place: Setup) {
    let (fetched, bytes) = place.open().await.fetch("/song.mp3").await;
    fetched.unwrap();
    assert!(bytes == song(1_000_000));
}

async fn progress_goes_up_to_all(place: Setup) {
    let bench = place.open().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let mut fetch = fetch(bench.find("/song.mp3").await);
    fetch.progress = Arc::new(move |done| sink.lock().unwrap().push(done));
    bench.source.fetch(fetch, &mut Output::default()).await.unwrap();
    let seen: Vec<f64> = seen.lock().unwrap().clone();
    assert!(seen.is_sorted() && seen.iter().all(|done| (0.0..=1.0).contains(done)), "{seen:?}");
    assert!(seen.last().is_some_and(|last| (last - 1.0).abs() < 1e-9), "{seen:?}");
}

async fn the_same_address_is_the_same_thing_and_another_is_another(place: Setup) {
    let bench = place.open().await;
    let song = bench.find("/song.mp3").await;
    assert_eq!(song, bench.find("/song.mp3").await);
    assert_eq!(song, bench.find("/song.mp3#t=3").await);
    assert_ne!(song.id, bench.find("/other.mp3").await.id);
}

async fn finding_an_address_asks_nobody(place: Setup) {
    let bench = place.open().await;
    bench.find("/song.mp3").await;
    assert!(bench.origin.asked().is_empty());
}

async fn a_title_is_learned_by_the_fetch_and_the_name_has_its_extension(place: Setup) {
    let bench = place.open().await;
    assert_eq!(bench.find("/song.mp3").await.title, None);
    let fetched = bench.fetch("/song.mp3").await.0.unwrap();
    assert_eq!(fetched.found.title.as_deref(), Some("song"));
    assert_eq!(fetched.name, "song.mp3");
}

async fn an_address_within_is_forbidden_and_never_asked(place: Setup) {
    let bench = place.open().await;
    let port = bench.within.address().port();
    for host in ["127.0.0.2", "localhost", "127.2", "2130706434", "0x7f.0.0.2", "[::ffff:127.0.0.2]"] {
        let url = format!("http://{host}:{port}/song.mp3");
        let outcome = match bench.source.find(&url).await {
            Ok(found) => bench.source.fetch(fetch(found), &mut Output::default()).await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert_eq!(obstacle(&outcome), Some(Obstacle::Forbidden), "{url}: {outcome:?}");
    }
    assert!(bench.within.asked().is_empty());
}

async fn a_redirect_to_within_is_forbidden_and_never_followed(place: Setup) {
    let bench = place.open().await;
    let (outcome, bytes) = bench.fetch("/away.mp3").await;
    assert_eq!(obstacle(&outcome), Some(Obstacle::Forbidden), "{outcome:?}");
    assert!(bytes.is_empty() && bench.within.asked().is_empty());
    assert_eq!(bench.origin.asked().len(), 1, "the redirect was reached");
}

async fn what_is_no_address_to_be_fetched_is_unsupported(place: Setup) {
    let source = place.open().await.source.clone();
    for wish in ["file:///etc/passwd", "ftp://example.org/a.mp3", "http://u:p@example.org/a.mp3", ""] {
        assert_eq!(obstacle(&source.find(wish).await), Some(Obstacle::Unsupported), "{wish}");
    }
}

async fn nothing_there_is_not_found(place: Setup) {
    let (outcome, _) = place.open().await.fetch("/nowhere.mp3").await;
    assert_eq!(obstacle(&outcome), Some(Obstacle::NotFound), "{outcome:?}");
}

async fn an_empty_answer_is_no_media(place: Setup) {
    let (outcome, _) = place.open().await.fetch("/empty.mp3").await;
    assert!(obstacle(&outcome).is_some(), "{outcome:?}");
}

async fn a_source_that_broke_off_is_unreachable_and_worth_another_try(place: Setup) {
    let (outcome, _) = place.open().await.fetch("/cut.mp3").await;
    assert_eq!(obstacle(&outcome), Some(Obstacle::Unreachable), "{outcome:?}");
    assert!(outcome.is_err_and(|error| error.is_transient()));
}

async fn too_many_bytes_are_too_large(place: Setup) {
    let (outcome, bytes) = place.open().await.fetch("/large.mp3").await;
    assert_eq!(obstacle(&outcome), Some(Obstacle::TooLarge), "{outcome:?}");
    assert!(bytes.len() as u64 <= MAX_BYTES);
}

async fn a_cancelled_fetch_ends_soon(place: Setup) {
    let bench = place.open().await;
    let fetch = fetch(bench.find("/hanging.mp3").await);
    let cancel = fetch.cancel.clone();
    let source = Arc::clone(&bench.source);
    let fetching = tokio::spawn(async move { source.fetch(fetch, &mut Output::default()).await });
    while bench.origin.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    cancel.cancel();
    let outcome = fetching.await.unwrap();
    assert!(matches!(outcome, Err(SourceError::Cancelled)), "{outcome:?}");
    assert!(began.elapsed() < CANCELLED_WITHIN, "{:?}", began.elapsed());
}

async fn a_store_that_is_full_ends_the_fetch_with_its_own_error(place: Setup) {
    let bench = place.open().await;
    let mut output = Output { is_full: true, ..Output::default() };
    let outcome = bench.source.fetch(fetch(bench.find("/song.mp3").await), &mut output).await;
    assert!(matches!(outcome, Err(SourceError::Store(ObjectsError::Full(_)))), "{outcome:?}");
}

async fn no_message_tells_an_address_of_the_network_behind_a_name(place: Setup) {
    let bench = place.open().await;
    let url = format!("http://localhost:{}/song.mp3", bench.within.address().port());
    let found = bench.source.find(&url).await.unwrap();
    let said = bench.source.fetch(fetch(found), &mut Output::default()).await.unwrap_err().to_string();
    assert!(said.contains("localhost") && !said.contains("127.") && !said.contains("::1"), "{said}");
}
