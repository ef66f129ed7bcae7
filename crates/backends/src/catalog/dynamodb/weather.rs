//! What may go wrong on the way to DynamoDB: which errors pass, which are told, and how long it is tried.

use std::fmt::Debug;
use std::iter;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use reelmill_core::ports::CatalogError;
use uuid::Uuid;

use crate::aws::CALL;

/// The first wait between two tries, at most.
const FIRST_WAIT_MS: u64 = 10;
/// The longest wait between two tries.
const LONGEST_WAIT_MS: u64 = 640;

/// A call's tries, where others are at the same items.
#[derive(Debug)]
pub(super) struct Patience {
    until: Instant,
    wait_ms: u64,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { until: Instant::now() + CALL, wait_ms: FIRST_WAIT_MS }
    }

    /// Waits a little, each time up to twice as long, and at random: those who met at an item shall not meet again.
    ///
    /// # Errors
    /// `Unavailable` where it took too long already.
    pub(super) async fn wait(&mut self) -> Result<(), CatalogError> {
        if Instant::now() >= self.until {
            let seconds = CALL.as_secs();
            return Err(CatalogError::Unavailable(format!("others kept its items busy for {seconds} s")));
        }
        let wait_ms = Uuid::new_v4().as_u64_pair().1 % self.wait_ms + 1;
        self.wait_ms = (self.wait_ms * 2).min(LONGEST_WAIT_MS);
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        Ok(())
    }
}

/// Whether the item was a part of somebody's transaction at that moment.
pub(super) fn is_busy<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    code(error) == Some("TransactionConflictException")
}

/// The error's name, where DynamoDB answered with one.
pub(super) fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// What lies under the driver's own layers, which name only themselves.
fn cause(error: &dyn std::error::Error) -> String {
    iter::successors(Some(error), |error| error.source()).last().unwrap_or(error).to_string()
}

/// The driver's error as the port's. A request that is wrong stays wrong; anything else may pass.
pub(super) fn unusable<E>(error: &SdkError<E>) -> CatalogError
where
    E: ProvideErrorMetadata + std::error::Error + Debug + Send + Sync + 'static,
{
    let told = match error.as_service_error() {
        Some(inner) => {
            let (code, message) =
                (inner.code().unwrap_or("error"), inner.message().unwrap_or("no reason given"));
            format!("DynamoDB says {code}, {message}")
        }
        None => format!("DynamoDB cannot be reached, {}", cause(error)),
    };
    match code(error) {
        Some("ValidationException" | "ItemCollectionSizeLimitExceededException") => {
            CatalogError::Corrupt(told)
        }
        _ => CatalogError::Unavailable(told),
    }
}
