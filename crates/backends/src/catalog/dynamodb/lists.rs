//! The lists that have an order of their own: jobs by due time, songs by title, intents by key; and the count of jobs.

use futures_util::future::try_join_all;
use reelmill_core::ports::{CatalogError, Census, ChangeQuery, JobFilter, MOST_ACCOUNTS, Page, PageQuery};
use reelmill_core::{Intent, Job, Key, Priority, Song, State, StateName, Timestamp, UserId};
use uuid::Uuid;

use super::DynamoCatalog;
use super::address::{Address, Table};
use super::item::{Item, SK, TITLE, number_of, text_of};
use super::layout::{self, CENSUS_SHARDS};
use super::plan::counted_as;
use super::read::{Kept, Span, pointed_at};

/// Titles that are read at a time from a partition, at least.
const TITLES: usize = 32;

/// Characters of the longest place of a title: what shows of it, a separator, and the song's id.
const LONGEST_PLACE: usize = layout::TITLE_CHARS + 1 + 36;

impl DynamoCatalog {
    pub(super) async fn jobs_page(
        &self,
        filter: JobFilter,
        query: PageQuery,
    ) -> Result<Page<Job>, CatalogError> {
        let prefix = layout::jobs_prefix(&filter);
        let after = query.after.map(|id| format!("{prefix}{id}"));
        let span = Span::all(prefix.to_owned(), after, true);
        let is_wanted = |job: &Job| {
            filter.account.is_none_or(|account| job.account == account)
                && filter.media.is_none_or(|media| job.media_id == Some(media))
                && filter.state.is_none_or(|state| job.state.name() == state)
        };
        let jobs = self.list(&layout::jobs(&filter), span, query.limit as usize, is_wanted).await?;
        Ok(page(jobs, query, |job| job.id.0))
    }

    pub(super) async fn jobs_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Job>, CatalogError> {
        let mut due = Vec::new();
        // One after the other: mostly the first that has any has enough.
        for priority in [Priority::Interactive, Priority::Normal, Priority::Bulk] {
            let left = (limit as usize).saturating_sub(due.len());
            if left > 0 {
                let partitions = layout::shards(&layout::due(priority));
                let is_due = |job: &Job| matches!(job.state, State::Queued { due_at, .. } if due_at <= now);
                due.extend(self.list(&partitions, Span::up_to(layout::until(now)), left, is_due).await?);
            }
        }
        Ok(due)
    }

    /// A look for each account. What a build before this one has queued is in [`DynamoCatalog::jobs_due`] alone.
    pub(super) async fn jobs_in_turn(
        &self,
        now: Timestamp,
        priority: Priority,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Job>, CatalogError> {
        let partitions = layout::shards(&layout::turns(priority));
        let (mut due, mut looks) = (Vec::new(), 0);
        let last = after.map(|id| id.to_string()).unwrap_or_default();
        // Each is above all places of the account that it names.
        let end = |account: &str| if account.is_empty() { String::new() } else { format!("{account}#~") };
        for (mut behind, until) in [(end(&last), "g".to_owned()), (String::new(), end(&last))] {
            while behind < until && due.len() < limit as usize && looks < MOST_ACCOUNTS {
                looks += 1;
                let span = Span { between: Some((behind, until.clone())), ..Span::up_to(String::new()) };
                let Some(job) = self.list::<Job>(&partitions, span, 1, |_| true).await?.pop() else { break };
                behind = end(&job.account.to_string());
                // What waits for a later moment stands behind what is due.
                if matches!(job.state, State::Queued { due_at, .. } if due_at <= now) {
                    due.push(job);
                }
            }
        }
        Ok(due)
    }

    pub(super) async fn jobs_claimed(&self, limit: u32) -> Result<Vec<Job>, CatalogError> {
        let mut claimed: Vec<Job> = Vec::new();
        // In this order, as a job that runs may be cancelled between the two reads, and never the other way round.
        for state in [StateName::Running, StateName::Cancelling] {
            let (partitions, all) =
                (layout::shards(&layout::in_state(state)), Span::all(String::new(), None, false));
            let found: Vec<Job> = self.list(&partitions, all, limit as usize, |_| true).await?;
            claimed.retain(|job| found.iter().all(|other| other.id != job.id));
            claimed.extend(found);
        }
        claimed.sort_by_key(|job| job.id);
        claimed.truncate(limit as usize);
        Ok(claimed)
    }

    pub(super) async fn jobs_changed(&self, query: ChangeQuery) -> Result<Vec<Job>, CatalogError> {
        let partitions = match query.account {
            Some(account) => vec![layout::changes_of(account)],
            None => layout::shards(layout::CHANGES),
        };
        let since = layout::sorted(query.since.as_ms());
        // A place is a moment and an id, and no id is before the empty one.
        let behind = format!("{since}#{}", query.after.map(|id| id.to_string()).unwrap_or_default());
        let span = Span::all(String::new(), Some(behind), false);
        self.list(&partitions, span, query.limit as usize, |_| true).await
    }

    pub(super) async fn newest_change(&self) -> Result<Option<Timestamp>, CatalogError> {
        let newest = Span::all(String::new(), None, true);
        let jobs: Vec<Job> = self.list(&layout::shards(layout::CHANGES), newest, 1, |_| true).await?;
        Ok(jobs.first().map(|job| job.changed_at))
    }

    pub(super) async fn intents_after(
        &self,
        after: Option<&Key>,
        limit: u32,
    ) -> Result<Vec<Intent>, CatalogError> {
        let span = Span::all(String::new(), after.map(|key| key.as_str().to_owned()), false);
        let items = self.merged(Table::Operations, &layout::shards("INTENTS"), &span, limit as usize).await?;
        items.iter().map(Intent::from_item).collect()
    }

    pub(super) async fn songs_titled(&self, prefix: &str, limit: u32) -> Result<Vec<Song>, CatalogError> {
        let limit = limit as usize;
        let partitions = layout::shards("TITLES");
        let each = partitions.iter().map(|partition| self.titles(partition, prefix, limit));
        let mut titles: Vec<Item> = try_join_all(each).await?.into_iter().flatten().collect();
        titles.sort_by(|one, other| in_order(one).cmp(&in_order(other)));
        let at = titles.iter().map(|item| pointed_at(Table::Songs, item)).collect::<Result<Vec<_>, _>>()?;
        let mut songs = Vec::new();
        // Those whose title changed since it was listed are passed over, so there may have to be more.
        for some in at.chunks(limit.max(1)) {
            for item in self.items(some).await?.into_iter().flatten() {
                let song = Song::from_item(&item)?;
                if song.title_lower().starts_with(prefix) {
                    songs.push(song);
                }
            }
            if songs.len() >= limit {
                break;
            }
        }
        songs.truncate(limit);
        Ok(songs)
    }

    /// A partition's titles that begin with `prefix`, the first `limit` and perhaps more.
    async fn titles(&self, partition: &str, prefix: &str, limit: usize) -> Result<Vec<Item>, CatalogError> {
        let (beginning, is_whole) = layout::cut(prefix);
        let mut span = Span::all(beginning.to_owned(), None, false);
        let mut titles: Vec<Item> = Vec::new();
        loop {
            let some = self.query(Table::Songs, partition, &span, limit.max(TITLES)).await?;
            let (is_all, last) =
                (some.len() < limit.max(TITLES), some.last().and_then(|item| text_of(item, SK)));
            // Titles that are alike as far as their places show stand in the order of their ids: all or none of them.
            let is_between = last.is_some_and(|last| last.chars().nth(LONGEST_PLACE - 1).is_some());
            span.after = last.map(str::to_owned);
            let begins = |item: &Item| text_of(item, TITLE).is_some_and(|title| title.starts_with(prefix));
            titles.extend(some.into_iter().filter(|item| is_whole || begins(item)));
            if is_all || (titles.len() >= limit && !is_between) {
                return Ok(titles);
            }
        }
    }

    pub(super) async fn count_jobs(&self) -> Result<Census, CatalogError> {
        let shards: Vec<Address> = (0..CENSUS_SHARDS).map(Address::census).collect();
        let mut totals = [0_i64; StateName::ALL.len()];
        for item in self.items(&shards).await?.into_iter().flatten() {
            for (total, state) in totals.iter_mut().zip(StateName::ALL) {
                *total += number_of::<i64>(&item, counted_as(state)).unwrap_or(0);
            }
        }
        // A shard may be below zero, and for the moment between two reads even their sum.
        let total = |state: StateName| {
            let at = StateName::ALL.iter().position(|other| *other == state);
            at.and_then(|at| u64::try_from(totals[at]).ok()).unwrap_or(0)
        };
        Ok(Census {
            queued: total(StateName::Queued),
            claimed: total(StateName::Running),
            done: total(StateName::Done),
            failed: total(StateName::Failed),
            cancelled: total(StateName::Cancelled),
        })
    }
}

/// A page of the records that were found.
pub(super) fn page<T>(items: Vec<T>, query: PageQuery, id: impl Fn(&T) -> Uuid) -> Page<T> {
    let next = items.last().filter(|_| items.len() == query.limit as usize).map(id);
    Page { items, next }
}

/// What a title's item is sorted by: the whole title, then the song.
fn in_order(item: &Item) -> (Option<&str>, Option<&str>) {
    (text_of(item, TITLE), text_of(item, super::item::OF_PK))
}
