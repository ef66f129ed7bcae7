//! Ending before the end: a store that fails, a caller that cancels or goes away.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reelmill_core::ports::{Conversion, Converted, ConverterError, ObjectsError};

use super::Bench;
use super::fake::{Fate, Silence, Sink, conversion};
use crate::Place;

type Setup = Place<Bench>;

/// Longer than any test may take.
const HOURS: u32 = 6 * 3_600;
/// How long a conversion that was cancelled may take to end: what is promised and more, as machines are busy.
const SOON: Duration = Duration::from_secs(5);

fn is_full<T: std::fmt::Debug>(done: &Result<T, ConverterError>) {
    assert!(matches!(done, Err(ConverterError::Store(ObjectsError::Full(_)))), "{done:?}");
}

pub(super) async fn a_store_that_fails_at_reading_is_told_as_it_is(place: Setup) {
    let bench = place.open().await;
    for limit in [0, 44, 1_000_000] {
        let input = Silence::new(60, Fate::FailsAfter(limit)).input();
        let done = bench.converter.convert(conversion(input, "mp3"), &mut Sink::Takes).await;
        is_full(&done);
        assert!(done.is_err_and(|error| error.is_transient()));
    }
}

pub(super) async fn a_store_that_fails_at_probing_is_told_as_it_is(place: Setup) {
    let bench = place.open().await;
    is_full(&bench.converter.probe(&Silence::new(60, Fate::FailsAfter(0)).input()).await);
}

pub(super) async fn a_store_that_fails_at_writing_is_told_as_it_is(place: Setup) {
    let bench = place.open().await;
    let input = Silence::new(HOURS, Fate::Given).input();
    is_full(&bench.converter.convert(conversion(input, "wav"), &mut Sink::Full).await);
}

/// Converts until it is under way, then cancels.
async fn cancelled(bench: &Bench, silence: Arc<Silence>, mut sink: Sink) {
    let work = conversion(silence.input(), "wav");
    let cancel = work.cancel.clone();
    let given_bytes = Arc::clone(&silence.given_bytes);
    let cancels = async {
        while given_bytes.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
        tokio::time::sleep(SOON).await;
    };
    let converts = bench.converter.convert(work, &mut sink);
    tokio::select! {
        done = converts => is_cancelled(&done),
        () = cancels => panic!("the conversion goes on"),
    }
}

fn is_cancelled(done: &Result<Converted, ConverterError>) {
    assert!(matches!(done, Err(ConverterError::Cancelled)), "{done:?}");
}

pub(super) async fn a_cancel_ends_a_conversion_under_way(place: Setup) {
    cancelled(&*place.open().await, Silence::new(HOURS, Fate::Given), Sink::Takes).await;
}

pub(super) async fn a_cancel_ends_a_conversion_whose_input_hangs(place: Setup) {
    cancelled(&*place.open().await, Silence::new(HOURS, Fate::HangsAfter(400_000)), Sink::Takes).await;
}

pub(super) async fn a_cancel_ends_a_conversion_whose_output_hangs(place: Setup) {
    cancelled(&*place.open().await, Silence::new(HOURS, Fate::Given), Sink::Hangs).await;
}

pub(super) async fn a_cancel_before_the_start_is_seen(place: Setup) {
    let bench = place.open().await;
    let work: Conversion = conversion(Silence::new(60, Fate::Given).input(), "mp3");
    work.cancel.cancel();
    is_cancelled(&bench.converter.convert(work, &mut Sink::Takes).await);
}

/// Waits until nothing more is read, and says how much was.
async fn settled_bytes(silence: &Silence) -> u64 {
    let mut before = u64::MAX;
    loop {
        let now = silence.given_bytes.load(Ordering::Relaxed);
        if now == before && now > 0 {
            return now;
        }
        before = now;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

pub(super) async fn a_slow_store_holds_the_reading_back(place: Setup) {
    let bench = place.open().await;
    let silence = Silence::new(HOURS, Fate::Given);
    let work = conversion(silence.input(), "wav");
    let mut sink = Sink::Hangs;
    let read = tokio::select! {
        done = bench.converter.convert(work, &mut sink) => panic!("{done:?}"),
        read = settled_bytes(&silence) => read,
    };
    assert!(read < 64 * 1024 * 1024, "{read} bytes were read for an output that takes none");
}

pub(super) async fn a_conversion_that_is_dropped_stops_reading(place: Setup) {
    let bench = place.open().await;
    let silence = Silence::new(HOURS, Fate::Given);
    let work = conversion(silence.input(), "wav");
    let mut sink = Sink::Takes;
    let dropped =
        tokio::time::timeout(Duration::from_millis(300), bench.converter.convert(work, &mut sink)).await;
    assert!(dropped.is_err());
    let read = settled_bytes(&silence).await;
    assert!(read < silence.size_bytes, "all was read");
}
