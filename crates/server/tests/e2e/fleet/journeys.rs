//! What users of each door do: send, convert, read by range, delete; the same on whatever engines.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::Fleet;
use crate::client::{Body, Request};
use crate::fountain::Fountain;
use crate::mill::{EMAIL, PASSWORD};
use crate::rpc::{self, Rpc};
use crate::session::Session;
use crate::tasks_client::{Member, id_of};
use crate::{bad_input, material, music, tasks_client};

/// Long enough that its original has several parts on every store.
const SECONDS: u32 = 40;

/// Asserts that parts of what lies at `target` are those of the whole, and that the whole has `size` bytes.
fn reads_by_range(session: &Session, target: &str) -> Vec<u8> {
    let whole = session.request("GET", target).get();
    assert_eq!(whole.status, 200, "{target}");
    let whole = whole.bytes();
    let size = whole.len();
    for (start, end) in [(0, 1), (size / 2, size / 2 + 1000), (size - 7, size)] {
        let range = format!("bytes={start}-{}", end - 1);
        let part = session.request("GET", target).header("range", range).get();
        let told = format!("bytes {start}-{}/{size}", end - 1);
        assert_eq!((part.status, part.header("content-range")), (206, Some(told.as_str())));
        assert!(part.bytes() == whole[start..end], "{target} from {start} to {end}");
    }
    whole
}

fn delete_all(session: &Session) {
    for media in session.all("/v1/media") {
        let id = media["id"].as_str().unwrap();
        assert_eq!(session.request("DELETE", &format!("/v1/media/{id}")).get().status, 204);
    }
    assert_eq!(session.all("/v1/jobs"), Vec::<Value>::new());
}

/// `/v1`: an upload, a job, its output.
pub(crate) fn of_the_api(fleet: Fleet) {
    let session = fleet.gateway.sign_in();
    let sent = material::wav_bytes(SECONDS);
    let media = session.upload("talk.wav", &sent);
    let job = session.await_done(&session.convert(&media, "mp3"));
    assert!(reads_by_range(&session, &format!("/v1/media/{media}/content")) == sent);
    let output = job["output"]["id"].as_str().unwrap();
    let song = reads_by_range(&session, &format!("/v1/outputs/{output}/content"));
    assert_eq!(job["output"]["size_bytes"], song.len());
    fleet.engines.await_stored(2);
    delete_all(&session);
    fleet.stop();
}

/// The converter: login, upload, download by the fid.
pub(crate) fn of_the_converter(fleet: Fleet) {
    let session = fleet.gateway.sign_in();
    let (kind, form) = bad_input::multipart(&[("file", Some("talk.wav"), &material::wav_bytes(SECONDS))]);
    let answer = session.request("POST", "/upload").header("content-type", kind).send(Body::Bytes(&form));
    let job = answer.header("x-job-id").map(str::to_owned);
    assert_eq!((answer.status, answer.text().trim()), (200, "success!"));
    let job = session.await_done(&job.unwrap());
    let fid = job["output"]["fid"].as_str().unwrap();
    let song = reads_by_range(&session, &format!("/download?fid={fid}"));
    assert_eq!(song, session.output(&job));
    fleet.engines.await_stored(2);
    delete_all(&session);
    fleet.stop();
}

/// The tasks: sign-up, a task, its result, a change of its format.
pub(crate) fn of_the_tasks(fleet: Fleet) {
    let member = Member::join(&fleet.gateway, "tessa");
    let sent = tasks_client::tone(7, 400_000);
    let id = id_of(&member.create("a talk.wav", &sent, "mp3"));
    let first = member.await_result(id);
    assert!(member.download(id, "original") == sent);
    let changed = member.request("PUT", &format!("/api/tasks/{id}")).json(&json!({"newFormat": "ogg"}));
    assert_eq!(changed.expect(200)["state"], "UPLOADED");
    let second = member.await_result(id);
    assert!(first != second && second.starts_with(b"OggS"));
    let target = format!("/api/download/{id}");
    let part = member.request("GET", &target).header("range", "bytes=1-3").get();
    assert_eq!((part.status, part.bytes()), (206, b"ggS".to_vec()));
    assert_eq!(member.request("DELETE", &format!("/api/tasks/{id}")).get().status, 200);
    fleet.stop();
}

/// The music bot: a song by its address, and the same once more.
pub(crate) fn of_the_bot(fleet: Fleet, fountain: &Fountain) {
    let song = fountain.url("/sound/tune.wav?seconds=30");
    let first = music::start(&fleet.gateway, &song);
    let last = music::await_success(&fleet.gateway, &first);
    let data = last["status"]["data"].as_str().unwrap();
    let key = data.rsplit_once("/audio/").map(|(_, name)| format!("audio/{name}")).unwrap();
    let stored = fleet.engines.stored();
    assert!(stored.iter().any(|stored| stored.ends_with(&key)), "{data}: {stored:?}");
    assert_eq!(music::start(&fleet.gateway, &song).id, first.id);
    assert_eq!(fountain.asked("/sound/tune.wav"), 1);
    let found =
        Request::new(fleet.gateway.address(), "GET", "/api/v1/media/search?title=tun").get().expect(200);
    assert_eq!(found["data"].as_array().map(Vec::len), Some(1), "{found}");
    let session = fleet.gateway.sign_in();
    let job = &session.all("/v1/jobs")[0];
    let output = job["output"]["id"].as_str().unwrap();
    let dca = reads_by_range(&session, &format!("/v1/outputs/{output}/content"));
    assert_eq!(&dca[..4], b"DCA1");
    delete_all(&session);
    fleet.stop();
}

/// The video site: an upload in messages, details, playback by range.
pub(crate) fn of_the_site(fleet: Fleet) {
    let (session, rpc) = (fleet.gateway.sign_in(), Rpc::to(fleet.gateway.address()));
    let (email, password) = (EMAIL.to_owned(), PASSWORD.to_owned());
    let reply = rpc.auth_user(rpc::user::AuthUserRequest { email, password }).unwrap();
    let sent = material::wav_bytes(SECONDS);
    let uuid = rpc.bearing(&session.token).upload(&sent, reply.info.unwrap().id).unwrap();
    rpc.bearing(&session.token).video_deteil_upload(rpc::details(&uuid, "png")).unwrap();
    let part = rpc.part(&format!("{uuid}.mp4"), 1000, 1999).unwrap();
    assert!(part == sent[1000..2000]);
    let played = reads_by_range(&session, &format!("/api/video/play/{uuid}.mp4/{}", sent.len()));
    assert!(played == sent);
    let list = session.get("/api/video/homelist");
    assert!(list.to_string().contains(&uuid), "{list}");
    assert!(fleet.engines.stored().iter().any(|key| key.ends_with(&format!("movies/{uuid}.mp4"))));
    delete_all(&session);
    fleet.stop();
}

/// How often each output is named by jobs: once.
pub(crate) fn outputs_of(jobs: &[Value]) -> HashMap<String, usize> {
    let mut outputs = HashMap::new();
    for job in jobs {
        let id = job["output"]["id"].as_str().unwrap_or_else(|| panic!("no output in {job}"));
        *outputs.entry(id.to_owned()).or_default() += 1;
    }
    outputs
}
