//! What the music bot's other programs find.

use reelmill_core::ports::Catalog;
use reelmill_core::{Collection, Event, Failure, FailureKind, Found, Job, Song, SongId, Write};
use serde_json::{Value, json};

use super::other::{self, has, only};
use super::sample::{NOW, claim, commit, done, id, job, operation, output, song};
use super::tables::Tables;

const OPERATION: [&str; 9] =
    ["ID", "SongID", "Status", "Message", "Data", "ProcessingDate", "Success", "Attempts", "Failures"];
const SONG: [&str; 8] =
    ["ID", "Title", "URLYoutube", "Thumbnail", "URLS3", "Platform", "Duration", "VideoID"];
const DATE: &str = "2027-01-15T08:00:00Z";

/// What an operation's item says that is still going on.
fn going() -> Value {
    json!({"Status": "iniciando", "Message": "", "Data": "", "ProcessingDate": "", "Success": false, "Attempts": 0, "Failures": 0})
}

fn failed(attempts: u32, failures: u32) -> Value {
    json!({
        "Status": "failed", "Message": "Fallo en el procesamiento después de varios intentos",
        "Data": format!("Fallos: {failures}"), "ProcessingDate": DATE, "Success": false,
        "Attempts": attempts, "Failures": failures,
    })
}

fn success(uri: &str, attempts: u32) -> Value {
    json!({
        "Status": "success", "Message": "Procesamiento exitoso", "Data": format!("Archivo guardado en S3: {uri}"),
        "ProcessingDate": DATE, "Success": true, "Attempts": attempts, "Failures": attempts - 1,
    })
}

/// A song, its job and an operation in the catalog.
async fn asked_for(catalog: &dyn Catalog) -> (Song, Job, reelmill_core::Operation) {
    let job = job();
    let song = song(&job);
    let operation = operation(&song, &job);
    let writes =
        [Write::AddJob(job.clone()), Write::AddSong(song.clone()), Write::AddOperation(operation.clone())];
    commit(catalog, writes).await;
    (song, job, operation)
}

pub(crate) async fn a_song_and_its_operations_are_read_in_every_state() {
    let tables = Tables::fresh();
    let catalog = tables.open().await;
    let (song, job, operation) = asked_for(&*catalog).await;
    let reads = [other::operation(&tables, operation.id, &song.found.id), other::song(&tables, song.id)];
    let seen = |outcome: &Value, uri: &str| {
        let items = has(&tables, &reads);
        let mut wanted = outcome.clone();
        wanted["ID"] = json!(operation.id.to_string());
        wanted["SongID"] = json!(song.found.id);
        assert_eq!(only(&items[0], &OPERATION), wanted);
        assert_eq!(items[1]["URLS3"], json!(uri));
    };
    seen(&going(), "");
    let (running, token) = claim(&job);
    commit(&*catalog, [Write::ReplaceJob(running.clone())]).await;
    seen(&going(), "");
    let failure = Failure::new(FailureKind::Source, "it is private");
    let lost = running.apply(&Event::Fail { token, failure, retry_at: None }, NOW).unwrap();
    commit(&*catalog, [Write::ReplaceJob(lost.clone())]).await;
    seen(&failed(1, 1), "");
    let again = lost.apply(&Event::Retry, NOW).unwrap();
    commit(&*catalog, [Write::ReplaceJob(again.clone())]).await;
    seen(&going(), "");
    let ended = again.apply(&Event::Cancel, NOW).unwrap();
    commit(&*catalog, [Write::ReplaceJob(ended.clone())]).await;
    seen(&failed(0, 0), "");
    let again = ended.apply(&Event::Retry, NOW).unwrap();
    let (running, token) = claim(&again);
    commit(&*catalog, [again, running.clone()].map(Write::ReplaceJob)).await;
    let (made, output) = done(&running, token);
    commit(&*catalog, [Write::ReplaceJob(made.clone()), Write::AddOutput(output.clone())]).await;
    let uri = format!("s3://bucket/some/{}", output.key);
    seen(&success(&uri, 1), &uri);
    // One that asks for what is there already is told so at once.
    let late = super::sample::operation(&song, &made);
    commit(&*catalog, [Write::AddOperation(late.clone())]).await;
    let item = &has(&tables, &[other::operation(&tables, late.id, &song.found.id)])[0];
    assert_eq!((&item["Status"], &item["Success"]), (&json!("success"), &json!(true)));
    commit(&*catalog, [Write::DropOutput(output.id)]).await;
    seen(&failed(1, 0), "");
    commit(&*catalog, [Write::DropJob(made.id, made.version)]).await;
    seen(&failed(0, 0), "");
}

pub(crate) async fn a_song_says_what_is_known_of_it() {
    let tables = Tables::fresh();
    let catalog = tables.open().await;
    let (full, ..) = asked_for(&*catalog).await;
    let bare = song(&job());
    let found = Found { title: None, duration_ms: None, thumbnail_url: None, ..bare.found };
    let bare = Song { found, ..bare };
    commit(&*catalog, [Write::AddSong(bare.clone())]).await;
    let items = has(&tables, &[other::song(&tables, full.id), other::song(&tables, bare.id)]);
    assert_eq!(
        only(&items[0], &SONG),
        json!({
            "ID": full.id.to_string(), "Title": "Ñandú azul", "URLYoutube": full.found.url,
            "Thumbnail": "https://i.ytimg.com/vi/x/hqdefault.jpg", "URLS3": "", "Platform": "Youtube",
            "Duration": "PT3M32S", "VideoID": full.found.id,
        })
    );
    assert_eq!(
        only(&items[1], &["Title", "Thumbnail", "URLS3", "Duration"]),
        json!({"Title": "", "Thumbnail": "", "URLS3": "", "Duration": ""})
    );
    for item in items {
        assert_eq!(item["schema"], json!("song/1"));
    }
}

pub(crate) async fn a_song_that_is_replaced_keeps_where_its_file_is() {
    let tables = Tables::fresh();
    let catalog = tables.open().await;
    let (song, job, _) = asked_for(&*catalog).await;
    let (running, token) = claim(&job);
    let (made, output) = done(&running, token);
    // The commit that ends the job replaces the song too.
    let titled =
        Song { found: Found { title: Some("Another".to_owned()), ..song.found.clone() }, version: 2, ..song };
    let writes = [
        Write::ReplaceJob(running),
        Write::ReplaceJob(made.clone()),
        Write::AddOutput(output.clone()),
        Write::ReplaceSong(titled.clone()),
    ];
    commit(&*catalog, writes).await;
    let played = Song { plays: 1, version: 3, ..titled };
    let uri = json!(format!("s3://bucket/some/{}", output.key));
    for write in [None, Some(Write::ReplaceSong(played.clone()))] {
        commit(&*catalog, write).await;
        let item = &has(&tables, &[other::song(&tables, played.id)])[0];
        assert_eq!((&item["URLS3"], &item["Title"]), (&uri, &json!("Another")));
    }
    // A new job for it has not made anything yet; the end of the old one is not the song's any more.
    let again = super::sample::job();
    let moved = Song { job: again.id, version: 4, ..played };
    commit(&*catalog, [Write::AddJob(again), Write::ReplaceSong(moved.clone())]).await;
    commit(&*catalog, [Write::DropOutput(output.id), Write::DropJob(made.id, made.version)]).await;
    assert_eq!(has(&tables, &[other::song(&tables, moved.id)])[0]["URLS3"], json!(""));
    assert_eq!(catalog.song(moved.id).await.unwrap(), Some(moved));
}

pub(crate) async fn an_operation_without_a_job_has_failed() {
    let tables = Tables::fresh();
    let catalog = tables.open().await;
    let job = job();
    let (song, output) = (song(&job), output(&job));
    let operation = operation(&song, &job);
    commit(&*catalog, [Write::AddOperation(operation.clone()), Write::AddOutput(output)]).await;
    let item = &has(&tables, &[other::operation(&tables, operation.id, &song.found.id)])[0];
    let mut wanted = failed(0, 0);
    wanted["ID"] = json!(operation.id.to_string());
    wanted["SongID"] = json!(song.found.id);
    assert_eq!(only(item, &OPERATION), wanted);
}

pub(crate) async fn what_others_keep_in_the_tables_is_passed_over() {
    let tables = Tables::fresh();
    let catalog = tables.open().await;
    let (song, ..) = asked_for(&*catalog).await;
    let foreign: SongId = id();
    let key = format!("METADATA#{foreign}");
    let item =
        json!({"PK": key, "SK": key, "ID": foreign.to_string(), "Title": "Ñandú rojo", "VideoID": "x"});
    let put = |table: &str, item: &Value| json!({"do": "put", "table": table, "item": item});
    let operation = json!({"PK": "OPERATION#1", "SK": "x", "ID": "1", "Status": "success"});
    has(&tables, &[put(&tables.songs, &item), put(&tables.operations, &operation)]);
    assert_eq!(catalog.songs_by_title("ñandú", 10).await.unwrap(), [song]);
    for (collection, there) in [(Collection::Songs, 1), (Collection::Operations, 1), (Collection::Jobs, 1)] {
        let part = catalog.records(collection, None, 100).await.unwrap();
        assert_eq!((part.records.len(), part.next), (there, None), "{collection:?}");
    }
    assert_eq!(
        only(&has(&tables, &[other::song(&tables, foreign)])[0], &["Title"]),
        json!({"Title": "Ñandú rojo"})
    );
}

pub(crate) async fn an_operation_that_others_took_away_does_not_keep_its_job_from_ending() {
    let tables = Tables::fresh();
    let catalog = tables.open().await;
    let (song, job, operation) = asked_for(&*catalog).await;
    let mut gone = [other::operation(&tables, operation.id, &song.found.id), other::song(&tables, song.id)];
    for order in &mut gone {
        order["do"] = json!("delete");
    }
    has(&tables, &gone);
    let ended = job.apply(&Event::Cancel, NOW).unwrap();
    commit(&*catalog, [Write::ReplaceJob(ended.clone())]).await;
    assert_eq!(catalog.job(job.id).await.unwrap(), Some(ended));
    let item = &has(&tables, &[other::operation(&tables, operation.id, &song.found.id)])[0];
    assert_eq!(only(item, &["ID", "Status"]), json!({"ID": operation.id.to_string(), "Status": "failed"}));
}
