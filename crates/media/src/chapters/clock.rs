//! Chapters in Vorbis comments, which write times as clocks do: `CHAPTER001=00:01:02.500`, `CHAPTER001NAME=…`.
//!
//! The convention is the one of Xiph's wiki, "Chapter Extension". It has starts and titles; a chapter ends where the
//! next one starts.

use super::{Chapter, Marks};

/// Makes the comment lines of chapters.
pub(crate) fn comments(chapters: &[Chapter]) -> Vec<String> {
    let mut lines = Vec::with_capacity(chapters.len() * 2);
    for (number, chapter) in chapters.iter().enumerate() {
        lines.push(format!("CHAPTER{number:03}={}", written(chapter.start_ms())));
        if !chapter.title.is_empty() {
            lines.push(format!("CHAPTER{number:03}NAME={}", chapter.title));
        }
    }
    lines
}

fn written(ms: u64) -> String {
    let (seconds, minutes) = (ms / 1000, ms / 60_000);
    format!("{:02}:{:02}:{:02}.{:03}", minutes / 60, minutes % 60, seconds % 60, ms % 1000)
}

/// Hours, minutes and seconds, of which the latter may have a fraction.
fn read(time: &str) -> Option<u64> {
    let (whole, fraction) = time.trim().split_once('.').unwrap_or((time.trim(), ""));
    let mut seconds = 0_u64;
    let mut parts = 0;
    for part in whole.split(':') {
        seconds = seconds.checked_mul(60)?.checked_add(number(part)?)?;
        parts += 1;
    }
    // Six digits are microseconds; what is behind them nobody hears.
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let us = number(&fraction)?;
    (parts == 3).then(|| seconds.checked_mul(1_000_000)?.checked_add(us)).flatten()
}

/// Digits alone, without a sign.
fn number(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Chapters of which lines have been seen, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Lines(std::collections::BTreeMap<u32, (Option<u64>, String)>);

impl Lines {
    /// Takes a comment, if it is about a chapter.
    pub(crate) fn take(&mut self, comment: &str) {
        let Some((name, value)) = comment.split_once('=') else { return };
        let name = name.to_ascii_uppercase();
        let Some(name) = name.strip_prefix("CHAPTER") else { return };
        let digits = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
        let (Ok(number), what) = (name[..digits].parse::<u32>(), &name[digits..]) else { return };
        if self.0.len() >= super::MAX_CHAPTERS && !self.0.contains_key(&number) {
            return;
        }
        match what {
            "" => self.0.entry(number).or_default().0 = read(value),
            "NAME" => {
                let title = &value[..value.floor_char_boundary(2 * super::MAX_TITLE_BYTES)];
                title.clone_into(&mut self.0.entry(number).or_default().1);
            }
            _ => {}
        }
    }

    /// All that have a start.
    pub(crate) fn into_marks(self) -> Marks {
        let mut marks = Marks::default();
        for (start_us, title) in self.0.into_values() {
            if let Some(start_us) = start_us {
                marks.add(start_us, None, &title);
            }
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_read_to_the_microsecond_and_only_where_they_are_clocks() {
        let read_as = [
            ("00:00:00.000", Some(0)),
            ("00:01:02.5", Some(62_500_000)),
            ("1:0:0", Some(3_600_000_000)),
            (" 100:59:59.9999999 ", Some(363_599_999_999)),
            ("00:00", None),
            ("0:00:00:00", None),
            ("-1:00:00", None),
            ("00:+1:00", None),
            ("00:00:00.1x", None),
            ("", None),
            ("99999999999999999999:00:00", None),
            ("9999999999999999:00:00", None),
        ];
        for (text, us) in read_as {
            assert_eq!(read(text), us, "{text}");
        }
    }

    #[test]
    fn lines_come_in_any_order_and_case_and_say_again_what_was_written() {
        let chapters: Vec<Chapter> = [(0, "One"), (1_500_000, ""), (363_599_999_000, "a=b")]
            .map(|(start_us, title)| Chapter { start_us, end_us: None, title: title.into() })
            .into();
        let lines = comments(&chapters);
        assert_eq!(
            lines,
            [
                "CHAPTER000=00:00:00.000",
                "CHAPTER000NAME=One",
                "CHAPTER001=00:00:01.500",
                "CHAPTER002=100:59:59.999",
                "CHAPTER002NAME=a=b"
            ]
        );
        let mut read = Lines::default();
        for line in lines.iter().rev() {
            read.take(&line.replace("CHAPTER", "Chapter"));
        }
        let again = read.into_marks().settle(None);
        let starts: Vec<_> = again.iter().map(|chapter| (chapter.start_us, chapter.title.as_str())).collect();
        assert_eq!(starts, [(0, "One"), (1_500_000, ""), (363_599_999_000, "a=b")]);
    }

    #[test]
    fn what_is_no_line_of_a_chapter_is_passed_over() {
        let mut lines = Lines::default();
        let wrong = [
            "CHAPTER001",
            "CHAPTER=1",
            "CHAPTERNAME=x",
            "CHAPTER99999999999=00:00:00",
            "CHAPTERS=3",
            "=",
            "",
        ];
        for line in wrong.into_iter().chain(["CHAPTER001NAME=no start", "CHAPTER002=soon", "CHAPTER003URL=x"])
        {
            lines.take(line);
        }
        for number in 0..5000 {
            lines.take(&format!("CHAPTER{number}NAME={}", "x".repeat(10_000)));
        }
        assert!(lines.0.len() <= crate::chapters::MAX_CHAPTERS);
        assert!(lines.into_marks().is_empty());
    }
}
