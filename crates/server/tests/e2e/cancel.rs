//! Changing one's mind while a conversion runs.

use std::time::{Duration, Instant};

use crate::client::Body;
use crate::material;
use crate::mill::{Site, until};
use crate::report;

pub(crate) fn a_running_job_is_cancelled_within_two_seconds() {
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let (length, wav) = material::wav(240);
    let media = session.upload_stream("long.wav", length, wav);
    let job = session.convert(&media, "mp3");
    session.await_midst(&job);
    let asked = Instant::now();
    let answer = session.request("POST", &format!("/v1/jobs/{job}/cancel")).send(Body::Nothing);
    assert!(answer.status == 200 || answer.status == 202, "{}", answer.status);
    let (ended, _) = until("the job is cancelled", Duration::from_secs(2), || {
        Some(session.job(&job)).filter(|job| job["state"] == "cancelled")
    });
    report::seconds("cancel", "from the call to cancelled", asked.elapsed());
    assert!(ended["output"].is_null() && ended["finished_at"].is_string(), "{ended}");
    until("what it had made is gone", Duration::from_secs(5), || {
        (site.objects().objects().len() == 1 && site.objects().partials().is_empty()).then_some(())
    });

    let retried = session.request("POST", &format!("/v1/jobs/{job}/retry")).send(Body::Nothing);
    assert!(retried.status == 200 || retried.status == 202, "{}", retried.status);
    session.await_done(&job);
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn media_deleted_while_it_is_converted_leaves_nothing() {
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let (length, wav) = material::wav(240);
    let media = session.upload_stream("long.wav", length, wav);
    let job = session.convert(&media, "mp3");
    session.await_midst(&job);
    let answer = session.request("DELETE", &format!("/v1/media/{media}")).send(Body::Nothing);
    assert_eq!(answer.status, 204);
    let took = until("nothing is left", Duration::from_secs(10), || {
        (site.objects().objects().is_empty() && site.objects().partials().is_empty()).then_some(())
    });
    report::seconds("cancel", "from the deletion of media in conversion to an empty store", took.1);
    session.request("GET", &format!("/v1/media/{media}")).get().problem(404);
    assert!(session.all("/v1/media").is_empty());
    assert!(session.all("/v1/jobs?state=running").is_empty());
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}
