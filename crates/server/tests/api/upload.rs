//! Uploads that nobody should send: each gets its answer, and nothing of it is kept.

use axum::body::Bytes;
use futures_util::{StreamExt, stream};

use crate::mill::{Ask, Mill, wav};

/// Both ways in that take multipart, with the words that they refuse by.
const WAYS: [&str; 2] = ["/v1/media", "/upload"];

#[tokio::test]
async fn two_file_parts_are_refused_wherever_they_stand() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let file = wav(50);
    let two: [&[(Option<&str>, &[u8])]; 3] = [
        &[(Some("a.wav"), &file), (Some("b.wav"), &file)],
        &[(Some("a.wav"), &file), (None, b"text"), (Some("b.wav"), b"")],
        &[(None, b"text")],
    ];
    for parts in two {
        let v1 = mill.call(Ask::post("/v1/media").bearer(&token).multipart(parts)).await;
        assert_eq!(v1.problem(400, "one-file"), "exactly 1 file required");
        let door = mill.call(Ask::post("/upload").bearer(&token).multipart(parts)).await;
        door.words(400, "exactly 1 file required");
        mill.is_empty().await;
    }
}

#[tokio::test]
async fn ten_gibibytes_are_refused_before_a_byte_is_read() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let unread = || {
        stream::poll_fn(|_| -> std::task::Poll<Option<std::io::Result<Bytes>>> {
            panic!("the body was read")
        })
    };
    let raw = Ask::post("/v1/media?name=a.wav").bearer(&token);
    let large = |ask: Ask| ask.header("content-length", "10737418240").stream(unread());
    mill.call(large(raw)).await.problem(413, "too-large");
    for way in WAYS {
        let form = Ask::post(way).bearer(&token).header("content-type", "multipart/form-data; boundary=edge");
        assert_eq!(mill.call(large(form)).await.status, 413, "{way}");
    }
    mill.is_empty().await;
}

#[tokio::test]
async fn an_upload_past_the_limit_without_a_length_is_cut_there() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[0; 16_384])));
    let answer = mill.call(Ask::post("/v1/media?name=a.wav").bearer(&token).stream(endless)).await;
    assert!(answer.problem(413, "too-large").contains("8388608"));
    mill.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_falls_silent_is_given_up() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let started = |text: &'static [u8]| stream::iter([Ok(Bytes::from_static(text))]).chain(stream::pending());
    let raw = Ask::post("/v1/media?name=a.wav").bearer(&token).stream(started(b"RIFF"));
    mill.call(raw).await.problem(408, "too-slow");
    let in_file: &[u8] = b"--edge\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\nRIFF";
    let in_head: &[u8] = b"--edge\r\nContent-Disp";
    let after_file: &[u8] =
        b"--edge\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\nRIFF\r\n--edge\r\n";
    for way in WAYS {
        for text in [in_file, in_head, after_file] {
            let form =
                Ask::post(way).bearer(&token).header("content-type", "multipart/form-data; boundary=edge");
            assert_eq!(mill.call(form.stream(started(text))).await.status, 408, "{way}");
        }
    }
    mill.is_empty().await;
}

#[tokio::test]
async fn a_body_that_is_cut_is_no_file() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let lost = || stream::iter([Ok(Bytes::from(wav(50))), Err(std::io::Error::other("reset"))]);
    mill.call(Ask::post("/v1/media?name=a.wav").bearer(&token).stream(lost())).await.problem(400, "cut-off");
    let unended: &[u8] =
        b"--edge\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\nRIFF\r\n--edge";
    for way in WAYS {
        let form = Ask::post(way).bearer(&token).header("content-type", "multipart/form-data; boundary=edge");
        assert_eq!(mill.call(form.body(unended)).await.status, 400, "{way}");
    }
    mill.is_empty().await;
}

#[tokio::test]
async fn what_is_no_media_or_nothing_at_all_is_refused() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let words: &[u8] = b"these are words, whatever the name says";
    mill.call(Ask::post("/v1/media?name=a.mp3").bearer(&token).body(words)).await.problem(415, "not-media");
    mill.call(Ask::post("/v1/media?name=a.mp3").bearer(&token)).await.problem(400, "empty");
    let form = Ask::post("/upload").bearer(&token).multipart(&[(Some("a.mp4"), words)]);
    assert_eq!(mill.call(form).await.status, 415);
    let form = Ask::post("/upload").bearer(&token).multipart(&[(Some(""), b"")]);
    assert_eq!(mill.call(form).await.status, 400);
    mill.is_empty().await;
}

#[tokio::test]
async fn a_path_as_a_file_name_becomes_a_name() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    for (given, kept) in [("../../etc/passwd", "passwd"), (r"C:\music\a.wav", "a.wav"), ("", "untitled")] {
        let form = Ask::post("/v1/media").bearer(&token).multipart(&[(Some(given), &wav(50))]);
        assert_eq!(mill.call(form).await.json()["name"], kept);
    }
    let raw = mill.call(Ask::post("/v1/media?name=..%2F..%2Fa.wav").bearer(&token).body(wav(50))).await;
    assert_eq!(raw.json()["name"], "a.wav");
}

#[tokio::test]
async fn a_multipart_body_without_a_boundary_is_refused() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let form = Ask::post("/v1/media").bearer(&token).header("content-type", "multipart/form-data").body("x");
    assert!(mill.call(form).await.problem(400, "invalid-request").contains("boundary"));
}

#[tokio::test]
async fn a_panic_is_a_fault_of_ours_without_a_word_of_its_own() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let trap =
        || stream::poll_fn(|_| -> std::task::Poll<Option<std::io::Result<Bytes>>> { panic!("a secret") });
    let v1 = mill.call(Ask::post("/v1/media?name=a.wav").bearer(&token).stream(trap())).await;
    assert!(!v1.problem(500, "internal").contains("secret"));
    let form =
        Ask::post("/upload").bearer(&token).header("content-type", "multipart/form-data; boundary=edge");
    mill.call(form.stream(trap())).await.words(500, "internal server error");
    mill.is_empty().await;
}
