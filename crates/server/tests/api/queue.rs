//! The queue as a whole: paused, begun anew, cleared of what is old, by those who may.

use reelmill_core::Role;
use serde_json::json;

use crate::mill::{Ask, Mill, wav};

#[tokio::test]
async fn a_paused_queue_is_shown_and_begins_nothing_until_it_is_resumed() {
    let mill = Mill::turning().await;
    let (boss, ann) = (mill.account("boss", Role::Admin).await, mill.member("ann").await);
    let ask = |ask: Ask| mill.call(ask.bearer(&boss));
    let idle = json!({"queued": 0, "running": 0, "done": 0, "failed": 0, "cancelled": 0});
    let shown = ask(Ask::get("/v1/queue")).await.json();
    assert_eq!(shown, json!({"paused": false, "paused_since": null, "jobs": idle}));

    let paused = ask(Ask::post("/v1/queue/pause")).await.json();
    assert_eq!(paused["paused"], true);
    assert!(paused["paused_since"].as_str().unwrap().ends_with('Z'), "{paused}");
    assert_eq!(ask(Ask::post("/v1/queue/pause")).await.json()["paused_since"], paused["paused_since"]);
    let media = mill.upload(&ann, "a.wav", wav(50)).await;
    let job = mill.submit(&ann, &media, "flac").await;
    // Some polls long.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(ask(Ask::get("/v1/queue")).await.json()["jobs"]["queued"], 1);
    assert!(ask(Ask::get("/metrics")).await.text().contains("\nreelmill_queue_paused 1\n"));

    assert_eq!(ask(Ask::post("/v1/queue/resume")).await.json()["paused"], false);
    assert_eq!(mill.over(&ann, &job).await["state"], "done");
    assert!(ask(Ask::get("/metrics")).await.text().contains("\nreelmill_queue_paused 0\n"));
    mill.stop().await;
}

#[tokio::test]
async fn the_whole_queue_is_for_administrators() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    let all = json!({"jobs_older_than_ms": 0});
    for ask in [
        Ask::get("/v1/queue"),
        Ask::post("/v1/queue/pause"),
        Ask::post("/v1/queue/resume"),
        Ask::post("/v1/jobs/retry-failed?all=true"),
        Ask::post("/v1/purge").json(&all),
    ] {
        mill.call(ask.bearer(&ann)).await.problem(403, "forbidden");
    }
    mill.call(Ask::post("/v1/queue/pause")).await.problem(401, "not-signed-in");
}

#[tokio::test]
async fn failed_jobs_are_begun_anew_together() {
    let mill = Mill::turning().await;
    let (boss, ann) = (mill.account("boss", Role::Admin).await, mill.member("ann").await);
    mill.call(Ask::post("/v1/queue/pause").bearer(&boss)).await;
    let retry = |token: &str, query: &str| {
        mill.call(Ask::post(&format!("/v1/jobs/retry-failed{query}")).bearer(token))
    };
    let none = retry(&ann, "").await;
    assert_eq!((none.status.as_u16(), none.json()), (202, json!({"retried": 0, "more": false})));
    assert_eq!(retry(&boss, "?all=true").await.json(), json!({"retried": 0, "more": false}));
    retry(&ann, "?everybody=true").await.problem(400, "invalid-request");
    mill.stop().await;
}

#[tokio::test]
async fn a_purge_says_what_it_took() {
    let mill = Mill::turning().await;
    let (boss, ann) = (mill.account("boss", Role::Admin).await, mill.member("ann").await);
    let media = mill.upload(&ann, "a.wav", wav(50)).await;
    let job = mill.submit(&ann, &media, "flac").await;
    let output = mill.over(&ann, &job).await["output"]["id"].as_str().unwrap().to_owned();
    let purge = |ages: serde_json::Value| mill.call(Ask::post("/v1/purge").bearer(&boss).json(&ages));
    let hour = json!({"jobs_older_than_ms": 3_600_000, "media_older_than_ms": 3_600_000});
    let nothing = json!({"jobs": 0, "outputs": 0, "media": 0, "more": false});
    assert_eq!(purge(hour.clone()).await.json(), nothing);
    mill.clock.advance(3_600_001);
    let purged = json!({"jobs": 1, "outputs": 1, "media": 1, "more": false});
    assert_eq!(purge(hour).await.json(), purged);
    mill.call(Ask::get(&format!("/v1/outputs/{output}")).bearer(&ann)).await.problem(404, "not-found");
    mill.is_empty().await;

    assert!(purge(json!({})).await.problem(400, "invalid-request").contains("jobs_older_than_ms"));
    purge(json!({"older": 1})).await.problem(400, "invalid-request");
    mill.stop().await;
}
