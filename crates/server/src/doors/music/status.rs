//! What became of an operation, in the contract's three states.
//!
//! A job has six states and may be gone; whatever is no result and has not ended badly is `iniciando` here.

use reelmill_core::{Job, State};
use reelmill_service::OperationView;
use serde::Serialize;
use utoipa::ToSchema;

use super::words;

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = OperationStatusAnswer, example = json!({"status": {
    "id": "0193a1b2-0000-7000-8000-000000000005", "song_id": "dQw4w9WgXcQ", "status": "success", "message": "Procesamiento exitoso",
    "data": "Archivo guardado en S3: s3://bucket/audio/song-0193a1b2-0000-7000-8000-000000000004.dca",
    "processing_date": "2026-01-31T09:00:01Z", "success": true, "attempts": 1, "failures": 0
}}))]
pub(super) struct StatusAnswer {
    /// The operation that failed; only there where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<String>,
    /// Why it failed; only there where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    error: Option<&'static str>,
    /// The operation.
    status: OperationBody,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = OperationStatus)]
struct OperationBody {
    /// The operation's id.
    id: String,
    /// The song's id.
    song_id: String,
    /// `iniciando`, `success` or `failed`.
    #[schema(value_type = String, pattern = "^(iniciando|success|failed)$")]
    status: &'static str,
    /// What happened, in a sentence; empty while it goes on.
    #[schema(value_type = String)]
    message: &'static str,
    /// Where the file is, or how often it failed; empty while it goes on.
    data: String,
    /// When it ended, RFC 3339; empty while it goes on.
    processing_date: String,
    /// Whether the file is there.
    success: bool,
    /// How often it was tried; 0 while it goes on.
    attempts: u32,
    /// How often that failed.
    failures: u32,
}

/// How a song's making stands, without whose it is.
pub(super) struct Progress {
    /// `iniciando`, `success` or `failed`.
    pub(super) status: &'static str,
    /// What happened, in a sentence.
    pub(super) message: &'static str,
    /// When it ended, RFC 3339.
    pub(super) processing_date: Option<String>,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// How often that failed.
    pub(super) failures: u32,
    /// Why it failed.
    pub(super) error: Option<&'static str>,
}

impl Progress {
    /// Of the job that makes the song, and whether its result is there.
    pub(super) fn of(job: Option<&Job>, is_there: bool) -> Self {
        let Some(job) = job else { return Self::failed(0, 0, words::DELETED, None) };
        let ended = job.finished_at().map(|at| at.to_string());
        let (attempts, state) = (job.attempt, &job.state);
        match state {
            State::Queued { .. } | State::Running { .. } | State::Cancelling { .. } => Self {
                status: "iniciando",
                message: "",
                processing_date: None,
                attempts: 0,
                failures: 0,
                error: None,
            },
            State::Done { .. } if is_there => Self {
                status: "success",
                message: words::SUCCESS,
                processing_date: ended,
                attempts,
                failures: attempts.saturating_sub(1),
                error: None,
            },
            State::Done { .. } => Self::failed(attempts, attempts.saturating_sub(1), words::DELETED, ended),
            State::Failed { failure, .. } => {
                Self::failed(attempts, attempts, words::of_failure(failure), ended)
            }
            State::Cancelled { .. } => Self::failed(attempts, attempts, words::CANCELLED, ended),
        }
    }

    fn failed(attempts: u32, failures: u32, error: &'static str, ended: Option<String>) -> Self {
        Self {
            status: "failed",
            message: words::FAILED,
            processing_date: ended,
            attempts,
            failures,
            error: Some(error),
        }
    }

    /// Whether the song is there.
    pub(super) fn is_success(&self) -> bool {
        self.status == "success"
    }
}

impl From<OperationView> for StatusAnswer {
    fn from(view: OperationView) -> Self {
        let progress = Progress::of(view.job.as_ref(), view.uri.is_some());
        let (success, error) = (progress.is_success(), progress.error);
        let data = match (view.uri, error) {
            (Some(uri), None) => format!("Archivo guardado en S3: {uri}"),
            (_, Some(_)) => format!("Fallos: {}", progress.failures),
            (None, None) => String::new(),
        };
        let id = view.operation.id.to_string();
        // An operation whose job is gone ended at a moment that nobody knows any more.
        let unknown = error.map(|_| view.operation.created_at.to_string());
        Self {
            operation_id: error.map(|_| id.clone()),
            error,
            status: OperationBody {
                id,
                song_id: view.operation.song,
                status: progress.status,
                message: progress.message,
                data,
                processing_date: progress.processing_date.or(unknown).unwrap_or_default(),
                success,
                attempts: progress.attempts,
                failures: progress.failures,
            },
        }
    }
}
