//! The page at `/`: sign in, drop files, choose what they shall become, follow the conversions, play and keep.
//!
//! Rows that come and go are `template` elements here and are filled in by `web/queue.js` and `web/jobs.js`; a part
//! that a script fills is named by `data-part`.

use axum::http::HeaderMap;
use maud::{Markup, html};

use super::layout::{Page, page};
use super::sign_in;

/// `GET /`
pub(super) async fn show(headers: HeaderMap) -> Page {
    let signed_in = super::seems_signed_in(&headers);
    page("Convert", signed_in, &body(signed_in))
}

fn body(signed_in: bool) -> Markup {
    html! {
        noscript {
            p.card.notice { "This page needs JavaScript. Without it, use the command line or the API." }
        }
        (sign_in(signed_in))
        div #workspace .workspace hidden[!signed_in] {
            (composer())
            (conversions())
        }
        (queue_row())
        (profile_choice())
        (job_row())
        (delete_dialog())
    }
}

fn sign_in(signed_in: bool) -> Markup {
    html! {
        section #sign-in .sign-in.card hidden[signed_in] aria-labelledby="sign-in-title" {
            h1 #sign-in-title { "Sign in" }
            p #sign-in-reason .lead { "Recordings in, audio out: on your own machine." }
            (sign_in::form(!signed_in, None))
        }
    }
}

fn composer() -> Markup {
    html! {
        section.composer aria-labelledby="composer-title" {
            h1 #composer-title { "Convert" }
            div.card {
                div #drop-zone .drop {
                    input #files .unseen type="file" multiple aria-describedby="drop-hint";
                    label.drop-label for="files" {
                        (tray())
                        span.drop-title { "Drop files here, or " span.link { "choose them" } }
                        span #drop-hint .hint { "Video or audio, any number" }
                    }
                }
                ul #queue .queue aria-label="Files to convert" hidden {}
                fieldset #profiles .profiles {
                    legend { "Make" }
                    p #profiles-problem .problem role="alert" hidden {}
                    div #profile-choices .choices {}
                }
                button #convert .primary.wide type="button" disabled { "Convert" }
            }
        }
    }
}

fn conversions() -> Markup {
    html! {
        section.conversions aria-labelledby="jobs-title" {
            h2 #jobs-title tabindex="-1" { "Conversions" }
            p #jobs-problem .problem role="alert" hidden {}
            ul #jobs .jobs.card hidden aria-labelledby="jobs-title" {}
            p #jobs-none .none hidden { "Nothing converted yet. What you convert stays here until you delete it." }
            button #jobs-more .secondary.wide type="button" hidden { "Show earlier ones" }
        }
    }
}

/// A tray with an arrow into it.
pub(super) fn tray() -> Markup {
    html! {
        svg.tray viewBox="0 0 32 32" width="32" height="32" aria-hidden="true" {
            path d="M16 4v15m0 0-6-6m6 6 6-6M5 20v4a3 3 0 0 0 3 3h16a3 3 0 0 0 3-3v-4" {}
        }
    }
}

fn bin() -> Markup {
    html! {
        svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" {
            path d="M2.5 4.5h11M6 4.5v-2h4v2m-6 0 .6 9h6.8l.6-9M6.8 7.2v3.8m2.4-3.8v3.8" {}
        }
    }
}

fn queue_row() -> Markup {
    html! {
        template #queue-row {
            li.file {
                div.row-head {
                    span.name data-part="name" {}
                    span.figures data-part="size" {}
                    button.icon data-part="remove" type="button" {
                        svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" {
                            path d="m4 4 8 8m0-8-8 8" {}
                        }
                    }
                }
                progress data-part="progress" max="1" value="0" hidden {}
                p.note data-part="note" hidden {}
                div.trouble data-part="trouble" hidden {
                    p.problem data-part="problem" role="alert" {}
                    button.secondary data-part="again" type="button" { "Try again" }
                }
            }
        }
    }
}

fn profile_choice() -> Markup {
    html! {
        template #profile-choice {
            label.choice {
                input type="radio" name="profile";
                span.choice-title data-part="title" {}
                span.hint data-part="purpose" {}
            }
        }
    }
}

fn job_row() -> Markup {
    html! {
        template #job-row {
            li.job {
                div.job-text {
                    div.row-head {
                        h3.name data-part="name" {}
                        span.state data-part="state" {}
                    }
                    p.meta data-part="meta" {}
                    p.note data-part="plan" hidden {}
                }
                div.actions {
                    button.secondary data-part="play" type="button" { "Play" }
                    a.button.secondary data-part="download" { "Download" }
                    button.secondary data-part="cancel" type="button" { "Cancel" }
                    button.secondary data-part="retry" type="button" { "Try again" }
                    button.icon data-part="delete" type="button" { (bin()) }
                }
                div.running data-part="running" hidden {
                    progress data-part="progress" max="1" {}
                    span.figures data-part="percent" {}
                }
                p.problem data-part="problem" hidden {}
                audio data-part="player" controls preload="none" hidden {}
            }
        }
    }
}

fn delete_dialog() -> Markup {
    html! {
        dialog #delete-dialog aria-labelledby="delete-title" {
            form method="dialog" {
                h2 #delete-title {}
                p { "The original and everything made from it are removed from Reelmill. This cannot be undone." }
                div.actions {
                    button.secondary value="keep" { "Keep" }
                    button.danger value="delete" { "Delete" }
                }
            }
        }
    }
}
