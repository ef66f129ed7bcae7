//! Whether it lives, whether it is ready, and what it counts.

use reelmill::http::Settings;
use reelmill_core::Role;
use serde_json::json;
use std::sync::Arc;

use crate::mill::{Ask, Mill, wav};

#[tokio::test]
async fn it_lives_and_is_ready_until_it_drains() {
    let mill = Mill::idle().await;
    assert_eq!(mill.call(Ask::get("/healthz")).await.text(), "ok");
    let ready = mill.call(Ask::get("/readyz")).await;
    assert_eq!(ready.status, 200);
    let parts = json!({"catalog": "ok", "objects": "ok", "doorbell": "ok", "notifier": "ok", "source": "ok"});
    assert_eq!(ready.json(), json!({"status": "ready", "parts": parts}));

    mill.app.draining.cancel();
    let draining = mill.call(Ask::get("/readyz")).await;
    assert_eq!((draining.status.as_u16(), &draining.json()["status"]), (503, &json!("draining")));
    assert_eq!(mill.call(Ask::get("/healthz")).await.status, 200);
}

#[tokio::test]
async fn figures_are_for_loopback_allowed_peers_and_administrators() {
    let settings =
        Settings { metrics_peer: Arc::new(|peer| peer.to_string() == "10.0.0.9"), ..Settings::default() };
    let mill = Mill::with(settings, false).await;
    let (member, admin) = (mill.member("ann").await, mill.account("root", Role::Admin).await);
    let scrape = || Ask::get("/metrics");
    for peer in ["127.0.0.1:5", "[::1]:5", "[::ffff:127.0.0.1]:5", "10.0.0.9:5"] {
        assert_eq!(mill.call(scrape().peer(peer)).await.status, 200, "{peer}");
    }
    mill.call(scrape()).await.problem(401, "not-signed-in");
    mill.call(scrape().peer("10.0.0.8:5")).await.problem(401, "not-signed-in");
    for (peer, header) in [
        ("127.0.0.1:5", "x-forwarded-for"),
        ("10.0.0.9:5", "x-forwarded-for"),
        ("10.0.0.9:5", "x-forwarded-host"),
        ("10.0.0.9:5", "forwarded"),
    ] {
        let handed_on = scrape().peer(peer).header(header, "8.8.8.8");
        mill.call(handed_on).await.problem(401, "not-signed-in");
    }
    mill.call(scrape().bearer(&member)).await.problem(403, "forbidden");
    assert_eq!(mill.call(scrape().bearer(&admin)).await.status, 200);
}

#[tokio::test]
async fn requests_jobs_and_uploads_are_counted() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let file = wav(100);
    let size = file.len();
    let media = mill.upload(&token, "a.wav", file).await;
    mill.submit(&token, &media, "mp3").await;
    mill.call(Ask::get("/v1/media/unknown").bearer(&token)).await;
    mill.call(Ask::get("/no/such/thing")).await;
    let page = mill.call(Ask::get("/metrics").peer("127.0.0.1:5")).await;
    assert!(page.header("content-type").starts_with("text/plain; version=0.0.4"));
    for line in [
        &format!("reelmill_upload_bytes_total {size}"),
        "reelmill_jobs{state=\"queued\"} 1",
        "reelmill_http_request_duration_seconds_count{method=\"POST\",route=\"/v1/jobs\",status=\"202\"} 1",
        "reelmill_http_request_duration_seconds_count{method=\"GET\",route=\"/v1/media/{id}\",status=\"404\"} 1",
        "reelmill_http_request_duration_seconds_count{method=\"GET\",route=\"none\",status=\"404\"} 1",
        "reelmill_http_requests_under_way 1",
    ] {
        assert!(page.text().lines().any(|known| known == line), "{line}\n{}", page.text());
    }
}
