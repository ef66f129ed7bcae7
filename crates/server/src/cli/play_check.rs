//! `reelmill play-check`: whether a DCA file plays to its end, and what is in it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reelmill_media::dca::{self, Check, DcaError};
use serde::Serialize;

use super::Outcome;
use super::failure::{Failure, Kind};
use super::input::Input;
use super::say::{say, say_json};
use super::words::{clock, size};

/// Read a DCA file to its end, and say how long it plays and what its packets are
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  reelmill play-check song.dca
  reelmill play-check - --json < song.dca

Exit codes: 0 sound to its end, 3 it cannot be read, is damaged, cut off or no DCA.")]
pub(super) struct PlayCheck {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE")]
    input: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A file as it is shown.
#[derive(Debug, Serialize)]
struct Found {
    input: String,
    #[serde(flatten)]
    check: Check,
}

impl PlayCheck {
    pub(super) fn run(self) -> Outcome {
        let input = Input::named(&self.input);
        let file = input.open(&AtomicBool::new(false))?;
        let check = dca::check(file).map_err(|error| match error {
            DcaError::Io(error) => input.unreadable(error),
            other => Failure::new(Kind::Input, format!("{} does not play: {other}", input.name())),
        })?;
        let found = Found { input: input.name(), check };
        if self.json {
            say_json(&found)?;
        } else {
            say(found.in_words())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Found {
    fn in_words(&self) -> String {
        let check = &self.check;
        let length = clock(Duration::from_millis(check.duration_ms));
        let version = if check.version == 0 { "DCA without a header" } else { "DCA1" };
        let sizes = &check.packet_bytes;
        let mut text = format!("{}: {version}, {length}, sound to its end", self.input);
        let rate = (check.bit_rate_bps + 500) / 1000;
        let _ = write!(text, "\n  packets  {}, {}, {rate} kbit/s", check.packets, size(sizes.total));
        let _ =
            write!(text, "\n  sizes    {} to {} bytes, {:.1} in the mean", sizes.min, sizes.max, sizes.mean);
        let lengths = check.packet_ms.iter().map(|(ms, count)| (format!("{ms} ms"), *count));
        let _ = write!(text, "\n  lengths  {}", self.shares(lengths));
        let channels = [("mono", check.mono), ("stereo", check.stereo)];
        let _ = write!(
            text,
            "\n  channels {}",
            self.shares(channels.map(|(name, count)| (name.to_owned(), count)))
        );
        let modes = check.modes.iter().map(|(mode, count)| ((*mode).to_owned(), *count));
        let _ = write!(text, "\n  modes    {}", self.shares(modes));
        for note in &check.notes {
            let _ = write!(text, "\n  but      {note}");
        }
        text
    }

    /// `20 ms`, or `20 ms (11998), 10 ms (2)` where not all packets agree.
    fn shares(&self, counts: impl IntoIterator<Item = (String, u64)>) -> String {
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        let shares = counts.map(|(name, count)| match count {
            all if all == self.check.packets => name,
            some => format!("{name} ({some})"),
        });
        shares.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_in_a_few_lines() {
        // A stereo CELT packet and a mono SILK one, 20 ms each.
        let bytes = [&[4, 0, 0xfc, 1, 2, 3][..], &[2, 0, 0x08, 9], &[4, 0, 0xfc, 3, 2, 1]].concat();
        let found = Found { input: "a.dca".to_owned(), check: dca::check(&bytes[..]).unwrap() };
        insta::assert_snapshot!(found.in_words(), @r"
        a.dca: DCA without a header, 0:00, sound to its end
          packets  3, 10 bytes, 1 kbit/s
          sizes    2 to 4 bytes, 3.3 in the mean
          lengths  20 ms
          channels mono (1), stereo (2)
          modes    CELT (2), SILK (1)
        ");
    }
}
