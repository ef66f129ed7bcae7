//! The page and its assets, asked for over the router.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use tower::ServiceExt;

use super::{assets, router};

async fn answer(path: &str, cookie: &str) -> Response {
    let request = Request::get(path).header("cookie", cookie).body(Body::empty()).unwrap();
    router::<()>().oneshot(request).await.unwrap()
}

async fn text(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn the_page_shows_the_sign_in_form_to_a_browser_without_a_session() {
    let html = text(answer("/", "theme=dark; reelmill_session=").await).await;
    assert!(html.contains(r#"data-signed-in="false""#));
    assert!(html.contains(r#"<div class="workspace" id="workspace" hidden>"#));
}

#[tokio::test]
async fn the_page_shows_the_workspace_to_a_browser_with_a_session() {
    let html = text(answer("/", "theme=dark; reelmill_session=eyJ").await).await;
    assert!(html.contains(r#"data-signed-in="true""#));
    assert!(html.contains(r#"<div class="workspace" id="workspace">"#));
}

#[tokio::test]
async fn everything_that_a_page_loads_is_there_and_is_kept_for_good() {
    let html = text(answer("/", "").await).await;
    let mut loaded = 0;
    for address in html.split('"').filter(|piece| piece.starts_with("/assets/")) {
        let response = answer(address, "").await;
        assert_eq!(response.status(), StatusCode::OK, "{address}");
        assert_eq!(response.headers()["cache-control"], "public, max-age=31536000, immutable");
        loaded += 1;
    }
    assert!(loaded >= 4, "{loaded}");
}

#[tokio::test]
async fn a_file_of_another_build_is_not_kept_and_an_unknown_one_is_not_there() {
    let response = answer("/assets/0000000000000000/main.js", "").await;
    assert_eq!(response.headers()["cache-control"], "no-cache");
    assert_eq!(answer("/assets/0000000000000000/..%2FCargo.toml", "").await.status(), StatusCode::NOT_FOUND);
}

#[test]
fn every_module_that_is_imported_is_embedded() {
    for (name, _, content) in assets::FILES {
        for import in content.lines().filter_map(|line| line.split_once("from \"./")) {
            let wanted = import.1.trim_end_matches([';', '"']);
            assert!(assets::FILES.iter().any(|(known, ..)| *known == wanted), "{name} imports {wanted}");
        }
    }
}

#[tokio::test]
async fn no_page_has_inline_code_or_style() {
    let html = text(answer("/", "").await).await;
    for inline in ["<style", " style=", " onclick=", "javascript:"] {
        assert!(!html.contains(inline), "{inline}");
    }
    assert!(html.split("<script").skip(1).all(|rest| rest.contains("src=") && rest.contains("></script>")));
}
