//! Published videos.

use reelmill_core::ports::{Catalog, PageQuery};
use reelmill_core::{Thumbnail, Timestamp, Video, Write};
use uuid::Uuid;

use super::sample::{commit, conflict, first, id, picture, thumbnail, video};
use crate::Place;

type Setup = Place<dyn Catalog>;

/// A video with a thumbnail, and that one's uuid.
async fn added(catalog: &dyn Catalog) -> (Video, Uuid) {
    let thumbnail = thumbnail();
    let uuid = thumbnail.uuid;
    let video = Video { thumbnail: Some(thumbnail), ..video() };
    commit(catalog, [Write::AddVideo(video.clone())]).await;
    (video, uuid)
}

pub(super) async fn a_video_comes_back_as_it_was_written(place: Setup) {
    let catalog = place.open().await;
    let shown = Thumbnail { picture: Some(picture()), ..thumbnail() };
    let full =
        Video { number: 1 << 40, explain: "O'Brien 🎬\n%_".to_owned(), thumbnail: Some(shown), ..video() };
    let bare = Video {
        title: String::new(),
        tags: Vec::new(),
        size_bytes: 0,
        published_at: Timestamp::from_ms(-1),
        ..video()
    };
    for video in [full, bare] {
        commit(&*catalog, [Write::AddVideo(video.clone())]).await;
        assert_eq!(catalog.video(video.id).await.unwrap(), Some(video));
    }
    assert_eq!(catalog.video(id()).await.unwrap(), None);
}

pub(super) async fn a_video_is_found_by_its_thumbnail(place: Setup) {
    let catalog = place.open().await;
    let ((video, uuid), (other, others_uuid)) = (added(&*catalog).await, added(&*catalog).await);
    assert_eq!(catalog.video_by_thumbnail(uuid).await.unwrap().as_ref(), Some(&video));
    assert_eq!(catalog.video_by_thumbnail(Uuid::new_v4()).await.unwrap(), None);
    let shown = Thumbnail { picture: Some(picture()), ..thumbnail() };
    let new_uuid = shown.uuid;
    let shown = Video { thumbnail: Some(shown), version: 2, ..video };
    commit(&*catalog, [Write::ReplaceVideo(shown.clone())]).await;
    assert_eq!(catalog.video_by_thumbnail(uuid).await.unwrap(), None);
    assert_eq!(catalog.video_by_thumbnail(new_uuid).await.unwrap().as_ref(), Some(&shown));
    let bare = Video { thumbnail: None, version: 3, ..shown };
    commit(&*catalog, [Write::ReplaceVideo(bare)]).await;
    assert_eq!(catalog.video_by_thumbnail(new_uuid).await.unwrap(), None);
    assert_eq!(catalog.video_by_thumbnail(others_uuid).await.unwrap(), Some(other));
}

pub(super) async fn a_media_a_number_and_a_thumbnail_have_one_video(place: Setup) {
    let catalog = place.open().await;
    let ((there, _), (other, _)) = (added(&*catalog).await, added(&*catalog).await);
    let rivals = [
        Video { id: there.id, ..video() },
        Video { number: there.number, ..video() },
        Video { thumbnail: there.thumbnail.clone(), ..video() },
    ];
    for rival in rivals {
        conflict(&*catalog, [Write::AddVideo(rival)]).await;
    }
    let takeovers = [
        Video { number: there.number, version: 2, ..other.clone() },
        Video { thumbnail: there.thumbnail.clone(), version: 2, ..other.clone() },
    ];
    for takeover in takeovers {
        conflict(&*catalog, [Write::ReplaceVideo(takeover)]).await;
    }
    // What is its own, it keeps.
    let next = Video { title: "Another".to_owned(), version: 2, ..there };
    commit(&*catalog, [Write::ReplaceVideo(next.clone())]).await;
    assert_eq!(catalog.videos(first(10)).await.unwrap().items, [other, next]);
}

pub(super) async fn videos_without_a_thumbnail_are_many(place: Setup) {
    let catalog = place.open().await;
    let videos: [Video; 3] = std::array::from_fn(|_| video());
    commit(&*catalog, videos.clone().map(Write::AddVideo)).await;
    commit(&*catalog, videos.clone().map(|video| Write::ReplaceVideo(Video { version: 2, ..video }))).await;
    assert_eq!(catalog.videos(first(10)).await.unwrap().items.len(), 3);
    assert_eq!(catalog.video_by_thumbnail(Uuid::nil()).await.unwrap(), None);
}

pub(super) async fn a_stale_video_is_refused(place: Setup) {
    let catalog = place.open().await;
    let (there, _) = added(&*catalog).await;
    let next =
        Video { title: "Renamed".to_owned(), number: there.number + 1_000_000, version: 2, ..there.clone() };
    commit(&*catalog, [Write::ReplaceVideo(next.clone())]).await;
    for version in [0, 1, 2, 4] {
        conflict(&*catalog, [Write::ReplaceVideo(Video { version, ..there.clone() })]).await;
    }
    conflict(&*catalog, [Write::ReplaceVideo(Video { version: 2, ..video() })]).await;
    assert_eq!(catalog.videos(first(10)).await.unwrap().items, [next]);
    // The number that it had is free again.
    commit(&*catalog, [Write::AddVideo(Video { number: there.number, ..video() })]).await;
}

pub(super) async fn a_video_is_dropped_at_its_version_only(place: Setup) {
    let catalog = place.open().await;
    let (there, uuid) = added(&*catalog).await;
    for version in [0, 2] {
        conflict(&*catalog, [Write::DropVideo(there.id, version)]).await;
    }
    assert_eq!(catalog.video(there.id).await.unwrap().as_ref(), Some(&there));
    commit(&*catalog, [Write::DropVideo(there.id, 1)]).await;
    conflict(&*catalog, [Write::DropVideo(there.id, 1)]).await;
    assert_eq!(catalog.video(there.id).await.unwrap(), None);
    assert_eq!(catalog.video_by_thumbnail(uuid).await.unwrap(), None);
    commit(&*catalog, [Write::AddVideo(Video { id: id(), ..there })]).await;
}

pub(super) async fn videos_are_listed_newest_media_first(place: Setup) {
    let catalog = place.open().await;
    let mut videos = Vec::new();
    for _ in 0..7 {
        videos.insert(0, added(&*catalog).await.0);
    }
    // Published last, but of the oldest media.
    let late = Video { id: Uuid::from_u128(1).into(), ..video() };
    commit(&*catalog, [Write::AddVideo(late.clone())]).await;
    videos.push(late);
    for limit in [1, 3, 8, 9] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = catalog.videos(PageQuery { limit, after }).await.unwrap();
            assert!(page.items.len() <= limit as usize);
            seen.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, videos, "by {limit}");
    }
}
