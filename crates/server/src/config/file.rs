//! `reelmill.toml`: flat keys, each with the line it stands on.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::load::Origin;
use super::settings::{SETTINGS, Setting};

/// Larger than any sensible file, and small enough to hold.
const MAX_BYTES: u64 = 1 << 20;

/// Reads the settings of a file, which is called what the user called it. One that is not there is an error only
/// where it was asked for.
pub(super) fn read(
    current_dir: &Path,
    path: &Path,
    is_asked_for: bool,
) -> Result<Vec<(&'static Setting, String, Origin)>, ConfigError> {
    let unreadable = |reason: String| ConfigError::Unreadable { path: path.to_owned(), reason };
    let place = current_dir.join(path);
    match std::fs::metadata(&place) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_asked_for => return Ok(Vec::new()),
        Ok(metadata) if metadata.len() > MAX_BYTES => {
            return Err(unreadable(format!("it has {} bytes, at most {MAX_BYTES} are read", metadata.len())));
        }
        _ => {}
    }
    let text = std::fs::read_to_string(&place).map_err(|error| unreadable(error.to_string()))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Vec<(&'static Setting, String, Origin)>, ConfigError> {
    let line_at = |offset: usize| text.get(..offset).unwrap_or(text).matches('\n').count() + 1;
    let table = DeTable::parse(text).map_err(|error| ConfigError::NotToml {
        path: path.to_owned(),
        line: line_at(error.span().map_or(0, |span| span.start)),
        reason: error.message().to_owned(),
    })?;
    let mut found = Vec::new();
    for (key, value) in table.get_ref() {
        let line = line_at(key.span().start);
        let key = key.get_ref().as_ref();
        let Some(setting) = Setting::named(key) else {
            let (key, path) = (key.to_owned(), path.to_owned());
            return Err(ConfigError::UnknownKey { nearest: nearest(&key), key, path, line });
        };
        if !setting.in_file {
            let (key, variable, path) = (setting.key, setting.variable, path.to_owned());
            return Err(ConfigError::NotInFile { key, variable, path, line });
        }
        let origin = Origin::File { path: path.to_owned(), line };
        let text = text_of(value.get_ref()).ok_or_else(|| ConfigError::BadValue {
            key: setting.key,
            shown: "a table".to_owned(),
            origin: origin.clone(),
            expected: setting.expected,
        })?;
        found.push((setting, text, origin));
    }
    // A table of the parser is sorted by key; errors are better met in the order of the lines.
    found.sort_by_key(|(_, _, origin)| match origin {
        Origin::File { line, .. } => *line,
        _ => 0,
    });
    Ok(found)
}

fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| text_of(item.get_ref())).collect();
            items.map(|items| items.join(","))
        }
        DeValue::Table(_) => None,
    }
}

/// The key that differs least, if it differs little.
fn nearest(key: &str) -> Option<&'static str> {
    let key = key.replace('-', "_").to_ascii_lowercase();
    let best = SETTINGS.iter().map(|setting| (distance(&key, setting.key), setting.key)).min()?;
    (best.0 <= 1 + key.len() / 4).then_some(best.1)
}

/// Letters to insert, remove or replace until `a` is `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_told_from_another_word() {
        assert_eq!(nearest("lissten"), Some("listen"));
        assert_eq!(nearest("data-dir"), Some("data_dir"));
        assert_eq!(nearest("max_upload"), None);
        assert_eq!(nearest("colour_of_the_bikeshed"), None);
    }
}
