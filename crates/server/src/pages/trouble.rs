//! What a page says that cannot be shown: why, and where to go instead.

use axum::response::{IntoResponse, Response};
use maud::html;
use reelmill_service::{Caller, Error};

use super::layout::{Place, page_at};
use crate::http::Problem;

/// A page that could not be made, with the answer's status.
pub(super) struct Trouble {
    problem: Problem,
    is_signed_in: bool,
}

impl Trouble {
    /// Whose page it is, so that the navigation says the same as on every other.
    pub(super) fn of(caller: Option<&Caller>) -> impl Fn(Error) -> Self {
        let is_signed_in = caller.is_some();
        move |error| Self { problem: error.into(), is_signed_in }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let title = match self.problem.status.as_u16() {
            404 => "Not found",
            403 => "Not for this account",
            status if status < 500 => "That did not work",
            _ => "Something is wrong here",
        };
        let body = html! {
            section.message.card aria-labelledby="message-title" {
                h1 #message-title { (title) }
                p.lead { (sentence(&self.problem.detail)) }
                p.actions {
                    a.button.secondary href="/videos" { "All videos" }
                    @if !self.is_signed_in && self.problem.status == 404 {
                        a.button.secondary href="/sign-in" { "Sign in" }
                    }
                }
            }
        };
        let page = page_at(Place { current: "", ..Place::new(title) }, self.is_signed_in, &body);
        self.problem.into_response_with("text/html; charset=utf-8", page.into_text())
    }
}

/// A message (lower case, no full stop) as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let begun = letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>());
    begun.map(|begun| format!("{begun}.")).unwrap_or_default()
}
