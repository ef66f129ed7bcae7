//! What `bench media` writes down: the table of targets, what the results are worth, and everybody's ratios to
//! everybody; for the README, the table alone. No seconds, since they say more of the machine than of the program.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use super::super::ratio::{self, Spread};
use super::Sizes;
use super::peers::Ffmpeg;
use super::quality::Quality;
use super::rounds::{Measured, OURS, Round};
use super::store::Outcome;
use super::work::{FIGURES, Figure, Input, Measure};
use crate::place::Place;

/// How far our distance to the source may lie from ffmpeg's, in dB.
const SNR_TOLERANCE_DB: f64 = 0.15;
/// What is asked of a store for one film.
const REQUESTS_LIMIT: f64 = 300.0;
/// The plot as the README finds it.
const PICTURE: &str = "bench/reports/media.svg";
/// Between these the README has the table.
const MARKS: [&str; 2] = ["<!-- bench media: begin -->", "<!-- bench media: end -->"];

/// All that was measured.
pub(crate) struct Results<'a> {
    pub(crate) ffmpegs: &'a [Ffmpeg; 2],
    pub(crate) works: &'a [Measured],
    pub(crate) store: &'a Outcome,
}

/// A row of the table.
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) target: f64,
    pub(crate) beyond: Option<f64>,
    /// The ratio, or why there is none.
    pub(crate) ratio: Result<Spread, String>,
    /// Whose it is the ratio to.
    peer: String,
    quality: String,
}

impl Row {
    /// What the median is to the target, in words.
    fn verdict(&self) -> &'static str {
        match &self.ratio {
            Err(_) => "not measured",
            Ok(spread) if self.beyond.is_some_and(|beyond| spread.median <= beyond) => "reached, beyond too",
            Ok(spread) if spread.median <= self.target => "reached",
            Ok(_) => "**not reached**",
        }
    }
}

impl Results<'_> {
    /// The table's rows.
    pub(crate) fn figures(&self) -> Result<Vec<Row>> {
        let mut rows: Vec<Row> = FIGURES.iter().map(|figure| self.figure(figure)).collect::<Result<_>>()?;
        rows.push(self.store()?);
        rows.push(self.memory());
        Ok(rows)
    }

    fn figure(&self, figure: &Figure) -> Result<Row> {
        let measured = self.works.iter().find(|measured| measured.work.name == figure.work);
        let measured = measured.with_context(|| format!("no work is called {}", figure.work))?;
        let ratio = self.better(measured, figure.ours, figure.ffmpeg, figure.measure);
        let (ratio, peer) = match (ratio, measured.reason(figure.ours)) {
            (Some((spread, peer)), None) => (Ok(spread), peer.to_owned()),
            (_, reason) => (Err(reason.unwrap_or("no round was taken").into()), String::new()),
        };
        Ok(Row {
            title: figure.title.into(),
            target: figure.target,
            beyond: figure.beyond,
            quality: if ratio.is_ok() { worth(measured) } else { String::new() },
            ratio,
            peer,
        })
    }

    /// Ours to the ffmpeg that is better at it, and its name.
    fn better(&self, measured: &Measured, ours: &str, way: &str, measure: Measure) -> Option<(Spread, &str)> {
        let peers = self.ffmpegs.iter();
        let ratios = peers.filter_map(|ffmpeg| {
            Some((spread(&measured.rounds, ours, (ffmpeg.name, way), measure)?, ffmpeg.name))
        });
        ratios.max_by(|(one, _), (other, _)| one.median.total_cmp(&other.median))
    }

    fn store(&self) -> Result<Row> {
        let (ratio, quality) = match self.store {
            Outcome::Missing(reason) | Outcome::Failed(reason) => (Err(reason.clone()), String::new()),
            Outcome::Rounds(rounds) => {
                let spread = ratio::spreads(rounds)?.remove("seconds").context("no seconds were measured")?;
                let most = |what: &str| {
                    rounds.iter().filter_map(|round| round.ours.get(what)).copied().fold(0.0, f64::max)
                };
                let (requests, bytes) = (most("requests"), most("bytes"));
                let verdict = if requests <= REQUESTS_LIMIT { "" } else { ", **too many**" };
                (Ok(spread), format!("{requests:.0} requests{verdict}, {:.1} MB read", bytes / 1e6))
            }
        };
        Ok(Row {
            title: "720p MP4 → mp3 from a store 20 ms away at 50 MB/s, against the better of one read and pure ranges".into(),
            target: 1.05,
            beyond: Some(1.0),
            peer: if ratio.is_ok() { "the better of both".into() } else { String::new() },
            ratio,
            quality,
        })
    }

    /// The work in which ours needs the most memory beside the smaller ffmpeg. Clips are left out: two at a time are one
    /// process here and two there.
    fn memory(&self) -> Row {
        let long = self.works.iter().filter(|measured| measured.work.input != Input::Clips);
        let ratios = long.flat_map(|measured| {
            let ways = measured
                .work
                .ours
                .iter()
                .flat_map(|own| measured.work.ffmpeg.iter().map(move |way| (own, way)));
            ways.filter_map(|(own, way)| {
                let (spread, peer) = self.better(measured, own.name, way.name, Measure::Peak)?;
                Some((spread, peer, measured.work.title))
            })
        });
        let worst = ratios.max_by(|(one, ..), (other, ..)| one.median.total_cmp(&other.median));
        let (ratio, peer, quality) = match worst {
            Some((spread, peer, title)) => (Ok(spread), peer.to_owned(), format!("the most in {title}")),
            None => (Err("nothing was measured".into()), String::new(), String::new()),
        };
        Row { title: "peak memory".into(), target: 1.0, beyond: Some(0.5), ratio, peer, quality }
    }
}

/// How ours stands to `peer` over the rounds.
fn spread(rounds: &[Round], ours: &str, peer: (&str, &str), measure: Measure) -> Option<Spread> {
    let of = |round: &Round, (who, way): (&str, &str)| {
        round
            .iter()
            .find(|((name, named), _)| *name == who && *named == way)
            .map(|(_, spent)| measure.of(spent))
    };
    let ratios: Option<Vec<f64>> =
        rounds.iter().map(|round| Some(of(round, (OURS, ours))? / of(round, peer)?)).collect();
    ratios.filter(|ratios| !ratios.is_empty()).map(Spread::of)
}

/// What the results are worth, the worst of all rounds.
fn worth(measured: &Measured) -> String {
    if let Some(copied) = measured.copied {
        return if copied { "every packet as it was".into() } else { "**packets differ**".into() };
    }
    let quality = &measured.quality;
    let most = |value: fn(&Quality) -> f64| quality.iter().map(value).fold(0.0, f64::max);
    let off = quality.iter().map(|one| one.samples_off).max_by_key(|off| off.abs()).unwrap_or_default();
    let warnings: usize = quality.iter().map(|one| one.warnings).sum();
    let mut parts = vec![format!("size {:.3}", most(|one| one.size))];
    parts.push(match off {
        0 => "samples exact".into(),
        off => format!("{off:+} samples"),
    });
    parts.push(if warnings == 0 { "no warning".into() } else { format!("**{warnings} warnings**") });
    let far =
        quality.iter().filter_map(|one| one.snr_db).max_by(|one, other| gap(*one).total_cmp(&gap(*other)));
    if let Some((ours, theirs)) = far {
        let verdict = if gap((ours, theirs)) <= SNR_TOLERANCE_DB { "" } else { " **apart**" };
        parts.push(format!("SNR {ours:.2} dB, ffmpeg's {theirs:.2}{verdict}"));
    }
    parts.join("; ")
}

fn gap((ours, theirs): (f64, f64)) -> f64 {
    (ours - theirs).abs()
}

/// The report's text.
pub(crate) fn text(circumstances: &str, sizes: &Sizes, results: &Results, rows: &[Row]) -> Result<String> {
    let [debian, newest] = results.ffmpegs;
    let Sizes { command, rounds, lengths, .. } = sizes;
    let mut text = format!("# Conversions\n\n`{command}`\n\n{}\n", circumstances.trim_end());
    write!(
        text,
        "| ffmpeg | Debian's {}, newest packaged {} |\n\n\
         ![Ours to the better ffmpeg's, with the targets](media.svg)\n\n\
         A figure is ours to the ffmpeg's that is better at it, whole processes, the median of {rounds} rounds with least and\n\
         most; below 1 ours is ahead. In a round everybody takes a turn on the same input, another\n\
         first each time and each right behind a short conversion of the same kind, and no two rounds have the same input:\n\
         {} s of music and speech with a film's picture, {} s for mp3 → wav, {} clips of 2 s. The release profile as\n\
         it is built from a checkout. Both sides run LAME at effort 3, and libopus at its highest; where both encode Opus, at\n\
         a freely varying rate. ffmpeg gets `-vn`.\n\n",
        debian.version, newest.version, lengths.film_s, lengths.song_s, lengths.clips
    )?;
    text.push_str(&table(rows, true)?);
    text.push_str(
        "\nQuality is the worst of all rounds, of ten clips the mean distance: our size to that of Debian's ffmpeg's result; samples by what the newest\n\
         ffmpeg decodes of the source and of ours; its warnings; and the distance to the source, once the delay is taken\n\
         out. A distance within 0.15 dB of Debian's ffmpeg's says that both did the same work, not that it sounds good.\n\
         DCA has no word for priming and ends on a whole packet, so it is longer by what both come to.\n",
    );
    everybody(&mut text, results)?;
    Ok(text)
}

fn table(rows: &[Row], is_whole: bool) -> Result<String> {
    let mut text = if is_whole {
        "| Work | Ours / ffmpeg's | Least – most | Target | Beyond | | Better ffmpeg | Quality |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned()
    } else {
        "| Work | Ours / ffmpeg's | Least – most | Target | |\n| --- | --- | --- | --- | --- |\n".to_owned()
    };
    for row in rows {
        let (median, spread) = match &row.ratio {
            Ok(spread) => {
                (number(spread.median), format!("{} – {}", number(spread.least), number(spread.most)))
            }
            Err(_) => ("–".into(), "–".into()),
        };
        let verdict = row.verdict();
        let start = format!("| {} | {median} | {spread} | ≤ {} |", row.title, plain(row.target));
        if is_whole {
            let beyond = row.beyond.map_or_else(String::new, |beyond| format!("≤ {}", plain(beyond)));
            let quality = match &row.ratio {
                Ok(_) => &row.quality,
                Err(reason) => reason,
            };
            let quality = quality.replace('|', "/");
            writeln!(text, "{start} {beyond} | {verdict} | {} | {quality} |", row.peer)?;
        } else {
            writeln!(text, "{start} {verdict} |")?;
        }
    }
    Ok(text)
}

fn everybody(text: &mut String, results: &Results) -> Result<()> {
    text.push_str(
        "\n## Everybody\n\n| Work | Ours | ffmpeg | Wall | CPU | Peak memory |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for measured in results.works {
        let ways =
            measured.work.ours.iter().flat_map(|own| measured.work.ffmpeg.iter().map(move |way| (own, way)));
        for (own, way) in ways {
            for ffmpeg in results.ffmpegs {
                let of = |measure| spread(&measured.rounds, own.name, (ffmpeg.name, way.name), measure);
                let [Some(wall), Some(cpu), Some(peak)] =
                    [Measure::Wall, Measure::Cpu, Measure::Peak].map(of)
                else {
                    continue;
                };
                let [wall, cpu, peak] = [wall, cpu, peak].map(|spread| cell(&spread));
                let title = measured.work.title;
                writeln!(
                    text,
                    "| {title} | {} | {}, {} | {wall} | {cpu} | {peak} |",
                    own.name, ffmpeg.name, way.name
                )?;
            }
        }
    }
    Ok(())
}

fn cell(spread: &Spread) -> String {
    format!("{} ({} – {})", number(spread.median), number(spread.least), number(spread.most))
}

/// With as many digits as it takes to see something of it.
pub(crate) fn number(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.4}") } else { format!("{ratio:.2}") }
}

/// A target as people write it.
fn plain(target: f64) -> String {
    format!("{target}")
}

/// Puts the plot and the table between the README's marks.
pub(crate) fn into_readme(place: &Place, rows: &[Row]) -> Result<()> {
    let path = place.root.join("README.md");
    let readme = fs::read_to_string(&path).context("cannot read the README")?;
    let content = format!("\n![Ours to the better ffmpeg's]({PICTURE})\n\n{}\n", table(rows, false)?);
    let readme = between_marks(&readme, &content)?;
    fs::write(&path, readme).context("cannot write the README")?;
    println!("wrote {}", path.display());
    Ok(())
}

fn between_marks(readme: &str, table: &str) -> Result<String> {
    let [begin, end] = MARKS;
    let (before, rest) = readme.split_once(begin).with_context(|| format!("the README has no {begin}"))?;
    let (_, after) = rest.split_once(end).with_context(|| format!("the README has no {end}"))?;
    Ok(format!("{before}{begin}\n{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::super::stopwatch::Spent;
    use super::{MARKS, Measure, Round, Row, Spread, between_marks, number, spread, table};

    fn row(median: f64, target: f64, beyond: Option<f64>) -> Row {
        let ratio = Ok(Spread { least: median, median, most: median });
        Row { title: "work".into(), target, beyond, ratio, peer: "newest".into(), quality: String::new() }
    }

    #[test]
    fn a_median_at_the_target_has_reached_it() {
        assert_eq!(row(0.64, 0.64, Some(0.58)).verdict(), "reached");
        assert_eq!(row(0.58, 0.64, Some(0.58)).verdict(), "reached, beyond too");
        assert_eq!(row(0.65, 0.64, Some(0.58)).verdict(), "**not reached**");
        let missing = Row { ratio: Err("no such option".into()), ..row(0.0, 1.0, None) };
        assert_eq!(missing.verdict(), "not measured");
        assert!(
            table(&[missing], true)
                .unwrap()
                .contains("| – | – | ≤ 1 |  | not measured | newest | no such option |")
        );
    }

    #[test]
    fn a_ratio_is_of_the_two_that_are_named() {
        let spent = |wall_s| Spent { wall_s, cpu_s: 2.0 * wall_s, peak_mib: 8.0 };
        let round = Round::from([
            (("ours", "a"), spent(1.0)),
            (("newest", "b"), spent(4.0)),
            (("ours", "b"), spent(9.0)),
        ]);
        let wall = spread(std::slice::from_ref(&round), "a", ("newest", "b"), Measure::Wall).unwrap();
        assert!((wall.median - 0.25).abs() < 1e-9);
        assert_eq!(spread(&[round], "a", ("newest", "a"), Measure::Wall), None);
        assert_eq!(spread(&[], "a", ("newest", "b"), Measure::Wall), None);
    }

    #[test]
    fn the_readme_keeps_all_that_is_not_between_its_marks() {
        let [begin, end] = MARKS;
        let readme = format!("before {begin} old {end} after");
        assert_eq!(between_marks(&readme, "new\n").unwrap(), format!("before {begin}\nnew\n{end} after"));
        assert!(between_marks("no marks", "new").is_err());
    }

    #[test]
    fn small_ratios_have_more_digits() {
        assert_eq!(number(0.0021), "0.0021");
        assert_eq!(number(0.638), "0.64");
    }
}
