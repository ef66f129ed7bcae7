//! S3 in bad weather.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reelmill_core::ports::ObjectsError;
use reelmill_testbed::Proxy;

use super::front::{Front, Turn, say};
use super::place::{LARGE, Place, content, key, s3, s3_at};

const BUSY: &str = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
/// Options of one who does not wait for long.
const HASTY: &str = "&timeout_s=1&patience_s=2";

fn proxy() -> Proxy {
    Proxy::start(s3().trim_start_matches("http://").parse().unwrap()).unwrap()
}

async fn through(proxy: &Proxy, options: &str) -> Place {
    s3_at(&format!("http://{}", proxy.address()), options).await
}

pub(crate) async fn a_part_that_fails_is_sent_again() {
    let mut failures = vec![
        ("partNumber=2", Turn::Cut),
        ("partNumber=3", say("500 Internal Server Error", "", "")),
        ("partNumber=1", Turn::Lose),
    ];
    let front = Front::before(&s3(), move |asked| {
        let failing = failures.iter().position(|(part, _)| asked.line.contains(&format!("{part}&")));
        failing.map_or(Turn::Pass, |at| failures.swap_remove(at).1)
    })
    .await;
    let place = s3_at(&front.address, "").await;
    place.put("a", &content(LARGE)).await.unwrap();
    assert!(place.holds("a", &content(LARGE)).await);
    for (part, times) in [(1, 2), (2, 2), (3, 2), (4, 1)] {
        assert_eq!(front.count(&["PUT", &format!("partNumber={part}&")]), times, "part {part}");
    }
}

pub(crate) async fn a_store_that_is_busy_for_a_while_is_waited_for() {
    let mut left = 3;
    let front = Front::before(&s3(), move |_| {
        left -= 1;
        // Each operation finds it busy once more.
        if left >= 0 {
            say("503 Slow Down", "", BUSY)
        } else if left % 3 == 0 {
            say("503 Slow Down", "", "")
        } else {
            Turn::Pass
        }
    })
    .await;
    let place = s3_at(&front.address, "").await;
    place.put("a", &content(1000)).await.unwrap();
    assert!(place.holds("a", &content(1000)).await);
    assert_eq!(place.objects.size(&key("a")).await.unwrap(), 1000);
    place.objects.delete(&key("a")).await.unwrap();
}

pub(crate) async fn a_store_that_stays_busy_is_unavailable() {
    let front = Front::before(&s3(), |_| say("503 Slow Down", "", BUSY)).await;
    let place = s3_at(&front.address, HASTY).await;
    let started = Instant::now();
    let refused = place.put("a", b"x").await;
    assert!(
        matches!(&refused, Err(ObjectsError::Unavailable(said)) if said.contains("SlowDown")),
        "{refused:?}"
    );
    assert!(
        front.count(&["PUT"]) > 2 && started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

pub(crate) async fn an_answer_that_was_lost_is_no_conflict() {
    let mut lost = vec!["PUT /reelmill-buckets/", "?uploadId="];
    let front = Front::before(&s3(), move |asked| {
        let is_lost = |word: &&&str| asked.line.contains(**word) && !asked.line.contains("partNumber");
        let losing = lost.iter().find(is_lost).copied();
        lost.retain(|word| Some(*word) != losing);
        losing.map_or(Turn::Pass, |_| Turn::Lose)
    })
    .await;
    let place = s3_at(&front.address, "").await;
    place.put("small", b"small").await.unwrap();
    place.put("large", &content(LARGE)).await.unwrap();
    assert_eq!(front.count(&["PUT", "/small"]), 2);
    assert_eq!(front.count(&["POST", "/large?uploadId="]), 2);
    assert!(place.holds("small", b"small").await && place.holds("large", &content(LARGE)).await);
    let again = place.put("small", b"other").await;
    assert!(matches!(again, Err(ObjectsError::Conflict(_))), "{again:?}");
}

pub(crate) async fn a_read_goes_on_where_the_connection_was_reset() {
    let proxy = proxy();
    let place = through(&proxy, "").await;
    let content = content(LARGE);
    place.put("a", &content).await.unwrap();
    proxy.reset();
    let before = proxy.connections();
    proxy.reset_after(4_000_000);
    assert!(place.holds("a", &content).await);
    assert!(place.read("a", 12_345..20_000_001).await.unwrap() == content[12_345..20_000_001]);
    assert!(proxy.connections() - before >= 10, "{}", proxy.connections() - before);
}

pub(crate) async fn a_read_that_cannot_go_on_is_an_error() {
    let proxy = proxy();
    let place = through(&proxy, HASTY).await;
    let content = content(LARGE);
    place.put("a", &content).await.unwrap();
    let mut stream = place.objects.read(&key("a"), 0..LARGE as u64).await.unwrap();
    let mut seen = stream.next().await.unwrap().unwrap().len();
    proxy.refuse();
    proxy.cut();
    let mut error = None;
    while let Some(read) = stream.next().await {
        match read {
            Ok(bytes) => seen += bytes.len(),
            Err(said) => error = Some(said),
        }
    }
    assert!(matches!(error, Some(ObjectsError::Unavailable(_))), "{error:?}");
    assert!(seen < LARGE);
}

pub(crate) async fn a_store_that_falls_silent_is_not_waited_for_without_end() {
    let proxy = proxy();
    let place = through(&proxy, HASTY).await;
    place.put("a", &content(LARGE)).await.unwrap();
    let mut stream = place.objects.read(&key("a"), 0..LARGE as u64).await.unwrap();
    stream.next().await.unwrap().unwrap();
    let mut writer = place.writer("b", &content(11_000_000)).await.unwrap();
    proxy.stall();
    let started = Instant::now();
    let read = stream.all(|read| async move { read.is_ok() }).await;
    let written = match writer.write(content(LARGE).into()).await {
        Ok(()) => writer.finish().await.map(drop),
        Err(error) => Err(error),
    };
    assert!(!read && matches!(written, Err(ObjectsError::Unavailable(_))), "{read} {written:?}");
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    proxy.clean().unwrap();
}

pub(crate) async fn damaged_bytes_are_not_taken() {
    let mut is_first = true;
    let front = Front::before(&s3(), move |asked| {
        let mut damaged = asked.clone();
        if asked.line.starts_with("PUT") && std::mem::take(&mut is_first) {
            damaged.body[1000] ^= 1;
        }
        Turn::Instead(damaged)
    })
    .await;
    let place = s3_at(&front.address, "").await;
    place.put("a", &content(50_000)).await.unwrap();
    assert!(place.holds("a", &content(50_000)).await);
    assert_eq!(front.count(&["PUT"]), 2, "the store took what was not sent");
}

/// The unfinished uploads of a key, as boto3 sees them.
async fn unfinished(place: &Place, name: &str) -> String {
    let listed = format!("amazon().list_multipart_uploads(Bucket=bucket, Prefix=f'{{prefix}}/{name}')");
    place.python(&format!("print([upload['Key'] for upload in {listed}.get('Uploads', [])])")).await
}

pub(crate) async fn a_writer_that_fails_or_is_dropped_leaves_no_upload() {
    let place = s3_at(&s3(), "").await;
    let dropped = place.writer("a", &content(LARGE)).await.unwrap();
    assert_ne!(unfinished(&place, "a").await, "[]");
    drop(dropped);
    let late = place.writer("b", &content(LARGE)).await.unwrap();
    place.put("b", b"first").await.unwrap();
    assert!(matches!(late.finish().await, Err(ObjectsError::Conflict(_))));
    for name in ["a", "b"] {
        let gone = async {
            while unfinished(&place, name).await != "[]" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
    }
}

pub(crate) async fn what_a_killed_writer_left_is_deleted_with_its_key() {
    let place = s3_at(&s3(), "").await;
    let begin = "
for name in ('a', 'a', 'a/b', 'ab'):
    amazon().create_multipart_upload(Bucket=bucket, Key=f'{prefix}/{name}')
print('begun')";
    assert_eq!(place.python(begin).await, "begun");
    place.objects.delete(&key("a")).await.unwrap();
    let left = unfinished(&place, "a").await;
    let expected = format!("['{0}/a/b', '{0}/ab']", place.prefix);
    assert!(left == expected || left == format!("['{0}/ab', '{0}/a/b']", place.prefix), "{left}");
}

pub(crate) async fn a_store_that_does_not_know_us_says_what_to_do() {
    let deployment = reelmill_backends::Deployment::within("".into());
    let opened = |keys: &str, endpoint: &str| {
        let url = format!("s3://reelmill-buckets?endpoint={endpoint}&{keys}&patience_s=2");
        let deployment = deployment.clone();
        async move {
            let objects = reelmill_backends::objects::open(&url, &deployment).await.unwrap();
            objects.check().await.unwrap_err().to_string()
        }
    };
    let nobody = "http://127.0.0.1:1".to_owned();
    for (keys, endpoint, sentence) in [
        ("access_key=reelmill&secret_key=hidden", s3(), "the secret key does not belong to the access key"),
        ("access_key=stranger&secret_key=hidden", s3(), "the store does not know the access key"),
        ("access_key=reelmill&secret_key=hidden", nobody, "Connection refused"),
    ] {
        let said = opened(keys, &endpoint).await;
        assert!(said.contains(sentence) && !said.contains("hidden"), "{said}");
    }
}
