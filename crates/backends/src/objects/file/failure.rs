//! From the file system's errors to the port's, and the way off the runtime's threads.

use std::io::{Error, ErrorKind};

use reelmill_core::ports::ObjectsError;

/// Runs what blocks on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ObjectsError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| ObjectsError::Unavailable("the process is being stopped".to_owned()))
}

/// The error of something that the store did to a file.
pub(super) fn unusable(doing: &str, error: &Error) -> ObjectsError {
    let said = format!("{doing}: {error}");
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ObjectsError::Full(said),
        _ => ObjectsError::Unavailable(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_full_quota_are_told_apart_from_a_broken_one() {
        // Linux: ENOSPC 28, EDQUOT 122, EIO 5.
        assert!(matches!(unusable("writing", &Error::from_raw_os_error(28)), ObjectsError::Full(_)));
        assert!(matches!(unusable("writing", &Error::from_raw_os_error(122)), ObjectsError::Full(_)));
        assert!(matches!(unusable("writing", &Error::from_raw_os_error(5)), ObjectsError::Unavailable(_)));
    }
}
