//! Webhooks: made with a secret that is shown once, steered, and what they are sent.

use serde_json::{Value, json};

use crate::mill::{Answer, Ask, Mill, wav};

const AWAY: &str = "https://hook.invalid/mill?of=ann";

async fn add(mill: &Mill, token: &str, wish: &Value) -> Answer {
    mill.call(Ask::post("/v1/webhooks").bearer(token).json(wish)).await
}

/// A webhook and its secret.
async fn hook(mill: &Mill, token: &str) -> (String, String) {
    let answer = add(mill, token, &json!({"url": AWAY})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

async fn log(mill: &Mill, token: &str, hook: &str) -> Vec<Value> {
    let list = mill.call(Ask::get(&format!("/v1/webhooks/{hook}/deliveries")).bearer(token)).await.json();
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_secret_is_shown_when_it_is_made_and_never_again() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    let (id, first) = hook(&mill, &ann).await;
    assert!(first.starts_with("whsec_") && first.len() >= 38, "{first}");
    let rotated = mill.call(Ask::post(&format!("/v1/webhooks/{id}/rotate")).bearer(&ann)).await.json();
    let second = rotated["secret"].as_str().unwrap();
    assert!(second.starts_with("whsec_") && second != first, "{rotated}");
    let enabled = mill.call(Ask::post(&format!("/v1/webhooks/{id}/enable")).bearer(&ann)).await;
    let list = mill.call(Ask::get("/v1/webhooks").bearer(&ann)).await;
    for answer in [&enabled, &list] {
        assert!(answer.status == 200 && !answer.text().contains("secret"), "{answer:?}");
        assert!(!answer.text().contains(&first) && !answer.text().contains(second));
    }
    let listed = list.json();
    let shown = &listed["items"][0];
    let events = json!(["job.done", "job.failed", "job.cancelled"]);
    assert_eq!((&shown["id"], &shown["url"], &shown["events"]), (&json!(id), &json!(AWAY), &events));
    assert_eq!((&shown["state"], &shown["disabled"]), (&json!("enabled"), &Value::Null));
    let gone = mill.call(Ask::delete(&format!("/v1/webhooks/{id}")).bearer(&ann)).await;
    assert_eq!(gone.status, 204);
    assert_eq!(mill.call(Ask::get("/v1/webhooks").bearer(&ann)).await.json()["items"], json!([]));
}

#[tokio::test]
async fn addresses_within_and_wishes_that_mean_nothing_are_refused() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    for url in [
        "http://127.0.0.1/hook",
        "http://2130706433/",
        "https://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "https://10.1.2.3:8443/",
        "https://me:pw@example.org/",
        "ftp://example.org/",
        "example.org/hook",
        "",
    ] {
        add(&mill, &ann, &json!({"url": url})).await.problem(400, "bad-webhook-address");
    }
    for wish in [
        json!({"url": AWAY, "events": ["job.begun"]}),
        json!({"url": AWAY, "secret": "whsec_mine"}),
        json!({"events": []}),
        json!({"url": format!("https://example.org/{}", "a".repeat(3000))}),
    ] {
        add(&mill, &ann, &wish).await.problem(400, "invalid-request");
    }
    for number in 0..10 {
        let wish = json!({"url": format!("https://example.org/{number}"), "events": ["job.failed"]});
        assert_eq!(add(&mill, &ann, &wish).await.status, 201);
    }
    add(&mill, &ann, &json!({"url": AWAY})).await.problem(409, "too-many-webhooks");
}

#[tokio::test]
async fn an_end_is_in_the_log_and_is_sent_once_more_on_a_wish() {
    let mill = Mill::turning().await;
    let ann = mill.member("ann").await;
    let (id, _) = hook(&mill, &ann).await;
    let media = mill.upload(&ann, "a.wav", wav(50)).await;
    let job = mill.submit(&ann, &media, "flac").await;
    mill.over(&ann, &job).await;
    let logged = log(&mill, &ann, &id).await;
    assert_eq!(logged.len(), 1);
    let delivery = &logged[0];
    assert_eq!((&delivery["event"], &delivery["job_id"]), (&json!("job.done"), &json!(job)));
    assert_eq!((&delivery["state"], &delivery["tries"]), (&json!("waiting"), &json!([])));
    assert!(delivery["next_try_at"].as_str().unwrap().ends_with('Z'), "{delivery}");

    let place = format!("/v1/webhooks/{id}/deliveries/{}/replay", delivery["id"].as_str().unwrap());
    let replayed = mill.call(Ask::post(&place).bearer(&ann)).await;
    assert_eq!((replayed.status.as_u16(), &replayed.json()["id"]), (202, &delivery["id"]));
    let replay =
        |body: Value| mill.call(Ask::post(&format!("/v1/webhooks/{id}/replay")).bearer(&ann).json(&body));
    for body in [json!({}), json!({"since": "2026-01-31T09:00:00+01:00"})] {
        let answer = replay(body).await;
        // It was never tried, so that nothing was sent in vain.
        assert_eq!((answer.status.as_u16(), answer.json()), (202, json!({"replayed": 0, "more": false})));
    }
    assert!(replay(json!({"since": "noon"})).await.problem(400, "invalid-request").contains("RFC 3339"));
    mill.stop().await;
}

#[tokio::test]
async fn webhooks_are_their_owners_alone() {
    let mill = Mill::turning().await;
    let (ann, bob) = (mill.member("ann").await, mill.member("bob").await);
    let (id, _) = hook(&mill, &ann).await;
    let media = mill.upload(&ann, "a.wav", wav(50)).await;
    mill.over(&ann, &mill.submit(&ann, &media, "flac").await).await;
    let delivery = log(&mill, &ann, &id).await[0]["id"].as_str().unwrap().to_owned();
    let paths = [
        format!("/v1/webhooks/{id}/rotate"),
        format!("/v1/webhooks/{id}/enable"),
        format!("/v1/webhooks/{id}/deliveries/{delivery}/replay"),
    ];
    for path in &paths {
        mill.call(Ask::post(path).bearer(&bob)).await.problem(404, "not-found");
        mill.call(Ask::post(path)).await.problem(401, "not-signed-in");
    }
    let all = Ask::post(&format!("/v1/webhooks/{id}/replay")).bearer(&bob).json(&json!({}));
    mill.call(all).await.problem(404, "not-found");
    mill.call(Ask::get(&format!("/v1/webhooks/{id}/deliveries")).bearer(&bob))
        .await
        .problem(404, "not-found");
    mill.call(Ask::delete(&format!("/v1/webhooks/{id}")).bearer(&bob)).await.problem(404, "not-found");
    assert_eq!(mill.call(Ask::get("/v1/webhooks").bearer(&bob)).await.json()["items"], json!([]));
    // Another webhook's delivery is none of this one's.
    let (other, _) = hook(&mill, &bob).await;
    let astray = format!("/v1/webhooks/{other}/deliveries/{delivery}/replay");
    mill.call(Ask::post(&astray).bearer(&bob)).await.problem(404, "not-found");
    mill.stop().await;
}
