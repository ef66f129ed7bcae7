//! Chapters: named stretches of the sound, read from any container and written to those that have a place for them.
//!
//! What files say of them need not make sense. All of it is brought to one form before anybody sees it: in order, one
//! after the other, within the sound, and within limits, since chapters come from strangers as tags do.

use serde::{Deserialize, Serialize};

pub(crate) mod clock;
pub(crate) mod guard;
pub(crate) mod read;

/// Chapters beyond this many are left out.
pub(crate) const MAX_CHAPTERS: usize = 1000;
/// A title is cut at this many bytes.
pub(crate) const MAX_TITLE_BYTES: usize = 1024;
/// Once all titles together reach this many bytes, the others are left out: with the tags and the cover they must fit
/// the patchable head.
pub(crate) const MAX_TITLES_BYTES: usize = 256 * 1024;
/// No sound is this long: a year. What starts later is a mistake.
const MAX_START_US: u64 = 365 * 86_400 * 1_000_000;

/// A named stretch of the sound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    /// Where it starts, in microseconds from the first frame that is heard.
    pub start_us: u64,
    /// Where it ends, which is never behind the start of the next one; `None` where neither the chapter nor the length
    /// of the sound tells.
    pub end_us: Option<u64>,
    /// Its title, which may be empty.
    pub title: String,
}

impl Chapter {
    /// Where it starts, to the nearest millisecond.
    pub(crate) fn start_ms(&self) -> u64 {
        to_ms(self.start_us)
    }

    /// Where it ends, to the nearest millisecond.
    pub(crate) fn end_ms(&self) -> Option<u64> {
        self.end_us.map(to_ms)
    }
}

fn to_ms(us: u64) -> u64 {
    us.saturating_add(500) / 1000
}

/// Chapters as a file tells them, in any order.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    list: Vec<Chapter>,
    titles_bytes: usize,
}

impl Marks {
    /// Adds one as far as the limits allow.
    pub(crate) fn add(&mut self, start_us: u64, end_us: Option<u64>, title: &str) {
        if self.is_full() || start_us > MAX_START_US {
            return;
        }
        let mut title = cleaned(title);
        if self.titles_bytes + title.len() > MAX_TITLES_BYTES {
            title.clear();
        }
        self.titles_bytes += title.len();
        self.list.push(Chapter { start_us, end_us, title });
    }

    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= MAX_CHAPTERS
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Brings them into order; `length_us` is that of the sound, where it is known for sure.
    ///
    /// Of several that start in the same millisecond the last is kept: where chapters have chapters, it is the innermost.
    pub(crate) fn settle(self, length_us: Option<u64>) -> Vec<Chapter> {
        let mut chapters = self.list;
        chapters.retain(|chapter| length_us.is_none_or(|length_us| chapter.start_us < length_us));
        chapters.sort_by_key(|chapter| chapter.start_us);
        chapters.dedup_by(|later, kept| {
            let is_together = later.start_ms() == kept.start_ms();
            if is_together {
                std::mem::swap(later, kept);
            }
            is_together
        });
        let nexts: Vec<u64> = chapters.iter().skip(1).map(|chapter| chapter.start_us).collect();
        let limits = nexts.into_iter().map(Some).chain([length_us]);
        for (chapter, limit_us) in chapters.iter_mut().zip(limits) {
            let end_us = chapter.end_us.filter(|end_us| *end_us > chapter.start_us);
            chapter.end_us = match (end_us, limit_us) {
                (Some(end_us), Some(limit_us)) => Some(end_us.min(limit_us)),
                (end_us, limit_us) => end_us.or(limit_us),
            };
        }
        chapters
    }
}

/// A title in one line, without what ends a text in some container.
fn cleaned(title: &str) -> String {
    let is_blank = |c: char| c.is_control() || c.is_whitespace();
    // A title of a megabyte is not gone through.
    let title = title.trim_start_matches(is_blank);
    let title = &title[..title.floor_char_boundary(MAX_TITLE_BYTES)];
    title.trim_end_matches(is_blank).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What is left of chapters where only the sound from `from_us` to `to_us` is, which begins at 0 then.
pub(crate) fn part(chapters: &[Chapter], from_us: u64, to_us: Option<u64>) -> Vec<Chapter> {
    let has_ended = |chapter: &Chapter| chapter.end_us.is_some_and(|end_us| end_us <= from_us);
    let is_before_end = |chapter: &Chapter| to_us.is_none_or(|to_us| chapter.start_us < to_us);
    let left = chapters.iter().filter(|chapter| !has_ended(chapter) && is_before_end(chapter));
    left.map(|chapter| Chapter {
        start_us: chapter.start_us.saturating_sub(from_us),
        end_us: match (chapter.end_us, to_us) {
            (Some(end_us), Some(to_us)) => Some(end_us.min(to_us)),
            (end_us, to_us) => end_us.or(to_us),
        }
        .map(|end_us| end_us.saturating_sub(from_us)),
        title: chapter.title.clone(),
    })
    .collect()
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
