//! The one mapping of a kind of error to a gRPC code.
//!
//! The sentence goes to the client, the cause stays with the status in this process, for the log.

use std::sync::Arc;

use reelmill_core::Kind;
use reelmill_service::Error;
use tonic::{Code, Status};

/// An error as a status.
pub(crate) fn refusal(error: Error) -> Status {
    let mut status = Status::new(code_of(error.kind), &error.detail);
    if error.cause.is_some() {
        status.set_source(Arc::new(Cause(error.cause.unwrap_or_default())));
    }
    status
}

/// What only the log may have.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Cause(String);

fn code_of(kind: Kind) -> Code {
    match kind {
        Kind::Invalid | Kind::NotMedia | Kind::Unprocessable => Code::InvalidArgument,
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::Forbidden => Code::PermissionDenied,
        Kind::NotFound => Code::NotFound,
        Kind::Conflict => Code::AlreadyExists,
        Kind::TooLarge | Kind::TooMany => Code::ResourceExhausted,
        Kind::Timeout => Code::DeadlineExceeded,
        Kind::Busy | Kind::Unavailable | Kind::Upstream => Code::Unavailable,
        Kind::Internal => Code::Internal,
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn the_cause_is_for_the_log_alone() {
        let error =
            Error::new(Kind::Internal, "internal", "something went wrong here").because("disk 7 burns");
        let status = refusal(error);
        assert_eq!((status.code(), status.message()), (Code::Internal, "something went wrong here"));
        assert_eq!(status.source().map(ToString::to_string).as_deref(), Some("disk 7 burns"));
        let sent = status.into_http::<tonic::body::Body>();
        assert!(sent.headers().values().all(|value| !value.to_str().unwrap_or_default().contains("burns")));
    }
}
