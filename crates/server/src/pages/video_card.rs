//! A video as lists show it: its picture or a drawn one, how long it is, its title, its size and its day.

use maud::{Markup, html};
use reelmill_core::{MediaId, Timestamp, Video};
use reelmill_service::VideoView;

use super::words;

/// How many colours drawn pictures have.
const TONES: u8 = 6;

/// The address of a video's page. The size is in it because other clients of the site send it; nothing depends on it.
pub(super) fn address(id: MediaId, size_bytes: u64) -> String {
    format!("/watch?v={id}.mp4&size={size_bytes}")
}

/// A title that can be read and clicked, whatever was given.
pub(super) fn title(video: &Video) -> &str {
    let title = video.title.trim();
    if title.is_empty() { "Untitled video" } else { title }
}

/// A row of the grid.
pub(super) fn card(view: &VideoView) -> Markup {
    let video = &view.video;
    html! {
        li.video-card {
            (still(view))
            div.video-words {
                h2 { a href=(address(video.id, video.size_bytes)) { (title(video)) } }
                p.meta { (words::size(video.size_bytes)) " · " (when(video.published_at)) }
            }
        }
    }
}

/// The picture, with the playing time on it.
pub(super) fn still(view: &VideoView) -> Markup {
    let id = view.video.id;
    let picture = view.video.thumbnail.as_ref().and_then(|thumbnail| thumbnail.picture.as_ref());
    let drawn = |width: u32| format!("/v1/videos/{id}/thumbnail?width={width}");
    html! {
        div.still {
            @if picture.is_some() {
                img src=(drawn(480)) srcset={ (drawn(480)) " 480w, " (drawn(960)) " 960w" }
                    sizes="(max-width: 40rem) 100vw, 22rem" alt="" loading="lazy" decoding="async";
            } @else {
                (placeholder(id))
            }
            @if let Some(ms) = view.duration_ms {
                span.length { span.unseen { "Length " } (words::duration(ms)) }
            }
        }
    }
}

/// A wheel of film, in a colour that the video keeps.
pub(super) fn placeholder(id: MediaId) -> Markup {
    let tone = id.0.as_bytes()[15] % TONES;
    html! {
        svg class={ "placeholder tone-" (tone) } viewBox="0 0 160 90" aria-hidden="true" {
            rect width="160" height="90" {}
            g {
                circle cx="80" cy="45" r="27" {}
                circle cx="80" cy="45" r="3" {}
                circle cx="80" cy="31" r="7.5" {}
                circle cx="92.1" cy="52" r="7.5" {}
                circle cx="67.9" cy="52" r="7.5" {}
            }
            path d="M80 72h80" {}
        }
    }
}

/// A moment as its day, which the script puts into words like "yesterday".
pub(super) fn when(moment: Timestamp) -> Markup {
    html! { time datetime=(moment) { (words::day(moment)) } }
}
