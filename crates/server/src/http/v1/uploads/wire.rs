//! The headers of tus 1.0, both ways.

use std::time::{Duration, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reelmill_service::{Checksum, Error, MAX_METADATA_BYTES, Portion, UploadView};

use crate::http::json::declared_bytes;
use crate::http::upload::{arriving, content_type};
use crate::http::{App, Problem};

/// The version that is spoken.
pub(super) const VERSION: &str = "1.0.0";
/// The type of an upload's bytes.
const PORTION: &str = "application/offset+octet-stream";
const EXTENSIONS: &str = "creation,creation-with-upload,termination,expiration,checksum";

pub(super) const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const TUS_CHECKSUM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const MEDIA_ID: HeaderName = HeaderName::from_static("reelmill-media-id");

pub(super) fn is_spoken(headers: &HeaderMap) -> bool {
    text(headers, "tus-resumable") == Some(VERSION)
}

pub(super) fn another_version() -> Problem {
    let detail = format!("send the header Tus-Resumable: {VERSION}; it is the version that is spoken here");
    Problem::new(StatusCode::PRECONDITION_FAILED, "tus-version", detail)
        .with(TUS_VERSION, HeaderValue::from_static(VERSION))
}

/// What OPTIONS tells.
pub(super) fn abilities(max_bytes: u64) -> HeaderMap {
    HeaderMap::from_iter([
        (TUS_VERSION, HeaderValue::from_static(VERSION)),
        (TUS_EXTENSION, HeaderValue::from_static(EXTENSIONS)),
        (TUS_MAX_SIZE, HeaderValue::from(max_bytes)),
        (TUS_CHECKSUM, HeaderValue::from_static(Checksum::NAMES)),
    ])
}

/// The size of an upload that is begun.
pub(super) fn length(headers: &HeaderMap) -> Result<u64, Problem> {
    if headers.contains_key("upload-defer-length") {
        let detail = "Upload-Defer-Length is not taken here; send the file's size as Upload-Length";
        return Err(Problem::invalid(detail));
    }
    count(headers, "upload-length", "the file's size in bytes")
}

/// Where the bytes of a request belong.
pub(super) fn offset(headers: &HeaderMap) -> Result<u64, Problem> {
    count(headers, "upload-offset", "where the bytes begin")
}

fn count(headers: &HeaderMap, name: &str, what: &str) -> Result<u64, Problem> {
    let given = text(headers, name).filter(|given| given.bytes().all(|byte| byte.is_ascii_digit()));
    given.and_then(|given| given.parse().ok()).ok_or_else(|| {
        Problem::invalid(format!("the header {name} must be {what}, as digits and nothing else"))
    })
}

/// What a sender says of a file, as it is sent, and the file's name in it.
pub(super) fn metadata(headers: &HeaderMap) -> Result<(String, String), Problem> {
    let wrong = |why: &str| {
        Problem::invalid(format!("the header Upload-Metadata {why}; it is `key base64, key base64, …`"))
    };
    let Some(given) = headers.get(UPLOAD_METADATA) else { return Ok(Default::default()) };
    let given = given.to_str().map_err(|_| wrong("is not ASCII"))?;
    if given.len() > MAX_METADATA_BYTES {
        return Err(wrong(&format!("has more than {MAX_METADATA_BYTES} bytes")));
    }
    let mut pairs: Vec<(&str, Vec<u8>)> = Vec::new();
    for pair in given.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = BASE64.decode(value.trim()).map_err(|_| wrong(&format!("has no base64 for `{key}`")))?;
        if pairs.iter().any(|(other, _)| *other == key) {
            return Err(wrong(&format!("has `{key}` twice")));
        }
        pairs.push((key, value));
    }
    let value_of = |wanted: &str| pairs.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value);
    let name = value_of("filename").or_else(|| value_of("name"));
    let name = name.map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default();
    Ok((given.to_owned(), name))
}

/// Whether a request has bytes of an upload.
pub(super) fn is_portion(headers: &HeaderMap) -> bool {
    content_type(headers).eq_ignore_ascii_case(PORTION)
}

pub(super) fn no_portion() -> Problem {
    let detail = format!("an upload's bytes are sent as Content-Type: {PORTION}");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong-content-type", detail)
}

/// The bytes of a request.
pub(super) fn portion(
    app: &App,
    offset_bytes: u64,
    request: Request,
) -> Result<Portion<BoxStream<'static, Result<Bytes, Error>>>, Problem> {
    let checksum = checksum(request.headers())?;
    let declared_bytes = declared_bytes(request.headers());
    let bytes = arriving(app, request.into_body()).boxed();
    Ok(Portion { offset_bytes, declared_bytes, checksum, bytes })
}

fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, Problem> {
    let Some(given) = headers.get("upload-checksum") else { return Ok(None) };
    let known = || {
        let (algorithm, hash) = given.to_str().ok()?.split_once(' ')?;
        Checksum::of(algorithm, BASE64.decode(hash.trim()).ok()?)
    };
    let detail = || {
        let names = Checksum::NAMES.replace(',', " or ");
        Problem::invalid(format!(
            "the header Upload-Checksum must be {names}, a space and the hash in base64"
        ))
    };
    known().map(Some).ok_or_else(detail)
}

/// The method that a POST stands for.
pub(super) fn meant(headers: &HeaderMap) -> Option<&str> {
    text(headers, "x-http-method-override")
}

/// How far an upload is.
pub(super) fn progress(view: &UploadView) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::from_iter([
        (UPLOAD_OFFSET, HeaderValue::from(view.offset_bytes)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]);
    let value =
        |text: &str| HeaderValue::from_str(text).map_err(|error| Problem::internal(error.to_string()));
    if let Some(media) = view.media {
        headers.insert(MEDIA_ID, value(&media.to_string())?);
    } else {
        let ms = u64::try_from(view.expires_at.as_ms()).unwrap_or(0);
        // What a date of HTTP can tell ends with the year 9999.
        let seconds = (ms / 1000).min(253_402_300_799);
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
        headers.insert(UPLOAD_EXPIRES, value(&date)?);
    }
    Ok(headers)
}

/// All that is known of an upload.
pub(super) fn whole(view: &UploadView) -> Result<HeaderMap, Problem> {
    let mut headers = progress(view)?;
    headers.insert(UPLOAD_LENGTH, HeaderValue::from(view.size_bytes));
    if let Ok(metadata) = HeaderValue::from_str(&view.metadata)
        && !metadata.is_empty()
    {
        headers.insert(UPLOAD_METADATA, metadata);
    }
    Ok(headers)
}

/// An error with the status that tus gives it.
pub(super) fn problem(error: Error) -> Problem {
    let code = match error.problem {
        "upload-expired" => Some(410),
        "upload-locked" => Some(423),
        "checksum-mismatch" => Some(460),
        _ => None,
    };
    let problem = Problem::from(error);
    match code.and_then(|code| StatusCode::from_u16(code).ok()) {
        Some(status) => Problem { status, ..problem },
        None => problem,
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_file_is_named_by_its_metadata() {
        let of = |text: &str| metadata(&said("upload-metadata", text)).map(|(_, name)| name).ok();
        assert_eq!(of("filename YSDDsS53YXY=,private"), Some("a ñ.wav".to_owned()));
        assert_eq!(of("name Yi53YXY=, type YXVkaW8vd2F2"), Some("b.wav".to_owned()));
        assert_eq!(of("filename YS53YXY=,name Yi53YXY="), Some("a.wav".to_owned()));
        assert_eq!(of(""), Some(String::new()));
        for wrong in ["filename %%%", "a YQ==,a YQ==", &"x".repeat(5000)] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_count_is_digits_and_nothing_else() {
        assert_eq!(offset(&said("upload-offset", "007")).ok(), Some(7));
        for wrong in ["", "-1", "+1", "1 ", "1.0", "99999999999999999999", "0x1"] {
            assert!(offset(&said("upload-offset", wrong)).is_err(), "{wrong}");
        }
        assert!(length(&HeaderMap::new()).is_err());
    }

    #[test]
    fn a_checksum_that_is_none_of_ours_is_refused() {
        let of = |text: &str| checksum(&said("upload-checksum", text));
        assert!(of("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=").is_ok_and(|checksum| checksum.is_some()));
        for wrong in
            ["md5 kAFQmDzST7DWlj99KOF/cg==", "sha1", "sha1 %%", "sha256 qZk+NkcGgWq6PiVxeFDCbJzQ2J0="]
        {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert!(checksum(&HeaderMap::new()).is_ok_and(|checksum| checksum.is_none()));
    }
}
