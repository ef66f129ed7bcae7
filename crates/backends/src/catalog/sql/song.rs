//! Songs: their rows, and how a part of a title finds them.
//!
//! An index holds a text of bounded length only, so a title stands in two columns, the beginning that is indexed
//! and the rest. Whatever begins with a prefix lies between the prefix and the next text that does not.

use reelmill_core::ports::CatalogError;
use reelmill_core::{Song, SongId};
use sqlx::AnyConnection;

use super::change::one;
use super::dialect::Statement;
use super::failure::Changed;
use super::{Dialect, SqlCatalog, row};

/// The longest beginning of a title that is indexed.
const INDEXED_CHARS: usize = 255;

/// Adds the song.
pub(super) async fn add(on: &mut AnyConnection, dialect: &Dialect, song: &Song) -> Changed {
    let title = findable(&song.title_lower());
    let (title, rest) = cut(&title);
    let sql = "INSERT INTO songs (id, source_id, title, title_rest, version, body) VALUES (?, ?, ?, ?, ?, ?)";
    let statement = dialect.query(sql).bind(song.id.to_string()).bind(song.found.id.clone());
    let statement = statement.bind(title.to_owned()).bind(rest.to_owned()).bind(row::signed(song.version));
    one(on, statement.bind(row::to_body(song)?)).await
}

/// Replaces the version before.
pub(super) async fn replace(on: &mut AnyConnection, dialect: &Dialect, song: &Song) -> Changed {
    let before = song.version.checked_sub(1).ok_or(CatalogError::Conflict)?;
    let title = findable(&song.title_lower());
    let (title, rest) = cut(&title);
    let sql = "UPDATE songs SET source_id = ?, title = ?, title_rest = ?, version = ?, body = ? \
               WHERE id = ? AND version = ?";
    let statement = dialect.query(sql).bind(song.found.id.clone());
    let statement = statement.bind(title.to_owned()).bind(rest.to_owned()).bind(row::signed(song.version));
    let statement = statement.bind(row::to_body(song)?).bind(song.id.to_string());
    one(on, statement.bind(row::signed(before))).await
}

/// Takes the song of that version away.
pub(super) async fn drop_version(
    on: &mut AnyConnection,
    dialect: &Dialect,
    id: SongId,
    version: u64,
) -> Changed {
    let statement = dialect.query("DELETE FROM songs WHERE id = ? AND version = ?");
    one(on, statement.bind(id.to_string()).bind(row::signed(version))).await
}

impl SqlCatalog {
    pub(super) async fn songs_titled(&self, prefix: &str, limit: u32) -> Result<Vec<Song>, CatalogError> {
        let prefix = findable(prefix);
        let (title, rest) = cut(&prefix);
        // A prefix that goes beyond what is indexed is told by the rest, among titles that begin alike.
        let (column, lowest) = if rest.is_empty() { ("title", title) } else { ("title_rest", rest) };
        let mut sql = format!("SELECT body FROM songs WHERE {column} >= ?");
        let mut values = vec![lowest.to_owned()];
        if let Some(end) = behind(lowest) {
            sql.extend([" AND ", column, " < ?"]);
            values.push(end);
        }
        if !rest.is_empty() {
            sql.push_str(" AND title = ?");
            values.push(title.to_owned());
        }
        sql.push_str(" ORDER BY title, title_rest, id LIMIT ?");
        let statement = values.into_iter().fold(self.dialect.query(&sql), Statement::bind);
        self.rows(statement.bind(i64::from(limit))).await?.iter().map(row::from_body).collect()
    }
}

/// A title as it is found: whoever named the song may have put a NUL in, which PostgreSQL has no place for.
fn findable(title: &str) -> String {
    title.replace('\0', "\u{fffd}")
}

/// A title's beginning that is indexed, and its rest.
fn cut(title: &str) -> (&str, &str) {
    // Counted in characters: cut at a number of bytes, some titles would be cut before a character that others keep,
    // and the beginnings would be in another order than the titles.
    title.split_at(title.char_indices().nth(INDEXED_CHARS).map_or(title.len(), |(at, _)| at))
}

/// The first text behind all that begin with `prefix`, in the order of bytes; `None` where nothing is behind them.
fn behind(prefix: &str) -> Option<String> {
    let mut before = prefix.chars();
    while let Some(last) = before.next_back() {
        // A range of characters steps over the code points that are none.
        if let Some(next) = (last..=char::MAX).nth(1) {
            return Some(format!("{}{next}", before.as_str()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_a_prefix_is_the_next_text_that_does_not_begin_with_it() {
        for (prefix, end) in [
            ("ab", Some("ac")),
            ("a%_", Some("a%`")),
            ("añ", Some("aò")),
            ("\u{7f}", Some("\u{80}")),
            ("\u{7ff}", Some("\u{800}")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("\u{ffff}", Some("\u{10000}")),
            ("a\u{10ffff}\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("", None),
        ] {
            assert_eq!(behind(prefix).as_deref(), end, "{prefix:?}");
            assert!(end.is_none_or(|end| end > &*format!("{prefix}\u{10ffff}\u{10ffff}")), "{prefix:?}");
        }
    }

    #[test]
    fn a_title_is_cut_behind_as_many_characters_as_are_indexed() {
        let (indexed, long) = ("ñ🎬a".repeat(85), "ñ🎬a".repeat(90));
        assert_eq!(cut(&indexed), (&*indexed, ""));
        assert_eq!(cut(&long), (&*indexed, "ñ🎬a".repeat(5).as_str()));
        assert_eq!(cut(""), ("", ""));
    }
}
