//! What an export looks like: a first line, a line a record, and a last line that proves all before it.

use std::collections::BTreeMap;

use reelmill_core::Record;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use super::CarryError;

/// The version of this layout.
pub(super) const FORMAT: u32 = 1;

/// The longest line that is read. Records have a few KiB.
const LINE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// The first line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// [`FORMAT`]
    pub(super) reelmill_export: u32,
    /// The schema version of the catalog that it came from, for people.
    pub(super) schema: i64,
    /// When it was begun, RFC 3339.
    pub(super) exported_at: String,
}

/// The last line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Footer {
    pub(super) end: End,
}

/// How much there was.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    /// How many records of each sort.
    pub(super) records: BTreeMap<String, u64>,
    /// BLAKE3 of all lines before, with their line breaks; lower-case hex.
    pub(super) blake3: String,
}

/// What the last line begins with, and no record does.
const FOOTER: &[u8] = b"{\"end\":";

/// A record's sort, as its line has it.
pub(super) fn sort(line: &Value) -> Option<&String> {
    line.as_object().and_then(|record| record.keys().next())
}

/// An export that is read.
pub(super) struct Lines<R> {
    reader: R,
    hasher: blake3::Hasher,
    number: u64,
    counts: BTreeMap<String, u64>,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// Reads the first line.
    pub(super) async fn open(reader: R) -> Result<Self, CarryError> {
        let mut lines = Self { reader, hasher: blake3::Hasher::new(), number: 0, counts: BTreeMap::new() };
        let first = lines.line().await?;
        lines.hasher.update(&first);
        let header: Header =
            serde_json::from_slice(&first).map_err(|_| damaged("it does not begin as one"))?;
        if header.reelmill_export > FORMAT {
            return Err(CarryError::NotUnderstood { line: 1 });
        }
        Ok(lines)
    }

    /// The next record; `None` behind the last one, when all of the file is proved.
    pub(super) async fn next(&mut self) -> Result<Option<Record>, CarryError> {
        let line = self.line().await?;
        if line.starts_with(FOOTER) {
            return self.end(&line).await.map(|()| None);
        }
        self.hasher.update(&line);
        let value: Value = serde_json::from_slice(&line)
            .map_err(|_| damaged(&format!("line {} is no JSON", self.number)))?;
        let Some(sort) = sort(&value) else {
            return Err(damaged(&format!("line {} is no record", self.number)));
        };
        *self.counts.entry(sort.clone()).or_default() += 1;
        self.parse(&value).map(Some)
    }

    /// The record of a line, if nothing of the line is lost on it.
    fn parse(&self, value: &Value) -> Result<Record, CarryError> {
        let lost = || CarryError::NotUnderstood { line: self.number };
        let record = Record::deserialize(value).map_err(|_| lost())?;
        let again = serde_json::to_value(&record).map_err(|_| lost())?;
        if is_kept(value, &again) { Ok(record) } else { Err(lost()) }
    }

    async fn end(&mut self, line: &[u8]) -> Result<(), CarryError> {
        let Footer { end } = serde_json::from_slice(line).map_err(|_| damaged("its last line is damaged"))?;
        if end.blake3 != self.hasher.finalize().to_hex().as_str() {
            return Err(damaged("its hash is not that of its last line, it was changed"));
        }
        if end.records != self.counts {
            return Err(damaged("its records are not as many as its last line says"));
        }
        if self.reader.fill_buf().await?.is_empty() {
            Ok(())
        } else {
            Err(damaged("something follows its last line"))
        }
    }

    /// A line with its line break.
    async fn line(&mut self) -> Result<Vec<u8>, CarryError> {
        let mut line = Vec::new();
        (&mut self.reader).take(LINE_LIMIT_BYTES).read_until(b'\n', &mut line).await?;
        self.number += 1;
        match line.last() {
            Some(b'\n') => Ok(line),
            Some(_) if line.len() as u64 == LINE_LIMIT_BYTES => {
                Err(damaged(&format!("line {} is too long", self.number)))
            }
            _ => Err(damaged("its end is missing, it was cut")),
        }
    }
}

fn damaged(what: &str) -> CarryError {
    CarryError::Damaged(what.to_owned())
}

/// Whether all that `line` says is in `again`, which may say more: what an older build did not know has its default there.
fn is_kept(line: &Value, again: &Value) -> bool {
    match (line, again) {
        (Value::Object(line), Value::Object(again)) => line
            .iter()
            .all(|(name, value)| again.get(name).map_or(value.is_null(), |again| is_kept(value, again))),
        (Value::Array(line), Value::Array(again)) => {
            line.len() == again.len() && line.iter().zip(again).all(|(line, again)| is_kept(line, again))
        }
        (line, again) => line == again,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_build_does_not_know_is_seen_wherever_it_stands() {
        let known = json!({"a": {"b": [1, {"c": null}], "default": 0}});
        assert!(is_kept(&json!({"a": {"b": [1, {"c": null}]}}), &known));
        assert!(is_kept(&json!({"a": {"b": [1, {"c": null, "none": null}]}}), &known));
        for lost in [
            json!({"a": {"b": [1, {"c": null, "new": 1}]}}),
            json!({"a": {"b": [1]}}),
            json!({"a": {"b": [2, {"c": null}]}}),
            json!({"new": []}),
        ] {
            assert!(!is_kept(&lost, &known), "{lost}");
        }
    }
}
