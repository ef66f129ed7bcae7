//! What Cloud Storage says, and what somebody can do about it.

use std::time::Duration;

use reelmill_core::ports::ObjectsError;
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use super::place::Place;
use crate::objects::remote::{Fault, Wire, header, text};

/// Who wrote an object: a random name for each writer, in the object's own metadata.
pub(super) const WRITER: &str = "reelmill-writer";

/// What is known about an object.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Described {
    pub(super) name: String,
    size: String,
    pub(super) crc32c: String,
    pub(super) generation: String,
    metadata: Marks,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
struct Marks {
    #[serde(rename = "reelmill-writer")]
    writer: String,
}

/// An object that is there.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) size_bytes: u64,
    pub(super) crc32c: String,
    pub(super) generation: String,
    pub(super) writer: String,
}

/// A part of the list of objects.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Listed {
    pub(super) items: Vec<Described>,
    pub(super) next_page_token: Option<String>,
}

impl Described {
    pub(super) fn found(self) -> Result<Found, Fault> {
        let size_bytes = self.size.parse().map_err(|_| unread())?;
        let Self { crc32c, generation, metadata, .. } = self;
        Ok(Found { size_bytes, crc32c, generation, writer: metadata.writer })
    }
}

/// An answer that is JSON.
pub(super) fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|_| unread())
}

fn unread() -> Fault {
    Fault::unusable("the answer is not what Cloud Storage says")
}

/// A refusal as it came.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    reason: String,
    after: Duration,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Envelope {
    error: Body,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    message: String,
    errors: Vec<Cause>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
}

impl Refusal {
    pub(super) async fn read(wire: &Wire, response: Response) -> Self {
        let status = response.status();
        let after = header(&response, "retry-after").and_then(|seconds| seconds.parse().ok());
        let text = text(wire, response).await.unwrap_or_default();
        Self { after: Duration::from_secs(after.unwrap_or_default()), ..Self::of(status, &text) }
    }

    /// An answer of that status and text, which is JSON or just words.
    pub(super) fn of(status: StatusCode, text: &str) -> Self {
        let body = serde_json::from_str::<Envelope>(text).map(|envelope| envelope.error);
        let body = body.unwrap_or_else(|_| Body { message: text.to_owned(), errors: Vec::new() });
        let reason = body.errors.into_iter().next().map(|cause| cause.reason).unwrap_or_default();
        Self { status, message: body.message, reason, after: Duration::ZERO }
    }

    pub(super) fn fault(&self, place: &Place) -> Fault {
        let bucket = place.bucket();
        match (self.status.as_u16(), self.reason.as_str()) {
            (507, _) | (_, "quotaExceeded" | "storageQuotaExceeded" | "insufficientStorage") => {
                Fault::Lasting(ObjectsError::Full(self.words()))
            }
            (408 | 429 | 500 | 502..=504, _)
            | (_, "rateLimitExceeded" | "userRateLimitExceeded" | "backendError") => {
                Fault::Passing { said: self.words(), after: self.after }
            }
            (404, _) if self.message.to_ascii_lowercase().contains("bucket does not exist") => {
                Fault::unusable(format!(
                    "there is no bucket `{bucket}`: create it, or correct the name or the endpoint"
                ))
            }
            (404, _) => Fault::Missing,
            (410, _) => Fault::UploadGone,
            (412, _) => Fault::Precondition,
            (416, _) => Fault::OutOfRange,
            (401, _) => Fault::unusable(format!(
                "the store does not take the credentials: set GOOGLE_APPLICATION_CREDENTIALS, or give this machine \
                 an account ({})",
                self.words()
            )),
            (403, _) => Fault::unusable(format!(
                "the store denies access to bucket `{bucket}`: give the account the role Storage Object User ({})",
                self.words()
            )),
            _ => Fault::unusable(self.words()),
        }
    }

    fn words(&self) -> String {
        let said: String = self.message.chars().filter(|c| !c.is_control()).take(200).collect();
        format!("{} {said}", self.status.as_u16()).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::remote::Options;

    fn fault(status: u16, reason: &str, message: &str) -> Fault {
        let place = Place::from_options(&mut Options::parse("gs", "//films").unwrap(), None).unwrap();
        let json = format!(r#"{{"error":{{"message":"{message}","errors":[{{"reason":"{reason}"}}]}}}}"#);
        Refusal::of(StatusCode::from_u16(status).unwrap(), &json).fault(&place)
    }

    #[test]
    fn what_passes_is_told_from_what_somebody_has_to_see_to() {
        for (status, reason) in
            [(503, ""), (429, "rateLimitExceeded"), (403, "userRateLimitExceeded"), (408, "")]
        {
            assert!(matches!(fault(status, reason, ""), Fault::Passing { .. }), "{status} {reason}");
        }
        assert!(matches!(fault(403, "quotaExceeded", ""), Fault::Lasting(ObjectsError::Full(_))));
        assert!(matches!(fault(404, "notFound", "No such object: films/a"), Fault::Missing));
        for (status, message, sentence) in [
            (404, "The specified bucket does not exist.", "there is no bucket `films`: create it"),
            (403, "x", "denies access to bucket `films`: give the account the role"),
            (401, "x", "does not take the credentials: set GOOGLE_APPLICATION_CREDENTIALS"),
        ] {
            let Fault::Lasting(error) = fault(status, "", message) else { panic!("{status}") };
            assert!(error.to_string().contains(sentence), "{error}");
        }
    }

    #[test]
    fn an_object_is_described_by_its_json() {
        let text = r#"{"name":"a","size":"7","crc32c":"x","generation":"5","metadata":{"reelmill-writer":"w","b":"c"}}"#;
        let found = json::<Described>(text).and_then(Described::found).unwrap();
        assert_eq!(
            (found.size_bytes, &*found.crc32c, &*found.generation, &*found.writer),
            (7, "x", "5", "w")
        );
        assert!(json::<Described>("{}").and_then(Described::found).is_err());
        assert!(json::<Described>("<html>").is_err());
    }
}
