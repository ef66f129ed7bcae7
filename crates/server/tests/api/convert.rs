//! `POST /v1/convert`: body in, result out, nothing kept.

use std::sync::Arc;
use std::time::Duration;

use reelmill::http::Settings;

use crate::mill::{Ask, Mill, wav};

#[tokio::test]
async fn the_answer_is_the_result_and_nothing_is_kept() {
    let mill = Mill::turning().await;
    let token = mill.member("ann").await;
    let ask = Ask::post("/v1/convert?to=mp3&bitrate=64k&name=talk.wav").bearer(&token).body(wav(500));
    let answer = mill.call(ask).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "audio/mpeg");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"talk.mp3\"");
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'");
    mill.is_empty().await;

    let form = Ask::post("/v1/convert?profile=flac").bearer(&token).multipart(&[(Some("x.wav"), &wav(100))]);
    let answer = mill.call(form).await;
    assert_eq!((answer.status.as_u16(), &answer.body[..4]), (200, &b"fLaC"[..]), "{answer:?}");
    mill.is_empty().await;
    mill.stop().await;
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused_with_the_settings_name() {
    let settings = Settings { convert_limit_bytes: 1000, ..Settings::default() };
    let mill = Mill::with(settings, false).await;
    let token = mill.member("ann").await;
    let ask = || Ask::post("/v1/convert?to=mp3").bearer(&token);
    let by_length = ask().header("content-length", "1001").body(wav(500));
    let by_bytes = ask().body(wav(500));
    for ask in [by_length, by_bytes] {
        let detail = mill.call(ask).await.problem(413, "too-large");
        assert!(detail.contains("convert_limit") && detail.contains("/v1/jobs"), "{detail}");
    }
    mill.is_empty().await;
}

#[tokio::test]
async fn what_cannot_be_converted_leaves_nothing_either() {
    let mill = Mill::turning().await;
    let token = mill.member("ann").await;
    let ask =
        |query: &str, body: Vec<u8>| Ask::post(&format!("/v1/convert?{query}")).bearer(&token).body(body);
    mill.call(ask("to=mp3", b"no media at all, just words".to_vec())).await.problem(415, "not-media");
    mill.call(ask("to=mp3", Vec::new())).await.problem(400, "empty");
    mill.call(ask("", wav(50))).await.problem(400, "invalid-request");
    mill.call(ask("to=avi", wav(50))).await.problem(400, "invalid-request");
    mill.call(ask("to=mp3&profile=flac", wav(50))).await.problem(400, "invalid-request");
    mill.call(ask("to=mp3&bitrate=fast", wav(50))).await.problem(400, "invalid-request");
    mill.call(ask("to=mp3&speed=2", wav(50))).await.problem(400, "invalid-request");
    mill.call(ask("to=mp3&quality=42", wav(50))).await.problem(422, "unsupported");
    mill.is_empty().await;
    mill.stop().await;
}

#[tokio::test]
async fn a_conversion_that_does_not_end_in_time_is_given_up() {
    let settings = Settings { convert_wait: Duration::from_millis(1), ..Settings::default() };
    let mill = Mill::with(settings, false).await;
    let token = mill.member("ann").await;
    let answer = mill.call(Ask::post("/v1/convert?to=mp3").bearer(&token).body(wav(50))).await;
    answer.problem(503, "not-ready");
    assert!(answer.headers.contains_key("retry-after"));
    mill.is_empty().await;
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_job_with_it() {
    let mill = Arc::new(Mill::idle().await);
    let token = mill.member("ann").await;
    let asking = tokio::spawn({
        let (mill, token) = (Arc::clone(&mill), token.clone());
        async move { mill.call(Ask::post("/v1/convert?to=mp3").bearer(&token).body(wav(50))).await }
    });
    loop {
        let jobs = mill.call(Ask::get("/v1/jobs?state=queued").bearer(&token)).await.json();
        if jobs["items"].as_array().unwrap().len() == 1 {
            break;
        }
        tokio::task::yield_now().await;
    }
    asking.abort();
    mill.is_empty().await;
}
