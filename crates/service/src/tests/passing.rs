//! The passing lane: a clip does not wait for films.

use reelmill_core::{Door, Job, Priority, StateName};
use tokio::time::{Duration, Instant, sleep};

use super::world::{WORKER, World, options};
use crate::{JobWish, Options};

/// Four hours to play, and half an hour's work.
const FILM: &str = "slow:1800000 plays:14400000";

fn slots(slots: usize) -> Options {
    Options { slots, ..options() }
}

async fn films(world: &World, count: usize) -> Vec<Job> {
    let mut films = Vec::new();
    for number in 0..count {
        films.push(world.wished(&world.alice, Priority::Normal, &format!("{FILM} {number}")).await);
    }
    films
}

async fn running(world: &World) -> usize {
    let jobs = world.all_jobs().await.into_iter();
    jobs.filter(|job| job.state.name() == StateName::Running).count()
}

/// The most jobs that run at once until these are done.
async fn most_until_done(world: &World, jobs: &[Job]) -> usize {
    let mut most = 0;
    loop {
        let all = world.all_jobs().await;
        let is_done =
            |job: &&Job| job.state.name() == StateName::Done && jobs.iter().any(|one| one.id == job.id);
        if all.iter().filter(is_done).count() == jobs.len() {
            return most;
        }
        most = most.max(running(world).await);
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_clip_passes_the_films_that_hold_every_slot() {
    for count in [1, 3] {
        let world = World::new().await;
        films(&world, 20).await;
        let service = world.process(slots(count));
        let loops = service.start(WORKER).await.unwrap();
        sleep(Duration::from_secs(10)).await;
        assert_eq!(running(&world).await, count, "no film takes the lane");
        let asked = Instant::now();
        let (alice, bob) = (&world.alice, &world.bob);
        for (caller, priority, text) in [
            (alice, Priority::Interactive, "slow:500 plays:2000"),
            (bob, Priority::Interactive, "slow:500 plays:3000"),
            (bob, Priority::Normal, "slow:500 plays:4000"),
        ] {
            let clip = world.wished(caller, priority, text).await;
            assert_eq!(most_until_done(&world, &[clip]).await, count + 1);
        }
        // A look by the clock each, and half a second's work.
        assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
        assert_eq!(running(&world).await, count);
        loops.give_back().await;
    }
}

#[tokio::test(start_paused = true)]
async fn clips_pass_one_at_a_time() {
    let world = World::new().await;
    films(&world, 2).await;
    let loops = world.process(slots(2)).start(WORKER).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let mut clips = Vec::new();
    for number in 0..6 {
        clips.push(world.wished(&world.bob, Priority::Normal, &format!("slow:500 {number}")).await);
    }
    assert_eq!(most_until_done(&world, &clips).await, 3);
    loops.give_back().await;
}

#[tokio::test(start_paused = true)]
async fn while_a_slot_is_for_clips_there_is_none_beside_it() {
    let world = World::new().await;
    films(&world, 1).await;
    let loops = world.process(slots(2)).start(WORKER).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let mut clips = Vec::new();
    for number in 0..6 {
        clips.push(world.wished(&world.bob, Priority::Normal, &format!("slow:500 {number}")).await);
    }
    assert_eq!(most_until_done(&world, &clips).await, 2);
    loops.give_back().await;
}

#[tokio::test(start_paused = true)]
async fn the_lane_closes_with_the_last_film() {
    let world = World::new().await;
    let film = films(&world, 1).await.remove(0);
    let loops = world.process(slots(1)).start(WORKER).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    world.service.cancel(&world.alice, film.id).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let mut clips = Vec::new();
    for number in 0..6 {
        clips.push(world.wished(&world.bob, Priority::Normal, &format!("slow:500 {number}")).await);
    }
    assert_eq!(most_until_done(&world, &clips).await, 1);
    loops.drain().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_passes_a_pause() {
    let world = World::new().await;
    films(&world, 1).await;
    let loops = world.process(slots(1)).start(WORKER).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    world.catalog.pause(world.clock_now()).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    let clip = world.wished(&world.bob, Priority::Interactive, "tone").await;
    sleep(Duration::from_secs(30)).await;
    let waiting = world.catalog.job(clip.id).await.unwrap().unwrap();
    assert_eq!(waiting.state.name(), StateName::Queued);
    world.catalog.resume().await.unwrap();
    most_until_done(&world, &[clip]).await;
    loops.give_back().await;
}

#[tokio::test(start_paused = true)]
async fn a_short_song_that_was_downloaded_while_a_film_took_its_slot_passes_too() {
    let world = World::new().await;
    let service = world.process(slots(1));
    let loops = service.start(WORKER).await.unwrap();
    let import = |words: &'static str| service.import(&world.alice, words, JobWish::plain("flac", Door::V1));
    let short = import("song late:60000 tone plays:180000").await.unwrap().job;
    world.until_fetching().await;
    films(&world, 1).await;
    let began = Instant::now();
    most_until_done(&world, &[short]).await;
    assert!(began.elapsed() < Duration::from_secs(70), "{:?}", began.elapsed());
    // Nobody says of this one how long it plays.
    let unknown = import("song tone").await.unwrap().job;
    let begun_late = import("song late:1000 tone plays:180000").await.unwrap().job;
    most_until_done(&world, &[begun_late]).await;
    let waiting = world.catalog.job(unknown.id).await.unwrap().unwrap();
    assert_eq!(waiting.state.name(), StateName::Queued);
    loops.give_back().await;
}
