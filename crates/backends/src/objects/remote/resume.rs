//! Reading an object on, from the byte that was reached, when the connection is cut.
//!
//! Every answer after the first is bound to the object that the first one came from, so that what is put together is
//! always of one object. It ends with the range's last byte or with an error.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reelmill_core::Key;
use reelmill_core::ports::{ByteStream, ObjectsError};
use reqwest::{Response, StatusCode};
use tokio::time::sleep;

use super::{Fault, Wire, header, pause};

/// How often a connection may end without a byte, one after the other.
const MAX_BARREN: u32 = 5;

/// Where an object comes from.
#[async_trait]
pub(crate) trait Origin: Send + Sync + 'static {
    /// Asks for a range that is not empty, until it is answered or patience ends; of the very object that `same` names,
    /// where it names one.
    async fn open(&self, key: &Key, range: Range<u64>, same: Option<&str>) -> Result<Opening, Fault>;

    /// The connections.
    fn wire(&self) -> &Wire;
}

/// A range that is on its way.
#[derive(Debug)]
pub(crate) struct Opening {
    /// The answer.
    pub(crate) response: Response,
    /// Names the object as it is now.
    pub(crate) same: String,
}

/// Whether the answer holds the range, from its first byte on.
pub(crate) fn admit(response: &Response, range: &Range<u64>) -> Result<(), Fault> {
    let (start, size_bytes) = match response.status() {
        StatusCode::PARTIAL_CONTENT => header(response, "content-range").and_then(content_range),
        // All of it, from a store or a proxy that knows of no ranges.
        StatusCode::OK => header(response, "content-length").and_then(|all| Some((0, all.parse().ok()?))),
        _ => None,
    }
    .ok_or_else(|| Fault::unusable(format!("a range was answered with {}", response.status())))?;
    if size_bytes < range.end {
        return Err(Fault::OutOfRange);
    }
    if start != range.start {
        return Err(Fault::unusable(format!("byte {} was asked for and {start} came", range.start)));
    }
    Ok(())
}

/// First byte and the object's size (RFC 9110, section 14.4).
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, size_bytes) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, size_bytes.parse().ok()?))
}

/// The bytes of a range that is not empty.
pub(crate) async fn resuming(
    origin: Arc<dyn Origin>,
    key: &Key,
    range: Range<u64>,
) -> Result<ByteStream, ObjectsError> {
    let opened = origin.open(key, range.clone(), None).await.map_err(|fault| fault.about(key))?;
    let reader = Reader {
        origin,
        key: key.clone(),
        rest: range,
        same: opened.same,
        response: Some(opened.response),
        barren: 0,
    };
    Ok(stream::try_unfold(reader, |mut reader| async move {
        Ok(reader.next().await?.map(|bytes| (bytes, reader)))
    })
    .boxed())
}

struct Reader {
    origin: Arc<dyn Origin>,
    key: Key,
    rest: Range<u64>,
    same: String,
    response: Option<Response>,
    /// How many connections ended without a byte since the last one.
    barren: u32,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, ObjectsError> {
        while !self.rest.is_empty() {
            let response = match &mut self.response {
                Some(response) => response,
                missing => missing.insert(reopened(&*self.origin, &self.key, &self.rest, &self.same).await?),
            };
            match self.origin.wire().chunk(response).await {
                Ok(Some(bytes)) if !bytes.is_empty() => return Ok(Some(self.reached(bytes))),
                Ok(Some(_)) => {}
                Ok(None) => self.cut("the store ended the answer early").await?,
                Err(fault) => self.cut(&fault.about(&self.key).to_string()).await?,
            }
        }
        Ok(None)
    }

    fn reached(&mut self, mut bytes: Bytes) -> Bytes {
        let left = usize::try_from(self.rest.end - self.rest.start).unwrap_or(usize::MAX);
        bytes.truncate(left);
        self.rest.start += bytes.len() as u64;
        self.barren = 0;
        bytes
    }

    async fn cut(&mut self, said: &str) -> Result<(), ObjectsError> {
        self.response = None;
        self.barren += 1;
        if self.barren > MAX_BARREN {
            return Err(ObjectsError::Unavailable(said.to_owned()));
        }
        tracing::debug!(object.key = %self.key, object.at = self.rest.start, said, "reading on after a cut");
        sleep(pause(self.barren - 1)).await;
        Ok(())
    }
}

async fn reopened(
    origin: &dyn Origin,
    key: &Key,
    rest: &Range<u64>,
    same: &str,
) -> Result<Response, ObjectsError> {
    match origin.open(key, rest.clone(), Some(same)).await {
        Ok(opened) => Ok(opened.response),
        Err(Fault::Precondition | Fault::OutOfRange) => {
            Err(ObjectsError::Corrupt(format!("`{key}` was another object in the middle of it")))
        }
        Err(fault) => Err(fault.about(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_understood_or_refused() {
        assert_eq!(content_range("bytes 2-5/10"), Some((2, 10)));
        for bad in ["bytes */10", "bytes 2-5/*", "2-5/10", "bytes x-5/10", ""] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }
}
