//! An address that anybody may read an object from: signatures, version 4, with a service account's key.
//!
//! See "Signatures" and "Canonical requests" in the documentation of Cloud Storage.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reelmill_core::ports::Handout;
use ring::digest;
use url::Url;

use super::credentials::Author;
use super::place::encode;
use crate::objects::remote::{Fault, hexadecimal};
use crate::objects::uri;

/// The longest that an address may be good for.
const MAX_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// A request that is to be signed.
struct Wish<'a> {
    endpoint: &'a str,
    bucket: &'a str,
    name: &'a str,
    pinned: Vec<(&'a str, &'a str)>,
    lifetime: Duration,
    now: SystemTime,
}

/// The address of an object of that name, good for the handout's lifetime.
pub(super) async fn signed(
    author: &Author,
    (endpoint, bucket, name): (&str, &str, &str),
    handout: &Handout<'_>,
) -> Result<String, Fault> {
    let pinned = vec![
        ("response-content-disposition", handout.disposition),
        ("response-content-type", handout.content_type),
    ];
    let lifetime = handout.lifetime.clamp(Duration::from_secs(1), MAX_LIFETIME);
    let wish = Wish { endpoint, bucket, name, pinned, lifetime, now: SystemTime::now() };
    let (address, to_sign) = wish.canonical(&author.email)?;
    let signature = author.signer.sign(to_sign.as_bytes()).await;
    let signature =
        signature.map_err(|error| Fault::unusable(format!("the account cannot sign: {error}")))?;
    Ok(format!("{address}&X-Goog-Signature={}", hexadecimal(&signature)))
}

impl Wish<'_> {
    /// The address without its signature, and what the signature is of.
    fn canonical(&self, email: &str) -> Result<(String, String), Fault> {
        let url = Url::parse(self.endpoint).map_err(|error| Fault::unusable(error.to_string()))?;
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let time = basic(self.now);
        let scope = format!("{}/auto/storage/goog4_request", &time[..8]);
        let mut pairs = vec![
            ("X-Goog-Algorithm", "GOOG4-RSA-SHA256".to_owned()),
            ("X-Goog-Credential", format!("{email}/{scope}")),
            ("X-Goog-Date", time.clone()),
            ("X-Goog-Expires", self.lifetime.as_secs().to_string()),
            ("X-Goog-SignedHeaders", "host".to_owned()),
        ];
        pairs.extend(self.pinned.iter().map(|(name, value)| (*name, (*value).to_owned())));
        pairs.sort_unstable();
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let (path, query) =
            (format!("/{}/{}", self.bucket, uri::encode(self.name.as_bytes())), pairs.join("&"));
        let request = format!("GET\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
        let request = hexadecimal(digest::digest(&digest::SHA256, request.as_bytes()).as_ref());
        let to_sign = format!("GOOG4-RSA-SHA256\n{time}\n{scope}\n{request}");
        Ok((format!("{}{path}?{query}", self.endpoint), to_sign))
    }
}

/// A time in the basic form of ISO 8601, `YYYYMMDDTHHMMSSZ`.
fn basic(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// The date of that many days after 1970-01-01, in the Gregorian calendar.
fn date(days: u64) -> (u64, u64, u64) {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut rest) = (1970, days);
    while rest >= 365 + u64::from(is_leap(year)) {
        rest -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "19700101T000000Z"),
            (951_868_799, "20000229T235959Z"),
            (951_868_800, "20000301T000000Z"),
            (1_549_011_600, "20190201T090000Z"),
            (4_107_542_399, "21000228T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            assert_eq!(basic(at(seconds)), expected);
        }
    }

    /// "Simple GET" of Google's conformance tests of version 4 signatures.
    #[test]
    fn what_is_signed_is_what_google_says() {
        let wish = Wish {
            endpoint: "https://storage.googleapis.com",
            bucket: "test-bucket",
            name: "test-object",
            pinned: Vec::new(),
            lifetime: Duration::from_secs(10),
            now: at(1_549_011_600),
        };
        let email = "test-iam-credentials@dummy-project-id.iam.gserviceaccount.com";
        let (address, to_sign) = wish.canonical(email).unwrap();
        assert_eq!(
            address,
            "https://storage.googleapis.com/test-bucket/test-object?X-Goog-Algorithm=GOOG4-RSA-SHA256\
             &X-Goog-Credential=test-iam-credentials%40dummy-project-id.iam.gserviceaccount.com%2F20190201%2Fauto\
             %2Fstorage%2Fgoog4_request&X-Goog-Date=20190201T090000Z&X-Goog-Expires=10&X-Goog-SignedHeaders=host"
        );
        assert_eq!(
            to_sign,
            "GOOG4-RSA-SHA256\n20190201T090000Z\n20190201/auto/storage/goog4_request\n\
             00e2fb794ea93d7adb703edaebdd509821fcc7d4f1a79ac5c8d2b394df109320"
        );
    }
}
