//! What was told of which job, so that nothing is told twice or after what came later.
//!
//! A job is remembered while it moves and for a while after; two generations keep that bounded without a clock.

use std::collections::HashMap;
use std::mem;

use reelmill_core::{JobId, Stage};

/// Jobs that a generation remembers. A look goes back over less than that many changes, so nothing is forgotten that it could
/// bring again, but in a storm: then a listener hears a version twice, which it can tell by its number.
const GENERATION: usize = 16_384;

/// How a job was told of last.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Last {
    version: u64,
    /// How far that version was.
    progress: Option<(Stage, f64)>,
}

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    young: HashMap<JobId, Last>,
    old: HashMap<JobId, Last>,
}

impl Told {
    /// Whether neither that version nor a later one was told.
    pub(super) fn is_news(&self, job: JobId, version: u64) -> bool {
        self.last(job).is_none_or(|last| last.version < version)
    }

    /// Notes that a version is told, where it is news.
    pub(super) fn written(&mut self, job: JobId, version: u64) -> bool {
        let is_news = self.is_news(job, version);
        if is_news {
            self.note(job, Last { version, progress: None });
        }
        is_news
    }

    /// Notes how far a job is, and gives the version that is; `None` where nothing moved, or where that version is not the
    /// last that was told. Where none is named it is.
    pub(super) fn moved(
        &mut self,
        job: JobId,
        version: Option<u64>,
        stage: Stage,
        progress: f64,
    ) -> Option<u64> {
        let last = *self.last(job)?;
        let now = Last { progress: Some((stage, progress)), ..last };
        let is_news = version.is_none_or(|version| version == last.version) && last != now;
        is_news.then(|| self.note(job, now))?;
        Some(last.version)
    }

    fn last(&self, job: JobId) -> Option<&Last> {
        self.young.get(&job).or_else(|| self.old.get(&job))
    }

    fn note(&mut self, job: JobId, told: Last) {
        if self.young.len() >= GENERATION && !self.young.contains_key(&job) {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(job, told);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_version_is_told_once_and_none_before_it_later() {
        let (mut told, job) = (Told::default(), JobId(Uuid::from_u128(1)));
        let news = [1, 1, 3, 2, 3, 4].map(|version| told.written(job, version));
        assert_eq!(news, [true, false, true, false, false, true]);
        assert!(told.written(JobId(Uuid::from_u128(2)), 1));
    }

    #[test]
    fn progress_is_told_where_something_moved() {
        let (mut told, job) = (Told::default(), JobId(Uuid::from_u128(1)));
        assert_eq!(told.moved(job, None, Stage::Convert, 0.5), None, "of what version nobody knows");
        assert!(told.written(job, 2));
        let news = [(None, 0.1), (Some(2), 0.1), (None, 0.2), (Some(1), 0.9)];
        let news = news.map(|(version, done)| told.moved(job, version, Stage::Convert, done));
        assert_eq!(news, [Some(2), None, Some(2), None]);
        assert!(told.written(job, 3));
        assert_eq!(told.moved(job, Some(2), Stage::Convert, 0.3), None, "an earlier attempt's");
        assert_eq!(told.moved(job, Some(4), Stage::Convert, 0.3), None, "of what nobody was told of");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_latest() {
        let mut told = Told::default();
        for n in 0..100_000_u128 {
            assert!(told.written(JobId(Uuid::from_u128(n)), 1));
        }
        assert!(told.young.len() + told.old.len() <= 2 * GENERATION);
        assert!(!told.written(JobId(Uuid::from_u128(99_999)), 1));
        assert!(told.last(JobId(Uuid::from_u128(100_000 - 16_384))).is_some());
    }
}
