//! Changes: jobs in the order of their last write, from any place on.

use reelmill_core::ports::{Catalog, ChangeQuery};
use reelmill_core::{Job, State, Timestamp, UserId, Write};

use super::sample::{NOW, at, claimed, commit, id, job, moved};
use crate::Place;

type Setup = Place<dyn Catalog>;

/// A job of that account that was written at that moment.
fn changed(account: UserId, ms: i64) -> Job {
    Job { account, changed_at: at(ms), ..job() }
}

async fn since(catalog: &dyn Catalog, account: Option<UserId>, since: Timestamp) -> Vec<Job> {
    catalog.changed_jobs(ChangeQuery { account, since, after: None, limit: 100 }).await.unwrap()
}

pub(super) async fn jobs_come_in_the_order_of_their_last_write(place: Setup) {
    let catalog = place.open().await;
    let jobs = [-7000, -3, 0, 2, 90_000].map(|ms| changed(id(), ms));
    let mut shuffled = jobs.clone().map(Write::AddJob);
    shuffled.swap(0, 3);
    shuffled.swap(1, 4);
    commit(&*catalog, shuffled).await;
    assert_eq!(since(&*catalog, None, at(-8000)).await, jobs);
    // A place is in what is asked for.
    assert_eq!(since(&*catalog, None, at(0)).await, jobs[2..]);
    let two = ChangeQuery { account: None, since: at(-3), after: None, limit: 2 };
    assert_eq!(catalog.changed_jobs(two).await.unwrap(), jobs[1..3]);
    assert_eq!(since(&*catalog, None, at(90_001)).await, []);
}

pub(super) async fn an_accounts_changes_are_its_own(place: Setup) {
    let catalog = place.open().await;
    let (one, other): (UserId, UserId) = (id(), id());
    let jobs = [(one, 1), (other, 2), (one, 3)].map(|(account, ms)| changed(account, ms));
    commit(&*catalog, jobs.clone().map(Write::AddJob)).await;
    assert_eq!(since(&*catalog, Some(one), at(0)).await, [jobs[0].clone(), jobs[2].clone()]);
    assert_eq!(since(&*catalog, Some(one), at(2)).await, jobs[2..]);
    assert_eq!(since(&*catalog, Some(id()), at(0)).await, []);
}

pub(super) async fn a_job_that_is_written_again_stands_at_its_new_place_alone(place: Setup) {
    let catalog = place.open().await;
    let account = id();
    let (first, other) = (changed(account, 1), changed(account, 2));
    commit(&*catalog, [&first, &other].map(|job| Write::AddJob(job.clone()))).await;
    let runs = Job { changed_at: at(3), ..claimed(&first) };
    commit(&*catalog, [Write::ReplaceJob(runs.clone())]).await;
    let both = [other.clone(), runs.clone()];
    assert_eq!(since(&*catalog, Some(account), at(0)).await, both);
    assert_eq!(since(&*catalog, None, at(0)).await, both);

    // Two writes of one moment, too.
    let ended = Job { changed_at: at(3), ..moved(&runs, State::Cancelled { at: NOW }) };
    commit(&*catalog, [Write::ReplaceJob(ended.clone())]).await;
    assert_eq!(since(&*catalog, None, at(3)).await, std::slice::from_ref(&ended));
    commit(&*catalog, [Write::DropJob(ended.id, ended.version)]).await;
    assert_eq!(since(&*catalog, Some(account), at(0)).await, [other]);
}

pub(super) async fn parts_of_one_moment_leave_out_none_and_bring_none_twice(place: Setup) {
    let catalog = place.open().await;
    let account = id();
    let mut jobs: Vec<Job> = (0..7).map(|_| changed(account, 5)).collect();
    commit(&*catalog, jobs.iter().cloned().map(Write::AddJob)).await;
    jobs.sort_by_key(|job| job.id);
    for account in [None, Some(account)] {
        let mut query = ChangeQuery { account, since: at(5), after: None, limit: 3 };
        let mut found = Vec::new();
        loop {
            let part = catalog.changed_jobs(query).await.unwrap();
            let Some(last) = part.last() else { break };
            query = query.behind(last);
            found.extend(part);
        }
        assert_eq!(found, jobs);
    }
}

pub(super) async fn the_latest_change_is_the_last_of_all(place: Setup) {
    let catalog = place.open().await;
    assert_eq!(catalog.latest_change().await.unwrap(), None);
    let jobs = [4, 9, 1].map(|ms| changed(id(), ms));
    commit(&*catalog, jobs.clone().map(Write::AddJob)).await;
    assert_eq!(catalog.latest_change().await.unwrap(), Some(at(9)));
}
