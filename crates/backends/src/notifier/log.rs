//! Tells the log: what an installation without e-mail has, and what tests read.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use reelmill_core::Notification;
use reelmill_core::ports::{Notifier, NotifierError};

use super::Opening;

/// How it is opened.
pub(super) const OPENING: Opening = |_| async { Ok(Arc::new(LogNotifier) as Arc<dyn Notifier>) }.boxed();

/// Writes each notification as one line to the target `reelmill::notice`.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogNotifier;

#[async_trait]
impl Notifier for LogNotifier {
    fn needs_consent(&self) -> bool {
        false
    }

    async fn notify(&self, notification: &Notification) -> Result<(), NotifierError> {
        let Notification { id, recipient, subject, body } = notification;
        tracing::info!(target: "reelmill::notice", { notice.id = %id, recipient, subject, body }, "told");
        Ok(())
    }

    async fn check(&self) -> Result<(), NotifierError> {
        Ok(())
    }
}
