//! The queue by accounts.

use reelmill_core::ports::Catalog;
use reelmill_core::{Event, Job, Priority, State, UserId, Write};

use super::sample::{NOW, at, claimed, commit, id, job, token};
use crate::Place;

type Setup = Place<dyn Catalog>;

fn due(account: UserId, ms: i64) -> Job {
    Job { account, state: State::Queued { due_at: at(ms), last_failure: None }, ..job() }
}

async fn add(catalog: &dyn Catalog, jobs: &[Job]) {
    for some in jobs.chunks(10) {
        commit(catalog, some.iter().cloned().map(Write::AddJob)).await;
    }
}

/// Three accounts, by their ids.
fn three() -> [UserId; 3] {
    let mut ids = [id(), id(), id()];
    ids.sort();
    ids
}

pub(super) async fn each_accounts_earliest_due_job_comes(place: Setup) {
    let catalog = place.open().await;
    let [a, b, _] = three();
    let jobs = [due(b, -3), due(a, -1), due(b, -2), due(a, -1), due(a, 0)];
    add(&*catalog, &jobs).await;
    let [b_first, a_first, ..] = jobs;
    let found = catalog.due_by_account(NOW, Priority::Normal, None, 10).await.unwrap();
    assert_eq!(found, [a_first, b_first]);
}

pub(super) async fn accounts_come_round_behind_the_one_named(place: Setup) {
    let catalog = place.open().await;
    let [a, b, c] = three();
    add(&*catalog, &[due(b, 0), due(c, 0), due(a, 0)]).await;
    let lower = UserId(uuid::Uuid::nil());
    for (after, expected) in [
        (None, [a, b, c]),
        (Some(lower), [a, b, c]),
        (Some(a), [b, c, a]),
        (Some(b), [c, a, b]),
        (Some(c), [a, b, c]),
        (Some(UserId(uuid::Uuid::max())), [a, b, c]),
    ] {
        let found = catalog.due_by_account(NOW, Priority::Normal, after, 10).await.unwrap();
        assert_eq!(found.iter().map(|job| job.account).collect::<Vec<_>>(), expected, "{after:?}");
    }
}

pub(super) async fn an_account_with_many_jobs_hides_no_other(place: Setup) {
    let catalog = place.open().await;
    let [a, b, c] = three();
    let many: Vec<_> = (0..40).map(|number| due(b, number - 100)).collect();
    add(&*catalog, &many).await;
    let (one, other) = (due(a, -1), due(c, 0));
    add(&*catalog, &[one.clone(), other.clone()]).await;
    let found = catalog.due_by_account(NOW, Priority::Normal, Some(b), 3).await.unwrap();
    assert_eq!(found, [other, one, many[0].clone()]);
}

pub(super) async fn only_what_is_queued_and_due_and_of_that_priority_comes_in_turn(place: Setup) {
    let catalog = place.open().await;
    let [a, b, c] = three();
    let (runs, bulk, later) = (due(a, 0), Job { priority: Priority::Bulk, ..due(b, 0) }, due(c, 10));
    add(&*catalog, &[runs.clone(), bulk.clone(), later.clone()]).await;
    let running = claimed(&runs);
    commit(&*catalog, [Write::ReplaceJob(running.clone())]).await;
    let asked = |now, priority| catalog.due_by_account(now, priority, None, 10);
    assert_eq!(asked(at(9), Priority::Normal).await.unwrap(), []);
    assert_eq!(asked(at(9), Priority::Bulk).await.unwrap(), [bulk]);
    assert_eq!(asked(at(9), Priority::Interactive).await.unwrap(), []);
    assert_eq!(asked(at(10), Priority::Normal).await.unwrap(), std::slice::from_ref(&later));
    let back = running.apply(&Event::GiveBack { token: token(&running) }, NOW).unwrap();
    commit(&*catalog, [Write::ReplaceJob(back.clone()), Write::DropJob(later.id, 1)]).await;
    assert_eq!(asked(at(10), Priority::Normal).await.unwrap(), [back]);
}

pub(super) async fn no_more_accounts_come_than_asked_for(place: Setup) {
    let catalog = place.open().await;
    let jobs: Vec<_> = (0..5).map(|_| due(id(), 0)).collect();
    add(&*catalog, &jobs).await;
    for limit in [1, 4, 5, 6] {
        let found = catalog.due_by_account(NOW, Priority::Normal, Some(jobs[2].account), limit).await;
        assert_eq!(found.unwrap().len(), limit.min(5) as usize);
    }
}
