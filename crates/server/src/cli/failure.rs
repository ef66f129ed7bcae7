//! How a command fails: a kind, which is the exit code, and one sentence.

use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::json;

use crate::config::ConfigError;

/// What sort of failure, by exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It was tried and did not work.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// The input cannot be read or is not media.
    Input,
    /// The output cannot be written where it should be.
    Output,
    /// The user stopped it.
    Interrupted,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Input => 3,
            Self::Output => 4,
            Self::Interrupted => 130,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Input => "input",
            Self::Output => "output",
            Self::Interrupted => "interrupted",
        }
    }

    /// The exit code.
    pub(super) fn exit_code(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// A command that did not do what it was asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(super) kind: Kind,
    pub(crate) message: String,
}

impl Failure {
    /// A failure with its sentence.
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Something was tried and did not work.
    pub(super) fn failed(message: impl std::fmt::Display) -> Self {
        Self::new(Kind::Failed, message.to_string())
    }

    /// The command line is wrong.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Its exit code.
    pub(super) fn exit_code(&self) -> ExitCode {
        self.kind.exit_code()
    }

    /// Writes the sentence to standard error, or the object that says the same.
    pub(super) fn print(&self, is_json: bool) {
        let text = if is_json {
            json!({"error": {"kind": self.kind.name(), "message": self.message}}).to_string()
        } else {
            format!("reelmill: {}", self.message)
        };
        // Nothing can be done about a closed standard error.
        let _ = writeln!(io::stderr(), "{text}");
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Kind::Usage, error.to_string())
    }
}
