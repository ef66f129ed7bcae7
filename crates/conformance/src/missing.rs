//! Cases whose server is not there: shown, never passed over in silence.
//!
//! `REELMILL_TEST_ALL=1` makes each of their cases a failure. Otherwise the cases are listed as ignored and, where
//! `REELMILL_IGNORED_DIR` names a folder, a file in it says why: a line `name<TAB>reason` for each case. A program
//! is listed more often than it is run, so a file is written whole each time.

use std::path::PathBuf;

use libtest_mimic::{Failed, Trial};

/// Cases that cannot be tried; `list` names the file that says why.
pub(crate) fn trials(list: &str, names: &[String], reason: &str) -> Vec<Trial> {
    if std::env::var("REELMILL_TEST_ALL").is_ok_and(|all| all == "1") {
        let fails = |name: &String| {
            let reason = reason.to_owned();
            Trial::test(name.clone(), move || Err(Failed::from(reason)))
        };
        return names.iter().map(fails).collect();
    }
    if let Some(folder) = std::env::var_os("REELMILL_IGNORED_DIR").map(PathBuf::from) {
        let lines: Vec<_> = names.iter().map(|name| format!("{name}\t{reason}\n")).collect();
        let file = folder.join(list);
        if let Err(error) = std::fs::write(&file, lines.concat()) {
            // A list of tests cannot fail by itself, so a test does.
            let said = format!("{}: {error}", file.display());
            return vec![Trial::test(format!("{list}::ignored"), || Err(Failed::from(said)))];
        }
    }
    names.iter().map(|name| Trial::test(name.clone(), || Ok(())).with_ignored_flag(true)).collect()
}
