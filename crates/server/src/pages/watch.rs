//! The page at `/watch`: one video, what is said of it, and the newest others.

use axum::extract::State;
use maud::{Markup, html};
use reelmill_core::MediaId;
use reelmill_core::ports::PageQuery;
use reelmill_service::{Caller, Error, Service, VideoView, Watchable};
use serde::Deserialize;

use super::layout::{Page, Place, page_at};
use super::trouble::Trouble;
use super::video_card::{address, still, title, when};
use super::words;
use crate::http::{App, Query, Visitor};

/// How many others are shown beside a video.
const OTHERS: u32 = 8;

/// The most characters of an explanation that a link's preview shows.
const PREVIEW: usize = 200;

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    /// The video's id and `.mp4`. A `size` beside it is not looked at.
    v: Option<String>,
}

impl Which {
    /// The id, with or without its extension.
    pub(super) fn id(&self) -> Result<MediaId, Error> {
        let name = self.v.as_deref().unwrap_or_default();
        name.strip_suffix(".mp4").unwrap_or(name).parse().map_err(|_| Error::not_found("video"))
    }
}

/// `GET /watch?v={id}.mp4`
pub(super) async fn show(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Query(which): Query<Which>,
) -> Result<Page, Trouble> {
    let (watched, others) =
        found(&app.service, caller.as_ref(), &which).await.map_err(Trouble::of(caller.as_ref()))?;
    let name = watched.video.as_ref().map_or(watched.media.name.as_str(), title);
    let description: String = match &watched.video {
        Some(video) if !video.explain.trim().is_empty() => video.explain.chars().take(PREVIEW).collect(),
        _ => name.to_owned(),
    };
    let place = Place { title: name, current: "Videos", description: &description };
    Ok(page_at(place, caller.is_some(), &body(&watched, name, &others)))
}

async fn found(
    service: &Service,
    caller: Option<&Caller>,
    which: &Which,
) -> Result<(Watchable, Vec<VideoView>), Error> {
    let id = which.id()?;
    let watched = service.watchable(caller, id).await?;
    let others = service.video_page(PageQuery { limit: OTHERS + 1, after: None }).await?.items;
    let others = others.into_iter().filter(|view| view.video.id != id).take(OTHERS as usize);
    Ok((watched, others.collect()))
}

fn body(watched: &Watchable, name: &str, others: &[VideoView]) -> Markup {
    html! {
        div.watch {
            article aria-labelledby="video-title" {
                (player(watched, name))
                p #player-problem .problem role="alert" hidden {}
                @if watched.video.is_none() {
                    p.draft.card {
                        span { strong { "Not published." } " Only you and administrators see this page." }
                        @if watched.is_theirs { a.button.primary href=(editing(watched.media.id)) { "Publish" } }
                    }
                }
                (told(watched, name))
            }
            @if !others.is_empty() {
                aside aria-labelledby="others-title" {
                    h2 #others-title { "More videos" }
                    ul.others { @for view in others { (other(view)) } }
                }
            }
        }
    }
}

/// The player. What is not published comes from an address that looks at the session.
fn player(watched: &Watchable, name: &str) -> Markup {
    let id = watched.media.id;
    let kind = if watched.video.is_some() { "videos" } else { "media" };
    let thumbnail = watched.video.as_ref().and_then(|video| video.thumbnail.as_ref());
    let has_picture = thumbnail.is_some_and(|thumbnail| thumbnail.picture.is_some());
    let poster = has_picture.then(|| format!("/v1/videos/{id}/thumbnail?width=1280"));
    html! {
        video #player .player controls playsinline preload="metadata" aria-label=(name)
            src={ "/v1/" (kind) "/" (id) "/content" } poster=[poster] {}
    }
}

fn told(watched: &Watchable, name: &str) -> Markup {
    let video = watched.video.as_ref();
    let media = &watched.media;
    html! {
        div.video-head {
            h1 #video-title { (name) }
            @if watched.is_theirs && video.is_some() {
                a.button.secondary href=(editing(media.id)) { "Edit" }
            }
        }
        p.meta {
            (when(video.map_or(media.created_at, |video| video.published_at)))
            @if let Some(ms) = media.info.duration_ms { " · " (words::duration(ms)) }
            " · " (words::size(media.size_bytes))
            @if let Some(video) = video && !video.category.trim().is_empty() {
                " · " span.category { span.unseen { "Category " } (video.category) }
            }
        }
        @if let Some(video) = video {
            @if !video.explain.trim().is_empty() { p.explain { (video.explain) } }
            @if !video.tags.is_empty() {
                ul.tags aria-label="Tags" { @for tag in &video.tags { li { (tag) } } }
            }
        }
    }
}

fn other(view: &VideoView) -> Markup {
    html! {
        li.other {
            (still(view))
            div.video-words {
                h3 { a href=(address(view.video.id, view.video.size_bytes)) { (title(&view.video)) } }
                p.meta { (when(view.video.published_at)) }
            }
        }
    }
}

/// The address that edits or publishes a video.
pub(super) fn editing(id: MediaId) -> String {
    format!("/edit-video?v={id}.mp4")
}
