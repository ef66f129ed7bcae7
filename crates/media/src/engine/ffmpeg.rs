//! The system's ffmpeg and ffprobe: what they may use while a child is one of them.
//!
//! They read media from their standard input, which is a pipe or, where they must seek, a private file, and
//! write to their standard output. What they may not do is the same whether the bytes are ours or a
//! stranger's.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::Engines;

/// A day of audio takes ffmpeg minutes of processor time.
const CPU_SECONDS: u64 = 6 * 3600;
const DATA_BYTES: u64 = 1 << 30;
/// The standard input by a name that can be opened again, and so be sought in.
pub(super) const INPUT_FILE: &str = "/proc/self/fd/0";

/// The command that makes a child become ffmpeg, with nothing to read but its pipe and `readable`.
pub(super) fn command<'a>(
    engines: &Engines,
    readable: &[&Path],
    arguments: impl IntoIterator<Item = &'a str>,
) -> Result<Command, String> {
    let program = engines.ffmpeg().ok_or("ffmpeg is not installed here")?;
    confined(engines, program, readable, arguments)
}

/// The same for ffprobe.
pub(super) fn probe_command<'a>(
    engines: &Engines,
    readable: &[&Path],
    arguments: impl IntoIterator<Item = &'a str>,
) -> Result<Command, String> {
    let program = engines.ffprobe().ok_or("ffprobe is not installed here")?;
    confined(engines, program, readable, arguments)
}

fn confined<'a>(
    engines: &Engines,
    program: &Path,
    readable: &[&Path],
    arguments: impl IntoIterator<Item = &'a str>,
) -> Result<Command, String> {
    let mut all: Vec<OsString> = vec![CPU_SECONDS.to_string().into(), DATA_BYTES.to_string().into()];
    all.extend(readable.iter().map(OsString::from));
    all.extend(["--".into(), program.into()]);
    all.extend(arguments.into_iter().map(OsString::from));
    engines.child("run", all)
}
