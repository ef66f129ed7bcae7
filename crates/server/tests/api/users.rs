//! `POST /v1/users`: accounts that people make themselves.

use serde_json::json;

use crate::mill::{Ask, Mill, PASSWORD, wav};

#[tokio::test]
async fn while_sign_up_is_off_nobody_makes_an_account() {
    let mill = Mill::idle().await;
    let body = json!({"name": "ann", "email": "ann@mill.example", "password": PASSWORD});
    mill.call(Ask::post("/v1/users").json(&body)).await.problem(403, "sign-up-off");
    let tried = json!({"login": "ann", "password": PASSWORD});
    mill.call(Ask::post("/v1/session").json(&tried)).await.problem(401, "wrong-credentials");
}

#[tokio::test]
async fn an_account_that_somebody_makes_is_a_guests() {
    let mill = Mill::welcoming().await;
    let body = json!({"name": "ann", "email": "Ann@mill.example", "password": PASSWORD});
    let made = mill.call(Ask::post("/v1/users").json(&body)).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["role"], "guest");
    assert!(!made.headers.contains_key("set-cookie"));
    let signed_in = mill.call(Ask::post("/v1/session").basic("ANN@mill.example", PASSWORD)).await.json();
    assert_eq!(signed_in["user"], made.json());
    let token = signed_in["token"].as_str().unwrap();
    mill.call(Ask::post("/v1/media?name=a.wav").bearer(token).body(wav(50))).await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_registration_that_cannot_be_is_refused_with_its_reason() {
    let mill = Mill::welcoming().await;
    mill.member("ann").await;
    for (body, status, problem) in [
        (json!({"name": "b", "email": "ANN@mill.example", "password": PASSWORD}), 409, "email-taken"),
        (json!({"name": "Ann", "email": "b@mill.example", "password": PASSWORD}), 409, "name-taken"),
        (json!({"name": "b", "email": "b", "password": PASSWORD}), 400, "invalid-email"),
        (json!({"name": "b", "email": "b@mill.example", "password": "short"}), 400, "invalid-request"),
        (
            json!({"name": "b", "email": "b@mill.example", "password": PASSWORD, "role": "admin"}),
            400,
            "invalid-request",
        ),
        (json!({"name": "b", "password": PASSWORD}), 400, "invalid-request"),
    ] {
        mill.call(Ask::post("/v1/users").json(&body)).await.problem(status, problem);
    }
}

#[tokio::test]
async fn one_address_cannot_make_accounts_without_end() {
    let mill = Mill::welcoming().await;
    let register = |at: usize| {
        let body = json!({"name": "", "email": format!("no address {at}"), "password": PASSWORD});
        Ask::post("/v1/users").json(&body).peer("192.0.2.7:4000")
    };
    for at in 0..60 {
        mill.call(register(at)).await.problem(400, "invalid-email");
    }
    mill.call(register(60)).await.problem(429, "too-many-tries");
}
