//! Chunks that are not as they have to be, and a server that is not there.

use std::time::{Duration, Instant};

use reelmill_backends::{Deployment, objects};
use reelmill_core::ports::ObjectsError;

use super::place::{Place, content};

pub(crate) async fn a_missing_or_short_chunk_is_an_error_and_never_a_short_stream() {
    let place = Place::new().await;
    let damages = [
        ("missing", "chunks.delete_one(at(5))"),
        ("last", "chunks.delete_one(at(11))"),
        ("short", "chunks.update_one(at(5), {'$set': {'data': b'few'}})"),
        ("long", "chunks.update_one(at(11), {'$set': {'data': bytes(261120)}})"),
        ("text", "chunks.update_one(at(5), {'$set': {'data': 'text'}})"),
    ];
    for (name, damage) in damages {
        let fid = place.put(&format!("media/{name}"), &content(3_000_000)).await.unwrap();
        let script = format!(
            "chunks = videos.fs.chunks\nat = lambda n: {{'files_id': ObjectId('{fid}'), 'n': n}}\n{damage}"
        );
        place.python(&script).await;
        let read = place.read(&format!("media/{name}"), 0..3_000_000).await;
        assert!(matches!(read, Err(ObjectsError::Corrupt(_))), "{name}: {:?}", read.map(|bytes| bytes.len()));
    }
    // A chunk that nobody adds to the length is none of the file's.
    let fid = place.put("media/more", &content(300_000)).await.unwrap();
    place
        .python(&format!(
            "videos.fs.chunks.insert_one({{'files_id': ObjectId('{fid}'), 'n': 2, 'data': b'x'}})"
        ))
        .await;
    assert!(place.read("media/more", 0..300_000).await.unwrap() == content(300_000));
}

pub(crate) async fn a_range_is_read_from_its_own_chunks_alone() {
    let place = Place::new().await;
    let fid = place.put("media/a", &content(8_000_000)).await.unwrap();
    // Whatever is not asked for is not there: were it fetched, it would be missed.
    let script =
        format!("videos.fs.chunks.delete_many({{'files_id': ObjectId('{fid}'), 'n': {{'$nin': [10, 11]}}}})");
    place.python(&script).await;
    let (start, end) = (10 * 261_120 + 5, 12 * 261_120);
    let read = place.read("media/a", start as u64..end as u64).await.unwrap();
    assert!(read == content(8_000_000)[start..end]);
    assert!(place.read("media/a", start as u64..end as u64 + 1).await.is_err());
}

pub(crate) async fn a_server_that_is_not_there_is_said_soon_and_without_the_password() {
    // Free a moment ago, and so most likely still.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let started = Instant::now();
    let url = format!("gridfs://me:s3cret@127.0.0.1:{port}/?serverSelectionTimeoutMS=500");
    let Err(refused) = objects::open(&url, &Deployment::within(".".into())).await else {
        panic!("it opened")
    };
    let said = refused.to_string();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(
        said.contains("no primary server")
            && said.contains("Connection refused")
            && !said.contains("s3cret")
            && said.len() < 200,
        "{said}"
    );
}
