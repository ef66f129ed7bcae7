//! The converter's contract, row by row and error by error.

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use reelmill_core::Role;
use serde_json::{Value, json};

use crate::mill::{Ask, Mill, PASSWORD, wav};

async fn login(mill: &Mill, name: &str) -> String {
    let answer = mill.call(Ask::post("/login").basic(name, PASSWORD)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text().to_owned()
}

fn claims_of(token: &str) -> Value {
    serde_json::from_slice(&BASE64URL.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn login_answers_the_raw_token_with_the_contracts_claims() {
    let mill = Mill::idle().await;
    mill.member("ann").await;
    let answer = mill.call(Ask::post("/login").basic("ann@mill.example", PASSWORD)).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/plain"));
    let claims = claims_of(answer.text());
    assert_eq!((&claims["username"], &claims["admin"]), (&json!("ann@mill.example"), &json!(false)));
    assert_eq!(claims["sub"], "ann@mill.example");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 24 * 60 * 60);
    assert!(claims["jti"].is_string());
    assert!(!answer.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn login_refuses_in_the_contracts_words() {
    let mill = Mill::idle().await;
    mill.member("ann").await;
    mill.call(Ask::post("/login")).await.words(401, "missing credentials");
    mill.call(Ask::post("/login").bearer("x")).await.words(401, "missing credentials");
    for ask in [
        Ask::post("/login").basic("ann", "wrong"),
        Ask::post("/login").basic("nobody", PASSWORD),
        Ask::post("/login").header("authorization", "Basic !"),
    ] {
        mill.call(ask).await.words(401, "invalid credentials");
    }
}

#[tokio::test]
async fn an_upload_becomes_an_mp3_that_its_owner_downloads() {
    let mill = Mill::turning().await;
    mill.member("ann").await;
    let token = login(&mill, "ann").await;
    let form =
        Ask::post("/upload").bearer(&token).multipart(&[(None, b"a note"), (Some("talk.wav"), &wav(500))]);
    let answer = mill.call(form).await;
    answer.words(200, "success!");
    let id = answer.header("x-job-id").to_owned();
    assert_eq!(answer.header("location"), format!("/v1/jobs/{id}"));
    let job = mill.over(&token, &id).await;
    assert_eq!((&job["state"], &job["profile"]), (&json!("done"), &json!("mp3")), "{job}");

    let fid = job["output"]["fid"].as_str().unwrap();
    let path = format!("/download?fid={fid}");
    let mp3 = mill.call(Ask::get(&path).bearer(&token)).await;
    assert_eq!(mp3.status, 200);
    assert_eq!(mp3.header("content-type"), "audio/mpeg");
    assert_eq!(mp3.header("content-disposition"), "attachment; filename=\"talk.mp3\"");
    assert_eq!(mp3.header("content-length"), mp3.body.len().to_string());
    assert_eq!(mp3.header("accept-ranges"), "bytes");
    assert!(mp3.header("etag").starts_with('"'));
    assert_eq!(mp3.header("content-security-policy"), "sandbox; default-src 'none'");

    let part = mill.call(Ask::get(&path).bearer(&token).header("range", "bytes=1-3")).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &mp3.body[1..4]));
    let outside = mill.call(Ask::get(&path).bearer(&token).header("range", "bytes=99999999-")).await;
    assert_eq!(outside.status, 416);
    assert_eq!(outside.header("content-range"), format!("bytes */{}", mp3.body.len()));
    let head = mill.call(Ask::new(Method::HEAD, &path).bearer(&token)).await;
    assert_eq!((head.status.as_u16(), head.header("content-length")), (200, mp3.header("content-length")));

    let bob = mill.member("bob").await;
    mill.call(Ask::get(&path).bearer(&bob)).await.words(403, "not authorized");
    let output = format!("/v1/outputs/{}", job["output"]["id"].as_str().unwrap());
    for path in [&output, &format!("{output}/content"), &format!("/v1/jobs/{id}")] {
        mill.call(Ask::get(path).bearer(&bob)).await.problem(404, "not-found");
    }
    let admin = mill.account("root", Role::Admin).await;
    assert_eq!(mill.call(Ask::get(&path).bearer(&admin)).await.status, 200);
    mill.stop().await;
}

#[tokio::test]
async fn upload_refuses_in_the_contracts_words() {
    let mill = Mill::idle().await;
    let (token, guest) = (mill.member("ann").await, mill.account("eve", Role::Guest).await);
    let file = wav(50);
    let form = || Ask::post("/upload").multipart(&[(Some("a.wav"), &file)]);
    mill.call(form()).await.words(401, "missing credentials");
    mill.call(form().basic("ann", PASSWORD)).await.words(401, "missing credentials");
    mill.call(form().bearer("nonsense")).await.words(403, "not authorized");
    mill.call(form().bearer(&guest)).await.words(403, "not authorized");
    mill.call(Ask::post("/upload").bearer(&token)).await.words(400, "exactly 1 file required");
    mill.call(Ask::post("/upload").bearer(&token).multipart(&[])).await.words(400, "exactly 1 file required");
    mill.call(Ask::post("/upload").bearer(&token).body(file.clone()))
        .await
        .words(400, "exactly 1 file required");
    mill.is_empty().await;
    assert_eq!(mill.call(form().bearer(&token)).await.status, 200);
}

#[tokio::test]
async fn download_refuses_in_the_contracts_words() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    mill.call(Ask::get("/download?fid=x")).await.words(401, "missing credentials");
    mill.call(Ask::get("/download?fid=x").bearer("nonsense")).await.words(403, "not authorized");
    for path in ["/download", "/download?fid=", "/download?id=x"] {
        mill.call(Ask::get(path).bearer(&token)).await.words(400, "fid is required");
    }
    for fid in
        ["x", "0193a1b2-0000-7000-8000-000000000001", "507f1f77bcf86cd799439011", "..%2F..%2Fcatalog.db"]
    {
        mill.call(Ask::get(&format!("/download?fid={fid}")).bearer(&token)).await.words(404, "not found");
    }
}

#[tokio::test]
async fn validate_says_what_the_token_is() {
    let mill = Mill::idle().await;
    mill.account("root", Role::Admin).await;
    let token = login(&mill, "root").await;
    let answer = mill.call(Ask::post("/validate").bearer(&token)).await;
    let claims = claims_of(&token);
    assert_eq!(
        answer.json(),
        json!({"admin": true, "exp": claims["exp"], "iat": claims["iat"], "username": "root@mill.example"})
    );
    mill.call(Ask::post("/validate")).await.words(401, "missing credentials");
    mill.call(Ask::post("/validate").basic("root", PASSWORD)).await.words(401, "missing credentials");
    let unsigned = format!("{}.{}.", BASE64URL.encode(r#"{"alg":"none"}"#), token.split('.').nth(1).unwrap());
    for wrong in ["x", &unsigned] {
        mill.call(Ask::post("/validate").bearer(wrong)).await.words(403, "not authorized");
    }
    mill.clock.advance(24 * 60 * 60 * 1000);
    mill.call(Ask::post("/validate").bearer(&token)).await.words(403, "not authorized");
}

#[tokio::test]
async fn a_token_of_one_door_is_good_at_the_other() {
    let mill = Mill::idle().await;
    let v1 = mill.member("ann").await;
    let door = login(&mill, "ann").await;
    assert_eq!(mill.call(Ask::get("/v1/me").bearer(&door)).await.status, 200);
    assert_eq!(mill.call(Ask::post("/validate").bearer(&v1)).await.status, 200);
    assert_eq!(mill.call(Ask::delete("/v1/session").bearer(&door)).await.status, 204);
    mill.call(Ask::post("/validate").bearer(&door)).await.words(403, "not authorized");
}
