//! What a broker's queue adds: held deliveries, outages, messages of other programs, results.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use reelmill_core::ports::{Channel, Foreign, Message};
use reelmill_core::{Door, Event, Job, JobId, Notification, StateName, Token, Write};
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use super::broker::{Broker, Line};
use super::world::{WORKER, World, options, upload, wish};
use crate::{JobWish, Options, Roles, Service};

const GATEWAY: Roles = Roles { converter: false, notification: false };
const CONVERTER: Roles = Roles { converter: true, notification: false };

/// A world whose processes share a broker; its own service has one as well.
async fn world() -> (Arc<Broker>, World) {
    let broker = Arc::<Broker>::default();
    (Arc::clone(&broker), World::ringing(Arc::new(Line(broker))).await)
}

fn process(world: &World, broker: &Arc<Broker>, options: Options) -> Service {
    world.process_with(options, Arc::new(Line(Arc::clone(broker))))
}

async fn converted(world: &World, text: &str) -> Job {
    let wish = JobWish { door: Door::Converter, ..wish("mp3") };
    world.service.ingest(&world.alice, upload(text), Some(wish)).await.unwrap().job.unwrap()
}

fn heard(world: &World) -> Vec<Notification> {
    world.ears.heard.lock().unwrap().clone()
}

fn foreign_upload(media_fid: &str, username: &str) -> Message {
    Message::Foreign(Foreign::Upload { media_fid: media_fid.into(), username: username.into() })
}

#[tokio::test(start_paused = true)]
async fn a_ring_says_what_other_programs_want_to_know() {
    let (broker, world) = world().await;
    let job = converted(&world, "tone").await;
    let rung = broker.rung.lock().unwrap().clone();
    let [(Channel::Work, id, about)] = &rung[..] else { panic!("{rung:?}") };
    assert_eq!((*id, about.username.as_str()), (job.id, "alice@example.com"));
    let media = job.media_id.unwrap().to_string();
    assert_eq!(about.media_fid.as_deref(), Some(media.as_str()));
    assert_eq!((about.from_extension.as_str(), about.to_extension.as_str()), ("wav", "mp3"));
    assert_eq!((&about.output_fid, &about.output_key), (&None, &None));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_held_while_its_job_runs_and_settled_after() {
    let (broker, world) = world().await;
    let running = world.start().await;
    let job = converted(&world, "slow:4000").await;
    world.until_running(&job).await;
    assert_eq!(broker.depth(Channel::Work), 0);
    assert_eq!(broker.settled.load(Ordering::Relaxed), 0);
    assert_eq!(world.ended(&job).await.job.state.name(), StateName::Done);
    world.settle().await;
    assert!(broker.settled.load(Ordering::Relaxed) >= 1);
    assert_eq!(broker.depth(Channel::Work), 0);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_taken_by_its_ring_so_that_the_queue_grows_shorter() {
    let (broker, world) = world().await;
    let mut jobs = Vec::new();
    for _ in 0..6 {
        jobs.push(converted(&world, "slow:10000").await);
    }
    let running = process(&world, &broker, Options { slots: 2, ..options() }).start(CONVERTER).await.unwrap();
    world.until_running(&jobs[0]).await;
    sleep(Duration::from_secs(1)).await;
    // Two run and are held, four wait. What was rung for anew at the start is a copy and stands behind them.
    let waiting = broker.depth(Channel::Work);
    assert!((4..=10).contains(&waiting), "{waiting}");
    for job in &jobs {
        assert_eq!(world.ended(job).await.job.state.name(), StateName::Done);
    }
    world.settle().await;
    assert_eq!(broker.depth(Channel::Work), 0);
    assert_eq!(world.engine.conversions.load(Ordering::Relaxed), 6);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_down_refuses_no_upload_and_delays_no_longer_than_a_look() {
    let (broker, world) = world().await;
    broker.is_down.store(true, Ordering::Relaxed);
    let running = world.start().await;
    let job = converted(&world, "tone").await;
    assert_eq!(world.ended(&job).await.job.state.name(), StateName::Done);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn messages_follow_from_the_record_once_the_broker_is_back() {
    let (broker, world) = world().await;
    let gateway = world.service.start(GATEWAY).await.unwrap();
    broker.is_down.store(true, Ordering::Relaxed);
    let jobs = [converted(&world, "tone").await, converted(&world, "tone").await];
    sleep(Duration::from_mins(2)).await;
    assert_eq!(broker.rung.lock().unwrap().len(), 0);
    broker.is_down.store(false, Ordering::Relaxed);
    sleep(Duration::from_secs(20)).await;
    let mut rung: Vec<JobId> = broker.rung.lock().unwrap().iter().map(|(_, job, _)| *job).collect();
    rung.sort_unstable();
    let mut made = jobs.map(|job| job.id);
    made.sort_unstable();
    assert_eq!(rung, made);
    gateway.drain().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_rung_for_by_the_next_process_where_one_died_before_its_ring() {
    let (broker, world) = world().await;
    broker.is_down.store(true, Ordering::Relaxed);
    let job = converted(&world, "tone").await;
    broker.is_down.store(false, Ordering::Relaxed);
    let next = process(&world, &broker, options()).start(GATEWAY).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(broker.rung.lock().unwrap().first().map(|(_, rung, _)| *rung), Some(job.id));
    next.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_result_is_announced_once_it_is_stored() {
    let (broker, world) = world().await;
    let running = world.service.start(CONVERTER).await.unwrap();
    let job = converted(&world, "tone").await;
    let output = world.ended(&job).await.output.unwrap();
    world.settle().await;
    assert_eq!(broker.announced(), [output.fid]);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_result_that_no_broker_took_is_announced_when_it_is_back() {
    let (broker, world) = world().await;
    let running = world.service.start(CONVERTER).await.unwrap();
    broker.is_down.store(true, Ordering::Relaxed);
    let job = converted(&world, "tone").await;
    let output = world.ended(&job).await.output.unwrap();
    running.drain().await;
    broker.is_down.store(false, Ordering::Relaxed);
    // The process that made it is gone.
    let next = process(&world, &broker, options()).start(CONVERTER).await.unwrap();
    sleep(Duration::from_secs(20)).await;
    assert_eq!(broker.announced(), [output.fid]);
    next.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_result_made_while_the_last_process_drains_is_announced_before_it_ends() {
    let (broker, world) = world().await;
    let running = world.service.start(CONVERTER).await.unwrap();
    let job = converted(&world, "slow:4000").await;
    world.until_running(&job).await;
    running.drain().await;
    let output = world.ended(&job).await.output.unwrap();
    assert_eq!(broker.announced(), [output.fid]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_starts_rings_for_nothing() {
    let (broker, world) = world().await;
    converted(&world, "tone").await;
    let running = process(&world, &broker, Options { slots: 1, ..options() }).start(CONVERTER).await.unwrap();
    sleep(Duration::from_secs(5)).await;
    let rung = broker.rung.lock().unwrap().iter().filter(|(channel, ..)| *channel == Channel::Work).count();
    assert_eq!(rung, 1);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn people_are_told_once_although_a_queue_says_it_too() {
    let (broker, world) = world().await;
    let running = world.start().await;
    let job = converted(&world, "tone").await;
    let output = world.ended(&job).await.output.unwrap();
    sleep(Duration::from_secs(30)).await;
    let told: Vec<_> = heard(&world).into_iter().map(|told| (told.subject, told.body)).collect();
    assert_eq!(told, [("MP3 Download".to_owned(), format!("mp3 file_id: {} is now ready!", output.fid))]);
    assert_eq!(broker.depth(Channel::Results), 0);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_names_an_upload_makes_its_job_once() {
    let (broker, world) = world().await;
    let media = world.upload("tone").await.unwrap().media;
    let running = world.start().await;
    let fid = media.id.to_string();
    for _ in 0..3 {
        broker.bring(Channel::Work, foreign_upload(&fid, "alice@example.com"), false);
    }
    sleep(Duration::from_secs(10)).await;
    broker.bring(Channel::Work, foreign_upload(&fid, "alice@example.com"), false);
    sleep(Duration::from_secs(10)).await;
    let jobs = world.all_jobs().await;
    let states: Vec<_> = jobs.iter().map(|job| (job.state.name(), job.door, job.account)).collect();
    assert_eq!(states, [(StateName::Done, Door::Converter, world.alice.id())]);
    assert_eq!(world.engine.conversions.load(Ordering::Relaxed), 1);
    assert_eq!((broker.depth(Channel::Work), broker.refused.lock().unwrap().len()), (0, 0));
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_names_nothing_of_its_account_is_set_aside_with_the_reason() {
    let (broker, world) = world().await;
    let media = world.upload("tone").await.unwrap().media.id.to_string();
    let silent = world.upload("silent").await.unwrap().media.id.to_string();
    let running = world.start().await;
    let task = Foreign::Task { number: 7, original: "7/a.wav".into(), to_extension: "mp3".into() };
    let result = Foreign::Result { output_fid: media.clone(), username: "alice@example.com".into() };
    let messages = [
        (foreign_upload(&media, "nobody@example.com"), "there is no account `nobody@example.com`"),
        (foreign_upload(&media, "bob@example.com"), "there is no upload"),
        (foreign_upload("../../etc/passwd", "alice@example.com"), "there is no upload"),
        (foreign_upload(&silent, "alice@example.com"), "no audio track"),
        (Message::Foreign(task), "there is no task 7"),
        (Message::Foreign(result), "belongs into the other queue"),
    ];
    for (message, _) in &messages {
        broker.bring(Channel::Work, message.clone(), false);
    }
    sleep(Duration::from_secs(20)).await;
    let refused = broker.refused.lock().unwrap().clone();
    for (message, reason) in messages {
        let said = refused.iter().find(|(refused, _)| *refused == message).map(|(_, said)| said.clone());
        assert!(said.as_ref().is_some_and(|said| said.contains(reason)), "{message:?}: {said:?}");
    }
    assert_eq!((refused.len(), world.all_jobs().await.len()), (6, 0));
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_result_of_another_program_is_told_to_its_owner_and_nobody_else() {
    let (broker, world) = world().await;
    let running = world.start().await;
    let job = converted(&world, "tone").await;
    let fid = world.ended(&job).await.output.unwrap().fid;
    world.settle().await;
    let before = heard(&world).len();
    let told = |username: &str| {
        Message::Foreign(Foreign::Result { output_fid: fid.clone(), username: username.into() })
    };
    broker.bring(Channel::Results, told("alice@example.com"), false);
    broker.bring(Channel::Results, told("bob@example.com"), false);
    sleep(Duration::from_secs(10)).await;
    let heard = heard(&world);
    assert_eq!(heard.len(), before + 1);
    assert_eq!(heard.last().map(|told| told.recipient.as_str()), Some("alice@example.com"));
    assert_eq!(broker.refused.lock().unwrap().len(), 1);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_whose_worker_lives_is_left_to_it_and_costs_no_attempt() {
    let (broker, world) = world().await;
    let first = process(&world, &broker, options()).start(CONVERTER).await.unwrap();
    let job = converted(&world, "slow:40000").await;
    world.until_running(&job).await;
    // The broker restarts: the worker's delivery comes to somebody else.
    let second = process(&world, &broker, options()).start(CONVERTER).await.unwrap();
    broker.bring(Channel::Work, Message::Job(job.id), true);
    let view = world.ended(&job).await;
    assert_eq!((view.job.state.name(), view.job.attempt), (StateName::Done, 1));
    assert_eq!(world.engine.conversions.load(Ordering::Relaxed), 1);
    first.drain().await;
    second.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_told_that_its_ring_is_lost_keeps_its_job_from_an_impatient_other() {
    let (broker, world) = world().await;
    broker.tells_loss.store(true, Ordering::Relaxed);
    let first = process(&world, &broker, options()).start(CONVERTER).await.unwrap();
    let job = converted(&world, "slow:40000").await;
    world.until_running(&job).await;
    broker.is_cut.store(true, Ordering::Relaxed);
    sleep(Duration::from_millis(200)).await;
    broker.is_cut.store(false, Ordering::Relaxed);
    let second = process(&world, &broker, options()).start(CONVERTER).await.unwrap();
    // The broker is long in coming back.
    sleep(Duration::from_secs(11)).await;
    broker.bring(Channel::Work, Message::Job(job.id), true);
    let view = world.ended(&job).await;
    assert_eq!((view.job.state.name(), view.job.attempt), (StateName::Done, 1));
    first.drain().await;
    second.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_whose_worker_died_is_taken_over_before_the_lease_ends() {
    // Where workers are told of their loss, the same in two seconds.
    for (tells_loss, within) in [(false, Duration::from_secs(30)), (true, Duration::from_secs(2))] {
        let (broker, world) = world().await;
        broker.tells_loss.store(tells_loss, Ordering::Relaxed);
        let job = converted(&world, "slow:3600000").await;
        // A worker that claimed it and was killed.
        let token = Token { attempt: 1, nonce: Uuid::new_v4() };
        let claim = Event::Claim { token, worker: "dead".into() };
        let claimed = job.apply(&claim, world.clock_now()).unwrap();
        world.catalog.commit(vec![Write::ReplaceJob(claimed)]).await.unwrap();
        let lease = Duration::from_hours(10);
        let next = process(&world, &broker, Options { lease, ..options() }).start(CONVERTER).await.unwrap();
        broker.bring(Channel::Work, Message::Job(job.id), true);
        sleep(within).await;
        let view = world.service.job(&world.alice, job.id).await.unwrap();
        assert_eq!((view.job.state.name(), view.job.attempt), (StateName::Running, 2));
        next.give_back().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_ring_for_no_job_is_settled() {
    let (broker, world) = world().await;
    let running = world.start().await;
    broker.bring(Channel::Work, Message::Job(JobId(Uuid::new_v4())), true);
    sleep(Duration::from_secs(5)).await;
    assert_eq!((broker.depth(Channel::Work), broker.settled.load(Ordering::Relaxed)), (0, 1));
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn of_two_processes_of_one_name_the_older_ends() {
    let (broker, world) = world().await;
    let named = || Options { is_worker_named: true, worker_name: "mill-1".into(), ..options() };
    let older = process(&world, &broker, named()).start(WORKER).await.unwrap();
    let other = Options { worker_name: "mill-2".into(), ..named() };
    let other = process(&world, &broker, other).start(WORKER).await.unwrap();
    let newer = process(&world, &broker, named()).start(WORKER).await.unwrap();
    older.superseded().await;
    let lives = tokio::time::timeout(Duration::from_mins(1), async {
        tokio::select! { () = newer.superseded() => {}, () = other.superseded() => {} }
    });
    assert!(lives.await.is_err());
    for running in [older, newer, other] {
        running.give_back().await;
    }
}
