//! The page at `/admin/videos`: every published video with whose it is, to be edited and deleted.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use reelmill_core::ports::{Page as Part, PageQuery};
use reelmill_service::{Caller, Error, Service, VideoView};

use super::layout::{Place, page_at};
use super::trouble::Trouble;
use super::video_card::{address, still, title, when};
use super::videos::{From, pages};
use super::watch::editing;
use super::{sign_in, words};
use crate::http::{App, Query, Visitor};

/// Rows of one page.
const AT_ONCE: u32 = 50;

/// `GET /admin/videos`
pub(super) async fn show(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Query(from): Query<From>,
) -> Result<Response, Trouble> {
    let Some(caller) = caller else {
        return Ok(Redirect::to(&sign_in::address("/admin/videos")).into_response());
    };
    let part = part(&app.service, &caller, &from).await.map_err(Trouble::of(Some(&caller)))?;
    let place = Place { current: "Admin", ..Place::new("All videos") };
    Ok(page_at(place, true, &body(&part, from.is_later())).into_response())
}

async fn part(service: &Service, caller: &Caller, from: &From) -> Result<Part<VideoView>, Error> {
    let query: PageQuery = from.query(AT_ONCE)?;
    service.video_ledger(caller, query).await
}

fn body(part: &Part<VideoView>, is_later: bool) -> Markup {
    html! {
        div.page-head {
            h1 #ledger-title tabindex="-1" { "All videos" }
        }
        p #ledger-problem .problem role="alert" hidden {}
        p #ledger-none .empty.card hidden[!part.items.is_empty()] { "No video is published." }
        table #ledger .ledger.card aria-labelledby="ledger-title" hidden[part.items.is_empty()] {
            thead {
                tr {
                    th scope="col" { "Video" }
                    th scope="col" { "Owner" }
                    th scope="col" { "Size" }
                    th scope="col" { "Published" }
                    th scope="col" { span.unseen { "Actions" } }
                }
            }
            tbody { @for view in &part.items { (row(view)) } }
        }
        (pages("/admin/videos", part.next, is_later))
        (delete_dialog())
    }
}

fn row(view: &VideoView) -> Markup {
    let video = &view.video;
    let name = title(video);
    html! {
        tr data-video=(video.id) data-title=(name) {
            th scope="row" {
                div.ledger-video {
                    (still(view))
                    a href=(address(video.id, video.size_bytes)) { (name) }
                }
            }
            td data-label="Owner" { (view.owner.as_deref().unwrap_or("nobody")) }
            td.figures data-label="Size" { (words::size(video.size_bytes)) }
            td data-label="Published" { (when(video.published_at)) }
            td {
                div.actions {
                    a.button.secondary href=(editing(video.id)) aria-label={ "Edit " (name) } { "Edit" }
                    button.secondary data-part="delete" type="button" aria-label={ "Delete " (name) } { "Delete" }
                }
            }
        }
    }
}

/// Asks once more before a video is deleted; its heading is filled in by the script.
pub(super) fn delete_dialog() -> Markup {
    html! {
        dialog #delete-dialog aria-labelledby="delete-title" {
            form method="dialog" {
                h2 #delete-title {}
                p { "The video and everything made from it are removed from Reelmill. This cannot be undone." }
                div.actions {
                    button.secondary value="keep" { "Keep" }
                    button.danger value="delete" { "Delete" }
                }
            }
        }
    }
}
