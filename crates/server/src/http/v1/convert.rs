//! A small file converted while its sender waits: body in, result out.
//!
//! It is a job like any other, at the head of the queue. What it leaves is deleted when its answer is gone, when it
//! fails, and when the client goes away, all by dropping one guard.

use axum::extract::{Request, State};
use axum::response::Response;
use reelmill_core::{
    Door, Format, JobId, Kind, Lufs, MediaId, Output, Priority, Profile, Settings, State as JobState,
};
use reelmill_service::{Caller, Error, JobView, JobWish, Service};
use serde::Deserialize;
use tracing::warn;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::openapi::AnyProblem;
use crate::http::problem::of_failure;
use crate::http::{App, Incoming, Problem, Query, SignedIn, content, upload};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(convert))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct Wish {
    /// The format of the result, as `mp3`. Either this or `profile`, or both where they agree.
    to: Option<String>,
    /// The profile of the result.
    profile: Option<String>,
    /// The file's name, from which the result's is made.
    name: Option<String>,
    /// Constant bit rate, as `128k`.
    bitrate: Option<String>,
    /// Variable bit rate by quality, 0 (best) to 9.
    quality: Option<u8>,
    /// The encoder's effort, 0 (most) to 9.
    effort: Option<u8>,
    /// Frames a second.
    sample_rate_hz: Option<u32>,
    /// Channels.
    channels: Option<u8>,
    /// Bits a sample: 16 or 24.
    bits_per_sample: Option<u8>,
    /// How loud the whole of it is made, in LUFS, as -16.
    #[param(value_type = Option<f64>)]
    loudness_lufs: Option<Lufs>,
    /// Where to start, in milliseconds.
    start_ms: Option<u64>,
    /// Where to end, in milliseconds.
    end_ms: Option<u64>,
}

/// Convert a small file at once.
///
/// The answer is the result. Nothing is kept, and the job ends when the client goes away. Larger files, up to the
/// setting `max_upload_bytes`, go by `POST /v1/media` and `POST /v1/jobs`.
#[utoipa::path(
    post, path = "/v1/convert", tag = "conversion", params(Wish),
    request_body(content(
        (Vec<u8> = "application/octet-stream"),
        (Vec<u8> = "multipart/form-data")
    )),
    responses(
        (status = 200, description = "The result.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 413, description = "Larger than the setting `convert_limit`."),
        (status = 415, description = "Not media."),
        (status = 422, description = "The media cannot become that."),
        AnyProblem
    )
)]
async fn convert(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(wish): Query<Wish>,
    request: Request,
) -> Result<Response, Problem> {
    let (wish, name) = wish.resolve()?;
    let (passing, job) = take_in(&app, &caller, wish, name, request).await?;
    let view = app.service.wait(&caller, job, app.settings.convert_wait).await?;
    let output = result(&app, view)?;
    content::whole(app.service.content_of(output), passing).await
}

async fn take_in(
    app: &App,
    caller: &Caller,
    wish: JobWish,
    name: Option<String>,
    request: Request,
) -> Result<(Passing, JobId), Problem> {
    let most = app.settings.convert_limit_bytes;
    let too_large = move || {
        let detail = format!(
            "the file is larger than the {most} bytes that are converted at once (setting convert_limit); \
             send it to POST /v1/media and use POST /v1/jobs"
        );
        Error::new(Kind::TooLarge, "too-large", detail)
    };
    let upload = upload::any(app, request, name).await?;
    if upload.declared_bytes.is_some_and(|declared| declared > most) {
        return Err(too_large().into());
    }
    let upload = upload::limited(upload, most, too_large);
    let landing = Passing::land(app.service.clone(), caller.clone(), upload, wish);
    let (passing, job) =
        tokio::spawn(landing).await.map_err(|error| Problem::internal(error.to_string()))??;
    let job = job.ok_or_else(|| Problem::internal("an upload with a wish made no job"))?;
    Ok((passing, job))
}

/// The job's output, or why there is none.
fn result(app: &App, view: JobView) -> Result<Output, Problem> {
    match (view.job.state, view.output) {
        (JobState::Done { .. }, Some(output)) => Ok(output),
        (JobState::Failed { failure, .. }, _) => {
            let (status, name) = of_failure(failure.kind);
            Err(Problem::new(status, name, failure.message))
        }
        (JobState::Cancelled { .. } | JobState::Cancelling { .. } | JobState::Done { .. }, _) => {
            Err(Error::new(Kind::Conflict, "wrong-state", "somebody ended the conversion meanwhile").into())
        }
        (JobState::Queued { .. } | JobState::Running { .. }, _) => {
            let waited_s = app.settings.convert_wait.as_secs();
            let detail =
                format!("the conversion did not end in {waited_s} s; use POST /v1/media and POST /v1/jobs");
            Err(Error::new(Kind::Unavailable, "not-ready", detail).into())
        }
    }
}

/// A media that is deleted with its job and output when this is dropped.
struct Passing {
    service: Service,
    caller: Caller,
    media: MediaId,
}

impl Passing {
    /// Takes the file in. In a task of its own, so that a client that leaves at any moment leaves the guard to be
    /// dropped, never a media without one.
    async fn land(
        service: Service,
        caller: Caller,
        upload: Incoming,
        wish: JobWish,
    ) -> Result<(Self, Option<JobId>), Error> {
        let ingested = service.ingest(&caller, upload, Some(wish)).await?;
        let job = ingested.job.map(|job| job.id);
        Ok((Self { service, caller, media: ingested.media.id }, job))
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        let (service, caller, media) = (self.service.clone(), self.caller.clone(), self.media);
        tokio::spawn(async move {
            if let Err(error) = service.delete_media(&caller, media).await {
                warn!(media.id = %media, error = ?error, "what a conversion left could not be deleted");
            }
        });
    }
}

impl Wish {
    /// The job that is wished, and the file's name.
    fn resolve(self) -> Result<(JobWish, Option<String>), Problem> {
        let profile = match (&self.to, self.profile) {
            (None, None) => {
                return Err(Problem::invalid("say what the file becomes: ?to=mp3, or ?profile= with a name"));
            }
            (None, Some(profile)) => profile,
            (Some(to), profile) => agreed(to, profile)?,
        };
        let overrides = Settings {
            bitrate_kbps: self.bitrate.as_deref().map(kbps_of).transpose()?,
            average_bitrate_kbps: None,
            quality: self.quality,
            effort: self.effort,
            sample_rate_hz: self.sample_rate_hz,
            channels: self.channels,
            bits_per_sample: self.bits_per_sample,
            loudness_lufs: self.loudness_lufs,
            copy: None,
            start_ms: self.start_ms,
            end_ms: self.end_ms,
        };
        let priority = Priority::Interactive;
        let wish = JobWish { profile, overrides, priority, door: Door::V1, submission: None };
        Ok((wish, self.name))
    }
}

/// The profile for `to`, which is that format's own where none is named.
fn agreed(to: &str, profile: Option<String>) -> Result<String, Problem> {
    let format = Format::from_name(to).ok_or_else(|| {
        let names = Format::ALL.map(Format::name).join(", ");
        Problem::invalid(format!("to is `{to}`; it can be {names}"))
    })?;
    let Some(profile) = profile else { return Ok(format.name().to_owned()) };
    match Profile::named(&profile) {
        Some(known) if known.format != format => {
            let made = known.format.name();
            Err(Problem::invalid(format!(
                "profile `{profile}` makes {made}, not {to}; leave one of the two out"
            )))
        }
        _ => Ok(profile),
    }
}

fn kbps_of(text: &str) -> Result<u32, Problem> {
    let number = text.strip_suffix(['k', 'K']).unwrap_or(text);
    number
        .parse()
        .ok()
        .filter(|kbps| (1..=10_000).contains(kbps))
        .ok_or_else(|| Problem::invalid(format!("bitrate is `{text}`; it is in kbit/s, as 128k")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile_of(to: Option<&str>, profile: Option<&str>) -> Result<String, String> {
        let wish = Wish { to: to.map(str::to_owned), profile: profile.map(str::to_owned), ..Wish::default() };
        wish.resolve().map(|(wish, _)| wish.profile).map_err(|problem| problem.detail)
    }

    #[test]
    fn a_format_has_a_profile_of_its_own_and_agrees_with_one_that_is_named() {
        assert_eq!(profile_of(Some("MP3"), None).unwrap(), "mp3");
        assert_eq!(profile_of(None, Some("opus-voice")).unwrap(), "opus-voice");
        assert_eq!(profile_of(Some("mp3"), Some("mp3-high")).unwrap(), "mp3-high");
        assert!(profile_of(Some("mp3"), Some("flac")).unwrap_err().contains("makes flac"));
        assert!(profile_of(Some("avi"), None).unwrap_err().contains("mp3, ogg, opus"));
        assert!(profile_of(None, None).unwrap_err().contains("?to=mp3"));
    }

    #[test]
    fn a_bit_rate_is_in_kilobits() {
        assert_eq!(kbps_of("128k").unwrap(), 128);
        assert_eq!(kbps_of("96").unwrap(), 96);
        for bad in ["", "k", "0", "-1", "128000", "fast"] {
            assert!(kbps_of(bad).is_err(), "{bad}");
        }
    }
}
