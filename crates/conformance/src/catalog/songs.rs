//! The library of songs, and who asked for them.

use std::sync::Arc;

use futures_util::future::join_all;
use reelmill_core::ports::Catalog;
use reelmill_core::{Found, Operation, Platform, Song, Timestamp, Write};

use super::sample::{at, commit, conflict, found, id, operation, song};
use crate::Place;

type Setup = Place<dyn Catalog>;

async fn added(catalog: &dyn Catalog, title: &str) -> Song {
    let song = song(title);
    commit(catalog, [Write::AddSong(song.clone())]).await;
    song
}

/// A song of that platform's id.
fn of_source(source_id: &str) -> Song {
    let song = song("A song");
    Song { found: Found { id: source_id.to_owned(), ..song.found }, ..song }
}

pub(super) async fn a_song_comes_back_as_it_was_written(place: Setup) {
    let catalog = place.open().await;
    let full = Found {
        platform: Platform::Web,
        title: Some("O'Brien \"%_\" 🎬".to_owned()),
        duration_ms: Some(u64::from(u32::MAX) + 1),
        thumbnail_url: Some("https://example.org/ñ.jpg".to_owned()),
        ..found()
    };
    let bare = Found { title: None, duration_ms: None, thumbnail_url: None, ..found() };
    for found in [full, bare] {
        let song = Song { found, plays: 7, updated_at: Timestamp::from_ms(-1), ..song("") };
        commit(&*catalog, [Write::AddSong(song.clone())]).await;
        assert_eq!(catalog.song(song.id).await.unwrap(), Some(song));
    }
    assert_eq!(catalog.song(id()).await.unwrap(), None);
}

pub(super) async fn a_song_is_found_by_its_platforms_id(place: Setup) {
    let catalog = place.open().await;
    // Such ids tell capital letters from small ones.
    let songs = ["dQw4w9WgXcQ", "dqw4w9wgxcq", "-_%", &"x".repeat(255)].map(of_source);
    commit(&*catalog, songs.clone().map(Write::AddSong)).await;
    for song in songs {
        assert_eq!(catalog.song_by_source(&song.found.id).await.unwrap().as_ref(), Some(&song));
    }
    for none in ["DQW4W9WGXCQ", "dQw4w9WgXc", "", "%"] {
        assert_eq!(catalog.song_by_source(none).await.unwrap(), None, "{none}");
    }
}

pub(super) async fn a_platforms_id_has_one_song(place: Setup) {
    let catalog = place.open().await;
    let (one, other) = (added(&*catalog, "One").await, added(&*catalog, "Other").await);
    conflict(&*catalog, [Write::AddSong(Song { id: one.id, ..song("Rival") })]).await;
    conflict(&*catalog, [Write::AddSong(of_source(&one.found.id))]).await;
    conflict(&*catalog, [Write::ReplaceSong(Song { found: one.found.clone(), version: 2, ..other.clone() })])
        .await;
    assert_eq!(catalog.song_by_source(&one.found.id).await.unwrap().as_ref(), Some(&one));
    assert_eq!(catalog.song_by_source(&other.found.id).await.unwrap(), Some(other));
    // Once it is gone, so is the claim to its id.
    commit(&*catalog, [Write::DropSong(one.id, 1), Write::AddSong(of_source(&one.found.id))]).await;
}

pub(super) async fn of_many_who_add_one_song_one_wins(place: Setup) {
    let catalog = place.open().await;
    let rivals: Vec<_> = (0..12).map(|_| of_source("same")).collect();
    let tries = rivals.into_iter().map(|rival| {
        let catalog = Arc::clone(&catalog);
        tokio::spawn(async move {
            let operation = operation(&rival);
            let writes = vec![Write::AddOperation(operation.clone()), Write::AddSong(rival.clone())];
            (catalog.commit(writes).await.is_ok(), rival, operation.id)
        })
    });
    let mut winners = Vec::new();
    for tried in join_all(tries).await {
        let (is_taken, rival, operation) = tried.unwrap();
        assert_eq!(catalog.operation(operation).await.unwrap().is_some(), is_taken);
        winners.extend(is_taken.then_some(rival));
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(catalog.song_by_source("same").await.unwrap(), winners.pop());
}

pub(super) async fn a_stale_song_is_refused(place: Setup) {
    let catalog = place.open().await;
    let there = added(&*catalog, "There").await;
    let next = Song { plays: 1, version: 2, updated_at: at(5), ..there.clone() };
    commit(&*catalog, [Write::ReplaceSong(next.clone())]).await;
    for version in [0, 1, 2, 4] {
        conflict(&*catalog, [Write::ReplaceSong(Song { plays: 9, version, ..there.clone() })]).await;
    }
    conflict(&*catalog, [Write::ReplaceSong(Song { version: 2, ..song("Nowhere") })]).await;
    assert_eq!(catalog.song(there.id).await.unwrap(), Some(next));
}

pub(super) async fn a_song_is_dropped_at_its_version_only(place: Setup) {
    let catalog = place.open().await;
    let there = added(&*catalog, "There").await;
    for version in [0, 2] {
        conflict(&*catalog, [Write::DropSong(there.id, version)]).await;
    }
    assert!(catalog.song(there.id).await.unwrap().is_some());
    commit(&*catalog, [Write::DropSong(there.id, 1)]).await;
    conflict(&*catalog, [Write::DropSong(there.id, 1)]).await;
    assert_eq!(catalog.song(there.id).await.unwrap(), None);
    assert_eq!(catalog.song_by_source(&there.found.id).await.unwrap(), None);
    assert_eq!(catalog.songs_by_title("", 5).await.unwrap(), []);
}

pub(super) async fn a_replaced_song_is_found_as_it_is_now(place: Setup) {
    let catalog = place.open().await;
    let old = added(&*catalog, "Working title").await;
    // The second is so long that a catalog may keep its end apart.
    let titles = ["released".to_owned(), format!("remix{}", ", remix".repeat(200))];
    let [mut now, mut before] = [old.clone(), old.clone()];
    for (version, title) in (2..).zip(&titles) {
        now = Song { found: song(title).found, version, ..now };
        commit(&*catalog, [Write::ReplaceSong(now.clone())]).await;
        assert_eq!(catalog.songs_by_title(&before.title_lower(), 5).await.unwrap(), []);
        assert_eq!(catalog.songs_by_title(title, 5).await.unwrap(), std::slice::from_ref(&now));
        assert_eq!(catalog.song_by_source(&before.found.id).await.unwrap(), None);
        assert_eq!(catalog.song_by_source(&now.found.id).await.unwrap().as_ref(), Some(&now));
        before = now.clone();
    }
    let shorter = titles[1].strip_suffix("x").unwrap();
    let next =
        Song { found: Found { title: Some(shorter.to_owned()), ..now.found.clone() }, version: 4, ..now };
    commit(&*catalog, [Write::ReplaceSong(next)]).await;
    assert_eq!(catalog.songs_by_title(&titles[1], 5).await.unwrap(), []);
    // What it was found by is free again.
    commit(&*catalog, [Write::AddSong(of_source(&old.found.id))]).await;
}

/// Holds what a search by `prefix` brings to what is there, `songs` being in order.
async fn search(catalog: &dyn Catalog, songs: &[Song], prefix: &str) {
    let ids = |songs: Vec<Song>| songs.into_iter().map(|song| song.id).collect::<Vec<_>>();
    let wanted = ids(songs.iter().filter(|song| song.title_lower().starts_with(prefix)).cloned().collect());
    for limit in [1, 1000] {
        let found = ids(catalog.songs_by_title(prefix, limit).await.unwrap());
        assert_eq!(found, wanted[..wanted.len().min(limit as usize)], "{prefix:?}");
    }
}

/// Songs of those titles in the catalog, in the order of their titles, and of their ids where those are the same.
async fn library(catalog: &dyn Catalog, titles: &[String]) -> Vec<Song> {
    let mut songs = Vec::new();
    for title in titles {
        songs.push(added(catalog, title).await);
    }
    songs.sort_by_key(|song| (song.title_lower(), song.id));
    songs
}

pub(super) async fn songs_are_found_by_any_beginning_of_their_title(place: Setup) {
    let catalog = place.open().await;
    let titles = [
        "",
        "a",
        "A",
        "ab",
        "a b",
        "a%",
        "a%b",
        "a_",
        "a_b",
        "axb",
        "a\\",
        "a\\%",
        "a'b",
        "á",
        "a\u{301}",
        "ä",
        "ñ",
        "ÑANDÚ",
        "ñandú azul",
        "o",
        "ö",
        "日本",
        "日本語",
        "日曜日",
        "🎬",
        "🎬🎬",
        "\u{7f}",
        "\u{80}",
        "\u{7ff}x",
        "\u{800}",
        "\u{d7ff}",
        "\u{e000}",
        "\u{ffff}",
        "\u{10000}",
        "\u{10ffff}",
        "\u{10ffff}\u{10ffff}",
        "İ",
        "ΣΑΣ",
        "z",
        "z",
    ];
    let songs = library(&*catalog, &titles.map(str::to_owned)).await;
    for song in &songs {
        let title = song.title_lower();
        for (at, _) in title.char_indices() {
            search(&*catalog, &songs, &title[..at]).await;
        }
        search(&*catalog, &songs, &title).await;
    }
    for other in ["b", "A", "a*", "a?", "ab ", "日本語の", "\u{10ffff}a", "zz"] {
        search(&*catalog, &songs, other).await;
    }
}

pub(super) async fn a_title_with_a_nul_is_taken_and_found_by_what_stands_before_it(place: Setup) {
    let catalog = place.open().await;
    let odd = song("before\0behind");
    commit(&*catalog, [Write::AddSong(odd.clone())]).await;
    let next = Song { plays: 1, version: 2, ..odd };
    commit(&*catalog, [Write::ReplaceSong(next.clone())]).await;
    for prefix in ["", "before", "before\0beh"] {
        assert_eq!(
            catalog.songs_by_title(prefix, 5).await.unwrap(),
            std::slice::from_ref(&next),
            "{prefix:?}"
        );
    }
    assert_eq!(catalog.songs_by_title("before\0x", 5).await.unwrap(), []);
}

pub(super) async fn long_titles_are_told_apart_to_their_end(place: Setup) {
    let catalog = place.open().await;
    let mut titles = Vec::new();
    // Around the lengths, in characters and in bytes, at which a catalog may cut what it indexes.
    for (letter, behind) in [("x", "y"), ("ñ", "ö"), ("🎬", "🎭"), ("\u{10ffff}", "a")] {
        for cut in [255, 512, 768, 1024] {
            for length in [cut / letter.len() - 1, cut / letter.len(), cut / letter.len() + 1, cut, cut + 1] {
                let start = letter.repeat(length);
                titles.extend([format!("{start}{behind}"), format!("{start}a"), start]);
            }
        }
    }
    // None of them is committed in its place.
    titles.sort_by_key(|title| title.len() % 7);
    let songs = library(&*catalog, &titles).await;
    for song in &songs {
        let title = song.title_lower();
        search(&*catalog, &songs, &title).await;
        if let Some((last, _)) = title.char_indices().next_back() {
            search(&*catalog, &songs, &title[..last]).await;
        }
    }
    search(&*catalog, &songs, "").await;
    search(&*catalog, &songs, &"x".repeat(5000)).await;
}

pub(super) async fn a_song_without_a_title_is_found_by_its_platforms_id(place: Setup) {
    let catalog = place.open().await;
    let unknown = Song { found: Found { title: None, ..of_source("AbC").found }, ..song("") };
    commit(&*catalog, [Write::AddSong(unknown.clone())]).await;
    assert_eq!(catalog.songs_by_title("ab", 5).await.unwrap(), [unknown]);
    assert_eq!(catalog.songs_by_title("Ab", 5).await.unwrap(), []);
}

pub(super) async fn an_operation_is_added_once(place: Setup) {
    let catalog = place.open().await;
    let (one, other) = (operation(&song("A")), operation(&song("B")));
    commit(&*catalog, [&one, &other].map(|operation| Write::AddOperation(operation.clone()))).await;
    conflict(&*catalog, [Write::AddOperation(Operation { id: one.id, ..other.clone() })]).await;
    assert_eq!(catalog.operation(one.id).await.unwrap(), Some(one));
    assert_eq!(catalog.operation(other.id).await.unwrap(), Some(other));
    assert_eq!(catalog.operation(id()).await.unwrap(), None);
}
