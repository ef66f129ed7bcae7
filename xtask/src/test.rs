//! `cargo xtask test`: every check of the workspace, one after the other, and one summary.
//!
//! A part that fails fails the run, but the later ones still run where they make sense: whoever reads the summary wants
//! to know all that is wrong. The last line is the sum over all test cases, in the form that every runner knows.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cases::{self, Case, Counts, EVERYTHING, Outcome, PROOF, Selection};
use crate::deny::{self, Advisories};
use crate::fuzz;
use crate::place::{Place, emptied, remove};
use crate::servers::Servers;
use crate::setup::{self, State};
use crate::table;

/// A part of the run, by its name on the command line.
type Part = &'static str;

/// All parts, in the order in which they run.
pub(crate) const PARTS: [Part; 7] = ["setup", "fmt", "clippy", "deny", "tests", "e2e", "fuzz"];

/// The package of the fuzz targets.
const FUZZ: &str = "fuzz/Cargo.toml";

/// The part called `name`.
pub(crate) fn part(name: &str) -> Result<Part> {
    let known = PARTS.into_iter().find(|part| *part == name);
    known.with_context(|| format!("no part is called `{name}`; there are {}", PARTS.join(", ")))
}

/// `cargo xtask test`; whether nothing failed.
pub(crate) fn command(place: &Place, parts: &[Part]) -> Result<bool> {
    let mut session =
        Session { place, rows: Vec::new(), cases: Vec::new(), notes: Vec::new(), servers: None };
    emptied(&place.ignored())?;
    emptied(&place.scratch())?;
    for part in parts {
        println!("\n=== {part}");
        let began = Instant::now();
        let verdict = session.verdict(part).unwrap_or_else(|error| Verdict::Failed(format!("{error:#}")));
        if let Verdict::Failed(reason) = &verdict {
            println!("{part} failed: {reason}");
        }
        session.rows.push(Row { part, verdict, took: began.elapsed() });
    }
    let green = session.rows.iter().all(|row| matches!(row.verdict, Verdict::Passed));
    if green {
        remove(&place.scratch())?;
    }
    session.summarize();
    Ok(green)
}

/// Builds the binary that is measured: the release profile with every feature; whether it builds.
pub(crate) fn build(place: &Place) -> Result<bool> {
    let words = ["build", "--release", "--package", "reelmill"];
    place.cargo().args(words.into_iter().chain(EVERYTHING)).run()
}

struct Session<'a> {
    place: &'a Place,
    rows: Vec<Row>,
    cases: Vec<Case>,
    /// What was left out besides test cases, and why.
    notes: Vec<(String, String)>,
    /// Up from the first part that needs them to the end.
    servers: Option<Servers>,
}

struct Row {
    part: Part,
    verdict: Verdict,
    took: Duration,
}

enum Verdict {
    Passed,
    Failed(String),
}

impl Verdict {
    fn of(passed: bool, reason: &str) -> Self {
        if passed { Self::Passed } else { Self::Failed(reason.into()) }
    }
}

impl Session<'_> {
    fn verdict(&mut self, part: Part) -> Result<Verdict> {
        let cargo = |words: &[&str]| self.place.cargo().args(words).run();
        match part {
            "setup" => self.set_up(),
            "fmt" => {
                // The fuzz targets are no part of the workspace.
                let all = [&["fmt", "--all", "--check"][..], &["fmt", "--manifest-path", FUZZ, "--check"]];
                let formatted = all.into_iter().map(cargo).collect::<Result<Vec<_>>>()?;
                Ok(Verdict::of(formatted.into_iter().all(|one| one), "not formatted"))
            }
            "clippy" => self.lint(),
            "deny" => self.check_dependencies(),
            "tests" => self.run_cases("default", "not binary(e2e)", None),
            "e2e" => self.run_cases("e2e", "binary(e2e)", None),
            "fuzz" => self.fuzz(),
            other => bail!("nothing is known of the part `{other}`"),
        }
    }

    fn set_up(&mut self) -> Result<Verdict> {
        let steps = setup::run(self.place)?;
        setup::show(&steps);
        let mut missing = Vec::new();
        for step in steps {
            if let State::Missing(reason) = step.state {
                missing.push(step.name.clone());
                self.notes.push((step.name, reason));
            }
        }
        let enough = missing.is_empty() || !setup::must_have_all();
        Ok(Verdict::of(enough, &format!("missing: {}", missing.join(", "))))
    }

    /// Everything with every feature, and what a newcomer builds as it is built then: code that only some feature uses
    /// is unused in there.
    fn lint(&self) -> Result<Verdict> {
        let strict = ["--", "-D", "warnings"];
        // In the profile of the tests, whose build scripts and macros it then shares.
        let lint = ["clippy", "--profile", PROOF];
        let all = lint.into_iter().chain(["--workspace", "--all-targets"]).chain(EVERYTHING).chain(strict);
        let all = self.place.cargo().args(all).run()?;
        let default = lint.into_iter().chain(["--package", "reelmill", "--package", "reelmill-backends"]);
        let default = self.place.cargo().args(default.chain(strict)).run()?;
        Ok(match (all, default) {
            (true, true) => Verdict::Passed,
            (false, _) => Verdict::Failed("lints".into()),
            (true, false) => Verdict::Failed("lints of the default features".into()),
        })
    }

    fn check_dependencies(&mut self) -> Result<Verdict> {
        let allowed = deny::check(self.place)?;
        let advisories = deny::advisories(self.place)?;
        if matches!(advisories, Advisories::OutOfReach) {
            self.notes.push(("advisories".into(), "their database is out of reach".into()));
        }
        Ok(match (allowed, advisories) {
            (false, _) => Verdict::Failed("licences, bans or sources".into()),
            (true, Advisories::Found) => Verdict::Failed("advisories apply".into()),
            (true, Advisories::Clear | Advisories::OutOfReach) => Verdict::Passed,
        })
    }

    fn fuzz(&mut self) -> Result<Verdict> {
        let cases = fuzz::run(self.place, None, fuzz::SHORT)?;
        Ok(self.count(cases, true))
    }

    fn run_cases(
        &mut self,
        profile: &str,
        filter: &str,
        besides: Option<(&'static str, OsString)>,
    ) -> Result<Verdict> {
        let mut environment = setup::environment(self.place);
        environment.extend(self.start_servers().environment());
        environment.extend(besides);
        let selection = Selection { profile, filter, environment: &environment };
        let (cases, content) = cases::run(self.place, &selection)?;
        Ok(self.count(cases, content))
    }

    /// Takes `cases` into the summary; a runner that was not content is a failure of its own.
    fn count(&mut self, cases: Vec<Case>, content: bool) -> Verdict {
        let counts = Counts::of(&cases);
        self.cases.extend(cases);
        let reason = format!("{} of {} cases", counts.failed, counts.passed + counts.failed);
        Verdict::of(content && counts.failed == 0, &reason)
    }

    /// The servers of this run, started where none of its parts has needed them before.
    fn start_servers(&mut self) -> &Servers {
        let (place, notes) = (self.place, &mut self.notes);
        self.servers.get_or_insert_with(|| {
            let servers = Servers::start(place);
            notes.extend(servers.missing.iter().cloned());
            servers
        })
    }

    fn summarize(&self) {
        let heads = ["port", "backend", "passed", "failed", "ignored", "reason"];
        table::print("Conformance", &heads, &self.conformance());
        table::print("Ignored", &["what", "reason"], &self.ignored());
        table::print("Failed", &["case"], &self.failed());
        table::print("Parts", &["part", "time", "result"], &self.parts());
        if !self.cases.is_empty() {
            let Counts { passed, failed, ignored } = Counts::of(&self.cases);
            println!("\n{passed} passed, {failed} failed, {ignored} skipped");
        }
    }

    fn conformance(&self) -> Vec<Vec<String>> {
        let mut backends: BTreeMap<(&str, &str), (Counts, BTreeSet<&str>)> = BTreeMap::new();
        for case in &self.cases {
            if let Some(key) = case.port_and_backend() {
                let (counts, reasons) = backends.entry(key).or_default();
                counts.add(case);
                if let Outcome::Ignored(reason) = &case.outcome {
                    reasons.insert(reason);
                }
            }
        }
        let row = |((port, backend), (counts, reasons)): ((&str, &str), (Counts, BTreeSet<&str>))| {
            let numbers = [counts.passed, counts.failed, counts.ignored].map(|number| number.to_string());
            let reasons = reasons.into_iter().collect::<Vec<_>>().join("; ");
            [port, backend].into_iter().map(String::from).chain(numbers).chain([reasons]).collect()
        };
        backends.into_iter().map(row).collect()
    }

    fn ignored(&self) -> Vec<Vec<String>> {
        let cases = self.cases.iter().filter_map(|case| match &case.outcome {
            Outcome::Ignored(reason) => Some(vec![case.full_name(), reason.clone()]),
            Outcome::Passed | Outcome::Failed => None,
        });
        self.notes.iter().map(|(what, reason)| vec![what.clone(), reason.clone()]).chain(cases).collect()
    }

    fn failed(&self) -> Vec<Vec<String>> {
        let failed = self.cases.iter().filter(|case| matches!(case.outcome, Outcome::Failed));
        failed.map(|case| vec![case.full_name()]).collect()
    }

    fn parts(&self) -> Vec<Vec<String>> {
        let row = |row: &Row| {
            let result = match &row.verdict {
                Verdict::Passed => "passed".to_owned(),
                Verdict::Failed(reason) => format!("FAILED: {reason}"),
            };
            vec![row.part.to_owned(), table::seconds(row.took), result]
        };
        let total = self.rows.iter().map(|row| row.took).sum();
        let last = vec!["in all".to_owned(), table::seconds(total), String::new()];
        self.rows.iter().map(row).chain([last]).collect()
    }
}
