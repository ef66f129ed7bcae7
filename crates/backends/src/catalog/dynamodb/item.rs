//! Items: attributes by name, and a record's body among them.
//!
//! A body is JSON text. One that would not fit into an item is packed first: DynamoDB takes 400 KB and no more.

use std::collections::HashMap;
use std::fmt::Display;
use std::io::{Read, Write};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use reelmill_core::ports::CatalogError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An item's attributes.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The partition key.
pub(super) const PK: &str = "PK";
/// The range key.
pub(super) const SK: &str = "SK";
/// What sort of item it is, and the layout's version.
pub(super) const SCHEMA: &str = "schema";
/// A record, as JSON text.
pub(super) const BODY: &str = "body";
/// A record, as JSON text packed by DEFLATE.
pub(super) const PACKED: &str = "packed";
/// Changed by every commit that writes the record.
pub(super) const REV: &str = "rev";
/// Counted up by whoever needs the job to know that something points at it.
pub(super) const TOUCHES: &str = "touches";
/// The job's or song's version.
pub(super) const VERSION: &str = "version";
/// The record that a list's or a name's item stands for: its partition.
pub(super) const OF_PK: &str = "of_pk";
/// The record that a list's or a name's item stands for: its place in the partition.
pub(super) const OF_SK: &str = "of_sk";
/// A song's whole title in lower case.
pub(super) const TITLE: &str = "title_lower";
/// Seconds since the epoch after which DynamoDB may drop the item, where the table's TTL is set to this attribute.
pub(super) const EXPIRES_AT: &str = "expires_at";

/// The largest body that is kept as plain text.
const PLAIN_BYTES: usize = 64 << 10;
/// The largest body that an item has room for, beside its other attributes.
const MOST_BYTES: usize = 380 << 10;
/// The largest text that is unpacked: more was never packed.
const MOST_UNPACKED_BYTES: u64 = 16 << 20;

/// A text attribute.
pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub(super) fn number(value: impl Display + Copy) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Puts a record's body into its item.
pub(super) fn put_body(item: &mut Item, record: &impl Serialize) -> Result<(), CatalogError> {
    let body = serde_json::to_string(record).map_err(|error| CatalogError::Corrupt(error.to_string()))?;
    if body.len() <= PLAIN_BYTES {
        item.insert(BODY.to_owned(), text(body));
        return Ok(());
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(body.as_bytes()).and_then(|()| encoder.finish());
    let packed = packed.map_err(|error| CatalogError::Corrupt(error.to_string()))?;
    if packed.len() > MOST_BYTES || body.len() as u64 > MOST_UNPACKED_BYTES {
        let size = body.len();
        return Err(CatalogError::Corrupt(format!("a record of {size} bytes is more than an item takes")));
    }
    item.insert(PACKED.to_owned(), AttributeValue::B(Blob::new(packed)));
    Ok(())
}

/// A record from its item.
pub(super) fn from_body<T: DeserializeOwned>(item: &Item) -> Result<T, CatalogError> {
    let corrupt = |reason: String| {
        let (pk, sk) = (text_of(item, PK).unwrap_or_default(), text_of(item, SK).unwrap_or_default());
        CatalogError::Corrupt(format!("item {pk:?} {sk:?}: {reason}"))
    };
    let parsed = match (item.get(BODY), item.get(PACKED)) {
        (Some(AttributeValue::S(body)), _) => serde_json::from_str(body),
        (_, Some(AttributeValue::B(packed))) => {
            let mut body = Vec::new();
            let mut unpacked = DeflateDecoder::new(packed.as_ref()).take(MOST_UNPACKED_BYTES);
            unpacked.read_to_end(&mut body).map_err(|error| corrupt(error.to_string()))?;
            serde_json::from_slice(&body)
        }
        _ => return Err(corrupt("it has no body".to_owned())),
    };
    parsed.map_err(|error| corrupt(error.to_string()))
}

/// An attribute that is text.
pub(super) fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// An attribute that is a whole number.
pub(super) fn number_of<N: std::str::FromStr>(item: &Item, name: &str) -> Option<N> {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|digits| digits.parse().ok())
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_body_of_any_size_comes_back() {
        for size in [0, PLAIN_BYTES - 2, PLAIN_BYTES, 3 << 20] {
            let (record, mut item) = ("x".repeat(size), Item::new());
            put_body(&mut item, &record).unwrap();
            assert_eq!(item.contains_key(PACKED), size + 2 > PLAIN_BYTES);
            assert_eq!(from_body::<String>(&item).unwrap(), record);
        }
    }

    #[test]
    fn a_body_that_an_item_has_no_room_for_is_refused() {
        // What looks random does not get smaller.
        let mut noise = vec![0; 1 << 20];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let noise: String = noise.into_iter().map(|byte| char::from(byte % 94 + 33)).collect();
        assert!(matches!(put_body(&mut Item::new(), &noise), Err(CatalogError::Corrupt(_))));
    }
}
