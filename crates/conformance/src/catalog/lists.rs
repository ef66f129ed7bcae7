//! Lists and their pages.

use reelmill_core::ports::{Catalog, JobFilter, PageQuery};
use reelmill_core::{Job, JobId, Media, Output, State, StateName, UserId, Write};
use uuid::Uuid;

use super::sample::{NOW, commit, first, id, job, media, output, queued, user};
use crate::Place;

type Setup = Place<dyn Catalog>;

async fn page(catalog: &dyn Catalog, limit: u32, after: Option<Uuid>) -> (Vec<JobId>, Option<Uuid>) {
    let page = catalog.jobs(JobFilter::default(), PageQuery { limit, after }).await.unwrap();
    (page.items.into_iter().map(|job| job.id).collect(), page.next)
}

async fn newest_first(catalog: &dyn Catalog, count: usize) -> Vec<JobId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(queued(catalog).await.id);
    }
    ids.reverse();
    ids
}

pub(super) async fn pages_cover_all_and_none_twice(place: Setup) {
    let catalog = place.open().await;
    let ids = newest_first(&*catalog, 10).await;
    for limit in [1, 3, 5, 10, 11] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let (items, next) = page(&*catalog, limit, after).await;
            assert!(items.len() <= limit as usize);
            seen.extend(items);
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, ids, "by {limit}");
    }
}

pub(super) async fn pages_hold_still_while_records_are_added(place: Setup) {
    let catalog = place.open().await;
    let ids = newest_first(&*catalog, 9).await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let (items, next) = page(&*catalog, 2, after).await;
        seen.extend(items);
        after = next;
        if after.is_none() {
            break;
        }
        queued(&*catalog).await;
    }
    assert_eq!(seen, ids);
}

pub(super) async fn a_page_goes_on_behind_a_record_that_was_dropped(place: Setup) {
    let catalog = place.open().await;
    let ids = newest_first(&*catalog, 4).await;
    let (_, next) = page(&*catalog, 2, None).await;
    assert_eq!(next, Some(ids[1].0));
    commit(&*catalog, [Write::DropJob(ids[1], 1)]).await;
    assert_eq!(page(&*catalog, 2, next).await.0, ids[2..]);
}

pub(super) async fn jobs_are_listed_newest_first(place: Setup) {
    let catalog = place.open().await;
    let ids = newest_first(&*catalog, 3).await;
    assert_eq!(page(&*catalog, 10, None).await, (ids, None));
}

pub(super) async fn jobs_are_listed_by_every_filter(place: Setup) {
    let catalog = place.open().await;
    let (accounts, media): ([UserId; 2], [reelmill_core::MediaId; 2]) = ([id(), id()], [id(), id()]);
    let mut all = Vec::new();
    for n in 0..16_usize {
        let state = match n % 4 {
            0 => State::Queued { due_at: NOW, last_failure: None },
            1 => State::Done { output: id(), at: NOW },
            _ => State::Cancelled { at: NOW },
        };
        let own = Job { account: accounts[n / 8], media_id: Some(media[n / 4 % 2]), state, ..job() };
        commit(&*catalog, [Write::AddJob(own.clone())]).await;
        all.insert(0, own);
    }
    let states = [None, Some(StateName::Queued), Some(StateName::Done), Some(StateName::Running)];
    for account in [None, Some(accounts[0]), Some(accounts[1]), Some(id())] {
        for media in [None, Some(media[0]), Some(media[1])] {
            for state in states {
                let filter = JobFilter { account, media, state };
                let is_wanted = |job: &&Job| {
                    account.is_none_or(|account| job.account == account)
                        && media.is_none_or(|media| job.media_id == Some(media))
                        && state.is_none_or(|state| job.state.name() == state)
                };
                let wanted: Vec<Job> = all.iter().filter(is_wanted).cloned().collect();
                assert_eq!(catalog.jobs(filter, first(100)).await.unwrap().items, wanted, "{filter:?}");
                let start = catalog.jobs(filter, first(1)).await.unwrap();
                assert_eq!(start.items, wanted[..wanted.len().min(1)]);
                if let Some(after) = start.next {
                    let rest =
                        catalog.jobs(filter, PageQuery { limit: 100, after: Some(after) }).await.unwrap();
                    assert_eq!(rest.items, wanted[1..], "{filter:?}");
                }
            }
        }
    }
}

pub(super) async fn media_are_listed_by_owner(place: Setup) {
    let catalog = place.open().await;
    let owner = id();
    let own: [Media; 3] = std::array::from_fn(|_| media(owner));
    let other = media(id());
    commit(&*catalog, own.clone().map(Write::AddMedia)).await;
    commit(&*catalog, [Write::AddMedia(other.clone())]).await;
    let [oldest, middle, newest] = own;
    let start = catalog.media_page(Some(owner), first(2)).await.unwrap();
    assert_eq!(start.items, [newest.clone(), middle.clone()]);
    let rest = catalog.media_page(Some(owner), PageQuery { limit: 2, after: start.next }).await.unwrap();
    assert_eq!((rest.items, rest.next), (vec![oldest.clone()], None));
    assert_eq!(catalog.media_page(None, first(9)).await.unwrap().items, [other, newest, middle, oldest]);
    assert_eq!(catalog.media_page(Some(id()), first(9)).await.unwrap().items, []);
}

pub(super) async fn users_are_listed_oldest_first(place: Setup) {
    let catalog = place.open().await;
    let users: [_; 3] = std::array::from_fn(|_| user());
    commit(&*catalog, users.clone().map(Write::AddUser)).await;
    let start = catalog.users(first(2)).await.unwrap();
    assert_eq!(start.items, users[..2]);
    let rest = catalog.users(PageQuery { limit: 2, after: start.next }).await.unwrap();
    assert_eq!((rest.items.as_slice(), rest.next), (&users[2..], None));
}

pub(super) async fn outputs_are_listed_by_their_media(place: Setup) {
    let catalog = place.open().await;
    let job = job();
    let outputs: [Output; 2] = std::array::from_fn(|_| output(&job));
    commit(&*catalog, outputs.clone().map(Write::AddOutput)).await;
    commit(&*catalog, [Write::AddOutput(output(&super::sample::job()))]).await;
    assert_eq!(catalog.outputs_of(job.media_id.unwrap()).await.unwrap(), outputs);
    assert_eq!(catalog.outputs_of(id()).await.unwrap(), []);
}
