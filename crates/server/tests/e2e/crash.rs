//! kill -9 at the worst moments: what was accepted is done, what was not leaves nothing.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use crate::client::Body;
use crate::material;
use crate::mill::{Site, until};
use crate::report;

/// A conversion of this much takes seconds on any machine.
const LONG_S: u32 = 240;

pub(crate) fn a_job_whose_mill_was_killed_in_mid_conversion_ends_done_once_at_the_second_attempt() {
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let (length, wav) = material::wav(LONG_S);
    let media = session.upload_stream("long.wav", length, wav);
    let job = session.convert(&media, "mp3");
    let midst = session.await_midst(&job);
    assert_eq!(midst["attempt"], 1, "{midst}");
    mill.kill();
    assert_eq!(site.objects().objects().len(), 1, "half a result is visible");

    let restarted = Instant::now();
    let mill = site.start();
    let session = session.at(&mill);
    let done = session.await_done(&job);
    report::seconds("crash", "from start to done after kill -9", restarted.elapsed());
    assert_eq!(done["attempt"], 2, "{done}");
    assert_eq!(done["output"]["duration_ms"], u64::from(LONG_S) * 1000, "{done}");
    assert_eq!(session.all("/v1/jobs").len(), 1);
    assert_eq!(site.objects().objects().len(), 2, "{:?}", site.objects().objects());
    let output = session.output(&done);
    assert_eq!(done["output"]["size_bytes"], output.len() as u64);
    // 128 kbit/s are 16,000 bytes a second; the tag and the last frame come on top.
    assert!(output.len().abs_diff(LONG_S as usize * 16_000) < 4096, "{} bytes", output.len());
    session.expect_no_leftovers(&site.objects());
    mill.stop();
    assert_eq!(site.objects().objects().len(), 2);
}

pub(crate) fn an_upload_cut_by_a_kill_leaves_nothing() {
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let bytes = material::wav_bytes(30);
    let request = session.request("POST", "/v1/media?name=cut.wav");
    let mut stream = request.open(&Body::Sized(bytes.len() as u64, &mut std::io::empty())).unwrap();
    stream.write_all(&bytes[..bytes.len() / 2]).unwrap();
    let store = site.objects();
    until("half of the upload is on disk", Duration::from_secs(20), || {
        let sizes = store.partials().into_iter().filter_map(|path| path.metadata().ok());
        sizes.map(|file| file.len()).any(|size| size > 1 << 20).then_some(())
    });
    mill.kill();
    assert!(!store.partials().is_empty() && store.objects().is_empty());
    let mut rest = Vec::new();
    // The connection ends without an answer, one way or the other.
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));

    let mill = site.start();
    let session = session.at(&mill);
    assert!(store.objects().is_empty() && store.partials().is_empty(), "{:?}", store.partials());
    assert!(session.all("/v1/media").is_empty());
    session.expect_no_leftovers(&store);
    mill.stop();
}

pub(crate) fn a_job_accepted_just_before_a_kill_is_done() {
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let wav = material::wav_bytes(5);
    let (kind, body) = crate::bad_input::multipart(&[("file", Some("short.wav"), &wav)]);
    let answer = session.request("POST", "/upload").header("content-type", kind).send(Body::Bytes(&body));
    assert_eq!(answer.status, 200);
    let job = answer.header("x-job-id").unwrap().to_owned();
    mill.kill();

    let mill = site.start();
    let session = session.at(&mill);
    let done = session.await_done(&job);
    assert!(done["attempt"] == 1 || done["attempt"] == 2, "{done}");
    assert_eq!(session.all("/v1/media").len(), 1);
    session.expect_no_leftovers(&site.objects());
    mill.stop();
    assert_eq!(site.objects().objects().len(), 2);
}

pub(crate) fn a_job_that_kills_its_mill_again_and_again_is_set_aside_with_the_reason() {
    let site = Site::new().flags(&["--max-attempts", "2"]);
    let mill = site.start();
    let session = mill.sign_in();
    let (length, wav) = material::wav(LONG_S);
    let media = session.upload_stream("poison.wav", length, wav);
    let job = session.convert(&media, "mp3");
    session.await_midst(&job);
    mill.kill();
    let mill = site.start();
    let midst = session.at(&mill).await_midst(&job);
    assert_eq!(midst["attempt"], 2, "{midst}");
    mill.kill();

    let mill = site.start();
    let session = session.at(&mill);
    let failed = session.await_end(&job);
    assert_eq!((&failed["state"], &failed["attempt"]), (&"failed".into(), &2.into()), "{failed}");
    assert_eq!(failed["error"]["message"], "the worker of attempt 2 of 2 died at it", "{failed}");
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}
