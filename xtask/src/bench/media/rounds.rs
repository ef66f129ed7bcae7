//! The rounds of a work: an input that nobody has seen, a turn of everybody, a look at what came out.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::Sizes;
use super::dca;
use super::material::{Lengths, Material};
use super::peers::{self, Ffmpeg, result};
use super::quality::{self, Ear, Quality};
use super::stopwatch::{self, Spent};
use super::work::{Check, Way, Work};
use crate::place::{Place, emptied};
use crate::program::Program;

/// How many run at a time, where there are many to run.
const SLOTS: usize = 2;
/// Of many results, so many are looked at.
const LOOKED_AT: usize = 10;

/// What everybody does before each turn, unmeasured.
const WARM_UP: Lengths = Lengths { film_s: 10, song_s: 10, clips: 4 };

/// Who did it, and in which way.
pub(crate) type Who = (&'static str, &'static str);

/// What everybody took in a round.
pub(crate) type Round = BTreeMap<Who, Spent>;

/// As ours is called among [`Who`].
pub(crate) const OURS: &str = "ours";

/// A work after its rounds.
pub(crate) struct Measured {
    pub(crate) work: &'static Work,
    pub(crate) rounds: Vec<Round>,
    /// Of every result that was looked at.
    pub(crate) quality: Vec<Quality>,
    /// Where packets are copied: whether they all were.
    pub(crate) copied: Option<bool>,
    /// Ways that this program does not have, and why.
    pub(crate) missing: Vec<(&'static str, String)>,
    /// Why there are not as many rounds as there should be.
    error: Option<String>,
}

impl Measured {
    /// The row of a table of failures.
    pub(crate) fn failure(&self) -> Option<Vec<String>> {
        self.error.as_ref().map(|error| vec![self.work.title.into(), error.clone()])
    }

    /// Why a way of ours has no figure.
    pub(crate) fn reason(&self, way: &str) -> Option<&str> {
        let missing = self.missing.iter().find(|(name, _)| *name == way).map(|(_, reason)| &**reason);
        missing.or(self.error.as_deref())
    }
}

/// What every work is measured with.
pub(crate) struct Bench<'a> {
    pub(crate) place: &'a Place,
    pub(crate) sizes: &'a Sizes,
    pub(crate) material: Material,
    pub(crate) ffmpegs: [Ffmpeg; 2],
    /// What `reelmill convert --help` says.
    pub(crate) help: String,
}

impl Bench<'_> {
    /// Takes all rounds of `work`.
    pub(crate) fn measure(&self, work: &'static Work) -> Measured {
        println!("measuring {}", work.title);
        let lacks = |way: &Way| way.needs.filter(|word| !self.help.contains(word));
        let missing = work
            .ours
            .iter()
            .filter_map(|way| Some((way.name, format!("`reelmill convert` does not know {}", lacks(way)?))));
        let missing: Vec<_> = missing.collect();
        let mut measured =
            Measured { work, rounds: Vec::new(), quality: Vec::new(), copied: None, missing, error: None };
        if measured.missing.len() < work.ours.len() {
            measured.error = self.take(&mut measured).err().map(|error| format!("{error:#}"));
        }
        measured
    }

    fn take(&self, measured: &mut Measured) -> Result<()> {
        let warm_up = self.material.input(measured.work.input, &WARM_UP, 0)?;
        for round in 1..=self.sizes.rounds {
            let inputs = self.material.input(measured.work.input, &self.sizes.lengths, round)?;
            let spent = self.turns(measured, &warm_up, &inputs, round)?;
            self.look(measured, &inputs)?;
            measured.rounds.push(spent);
            removed(&inputs)?;
        }
        removed(&warm_up)
    }

    /// Everybody's turn on `inputs`. Another is the first in each round, since the first may find a machine that sleeps; and
    /// each has its program in memory, where nothing is left for long of what nobody uses.
    fn turns(
        &self,
        measured: &Measured,
        warm_up: &[PathBuf],
        inputs: &[PathBuf],
        round: u32,
    ) -> Result<Round> {
        let ours = measured.ours().map(|way| (Runner::Ours, way));
        let peers = measured.work.ffmpeg.iter();
        let peers = peers.flat_map(|way| self.ffmpegs.iter().map(move |ffmpeg| (Runner::Peer(ffmpeg), way)));
        let mut turns: Vec<(Runner<'_>, &Way)> = ours.chain(peers).collect();
        let first = usize::try_from(round).unwrap_or_default() % turns.len();
        turns.rotate_left(first);
        // Whoever comes first shall find the disk at rest, and the inputs where the others find them.
        Program::new("sync").quietly()?;
        inputs.iter().try_for_each(|input| fs::read(input).map(drop)).context("an input is not there")?;
        let measured = turns.into_iter().map(|(runner, way)| {
            let who = (runner.name(), way.name);
            let spent = |inputs: &[PathBuf]| {
                let folder = self.fresh(who.0, way)?;
                let commands = match runner {
                    Runner::Ours => peers::ours(&self.place.binary(), way, inputs, &folder),
                    Runner::Peer(ffmpeg) => ffmpeg.commands(way, inputs, &folder),
                };
                stopwatch::measure(&commands, SLOTS.min(commands.len()), &self.place.scratch())
                    .with_context(|| format!("{} cannot do it ({})", who.0, who.1))
            };
            spent(warm_up)?;
            Ok((who, spent(inputs)?))
        });
        measured.collect()
    }

    /// Compares what the first ways made of the last inputs.
    fn look(&self, measured: &mut Measured, inputs: &[PathBuf]) -> Result<()> {
        let work = measured.work;
        let (Some(own), Some(debians)) = (measured.ours().next(), work.ffmpeg.first()) else { return Ok(()) };
        let [debian, newest] = &self.ffmpegs;
        let ear = Ear { ffmpeg: &newest.path };
        let mut looked_at = Vec::new();
        for input in inputs.iter().take(LOOKED_AT) {
            let ours = result(own, input, &self.folder(OURS, own));
            let theirs = result(debians, input, &self.folder(debian.name, debians));
            if work.quality == Check::Packets {
                let same = dca::holds_packets_of(&ours, input)?;
                measured.copied = Some(measured.copied.unwrap_or(true) && same);
                continue;
            }
            let mut heard = ours.clone();
            if own.extension == "dca" {
                heard.set_extension("ogg");
                dca::to_ogg(&ours, &heard)?;
            }
            let size = quality::size(&ours, &theirs)?;
            looked_at.push(ear.compare(work.quality, input, size, &heard, &theirs)?);
        }
        quality::share_distance(&mut looked_at);
        measured.quality.append(&mut looked_at);
        Ok(())
    }

    fn fresh(&self, who: &str, way: &Way) -> Result<PathBuf> {
        let folder = self.folder(who, way);
        emptied(&folder)?;
        Ok(folder)
    }

    fn folder(&self, who: &str, way: &Way) -> PathBuf {
        self.place.scratch().join(format!("{who} {}", way.name).replace([' ', '\''], "-"))
    }
}

/// Whose turn it is.
#[derive(Clone, Copy)]
enum Runner<'a> {
    Ours,
    Peer(&'a Ffmpeg),
}

impl Runner<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => OURS,
            Self::Peer(ffmpeg) => ffmpeg.name,
        }
    }
}

fn removed(inputs: &[PathBuf]) -> Result<()> {
    inputs.iter().try_for_each(|input| {
        fs::remove_file(input).with_context(|| format!("cannot remove {}", input.display()))
    })
}

impl Measured {
    /// The ways of ours that this program has.
    fn ours(&self) -> impl Iterator<Item = &'static Way> {
        let missing: Vec<&str> = self.missing.iter().map(|(name, _)| *name).collect();
        self.work.ours.iter().filter(move |way| !missing.contains(&way.name))
    }
}
