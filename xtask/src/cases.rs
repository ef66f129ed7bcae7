//! Runs a selection of tests through nextest and reads what became of each case.
//!
//! nextest's report names the cases that ran but not the ignored ones, its list names all: the two together say
//! what became of each. A case that was listed and does not appear in the report failed, whatever else was green.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::place::Place;
use crate::program::Program;

/// Where nextest leaves its reports by its configuration, whatever cargo's target folder is.
const NEXTEST_STORE: &str = "target/nextest";

/// What cargo builds for every part of a run but the first look at the default build: one choice of features, so that
/// nothing is built twice, and the one in which every backend is there to be held to its promises.
pub(crate) const EVERYTHING: [&str; 2] = ["--features", "reelmill/full"];

/// The profile that tests are built in: the release with assertions, built once for all of them, and for the binary that
/// end-to-end tests run.
pub(crate) const PROOF: &str = "proof";

/// What to run, and how.
pub(crate) struct Selection<'a> {
    /// A profile of `.config/nextest.toml`.
    pub(crate) profile: &'a str,
    /// An expression of nextest's filter language.
    pub(crate) filter: &'a str,
    /// The variables that tests read.
    pub(crate) environment: &'a [(&'static str, OsString)],
}

/// A test case after a run.
pub(crate) struct Case {
    /// The test target that holds it, `e2e` for example.
    pub(crate) binary: String,
    /// nextest's name for that target, with the package.
    suite: String,
    /// Its name within the target.
    pub(crate) name: String,
    /// What became of it.
    pub(crate) outcome: Outcome,
}

/// What became of a case.
pub(crate) enum Outcome {
    /// It ran and passed.
    Passed,
    /// It ran and failed, or was to run and did not.
    Failed,
    /// It was not run, for this reason.
    Ignored(String),
}

/// How many cases ended how.
#[derive(Default)]
pub(crate) struct Counts {
    /// Passed.
    pub(crate) passed: usize,
    /// Failed.
    pub(crate) failed: usize,
    /// Ignored.
    pub(crate) ignored: usize,
}

impl Case {
    /// One that another runner than nextest ran.
    pub(crate) fn outside_nextest(runner: &str, name: String, outcome: Outcome) -> Self {
        Self { binary: runner.into(), suite: runner.into(), name, outcome }
    }

    /// The name with which nextest tells it from all others.
    pub(crate) fn full_name(&self) -> String {
        format!("{} {}", self.suite, self.name)
    }

    /// Port and backend, where this is a conformance case.
    pub(crate) fn port_and_backend(&self) -> Option<(&str, &str)> {
        let (port, rest) = self.name.split_once("::")?;
        let (backend, _promise) = rest.split_once("::")?;
        (self.binary == "conformance").then_some((port, backend))
    }
}

impl Counts {
    /// Counts `case` too.
    pub(crate) fn add(&mut self, case: &Case) {
        match case.outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Ignored(_) => self.ignored += 1,
        }
    }

    /// Counts `cases`.
    pub(crate) fn of(cases: &[Case]) -> Self {
        let mut counts = Self::default();
        for case in cases {
            counts.add(case);
        }
        counts
    }
}

/// Builds and runs what `selection` names; the cases, and whether nextest was content.
pub(crate) fn run(place: &Place, selection: &Selection) -> Result<(Vec<Case>, bool)> {
    let list = nextest(place, "list", selection).args(["--message-format", "json"]).json()?;
    let junit = place.root.join(NEXTEST_STORE).join(selection.profile).join("junit.xml");
    if junit.exists() {
        fs::remove_file(&junit).with_context(|| format!("cannot remove {}", junit.display()))?;
    }
    let content = nextest(place, "run", selection).run()?;
    let report =
        fs::read_to_string(&junit).with_context(|| format!("nextest left no {}", junit.display()))?;
    let mut cases = cases(&list, &outcomes(&report)?);
    name_reasons(&mut cases, &place.ignored());
    Ok((cases, content))
}

fn nextest(place: &Place, verb: &str, selection: &Selection) -> Program {
    let Selection { profile, filter, environment } = selection;
    // Examples are programs that measure; clippy sees to it that they compile.
    let targets = ["nextest", verb, "--workspace", "--lib", "--bins", "--tests", "--cargo-profile", PROOF];
    let words = ["--profile", profile, "-E", filter];
    let program = place.cargo().args(targets).args(words).args(EVERYTHING);
    environment.iter().fold(program, |program, (name, value)| program.env(name, value))
}

/// Whether each case of a `JUnit` report passed, by target and name.
fn outcomes(report: &str) -> Result<HashMap<(String, String), bool>> {
    let document = roxmltree::Document::parse(report).context("nextest's JUnit report cannot be read")?;
    let ran = document.descendants().filter(|node| node.has_tag_name("testcase")).map(|node| {
        let attribute = |name| node.attribute(name).unwrap_or_default().to_owned();
        let passed =
            !node.children().any(|child| child.has_tag_name("failure") || child.has_tag_name("error"));
        ((attribute("classname"), attribute("name")), passed)
    });
    Ok(ran.collect())
}

/// The selected cases of nextest's list with their outcomes.
fn cases(list: &Value, outcomes: &HashMap<(String, String), bool>) -> Vec<Case> {
    let mut cases = Vec::new();
    for (suite, about) in list["rust-suites"].as_object().into_iter().flatten() {
        for (name, listed) in about["testcases"].as_object().into_iter().flatten() {
            let passed = outcomes.get(&(suite.clone(), name.clone()));
            let selection = &listed["filter-match"];
            let outcome = match passed {
                Some(true) => Outcome::Passed,
                Some(false) => Outcome::Failed,
                None if selection["status"] == "matches" => Outcome::Failed,
                None if selection["reason"] == "ignored" => Outcome::Ignored("no reason given".into()),
                None => continue,
            };
            let binary = about["binary-name"].as_str().unwrap_or_default().to_owned();
            cases.push(Case { binary, suite: suite.clone(), name: name.clone(), outcome });
        }
    }
    cases
}

/// Puts the reasons that test binaries left in `folder` to their ignored cases.
fn name_reasons(cases: &mut [Case], folder: &Path) {
    let files = reasons(folder);
    for case in cases {
        let Outcome::Ignored(reason) = &mut case.outcome else { continue };
        let own = files.iter().filter(|(file, _)| belongs(file, &case.binary));
        let mut lines = own.flat_map(|(_, text)| text.lines()).filter_map(|line| line.split_once('\t'));
        if let Some((_, known)) = lines.find(|(name, _)| *name == case.name) {
            known.clone_into(reason);
        }
    }
}

/// Whether a file of reasons is one of this target's: `e2e.tsv`, or `conformance-catalog-mysql` as one of several.
fn belongs(file: &str, target: &str) -> bool {
    file.strip_prefix(target).is_some_and(|rest| rest.starts_with(['.', '-']))
}

/// The files in `folder`, by name. A target whose cases carry plain `#[ignore]` leaves none.
fn reasons(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let read = |entry: fs::DirEntry| {
        Some((entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path()).ok()?))
    };
    entries.filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Counts, belongs, cases, outcomes};

    const REPORT: &str = r#"<testsuites><testsuite name="b::conformance">
        <testcase name="catalog::memory::good" classname="b::conformance" time="0.1"/>
        <testcase name="catalog::sqlite::bad" classname="b::conformance"><failure type="x"/></testcase>
        </testsuite></testsuites>"#;

    #[test]
    fn a_target_may_leave_its_reasons_in_several_files() {
        assert!(belongs("e2e.tsv", "e2e"));
        assert!(belongs("conformance-objects-s3", "conformance"));
        assert!(!belongs("source.tsv", "e2e"));
        assert!(!belongs("conformances.tsv", "conformance"));
    }

    #[test]
    fn a_case_that_was_selected_and_not_reported_failed() {
        let selected = json!({ "filter-match": { "status": "matches" } });
        let ignored = json!({ "filter-match": { "status": "mismatch", "reason": "ignored" } });
        let elsewhere = json!({ "filter-match": { "status": "mismatch", "reason": "expression" } });
        let list = json!({ "rust-suites": { "b::conformance": { "binary-name": "conformance", "testcases": {
            "catalog::memory::good": selected, "catalog::sqlite::bad": selected, "catalog::sqlite::lost": selected,
            "catalog::sqlite::left_out": ignored, "catalog::sqlite::not_asked_for": elsewhere,
        }}}});
        let cases = cases(&list, &outcomes(REPORT).unwrap());
        let counts = Counts::of(&cases);
        assert_eq!((counts.passed, counts.failed, counts.ignored), (1, 2, 1));
        assert_eq!(cases[0].port_and_backend(), Some(("catalog", "memory")));
    }
}
