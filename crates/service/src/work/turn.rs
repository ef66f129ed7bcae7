//! Whose turn it is among the accounts that wait.
//!
//! Who has the fewest jobs running here goes first; among equals accounts follow each other in a ring, behind the one that was
//! served last. Each process keeps its own place in the ring, so turns need no record and no agreement, and with a
//! single slot as with many an account with a thousand jobs is before another once at most.

use std::collections::HashMap;

use reelmill_core::{Job, Priority, State, Timestamp, UserId};

/// Puts due jobs into the order in which they are to be claimed: by priority, then everybody's first before anybody's second.
pub(super) fn in_turn(mut due: Vec<Job>, last: Option<UserId>, running: &HashMap<UserId, usize>) -> Vec<Job> {
    due.sort_by_key(|job| (job.priority, due_at(job), job.id));
    due.dedup_by_key(|job| job.id);
    let mut seen: HashMap<(Priority, UserId), usize> = HashMap::new();
    due.sort_by_cached_key(|job| {
        let nth = seen.entry((job.priority, job.account)).or_default();
        *nth += 1;
        let runs = running.get(&job.account).copied().unwrap_or(0);
        (job.priority, *nth, runs, Some(job.account) <= last, job.account)
    });
    due
}

const fn due_at(job: &Job) -> Option<Timestamp> {
    match job.state {
        State::Queued { due_at, .. } => Some(due_at),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use reelmill_core::{Door, JobId, Profile, Pulse, Settings};
    use uuid::Uuid;

    use super::*;

    fn job(account: u128, number: u128) -> Job {
        let now = Timestamp::from_ms(i64::try_from(number).unwrap());
        Job {
            id: JobId(Uuid::from_u128(number)),
            account: UserId(Uuid::from_u128(account)),
            media_id: None,
            origin: None,
            song: None,
            task: None,
            profile: Profile::named("mp3").unwrap(),
            overrides: Settings::default(),
            plan: None,
            priority: Priority::Normal,
            door: Door::V1,
            max_attempts: 3,
            deadline_ms: 1000,
            created_at: now,
            started_at: None,
            changed_at: now,
            attempt: 0,
            state: State::Queued { due_at: now, last_failure: None },
            version: 1,
            pulse: Pulse::default(),
        }
    }

    fn order(due: Vec<Job>, last: Option<u128>, running: &[(u128, usize)]) -> Vec<u128> {
        let id = |number: u128| UserId(Uuid::from_u128(number));
        let running = running.iter().map(|(account, jobs)| (id(*account), *jobs)).collect();
        in_turn(due, last.map(id), &running).iter().map(|job| job.id.0.as_u128()).collect()
    }

    #[test]
    fn everybodys_first_goes_before_anybodys_second() {
        let due = vec![job(1, 10), job(1, 11), job(1, 12), job(2, 20), job(3, 30), job(3, 31)];
        assert_eq!(order(due, None, &[]), [10, 20, 30, 11, 31, 12]);
    }

    #[test]
    fn the_ring_goes_on_behind_whoever_was_served_last() {
        let due = || vec![job(1, 10), job(2, 20), job(3, 30)];
        assert_eq!(order(due(), Some(1), &[]), [20, 30, 10]);
        assert_eq!(order(due(), Some(2), &[]), [30, 10, 20]);
        assert_eq!(order(due(), Some(9), &[]), [10, 20, 30]);
    }

    #[test]
    fn who_has_the_fewest_running_goes_first() {
        let due = vec![job(1, 10), job(1, 11), job(2, 20), job(3, 30)];
        assert_eq!(order(due, Some(3), &[(1, 2), (3, 1)]), [20, 30, 10, 11]);
    }

    #[test]
    fn a_priority_is_before_every_turn() {
        let bulk = Job { priority: Priority::Bulk, ..job(2, 1) };
        let urgent = Job { priority: Priority::Interactive, ..job(1, 12) };
        assert_eq!(order(vec![job(1, 10), bulk, urgent], Some(1), &[(1, 5)]), [12, 10, 1]);
    }

    #[test]
    fn a_job_that_was_found_twice_comes_once() {
        assert_eq!(order(vec![job(1, 10), job(2, 20), job(1, 10)], None, &[]), [10, 20]);
    }
}
