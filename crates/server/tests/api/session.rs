//! Signing in and out, the cookie, API keys, and every wrong credential.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::json;

use crate::mill::{Ask, Mill, PASSWORD};

fn cookie_of(answer: &crate::mill::Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_session_begins_by_json_or_basic_and_ends_by_delete() {
    let mill = Mill::idle().await;
    mill.member("ann").await;
    let bodies = [
        json!({"login": "ANN", "password": PASSWORD}),
        json!({"login": "ann@mill.example", "password": PASSWORD}),
        json!({"email": "ann@mill.example", "password": PASSWORD}),
    ];
    let mut asks: Vec<Ask> = bodies.iter().map(|body| Ask::post("/v1/session").json(body)).collect();
    asks.push(Ask::post("/v1/session").basic("ann", PASSWORD));
    for ask in asks {
        let answer = mill.call(ask).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let session = answer.json();
        assert_eq!(session["user"]["email"], "ann@mill.example");
        assert_eq!(session["user"]["role"], "member");
        assert!(session["expires_at"].as_str().unwrap().ends_with('Z'));
        let token = session["token"].as_str().unwrap();
        let me = mill.call(Ask::get("/v1/me").bearer(token)).await;
        assert_eq!(me.json(), session["user"]);
        assert_eq!(mill.call(Ask::delete("/v1/session").bearer(token)).await.status, 204);
        mill.call(Ask::get("/v1/me").bearer(token)).await.problem(401, "not-signed-in");
    }
}

#[tokio::test]
async fn an_account_says_itself_whether_it_is_written_to() {
    let mill = Mill::idle().await;
    let (ann, bob) = (mill.member("ann").await, mill.member("bob").await);
    let of = async |token: &str| mill.call(Ask::get("/v1/me").bearer(token)).await.json();
    assert_eq!(of(&ann).await["email_notifications"], false);
    let ask = |body| Ask::patch("/v1/me").bearer(&ann).json(&body);
    let changed = mill.call(ask(json!({"email_notifications": true}))).await;
    assert_eq!((changed.status.as_u16(), changed.json()), (200, of(&ann).await));
    assert_eq!(of(&ann).await["email_notifications"], true);
    assert_eq!(of(&bob).await["email_notifications"], false);
    for wrong in [json!({}), json!({"email_notifications": "yes"}), json!({"role": "admin"})] {
        mill.call(ask(wrong)).await.problem(400, "invalid-request");
    }
    assert_eq!(of(&ann).await["role"], "member");
    let nobody = Ask::patch("/v1/me").json(&json!({"email_notifications": true}));
    mill.call(nobody).await.problem(401, "not-signed-in");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_not_told_apart() {
    let mill = Mill::idle().await;
    mill.member("ann").await;
    let wrong = mill.call(Ask::post("/v1/session").json(&json!({"login": "ann", "password": "wrong"}))).await;
    let unknown =
        mill.call(Ask::post("/v1/session").json(&json!({"login": "bob", "password": "wrong"}))).await;
    assert_eq!(wrong.problem(401, "wrong-credentials"), unknown.problem(401, "wrong-credentials"));
    assert!(!wrong.headers.contains_key("set-cookie"));
    let garbled = mill.call(Ask::post("/v1/session").header("authorization", "Basic ???")).await;
    garbled.problem(401, "not-signed-in");
}

#[tokio::test]
async fn a_login_of_a_wrong_shape_is_refused_by_the_fields_name() {
    let mill = Mill::idle().await;
    for (body, named) in [
        (json!({"login": "a", "password": "b", "remember": true}), "`remember`"),
        (json!({"login": "a"}), "`password`"),
        (json!({"password": "b"}), "`login`"),
        (json!({"login": "a", "email": "a", "password": "b"}), "`login`"),
        (json!({"login": 1, "password": "b"}), "integer `1`"),
    ] {
        let detail = mill.call(Ask::post("/v1/session").json(&body)).await.problem(400, "invalid-request");
        assert!(detail.contains(named), "{detail}");
    }
}

#[tokio::test]
async fn the_cookie_is_out_of_a_scripts_reach_and_signs_in_on_v1() {
    let mill = Mill::idle().await;
    mill.member("ann").await;
    let answer = mill.call(Ask::post("/v1/session").basic("ann", PASSWORD)).await;
    let set = answer.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=86400"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure"), "{set}");
    let cookie = cookie_of(&answer);
    let me = mill.call(Ask::get("/v1/me").header("cookie", &format!("theme=dark; {cookie}"))).await;
    assert_eq!(me.json()["name"], "ann");

    let out = mill
        .call(Ask::delete("/v1/session").header("cookie", &cookie).header("origin", "http://localhost:8080"));
    let out = out.await;
    assert_eq!(out.status, 204, "{out:?}");
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    mill.call(Ask::get("/v1/me").header("cookie", &cookie)).await.problem(401, "not-signed-in");
}

#[tokio::test]
async fn the_cookie_is_secure_where_clients_come_by_https() {
    let settings = reelmill::http::Settings { is_https: true, ..Default::default() };
    let mill = Mill::with(settings, false).await;
    mill.member("ann").await;
    let answer = mill.call(Ask::post("/v1/session").basic("ann", PASSWORD)).await;
    assert!(answer.header("set-cookie").ends_with("; Secure"));
}

#[tokio::test]
async fn the_header_wins_over_the_cookie() {
    let mill = Mill::idle().await;
    let (ann, bob) = (mill.member("ann").await, mill.member("bob").await);
    let cookie = format!("reelmill_session={ann}");
    let me = mill.call(Ask::get("/v1/me").bearer(&bob).header("cookie", &cookie)).await;
    assert_eq!(me.json()["name"], "bob");
    for wrong in ["Bearer nonsense", "Bearer", "Basic YTpi"] {
        let ask = Ask::get("/v1/me").header("authorization", wrong).header("cookie", &cookie);
        mill.call(ask).await.problem(401, "not-signed-in");
    }
}

#[tokio::test]
async fn a_wrong_an_expired_and_an_unsigned_token_are_refused() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let claims = token.split('.').nth(1).unwrap();
    let unsigned = format!("{}.{claims}.", BASE64URL.encode(r#"{"alg":"none","typ":"JWT"}"#));
    let signature = token.rsplit('.').next().unwrap();
    let relabelled = format!("{}.{claims}.{signature}", BASE64URL.encode(r#"{"alg":"none","typ":"JWT"}"#));
    for wrong in ["x", "a.b.c", &unsigned, &relabelled, &token[..token.len() - 2], "reelmill_x"] {
        let answer = mill.call(Ask::get("/v1/me").bearer(wrong)).await;
        answer.problem(401, "not-signed-in");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    assert_eq!(mill.call(Ask::get("/v1/me").bearer(&token)).await.status, 200);
    mill.clock.advance(24 * 60 * 60 * 1000);
    mill.call(Ask::get("/v1/me").bearer(&token)).await.problem(401, "not-signed-in");
}

#[tokio::test]
async fn without_any_credential_every_call_of_an_account_answers_401() {
    let mill = Mill::idle().await;
    let id = "0193a1b2-0000-7000-8000-000000000001";
    let asks = [
        Ask::get("/v1/me"),
        Ask::delete("/v1/session"),
        Ask::get("/v1/keys"),
        Ask::post("/v1/keys").json(&json!({"name": "x"})),
        Ask::delete(&format!("/v1/keys/{id}")),
        Ask::post("/v1/media?name=a.wav").body("x"),
        Ask::get("/v1/media"),
        Ask::get(&format!("/v1/media/{id}")),
        Ask::delete(&format!("/v1/media/{id}")),
        Ask::get(&format!("/v1/media/{id}/content")),
        Ask::post("/v1/jobs").json(&json!({"media_id": id, "profile": "mp3"})),
        Ask::get("/v1/jobs"),
        Ask::get(&format!("/v1/jobs/{id}")),
        Ask::post(&format!("/v1/jobs/{id}/cancel")),
        Ask::post(&format!("/v1/jobs/{id}/retry")),
        Ask::get(&format!("/v1/outputs/{id}")),
        Ask::get(&format!("/v1/outputs/{id}/content")),
        Ask::get("/v1/profiles"),
        Ask::post("/v1/convert?to=mp3").body("x"),
        Ask::put(&format!("/v1/videos/{id}")).json(&json!({"title": "x"})),
        Ask::delete(&format!("/v1/videos/{id}")),
        Ask::put(&format!("/v1/videos/{id}/thumbnail")).body("x"),
    ];
    for ask in asks {
        mill.call(ask).await.problem(401, "not-signed-in");
    }
}

#[tokio::test]
async fn an_api_key_is_shown_once_works_until_it_is_deleted_and_is_its_owners() {
    let mill = Mill::idle().await;
    let (ann, bob) = (mill.member("ann").await, mill.member("bob").await);
    let made = mill.call(Ask::post("/v1/keys").bearer(&ann).json(&json!({"name": "script"}))).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(mill.call(Ask::get("/v1/me").bearer(secret)).await.json()["name"], "ann");

    let listed = mill.call(Ask::get("/v1/keys").bearer(&ann)).await.json();
    assert_eq!(listed["items"][0]["name"], "script");
    assert_eq!(listed["items"][0].get("secret"), None);
    assert_eq!(listed["next"], serde_json::Value::Null);
    assert_eq!(mill.call(Ask::get("/v1/keys").bearer(&bob)).await.json()["items"], json!([]));

    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    mill.call(Ask::delete(&path).bearer(&bob)).await.problem(404, "not-found");
    assert_eq!(mill.call(Ask::delete(&path).bearer(&ann)).await.status, 204);
    mill.call(Ask::get("/v1/me").bearer(secret)).await.problem(401, "not-signed-in");
    mill.call(Ask::post("/v1/keys").bearer(&ann).json(&json!({"name": " "})))
        .await
        .problem(400, "invalid-request");
}
