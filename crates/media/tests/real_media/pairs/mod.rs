//! Every input that this program claims to read, converted to every format that it claims to write.
//!
//! What is claimed is asked of the library, as `/v1/formats` does; the table of sources only says how an input of each
//! kind comes to be. So a container, codec or format that is added without a source fails here by its name. ffprobe
//! says what a result is, ffmpeg plays it without a complaint, and what it plays is held against what it plays
//! of the input.

mod judge;
mod lossless;
mod ogg;
mod signal;
mod sources;
mod subbands;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use libtest_mimic::Trial;
use reelmill_media::{
    Ability, Control, Engines, FileSink, FileSource, Format, Info, MediaError, Report, Target, plan,
    probe_with,
};

use crate::{ensure, trial};
use judge::{Outcome, Sound};
use sources::{SOURCES, Source};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("pairs::everything_that_is_claimed_has_a_source", claims)];
    for source in &SOURCES {
        trials.push(trial(format!("pairs::{}_becomes_every_format", source.file), || becomes_all(source)));
    }
    trials
}

/// What this host has, learnt once.
fn engines() -> &'static Engines {
    static ENGINES: OnceLock<Engines> = OnceLock::new();
    ENGINES.get_or_init(Engines::find)
}

/// What the program claims is what the table has, container by container and codec by codec.
fn claims() -> Result<(), String> {
    let abilities = engines().abilities();
    let lacking: Vec<&Ability> = [&abilities.containers, &abilities.codecs, &abilities.formats]
        .into_iter()
        .flatten()
        .filter(|ability| ability.missing.is_some())
        .collect();
    ensure(lacking.is_empty(), || format!("this host lacks {lacking:?}"))?;
    let names = |list: &[Ability]| -> BTreeSet<String> { list.iter().map(|one| one.name.clone()).collect() };
    let made = |name: fn(&Source) -> Option<&'static str>| -> BTreeSet<String> {
        SOURCES.iter().filter_map(name).map(str::to_owned).collect()
    };
    for (claimed, made) in [
        (names(&abilities.containers), made(|source| source.container)),
        (names(&abilities.codecs), made(|source| Some(source.codec))),
    ] {
        let without: Vec<_> = claimed.difference(&made).collect();
        ensure(without.is_empty(), || format!("claimed, and no source makes it: {without:?}"))?;
        let unclaimed: Vec<_> = made.difference(&claimed).collect();
        ensure(unclaimed.is_empty(), || format!("made, and not claimed: {unclaimed:?}"))?;
    }
    let written = Format::all().iter().map(|format| format.name().to_owned()).collect();
    ensure(names(&abilities.formats) == written, || format!("{:?}", abilities.formats))
}

fn becomes_all(source: &Source) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let from = folder.path().join(source.file);
    source.make(&from)?;
    let file = FileSource::open(&from).map_err(|error| error.to_string())?;
    let info = probe_with(Box::new(file), Some(source.file), engines(), &Arc::default())
        .map_err(|error| error.to_string())?;
    ensure(info.container == source.inside && info.audio.codec_label == source.codec, || {
        format!("it is taken for {} in {}", info.audio.codec_label, info.container)
    })?;
    let heard = Sound::of(&[&from], folder.path())?.remove(0);
    heard.must_be_something()?;
    let mut outcomes = Vec::new();
    for format in Format::all() {
        outcomes.push(convert(&from, &info, *format).map_err(|error| format!("to {format}: {error}"))?);
    }
    let files: Vec<&Path> = outcomes.iter().map(|outcome| outcome.file.as_path()).collect();
    let results = Sound::of(&files, folder.path())?;
    for (outcome, result) in outcomes.iter().zip(&results) {
        outcome.judge(&info, &heard, result).map_err(|error| format!("to {}: {error}", outcome.format))?;
    }
    Ok(())
}

fn convert(from: &Path, info: &Info, format: Format) -> Result<Outcome, String> {
    let target = Target::new(format);
    let plan = plan(info, &target, engines()).map_err(|error| error.to_string())?;
    let mut file = from.with_extension(format!("{format}.{}", format.extension()));
    let report = mill(from, &file, &target).map_err(|error| error.to_string())?;
    if format.is_dca() {
        // ffmpeg knows the packets, and not what they are kept in.
        let wrapped = file.with_extension("wrapped.opus");
        ogg::wrap(&file, &wrapped, plan.channels)?;
        file = wrapped;
    }
    Ok(Outcome { format, file, plan, report })
}

fn mill(from: &Path, to: &Path, target: &Target) -> Result<Report, MediaError> {
    let mut sink = FileSink::create(to)?;
    let control = Control::silent().with_engines(engines().clone());
    let source = Box::new(FileSource::open(from)?);
    let report = reelmill_media::convert(source, from.to_str(), target, &mut sink, &control)?;
    sink.into_file()?;
    Ok(report)
}
