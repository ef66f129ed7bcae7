//! Notifiers: ways to tell people things.

#[cfg(feature = "notifier-log")]
mod log;
#[cfg(feature = "notifier-smtp")]
mod smtp;

use std::sync::Arc;

use reelmill_core::ports::Notifier;

use crate::opening::{self, Backend, OpenError, Opened};

#[cfg(feature = "notifier-log")]
pub use log::LogNotifier;
#[cfg(feature = "notifier-smtp")]
pub use smtp::SmtpNotifier;

/// The notifier of an installation that names none.
pub const DEFAULT_URL: &str = "log:";

/// The notifiers that there are.
pub const BACKENDS: &[Backend<Opening>] = &[
    Backend {
        scheme: "log",
        feature: "notifier-log",
        title: "a line in the log",
        #[cfg(feature = "notifier-log")]
        opening: Some(log::OPENING),
        #[cfg(not(feature = "notifier-log"))]
        opening: None,
    },
    Backend {
        scheme: "smtp",
        feature: "notifier-smtp",
        title: "e-mail, by STARTTLS",
        #[cfg(feature = "notifier-smtp")]
        opening: Some(smtp::OPENING),
        #[cfg(not(feature = "notifier-smtp"))]
        opening: None,
    },
    Backend {
        scheme: "smtps",
        feature: "notifier-smtp",
        title: "e-mail, by TLS",
        #[cfg(feature = "notifier-smtp")]
        opening: Some(smtp::ENCRYPTED),
        #[cfg(not(feature = "notifier-smtp"))]
        opening: None,
    },
];

/// How a notifier is opened: from what follows the URL's colon.
pub type Opening = for<'a> fn(&'a str) -> Opened<'a, Arc<dyn Notifier>>;

/// Opens the notifier of that URL.
///
/// # Errors
/// Where no such backend is in this build, or it cannot be used.
pub async fn open(url: &str) -> Result<Arc<dyn Notifier>, OpenError> {
    let (open, rest) = opening::pick("notifier", BACKENDS, url)?;
    open(rest).await
}
