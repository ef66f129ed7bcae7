//! Whoever asks by gRPC is answered by gRPC: every refusal, panic and delay becomes a status.

use std::error::Error as _;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::http::{App, Cause, Problem, or_panic};

/// How long a call may take until its answer begins. An upload, which may be long, is held to a pace instead.
const PATIENCE: Duration = Duration::from_mins(1);

/// The one call without that limit.
const UPLOAD: &str = "/s3video.Videotransporter/VideoUpload";

/// The most bytes of a problem document.
const MOST_PROBLEM_BYTES: usize = 64 * 1024;

/// What tonic says of a message above the limit, by the wrong code.
const TOO_LARGE: &str = "Error, decoded message length too large";

/// Answers gRPC with gRPC, and counts its codes.
pub(crate) async fn speak(
    State(app): State<App>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    if !is_grpc(request.headers()) {
        return next.run(request).await;
    }
    let patience = if request.uri().path() == UPLOAD { Duration::MAX } else { PATIENCE };
    let answered = settled(next.run(request), patience).await;
    let route = matched.as_ref().map_or("none", MatchedPath::as_str);
    app.metrics.count_grpc(route, code_of(answered.headers()));
    answered
}

/// What comes of a call, as gRPC.
async fn settled(call: impl Future<Output = Response>, patience: Duration) -> Response {
    match timeout(patience, or_panic(call)).await {
        Ok(Ok(response)) if is_grpc(response.headers()) => corrected(response),
        Ok(Ok(response)) => translated(response).await,
        Ok(Err(problem)) => translated(problem.into_response()).await,
        Err(_) => Status::deadline_exceeded("the call was not over in a minute").into_http(),
    }
}

/// Refuses what asks for a gRPC method by other means.
pub(crate) async fn only_grpc(request: Request, next: Next) -> Result<Response, Problem> {
    if request.version() != Version::HTTP_2 {
        let detail = "this is a gRPC method; call it over HTTP/2";
        return Err(Problem::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "wrong-protocol", detail));
    }
    if !is_grpc(request.headers()) {
        let detail = "this is a gRPC method; its requests are `Content-Type: application/grpc`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong-content-type", detail));
    }
    Ok(next.run(request).await)
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let essence = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    essence
        .strip_prefix("application/grpc")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

/// The answer with its cause for the observer, and with the code that gRPC has for a message that is too large.
fn corrected(mut response: Response) -> Response {
    let Some(status) = response.extensions().get::<Status>().cloned() else { return response };
    if status.code() == Code::OutOfRange && status.message().starts_with(TOO_LARGE) {
        return Status::resource_exhausted("the message is larger than is taken here").into_http();
    }
    if let Some(cause) = status.source() {
        response.extensions_mut().insert(Cause(cause.to_string()));
    }
    response
}

/// An HTTP refusal as a status: by the table of the gRPC documents, where they have a row.
async fn translated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let code = match parts.status {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Code::Unimplemented,
        StatusCode::MISDIRECTED_REQUEST | StatusCode::HTTP_VERSION_NOT_SUPPORTED => Code::FailedPrecondition,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        status if status.is_server_error() => Code::Internal,
        _ => Code::Unknown,
    };
    let body = to_bytes(body, MOST_PROBLEM_BYTES).await.unwrap_or_default();
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or("the call was refused");
    let mut answer: Response = Status::new(code, detail).into_http();
    if let Some(cause) = parts.extensions.remove::<Cause>() {
        answer.extensions_mut().insert(cause);
    }
    if let Some(wait) = parts.headers.remove(RETRY_AFTER) {
        answer.headers_mut().insert(RETRY_AFTER, wait);
    }
    answer
}

/// The code of an answer whose head has it; else it comes with the last bytes, and is 0 unless the connection breaks.
fn code_of(headers: &HeaderMap) -> i32 {
    headers.get(Status::GRPC_STATUS).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use reelmill_core::Kind;
    use reelmill_service::Error;

    use super::*;
    use crate::grpc::refusal;

    async fn told(call: impl Future<Output = Response>) -> (i32, String, Option<String>) {
        let response = settled(call, PATIENCE).await;
        assert!(is_grpc(response.headers()));
        let cause = response.extensions().get::<Cause>().map(|Cause(cause)| cause.clone());
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        (code_of(response.headers()), status.message().to_owned(), cause)
    }

    #[tokio::test]
    async fn a_panic_is_internal_and_told_to_the_log_alone() {
        let (code, message, cause) = told(async { panic!("the wheel broke") }).await;
        assert_eq!(code, Code::Internal as i32);
        assert!(!message.contains("wheel") && cause.unwrap().contains("the wheel broke"), "{message}");
    }

    #[tokio::test]
    async fn a_cause_goes_to_the_log_and_the_sentence_to_the_client() {
        let error =
            Error::new(Kind::Unavailable, "unavailable", "the store is away").because("refused by 10.0.0.7");
        let (code, message, cause) = told(async { refusal(error).into_http() }).await;
        assert_eq!((code, message.as_str()), (Code::Unavailable as i32, "the store is away"));
        assert_eq!(cause.as_deref(), Some("refused by 10.0.0.7"));
    }

    #[tokio::test]
    async fn what_http_refuses_grpc_hears_of() {
        for (status, code) in [
            (StatusCode::NOT_FOUND, Code::Unimplemented),
            (StatusCode::MISDIRECTED_REQUEST, Code::FailedPrecondition),
            (StatusCode::FORBIDDEN, Code::PermissionDenied),
            (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
        ] {
            let refused = async { Problem::new(status, "misdirected", "not so").into_response() };
            assert_eq!(told(refused).await, (code as i32, "not so".to_owned(), None));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_does_not_end_is_ended() {
        assert_eq!(told(pending()).await.0, Code::DeadlineExceeded as i32);
    }

    #[test]
    fn only_grpc_is_taken_for_it() {
        for (kind, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=x", true),
            ("application/grpc-web", false),
            ("application/json", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]);
            assert_eq!(is_grpc(&headers), expected, "{kind}");
        }
    }
}
