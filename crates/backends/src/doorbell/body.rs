//! What a message says, in JSON: one shape for every broker, read by ourselves and by the programs of the contracts.
//!
//! It holds each contract's fields and the job's id beside them. The id wins where it is there; without one, the fields
//! are somebody else's wish in names that the catalog must know. Whatever else a body holds is ignored, and what
//! cannot be understood is told apart by its reason, which people read beside the dead letter.

use reelmill_core::Key;
use reelmill_core::ports::{Channel, Foreign, Message, Ring};
use serde_json::{Map, Value, json};
use thiserror::Error;

/// The longest body that is read. Ours have less than 4 KiB.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// The longest name in a body, in bytes: a key has 768, the longest e-mail address 320.
const MAX_NAME_BYTES: usize = 1024;
/// The longest file extension in a body, in bytes.
const MAX_EXTENSION_BYTES: usize = 16;

/// Why a message cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Unreadable {
    #[error("a body of {0} bytes is too long, {MAX_BODY_BYTES} are read")]
    TooLong(usize),
    #[error("not JSON: {0}")]
    NotJson(String),
    #[error("not a JSON object")]
    NotAnObject,
    #[error("`{0}` is not what it should be")]
    BadField(&'static str),
    #[error("names no job (`job_id`), and neither {wanted}")]
    NamesNothing { wanted: &'static str },
}

/// The body of a ring.
pub(super) fn write(ring: &Ring) -> Vec<u8> {
    let about = ring.about.clone().unwrap_or_default();
    let body = json!({
        "job_id": ring.job.to_string(),
        "username": about.username,
        "video_fid": about.media_fid,
        "mp3_fid": about.output_fid,
        "task_id": about.task,
        "in_route": about.media_key.as_ref().map(Key::as_str),
        "out_route": about.output_key.as_ref().map(Key::as_str),
        "in_ext": about.from_extension,
        "out_ext": about.to_extension,
    });
    body.to_string().into_bytes()
}

/// What a body on this channel says.
pub(super) fn read(channel: Channel, body: &[u8]) -> Result<Message, Unreadable> {
    if body.len() > MAX_BODY_BYTES {
        return Err(Unreadable::TooLong(body.len()));
    }
    let value = serde_json::from_slice(body).map_err(|error| Unreadable::NotJson(error.to_string()))?;
    let Value::Object(fields) = value else { return Err(Unreadable::NotAnObject) };
    if let Some(job) = name(&fields, "job_id")? {
        return job.parse().map(Message::Job).map_err(|_| Unreadable::BadField("job_id"));
    }
    let foreign = match channel {
        Channel::Work => upload(&fields)?.or(task(&fields)?),
        Channel::Results => result(&fields)?,
    };
    let wanted = match channel {
        Channel::Work => "an upload (`video_fid`, `username`) nor a task (`task_id`, `in_route`, `out_ext`)",
        Channel::Results => "a result (`mp3_fid`) nor whose it is (`username`)",
    };
    foreign.map(Message::Foreign).ok_or(Unreadable::NamesNothing { wanted })
}

fn upload(fields: &Map<String, Value>) -> Result<Option<Foreign>, Unreadable> {
    let (media_fid, username) = (name(fields, "video_fid")?, name(fields, "username")?);
    Ok(media_fid.zip(username).map(|(media_fid, username)| Foreign::Upload { media_fid, username }))
}

fn result(fields: &Map<String, Value>) -> Result<Option<Foreign>, Unreadable> {
    let (output_fid, username) = (name(fields, "mp3_fid")?, name(fields, "username")?);
    Ok(output_fid.zip(username).map(|(output_fid, username)| Foreign::Result { output_fid, username }))
}

fn task(fields: &Map<String, Value>) -> Result<Option<Foreign>, Unreadable> {
    let number = match fields.get("task_id") {
        None | Some(Value::Null) => None,
        // Some clients put every value into a string.
        Some(Value::String(digits)) => Some(digits.parse().map_err(|_| Unreadable::BadField("task_id"))?),
        Some(number) => Some(number.as_i64().ok_or(Unreadable::BadField("task_id"))?),
    };
    let (original, extension) = (name(fields, "in_route")?, name(fields, "out_ext")?);
    let (Some(number), Some(original), Some(extension)) = (number, original, extension) else {
        return Ok(None);
    };
    let to_extension = extension.strip_prefix('.').unwrap_or(&extension).to_owned();
    if to_extension.is_empty() || to_extension.len() > MAX_EXTENSION_BYTES {
        return Err(Unreadable::BadField("out_ext"));
    }
    Ok(Some(Foreign::Task { number, original, to_extension }))
}

/// A field that names something; an empty one names nothing, like one that is absent.
fn name(fields: &Map<String, Value>, field: &'static str) -> Result<Option<String>, Unreadable> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= MAX_NAME_BYTES && !text.contains(char::is_control) => {
            Ok((!text.is_empty()).then(|| text.clone()))
        }
        Some(_) => Err(Unreadable::BadField(field)),
    }
}

impl Unreadable {
    /// What people read beside the dead letter.
    pub(super) fn reason(&self) -> String {
        format!("cannot be understood: {self}")
    }
}

/// A reason as it fits beside a dead letter: within a broker's limit for an attribute, on one line.
pub(super) fn shortened(reason: &str) -> String {
    let mut line: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.truncate(line.floor_char_boundary(1000));
    line
}

#[cfg(test)]
mod tests;
