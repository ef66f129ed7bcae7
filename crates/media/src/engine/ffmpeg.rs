//! The system's ffmpeg: what it may use while a child is it.
//!
//! It reads media from its standard input, or from a private file where it must seek, and writes to its
//! standard output. What it may not do is the same whether the bytes are ours or a stranger's.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::Engines;

/// A day of audio takes ffmpeg minutes of processor time.
const CPU_SECONDS: u64 = 6 * 3600;
const DATA_BYTES: u64 = 1 << 30;

/// The command that makes a child become ffmpeg, with nothing to read but its pipe and `readable`.
pub(super) fn command<'a>(
    engines: &Engines,
    readable: &[&Path],
    arguments: impl IntoIterator<Item = &'a str>,
) -> Result<Command, String> {
    let program = engines.ffmpeg().ok_or("ffmpeg is not installed here")?;
    let mut all: Vec<OsString> = vec![CPU_SECONDS.to_string().into(), DATA_BYTES.to_string().into()];
    all.extend(readable.iter().map(OsString::from));
    all.extend(["--".into(), program.into()]);
    all.extend(arguments.into_iter().map(OsString::from));
    engines.child("run", all)
}
