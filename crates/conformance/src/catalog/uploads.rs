//! Uploads in parts.

use std::sync::Arc;

use futures_util::future::join_all;
use reelmill_core::ports::{Catalog, CatalogError, PageQuery};
use reelmill_core::{Phase, Resumable, UploadPart, Write};

use super::sample::{commit, condemned, conflict, first, id, intent, upload};
use crate::Place;

type Setup = Place<dyn Catalog>;

pub(super) async fn an_upload_comes_back_as_it_was_written(place: Setup) {
    let catalog = place.open().await;
    let part = |object| UploadPart { object, size_bytes: 5 << 20, blake3: None, fid: None };
    // The most parts that the service makes, each with the highest number.
    let full = Resumable {
        parts: (0..2_100).map(|n| part(9_999_990_000 + n)).collect(),
        is_wanted: true,
        metadata: "x".repeat(4_096),
        ..upload()
    };
    let bare = Resumable { parts: Vec::new(), phase: Phase::Ended, metadata: String::new(), ..upload() };
    for upload in [full, bare, upload()] {
        commit(&*catalog, [Write::AddUpload(upload.clone())]).await;
        assert_eq!(catalog.upload(upload.id).await.unwrap(), Some(upload));
    }
    assert_eq!(catalog.upload(id()).await.unwrap(), None);
}

pub(super) async fn an_id_has_one_upload(place: Setup) {
    let catalog = place.open().await;
    let there = upload();
    commit(&*catalog, [Write::AddUpload(there.clone())]).await;
    conflict(&*catalog, [Write::AddUpload(Resumable { id: there.id, ..upload() })]).await;
    assert_eq!(catalog.upload(there.id).await.unwrap(), Some(there));
}

pub(super) async fn a_stale_upload_is_refused(place: Setup) {
    let catalog = place.open().await;
    let there = upload();
    commit(&*catalog, [Write::AddUpload(there.clone())]).await;
    let next = Resumable { newest_object: 5, is_wanted: true, version: 2, ..there.clone() };
    commit(&*catalog, [Write::ReplaceUpload(next.clone())]).await;
    for version in [0, 1, 2, 4] {
        conflict(&*catalog, [Write::ReplaceUpload(Resumable { version, ..there.clone() })]).await;
    }
    conflict(&*catalog, [Write::ReplaceUpload(Resumable { version: 2, ..upload() })]).await;
    assert_eq!(catalog.upload(there.id).await.unwrap(), Some(next));
}

pub(super) async fn of_many_who_continue_one_upload_one_wins(place: Setup) {
    let catalog = place.open().await;
    let there = upload();
    commit(&*catalog, [Write::AddUpload(there.clone())]).await;
    let tries = (0..8_u64).map(|n| {
        let (catalog, there) = (Arc::clone(&catalog), there.clone());
        tokio::spawn(async move {
            let mine = Resumable { newest_object: 10 + n, version: 2, ..there };
            catalog.commit(vec![Write::ReplaceUpload(mine)]).await
        })
    });
    let verdicts: Vec<_> = join_all(tries).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(verdicts.iter().filter(|verdict| verdict.is_ok()).count(), 1, "{verdicts:?}");
    let refused =
        |verdict: &Result<(), CatalogError>| matches!(verdict, Ok(()) | Err(CatalogError::Conflict));
    assert!(verdicts.iter().all(refused), "{verdicts:?}");
    let winner = verdicts.iter().position(Result::is_ok).unwrap() as u64;
    assert_eq!(catalog.upload(there.id).await.unwrap().unwrap().newest_object, 10 + winner);
}

pub(super) async fn an_upload_is_dropped_at_its_version_only(place: Setup) {
    let catalog = place.open().await;
    let there = upload();
    commit(&*catalog, [Write::AddUpload(there.clone())]).await;
    for version in [0, 2] {
        conflict(&*catalog, [Write::DropUpload(there.id, version)]).await;
    }
    commit(&*catalog, [Write::DropUpload(there.id, 1)]).await;
    conflict(&*catalog, [Write::DropUpload(there.id, 1)]).await;
    assert_eq!(catalog.upload(there.id).await.unwrap(), None);
    assert_eq!(catalog.uploads(first(10)).await.unwrap().items, []);
}

pub(super) async fn uploads_are_listed_newest_first(place: Setup) {
    let catalog = place.open().await;
    let mut uploads: Vec<Resumable> = (0..7).map(|_| upload()).collect();
    commit(&*catalog, uploads.iter().cloned().map(Write::AddUpload)).await;
    // One that is written again stands where it stood.
    uploads[2] = Resumable { is_wanted: true, version: 2, ..uploads[2].clone() };
    commit(&*catalog, [Write::ReplaceUpload(uploads[2].clone())]).await;
    uploads.reverse();
    for limit in [1, 3, 7, 8] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = catalog.uploads(PageQuery { limit, after }).await.unwrap();
            assert!(page.items.len() <= limit as usize);
            seen.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, uploads, "by {limit}");
    }
}

pub(super) async fn an_uploads_object_is_found_among_the_intents_by_the_key_before(place: Setup) {
    let catalog = place.open().await;
    let (one, other) = (upload(), upload());
    let key = |upload: &Resumable, object| upload.key(object).unwrap();
    commit(
        &*catalog,
        [
            Write::AddIntent(condemned(key(&one, 9).as_str())),
            Write::AddIntent(intent(key(&one, 10).as_str())),
            Write::AddIntent(intent(key(&other, 10).as_str())),
            Write::AddIntent(intent("media/zzz")),
        ],
    )
    .await;
    for (object, is_there) in [(8, false), (9, true), (10, true), (11, false)] {
        let found = catalog.intents(Some(&key(&one, object - 1)), 1).await.unwrap();
        assert_eq!(found.first().is_some_and(|intent| intent.key == key(&one, object)), is_there, "{object}");
    }
}
