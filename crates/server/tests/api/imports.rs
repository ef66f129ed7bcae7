//! What nobody uploads: fetched by title or address, converted, and what is refused.

use std::sync::atomic::Ordering;

use reelmill_core::Role;
use serde_json::{Value, json};

use crate::mill::{Ask, Mill};

fn import(token: &str, source: &str) -> Ask {
    Ask::post("/v1/imports").bearer(token).json(&json!({"source": source, "profile": "flac"}))
}

#[tokio::test]
async fn an_import_is_fetched_and_converted() {
    let mill = Mill::turning().await;
    let token = mill.member("ann").await;
    let answer = mill.call(import(&token, "slow song")).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let made = answer.json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/v1/jobs/{id}"));
    assert_eq!((&made["media_id"], &made["plan"]), (&Value::Null, &Value::Null), "{made}");

    let fetching = loop {
        let job = mill.call(Ask::get(&format!("/v1/jobs/{id}")).bearer(&token)).await.json();
        if job["progress"] == 0.5 {
            break job;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((&fetching["stage"], &fetching["media_id"]), (&json!("fetch"), &Value::Null), "{fetching}");
    mill.spring.is_let_go.store(true, Ordering::Relaxed);
    let job = mill.over(&token, id).await;
    assert_eq!((&job["state"], &job["profile"]), (&json!("done"), &json!("flac")), "{job}");
    let media = format!("/v1/media/{}", job["media_id"].as_str().unwrap());
    assert_eq!(mill.call(Ask::get(&media).bearer(&token)).await.json()["name"], "The slow song.wav");
    let bob = mill.member("bob").await;
    mill.call(Ask::get(&media).bearer(&bob)).await.problem(404, "not-found");
    assert_eq!(mill.call(Ask::delete(&media).bearer(&token)).await.status, 204);
    mill.is_empty().await;
    mill.stop().await;
}

#[tokio::test]
async fn an_import_that_the_source_refuses_fails_with_its_reason() {
    let mill = Mill::turning().await;
    let token = mill.member("ann").await;
    let made = mill.call(import(&token, "broken private")).await.json();
    let job = mill.over(&token, made["id"].as_str().unwrap()).await;
    let error = json!({"kind": "source", "message": "the source met private", "reason": "private"});
    assert_eq!((&job["state"], &job["error"], &job["attempt"]), (&json!("failed"), &error, &json!(1)));

    let made = mill.call(import(&token, "rubbish")).await.json();
    let job = mill.over(&token, made["id"].as_str().unwrap()).await;
    assert_eq!(job["error"]["kind"], "unsupported", "{job}");
    assert!(job["error"].get("reason").is_none(), "{job}");
    mill.is_settled().await;
    mill.stop().await;
}

#[tokio::test]
async fn what_cannot_be_imported_is_refused_at_once() {
    let mill = Mill::idle().await;
    let (token, guest) = (mill.member("ann").await, mill.account("eve", Role::Guest).await);
    for (word, status, name) in [
        ("not_found", 404, "nothing-found"),
        ("private", 422, "source-refused"),
        ("forbidden", 422, "source-refused"),
        ("quota", 502, "source-failed"),
        ("unreachable", 503, "source-unavailable"),
        ("tool_missing", 503, "source-unavailable"),
    ] {
        let detail = mill.call(import(&token, &format!("blocked {word}"))).await.problem(status, name);
        assert_eq!(detail, format!("the source met {word}"));
    }
    for source in ["", "  ", "two\nlines", &"x".repeat(2049)] {
        mill.call(import(&token, source)).await.problem(400, "invalid-request");
    }
    let bare = Ask::post("/v1/imports").json(&json!({"source": "song", "profile": "flac"}));
    mill.call(bare).await.problem(401, "not-signed-in");
    mill.call(import(&guest, "song")).await.problem(403, "forbidden");
    let unknown = json!({"source": "song", "profile": "mp9"});
    mill.call(Ask::post("/v1/imports").bearer(&token).json(&unknown)).await.problem(422, "unknown-profile");
    let more = json!({"source": "song", "profile": "mp3", "media_id": "x"});
    mill.call(Ask::post("/v1/imports").bearer(&token).json(&more)).await.problem(400, "invalid-request");
    mill.is_empty().await;
}

#[tokio::test]
async fn the_same_import_under_one_key_is_one_job() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let asked = |source: &str| import(&token, source).header("idempotency-key", "k");
    let first = mill.call(asked("song")).await.json();
    assert_eq!(mill.call(asked("song")).await.json()["id"], first["id"]);
    mill.call(asked("another song")).await.problem(422, "idempotency-key-reused");
    // The same key on another route is another key.
    let media = mill.upload(&token, "a.wav", crate::mill::wav(50)).await;
    let job = json!({"media_id": media, "profile": "mp3"});
    let other = Ask::post("/v1/jobs").bearer(&token).header("idempotency-key", "k").json(&job);
    assert_eq!(mill.call(other).await.status, 202);
}
