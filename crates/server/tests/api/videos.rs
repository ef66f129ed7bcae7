//! `/v1/videos`: published by whose they are, listed and watched by everybody, with a picture, and taken back.

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reelmill_core::Role;
use serde_json::{Value, json};

use crate::mill::{Answer, Ask, Mill, wav};

/// A PNG of 64 by 32 pixels, all of one colour.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAEAAAAAgCAIAAAAt/+nTAAAAOElEQVR42u3PMQ0AAAgDsP2IxAH+TzRwkjSpgaamX4uAgICAgICAgICAgICAgICAgICAgICAwNUCPZLAWzv7c1UAAAAASUVORK5CYII=";

pub(crate) fn picture() -> Vec<u8> {
    BASE64.decode(PICTURE).unwrap()
}

/// Uploads and publishes a video; its id.
pub(crate) async fn published(mill: &Mill, token: &str, title: &str) -> String {
    // Ids of one millisecond have no order among themselves.
    mill.clock.advance(10);
    let id = mill.upload(token, "film.wav", wav(50)).await;
    let answer = publish(mill, token, &id, &json!({"title": title})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    id
}

async fn publish(mill: &Mill, token: &str, id: &str, details: &Value) -> Answer {
    mill.call(Ask::put(&format!("/v1/videos/{id}")).bearer(token).json(details)).await
}

async fn send_picture(mill: &Mill, token: &str, id: &str, bytes: Vec<u8>) -> Answer {
    mill.call(Ask::put(&format!("/v1/videos/{id}/thumbnail")).bearer(token).body(bytes)).await
}

#[tokio::test]
async fn what_is_published_is_listed_and_played_for_everybody() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    let file = wav(250);
    let id = mill.upload(&ann, "film.wav", file.clone()).await;
    let details = json!({"title": "The mill", "explain": "At work.\nAll day.", "tags": ["mill", "craft"], "category": "Craft"});
    let answer = publish(&mill, &ann, &id, &details).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let video = answer.json();
    for (name, value) in details.as_object().unwrap() {
        assert_eq!(video[name], *value);
    }
    assert_eq!((&video["id"], &video["size_bytes"]), (&json!(id), &json!(file.len())));
    assert_eq!((&video["duration_ms"], &video["thumbnail"]), (&json!(250), &Value::Null));
    assert!(video.get("owner").is_none(), "whose it is is nobody's business: {video}");

    let path = format!("/v1/videos/{id}");
    assert_eq!(mill.call(Ask::get(&path)).await.json(), video);
    let list = mill.call(Ask::get("/v1/videos")).await.json();
    assert_eq!(list, json!({"items": [video], "next": null}));

    let content = format!("{path}/content");
    let whole = mill.call(Ask::get(&content)).await;
    assert_eq!((whole.status.as_u16(), &whole.body[..]), (200, &file[..]));
    assert_eq!(whole.header("content-disposition"), "inline; filename=\"The mill.wav\"");
    let part = mill.call(Ask::get(&content).header("range", "bytes=40-49")).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &file[40..50]));
    assert_eq!(part.header("content-range"), format!("bytes 40-49/{}", file.len()));
    let head = mill.call(Ask::new(Method::HEAD, &content)).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), file.len().to_string());
    let outside = mill.call(Ask::get(&content).header("range", &format!("bytes={}-", file.len()))).await;
    outside.problem(416, "unsatisfiable-range");
}

#[tokio::test]
async fn what_is_not_published_is_not_there_for_anybody() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    let id = mill.upload(&ann, "film.wav", wav(50)).await;
    let path = format!("/v1/videos/{id}");
    for path in [&path, &format!("{path}/content"), &format!("{path}/thumbnail"), "/v1/videos/no-id"] {
        mill.call(Ask::get(path)).await.problem(404, "not-found");
    }
    send_picture(&mill, &ann, &id, picture()).await.problem(404, "not-found");
    assert_eq!(mill.call(Ask::get("/v1/videos")).await.json()["items"], json!([]));
}

#[tokio::test]
async fn only_its_owner_and_admins_publish_edit_and_take_back() {
    let mill = Mill::idle().await;
    let (ann, bob) = (mill.member("ann").await, mill.member("bob").await);
    let guest = mill.account("eve", Role::Guest).await;
    let admin = mill.account("root", Role::Admin).await;
    let id = published(&mill, &ann, "Ann's").await;
    let path = format!("/v1/videos/{id}");
    let details = json!({"title": "Bob's"});
    for (token, status, problem) in [(&bob, 404, "not-found"), (&guest, 403, "forbidden")] {
        publish(&mill, token, &id, &details).await.problem(status, problem);
        send_picture(&mill, token, &id, picture()).await.problem(status, problem);
        mill.call(Ask::delete(&path).bearer(token)).await.problem(status, problem);
    }
    assert_eq!(mill.call(Ask::get(&path)).await.json()["title"], "Ann's");
    let edited = publish(&mill, &admin, &id, &json!({"title": "Root's"})).await;
    assert_eq!(edited.json()["title"], "Root's");
    assert_eq!(mill.call(Ask::delete(&path).bearer(&admin)).await.status, 204);
}

#[tokio::test]
async fn details_of_a_wrong_shape_or_size_are_refused() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    let id = mill.upload(&ann, "film.wav", wav(50)).await;
    for (details, named) in [
        (json!({}), "`title`"),
        (json!({"title": "x", "owner": "bob"}), "`owner`"),
        (json!({"title": "x".repeat(201)}), "title"),
        (json!({"title": "x", "category": "x".repeat(201)}), "category"),
        (json!({"title": "x", "explain": "x".repeat(10_001)}), "explanation"),
        (json!({"title": "x", "tags": vec!["x"; 51]}), "tags"),
        (json!({"title": "x", "tags": ["x".repeat(201)]}), "tag"),
    ] {
        let detail = publish(&mill, &ann, &id, &details).await.problem(400, "invalid-request");
        assert!(detail.contains(named), "{detail}");
    }
    mill.call(Ask::get(&format!("/v1/videos/{id}"))).await.problem(404, "not-found");
}

#[tokio::test]
async fn the_list_comes_newest_first_and_in_parts() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    let mut ids = Vec::new();
    for at in 0..5 {
        ids.insert(0, published(&mill, &ann, &at.to_string()).await);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = mill.call(Ask::get(&format!("/v1/videos?limit=2{cursor}"))).await.json();
        let items = page["items"].as_array().unwrap();
        assert!((1..=2).contains(&items.len()), "{page}");
        seen.extend(items.iter().map(|video| video["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ids);
    for wrong in ["limit=0", "limit=201", "cursor=x", "page=2"] {
        mill.call(Ask::get(&format!("/v1/videos?{wrong}"))).await.problem(400, "invalid-request");
    }
}

#[tokio::test]
async fn a_picture_is_drawn_as_wide_as_it_is_wished_and_no_wider_than_it_is() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    let id = published(&mill, &ann, "film").await;
    let answer = send_picture(&mill, &ann, &id, picture()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let kept = &answer.json()["thumbnail"];
    assert_eq!((&kept["width_px"], &kept["height_px"]), (&json!(64), &json!(32)));
    let path = format!("/v1/videos/{id}/thumbnail");
    let whole = mill.call(Ask::get(&path)).await;
    assert_eq!((whole.status.as_u16(), whole.header("content-type")), (200, "image/jpeg"));
    assert_eq!(whole.body.len(), kept["size_bytes"]);
    let mut sizes = Vec::new();
    for width in [16, 64, 1920] {
        let drawn = mill.call(Ask::get(&format!("{path}?width={width}"))).await;
        assert_eq!((drawn.status.as_u16(), drawn.header("content-type")), (200, "image/jpeg"), "{width}");
        sizes.push(jpeg_width(&drawn.body));
    }
    assert_eq!(sizes, [16, 64, 64]);
    for wrong in ["width=0", "width=1921", "width=-1", "height=3"] {
        mill.call(Ask::get(&format!("{path}?{wrong}"))).await.problem(400, "invalid-request");
    }
}

/// The width in a JPEG's frame header (ITU-T T.81, B.2.2): baseline, as our encoder writes.
fn jpeg_width(bytes: &[u8]) -> u16 {
    let at = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    u16::from_be_bytes([bytes[at + 7], bytes[at + 8]])
}

#[tokio::test]
async fn a_picture_that_the_client_has_is_not_sent_again() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    let id = published(&mill, &ann, "film").await;
    send_picture(&mill, &ann, &id, picture()).await;
    for query in ["", "?width=16"] {
        let path = format!("/v1/videos/{id}/thumbnail{query}");
        let first = mill.call(Ask::get(&path)).await;
        let etag = first.header("etag").to_owned();
        for known in [etag.clone(), format!("\"x\", W/{etag}")] {
            let again = mill.call(Ask::get(&path).header("if-none-match", &known)).await;
            assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{known}");
            assert_eq!(again.header("etag"), etag);
        }
        let other = mill.call(Ask::get(&path).header("if-none-match", "\"x\"")).await;
        assert_eq!(other.status, 200);
    }
}

#[tokio::test]
async fn what_is_no_picture_is_refused_and_the_old_one_stays() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    let id = published(&mill, &ann, "film").await;
    let before = send_picture(&mill, &ann, &id, picture()).await.json();
    send_picture(&mill, &ann, &id, b"<svg/>".to_vec()).await.problem(415, "not-a-picture");
    send_picture(&mill, &ann, &id, picture()[..50].to_vec()).await.problem(415, "not-a-picture");
    send_picture(&mill, &ann, &id, vec![0; 16 * 1024 * 1024 + 1]).await.problem(413, "too-large");
    assert_eq!(mill.call(Ask::get(&format!("/v1/videos/{id}"))).await.json(), before);
    let edited = publish(&mill, &ann, &id, &json!({"title": "edited"})).await.json();
    assert_eq!(edited["thumbnail"], before["thumbnail"], "an edit keeps the picture");
}

#[tokio::test]
async fn a_video_that_is_taken_back_is_its_owners_alone_and_leaves_no_picture() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    let id = published(&mill, &ann, "film").await;
    for _ in 0..2 {
        assert_eq!(send_picture(&mill, &ann, &id, picture()).await.status, 200);
    }
    let path = format!("/v1/videos/{id}");
    assert_eq!(mill.call(Ask::delete(&path).bearer(&ann)).await.status, 204);
    for path in [&path, &format!("{path}/content"), &format!("{path}/thumbnail")] {
        mill.call(Ask::get(path)).await.problem(404, "not-found");
    }
    mill.call(Ask::delete(&path).bearer(&ann)).await.problem(404, "not-found");
    let kept = mill.call(Ask::get(&format!("/v1/media/{id}/content")).bearer(&ann)).await;
    assert_eq!(kept.status, 200);
    let again = publish(&mill, &ann, &id, &json!({"title": "once more"})).await;
    assert_eq!(again.json()["thumbnail"], Value::Null);
    assert_eq!(mill.call(Ask::delete(&format!("/v1/media/{id}")).bearer(&ann)).await.status, 204);
    mill.is_empty().await;
}

#[tokio::test]
async fn pictures_sent_at_the_same_moment_leave_one() {
    let mill = Mill::idle().await;
    let ann = mill.member("ann").await;
    let id = published(&mill, &ann, "film").await;
    let sends = (0..4).map(|_| send_picture(&mill, &ann, &id, picture()));
    for answer in futures_util::future::join_all(sends).await {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(mill.call(Ask::delete(&format!("/v1/media/{id}")).bearer(&ann)).await.status, 204);
    mill.is_empty().await;
}
