//! The variables of other services' contracts, for those who run Reelmill in their place.
//!
//! A desktop exports REGION or USERNAME for reasons of its own, so a contract's variables count as a whole set or not
//! at all. Each contract is a row that says which settings its set stands for; flags and `REELMILL_*` go over them.

use std::path::Path;

use super::error::ConfigError;
use super::settings::encoded;

/// Another service's variables.
#[derive(Debug)]
pub(super) struct Contract {
    /// What the service is called.
    name: &'static str,
    /// What its set consists of.
    needed: &'static [&'static str],
    /// Those of them that nothing else uses: where all of these are there, the set is meant.
    telling: &'static [&'static str],
    /// The settings that it stands for.
    means: fn(&Set) -> Vec<Meaning>,
}

/// A setting's key, its text, and the variable that says so.
pub(super) type Meaning = (&'static str, String, &'static str);

/// The contracts whose variables are known.
pub(super) const CONTRACTS: &[Contract] = &[Contract {
    name: "music bot",
    needed: &[
        "BUCKET_NAME",
        "REGION",
        "YOUTUBE_API_KEY",
        "DYNAMODB_TABLE_NAME_SONGS",
        "DYNAMODB_TABLE_NAME_OPERATION",
    ],
    telling: &["DYNAMODB_TABLE_NAME_SONGS", "DYNAMODB_TABLE_NAME_OPERATION"],
    means: music_bot,
}];

/// The values of a contract that counts.
#[derive(Debug)]
struct Set<'a>(&'a dyn Environment);

/// Where variables are looked up.
pub(super) trait Environment: std::fmt::Debug {
    /// A variable's value, unless it is empty.
    fn variable(&self, name: &str) -> Option<&str>;
}

impl Set<'_> {
    fn text(&self, name: &str) -> String {
        encoded(Path::new(self.0.variable(name).unwrap_or_default()))
    }

    /// The variable as it is, as a setting's value.
    fn plain(&self, key: &'static str, variable: &'static str) -> Option<Meaning> {
        Some((key, self.0.variable(variable)?.to_owned(), variable))
    }
}

fn music_bot(set: &Set) -> Vec<Meaning> {
    let (region, songs) = (set.text("REGION"), set.text("DYNAMODB_TABLE_NAME_SONGS"));
    let operations = set.text("DYNAMODB_TABLE_NAME_OPERATION");
    let catalog = format!("dynamodb://{region}?songs={songs}&operations={operations}");
    let objects = format!("s3://{}?region={region}", set.text("BUCKET_NAME"));
    let log = match set.0.variable("GIN_MODE") {
        // Our own lines alone: those of an HTTP client may hold what nobody should read.
        Some("debug") => Some("info,reelmill=debug"),
        Some("release") => Some("info"),
        _ => None,
    };
    [
        Some(("catalog", catalog, "DYNAMODB_TABLE_NAME_SONGS")),
        Some(("objects", objects, "BUCKET_NAME")),
        set.plain("youtube_api_key", "YOUTUBE_API_KEY"),
        set.plain("aws_access_key", "ACCESS_KEY"),
        set.plain("aws_secret_key", "SECRET_KEY"),
        log.map(|filter| ("log", filter.to_owned(), "GIN_MODE")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What the environment's contract says, where a whole set is there, and what was given for nothing.
///
/// # Errors
/// Where two contracts' sets are there: nobody can say which is meant.
pub(super) fn read(
    contracts: &'static [Contract],
    environment: &dyn Environment,
) -> Result<(Vec<Meaning>, Vec<String>), ConfigError> {
    let has = |name: &&&str| environment.variable(name).is_some();
    let mut whole = contracts.iter().filter(|contract| contract.needed.iter().all(|name| has(&name)));
    let (first, second) = (whole.next(), whole.next());
    if let (Some(first), Some(second)) = (first, second) {
        return Err(ConfigError::TwoContracts { first: first.name, second: second.name });
    }
    if let Some(contract) = first {
        return Ok(((contract.means)(&Set(environment)), Vec::new()));
    }
    let meant = contracts.iter().filter(|contract| contract.telling.iter().all(|name| has(&name)));
    Ok((Vec::new(), meant.map(|contract| contract.gaps(environment)).collect()))
}

impl Contract {
    /// What is missing from a set that is meant, in a sentence.
    fn gaps(&self, environment: &dyn Environment) -> String {
        let missing: Vec<&str> =
            self.needed.iter().copied().filter(|name| environment.variable(name).is_none()).collect();
        format!(
            "the variables of the {} count as a whole set and are not used, since {} is not set",
            self.name,
            missing.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Pairs(Vec<(&'static str, &'static str)>);

    impl Environment for Pairs {
        fn variable(&self, name: &str) -> Option<&str> {
            let found = self.0.iter().find(|(known, value)| *known == name && !value.is_empty());
            found.map(|(_, value)| *value)
        }
    }

    fn whole() -> Pairs {
        Pairs(vec![
            ("BUCKET_NAME", "songs"),
            ("REGION", "us-east-1"),
            ("YOUTUBE_API_KEY", "yt-key"),
            ("DYNAMODB_TABLE_NAME_SONGS", "Songs&more"),
            ("DYNAMODB_TABLE_NAME_OPERATION", "Operations"),
        ])
    }

    #[test]
    fn a_whole_set_says_where_everything_is() {
        let (meanings, warnings) = read(CONTRACTS, &whole()).unwrap();
        let of =
            |key| meanings.iter().find(|(known, ..)| *known == key).map(|(_, text, from)| (&**text, *from));
        let catalog = "dynamodb://us-east-1?songs=Songs%26more&operations=Operations";
        assert_eq!(of("catalog"), Some((catalog, "DYNAMODB_TABLE_NAME_SONGS")));
        assert_eq!(of("objects"), Some(("s3://songs?region=us-east-1", "BUCKET_NAME")));
        assert_eq!(of("youtube_api_key"), Some(("yt-key", "YOUTUBE_API_KEY")));
        assert_eq!((of("aws_access_key"), of("log"), warnings), (None, None, Vec::new()));
    }

    #[test]
    fn the_verbosity_is_the_modes() {
        for (mode, log) in [("debug", Some("info,reelmill=debug")), ("release", Some("info")), ("test", None)]
        {
            let mut set = whole();
            set.0.push(("GIN_MODE", mode));
            let (meanings, _) = read(CONTRACTS, &set).unwrap();
            let found = meanings.iter().find(|(key, ..)| *key == "log").map(|(_, text, _)| text.as_str());
            assert_eq!(found, log, "{mode}");
        }
    }

    #[test]
    fn a_part_of_a_set_counts_for_nothing_and_is_named_where_it_is_meant() {
        let mut set = whole();
        set.0.retain(|(name, _)| !["REGION", "BUCKET_NAME"].contains(name));
        let (meanings, warnings) = read(CONTRACTS, &set).unwrap();
        assert_eq!(meanings, []);
        let said = "the variables of the music bot count as a whole set and are not used, since BUCKET_NAME, REGION \
                    is not set";
        assert_eq!(warnings, [said]);
        // A desktop's.
        let desktop = Pairs(vec![
            ("REGION", "eu"),
            ("ACCESS_KEY", "x"),
            ("BUCKET_NAME", "b"),
            ("YOUTUBE_API_KEY", "k"),
        ]);
        assert_eq!(read(CONTRACTS, &desktop).unwrap(), (Vec::new(), Vec::new()));
    }

    #[test]
    fn two_contracts_at_once_are_refused_by_name() {
        const TWO: &[Contract] = &[
            Contract { name: "one", needed: &["REGION"], telling: &[], means: |_| Vec::new() },
            Contract { name: "other", needed: &["BUCKET_NAME"], telling: &[], means: |_| Vec::new() },
        ];
        let error = read(TWO, &whole()).unwrap_err().to_string();
        assert!(error.contains("one") && error.contains("other"), "{error}");
    }
}
