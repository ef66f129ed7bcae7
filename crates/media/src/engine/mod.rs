//! Codecs that do not run in this process: each runs in a confined child, fed and read through pipes.
//!
//! Opus from strangers is decoded by libopus, which is C by origin: it runs in this very program, started
//! once more as a child that can do nothing but read its input, compute and answer. AAC is written, and all
//! that this crate does not read itself is decoded, by the system's ffmpeg, which that child becomes after it
//! has given up its rights. A child that dies, hangs or lies ends its own stream with an error and nothing else.

mod aac;
mod abilities;
mod child;
mod confine;
mod description;
mod encoding;
mod ffmpeg;
mod foreign;
mod libopus;
mod musepack;
mod opus;
mod pipes;
mod scratch;
mod spawn;
mod wire;
mod wma;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub(crate) use aac::AacEncoder;
pub use abilities::{Abilities, Ability, Engine};
pub use child::become_child_if_asked;
pub use confine::confine_for_decoding;
pub(crate) use description::{Description, Length};
pub(crate) use foreign::{Outsider, Samples, Wanted, outsider};
pub use opus::{Decoded, OpusDecoder, OpusLayout};
pub(crate) use wma::WmaEncoder;

/// What this host has for what is not done in this process.
///
/// Found once at the start and then passed around: a clone is cheap and shares what has been learnt.
/// [`Engines::default`] has nothing.
#[derive(Clone, Debug, Default)]
pub struct Engines {
    found: Arc<Found>,
    /// Whether somebody waits for the answer, who is rather told to come again than kept waiting.
    is_awaited: bool,
}

#[derive(Debug, Default)]
struct Found {
    /// A program that calls [`become_child_if_asked`].
    child: Option<PathBuf>,
    ffmpeg: Option<PathBuf>,
    ffprobe: Option<PathBuf>,
    /// For inputs in which ffmpeg must seek.
    room: Arc<scratch::Room>,
    /// How long ffmpeg may move nothing while it reads; the usual time unless told otherwise.
    patience: Option<Duration>,
    /// What the kernel enforces on a decoder, once a child has told.
    confinement: OnceLock<String>,
    /// Set once ffmpeg has shown that it starts in its confinement and has the encoder.
    aac: OnceLock<()>,
    /// Set once ffmpeg and ffprobe have shown that they start in their confinement.
    reader: OnceLock<()>,
    /// Set once ffmpeg has shown that it has the encoder.
    wma: OnceLock<()>,
    /// What ffmpeg says that it reads.
    told: OnceLock<abilities::Told>,
}

impl Engines {
    /// Looks for what this host has: the running program itself as the child, if it called
    /// [`become_child_if_asked`], and `ffmpeg` on the search path. Starts nothing.
    #[must_use]
    pub fn find() -> Self {
        Self::default().with_child(child::of_this_program()).with_ffmpeg(on_search_path("ffmpeg"))
    }

    /// The same with another program as the child, which must call [`become_child_if_asked`].
    #[must_use]
    pub fn with_child(self, program: Option<PathBuf>) -> Self {
        self.changed(|found| found.child = program)
    }

    /// The same with another ffmpeg, or with none.
    #[must_use]
    pub fn with_ffmpeg(self, program: Option<PathBuf>) -> Self {
        let beside = program.as_ref().and_then(|path| Some(path.parent()?.join("ffprobe")));
        let ffprobe = program
            .as_ref()
            .and_then(|_| beside.filter(|path| path.is_file()).or_else(|| on_search_path("ffprobe")));
        self.changed(|found| (found.ffmpeg, found.ffprobe) = (program, ffprobe))
    }

    /// The same with another ffprobe, or with none.
    #[must_use]
    pub fn with_ffprobe(self, program: Option<PathBuf>) -> Self {
        self.changed(|found| found.ffprobe = program)
    }

    /// The same with private copies in `folder` of at most `limit_bytes` together, for inputs in which ffmpeg must
    /// seek; by default 4 GiB in the system's folder for temporary files.
    ///
    /// All clones share them. What finds no room waits for its turn: a conversion ten minutes, a probe ten seconds;
    /// then it fails with [`crate::MediaError::Busy`].
    #[must_use]
    pub fn with_scratch(self, folder: PathBuf, limit_bytes: u64) -> Self {
        self.changed(|found| found.room = Arc::new(scratch::Room::new(folder, limit_bytes)))
    }

    /// The same for somebody who waits for the answer.
    pub(crate) fn for_a_look(&self) -> Self {
        Self { is_awaited: true, ..self.clone() }
    }

    /// How long to wait for room.
    fn room_patience(&self) -> Duration {
        Duration::from_secs(if self.is_awaited { 10 } else { 600 })
    }

    /// The same with another time that ffmpeg may move nothing while it reads an input, before it counts as
    /// hung; by default 30 seconds.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        self.changed(|found| found.patience = Some(patience))
    }

    fn patience(&self) -> Duration {
        self.found.patience.unwrap_or(3 * spawn::PATIENCE)
    }

    /// What was learnt of another set of programs is forgotten.
    fn changed(self, change: impl FnOnce(&mut Found)) -> Self {
        let mut found = Found {
            child: self.found.child.clone(),
            ffmpeg: self.found.ffmpeg.clone(),
            ffprobe: self.found.ffprobe.clone(),
            room: Arc::clone(&self.found.room),
            patience: self.found.patience,
            ..Found::default()
        };
        change(&mut found);
        Self { found: Arc::new(found), is_awaited: self.is_awaited }
    }

    /// Whether what this crate does not read itself can be read by ffmpeg; otherwise what is missing and how to
    /// get it.
    ///
    /// The first call starts ffmpeg and ffprobe once, confined, to see that they run.
    pub fn foreign_reader(&self) -> Result<(), String> {
        if self.found.reader.get().is_some() {
            return Ok(());
        }
        if self.ffmpeg().is_none() || self.ffprobe().is_none() {
            let name = if self.ffmpeg().is_none() { "ffmpeg" } else { "ffprobe" };
            return Err(format!("{name} is not installed here; install it (on Debian: apt install ffmpeg)"));
        }
        let version = ["-hide_banner", "-version"];
        for (name, command) in [
            ("ffmpeg", ffmpeg::command(self, &[], version)),
            ("ffprobe", ffmpeg::probe_command(self, &[], version)),
        ] {
            let told =
                command.and_then(spawn::ask).map_err(|why| format!("{name} does not start here: {why}"))?;
            if !told.starts_with(name) {
                return Err(format!("what is installed here as {name} is something else"));
            }
        }
        let _ = self.found.reader.set(());
        Ok(())
    }

    /// Whether AAC can be encoded; otherwise what is missing and how to get it.
    ///
    /// The first call starts ffmpeg once, confined, to see that it runs and has the encoder.
    pub fn aac_encoder(&self) -> Result<(), String> {
        if self.found.aac.get().is_none() {
            encoding::check(self, "aac", "aac")?;
            // Only success is kept: what fails may be mended while this process runs.
            let _ = self.found.aac.set(());
        }
        Ok(())
    }

    /// The same for WMA.
    pub fn wma_encoder(&self) -> Result<(), String> {
        if self.found.wma.get().is_none() {
            encoding::check(self, "wma", "wmav2")?;
            let _ = self.found.wma.set(());
        }
        Ok(())
    }

    /// Whether Opus can be decoded; otherwise what is missing.
    ///
    /// The first call starts one child to see what the kernel enforces.
    pub fn opus_decoder(&self) -> Result<(), String> {
        self.confinement().map(drop)
    }

    /// Says what the kernel enforces on the child that decodes Opus, or why there can be none.
    pub fn confinement(&self) -> Result<&str, String> {
        if let Some(known) = self.found.confinement.get() {
            return Ok(known);
        }
        let told = spawn::ask(self.child("check", Vec::new())?).map_err(|why| {
            format!("opus is decoded in a confined child only, and it does not start: {why}")
        })?;
        Ok(self.found.confinement.get_or_init(|| told))
    }

    /// The command that starts the child in a role.
    fn child(&self, role: &str, arguments: Vec<OsString>) -> Result<std::process::Command, String> {
        let Some(program) = &self.found.child else {
            return Err("this program offers no confined child to decode in".into());
        };
        Ok(child::command(program, role, arguments))
    }

    fn ffmpeg(&self) -> Option<&PathBuf> {
        self.found.ffmpeg.as_ref()
    }

    fn ffprobe(&self) -> Option<&PathBuf> {
        self.found.ffprobe.as_ref()
    }
}

/// The first executable file of that name in `PATH`, by its absolute path.
fn on_search_path(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(
        |file| file.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_engines_says_what_is_missing() {
        let none = Engines::default();
        assert_eq!(none.opus_decoder(), Err("this program offers no confined child to decode in".into()));
        assert_eq!(
            none.aac_encoder(),
            Err("aac is written by ffmpeg, which is not installed here; install it (on Debian: apt install ffmpeg)"
                .into())
        );
    }

    #[test]
    fn a_program_that_did_not_offer_itself_is_never_started_as_a_child() {
        // This test program has a main of its own that knows nothing of children.
        assert!(Engines::find().opus_decoder().is_err());
    }
}
