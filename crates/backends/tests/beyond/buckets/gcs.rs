//! Cloud Storage in bad weather.
//!
//! The emulator ends a resumable upload where it is asked how far that is, so the front here keeps uploads itself, as
//! Google describes them, and hands the emulator what is whole.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reelmill_core::ports::ObjectsError;
use reelmill_testbed::Proxy;

use super::front::{Asked, Front, Turn, say};
use super::place::{LARGE, content, gcs, gcs_at, key};

/// Options of one who does not wait for long.
const HASTY: &str = "&timeout_s=1&patience_s=2";

fn proxy() -> Proxy {
    Proxy::start(gcs().trim_start_matches("http://").parse().unwrap()).unwrap()
}

/// An upload as Google keeps it.
#[derive(Default)]
struct Upload {
    bytes: Vec<u8>,
    pieces: usize,
    queries: usize,
}

impl Upload {
    fn reached(&self) -> Turn {
        let range = match self.bytes.len() {
            0 => String::new(),
            length => format!("range: bytes=0-{}\r\n", length - 1),
        };
        say("308 Resume Incomplete", &range, "")
    }

    /// Takes a piece as far as it is told.
    fn take(&mut self, asked: &Asked, at_most: usize) -> Option<u64> {
        let range = asked.header("content-range").unwrap().trim_start_matches("bytes ");
        let (range, total) = range.split_once('/').unwrap();
        let (start, _) = range.split_once('-').unwrap();
        assert_eq!(start.parse::<usize>().unwrap(), self.bytes.len(), "not where the upload was");
        self.bytes.extend_from_slice(&asked.body[..asked.body.len().min(at_most)]);
        self.pieces += 1;
        total.parse().ok()
    }

    fn whole(&self, asked: &Asked) -> Turn {
        let length = self.bytes.len();
        let line = asked.head.lines().next().unwrap();
        let head = format!(
            "{line}\r\nhost: localhost\r\ncontent-length: {length}\r\ncontent-range: bytes 0-{}/{length}",
            length - 1
        );
        Turn::Instead(Asked { head, body: self.bytes.clone(), ..asked.clone() })
    }
}

pub(crate) async fn a_piece_whose_answer_was_lost_is_not_sent_twice() {
    let mut upload = Upload::default();
    let front = Front::before(&gcs(), move |asked| {
        let Some(range) = asked.header("content-range") else { return Turn::Pass };
        if range.starts_with("bytes */") {
            upload.queries += 1;
            return upload.reached();
        }
        match upload.pieces {
            // Taken, and not said so.
            0 => {
                upload.take(asked, usize::MAX);
                Turn::Cut
            }
            // Taken by half, and not said so.
            1 => {
                upload.take(asked, 4 * 256 * 1024);
                Turn::Cut
            }
            _ => match upload.take(asked, usize::MAX) {
                Some(total) => {
                    assert_eq!((upload.bytes.len() as u64, upload.queries), (total, 2));
                    upload.whole(asked)
                }
                None => upload.reached(),
            },
        }
    })
    .await;
    let place = gcs_at(&front.address, "").await;
    let content = content(LARGE + 10_000_000);
    place.put("a", &content).await.unwrap();
    assert!(place.holds("a", &content).await);
}

pub(crate) async fn an_answer_that_was_lost_is_no_conflict() {
    let mut is_first = true;
    let front = Front::before(&gcs(), move |asked| {
        let is_put = asked.line.contains("uploadType=multipart");
        if is_put && std::mem::take(&mut is_first) { Turn::Lose } else { Turn::Pass }
    })
    .await;
    let place = gcs_at(&front.address, "").await;
    place.put("a", b"small").await.unwrap();
    assert_eq!(front.count(&["uploadType=multipart"]), 2);
    assert!(place.holds("a", b"small").await);
    let again = place.put("a", b"other").await;
    assert!(matches!(again, Err(ObjectsError::Conflict(_))), "{again:?}");
}

pub(crate) async fn a_read_goes_on_where_the_connection_was_reset() {
    let proxy = proxy();
    let place = gcs_at(&format!("http://{}", proxy.address()), "").await;
    let content = content(LARGE);
    place.put("a", &content).await.unwrap();
    proxy.reset();
    let before = proxy.connections();
    proxy.reset_after(4_000_000);
    assert!(place.holds("a", &content).await);
    assert!(proxy.connections() - before >= 6, "{}", proxy.connections() - before);
}

pub(crate) async fn a_store_that_is_busy_for_a_while_is_waited_for() {
    let mut count = 0;
    let front = Front::before(&gcs(), move |asked| {
        count += 1;
        // But for uploads under way, which the emulator does not let us ask about.
        if count % 3 == 0 || asked.line.contains("upload_id") {
            Turn::Pass
        } else {
            say("503 Unavailable", "", "{}")
        }
    })
    .await;
    let place = gcs_at(&front.address, "").await;
    for (name, length) in [("small", 1000), ("large", LARGE)] {
        place.put(name, &content(length)).await.unwrap();
        assert!(place.holds(name, &content(length)).await);
        place.objects.delete(&key(name)).await.unwrap();
    }
    let gone = place.objects.size(&key("large")).await;
    assert!(matches!(gone, Err(ObjectsError::NotFound(_))), "{gone:?}");
}

pub(crate) async fn a_store_that_falls_silent_is_not_waited_for_without_end() {
    let proxy = proxy();
    let place = gcs_at(&format!("http://{}", proxy.address()), HASTY).await;
    place.put("a", &content(LARGE)).await.unwrap();
    let mut stream = place.objects.read(&key("a"), 0..LARGE as u64).await.unwrap();
    stream.next().await.unwrap().unwrap();
    let writer = place.writer("b", &content(1000)).await.unwrap();
    proxy.stall();
    let started = Instant::now();
    let read = stream.all(|read| async move { read.is_ok() }).await;
    let written = writer.finish().await;
    assert!(!read && matches!(written, Err(ObjectsError::Unavailable(_))), "{read} {written:?}");
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    proxy.clean().unwrap();
}

const NAMES: &str = "print([blob.name[len(prefix):] for blob in google().list_blobs(bucket, prefix=prefix)])";

pub(crate) async fn what_a_killed_writer_left_is_deleted_with_its_key() {
    let place = gcs_at(&gcs(), "").await;
    let begin = "
for name in ('a', 'a//head-1', 'a//tail-2', 'a/b', 'a/b//tail-3', 'ab'):
    google().bucket(bucket).blob(f'{prefix}/{name}').upload_from_string(name)
print('begun')";
    assert_eq!(place.python(begin).await, "begun");
    place.objects.delete(&key("a")).await.unwrap();
    assert_eq!(place.python(NAMES).await, "['/a/b', '/a/b//tail-3', '/ab']");
}

pub(crate) async fn a_finished_object_leaves_nothing_beside_it() {
    let place = gcs_at(&gcs(), "").await;
    place.put("a", &content(LARGE)).await.unwrap();
    assert_eq!(place.python(NAMES).await, "['/a']");
    let late = place.writer("a", &content(LARGE)).await.unwrap();
    assert!(matches!(late.finish().await, Err(ObjectsError::Conflict(_))));
    let cleared = async {
        while place.python(NAMES).await != "['/a']" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), cleared).await.unwrap();
}
