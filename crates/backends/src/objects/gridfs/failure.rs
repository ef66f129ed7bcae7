//! From the driver's errors to the port's, in a sentence; and the end of every wait.

use std::future::{Future, IntoFuture};
use std::time::Duration;

use mongodb::error::{Error, ErrorKind, WriteFailure};
use reelmill_core::ports::ObjectsError;

/// How long one call may take, the choice of a server and a connection to it included. The driver itself has no limit
/// for a server that took a command and falls silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// The server's number for a document whose unique key is taken.
const DUPLICATE_KEY: i32 = 11_000;

/// The server's number for a disk that is full.
const OUT_OF_DISK_SPACE: i32 = 14_031;

/// Waits for a call, with [`PATIENCE`]. What came of a call that took too long is not known.
pub(super) async fn within<T, F>(doing: &'static str, call: F) -> Result<T, ObjectsError>
where
    F: IntoFuture<Output = Result<T, Error>>,
{
    answered(doing, call.into_future()).await?.map_err(|error| unusable(doing, &error))
}

/// [`within`], with the server's own verdict.
pub(super) async fn answered<T>(
    doing: &'static str,
    call: impl Future<Output = T>,
) -> Result<T, ObjectsError> {
    let late = |_| ObjectsError::Unavailable(format!("{doing}: no answer within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, call).await.map_err(late)
}

/// The error of something that the store did.
pub(super) fn unusable(doing: &str, error: &Error) -> ObjectsError {
    let (code, reason) = reason(error);
    let said = format!("{doing}: {reason}");
    let is_full = code == Some(OUT_OF_DISK_SPACE)
        || ["space quota", "No space left"].iter().any(|words| reason.contains(words));
    if is_full { ObjectsError::Full(said) } else { ObjectsError::Unavailable(said) }
}

/// Whether a document with that unique key is there already.
pub(super) fn is_duplicate(error: &Error) -> bool {
    reason(error).0 == Some(DUPLICATE_KEY)
}

/// The server's number for what went wrong, where it was the server that said so.
pub(super) fn code(error: &Error) -> Option<i32> {
    reason(error).0
}

fn reason(error: &Error) -> (Option<i32>, String) {
    match &*error.kind {
        ErrorKind::Command(said) => (Some(said.code), said.message.clone()),
        ErrorKind::Write(WriteFailure::WriteError(said)) => (Some(said.code), said.message.clone()),
        ErrorKind::Write(WriteFailure::WriteConcernError(said)) => (Some(said.code), said.message.clone()),
        ErrorKind::InsertMany(said) => {
            let first = said.write_errors.as_ref().and_then(|errors| errors.first());
            let (code, words) = first.map_or_else(
                || said.write_concern_error.as_ref().map(|error| (error.code, &error.message)).unzip(),
                |error| (Some(error.code), Some(&error.message)),
            );
            (code, words.cloned().unwrap_or_else(|| "it was refused".to_owned()))
        }
        ErrorKind::ServerSelection { message, .. } => (None, unanswered(message)),
        ErrorKind::Authentication { .. } => (None, "the server refuses the user or the password".to_owned()),
        ErrorKind::Io(error) => (None, error.to_string()),
        _ => (None, error.kind.to_string().chars().take(200).collect()),
    }
}

/// No server was found. The driver tells all that it knows of every one, which is more than a sentence: the first error will do.
fn unanswered(message: &str) -> String {
    let first = message.split("Error: Kind: ").nth(1).and_then(|rest| rest.split(", labels").next());
    let first: String =
        first.map(|error| format!(" ({error})")).unwrap_or_default().chars().take(160).collect();
    format!("no primary server of MongoDB answers{first}")
}
