//! The rules for browsers: Host, Origin, the cookie, and the headers that hold a browser back.

use axum::http::Method;
use reelmill::http::Settings;
use serde_json::json;

use crate::mill::{Ask, Mill, wav};

#[tokio::test]
async fn on_loopback_only_our_own_names_are_served() {
    let settings = Settings { hosts: vec!["mill.example".to_owned()], ..Settings::default() };
    let mill = Mill::with(settings, false).await;
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]", "[::1]:8080", "mill.example:8080"] {
        let answer = mill.call(Ask::get("/healthz").header("host", host)).await;
        assert_eq!(answer.status, 200, "{host}");
    }
    for host in
        ["evil.example", "evil.example:8080", "localhost.evil.example", "192.168.1.2", "127.0.0.1.nip.io", ""]
    {
        mill.call(Ask::get("/healthz").header("host", host)).await.problem(421, "misdirected");
    }
    mill.call(Ask::get("http://evil.example/healthz")).await.problem(421, "misdirected");
}

#[tokio::test]
async fn elsewhere_every_name_is_served() {
    let mill = Mill::with(Settings { is_loopback: false, ..Settings::default() }, false).await;
    let answer = mill.call(Ask::get("/healthz").header("host", "10.0.0.7:8080")).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_change_from_another_sites_page_is_refused() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let key = || Ask::post("/v1/keys").bearer(&token).json(&json!({"name": "x"}));
    for origin in ["http://evil.example", "http://localhost:3000", "http://127.0.0.1:8080", "null", "file://"]
    {
        mill.call(key().header("origin", origin)).await.problem(403, "foreign-origin");
        let delete = Ask::delete("/v1/media/x").bearer(&token).header("origin", origin);
        mill.call(delete).await.problem(403, "foreign-origin");
    }
    mill.call(key().header("sec-fetch-site", "cross-site")).await.problem(403, "foreign-origin");
    mill.call(Ask::post("/login").header("origin", "http://evil.example"))
        .await
        .problem(403, "foreign-origin");
    for origin in ["http://localhost:8080", "HTTP://x"] {
        let answer = mill.call(key().header("origin", origin)).await;
        assert_eq!(answer.status, if origin == "HTTP://x" { 403 } else { 201 }, "{origin}");
    }
    assert_eq!(mill.call(key()).await.status, 201, "a program sends no Origin");
}

#[tokio::test]
async fn an_origin_is_the_same_whatever_way_its_port_is_written_and_behind_a_proxy() {
    let settings = Settings { hosts: vec!["mill.example".to_owned()], ..Settings::default() };
    let mill = Mill::with(settings, false).await;
    let token = mill.member("ann").await;
    for (host, origin) in [
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("mill.example", "https://mill.example"),
        ("mill.example:443", "https://mill.example"),
        ("127.0.0.1:8080", "https://mill.example"),
    ] {
        let ask = Ask::post("/v1/keys").bearer(&token).json(&json!({"name": "x"}));
        let answer = mill.call(ask.header("host", host).header("origin", origin)).await;
        assert_eq!(answer.status, 201, "{host} {origin} {answer:?}");
    }
}

#[tokio::test]
async fn a_websocket_of_another_sites_page_is_refused_and_reading_is_not() {
    let mill = Mill::idle().await;
    let foreign = |ask: Ask| ask.header("origin", "http://evil.example");
    let upgrade = Ask::get("/healthz").header("connection", "upgrade").header("upgrade", "websocket");
    mill.call(foreign(upgrade)).await.problem(403, "foreign-origin");
    for method in [Method::GET, Method::HEAD] {
        assert_eq!(mill.call(foreign(Ask::new(method, "/healthz"))).await.status, 200);
    }
}

#[tokio::test]
async fn a_change_by_cookie_needs_the_browsers_word_for_our_own_page() {
    let mill = Mill::idle().await;
    let cookie = format!("reelmill_session={}", mill.member("ann").await);
    let key = || Ask::post("/v1/keys").header("cookie", &cookie).json(&json!({"name": "x"}));
    mill.call(key()).await.problem(403, "foreign-origin");
    mill.call(key().header("sec-fetch-site", "same-site")).await.problem(403, "foreign-origin");
    for (name, value) in
        [("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none")]
    {
        assert_eq!(mill.call(key().header(name, value)).await.status, 201, "{name}: {value}");
    }
}

#[tokio::test]
async fn no_contracts_door_takes_the_cookie() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let ask = |method, path| {
        Ask::new(method, path)
            .header("cookie", &format!("reelmill_session={token}"))
            .header("sec-fetch-site", "same-origin")
    };
    mill.call(ask(Method::POST, "/upload").multipart(&[(Some("a.wav"), &wav(50))]))
        .await
        .words(401, "missing credentials");
    mill.call(ask(Method::GET, "/download?fid=x")).await.words(401, "missing credentials");
    mill.call(ask(Method::POST, "/validate")).await.words(401, "missing credentials");
}

#[tokio::test]
async fn pages_run_our_own_scripts_only_and_nothing_is_sniffed() {
    let mill = Mill::idle().await;
    for path in ["/", "/docs"] {
        let page = mill.call(Ask::get(path).header("accept", "text/html")).await;
        assert_eq!(page.status, 200);
        assert!(page.header("content-type").starts_with("text/html"));
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        let inline = page
            .text()
            .split("<script")
            .skip(1)
            .any(|script| !script.trim_start().starts_with("type=\"module\" src=\"/"));
        assert!(!inline && !page.text().contains("style=\""), "{path} has code of its own");
    }
    for path in ["/", "/docs", "/healthz", "/openapi.json", "/nothing"] {
        assert_eq!(mill.call(Ask::get(path)).await.header("x-content-type-options"), "nosniff", "{path}");
    }
}
