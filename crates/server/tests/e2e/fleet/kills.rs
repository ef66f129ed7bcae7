//! A fleet whose workers are killed, whose broker dies and comes back: every job is done once, and nothing is left over.

use std::time::{Duration, Instant};

use reelmill_testbed::{Tools, servers};

use super::engines::{Catalog, Doorbell, Engines, Objects};
use super::journeys::outputs_of;
use crate::material;
use crate::mill::{Mill, Site, until};
use crate::report;
use crate::session::Session;

const JOBS: usize = 60;
const KILLS: usize = 10;

/// A conversion of this much is still under way when a second worker has started.
const LONG_SECONDS: u32 = 600;

/// A killed worker's claim is seen dead after this long.
const HASTE: [(&str, &str); 3] =
    [("REELMILL_LEASE", "3s"), ("REELMILL_HEARTBEAT", "1s"), ("REELMILL_MAX_ATTEMPTS", "10")];

pub(crate) fn sixty_jobs_outlive_ten_killed_workers_and_two_deaths_of_the_broker() {
    let mut broker = servers::RABBITMQ.start(&Tools::from_environment()).unwrap();
    let engines = Engines::new(Catalog::Postgres, Objects::S3, Doorbell::RabbitMq);
    let site = || {
        let queues = format!("{}?video=video&mp3=mp3", broker.url());
        HASTE.iter().fold(engines.site_with(&[("--doorbell", &queues)]), |site, (name, value)| {
            site.variable(name, value)
        })
    };
    let sites: Vec<Site> = (0..5).map(|_| site()).collect();
    let gateways: Vec<Mill> =
        sites[..2].iter().map(|site| site.start_with(&["--roles", "gateway,auth"])).collect();
    let work = |site: &Site| site.start_with(&["--roles", "converter", "--slots", "2"]);
    let mut workers: Vec<Mill> = sites[2..].iter().map(work).collect();
    let session = gateways[0].sign_in();

    let sounds: Vec<Vec<u8>> = [6, 9, 12].map(material::wav_bytes).to_vec();
    let upload = |number: usize| {
        let there = session.at(&gateways[number % 2]);
        let media = there.upload(&format!("{number}.wav"), &sounds[number % 3]);
        there.convert(&media, "mp3")
    };
    let mut jobs: Vec<String> = (0..JOBS / 2).map(upload).collect();
    let mut kills = 0;
    let mut fell = |workers: &mut Vec<Mill>| {
        // One that is at work, where one is.
        std::thread::sleep(Duration::from_millis(700));
        workers.remove(0).kill();
        workers.push(work(&sites[2 + kills % 3]));
        kills += 1;
    };
    for _ in 0..KILLS / 2 {
        fell(&mut workers);
    }
    broker.kill().unwrap();
    // Uploads are taken while there is no broker.
    jobs.extend((JOBS / 2..JOBS).map(upload));
    fell(&mut workers);
    broker.start_again().unwrap();
    for _ in 0..KILLS / 2 - 1 {
        fell(&mut workers);
    }
    broker.kill().unwrap();
    broker.forget().unwrap();
    broker.start_again().unwrap();

    let done: Vec<_> = jobs.iter().map(|id| session.await_done(id)).collect();
    assert_eq!(kills, KILLS);
    let attempts: u64 = done.iter().map(|job| job["attempt"].as_u64().unwrap()).sum();
    report::figure(
        "fleet",
        "attempts for 60 jobs, 10 workers killed",
        f64::from(u32::try_from(attempts).unwrap()),
        "",
        None,
    );
    each_has_one_output(&session, &done);
    // Every original and every result, and nothing that a killed worker began.
    engines.await_stored(2 * JOBS);
    for media in session.all("/v1/media") {
        let id = media["id"].as_str().unwrap();
        assert_eq!(session.request("DELETE", &format!("/v1/media/{id}")).get().status, 204);
    }
    engines.await_stored(0);
    for mill in gateways.into_iter().chain(workers) {
        mill.stop();
    }
}

fn each_has_one_output(session: &Session, done: &[serde_json::Value]) {
    let outputs = outputs_of(done);
    assert_eq!((outputs.len(), outputs.values().max()), (JOBS, Some(&1)));
    for job in done {
        let song = session.output(job);
        assert_eq!(job["output"]["size_bytes"], song.len());
    }
}

/// How long a dead worker's job lay until another had it, with the settings that nobody made.
pub(crate) fn resumption_after_a_death_is_a_matter_of_seconds() {
    const CASE: &str = "soak::resumption_after_a_death_is_a_matter_of_seconds";
    let turns = if crate::tools::is_soak() { 5 } else { 1 };
    let ways =
        [(Doorbell::Embedded, "by its lease", "≤ 20"), (Doorbell::RabbitMq, "by its redelivery", "≤ 2")];
    for (doorbell, how, limit) in ways {
        let engines = Engines::new(Catalog::Postgres, Objects::Disk, doorbell);
        let sites: Vec<Site> = (0..3).map(|_| engines.site()).collect();
        let gateway = sites[0].start_with(&["--roles", "gateway,auth"]);
        let session = gateway.sign_in();
        let work = |site: &Site| site.start_with(&["--roles", "converter"]);
        let (length, sound) = material::wav(LONG_SECONDS);
        let media = session.upload_stream("long.wav", length, sound);
        for _ in 0..turns {
            let dies = work(&sites[1]);
            let job = session.convert(&media, "mp3");
            // How far it is comes with its heartbeats, which may be too seldom to meet it in its midst.
            until("a worker to have it", Duration::from_mins(1), || {
                (session.job(&job)["state"] == "running").then_some(())
            });
            let lives = work(&sites[2]);
            dies.kill();
            let since = Instant::now();
            until("the next attempt", Duration::from_mins(2), || {
                (session.job(&job)["attempt"] == 2).then_some(())
            });
            report::figure(
                CASE,
                &format!("a dead worker's job goes on, {how}"),
                since.elapsed().as_secs_f64(),
                "s",
                Some(limit),
            );
            assert_eq!(session.await_done(&job)["attempt"], 2);
            lives.stop();
        }
        gateway.stop();
    }
    let site = Site::new();
    let mut mill = site.start();
    let session = mill.sign_in();
    let (length, sound) = material::wav(LONG_SECONDS);
    let media = session.upload_stream("long.wav", length, sound);
    for _ in 0..turns {
        let job = session.at(&mill).convert(&media, "mp3");
        session.at(&mill).await_midst(&job);
        mill.kill();
        let started = Instant::now();
        mill = site.start();
        let session = session.at(&mill);
        until("the next attempt", Duration::from_mins(2), || {
            (session.job(&job)["attempt"] == 2).then_some(())
        });
        let took = started.elapsed().as_secs_f64();
        report::figure(CASE, "a job goes on after its one process starts again", took, "s", Some("≤ 2"));
        session.await_done(&job);
    }
    mill.stop();
}
