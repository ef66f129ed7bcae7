//! The shapes of errors that belong to no call in particular.

use axum::http::Method;
use serde_json::json;

use crate::mill::{Ask, Mill};

#[tokio::test]
async fn an_unknown_address_and_a_wrong_method_are_problems_too() {
    let mill = Mill::idle().await;
    assert!(mill.call(Ask::get("/v1/nothing")).await.problem(404, "not-found").contains("/v1/nothing"));
    let answer = mill.call(Ask::new(Method::PUT, "/v1/jobs")).await;
    answer.problem(405, "method-not-allowed");
    assert!(answer.header("allow").contains("POST"), "{answer:?}");
}

#[tokio::test]
async fn json_that_is_wrong_too_large_or_of_another_type_is_refused() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let ask = || Ask::post("/v1/keys").bearer(&token).header("content-type", "application/json");
    let detail = mill.call(ask().body("{\"name\": ")).await.problem(400, "invalid-request");
    assert!(detail.contains("line 1"), "{detail}");
    let large = json!({"name": "x".repeat(65_536)}).to_string();
    mill.call(ask().body(large.clone())).await.problem(413, "too-large");
    mill.call(ask().header("content-length", "70000").body(large)).await.problem(413, "too-large");
    let form = ask().header("content-type", "application/x-www-form-urlencoded").body("name=x");
    mill.call(form).await.problem(415, "wrong-content-type");
}

#[tokio::test(start_paused = true)]
async fn json_that_does_not_arrive_is_not_waited_for() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let ask = Ask::post("/v1/keys").bearer(&token).header("content-type", "application/json");
    mill.call(ask.stream(futures_util::stream::pending())).await.problem(408, "too-slow");
}

#[tokio::test]
async fn a_parameter_that_is_wrong_is_named() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    for (path, named) in [
        ("/v1/jobs?status=done", "`status`"),
        ("/v1/jobs?state=ready", "`ready`"),
        ("/v1/jobs?limit=0", "limit is 0"),
        ("/v1/media?limit=201", "limit is 201"),
        ("/v1/media?limit=many", "limit"),
        ("/v1/media?cursor=x", "cursor"),
        ("/v1/profiles?media=1", "`media`"),
    ] {
        let detail = mill.call(Ask::get(path).bearer(&token)).await.problem(400, "invalid-request");
        assert!(detail.contains(named), "{path}: {detail}");
    }
}

#[tokio::test]
async fn every_problem_has_its_page() {
    let mill = Mill::idle().await;
    let list = mill.call(Ask::get("/problems")).await;
    let names: Vec<&str> = list
        .text()
        .lines()
        .filter_map(|line| line.split_once("/problems/"))
        .map(|(_, name)| name.trim_end_matches(')'))
        .collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        let page = mill.call(Ask::get(&format!("/problems/{name}"))).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains(name) && page.text().len() > name.len() + 40, "{page:?}");
    }
    mill.call(Ask::get("/problems/none")).await.problem(404, "not-found");
}

#[tokio::test]
async fn every_answer_carries_a_request_id_of_its_own() {
    let mill = Mill::idle().await;
    let (one, other) = (mill.call(Ask::get("/healthz")).await, mill.call(Ask::get("/nothing")).await);
    assert_eq!(one.header("x-request-id").len(), 32);
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
}
