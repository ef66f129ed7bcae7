//! `reelmill convert`: files into files, without any server.

mod one;
mod paths;

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use one::{Done, Work};
use reelmill_media::Engines;
use serde_json::json;

use super::Outcome;
use super::failure::{Failure, Kind};
use super::interrupt;
use super::output::Output;
use super::progress::Progress;
use super::say::say;
use super::target::Wishes;

const AFTER: &str = "\
Examples:
  reelmill convert talk.mp4 talk.mp3
  reelmill convert talk.mp4 talk.mp3 --quality 2 --start 1:30 --end 1:02:00
  reelmill convert *.flac music/ --profile opus
  reelmill convert - - --to mp3 < talk.mp4 > talk.mp3

Nothing is replaced without --overwrite, and what fails or is stopped leaves nothing behind.

Exit codes:
  0    done
  1    failed
  2    wrong use
  3    the input cannot be read or is not media
  4    the output is refused: it exists, there is no space
  130  interrupted
With several inputs, the code is that of the first that failed; the others are still converted.";

/// Convert media to mp3, ogg, opus, m4a, aac, wma, flac, wav or dca, without a server
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER, override_usage = "reelmill convert [OPTIONS] IN OUT\n       reelmill convert [OPTIONS] IN... FOLDER")]
pub(super) struct Convert {
    /// Inputs, then the output: a file, or a folder for several inputs; `-` is standard input or output
    #[arg(required = true, num_args = 2.., value_names = ["IN", "OUT"])]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    wishes: Wishes,
    /// Cores that one conversion may use at once; 1 encodes serially [default: as many as are idle]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Replace an output that exists
    #[arg(long)]
    overwrite: bool,
    /// Print a JSON object for each result, one a line, and errors as objects
    #[arg(long)]
    json: bool,
}

impl Convert {
    pub(super) fn run(self) -> Outcome {
        let jobs = paths::pair(&self.paths, &self.wishes)?;
        if self.json && jobs.iter().any(|job| job.output == Output::Stdout) {
            return Err(Failure::usage(
                "--json prints to standard output, where the result would go: name a file",
            ));
        }
        let cancel = interrupt::watch().map_err(Failure::failed)?;
        let progress = Progress::new(!self.json);
        let failed = convert_all(jobs, &self, &progress, &cancel);
        if cancel.load(Ordering::Relaxed) {
            return Err(Failure::new(Kind::Interrupted, "interrupted; what was not finished was removed"));
        }
        Ok(failed.map_or(ExitCode::SUCCESS, Kind::exit_code))
    }

    fn tell(&self, progress: &Progress, result: &Result<Done, Failure>) -> Result<(), Failure> {
        match result {
            Ok(done) if self.json => return say(json!(done)),
            Ok(done) => progress.line(&done.to_string()),
            Err(failure) if failure.kind == Kind::Interrupted => {}
            Err(failure) => progress.aside(|| failure.print(self.json)),
        }
        Ok(())
    }
}

/// Converts as many at a time as there are cores; gives the kind of the first failure in the inputs' order.
fn convert_all(
    jobs: Vec<Work>,
    convert: &Convert,
    progress: &Progress,
    cancel: &Arc<AtomicBool>,
) -> Option<Kind> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(jobs.len());
    let waiting: Mutex<VecDeque<(usize, Work)>> = Mutex::new(jobs.into_iter().enumerate().collect());
    let failures: Mutex<Vec<(usize, Kind)>> = Mutex::default();
    let engines = Engines::find();
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || {
        while let Some((index, job)) = next() {
            if cancel.load(Ordering::Relaxed) {
                return;
            }
            let result = job.run(convert.overwrite, convert.threads, &engines, progress, cancel);
            let told = convert.tell(progress, &result);
            let kind = result.err().or(told.err()).map(|failure| failure.kind);
            failures.lock().unwrap_or_else(PoisonError::into_inner).extend(kind.map(|kind| (index, kind)));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.into_iter().min_by_key(|(index, _)| *index).map(|(_, kind)| kind)
}
