//! Who is measured: this program and two ffmpegs, Debian's and the newest that a package carries.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::stopwatch::Words;
use super::work::Way;
use crate::corpus;
use crate::debian::Apt;
use crate::origins::Package;
use crate::place::{Place, emptied};
use crate::program::{Program, found};

/// A static ffmpeg in a Python package.
const NEWEST: (&str, &str, &str) =
    ("imageio-ffmpeg", "0.8.1", "050d6850601c3b3890bd2b28306f3b842b3daea390a561101174375a1c460bda");

/// An ffmpeg.
pub(crate) struct Ffmpeg {
    /// What the report calls it.
    pub(crate) name: &'static str,
    /// As it names itself.
    pub(crate) version: String,
    /// The program.
    pub(crate) path: PathBuf,
}

/// Both, Debian's first.
pub(crate) fn ffmpegs(place: &Place) -> Result<[Ffmpeg; 2]> {
    let debian = found("ffmpeg").context("there is no ffmpeg")?;
    let newest = newest(place).context("the newest ffmpeg cannot be had")?;
    Ok([Ffmpeg::new("Debian's", debian)?, Ffmpeg::new("newest", newest)?])
}

fn newest(place: &Place) -> Result<PathBuf> {
    let (name, version, sha256) = NEWEST;
    let folder = place.ffmpeg().join(version);
    let program = |folder: &Path| -> Option<PathBuf> {
        corpus::walk(folder)
            .ok()?
            .into_iter()
            .find(|path| path.starts_with(folder.join("imageio_ffmpeg/binaries")) && is_ffmpeg(path))
    };
    if let Some(program) = program(&folder) {
        return Ok(program);
    }
    println!("fetching {name} {version}");
    emptied(&folder)?;
    let package = Package::PyPi { name, version, sha256, source: false };
    corpus::fetch(place, &package, &folder, &Apt::default())?;
    let program = program(&folder).context("the package holds no ffmpeg")?;
    // Python's unzip drops the mode.
    Program::new("chmod").args(["755"]).args([&program]).quietly()?;
    Ok(program)
}

fn is_ffmpeg(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ffmpeg-linux"))
}

impl Ffmpeg {
    fn new(name: &'static str, path: PathBuf) -> Result<Self> {
        let said = Program::new(&path).args(["-version"]).text()?;
        let version =
            said.split_whitespace().nth(2).context("an ffmpeg does not tell its version")?.to_owned();
        Ok(Self { name, version, path })
    }

    /// A process for each input.
    pub(crate) fn commands(&self, way: &Way, inputs: &[PathBuf], folder: &Path) -> Vec<Words> {
        let command = |input: &PathBuf| {
            let mut words = vec![shown(&self.path)];
            words.extend(["-nostdin", "-v", "error", "-y", "-i"].map(String::from));
            words.push(shown(input));
            words.extend(way.options.iter().map(ToString::to_string));
            words.push(shown(&result(way, input, folder)));
            words
        };
        inputs.iter().map(command).collect()
    }
}

/// One process of ours for all inputs.
pub(crate) fn ours(binary: &Path, way: &Way, inputs: &[PathBuf], folder: &Path) -> Vec<Words> {
    let mut words = vec![shown(binary), "convert".into(), "--overwrite".into()];
    words.extend(way.options.iter().map(ToString::to_string));
    words.extend(inputs.iter().map(|input| shown(input)));
    match inputs {
        [input] => words.push(shown(&result(way, input, folder))),
        _ => words.extend([shown(folder), "--to".into(), way.extension.into()]),
    }
    vec![words]
}

/// Where the result of `input` is.
pub(crate) fn result(way: &Way, input: &Path, folder: &Path) -> PathBuf {
    folder.join(input.file_stem().unwrap_or_default()).with_extension(way.extension)
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
