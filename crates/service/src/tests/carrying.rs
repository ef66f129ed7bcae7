//! Catalogs carried to others: all of it or a refusal before anything is written.

use std::io::Cursor;
use std::sync::Arc;

use reelmill_backends::catalog::MemoryCatalog;
use reelmill_core::ports::{Catalog, CatalogError, Sequence};
use reelmill_core::{Collection, Door, EndedToken, Timestamp, User, Write};
use tokio::time::Duration;

use super::weather::Stormy;
use super::world::{World, upload};
use crate::{CarryError, Imported, JobWish, VideoDetails, export, import};

const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

async fn exported(catalog: &dyn Catalog) -> String {
    let mut file = Vec::new();
    export(catalog, 7, NOW, &mut file).await.unwrap();
    String::from_utf8(file).unwrap()
}

async fn imported(catalog: &dyn Catalog, file: &str) -> Result<Imported, CarryError> {
    import(catalog, NOW, &mut Cursor::new(file.as_bytes())).await
}

/// A catalog in which much has happened.
async fn lived_in() -> World {
    let world = World::new().await;
    let running = world.start().await;
    for text in ["tone", "broken", "tone again"] {
        world.ended(&world.convert(text).await).await;
    }
    let song = world
        .service
        .start_song(&world.alice, "song tone", JobWish::plain("dca", Door::Music))
        .await
        .unwrap();
    world.service.wait(&world.alice, song.job, Duration::from_hours(1)).await.unwrap();
    let video = world.service.upload_video(&world.bob, upload("tone of bob")).await.unwrap().id;
    let details = VideoDetails { title: "A mill".into(), extension: "png".into(), ..VideoDetails::default() };
    world.service.publish(&world.bob, video, details).await.unwrap();
    world.settle().await;
    running.drain().await;
    world.convert("slow:1000").await;
    let ended = EndedToken { jti: "gone".into(), expires_at: NOW };
    world.catalog.commit(vec![Write::EndToken(ended)]).await.unwrap();
    for _ in 0..60 {
        world.upload("tone and more").await.unwrap();
    }
    world
}

/// The file with its last line made right for the lines before.
fn resealed(lines: &[String]) -> String {
    let body = format!("{}\n", lines[..lines.len() - 1].join("\n"));
    let mut footer: serde_json::Value = serde_json::from_str(&lines[lines.len() - 1]).unwrap();
    footer["end"]["blake3"] = blake3::hash(body.as_bytes()).to_hex().as_str().into();
    format!("{body}{footer}\n")
}

fn lines(file: &str) -> Vec<String> {
    file.lines().map(str::to_owned).collect()
}

async fn is_empty(catalog: &dyn Catalog) -> bool {
    let file = exported(catalog).await;
    file.lines().all(|line| {
        !line.starts_with('{')
            || ["{\"reelmill", "{\"sequence", "{\"end"].iter().any(|known| line.starts_with(known))
    }) && file.lines().filter(|line| line.starts_with("{\"sequence")).all(|line| line.ends_with(",0]}"))
}

#[tokio::test(start_paused = true)]
async fn a_catalog_is_carried_whole() {
    let world = lived_in().await;
    let file = exported(&*world.catalog).await;
    for sort in ["user", "ended_token", "media", "output", "job", "song", "operation", "video", "sequence"] {
        assert!(file.contains(&format!("\n{{\"{sort}\":")), "the world has no {sort}");
    }
    let to = MemoryCatalog::default();
    assert!(is_empty(&to).await);
    let done = imported(&to, &file).await.unwrap();
    assert!(done.found == 0 && done.added > 70, "{done:?}");
    assert_eq!(exported(&to).await, file);
    // Numbers go on where they were.
    let last = world.catalog.next_number(Sequence::Users).await.unwrap();
    assert_eq!(to.next_number(Sequence::Users).await.unwrap(), last);
    // Once more, there is nothing to do.
    let again = imported(&to, &file).await.unwrap();
    assert_eq!(again, Imported { added: 0, found: done.added });
}

#[tokio::test(start_paused = true)]
async fn an_import_that_is_cut_again_and_again_ends_whole() {
    let world = lived_in().await;
    let file = exported(&*world.catalog).await;
    for seed in 0..20 {
        let to = Arc::new(Stormy::default());
        to.begin(3, seed);
        let mut cuts = 0;
        loop {
            match imported(&*to, &file).await {
                Ok(_) => break,
                Err(CarryError::Catalog(CatalogError::Unavailable(_))) => cuts += 1,
                Err(error) => panic!("seed {seed}: {error}"),
            }
            assert!(cuts < 100, "seed {seed}");
        }
        to.end();
        assert_eq!(exported(&*to).await, file, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_cut_or_changed_is_refused_before_anything_is_written() {
    let world = lived_in().await;
    let file = exported(&*world.catalog).await;
    let to = MemoryCatalog::default();
    let ends: Vec<usize> = file.match_indices('\n').map(|(at, _)| at + 1).collect();
    let cuts = ends[..ends.len() - 1].iter().flat_map(|end| [*end, end + 1, end - 1]);
    for cut in cuts.chain([0, file.len() - 1]).step_by(7) {
        let refused = imported(&to, &file[..cut]).await;
        assert!(matches!(refused, Err(CarryError::Damaged(_))), "cut at {cut}: {refused:?}");
    }
    for at in (0..file.len()).step_by(997) {
        let mut changed = file.clone().into_bytes();
        changed[at] ^= 1;
        let refused = import(&to, NOW, &mut Cursor::new(changed)).await;
        let is_refused = matches!(refused, Err(CarryError::Damaged(_) | CarryError::NotUnderstood { .. }));
        assert!(is_refused, "changed at {at}: {refused:?}");
    }
    let mut shuffled = lines(&file);
    shuffled.swap(2, 3);
    for longer in
        [format!("{file}{file}"), format!("{file}\n"), format!("{}\n", shuffled.join("\n")), "x".repeat(100)]
    {
        let refused = imported(&to, &longer).await;
        assert!(matches!(refused, Err(CarryError::Damaged(_))), "{refused:?}");
    }
    assert!(is_empty(&to).await);
}

#[tokio::test(start_paused = true)]
async fn what_this_build_would_lose_is_refused() {
    let world = lived_in().await;
    let file = lines(&exported(&*world.catalog).await);
    let to = MemoryCatalog::default();
    let changes: [(&str, &str, &str); 3] = [
        ("{\"user\":{", "{\"user\":{", "{\"user\":{\"shoe_size\":44,"),
        ("{\"media\":{", "\"info\":{", "\"info\":{\"mood\":\"sad\","),
        ("{\"reelmill_export\"", "\"reelmill_export\":1", "\"reelmill_export\":2"),
    ];
    for (line, from, with) in changes {
        let mut file = file.clone();
        let line = file.iter_mut().find(|each| each.starts_with(line)).unwrap();
        *line = line.replacen(from, with, 1);
        let refused = imported(&to, &resealed(&file)).await;
        assert!(matches!(refused, Err(CarryError::NotUnderstood { .. })), "{with}: {refused:?}");
    }
    // What an older build did not know yet has its default.
    let mut older = file.clone();
    let notice = older.iter_mut().find(|line| line.starts_with("{\"job\":")).unwrap();
    assert!(notice.contains("\"version\""));
    assert!(imported(&to, &resealed(&older)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_holds_something_else_is_left_as_it_is() {
    let world = lived_in().await;
    let file = exported(&*world.catalog).await;
    let alice = world.catalog.user(world.alice.id()).await.unwrap().unwrap();
    let others = [
        // The same account, changed; and one that has come since.
        (User { name: "Alice".into(), ..alice.clone() }, "otherwise"),
        (User { id: uuid::Uuid::from_u128(7).into(), number: 99, ..alice.clone() }, "not in the file"),
    ];
    for (other, words) in others {
        let to = MemoryCatalog::default();
        to.commit(vec![Write::AddUser(other)]).await.unwrap();
        let before = exported(&to).await;
        let refused = imported(&to, &file).await.map_err(|error| error.to_string());
        assert!(
            refused.as_ref().is_err_and(|said| said.contains(words) && said.contains("account")),
            "{refused:?}"
        );
        assert_eq!(exported(&to).await, before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sequence_that_is_further_on_stays() {
    let world = lived_in().await;
    let to = MemoryCatalog::default();
    to.commit(vec![Write::RaiseSequence(Sequence::Tasks, 1000)]).await.unwrap();
    imported(&to, &exported(&*world.catalog).await).await.unwrap();
    assert_eq!(to.next_number(Sequence::Tasks).await.unwrap(), 1001);
    let part = to.records(Collection::Users, None, 10).await.unwrap();
    assert_eq!(part.records.len(), 2);
}
