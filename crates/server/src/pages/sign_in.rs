//! The pages at `/sign-in` and `/register`, and the form to sign in that `/` has as well.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Place, page_at};
use crate::http::{App, Problem, Query, Visitor};

/// Where somebody goes who came from nowhere.
const HOME: &str = "/videos";

#[derive(Debug, Default, Deserialize)]
pub(super) struct Next {
    /// The page to go on to.
    next: Option<String>,
}

impl Next {
    /// A page of ours and of nobody else's: an address that begins with two slashes is another server's.
    fn address(&self) -> &str {
        let ours = |next: &&str| {
            let rest = next.strip_prefix('/').unwrap_or("/");
            !rest.starts_with(['/', '\\']) && !next.chars().any(char::is_control)
        };
        self.next.as_deref().filter(ours).unwrap_or(HOME)
    }
}

/// The address that signs in and comes back.
pub(super) fn address(next: &str) -> String {
    let escaped = next.replace('%', "%25").replace('&', "%26").replace('+', "%2B").replace('#', "%23");
    format!("/sign-in?next={escaped}")
}

/// `GET /sign-in`
pub(super) async fn show(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Query(next): Query<Next>,
) -> Response {
    if caller.is_some() {
        return Redirect::to(next.address()).into_response();
    }
    let body = html! {
        section #sign-in .sign-in.card aria-labelledby="sign-in-title" {
            h1 #sign-in-title { "Sign in" }
            p #sign-in-reason .lead { "Watching needs no account; uploading does." }
            (form(true, Some(next.address())))
            @if app.service.options().is_sign_up_open {
                p.aside { "No account yet? " a href="/register" { "Register" } }
            }
        }
    };
    page_at(Place::new("Sign in"), false, &body).into_response()
}

/// The form; `next` is where the script goes on to, where that is another page.
pub(super) fn form(takes_focus: bool, next: Option<&str>) -> Markup {
    html! {
        // Posts even where the script did not load, so that a password never gets into an address.
        form #sign-in-form method="post" action="/v1/session" data-next=[next] {
            div.field {
                label for="login" { "E-mail or name" }
                input #login name="login" type="text" autocomplete="username" autocapitalize="none"
                    spellcheck="false" required autofocus[takes_focus] aria-describedby="sign-in-problem";
            }
            div.field {
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="current-password" required
                    aria-describedby="sign-in-problem";
            }
            p #sign-in-problem .problem role="alert" hidden {}
            button.primary type="submit" { "Sign in" }
        }
    }
}

/// `GET /register`
pub(super) async fn show_register(
    State(app): State<App>,
    Visitor(caller): Visitor,
) -> Result<Response, Problem> {
    let place = Place { current: "Sign in", ..Place::new("Register") };
    if caller.is_some() {
        return Ok(Redirect::to(HOME).into_response());
    }
    if !app.service.options().is_sign_up_open {
        let body = html! {
            section.message.card aria-labelledby="message-title" {
                h1 #message-title { "No registration here" }
                p.lead {
                    "Whoever runs this server makes the accounts. Ask an administrator for one; watching needs none."
                }
                p.actions {
                    a.button.secondary href=(HOME) { "All videos" }
                    a.button.secondary href="/sign-in" { "Sign in" }
                }
            }
        };
        return Ok((StatusCode::FORBIDDEN, page_at(place, false, &body)).into_response());
    }
    Ok(page_at(place, false, &registration()).into_response())
}

fn registration() -> Markup {
    html! {
        section.sign-in.card aria-labelledby="register-title" {
            h1 #register-title { "Register" }
            p.lead { "A new account is a guest’s. An administrator can let it upload." }
            form #register-form method="post" action="/v1/users" data-next=(HOME) {
                div.field {
                    label for="name" { "Name" }
                    input #name name="name" type="text" autocomplete="nickname" maxlength="200" required autofocus
                        aria-describedby="register-problem";
                }
                div.field {
                    label for="email" { "E-mail" }
                    input #email name="email" type="email" autocomplete="email" maxlength="254" required
                        aria-describedby="register-problem";
                }
                div.field {
                    label for="new-password" { "Password" }
                    input #new-password name="password" type="password" autocomplete="new-password" minlength="8"
                        required aria-describedby="password-hint register-problem";
                    p #password-hint .hint { "8 characters at least" }
                }
                p #register-problem .problem role="alert" hidden {}
                button.primary type="submit" { "Register" }
            }
            p.aside { "Have an account? " a href="/sign-in" { "Sign in" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_ours_is_gone_on_to() {
        let address = |next: &str| Next { next: Some(next.to_owned()) }.address().to_owned();
        for ours in ["/", "/watch?v=x.mp4&size=3", "/admin/videos"] {
            assert_eq!(address(ours), ours);
        }
        for foreign in
            ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "", "/\t/evil.example"]
        {
            assert_eq!(address(foreign), HOME, "{foreign:?}");
        }
    }
}
