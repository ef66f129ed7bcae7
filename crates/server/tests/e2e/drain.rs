//! Stopping in an orderly way: what is short is finished, what is long is given back, and whoever insists is obeyed.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::client::{Body, Request};
use crate::material;
use crate::mill::{Mill, Site, until};
use crate::report;
use crate::session::Session;

pub(crate) fn a_short_conversion_is_finished_before_a_stop() {
    let site = Site::new();
    let mut mill = site.start();
    let (session, job) = begin(&mill, 60);
    mill.signal(Signal::TERM);
    await_draining(&mill);
    assert_eq!(mill.wait(Duration::from_secs(45)).code(), Some(0), "{}", mill.said());
    drop(mill);

    let mill = site.start_with(&["--roles", "gateway,auth"]);
    let session = session.at(&mill);
    let done = session.job(&job);
    assert_eq!((&done["state"], &done["attempt"]), (&"done".into(), &1.into()), "{done}");
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn a_long_conversion_is_given_back_with_its_attempt() {
    let site = Site::new().flags(&["--drain", "300ms"]);
    let mut mill = site.start();
    let (session, job) = begin(&mill, 180);
    let asked = Instant::now();
    mill.signal(Signal::TERM);
    assert_eq!(mill.wait(Duration::from_secs(20)).code(), Some(0), "{}", mill.said());
    report::seconds("drain", "from SIGTERM to the end (drain 0.3 s)", asked.elapsed());
    drop(mill);

    let mill = site.start_with(&["--roles", "gateway,auth"]);
    let queued = session.at(&mill).job(&job);
    assert_eq!((&queued["state"], &queued["attempt"]), (&"queued".into(), &0.into()), "{queued}");
    assert_eq!(site.objects().objects().len(), 1, "the original alone");
    assert!(site.objects().partials().is_empty());
    mill.stop();

    let mill = site.start();
    let session = session.at(&mill);
    let done = session.await_done(&job);
    assert_eq!(done["attempt"], 1, "{done}");
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn a_second_signal_ends_it_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let site = Site::new();
        let mut mill = site.start();
        let (session, job) = begin(&mill, 240);
        mill.signal(signal);
        await_draining(&mill);
        let insisted = Instant::now();
        mill.signal(signal);
        let status = mill.wait(Duration::from_secs(2));
        assert_ne!(status.code(), Some(0), "a cut drain must not look like a clean one");
        report::seconds("drain", "from the second signal to the end", insisted.elapsed());
        drop(mill);

        let mill = site.start();
        let session = session.at(&mill);
        session.request("POST", &format!("/v1/jobs/{job}/cancel")).send(Body::Nothing);
        assert_eq!(session.await_end(&job)["state"], "cancelled");
        session.expect_no_leftovers(&site.objects());
        mill.stop();
    }
}

/// A job in its midst.
fn begin(mill: &Mill, seconds: u32) -> (Session, String) {
    let session = mill.sign_in();
    let (length, wav) = material::wav(seconds);
    let media = session.upload_stream("sound.wav", length, wav);
    let job = session.convert(&media, "mp3");
    session.await_midst(&job);
    (session, job)
}

/// While it drains it still answers, and says that it is not ready for more.
fn await_draining(mill: &Mill) {
    until("it says that it drains", Duration::from_secs(5), || {
        let answer = Request::new(mill.address(), "GET", "/readyz").try_send(Body::Nothing);
        let answer = answer.unwrap_or_else(|error| panic!("{error} instead of 503: {}", mill.said()));
        (answer.status == 503).then_some(())
    });
}
