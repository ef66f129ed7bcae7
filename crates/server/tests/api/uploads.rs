//! Uploads that are taken up again, as tus 1.0 says.

use axum::body::Bytes;
use axum::http::Method;
use futures_util::{StreamExt as _, stream};

use crate::mill::{Answer, Ask, Mill, wav};

const PORTION: &str = "application/offset+octet-stream";

fn tus(method: Method, path: &str, token: &str) -> Ask {
    Ask::new(method, path).bearer(token).header("tus-resumable", "1.0.0")
}

fn patch(path: &str, token: &str, offset: usize) -> Ask {
    let ask = tus(Method::PATCH, path, token).header("content-type", PORTION);
    ask.header("upload-offset", &offset.to_string())
}

async fn begun(mill: &Mill, token: &str, size: usize) -> String {
    let ask = tus(Method::POST, "/v1/uploads", token).header("upload-length", &size.to_string());
    let answer = mill.call(ask.header("upload-metadata", "filename c29uZy53YXY=,private")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.header("location").to_owned()
}

async fn head(mill: &Mill, token: &str, path: &str) -> Answer {
    mill.call(tus(Method::HEAD, path, token)).await
}

/// The headers of the protocol, with what differs from run to run left out.
fn shape(answer: &Answer) -> String {
    let mut lines = vec![answer.status.to_string()];
    for (name, value) in answer.headers.iter().filter(|(name, _)| *name != "x-request-id") {
        let value = match name.as_str() {
            "location" => "/v1/uploads/[id]",
            "upload-expires" => "[date]",
            "reelmill-media-id" => "[id]",
            _ => value.to_str().unwrap(),
        };
        lines.push(format!("{name}: {value}"));
    }
    lines[1..].sort();
    lines.join("\n")
}

#[tokio::test]
async fn an_upload_goes_its_way_as_the_protocol_says() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let file = wav(500);
    let mut said = Vec::new();
    said.push(("OPTIONS", mill.call(Ask::new(Method::OPTIONS, "/v1/uploads")).await));
    let ask = tus(Method::POST, "/v1/uploads", &token).header("upload-length", &file.len().to_string());
    let answer = mill.call(ask.header("upload-metadata", "filename c29uZy53YXY=")).await;
    let path = answer.header("location").to_owned();
    said.push(("POST", answer));
    said.push(("HEAD", head(&mill, &token, &path).await));
    said.push(("PATCH", mill.call(patch(&path, &token, 0).body(file[..3000].to_vec())).await));
    said.push(("HEAD, midway", head(&mill, &token, &path).await));
    let last = mill.call(patch(&path, &token, 3000).body(file[3000..].to_vec())).await;
    let media = last.header("reelmill-media-id").to_owned();
    said.push(("PATCH, the last", last));
    said.push(("HEAD, done", head(&mill, &token, &path).await));
    said.push(("DELETE", mill.call(tus(Method::DELETE, &path, &token)).await));
    said.push(("HEAD, gone", head(&mill, &token, &path).await));
    let told: Vec<_> = said.iter().map(|(what, answer)| format!("{what}\n{}", shape(answer))).collect();
    insta::assert_snapshot!(told.join("\n\n"));

    let view = mill.call(Ask::get(&format!("/v1/media/{media}")).bearer(&token)).await.json();
    assert_eq!((&view["name"], &view["size_bytes"]), (&"song.wav".into(), &file.len().into()));
    let content = mill.call(Ask::get(&format!("/v1/media/{media}/content")).bearer(&token)).await;
    assert!(content.body == file);
    mill.is_settled().await;
}

#[tokio::test]
async fn the_first_bytes_may_come_with_the_beginning() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let file = wav(500);
    let begin = |bytes: &[u8]| {
        let ask = tus(Method::POST, "/v1/uploads", &token).header("content-type", PORTION);
        ask.header("upload-length", &file.len().to_string()).body(bytes.to_vec())
    };
    let all = mill.call(begin(&file)).await;
    assert_eq!((all.status.as_u16(), all.header("upload-offset")), (201, file.len().to_string().as_str()));
    assert!(all.header("location").ends_with(all.header("reelmill-media-id")));
    let some = mill.call(begin(&file[..100])).await;
    assert_eq!((some.status.as_u16(), some.header("upload-offset")), (201, "100"));
    let path = some.header("location").to_owned();
    let last = mill.call(patch(&path, &token, 100).body(file[100..].to_vec())).await;
    assert_eq!(last.status, 204, "{last:?}");
    // What is refused with its first bytes leaves nothing, as nobody was told its address.
    let wrong = begin(&file[..100]).header("upload-checksum", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    mill.call(wrong).await.problem(460, "checksum-mismatch");
    mill.is_settled().await;
    let query = reelmill_core::ports::PageQuery { limit: 10, after: None };
    let uploads = mill.catalog.uploads(query).await.unwrap().items;
    assert_eq!(uploads.len(), 2, "{uploads:?}");
}

#[tokio::test]
async fn what_the_protocol_refuses_is_refused_with_what_to_do() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let path = begun(&mill, &token, 1000).await;
    let old = Ask::post("/v1/uploads").bearer(&token).header("tus-resumable", "0.2.2");
    let old = mill.call(old.header("upload-length", "5")).await;
    assert!(old.problem(412, "tus-version").contains("1.0.0"));
    assert_eq!((old.header("tus-version"), old.header("tus-resumable")), ("1.0.0", "1.0.0"));
    mill.call(Ask::patch(&path).bearer(&token)).await.problem(412, "tus-version");

    let begin = || tus(Method::POST, "/v1/uploads", &token);
    mill.call(begin()).await.problem(400, "invalid-request");
    let deferred = mill.call(begin().header("upload-defer-length", "1")).await;
    assert!(deferred.problem(400, "invalid-request").contains("Upload-Length"));
    mill.call(begin().header("upload-length", "-1")).await.problem(400, "invalid-request");
    mill.call(begin().header("upload-length", "0")).await.problem(400, "empty");
    assert!(
        mill.call(begin().header("upload-length", "8388609"))
            .await
            .problem(413, "too-large")
            .contains("8388608")
    );
    let metadata = begin().header("upload-length", "5").header("upload-metadata", "filename %%%");
    mill.call(metadata).await.problem(400, "invalid-request");

    let untyped = tus(Method::PATCH, &path, &token).header("upload-offset", "0").body("x");
    assert!(mill.call(untyped).await.problem(415, "wrong-content-type").contains(PORTION));
    let nowhere = tus(Method::PATCH, &path, &token).header("content-type", PORTION).body("x");
    mill.call(nowhere).await.problem(400, "invalid-request");
    assert!(
        mill.call(patch(&path, &token, 7).body("x")).await.problem(409, "wrong-offset").contains("byte 0")
    );
    let unknown = patch(&path, &token, 0).header("upload-checksum", "md5 AAAA").body("x");
    mill.call(unknown).await.problem(400, "invalid-request");
    let damaged =
        patch(&path, &token, 0).header("upload-checksum", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=").body("x");
    mill.call(damaged).await.problem(460, "checksum-mismatch");
    let unread = stream::poll_fn(|_| -> std::task::Poll<Option<std::io::Result<Bytes>>> { panic!("read") });
    let large = patch(&path, &token, 0).header("content-length", "1001").stream(unread);
    mill.call(large).await.problem(413, "too-large");
    assert_eq!(head(&mill, &token, &path).await.header("upload-offset"), "0");
    let words = mill.call(patch(&path, &token, 0).body("x".repeat(1000))).await;
    words.problem(415, "not-media");
    mill.call(patch(&path, &token, 0).body("x")).await.problem(404, "not-found");
    mill.is_empty().await;
}

#[tokio::test]
async fn only_its_owner_sees_an_upload() {
    let mill = Mill::idle().await;
    let (ann, bob) = (mill.member("ann").await, mill.member("bob").await);
    let path = begun(&mill, &ann, 1000).await;
    mill.call(patch(&path, &bob, 0).body("x")).await.problem(404, "not-found");
    mill.call(tus(Method::DELETE, &path, &bob)).await.problem(404, "not-found");
    assert_eq!(head(&mill, &bob, &path).await.status, 404);
    let nobody = Ask::patch(&path).header("tus-resumable", "1.0.0");
    mill.call(nobody).await.problem(401, "not-signed-in");
    let foreign = patch(&path, &ann, 0).header("origin", "https://elsewhere.example").body("x");
    mill.call(foreign).await.problem(403, "foreign-origin");
    mill.call(tus(Method::PATCH, "/v1/uploads/nonsense", &ann)).await.problem(404, "not-found");
    assert_eq!(head(&mill, &ann, "/v1/uploads/nonsense").await.status, 404);
    assert_eq!(head(&mill, &ann, &path).await.header("upload-offset"), "0");
}

#[tokio::test]
async fn a_body_that_is_cut_keeps_what_came() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let file = wav(500);
    let path = begun(&mill, &token, file.len()).await;
    let lost =
        |bytes: &[u8]| stream::iter([Ok(Bytes::copy_from_slice(bytes)), Err(std::io::Error::other("reset"))]);
    let answer = mill.call(patch(&path, &token, 0).stream(lost(&file[..1001]))).await;
    assert!(answer.problem(400, "cut-off").contains("offset"));
    assert_eq!(head(&mill, &token, &path).await.header("upload-offset"), "1001");
    let rest = stream::iter([Ok(Bytes::copy_from_slice(&file[1001..]))]).boxed();
    let ended = mill.call(patch(&path, &token, 1001).stream(rest)).await;
    assert_eq!(ended.status, 204, "{ended:?}");
    let content = format!("/v1/media/{}/content", ended.header("reelmill-media-id"));
    assert!(mill.call(Ask::get(&content).bearer(&token)).await.body == file);
}

#[tokio::test]
async fn an_upload_that_nothing_comes_for_is_gone_in_a_day() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let path = begun(&mill, &token, 1000).await;
    mill.clock.advance(24 * 60 * 60 * 1000 - 60_000);
    assert_eq!(head(&mill, &token, &path).await.status, 200);
    mill.clock.advance(61_000);
    // The session is as old as the upload.
    let entrance = reelmill_service::Entrance { door: reelmill_core::Door::V1, peer: None };
    let password = secrecy::SecretString::from(crate::mill::PASSWORD);
    let session = mill.app.service.sign_in("ann", password, entrance).await.unwrap();
    let token = secrecy::ExposeSecret::expose_secret(&session.token).to_owned();
    let gone = mill.call(patch(&path, &token, 0).body("x")).await;
    assert!(gone.problem(410, "upload-expired").contains("begin it again"));
}

#[tokio::test]
async fn a_post_may_stand_for_another_method() {
    let mill = Mill::idle().await;
    let token = mill.member("ann").await;
    let path = begun(&mill, &token, 1000).await;
    let instead = |method: &str| {
        let ask = tus(Method::POST, &path, &token).header("x-http-method-override", method);
        ask.header("content-type", PORTION).header("upload-offset", "0")
    };
    let sent = mill.call(instead("PATCH").body("x")).await;
    assert_eq!((sent.status.as_u16(), sent.header("upload-offset")), (204, "1"));
    assert_eq!(mill.call(instead("HEAD")).await.header("upload-length"), "1000");
    mill.call(instead("PUT")).await.problem(405, "method-not-allowed");
    assert_eq!(mill.call(instead("DELETE")).await.status, 204);
    assert_eq!(head(&mill, &token, &path).await.status, 404);
    mill.is_empty().await;
}
