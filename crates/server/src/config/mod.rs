//! The effective configuration: flags over `REELMILL_*` environment over a contract's own environment over `reelmill.toml`
//! over defaults.
//!
//! [`settings`] is the one table of what can be set; the file's reader, the flags of `serve`, `reelmill config`
//! and the typed [`Config`] all come from its rows. A value stays text with its origin until it is read, so that
//! whatever is wrong with it can be said with the place where it was written.

mod contracts;
mod error;
mod file;
mod load;
mod settings;
mod types;
mod units;
mod value;

pub(crate) use error::ConfigError;
pub(crate) use load::{Effective, Given, Loaded, Origin};
pub(crate) use settings::{Config, SETTINGS, Setting};
pub(crate) use types::{BackendUrl, Gate, LogFormat, Role, Signup};
pub(crate) use units::duration_of;
pub(crate) use value::Value;

#[cfg(test)]
mod tests;
