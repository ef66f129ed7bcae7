//! `/v1/media`: taken in by either body, listed by parts, private, deleted with what was made of it.

use reelmill_core::Role;
use serde_json::json;

use crate::mill::{Ask, Mill, wav};

#[tokio::test]
async fn a_raw_body_and_one_file_part_are_taken_in_alike() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let file = wav(250);
    let raw = Ask::post("/v1/media?name=a%20song.wav").bearer(&token).body(file.clone());
    let parts: [(Option<&str>, &[u8]); 2] = [(None, b"a comment"), (Some("a song.wav"), &file)];
    let form = Ask::post("/v1/media").bearer(&token).multipart(&parts);
    for ask in [raw, form] {
        let answer = mill.call(ask).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let media = answer.json();
        assert_eq!(answer.header("location"), format!("/v1/media/{}", media["id"].as_str().unwrap()));
        assert_eq!(media["name"], "a song.wav");
        assert_eq!(media["content_type"], "audio/wav");
        assert_eq!(media["size_bytes"], file.len());
        assert_eq!(media["duration_ms"], 250);
        assert_eq!(media["audio"]["sample_rate_hz"], 8000);
        assert_eq!(media["blake3"], blake3::hash(&file).to_hex().to_string());
        let shown = mill.call(Ask::get(answer.header("location")).bearer(&token)).await;
        assert_eq!(shown.json(), media);
    }
}

#[tokio::test]
async fn the_list_comes_newest_first_and_in_parts() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let mut ids = Vec::new();
    for at in 0..5 {
        // Ids of one millisecond have no order among themselves.
        mill.clock.advance(10);
        ids.insert(0, mill.upload(&token, &format!("{at}.wav"), wav(50)).await);
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = mill.call(Ask::get(&format!("/v1/media?limit=2{cursor}")).bearer(&token)).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|media| media["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn anothers_media_is_not_there_and_an_admin_sees_all() {
    let mill = Mill::idle().await;
    let (ann, bob) = (mill.member("ann").await, mill.member("bob").await);
    let admin = mill.account("root", Role::Admin).await;
    let media = mill.upload(&ann, "a.wav", wav(50)).await;
    let path = format!("/v1/media/{media}");
    for ask in [
        Ask::get(&path),
        Ask::delete(&path),
        Ask::get(&format!("{path}/content")),
        Ask::get(&format!("/v1/profiles?media_id={media}")),
        Ask::post("/v1/jobs").json(&json!({"media_id": media, "profile": "mp3"})),
    ] {
        mill.call(ask.bearer(&bob)).await.problem(404, "not-found");
    }
    assert_eq!(mill.call(Ask::get("/v1/media").bearer(&bob)).await.json()["items"], json!([]));
    assert_eq!(mill.call(Ask::get(&path).bearer(&admin)).await.status, 200);
    assert_eq!(mill.call(Ask::get("/v1/media").bearer(&admin)).await.json()["items"][0]["id"], media);
    mill.call(Ask::get("/v1/media/no-id").bearer(&ann)).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_guest_reads_and_changes_nothing() {
    let mill = Mill::idle().await;
    let guest = mill.account("eve", Role::Guest).await;
    mill.call(Ask::post("/v1/media?name=a.wav").bearer(&guest).body(wav(50))).await.problem(403, "forbidden");
    mill.call(Ask::post("/v1/convert?to=mp3").bearer(&guest).body(wav(50))).await.problem(403, "forbidden");
    assert_eq!(mill.call(Ask::get("/v1/media").bearer(&guest)).await.status, 200);
    mill.is_empty().await;
}

#[tokio::test]
async fn what_is_deleted_is_gone_with_its_jobs() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let media = mill.upload(&token, "a.wav", wav(50)).await;
    let job = mill.submit(&token, &media, "mp3").await;
    let path = format!("/v1/media/{media}");
    let gone = mill.call(Ask::delete(&path).bearer(&token)).await;
    assert_eq!((gone.status.as_u16(), gone.body.len()), (204, 0));
    for path in [&path, &format!("{path}/content"), &format!("/v1/jobs/{job}")] {
        mill.call(Ask::get(path).bearer(&token)).await.problem(404, "not-found");
    }
    mill.is_empty().await;
}
