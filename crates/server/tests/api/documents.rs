//! The OpenAPI document, whole, and the page made of it.

use crate::mill::{Ask, Mill};

#[tokio::test]
async fn the_openapi_document_is_what_it_was() {
    let mill = Mill::idle().await;
    let answer = mill.call(Ask::get("/openapi.json")).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let mut document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    document["info"]["version"] = "any".into();
    insta::assert_snapshot!("openapi", serde_json::to_string_pretty(&document).unwrap());
}

#[tokio::test]
async fn every_call_has_a_summary_a_tag_and_the_shape_of_its_problems() {
    let mill = Mill::idle().await;
    let document = mill.call(Ask::get("/openapi.json")).await.json();
    let mut calls = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, call) in item.as_object().unwrap() {
            assert!(call["summary"].as_str().is_some_and(|said| !said.is_empty()), "{method} {path}");
            assert!(call["tags"][0].is_string(), "{method} {path}");
            calls += 1;
            // The contracts' doors fail in words of their own, and these two never fail in a shape of their own.
            let is_contract = call["tags"][0]
                .as_str()
                .is_some_and(|tag| ["converter", "music", "tasks", "video"].contains(&tag));
            if is_contract || ["/healthz", "/readyz"].contains(&path.as_str()) {
                continue;
            }
            let problem =
                &call["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(problem, "#/components/schemas/Problem", "{method} {path}");
        }
    }
    assert!(calls >= 29, "{calls}");
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let mill = Mill::idle().await;
    let answer = mill.call(Ask::get("/openapi.json")).await;
    let schemas = &answer.json()["components"]["schemas"];
    for after in answer.text().split("#/components/schemas/").skip(1) {
        let name = after.split('"').next().unwrap();
        assert!(schemas[name].is_object(), "{name}");
    }
}

#[tokio::test]
async fn the_docs_page_shows_every_call_and_loads_nothing_from_elsewhere() {
    let mill = Mill::idle().await;
    let document = mill.call(Ask::get("/openapi.json")).await.json();
    let page = mill.call(Ask::get("/docs")).await;
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(page.text().contains(&format!("<code>{path}</code>")), "{path}");
    }
    for attribute in ["src=\"", "href=\""] {
        for address in page.text().split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(address.starts_with('/') || address.starts_with('#'), "{address}");
        }
    }
}
