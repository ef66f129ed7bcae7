//! Uploads that are cut and taken up again, with the client that web pages use for them, and by hand.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use reelmill_testbed::Proxy;
use serde_json::Value;

use crate::client::{Answer, Body};
use crate::fleet::engines::{self, Engines};
use crate::material::{self, RATE_HZ};
use crate::mill::{Mill, Site, until};
use crate::report;
use crate::session::Session;
use crate::tools;

/// What a mill may take while an upload of any size is cut again and again, and is joined.
const MOST_MEMORY_BYTES: u64 = 256 << 20;

/// How much is sent, and after how much of it the connection is cut each time.
fn size() -> (u64, u64, usize) {
    if tools::is_soak() { (1 << 30, 51_000_000, 20) } else { (64 << 20, 12 << 20, 5) }
}

pub(crate) fn a_client_that_is_cut_again_and_again_uploads_the_same_bytes_to_a_disk() {
    let site = Site::new();
    let mill = site.start();
    cut_again_and_again(&mill, "disk");
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn a_client_that_is_cut_again_and_again_uploads_the_same_bytes_to_s3() {
    let engines = Engines::new(engines::Catalog::Sqlite, engines::Objects::S3, engines::Doorbell::Embedded);
    let site = engines.site();
    let mill = site.start();
    cut_again_and_again(&mill, "s3");
    engines.await_stored(1);
    mill.stop();
}

fn cut_again_and_again(mill: &Mill, store: &str) {
    let (least_bytes, cut_after, cuts) = size();
    let folder = tools::scratch();
    let (file, size_bytes, expected) = sound(folder.path(), least_bytes);
    let session = mill.sign_in();
    let proxy = Proxy::start(mill.address()).unwrap();
    proxy.cut_after(cut_after);
    let began = Instant::now();
    let told = by_tus_js_client(proxy.address(), &session, &file);
    let offsets: Vec<u64> = told["offsets"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    assert!(offsets.len() >= cuts, "{told}");
    assert!(offsets.is_sorted() && offsets[0] > 0, "{told}");
    report::seconds(
        "resumable",
        &format!("{} MiB cut {} times, to {store}", size_bytes >> 20, offsets.len()),
        began.elapsed(),
    );

    let media = told["media"].as_str().unwrap_or_else(|| panic!("no media in {told}"));
    same_bytes(&session, media, &expected);
    assert_eq!(session.all("/v1/media").len(), 1);
    let peak_bytes = mill.peak_memory_bytes();
    let what = format!("peak resident memory, {} MiB in parts to {store}", size_bytes >> 20);
    report::figure("resumable", &what, report::mib(peak_bytes), "MiB", Some("≤ 256"));
    assert!(peak_bytes <= MOST_MEMORY_BYTES, "{} MiB", peak_bytes >> 20);
    // Whoever asks once more is told the same; ended, it leaves the media alone.
    let target = told["url"].as_str().unwrap().rsplit('/').next().unwrap();
    let upload = format!("/v1/uploads/{target}");
    let again = head(&session, &upload);
    assert_eq!((again.status, again.header("reelmill-media-id")), (200, Some(media)));
    assert_eq!(tus(&session, "DELETE", &upload).get().status, 204);
    assert_eq!(session.get(&format!("/v1/media/{media}"))["size_bytes"], size_bytes);
}

/// A file of sound of that size or a little more: where it is, its size, and its hash.
fn sound(folder: &Path, least_bytes: u64) -> (PathBuf, u64, blake3::Hash) {
    let path = folder.join("sound.wav");
    let seconds = u32::try_from(least_bytes.div_ceil(u64::from(RATE_HZ * 4))).unwrap();
    let (size_bytes, mut sound) = material::wav(seconds);
    io::copy(&mut sound, &mut File::create(&path).unwrap()).unwrap();
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut File::open(&path).unwrap(), &mut hasher).unwrap();
    (path, size_bytes, hasher.finalize())
}

fn by_tus_js_client(proxy: SocketAddr, session: &Session, file: &Path) -> Value {
    let run = Command::new(tools::node().unwrap())
        .arg(tools::repository().join("crates/server/tests/tus/upload.mjs"))
        .args([format!("http://{proxy}/v1/uploads"), session.token.clone()])
        .arg(file)
        .env("NODE_PATH", tools::node_modules().unwrap())
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    serde_json::from_slice(&run.stdout).unwrap()
}

fn same_bytes(session: &Session, media: &str, expected: &blake3::Hash) {
    let answer = session.request("GET", &format!("/v1/media/{media}/content")).get();
    assert_eq!(answer.status, 200);
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut answer.reader(), &mut hasher).unwrap();
    assert_eq!(hasher.finalize(), *expected);
    assert_eq!(session.get(&format!("/v1/media/{media}"))["blake3"], expected.to_hex().as_str());
}

fn tus<'a>(session: &Session, method: &'a str, target: &'a str) -> crate::client::Request<'a> {
    session.request(method, target).header("tus-resumable", "1.0.0")
}

fn head(session: &Session, upload: &str) -> Answer {
    tus(session, "HEAD", upload).get()
}

fn offset(session: &Session, upload: &str) -> usize {
    let answer = head(session, upload);
    assert_eq!(answer.status, 200);
    answer.header("upload-offset").unwrap().parse().unwrap()
}

fn begin(session: &Session, size_bytes: usize) -> String {
    let answer = tus(session, "POST", "/v1/uploads")
        .header("upload-length", size_bytes.to_string())
        .header("upload-metadata", "filename c291bmQud2F2")
        .send(Body::Nothing);
    assert_eq!(answer.status, 201);
    answer.header("location").unwrap().to_owned()
}

fn patch<'a>(session: &Session, upload: &'a str, offset: usize) -> crate::client::Request<'a> {
    tus(session, "PATCH", upload)
        .header("upload-offset", offset.to_string())
        .header("content-type", "application/offset+octet-stream")
}

pub(crate) fn an_upload_outlives_a_kill_and_goes_on_where_it_stood() {
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let bytes = material::wav_bytes(60);
    let upload = begin(&session, bytes.len());
    let kept = 6 << 20;
    assert_eq!(patch(&session, &upload, 0).send(Body::Bytes(&bytes[..kept])).status, 204);
    // One cut by the kill.
    let rest = (bytes.len() - kept) as u64;
    let mut stream = patch(&session, &upload, kept).open(&Body::Sized(rest, &mut io::empty())).unwrap();
    stream.write_all(&bytes[kept..kept + (2 << 20)]).unwrap();
    let store = site.objects();
    until("some of it is on disk", Duration::from_secs(20), || {
        let sizes = store.partials().into_iter().filter_map(|path| path.metadata().ok());
        sizes.map(|file| file.len()).any(|size| size > 1 << 20).then_some(())
    });
    mill.kill();
    let _ = stream.read_to_end(&mut Vec::new());

    let mill = site.start();
    let session = session.at(&mill);
    assert_eq!(offset(&session, &upload), kept);
    // One cut by its sender: what came is kept, to the byte.
    let more = 1_234_567;
    let mut stream = patch(&session, &upload, kept).open(&Body::Sized(rest, &mut io::empty())).unwrap();
    stream.write_all(&bytes[kept..kept + more]).unwrap();
    drop(stream);
    // To ask before would have it stop where it is.
    until("what came is kept", Duration::from_secs(20), || (store.objects().len() == 2).then_some(()));
    assert_eq!(offset(&session, &upload), kept + more);
    let last = patch(&session, &upload, kept + more).send(Body::Bytes(&bytes[kept + more..]));
    assert_eq!(last.status, 204);
    let media = last.header("reelmill-media-id").unwrap().to_owned();
    same_bytes(&session, &media, &blake3::hash(&bytes));
    session.expect_no_leftovers(&store);
    mill.stop();
}
