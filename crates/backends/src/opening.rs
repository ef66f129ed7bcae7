//! Opening by URL: the scheme picks a row of a port's table, the row does the rest.
//!
//! A URL may carry a password, so no error here repeats more of it than its scheme.

use std::path::PathBuf;

use futures_util::future::BoxFuture;
use reelmill_core::ports::{CatalogError, DoorbellError, NotifierError, ObjectsError};
use secrecy::SecretString;
use thiserror::Error;

/// What a backend may need to know beside its URL.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The folder of everything that this process keeps.
    pub data_dir: PathBuf,
    /// The access key of the cloud that something is in; without one, the cloud's own chain of credentials applies.
    pub aws_keys: Option<AwsKeys>,
}

impl Deployment {
    /// One that keeps what it keeps in this folder, with nothing else known.
    #[must_use]
    pub fn within(data_dir: PathBuf) -> Self {
        Self { data_dir, aws_keys: None }
    }
}

/// An access key and its secret.
#[derive(Debug, Clone)]
pub struct AwsKeys {
    /// Names the key.
    pub access_key: String,
    /// Signs.
    pub secret_key: SecretString,
}

/// A row of a port's table.
#[derive(Debug, Clone, Copy)]
pub struct Backend<Opening> {
    /// What its URLs begin with, before the colon.
    pub scheme: &'static str,
    /// The Cargo feature that builds it.
    pub feature: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// How it is opened; `None` where its feature is off.
    pub opening: Option<Opening>,
}

/// A row as `reelmill backends` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The port's name.
    pub port: &'static str,
    /// [`Backend::scheme`]
    pub scheme: &'static str,
    /// [`Backend::feature`]
    pub feature: &'static str,
    /// [`Backend::title`]
    pub title: &'static str,
    /// Whether this build has it.
    pub is_compiled: bool,
}

/// Why a backend could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// No row has this scheme.
    #[error("there is no {port} `{scheme}:`, this build has {known}")]
    UnknownScheme {
        /// The port's name.
        port: &'static str,
        /// What stands before the URL's colon.
        scheme: String,
        /// The schemes that this build has.
        known: String,
    },
    /// The row is there, the code is not.
    #[error("this build has no {port} `{scheme}:`, build it with --features {feature}")]
    NotCompiled {
        /// The port's name.
        port: &'static str,
        /// The scheme.
        scheme: &'static str,
        /// The feature that builds it.
        feature: &'static str,
    },
    /// The URL does not say what is needed.
    #[error("not a URL for `{scheme}:`, {reason}")]
    BadUrl {
        /// The scheme.
        scheme: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The catalog did not open.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The object store did not open.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// The doorbell did not open.
    #[error(transparent)]
    Doorbell(#[from] DoorbellError),
    /// The notifier did not open.
    #[error(transparent)]
    Notifier(#[from] NotifierError),
    /// The folder for scratch files cannot be used.
    #[error("cannot write to the scratch folder {}: {source}", .folder.display())]
    Scratch {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A backend on its way to be opened.
pub(crate) type Opened<'a, T> = BoxFuture<'a, Result<T, OpenError>>;

/// The table's opening for `url`, and what follows the colon.
pub(crate) fn pick<'u, Opening: Copy>(
    port: &'static str,
    table: &'static [Backend<Opening>],
    url: &'u str,
) -> Result<(Opening, &'u str), OpenError> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    let Some(row) = table.iter().find(|row| row.scheme == scheme) else {
        let known: Vec<_> = table
            .iter()
            .filter(|row| row.opening.is_some())
            .map(|row| format!("`{}:`", row.scheme))
            .collect();
        // Without its colon, what was given may be anything, a password as well as a scheme.
        let scheme = if url.contains(':') { scheme.chars().take(40).collect() } else { String::new() };
        return Err(OpenError::UnknownScheme { port, scheme, known: known.join(", ") });
    };
    row.opening.map(|opening| (opening, rest)).ok_or(OpenError::NotCompiled {
        port,
        scheme: row.scheme,
        feature: row.feature,
    })
}

/// A table's rows for people.
pub(crate) fn list<Opening>(port: &'static str, table: &'static [Backend<Opening>]) -> Vec<Listed> {
    let listed = |row: &Backend<Opening>| Listed {
        port,
        scheme: row.scheme,
        feature: row.feature,
        title: row.title,
        is_compiled: row.opening.is_some(),
    };
    table.iter().map(listed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Backend<u8>] = &[
        Backend { scheme: "memory", feature: "thing-memory", title: "", opening: Some(7) },
        Backend { scheme: "far", feature: "thing-far", title: "", opening: None },
    ];

    #[test]
    fn the_scheme_picks_the_row() {
        assert_eq!(pick("thing", TABLE, "memory:rest:of").ok(), Some((7, "rest:of")));
    }

    #[test]
    fn a_backend_that_is_not_built_is_refused_with_the_feature_to_build_with() {
        let refused = pick("thing", TABLE, "far://host").map_err(|error| error.to_string());
        assert_eq!(
            refused,
            Err("this build has no thing `far:`, build it with --features thing-far".to_owned())
        );
    }

    #[test]
    fn an_unknown_scheme_is_answered_with_those_that_there_are_and_no_password() {
        let refused = pick("thing", TABLE, "ftp://user:secret@host").map_err(|error| error.to_string());
        assert_eq!(refused, Err("there is no thing `ftp:`, this build has `memory:`".to_owned()));
        let bare = pick("thing", TABLE, "secret").map_err(|error| error.to_string());
        assert!(bare.is_err_and(|said| !said.contains("secret")));
    }
}
