//! The page at `/videos`: every published video, the newest first, so many at a time.

use axum::extract::State;
use maud::{Markup, html};
use reelmill_core::ports::{Page as Part, PageQuery};
use reelmill_service::{Error, VideoView};
use serde::Deserialize;
use uuid::Uuid;

use super::layout::{Page, Place, page_at};
use super::trouble::Trouble;
use super::video_card::card;
use crate::http::{App, Query, Visitor};

/// Videos of one page: whole rows of two, three and four.
const AT_ONCE: u32 = 24;

#[derive(Debug, Deserialize)]
pub(super) struct From {
    /// The last video of the page before.
    cursor: Option<String>,
}

impl From {
    /// Whether there was a page before.
    pub(super) fn is_later(&self) -> bool {
        self.cursor.is_some()
    }

    /// The part of a list that begins there.
    pub(super) fn query(&self, limit: u32) -> Result<PageQuery, Error> {
        let wrong =
            |_| Error::invalid("the address has a cursor that is none of ours; begin anew at the newest");
        let after = self.cursor.as_deref().map(Uuid::parse_str).transpose().map_err(wrong)?;
        Ok(PageQuery { limit, after })
    }
}

/// `GET /videos`
pub(super) async fn show(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Query(from): Query<From>,
) -> Result<Page, Trouble> {
    let trouble = Trouble::of(caller.as_ref());
    let query = from.query(AT_ONCE).map_err(&trouble)?;
    let part = app.service.video_page(query).await.map_err(&trouble)?;
    let place = Place { description: "Videos, the newest first.", ..Place::new("Videos") };
    Ok(page_at(place, caller.is_some(), &body(&part, from.is_later())))
}

fn body(part: &Part<VideoView>, is_later: bool) -> Markup {
    html! {
        div.page-head {
            h1 { "Videos" }
            a.button.primary href="/upload-video" { "Upload a video" }
        }
        @if part.items.is_empty() {
            div.empty.card {
                (reel())
                @if is_later {
                    p { "There are no older videos." }
                } @else {
                    h2 { "Nothing here yet" }
                    p.lead { "The first video that somebody publishes shows up here." }
                }
            }
        } @else {
            ul.video-grid aria-label="Videos" { @for view in &part.items { (card(view)) } }
        }
        (pages("/videos", part.next, is_later))
    }
}

/// A wheel of film, empty.
fn reel() -> Markup {
    html! {
        svg.reel viewBox="0 0 48 48" width="72" height="72" aria-hidden="true" {
            circle cx="24" cy="24" r="19" {}
            circle cx="24" cy="24" r="2" {}
            circle cx="24" cy="14" r="5" {}
            circle cx="32.6" cy="29" r="5" {}
            circle cx="15.4" cy="29" r="5" {}
        }
    }
}

/// The way to what comes after, and back to the beginning.
pub(super) fn pages(address: &str, next: Option<Uuid>, is_later: bool) -> Markup {
    html! {
        @if next.is_some() || is_later {
            nav.pages aria-label="More pages" {
                @if is_later { a.button.secondary href=(address) { "Newest" } }
                @if let Some(next) = next {
                    a.button.secondary rel="next" href={ (address) "?cursor=" (next) } { "Older" }
                }
            }
        }
    }
}
