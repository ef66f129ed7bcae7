//! Beats: signs of life beside the record.

use reelmill_core::ports::{Beat, Catalog, CatalogError, JobFilter};
use reelmill_core::{Event, Job, Pulse, Stage, State, Token, Write};
use uuid::Uuid;

use super::sample::{NOW, claimed, commit, first, id, moved, queued, running, token};
use crate::Place;

type Setup = Place<dyn Catalog>;

const PULSE: Pulse = Pulse { beats: 0, progress: 0.375, stage: Some(Stage::Convert) };

async fn beat(catalog: &dyn Catalog, job: &Job) -> Beat {
    catalog.beat(job.id, token(job), PULSE).await.unwrap()
}

pub(super) async fn a_beat_is_counted_and_its_progress_kept(place: Setup) {
    let catalog = place.open().await;
    let job = running(&*catalog).await;
    assert_eq!(beat(&*catalog, &job).await, Beat::Running);
    let seen = catalog.job(job.id).await.unwrap().unwrap();
    assert_eq!(seen.pulse, Pulse { beats: 1, ..PULSE });
    let later = Pulse { beats: 0, progress: 1.0, stage: Some(Stage::Store) };
    catalog.beat(job.id, token(&job), later).await.unwrap();
    let seen = catalog.job(job.id).await.unwrap().unwrap();
    assert_eq!(seen.pulse, Pulse { beats: 2, ..later });
}

pub(super) async fn a_beat_does_not_change_the_version(place: Setup) {
    let catalog = place.open().await;
    let job = running(&*catalog).await;
    beat(&*catalog, &job).await;
    let seen = catalog.job(job.id).await.unwrap().unwrap();
    assert_eq!(Job { pulse: Pulse::default(), ..seen }, job);
    // Whoever read it before the beat may still write.
    commit(&*catalog, [Write::ReplaceJob(moved(&job, State::Done { output: id(), at: NOW }))]).await;
}

pub(super) async fn a_beat_of_a_lost_claim_is_refused(place: Setup) {
    let catalog = place.open().await;
    let job = running(&*catalog).await;
    let own = token(&job);
    let others = [
        Token { nonce: Uuid::new_v4(), ..own },
        Token { attempt: own.attempt + 1, ..own },
        Token { attempt: 0, ..own },
    ];
    for other in others {
        let refused = catalog.beat(job.id, other, PULSE).await;
        assert!(matches!(refused, Err(CatalogError::Conflict)), "{refused:?}");
    }
    assert_eq!(catalog.job(job.id).await.unwrap().unwrap().pulse, Pulse::default());
}

pub(super) async fn a_beat_of_no_job_is_not_found(place: Setup) {
    let catalog = place.open().await;
    let refused = catalog.beat(id(), Token { attempt: 1, nonce: Uuid::new_v4() }, PULSE).await;
    assert!(matches!(refused, Err(CatalogError::NotFound)), "{refused:?}");
}

pub(super) async fn a_beat_of_a_job_that_is_over_is_refused(place: Setup) {
    let catalog = place.open().await;
    let job = running(&*catalog).await;
    commit(&*catalog, [Write::ReplaceJob(moved(&job, State::Done { output: id(), at: NOW }))]).await;
    let refused = catalog.beat(job.id, token(&job), PULSE).await;
    assert!(matches!(refused, Err(CatalogError::Conflict)), "{refused:?}");
    let waits = queued(&*catalog).await;
    let refused = catalog.beat(waits.id, token(&job), PULSE).await;
    assert!(matches!(refused, Err(CatalogError::Conflict)), "{refused:?}");
}

pub(super) async fn a_beat_hears_that_its_job_was_cancelled(place: Setup) {
    let catalog = place.open().await;
    let job = running(&*catalog).await;
    commit(&*catalog, [Write::ReplaceJob(job.apply(&Event::Cancel, NOW).unwrap())]).await;
    assert_eq!(beat(&*catalog, &job).await, Beat::Cancelling);
    assert_eq!(catalog.job(job.id).await.unwrap().unwrap().pulse.beats, 1);
}

pub(super) async fn a_new_claim_starts_with_a_fresh_pulse(place: Setup) {
    let catalog = place.open().await;
    let job = running(&*catalog).await;
    beat(&*catalog, &job).await;
    let back = job.apply(&Event::GiveBack { token: token(&job) }, NOW).unwrap();
    commit(&*catalog, [Write::ReplaceJob(back.clone())]).await;
    assert_eq!(catalog.job(job.id).await.unwrap().unwrap().pulse, Pulse::default());
    // Also where it is written with a pulse that its writer happened to have read.
    let again = Job { pulse: Pulse { beats: 7, ..PULSE }, ..claimed(&back) };
    commit(&*catalog, [Write::ReplaceJob(again.clone())]).await;
    let seen = catalog.job(job.id).await.unwrap().unwrap();
    assert_eq!(seen, Job { pulse: Pulse::default(), ..again });
}

pub(super) async fn a_write_that_keeps_the_claim_keeps_the_pulse(place: Setup) {
    let catalog = place.open().await;
    let job = running(&*catalog).await;
    beat(&*catalog, &job).await;
    commit(&*catalog, [Write::ReplaceJob(job.apply(&Event::Cancel, NOW).unwrap())]).await;
    let seen = catalog.job(job.id).await.unwrap().unwrap();
    assert_eq!(seen.pulse, Pulse { beats: 1, ..PULSE });
}

pub(super) async fn pulses_are_read_in_every_list(place: Setup) {
    let catalog = place.open().await;
    let job = running(&*catalog).await;
    beat(&*catalog, &job).await;
    let beaten = Job { pulse: Pulse { beats: 1, ..PULSE }, ..job };
    assert_eq!(catalog.claimed_jobs(5).await.unwrap(), std::slice::from_ref(&beaten));
    assert_eq!(catalog.jobs(JobFilter::default(), first(5)).await.unwrap().items, [beaten]);
}
