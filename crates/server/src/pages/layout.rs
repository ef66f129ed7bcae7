//! What every page shares: head, navigation, foot.
//!
//! The content security policy (`http/browser.rs`) allows our own files and nothing else, inline code included, so a
//! page's data never becomes its code: scripts fill in text, they do not write markup.

use axum::http::header::{CACHE_CONTROL, VARY};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::assets;

/// A whole page, with its headers when it is answered.
pub(crate) struct Page(Markup);

/// Where a page is: what it is called, and which entry of the navigation leads to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The page's own title.
    pub(crate) title: &'a str,
    /// The entry that it belongs to.
    pub(crate) current: &'a str,
    /// What those who find it elsewhere are told of it.
    pub(crate) description: &'a str,
}

impl<'a> Place<'a> {
    /// A page that the navigation leads to by its own title.
    pub(crate) fn new(title: &'a str) -> Self {
        Self { title, current: title, description: "Turns recordings into the audio files that you want." }
    }
}

/// A page with this title; `signed_in` decides what the navigation offers until the scripts know better.
pub(crate) fn page(title: &str, signed_in: bool, body: &Markup) -> Page {
    page_at(Place::new(title), signed_in, body)
}

/// A page at its place.
pub(crate) fn page_at(place: Place<'_>, signed_in: bool, body: &Markup) -> Page {
    Page(html! {
        (DOCTYPE)
        html lang="en" {
            (head(place))
            body data-signed-in=(signed_in) {
                a.skip href="#main" { "Skip to content" }
                (navigation(place.current, signed_in))
                main #main tabindex="-1" { (body) }
                (foot())
                // Says what changed to those who do not see it; scripts fill it in.
                p #announcer .unseen role="status" aria-live="polite" {}
            }
        }
    })
}

fn head(Place { title, description, .. }: Place<'_>) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            title { (title) " · Reelmill" }
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="theme-color" media="(prefers-color-scheme: light)" content="#f5f7f6";
            meta name="theme-color" media="(prefers-color-scheme: dark)" content="#0f1413";
            meta name="description" content=(description);
            link rel="icon" type="image/svg+xml" href=(assets::url("logo.svg"));
            link rel="stylesheet" href=(assets::url("base.css"));
            link rel="stylesheet" href=(assets::url("convert.css"));
            link rel="stylesheet" href=(assets::url("docs.css"));
            link rel="stylesheet" href=(assets::url("videos.css"));
            script type="module" src=(assets::url("main.js")) {}
        }
    }
}

/// Every page that the navigation leads to: its title, its address.
const PLACES: [(&str, &str); 4] =
    [("Convert", "/"), ("Videos", "/videos"), ("Upload", "/upload-video"), ("API", "/docs")];

/// The pages that have a form to sign in, which no link needs to lead to.
const SIGNING_IN: [&str; 2] = ["Convert", "Sign in"];

fn navigation(current: &str, signed_in: bool) -> Markup {
    html! {
        header.top {
            a.brand href="/" aria-label="Reelmill, home" {
                (PreEscaped(assets::LOGO))
                span { "Reelmill" }
            }
            nav aria-label="Pages" {
                @for (name, address) in PLACES {
                    a href=(address) aria-current=[(name == current).then_some("page")] { (name) }
                }
                // Shown by the script, which knows who is signed in.
                a #admin-link href="/admin/videos" hidden[current != "Admin"]
                    aria-current=[(current == "Admin").then_some("page")] { "Admin" }
            }
            @if !SIGNING_IN.contains(&current) {
                a #sign-in-link .button.secondary.enter href="/sign-in" hidden[signed_in] { "Sign in" }
            }
            div #account .account hidden[!signed_in] {
                span #account-name .account-name {}
                button #sign-out .quiet type="button" { "Sign out" }
            }
        }
    }
}

fn foot() -> Markup {
    html! {
        footer.foot {
            p { "Reelmill " (env!("CARGO_PKG_VERSION")) }
            p { a href="/openapi.json" { "OpenAPI document" } }
        }
    }
}

impl Page {
    /// The page's text, for an answer with headers of its own.
    pub(super) fn into_text(self) -> String {
        self.0.into_string()
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let headers = [
            // It shows who is signed in.
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (VARY, HeaderValue::from_static("cookie")),
            (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        ];
        (headers, Html(self.0.into_string())).into_response()
    }
}
