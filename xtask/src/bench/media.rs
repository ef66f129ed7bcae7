//! `cargo xtask bench media`: conversions as people run them, this program's beside ffmpeg's, as whole processes.
//!
//! Everybody takes a turn on the same input, then comes the next input, whose sound is another: what a cache or a lucky
//! piece of music would give to one is not there to be had. A figure is the median over the rounds of ours to the better
//! ffmpeg's; the results of every round are held against Debian's, so that no figure stands on less work.

mod dca;
mod material;
mod peers;
mod plot;
mod quality;
mod report;
mod rounds;
pub(crate) mod stopwatch;
mod store;
mod work;

use std::fs;

use anyhow::{Context, Result, bail};

use crate::place::{Place, emptied, remove};
use crate::program::Program;
use crate::{circumstances, setup, table};
use material::{Lengths, Material};
use rounds::{Bench, Measured};
use work::WORKS;

/// How much is measured.
pub(crate) struct Sizes {
    /// What the report names as its command.
    command: &'static str,
    rounds: u32,
    lengths: Lengths,
    /// Whether the report goes to where it is kept.
    is_written: bool,
}

/// What the report is made of.
pub(crate) const STATED: Sizes = Sizes {
    command: "cargo xtask bench media",
    rounds: 7,
    lengths: Lengths { film_s: 600, song_s: 180, clips: 500 },
    is_written: true,
};

/// Enough to see that everything runs; the report stays under the target folder.
pub(crate) const SMALL: Sizes = Sizes {
    command: "cargo xtask bench media --small",
    rounds: 2,
    lengths: Lengths { film_s: 20, song_s: 20, clips: 10 },
    is_written: false,
};

/// Measures every work; whether none failed.
pub(crate) fn command(place: &Place, sizes: &Sizes) -> Result<bool> {
    setup::show(&setup::run(place)?);
    if !place.cargo().args(["build", "--release", "--package", "reelmill"]).run()? {
        bail!("the release binary does not build");
    }
    let scratch = place.scratch();
    emptied(&scratch)?;
    let material = Material::gather(place, scratch.join("inputs"))?;
    let ffmpegs = peers::ffmpegs(place)?;
    let help = Program::new(place.binary()).args(["convert", "--help"]).text()?;
    let bench = Bench { place, sizes, material, ffmpegs, help };
    let works: Vec<Measured> = WORKS.iter().map(|work| bench.measure(work)).collect();
    let store = store::measure(place, sizes, &bench.material);
    let results = report::Results { ffmpegs: &bench.ffmpegs, works: &works, store: &store };
    let figures = results.figures()?;
    let text = report::text(&circumstances::table(place)?, sizes, &results, &figures)?;
    let picture = plot::svg(&figures);
    println!("\n{text}");
    let of_store = store.failure().map(|reason| vec!["a film in a store".into(), reason.into()]);
    let failures: Vec<_> = works.iter().filter_map(Measured::failure).chain(of_store).collect();
    table::print("Failed", &["work", "reason"], &failures);
    let is_kept = sizes.is_written && failures.is_empty();
    let folder = if is_kept { place.root.join("bench/reports") } else { place.bench().join("not-kept") };
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, content) in [("media.md", &text), ("media.svg", &picture)] {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    if is_kept {
        report::into_readme(place, &figures)?;
    }
    remove(&scratch)?;
    Ok(failures.is_empty())
}
