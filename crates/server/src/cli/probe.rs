//! `reelmill probe`: what is in a file, and what each profile would make of it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reelmill_core::Profile;
use reelmill_media::{AudioTrack, Engines, ErrorKind, Info, Plan};
use serde::Serialize;

use super::Outcome;
use super::failure::{Failure, Kind};
use super::input::{self, Input};
use super::say::{say, say_json, table};
use super::target::target_of_profile;
use super::words::clock;

/// Say what is in a file, and what each profile would do with it and why
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  reelmill probe talk.mp4
  reelmill probe - --json < talk.mp4

Exit codes: 0 read, 3 the input cannot be read or is not media.")]
pub(super) struct Probe {
    /// The file; `-` is standard input
    #[arg(value_name = "IN")]
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
    info: Info,
    profiles: Vec<Prospect>,
}

/// What a profile would do.
#[derive(Debug, Serialize)]
struct Prospect {
    name: String,
    title: String,
    /// The plan in a sentence, unless it is refused.
    plan: Option<String>,
    /// Why it is refused.
    refused: Option<String>,
    /// Where the plan differs from the profile, and why.
    notes: Vec<String>,
}

impl Probe {
    pub(super) fn run(self) -> Outcome {
        let input = Input::named(&self.input);
        let source = input::source(&input, input.open(&AtomicBool::new(false))?)?;
        let engines = Engines::find();
        let never = Arc::new(AtomicBool::new(false));
        let info = reelmill_media::probe_with(source, input.hint().as_deref(), &engines, &never).map_err(
            |error| match error.kind() {
                ErrorKind::Io => input.unreadable(error),
                _ => Failure::new(Kind::Input, format!("cannot probe {}: {error}", input.name())),
            },
        )?;
        let prospects = Profile::builtin().into_iter().map(|profile| prospect(&profile, &info, &engines));
        let profiles = prospects.collect::<Result<_, _>>()?;
        let found = Found { input: input.name(), info, profiles };
        if self.json {
            say_json(&found)?;
        } else {
            say(found.in_words())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn prospect(profile: &Profile, info: &Info, engines: &Engines) -> Result<Prospect, Failure> {
    let target = target_of_profile(profile)?;
    let (plan, refused, notes) = match reelmill_media::plan(info, &target, engines) {
        Ok(Plan { summary, notes, .. }) => (Some(summary), None, notes),
        Err(error) => (None, Some(error.to_string()), Vec::new()),
    };
    Ok(Prospect { name: profile.name.clone(), title: profile.title.clone(), plan, refused, notes })
}

impl Found {
    fn in_words(&self) -> String {
        let info = &self.info;
        let mut text = format!("{}: {}", self.input, info.container);
        if let Some(ms) = info.duration_ms {
            let _ = write!(text, ", {}", clock(Duration::from_millis(ms)));
        }
        let _ = write!(text, "\n  audio  {}", audio_in_words(&info.audio));
        if !info.other_tracks.is_empty() {
            let _ = write!(text, "\n  also   {}", info.other_tracks.join(", "));
        }
        let tags: Vec<String> = info
            .tags
            .iter()
            .map(|(name, value)| format!("{}: {}", name.to_lowercase(), one_line(value)))
            .collect();
        if !tags.is_empty() {
            let _ = write!(text, "\n  tags   {}", tags.join("\n         "));
        }
        if info.has_cover {
            text.push_str("\n  cover  yes");
        }
        let starts = info
            .chapters
            .iter()
            .map(|one| format!("{} {}", clock(Duration::from_micros(one.start_us)), one_line(&one.title)));
        let chapters: Vec<String> = starts.collect();
        if !chapters.is_empty() {
            let _ = write!(text, "\n  parts  {}", chapters.join("\n         "));
        }
        let rows: Vec<[String; 2]> = self.profiles.iter().flat_map(Prospect::rows).collect();
        let _ = write!(text, "\n\n{}", table(&rows));
        text
    }
}

impl Prospect {
    fn rows(&self) -> Vec<[String; 2]> {
        let refused = self.refused.as_ref().map(|why| format!("refused: {why}"));
        let first = self.plan.clone().or(refused).unwrap_or_default();
        let notes = self.notes.iter().map(|note| [String::new(), format!("({note})")]);
        std::iter::once([self.name.clone(), first]).chain(notes).collect()
    }
}

fn audio_in_words(audio: &AudioTrack) -> String {
    let mut parts = vec![audio.codec_label.clone()];
    if audio.sample_rate_hz > 0 {
        parts.push(format!("{} kHz", f64::from(audio.sample_rate_hz) / 1000.0));
    }
    match audio.channels {
        0 => {}
        1 => parts.push("mono".to_owned()),
        2 => parts.push("stereo".to_owned()),
        more => parts.push(format!("{more} channels")),
    }
    if let Some(frames) = audio.opus.and_then(|opus| opus.packet_frames) {
        parts.push(format!("packets of {} ms", f64::from(frames) / 48.0));
    }
    parts.extend(audio.bits_per_sample.map(|bits| format!("{bits} bit")));
    parts.extend(audio.bit_rate_bps.map(|bps| format!("{} kbit/s", (bps + 500) / 1000)));
    parts.join(", ")
}

/// A tag comes from a stranger: no control character reaches the terminal, and a lyric does not fill it.
fn one_line(value: &str) -> String {
    const SHOWN_CHARS: usize = 100;
    let mut shown: String =
        value.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN_CHARS).collect();
    if value.chars().count() > SHOWN_CHARS {
        shown.push('…');
    }
    shown
}
