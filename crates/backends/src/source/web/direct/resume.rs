//! Going on where a connection broke off: by a range of the same representation, or not at all.

use std::time::Duration;

use reelmill_core::Obstacle;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE,
};
use reqwest::{Client, Response, StatusCode};
use url::Url;

use super::{broke_off, text};
use crate::source::web::proxy::Session;
use crate::source::web::trouble::Trouble;

/// Tries in a row that bring no byte.
const MAX_VAIN_TRIES: u32 = 4;
/// Tries of one download, however much each brings.
const MAX_TRIES: u32 = 50;
/// The wait before the second try in a row; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// What is needed to go on.
pub(super) struct Resume {
    url: Url,
    total_bytes: Option<u64>,
    /// What the server must still have, RFC 9110, section 13.1.5: a strong tag, else a date.
    validator: Option<HeaderValue>,
    tries: u32,
    vain_tries: u32,
    taken_before: u64,
}

impl Resume {
    /// Notes what an answer says of itself.
    pub(super) fn of(response: &Response) -> Self {
        let headers = response.headers();
        let strong = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/"));
        Self {
            url: response.url().clone(),
            total_bytes: text(headers, CONTENT_LENGTH.as_str()).and_then(|length| length.trim().parse().ok()),
            validator: strong.or_else(|| headers.get(LAST_MODIFIED)).cloned(),
            tries: 0,
            vain_tries: 0,
            taken_before: 0,
        }
    }

    /// The size of the whole, where the server says it.
    pub(super) fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    /// Asks for the rest, behind the `taken` bytes that are here.
    pub(super) async fn again(
        &mut self,
        client: &Client,
        session: &Session,
        taken: u64,
    ) -> Result<Response, Trouble> {
        let Some(validator) = self.validator.clone() else { return Err(broke_off(session)) };
        loop {
            self.count(taken).map_err(|()| broke_off(session))?;
            let request = client
                .get(self.url.clone())
                .header(ACCEPT_ENCODING, "identity")
                .header(RANGE, format!("bytes={taken}-"))
                .header(IF_RANGE, validator.clone());
            match request.send().await {
                Ok(response) if self.continues(&response, taken) => return Ok(response),
                Ok(response) if response.status().is_server_error() => {}
                Ok(_) => {
                    return Err(Trouble::new(
                        Obstacle::Unreachable,
                        "the server broke off and does not go on where it was",
                    ));
                }
                Err(_) if session.refused().is_some() => return Err(broke_off(session)),
                Err(_) => {}
            }
            tokio::time::sleep(FIRST_WAIT * 2_u32.pow(self.vain_tries)).await;
        }
    }

    /// Counts a try; an error where there were enough.
    fn count(&mut self, taken: u64) -> Result<(), ()> {
        self.vain_tries = if taken > self.taken_before { 0 } else { self.vain_tries + 1 };
        self.taken_before = taken;
        self.tries += 1;
        if self.vain_tries > MAX_VAIN_TRIES || self.tries > MAX_TRIES { Err(()) } else { Ok(()) }
    }

    /// Whether the answer is the rest of the same whole.
    fn continues(&self, response: &Response, taken: u64) -> bool {
        let range = text(response.headers(), CONTENT_RANGE.as_str()).and_then(|range| starts_at(&range));
        response.status() == StatusCode::PARTIAL_CONTENT
            && range.is_some_and(|(start, total)| {
                start == taken && (total.is_none() || self.total_bytes.is_none() || total == self.total_bytes)
            })
    }
}

/// Where a Content-Range begins, and the size of the whole where it says it: `bytes 5-9/10`, `bytes 5-9/*`.
fn starts_at(range: &str) -> Option<(u64, Option<u64>)> {
    let (span, total) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = span.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::starts_at;

    #[test]
    fn a_range_says_where_it_begins() {
        assert_eq!(starts_at("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(starts_at("bytes 5-9/*"), Some((5, None)));
        for other in ["bytes */10", "items 5-9/10", "5-9/10", ""] {
            assert_eq!(starts_at(other), None, "{other}");
        }
    }
}
