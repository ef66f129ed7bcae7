//! What can be wrong with a configuration, always with the place where it was written.

use std::path::PathBuf;

use super::load::Origin;

/// A configuration that is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {reason}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file is no TOML.
    #[error("{} line {line}: {reason}", .path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// A key that is no setting.
    #[error("unknown key `{key}` in {} line {line}: {}", .path.display(), advice(*.nearest))]
    UnknownKey {
        /// The key.
        key: String,
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The setting that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A setting that may not be kept in a file.
    #[error("`{key}` cannot stand in {} line {line}: set the variable {variable} for the first start", .path.display())]
    NotInFile {
        /// The key.
        key: &'static str,
        /// Its variable.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// A value that cannot be read.
    #[error("`{shown}` is no value for `{key}` ({origin}): expected {expected}")]
    BadValue {
        /// The setting.
        key: &'static str,
        /// The value as it may be shown.
        shown: String,
        /// Where it was set.
        origin: Origin,
        /// What would do.
        expected: &'static str,
    },
    /// Two contracts' variables at once.
    #[error(
        "the environment has the variables of the {first} and of the {second}: unset those of one, so that it is clear which is meant"
    )]
    TwoContracts {
        /// One contract's service.
        first: &'static str,
        /// The other's.
        second: &'static str,
    },
    /// A key of a pair without its other half.
    #[error(
        "`{key}` ({origin}) is one half of a pair, and the other, `{other}`, is not set: set both, or neither"
    )]
    HalfAPair {
        /// The half that is there.
        key: &'static str,
        /// Where it was set.
        origin: Origin,
        /// The half that is not.
        other: &'static str,
    },
    /// Heartbeats too far apart for the lease.
    #[error(
        "the heartbeat of {heartbeat:?} ({heartbeat_origin}) must be below half of the lease of {lease:?} \
         ({lease_origin}): set one of them so that a single lost heartbeat does not end a claim"
    )]
    SlowHeartbeat {
        /// The heartbeat.
        heartbeat: std::time::Duration,
        /// Where it was set.
        heartbeat_origin: Origin,
        /// The lease.
        lease: std::time::Duration,
        /// Where it was set.
        lease_origin: Origin,
    },
}

fn advice(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "`reelmill config` lists every setting".to_owned(),
        |nearest| format!("did you mean `{nearest}`?"),
    )
}
