//! Rates of two who took turns, and what is left of them: how they stand to each other, round by round.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What was done in a second, by what it was.
pub(crate) type Rates = BTreeMap<String, f64>;

/// One turn of each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Round {
    /// Of this program.
    pub(crate) ours: Rates,
    /// Of the other.
    pub(crate) peer: Rates,
}

/// Ratios of ours to the peer's over all rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

/// The rounds that a program printed, `{"ours": {…}, "plain": {…}}` a line; what else it says is for people.
pub(crate) fn rounds(printed: &str) -> Result<Vec<Round>> {
    let lines = printed.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| round(line).with_context(|| format!("`{line}` is no round"))).collect()
}

fn round(line: &str) -> Result<Round> {
    let round: Value = serde_json::from_str(line)?;
    Ok(Round { ours: rates(&round["ours"])?, peer: rates(&round["plain"])? })
}

/// The rates in an object of them.
pub(crate) fn rates(object: &Value) -> Result<Rates> {
    let object = object.as_object().context("it is no object of rates")?;
    let rate = |(what, rate): (&String, &Value)| {
        let rate = rate.as_f64().filter(|rate| *rate > 0.0);
        Ok((what.clone(), rate.with_context(|| format!("`{what}` is no rate"))?))
    };
    object.iter().map(rate).collect()
}

/// How ours stood to the peer's, for everything that both measured in every round.
pub(crate) fn spreads(rounds: &[Round]) -> Result<BTreeMap<String, Spread>> {
    let Some(first) = rounds.first() else { bail!("no round was measured") };
    let spread = |what: &String| {
        let ratio = |round: &Round| Some(round.ours.get(what)? / round.peer.get(what)?);
        let ratios: Option<Vec<f64>> = rounds.iter().map(ratio).collect();
        let ratios = ratios.with_context(|| format!("`{what}` was not measured in every round"))?;
        Ok((what.clone(), Spread::of(ratios)))
    };
    first.ours.keys().map(spread).collect()
}

impl Spread {
    /// Of at least one ratio.
    pub(crate) fn of(mut ratios: Vec<f64>) -> Self {
        ratios.sort_by(f64::total_cmp);
        let (middle, last) = (ratios.len() / 2, ratios.len() - 1);
        let median = f64::midpoint(ratios[last / 2], ratios[middle]);
        Self { least: ratios[0], median, most: ratios[last] }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Rates, Round, Spread, rates, rounds, spreads};

    fn round(ours: f64, peer: f64) -> Round {
        let rates = |rate| Rates::from([("jobs".to_owned(), rate)]);
        Round { ours: rates(ours), peer: rates(peer) }
    }

    #[test]
    fn rounds_are_read_from_between_what_is_for_people() {
        let printed = "warming up\n{\"ours\":{\"jobs\":2},\"plain\":{\"jobs\":4.0}}\nratio 0.50\n";
        assert_eq!(rounds(printed).unwrap(), [round(2.0, 4.0)]);
    }

    #[test]
    fn a_line_that_is_no_round_is_refused() {
        for line in ["{\"ours\":{\"jobs\":2}}", "{\"ours\":1,\"plain\":{}}", "{\"ours\":"] {
            assert!(rounds(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_did_nothing_has_no_rate() {
        for rate in [json!({ "jobs": 0 }), json!({ "jobs": -1 }), json!({ "jobs": null }), json!([1])] {
            assert!(rates(&rate).is_err(), "{rate}");
        }
        assert_eq!(rates(&json!({ "jobs": 3 })).unwrap(), Rates::from([("jobs".to_owned(), 3.0)]));
    }

    #[test]
    fn a_ratio_is_taken_of_each_round_and_not_of_the_means() {
        let spread = spreads(&[round(30.0, 10.0), round(1.0, 2.0), round(200.0, 100.0)]).unwrap();
        assert_eq!(spread["jobs"], Spread { least: 0.5, median: 2.0, most: 3.0 });
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        let spread = spreads(&[round(4.0, 1.0), round(1.0, 1.0), round(2.0, 1.0), round(9.0, 1.0)]).unwrap();
        assert_eq!(spread["jobs"], Spread { least: 1.0, median: 3.0, most: 9.0 });
    }

    #[test]
    fn what_only_one_of_both_measured_is_refused() {
        let mut odd = round(1.0, 1.0);
        odd.ours.insert("upload".into(), 1.0);
        assert!(spreads(&[odd.clone()]).is_err());
        odd.peer.insert("upload".into(), 1.0);
        assert!(spreads(&[odd.clone(), round(1.0, 1.0)]).is_err());
        assert_eq!(spreads(&[odd]).unwrap().len(), 2);
    }

    #[test]
    fn no_round_is_no_result() {
        assert!(spreads(&[]).is_err());
    }
}
