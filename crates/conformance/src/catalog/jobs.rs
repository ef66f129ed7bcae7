//! Jobs: versions, what is due, what is claimed, how many.

use reelmill_core::ports::{Catalog, CatalogError, Census, JobFilter};
use reelmill_core::{Event, Failure, FailureKind, Job, Pulse, Stage, State, Write};

use super::sample::{
    NOW, at, claim, claimed, commit, conflict, first, found, id, intent, job, moved, output, queued, running,
    token,
};
use crate::Place;

type Setup = Place<dyn Catalog>;

pub(super) async fn a_job_comes_back_as_it_was_written(place: Setup) {
    let catalog = place.open().await;
    let job = queued(&*catalog).await;
    assert_eq!(catalog.job(job.id).await.unwrap(), Some(job));
    assert_eq!(catalog.job(id()).await.unwrap(), None);
}

pub(super) async fn a_job_of_every_state_comes_back_as_it_was_written(place: Setup) {
    let catalog = place.open().await;
    let failure = Failure::new(FailureKind::Corrupt, "the file is damaged at 1:02");
    let claim = claim(&claimed(&job()));
    let states = [
        State::Queued { due_at: at(5_000), last_failure: Some(failure.clone()) },
        State::Running { claim: claim.clone() },
        State::Cancelling { claim },
        State::Done { output: id(), at: at(1) },
        State::Failed { failure, at: at(2) },
        State::Cancelled { at: at(3) },
    ];
    for state in states {
        let job = Job { state, ..job() };
        commit(&*catalog, [Write::AddJob(job.clone())]).await;
        assert_eq!(catalog.job(job.id).await.unwrap(), Some(job));
    }
}

pub(super) async fn a_job_without_a_media_gets_it_by_a_later_write(place: Setup) {
    let catalog = place.open().await;
    let of_task = |n| {
        let origin = Some(found());
        Job { media_id: None, origin, song: Some(id()), task: Some(n), plan: None, ..job() }
    };
    let (job, other) = (of_task(1 << 40), of_task(2));
    commit(&*catalog, [&job, &other].map(|job| Write::AddJob(job.clone()))).await;
    assert_eq!(catalog.job(job.id).await.unwrap().as_ref(), Some(&job));
    assert_eq!(catalog.due_jobs(NOW, 10).await.unwrap(), [job.clone(), other.clone()]);
    let own = JobFilter { account: Some(job.account), ..JobFilter::default() };
    assert_eq!(catalog.jobs(own, first(5)).await.unwrap().items, std::slice::from_ref(&job));
    assert_eq!(catalog.census().await.unwrap().queued, 2);

    let media = id();
    let of_media = JobFilter { media: Some(media), ..JobFilter::default() };
    assert_eq!(catalog.jobs(of_media, first(5)).await.unwrap().items, []);
    let runs = claimed(&job);
    let fetched = Event::Fetched { token: token(&runs), media, plan: Some("copied".to_owned()) };
    let fetched = runs.apply(&fetched, NOW).unwrap();
    assert_eq!(fetched.media_id, Some(media));
    commit(&*catalog, [runs, fetched.clone()].map(Write::ReplaceJob)).await;
    assert_eq!(catalog.jobs(of_media, first(5)).await.unwrap().items, [fetched]);
    assert_eq!(catalog.job(other.id).await.unwrap(), Some(other));
}

pub(super) async fn a_stale_version_is_refused(place: Setup) {
    let catalog = place.open().await;
    let job = queued(&*catalog).await;
    let cancelled = moved(&job, State::Cancelled { at: NOW });
    commit(&*catalog, [Write::ReplaceJob(cancelled.clone())]).await;
    conflict(&*catalog, [Write::ReplaceJob(claimed(&job))]).await;
    conflict(&*catalog, [Write::ReplaceJob(job.clone())]).await;
    conflict(&*catalog, [Write::AddJob(job.clone())]).await;
    assert_eq!(catalog.job(job.id).await.unwrap(), Some(cancelled));
}

pub(super) async fn a_version_may_not_be_skipped(place: Setup) {
    let catalog = place.open().await;
    let job = queued(&*catalog).await;
    conflict(&*catalog, [Write::ReplaceJob(Job { version: 3, ..job.clone() })]).await;
    conflict(&*catalog, [Write::ReplaceJob(Job { version: 0, ..job.clone() })]).await;
    assert_eq!(catalog.job(job.id).await.unwrap(), Some(job));
}

pub(super) async fn a_job_that_is_not_there_cannot_be_replaced(place: Setup) {
    let catalog = place.open().await;
    let job = Job { version: 2, ..job() };
    conflict(&*catalog, [Write::ReplaceJob(job.clone())]).await;
    assert_eq!(catalog.job(job.id).await.unwrap(), None);
}

pub(super) async fn a_job_is_dropped_at_its_version_only(place: Setup) {
    let catalog = place.open().await;
    let job = queued(&*catalog).await;
    conflict(&*catalog, [Write::DropJob(job.id, job.version + 1)]).await;
    assert!(catalog.job(job.id).await.unwrap().is_some());
    commit(&*catalog, [Write::DropJob(job.id, job.version)]).await;
    assert_eq!(catalog.job(job.id).await.unwrap(), None);
    conflict(&*catalog, [Write::DropJob(job.id, job.version)]).await;
    assert_eq!(catalog.due_jobs(at(10), 10).await.unwrap(), []);
}

pub(super) async fn a_worker_whose_job_was_reclaimed_cannot_finish_it_after_rereading(place: Setup) {
    let catalog = place.open().await;
    let stopped = running(&*catalog).await;
    let dead = token(&stopped);
    let queued_again = stopped.apply(&Event::Lapse { token: dead }, at(1)).unwrap();
    commit(&*catalog, [Write::ReplaceJob(queued_again.clone())]).await;
    let taken = claimed(&Job { state: State::Queued { due_at: NOW, last_failure: None }, ..queued_again });
    commit(&*catalog, [Write::ReplaceJob(taken.clone())]).await;

    // It wakes. What it knew is stale.
    let output = output(&stopped);
    let finish = Event::Complete { token: dead, output: output.id };
    let from_memory = stopped.apply(&finish, at(2)).unwrap();
    conflict(&*catalog, [Write::ReplaceJob(from_memory), Write::AddOutput(output.clone())]).await;
    // It looks again. The version would fit now, the token does not.
    let reread = catalog.job(stopped.id).await.unwrap().unwrap();
    assert!(reread.apply(&finish, at(2)).is_err());
    let beat = catalog.beat(stopped.id, dead, Pulse::default()).await;
    assert!(matches!(beat, Err(CatalogError::Conflict)), "{beat:?}");

    assert_eq!(catalog.job(stopped.id).await.unwrap(), Some(taken));
    assert_eq!(catalog.output(output.id).await.unwrap(), None);
}

pub(super) async fn due_jobs_come_by_priority_then_time(place: Setup) {
    use reelmill_core::Priority::{Bulk, Interactive, Normal};
    let catalog = place.open().await;
    let wanted =
        [(Interactive, -5), (Interactive, 0), (Normal, -90), (Normal, -1), (Bulk, -1000), (Bulk, -2)];
    let jobs = wanted.map(|(priority, due)| Job {
        priority,
        state: State::Queued { due_at: at(due), last_failure: None },
        ..job()
    });
    let mut shuffled = jobs.clone().map(Write::AddJob);
    shuffled.reverse();
    shuffled.swap(0, 3);
    commit(&*catalog, shuffled).await;
    assert_eq!(catalog.due_jobs(NOW, 100).await.unwrap(), jobs);
    assert_eq!(catalog.due_jobs(NOW, 3).await.unwrap(), jobs[..3]);
}

pub(super) async fn a_job_not_due_is_not_listed(place: Setup) {
    let catalog = place.open().await;
    let job = Job { state: State::Queued { due_at: at(10), last_failure: None }, ..job() };
    commit(&*catalog, [Write::AddJob(job.clone())]).await;
    assert_eq!(catalog.due_jobs(at(9), 10).await.unwrap(), []);
    assert_eq!(catalog.due_jobs(at(10), 10).await.unwrap(), [job]);
}

pub(super) async fn only_queued_jobs_are_due(place: Setup) {
    let catalog = place.open().await;
    let running = running(&*catalog).await;
    let cancelled = moved(&queued(&*catalog).await, State::Cancelled { at: NOW });
    commit(&*catalog, [Write::ReplaceJob(cancelled)]).await;
    assert_eq!(catalog.due_jobs(at(1_000_000), 10).await.unwrap(), []);
    let back = running.apply(&Event::GiveBack { token: token(&running) }, NOW).unwrap();
    commit(&*catalog, [Write::ReplaceJob(back.clone())]).await;
    assert_eq!(catalog.due_jobs(NOW, 10).await.unwrap(), [back]);
}

pub(super) async fn due_jobs_are_no_more_than_asked_for(place: Setup) {
    let catalog = place.open().await;
    for _ in 0..5 {
        queued(&*catalog).await;
    }
    assert_eq!(catalog.due_jobs(NOW, 2).await.unwrap().len(), 2);
    assert_eq!(catalog.due_jobs(NOW, 5).await.unwrap().len(), 5);
    assert_eq!(catalog.due_jobs(NOW, 6).await.unwrap().len(), 5);
}

pub(super) async fn claimed_jobs_are_those_running_or_cancelling(place: Setup) {
    let catalog = place.open().await;
    queued(&*catalog).await;
    let runs = running(&*catalog).await;
    let stops = running(&*catalog).await.apply(&Event::Cancel, NOW).unwrap();
    let done = running(&*catalog).await;
    let done = moved(&done, State::Done { output: id(), at: NOW });
    commit(&*catalog, [Write::ReplaceJob(stops.clone()), Write::ReplaceJob(done)]).await;
    let mut claimed = catalog.claimed_jobs(10).await.unwrap();
    claimed.sort_by_key(|job| job.id);
    assert_eq!(claimed, [runs, stops]);
    assert_eq!(catalog.claimed_jobs(1).await.unwrap().len(), 1);
}

pub(super) async fn the_census_counts_each_job_once(place: Setup) {
    let catalog = place.open().await;
    assert_eq!(catalog.census().await.unwrap(), Census::default());
    let first = queued(&*catalog).await;
    queued(&*catalog).await;
    let runs = running(&*catalog).await;
    let stops = running(&*catalog).await.apply(&Event::Cancel, NOW).unwrap();
    let done = moved(&running(&*catalog).await, State::Done { output: id(), at: NOW });
    let failure = Failure::new(FailureKind::Limit, "too long");
    let failed = moved(&running(&*catalog).await, State::Failed { failure, at: NOW });
    let cancelled = moved(&queued(&*catalog).await, State::Cancelled { at: NOW });
    commit(&*catalog, [stops, done.clone(), failed, cancelled].map(Write::ReplaceJob)).await;
    let census = catalog.census().await.unwrap();
    assert_eq!(census, Census { queued: 2, claimed: 2, done: 1, failed: 1, cancelled: 1 });

    commit(&*catalog, [Write::DropJob(first.id, first.version), Write::DropJob(done.id, done.version)]).await;
    let pulse = Pulse { beats: 1, progress: 0.5, stage: Some(Stage::Convert) };
    catalog.beat(runs.id, token(&runs), pulse).await.unwrap();
    let census = catalog.census().await.unwrap();
    assert_eq!(census, Census { queued: 1, claimed: 2, done: 0, failed: 1, cancelled: 1 });
}

pub(super) async fn a_refused_commit_leaves_the_census_alone(place: Setup) {
    let catalog = place.open().await;
    let there = queued(&*catalog).await;
    commit(&*catalog, [Write::AddIntent(intent("a"))]).await;
    let writes = [Write::AddJob(job()), Write::ReplaceJob(claimed(&there)), Write::AddIntent(intent("a"))];
    conflict(&*catalog, writes).await;
    assert_eq!(catalog.census().await.unwrap(), Census { queued: 1, ..Census::default() });
}
