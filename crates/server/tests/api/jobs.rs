//! Jobs from the wish to the result, steered on the way, and what is refused.

use serde_json::{Value, json};

use crate::mill::{Ask, Mill, wav};

#[tokio::test]
async fn a_job_is_done_and_its_output_can_be_read() {
    let mill = Mill::turning().await;
    let token = mill.member("ann").await;
    let media = mill.upload(&token, "talk.wav", wav(500)).await;
    let wish =
        json!({"media_id": media, "profile": "mp3", "overrides": {"bitrate_kbps": 64}, "priority": "bulk"});
    let answer = mill.call(Ask::post("/v1/jobs").bearer(&token).json(&wish)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let made = answer.json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/v1/jobs/{id}"));

    let job = mill.over(&token, id).await;
    assert_eq!(job["state"], "done", "{job}");
    let keys: Vec<&str> = job.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "id",
        "state",
        "stage",
        "progress",
        "media_id",
        "profile",
        "plan",
        "attempt",
        "max_attempts",
        "output",
        "error",
        "created_at",
        "started_at",
        "finished_at",
    ];
    expected.sort_unstable();
    let mut keys = keys;
    keys.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(
        (&job["progress"], &job["attempt"], &job["max_attempts"]),
        (&json!(1.0), &json!(1), &json!(3))
    );
    assert_eq!((&job["stage"], &job["error"]), (&Value::Null, &Value::Null));
    assert!(job["plan"].as_str().unwrap().contains("64 kbit/s"), "{job}");
    assert!(job["finished_at"].as_str().unwrap().ends_with('Z'));

    let output = &job["output"];
    assert_eq!((&output["content_type"], &output["fid"]), (&json!("audio/mpeg"), &output["id"]));
    let path = format!("/v1/outputs/{}", output["id"].as_str().unwrap());
    let shown = mill.call(Ask::get(&path).bearer(&token)).await.json();
    assert_eq!(
        (&shown["name"], &shown["job_id"], &shown["format"]),
        (&json!("talk.mp3"), &job["id"], &json!("mp3"))
    );
    let content = mill.call(Ask::get(&format!("{path}/content")).bearer(&token)).await;
    assert_eq!(content.header("content-type"), "audio/mpeg");
    assert_eq!(content.header("content-disposition"), "inline; filename=\"talk.mp3\"");
    assert_eq!(json!(content.body.len()), output["size_bytes"]);
    let part =
        mill.call(Ask::get(&format!("{path}/content")).bearer(&token).header("range", "bytes=-4")).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &content.body[content.body.len() - 4..]));
    mill.stop().await;
}

#[tokio::test]
async fn a_job_that_waits_is_cancelled_at_once_and_can_be_begun_anew() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let media = mill.upload(&token, "a.wav", wav(50)).await;
    let job = mill.submit(&token, &media, "flac").await;
    let steer = |verb: &str| Ask::post(&format!("/v1/jobs/{job}/{verb}")).bearer(&token);
    let detail = mill.call(steer("retry")).await.problem(409, "wrong-state");
    assert_eq!(detail, "cannot retry a job that is queued");
    let cancelled = mill.call(steer("cancel")).await;
    assert_eq!((cancelled.status.as_u16(), &cancelled.json()["state"]), (200, &json!("cancelled")));
    mill.call(steer("cancel")).await.problem(409, "wrong-state");
    let anew = mill.call(steer("retry")).await;
    assert_eq!((anew.status.as_u16(), &anew.json()["state"]), (202, &json!("queued")));
}

#[tokio::test]
async fn the_list_is_by_state_and_of_the_caller_alone() {
    let mill = Mill::idle().await;
    let (ann, bob) = (mill.member("ann").await, mill.member("bob").await);
    let media = mill.upload(&ann, "a.wav", wav(50)).await;
    let (first, second) = (mill.submit(&ann, &media, "mp3").await, mill.submit(&ann, &media, "flac").await);
    mill.call(Ask::post(&format!("/v1/jobs/{first}/cancel")).bearer(&ann)).await;
    let ids = async |token: &str, query: &str| -> Vec<String> {
        let page = mill.call(Ask::get(&format!("/v1/jobs{query}")).bearer(token)).await.json();
        page["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&ann, "?state=queued").await, [second.as_str()]);
    assert_eq!(ids(&ann, "?state=cancelled").await, [first.as_str()]);
    assert_eq!(ids(&ann, "?state=done").await, [""; 0]);
    assert_eq!(ids(&ann, "").await.len(), 2);
    assert_eq!(ids(&bob, "").await, [""; 0]);
    for ask in [
        Ask::get(&format!("/v1/jobs/{second}")),
        Ask::post(&format!("/v1/jobs/{second}/cancel")),
        Ask::post(&format!("/v1/jobs/{first}/retry")),
    ] {
        mill.call(ask.bearer(&bob)).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn an_idempotency_key_finds_the_job_that_it_made() {
    let mill = Mill::idle().await;
    let (ann, bob) = (mill.member("ann").await, mill.member("bob").await);
    let media = mill.upload(&ann, "a.wav", wav(50)).await;
    let wish = |profile: &str| json!({"media_id": media, "profile": profile});
    let ask = |token: &str, key: &str, body: &Value| {
        Ask::post("/v1/jobs").bearer(token).header("idempotency-key", key).json(body)
    };
    let first = mill.call(ask(&ann, "k1", &wish("mp3"))).await;
    let again = mill.call(ask(&ann, "k1", &wish("mp3"))).await;
    assert_eq!((again.status, again.json()), (first.status, first.json()));
    mill.call(ask(&ann, "k1", &wish("flac"))).await.problem(422, "idempotency-key-reused");
    let other = mill.call(ask(&ann, "k2", &wish("mp3"))).await.json();
    assert_ne!(other["id"], first.json()["id"]);
    let other_media = mill.upload(&bob, "b.wav", wav(50)).await;
    let bobs = mill.call(ask(&bob, "k1", &json!({"media_id": other_media, "profile": "mp3"}))).await;
    assert_eq!(bobs.status, 202, "a key is its account's");
    for bad in ["", &"x".repeat(256)] {
        mill.call(ask(&ann, bad, &wish("mp3"))).await.problem(400, "invalid-request");
    }
}

#[tokio::test]
async fn a_wish_that_cannot_be_granted_is_refused_by_name() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let media = mill.upload(&token, "a.wav", wav(50)).await;
    for (body, status, problem, named) in [
        (json!({"media_id": media, "profile": "avi"}), 422, "unknown-profile", "`avi`"),
        (
            json!({"media_id": media, "profile": "mp3", "overrides": {"bitrate": 3}}),
            400,
            "invalid-request",
            "`bitrate`",
        ),
        (json!({"media_id": media, "profile": "mp3", "colour": "red"}), 400, "invalid-request", "`colour`"),
        (json!({"media_id": media, "profile": "mp3", "priority": "now"}), 400, "invalid-request", "`now`"),
        (json!({"media_id": media}), 400, "invalid-request", "`profile`"),
        (json!({"media_id": "x", "profile": "mp3"}), 404, "not-found", "media"),
        (
            json!({"media_id": media, "profile": "mp3", "overrides": {"bitrate_kbps": 1, "quality": 1}}),
            422,
            "bad-setting",
            "quality",
        ),
        (
            json!({"media_id": media, "profile": "mp3", "overrides": {"quality": 42}}),
            422,
            "bad-setting",
            "42",
        ),
    ] {
        let detail =
            mill.call(Ask::post("/v1/jobs").bearer(&token).json(&body)).await.problem(status, problem);
        assert!(detail.contains(named), "{body}: {detail}");
    }
}

#[tokio::test]
async fn profiles_say_what_they_would_do_with_a_media() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let plain = mill.call(Ask::get("/v1/profiles").bearer(&token)).await.json();
    assert!(plain["items"].as_array().unwrap().iter().all(|profile| profile["plan"].is_null()));
    let media = mill.upload(&token, "a.wav", wav(50)).await;
    let planned = mill.call(Ask::get(&format!("/v1/profiles?media_id={media}")).bearer(&token)).await.json();
    let mp3 = planned["items"].as_array().unwrap().iter().find(|profile| profile["name"] == "mp3").unwrap();
    assert!(mp3["plan"].as_str().unwrap().contains("mp3"), "{mp3}");
    assert_eq!((&mp3["problem"], &mp3["content_type"]), (&Value::Null, &json!("audio/mpeg")));
    assert_eq!(mp3["settings"], json!({"bitrate_kbps": 128, "copy": true}));
    let formats = mill.call(Ask::get("/v1/formats")).await.json();
    assert!(
        formats["writes"].as_array().unwrap().contains(&json!({"name": "mp3", "content_type": "audio/mpeg"}))
    );
    assert!(!formats["reads"].as_array().unwrap().is_empty());
}
