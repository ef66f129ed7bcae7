//! Bad weather between a mill and its engines: restarts, silence, clocks that disagree.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use reelmill_testbed::{Proxy, Tools, servers};

use super::engines::{Catalog, Doorbell, Engines, Objects, address};
use crate::client::{Body, Request};
use crate::mill::{Mill, until};
use crate::{material, tools};

/// A claim whose worker is dead is taken over after this long, and a worker that cannot beat gives up before.
const LEASE: [(&str, &str); 2] = [("REELMILL_LEASE", "20s"), ("REELMILL_HEARTBEAT", "2s")];

/// Long enough to be met in its midst.
const MIDST_SECONDS: u32 = 600;

pub(crate) fn a_database_that_restarts_in_mid_job_costs_nothing_but_time() {
    let mut database = servers::POSTGRES.start(&Tools::from_environment()).unwrap();
    let engines = Engines::new(Catalog::Sqlite, Objects::Disk, Doorbell::Embedded);
    let url = format!("{}postgres", database.url());
    let site = LEASE
        .iter()
        .fold(engines.site_with(&[("--catalog", &url)]), |site, (name, value)| site.variable(name, value));
    let mill = site.start();
    let session = mill.sign_in();
    let (length, sound) = material::wav(MIDST_SECONDS);
    let media = session.upload_stream("long.wav", length, sound);
    let job = session.convert(&media, "mp3");
    session.await_midst(&job);
    database.kill().unwrap();
    // Whoever asks meanwhile is told so at once, and not that something is broken.
    let answer = session.request("GET", &format!("/v1/jobs/{job}")).get();
    assert_eq!(answer.problem(503)["title"], "Not available now");
    database.start_again().unwrap();
    until("the catalog is found again", Duration::from_mins(1), || {
        (session.request("GET", &format!("/v1/jobs/{job}")).get().status == 200).then_some(())
    });
    let done = session.await_done(&job);
    assert_eq!(done["attempt"], 1, "{done}\n{}", mill.said());
    engines.await_stored(2);
    mill.stop();
}

fn through(proxy: &Proxy, url: &str, name: &str) -> String {
    let (host, port) = address(name);
    url.replacen(&format!("{host}:{port}"), &proxy.address().to_string(), 1)
}

fn target(name: &str) -> SocketAddr {
    let (host, port) = address(name);
    format!("{host}:{port}").to_socket_addrs().unwrap().next().unwrap()
}

pub(crate) fn a_database_that_falls_silent_is_told_within_seconds_and_used_again() {
    let proxy = Proxy::start(target("MYSQL")).unwrap();
    let engines = Engines::new(Catalog::MySql, Objects::Disk, Doorbell::Embedded);
    let url = through(&proxy, &engines.catalog_url().unwrap(), "MYSQL");
    let mill = engines.site_with(&[("--catalog", &url)]).start();
    let session = mill.sign_in();
    proxy.stall();
    // Half-open: the connections stand, and nothing comes.
    let (ready, took) = until("readyz says so", Duration::from_mins(1), || {
        let answer = Request::new(mill.address(), "GET", "/readyz").try_send(Body::Nothing).ok()?;
        (answer.status == 503).then_some(())
    });
    assert!(took < Duration::from_secs(40), "{took:?}");
    let () = ready;
    proxy.clean().unwrap();
    until("it is used again", Duration::from_mins(1), || {
        let answer = session.request("GET", "/v1/jobs").try_send(Body::Nothing).ok()?;
        (answer.status == 200).then_some(())
    });
    let media = session.upload("a.wav", &material::wav_bytes(1));
    session.await_done(&session.convert(&media, "mp3"));
    mill.stop();
}

pub(crate) fn a_store_that_cuts_and_narrows_loses_no_upload_and_no_result() {
    let proxy = Proxy::start(target("S3")).unwrap();
    let engines = Engines::new(Catalog::Sqlite, Objects::S3, Doorbell::Embedded);
    let url = through(&proxy, &engines.objects_url(), "S3");
    let mill = engines.site_with(&[("--objects", &url)]).start();
    let session = mill.sign_in();
    proxy.delay(Duration::from_millis(30), Duration::from_millis(30));
    let sent = material::wav_bytes(90);
    // Somewhere in the second part, and once more in what is read back.
    proxy.reset_after(7 << 20);
    let media = session.upload("a.wav", &sent);
    proxy.cut_after(3 << 20);
    let job = session.await_done(&session.convert(&media, "mp3"));
    proxy.clean().unwrap();
    let read = session.request("GET", &format!("/v1/media/{media}/content")).get().bytes();
    assert!(read == sent);
    assert_eq!(job["output"]["size_bytes"], session.output(&job).len());
    engines.await_stored(2);
    mill.stop();
}

pub(crate) fn nodes_whose_clocks_differ_by_five_minutes_share_the_work() {
    let engines = Engines::new(Catalog::Postgres, Objects::Disk, Doorbell::Embedded);
    let gateway_site = engines.site();
    let gateway = gateway_site.start_with(&["--roles", "gateway,auth"]);
    let session = gateway.sign_in();
    let library = tools::faketime().unwrap();
    let shifted = |name: &str, shift: &str| {
        let site = LEASE.iter().fold(engines.site(), |site, (name, value)| site.variable(name, value));
        site.variable("LD_PRELOAD", &library)
            .variable("FAKETIME", shift)
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .variable("REELMILL_WORKER_NAME", name)
    };
    let sites = [shifted("early", "-5m"), shifted("late", "+5m")];
    let workers: Vec<Mill> =
        sites.iter().map(|site| site.start_with(&["--roles", "converter", "--slots", "1"])).collect();
    let sound = material::wav_bytes(120);
    let media: Vec<String> = (0..8).map(|number| session.upload(&format!("{number}.wav"), &sound)).collect();
    let jobs: Vec<String> = media.iter().map(|media| session.convert(media, "mp3")).collect();
    for job in &jobs {
        let done = session.await_done(job);
        // Nobody took for dead what another worked at.
        assert_eq!(done["attempt"], 1, "{done}");
    }
    for worker in &workers {
        assert!(worker.said().contains("job done"), "{}", worker.said());
    }
    engines.await_stored(16);
    gateway.stop();
    workers.into_iter().for_each(Mill::stop);
}

pub(crate) fn of_two_processes_of_one_name_the_older_ends_and_its_job_goes_on() {
    let engines = Engines::new(Catalog::MySql, Objects::Disk, Doorbell::Embedded);
    let site = || engines.site().variable("REELMILL_WORKER_NAME", "mill-1");
    let (first_site, second_site) = (site(), site());
    let mut first = first_site.start();
    let session = first.sign_in();
    let (length, sound) = material::wav(MIDST_SECONDS);
    let media = session.upload_stream("long.wav", length, sound);
    let job = session.convert(&media, "mp3");
    session.await_midst(&job);
    let second = second_site.start();
    assert_eq!(first.wait(Duration::from_mins(1)).code(), Some(1), "{}", first.said());
    let done = session.at(&second).await_done(&job);
    // Its attempt was given back.
    assert_eq!(done["attempt"], 1, "{done}");
    engines.await_stored(2);
    second.stop();
}
