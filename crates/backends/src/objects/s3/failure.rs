//! What S3's refusals mean, and what somebody can do about them.

use std::time::Duration;

use reelmill_core::ports::ObjectsError;
use reqwest::{Response, StatusCode};

use super::answer::field;
use super::place::Place;
use crate::objects::remote::{Fault, Wire, header, text};

/// Refusals that another try may not meet: a store that is busy, a body that was damaged on its way, a race about a key that
/// nobody has won yet.
const PASSING: &[&str] = &[
    "SlowDown",
    "RequestTimeout",
    "InternalError",
    "ServiceUnavailable",
    "BadDigest",
    "XAmzContentSHA256Mismatch",
    "IncompleteBody",
    "ConditionalRequestConflict",
    "OperationAborted",
];

/// A refusal as it came.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: String,
    message: String,
    region: Option<String>,
    after: Duration,
}

impl Refusal {
    pub(super) async fn read(wire: &Wire, response: Response) -> Self {
        let status = response.status();
        let region = header(&response, "x-amz-bucket-region").map(str::to_owned);
        let after = header(&response, "retry-after").and_then(|seconds| seconds.parse().ok());
        let xml = text(wire, response).await.unwrap_or_default();
        Self { after: Duration::from_secs(after.unwrap_or_default()), ..Self::of(status, &xml, region) }
    }

    /// An answer of that status and text.
    pub(super) fn of(status: StatusCode, xml: &str, region: Option<String>) -> Self {
        Self {
            status,
            code: field(xml, "Code").unwrap_or_default(),
            message: field(xml, "Message").unwrap_or_default(),
            region: region.or_else(|| field(xml, "Region")),
            after: Duration::ZERO,
        }
    }

    /// Whether the keys were good once.
    pub(super) fn is_expiry(&self) -> bool {
        matches!(
            self.code.as_str(),
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired"
        )
    }

    /// Whether other keys may do better.
    pub(super) fn is_about_keys(&self) -> bool {
        self.is_expiry()
            || matches!(self.code.as_str(), "InvalidAccessKeyId" | "InvalidToken" | "SignatureDoesNotMatch")
    }

    pub(super) fn fault(&self, place: &Place) -> Fault {
        match (self.status.as_u16(), self.code.as_str()) {
            (_, "NoSuchBucket") => Fault::unusable(format!(
                "there is no bucket `{}`: create it, or correct the name, region or endpoint",
                place.bucket()
            )),
            (_, "NoSuchUpload") => Fault::UploadGone,
            (_, "QuotaExceeded" | "XMinioStorageFull" | "InsufficientStorage" | "StorageFull") | (507, _) => {
                Fault::Lasting(ObjectsError::Full(self.words()))
            }
            (408 | 429 | 500 | 502..=504, _) => self.passing(),
            (_, code) if PASSING.contains(&code) => self.passing(),
            (404, _) => Fault::Missing,
            (412, _) => Fault::Precondition,
            (416, _) => Fault::OutOfRange,
            (301 | 302 | 307 | 308, _)
            | (_, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
                self.elsewhere(place)
            }
            _ => Fault::unusable(self.advice(place)),
        }
    }

    fn passing(&self) -> Fault {
        Fault::Passing { said: self.words(), after: self.after }
    }

    fn elsewhere(&self, place: &Place) -> Fault {
        let bucket = place.bucket();
        Fault::unusable(match &self.region {
            Some(region) => format!("bucket `{bucket}` is in region {region}: say region={region}"),
            None => {
                format!("bucket `{bucket}` is in another region or behind another endpoint than was said")
            }
        })
    }

    fn advice(&self, place: &Place) -> String {
        let advice = match self.code.as_str() {
            "SignatureDoesNotMatch" => "the secret key does not belong to the access key: correct it",
            "InvalidAccessKeyId" => "the store does not know the access key: correct it",
            "InvalidToken" => "the session token does not belong to the keys: take new ones",
            "RequestTimeTooSkewed" => "this machine's clock is wrong: set it",
            _ if self.is_expiry() => "the keys have expired: take new ones",
            "AccessDenied" | "AllAccessDisabled" | "" if self.status == StatusCode::FORBIDDEN => {
                let bucket = place.bucket();
                return format!(
                    "the store denies access to bucket `{bucket}`: allow these keys to list it, and to put, get and \
                     delete its objects and uploads ({})",
                    self.words()
                );
            }
            _ => return self.words(),
        };
        format!("{advice} ({})", self.words())
    }

    fn words(&self) -> String {
        let said = if self.code.is_empty() { &self.message } else { &self.code };
        let said: String = said.chars().take(200).collect();
        format!("{} {said}", self.status.as_u16()).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::Platform;
    use super::*;
    use crate::objects::remote::Options;

    fn fault(status: u16, code: &str) -> Fault {
        let mut options = Options::parse("s3", "//films?endpoint=http://h").unwrap();
        let place = Place::from_options(&mut options, Platform::default()).unwrap();
        let xml = format!("<Error><Code>{code}</Code><Region>eu-west-3</Region></Error>");
        Refusal::of(StatusCode::from_u16(status).unwrap(), &xml, None).fault(&place)
    }

    #[test]
    fn what_passes_is_told_from_what_somebody_has_to_see_to() {
        for (status, code) in [
            (503, "SlowDown"),
            (500, ""),
            (502, ""),
            (429, ""),
            (400, "RequestTimeout"),
            (409, "OperationAborted"),
        ] {
            assert!(matches!(fault(status, code), Fault::Passing { .. }), "{status} {code}");
        }
        for (status, code) in
            [(403, "AccessDenied"), (400, "InvalidRequest"), (501, "NotImplemented"), (404, "NoSuchBucket")]
        {
            let fault = fault(status, code);
            assert!(matches!(fault, Fault::Lasting(ObjectsError::Unavailable(_))), "{status} {code}");
        }
        assert!(matches!(fault(507, ""), Fault::Lasting(ObjectsError::Full(_))));
        assert!(matches!(fault(403, "QuotaExceeded"), Fault::Lasting(ObjectsError::Full(_))));
        assert!(matches!(fault(404, "NoSuchKey"), Fault::Missing));
        assert!(matches!(fault(404, "NoSuchUpload"), Fault::UploadGone));
    }

    #[test]
    fn a_sentence_says_what_to_do() {
        for (status, code, sentence) in [
            (404, "NoSuchBucket", "there is no bucket `films`: create it"),
            (403, "SignatureDoesNotMatch", "the secret key does not belong to the access key"),
            (403, "RequestTimeTooSkewed", "this machine's clock is wrong"),
            (301, "PermanentRedirect", "say region=eu-west-3"),
            (403, "AccessDenied", "denies access to bucket `films`: allow these keys"),
        ] {
            let Fault::Lasting(error) = fault(status, code) else { panic!("{code}") };
            assert!(error.to_string().contains(sentence), "{error}");
        }
    }
}
