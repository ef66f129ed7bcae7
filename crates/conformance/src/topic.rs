//! Cases of one backend alone: what it owes beyond its port, as named tests.
//!
//! A topic is what such cases are about, and the first part of their names. What they run on they find themselves, but
//! whether it is there is said once for all of them.

use std::pin::Pin;

use libtest_mimic::Trial;

use crate::missing;
use crate::suite::{Trials, attempt};

/// A case on its way.
pub type Running = Pin<Box<dyn Future<Output = ()>>>;

/// A case by its name, and what starts it: it panics where something is wrong.
pub type Sentence = (&'static str, fn() -> Running);

/// A list of [`Sentence`]s, each named like the function that shows it.
#[macro_export]
macro_rules! sentences {
    ($($about:ident::$sentence:ident)*) => {
        &[$((concat!(stringify!($about), "::", stringify!($sentence)), || Box::pin($about::$sentence()))),*]
    };
}

/// The tests `<topic>::<sentence>` of the program called `program`; `missing` says what they need and there is not, if so.
#[must_use]
pub fn topic<S: Fn() -> Running + Send + 'static>(
    program: &str,
    topic: &str,
    sentences: impl IntoIterator<Item = (&'static str, S)>,
    missing: Option<&str>,
) -> Trials {
    let cases = sentences.into_iter().map(|(sentence, start)| (format!("{topic}::{sentence}"), start));
    if let Some(reason) = missing {
        let names: Vec<_> = cases.map(|(name, _)| name).collect();
        return Trials(missing::trials(&format!("{program}-{topic}"), &names, reason));
    }
    Trials(cases.map(|(name, start)| Trial::test(name, move || attempt(async { start().await }))).collect())
}

/// What is said where one of these variables is not set: `otherwise` tells what that means.
#[must_use]
pub fn unset(variables: &[&str], otherwise: &str) -> Option<String> {
    let unset = variables.iter().find(|name| std::env::var_os(name).is_none())?;
    Some(format!("{unset} is not set: {otherwise}"))
}
