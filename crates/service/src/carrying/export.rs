//! A catalog into a file.

use std::collections::BTreeMap;

use reelmill_core::Timestamp;
use reelmill_core::ports::Catalog;
use serde::Serialize;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::file::{End, FORMAT, Footer, Header, sort};
use super::{CarryError, walk};

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// How many records of each sort.
    pub records: BTreeMap<String, u64>,
    /// BLAKE3 of all lines but the last, lower-case hex.
    pub blake3: String,
}

/// Writes all records of a catalog of that schema version to `sink`. It is of one moment only where nobody changes the
/// catalog meanwhile.
///
/// # Errors
/// Where the catalog cannot be read or the sink not written to.
pub async fn export(
    catalog: &dyn Catalog,
    schema: i64,
    now: Timestamp,
    sink: &mut (impl AsyncWrite + Unpin),
) -> Result<Exported, CarryError> {
    let header = Header { reelmill_export: FORMAT, schema, exported_at: now.to_string() };
    let (mut hasher, mut records) = (blake3::Hasher::new(), BTreeMap::new());
    put(sink, &mut hasher, &header).await?;
    walk(catalog, async |record| {
        let line = serde_json::to_value(&record).map_err(std::io::Error::from)?;
        if let Some(sort) = sort(&line) {
            *records.entry(sort.clone()).or_default() += 1;
        }
        put(sink, &mut hasher, &record).await
    })
    .await?;
    let blake3 = hasher.finalize().to_hex().to_string();
    let footer = Footer { end: End { records: records.clone(), blake3: blake3.clone() } };
    put(sink, &mut blake3::Hasher::new(), &footer).await?;
    sink.flush().await?;
    Ok(Exported { records, blake3 })
}

async fn put(
    sink: &mut (impl AsyncWrite + Unpin),
    hasher: &mut blake3::Hasher,
    value: &impl Serialize,
) -> Result<(), CarryError> {
    let mut line = serde_json::to_vec(value).map_err(std::io::Error::from)?;
    line.push(b'\n');
    hasher.update(&line);
    Ok(sink.write_all(&line).await?)
}
