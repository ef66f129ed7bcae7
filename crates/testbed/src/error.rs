//! Why a server is not there, in words that let a reader act: a failed start quotes what the server said last.

use std::io;
use std::process::ExitStatus;

use thiserror::Error;

/// Why a server could not be started.
#[derive(Debug, Error)]
pub enum ServerError {
    /// This machine lacks a program that it consists of.
    #[error("{variable} is not set: no {server} here")]
    NotHere {
        /// Which server.
        server: &'static str,
        /// The variable that would name the program.
        variable: &'static str,
    },
    /// Something on the way to it failed.
    #[error("{server}: cannot {doing}: {source}")]
    Failed {
        /// Which server.
        server: &'static str,
        /// What was tried.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
    /// Its first set-up of a data folder failed.
    #[error("{server}: `{program}` ended with {status}; it said last:\n{log}")]
    NotPrepared {
        /// Which server.
        server: &'static str,
        /// What was run.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// Its last lines.
        log: String,
    },
    /// It ended by itself.
    #[error("{server} ended with {status} before it answered; it said last:\n{log}")]
    Ended {
        /// Which server.
        server: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// Its last lines.
        log: String,
    },
    /// It runs and does not answer.
    #[error("{server} did not answer within {seconds} s; it said last:\n{log}")]
    Silent {
        /// Which server.
        server: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// Its last lines.
        log: String,
    },
}

impl ServerError {
    /// For `map_err`: what `server` was being helped to when it failed.
    pub(crate) fn failed(server: &'static str, doing: &str) -> impl FnOnce(io::Error) -> Self + use<> {
        let doing = doing.to_owned();
        move |source| Self::Failed { server, doing, source }
    }
}
