//! The pages at `/upload-video` and `/edit-video`: a file goes up while its title is typed, and saving publishes it.
//!
//! Both are one form: an upload becomes an edit as soon as the file is there (`web/video-editor.js`).

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use reelmill_core::{MediaId, Video};
use reelmill_service::{Caller, Error, Service, Watchable};

use super::layout::{Place, page_at};
use super::sign_in;
use super::trouble::Trouble;
use super::watch::{Which, editing};
use crate::http::{App, Query, Visitor};

/// Categories to begin with; any other can be typed.
const CATEGORIES: [&str; 10] =
    ["Animation", "Craft", "Family", "Film", "Lesson", "Music", "News", "Sport", "Talk", "Travel"];

/// `GET /upload-video`
pub(super) async fn show_upload(Visitor(caller): Visitor) -> Result<Response, Trouble> {
    let Some(caller) = caller else {
        return Ok(Redirect::to(&sign_in::address("/upload-video")).into_response());
    };
    caller.must_be_member().map_err(Trouble::of(Some(&caller)))?;
    let place = Place { title: "Upload a video", ..Place::new("Upload") };
    Ok(page_at(place, true, &body(None)).into_response())
}

/// `GET /edit-video?v={id}.mp4`
pub(super) async fn show_edit(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Query(which): Query<Which>,
) -> Result<Response, Trouble> {
    let Some(caller) = caller else {
        let back = which.id().map_or("/videos".to_owned(), editing);
        return Ok(Redirect::to(&sign_in::address(&back)).into_response());
    };
    let theirs = theirs(&app.service, &caller, &which).await.map_err(Trouble::of(Some(&caller)))?;
    let title = if theirs.video.is_some() { "Edit the video" } else { "Publish the video" };
    let place = Place { current: "Upload", ..Place::new(title) };
    Ok(page_at(place, true, &body(Some(&theirs))).into_response())
}

async fn theirs(service: &Service, caller: &Caller, which: &Which) -> Result<Watchable, Error> {
    caller.must_be_member()?;
    let watched = service.watchable(Some(caller), which.id()?).await?;
    if watched.is_theirs { Ok(watched) } else { Err(Error::not_found("video")) }
}

fn body(known: Option<&Watchable>) -> Markup {
    let video = known.and_then(|known| known.video.as_ref());
    let id = known.map(|known| known.media.id);
    let heading = match (known, video) {
        (None, _) => "Upload a video",
        (_, None) => "Publish the video",
        (_, Some(_)) => "Edit the video",
    };
    html! {
        noscript { p.card.notice { "This page needs JavaScript. Without it, use the API." } }
        h1 #editor-title tabindex="-1" { (heading) }
        form #video-form .editor method="post" action="/v1/videos" data-video=[id]
            data-published[video.is_some()] aria-labelledby="editor-title" {
            section.card.film aria-label="Video and picture" {
                @if known.is_none() { (chooser()) }
                (film(id))
                (picture(id.filter(|_| has_picture(video)), id.is_some()))
            }
            section.card.details aria-label="Details" {
                (details(known, video))
                p #video-problem .problem role="alert" hidden {}
                div.actions {
                    button #video-save .primary type="submit" {
                        @if video.is_some() { "Save" } @else { "Publish" }
                    }
                    @if let Some(id) = id {
                        a.button.secondary href={ "/watch?v=" (id) ".mp4" } { "Back to the video" }
                    }
                    button #video-delete .quiet.remove type="button" hidden[id.is_none()] { "Delete the video" }
                }
                p #save-note .hint {
                    @if video.is_none() { "Everybody can watch what is published. You can change or delete it later." }
                }
            }
        }
        (super::video_admin::delete_dialog())
    }
}

fn has_picture(video: Option<&Video>) -> bool {
    video.and_then(|video| video.thumbnail.as_ref()).is_some_and(|thumbnail| thumbnail.picture.is_some())
}

fn chooser() -> Markup {
    html! {
        div #video-drop .drop {
            input #video-file .unseen type="file" accept="video/*" aria-describedby="video-hint";
            label.drop-label for="video-file" {
                (super::convert::tray())
                span.drop-title { "Drop a video here, or " span.link { "choose it" } }
                span #video-hint .hint { "MP4 with H.264 and AAC plays in every browser" }
            }
        }
    }
}

/// The player of what is uploaded, which also shows the frames to take a picture from.
fn film(id: Option<MediaId>) -> Markup {
    let source = id.map(|id| format!("/v1/media/{id}/content"));
    html! {
        div #film .film-player hidden[id.is_none()] {
            video #preview .player controls muted playsinline preload="metadata" aria-label="The video" src=[source] {}
            div #sending .sending hidden {
                div.row-head {
                    span #file-name .name {}
                    span #sent .figures {}
                    button #another .secondary type="button" { "Take another" }
                }
                progress #video-progress max="1" value="0" aria-label="Upload" {}
            }
        }
    }
}

fn picture(id: Option<MediaId>, has_film: bool) -> Markup {
    html! {
        fieldset #picture .picture {
            legend { "Picture" }
            div.picture-row {
                div.still {
                    img #picture-shown alt="The picture that stands for the video" hidden[id.is_none()]
                        src=[id.map(|id| format!("/v1/videos/{id}/thumbnail?width=640"))];
                    span #picture-none .hint hidden[id.is_some()] { "None yet" }
                }
                div.picture-choices {
                    button #use-frame .secondary type="button" hidden[!has_film] { "Use the frame shown above" }
                    input #picture-file .unseen type="file" accept="image/jpeg,image/png,image/gif,image/webp";
                    label.button.secondary for="picture-file" { "Choose a picture" }
                }
            }
            p #picture-problem .problem role="alert" hidden {}
        }
    }
}

fn details(known: Option<&Watchable>, video: Option<&Video>) -> Markup {
    let title = match (video, known) {
        (Some(video), _) => video.title.as_str(),
        (None, Some(known)) => {
            known.media.name.rsplit_once('.').map_or(known.media.name.as_str(), |(stem, _)| stem)
        }
        (None, None) => "",
    };
    html! {
        div.field {
            label for="title" { "Title" }
            input #title name="title" type="text" maxlength="200" required value=(title) autocomplete="off";
        }
        div.field {
            label for="explain" { "What is in it" }
            textarea #explain name="explain" rows="6" maxlength="10000" {
                // A line break right after the tag is not the text's, so the text has its own.
                "\n" (video.map_or("", |video| video.explain.as_str()))
            }
        }
        div.field {
            label for="tags" { "Tags" }
            input #tags name="tags" type="text" autocomplete="off" aria-describedby="tags-hint"
                value=(video.map_or_else(String::new, |video| video.tags.join(", ")));
            p #tags-hint .hint { "Words to find it by, with commas between" }
        }
        div.field {
            label for="category" { "Category" }
            input #category name="category" type="text" maxlength="200" list="categories" autocomplete="off"
                value=(video.map_or("", |video| video.category.as_str()));
            datalist #categories { @for category in CATEGORIES { option value=(category) {} } }
        }
    }
}
