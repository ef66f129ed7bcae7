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
pub(super) const CONTRACTS: &[Contract] = &[
    Contract {
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
    },
    Contract {
        name: "converter",
        needed: &["MYSQL_HOST", "MYSQL_USER", "MYSQL_PASSWORD", "MYSQL_DB", "MYSQL_PORT"],
        telling: &["MYSQL_HOST", "MYSQL_DB"],
        means: converter,
    },
    Contract {
        name: "video site",
        needed: &[
            "HOST",
            "DBNAME",
            "USERNAME",
            "PASSWORD",
            "S3_ACCESS_KEY",
            "S3_SECRET_KEY",
            "S3_REGION",
            "S3_BUCKET",
            "S3_PATH_IMG",
            "S3_PATH_MOVIE",
        ],
        telling: &["S3_PATH_IMG", "S3_PATH_MOVIE"],
        means: video_site,
    },
    Contract {
        name: "conversion tasks",
        needed: &["PROJECT_ID", "BUCKET_NAME", "DATABASE_URL"],
        telling: &["PROJECT_ID", "DATABASE_URL"],
        means: tasks,
    },
];

/// The values of a contract that counts.
#[derive(Debug)]
struct Set<'a>(&'a dyn Environment);

/// What the environment holds of contracts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The one that counts.
    pub(super) contract: Option<&'static str>,
    /// What it says.
    pub(super) meanings: Vec<Meaning>,
    /// What was given for nothing.
    pub(super) warnings: Vec<String>,
}

/// Where variables are looked up.
pub(super) trait Environment: std::fmt::Debug {
    /// A variable's value, unless it is empty.
    fn variable(&self, name: &str) -> Option<&str>;
}

impl Set<'_> {
    fn text(&self, name: &str) -> String {
        encoded(Path::new(self.0.variable(name).unwrap_or_default()))
    }

    /// A login's part of a URL, where a slash ends the login.
    fn login(&self, name: &str) -> String {
        self.text(name).replace('/', "%2F")
    }

    /// The variable as it is, as a setting's value.
    fn plain(&self, key: &'static str, variable: &'static str) -> Option<Meaning> {
        Some((key, self.0.variable(variable)?.to_owned(), variable))
    }
}

fn music_bot(set: &Set) -> Vec<Meaning> {
    let (region, songs) = (set.text("REGION"), set.text("DYNAMODB_TABLE_NAME_SONGS"));
    let operations = set.text("DYNAMODB_TABLE_NAME_OPERATION");
    let bucket = format!("s3://{}", set.text("BUCKET_NAME"));
    let catalog = format!("dynamodb://{region}?songs={songs}&operations={operations}&objects={bucket}");
    let objects = format!("{bucket}?region={region}");
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

fn converter(set: &Set) -> Vec<Meaning> {
    let text = |name| set.text(name);
    let catalog = format!(
        "mysql://{}:{}@{}:{}/{}",
        set.login("MYSQL_USER"),
        set.login("MYSQL_PASSWORD"),
        set.0.variable("MYSQL_HOST").unwrap_or_default(),
        text("MYSQL_PORT"),
        text("MYSQL_DB"),
    );
    let objects = set.0.variable("MONGO_URL").map(|url| match url.strip_prefix("mongodb") {
        Some(rest) => with_query(&format!("gridfs{rest}"), "videos=videos&mp3s=mp3s"),
        None => url.to_owned(),
    });
    let queue = |variable, usual: &str| {
        if set.0.variable(variable).is_some() { text(variable) } else { usual.to_owned() }
    };
    let queues = format!("video={}&mp3={}", queue("VIDEO_QUEUE", "video"), queue("MP3_QUEUE", "mp3"));
    let doorbell = set.0.variable("RABBITMQ_URL").map(|url| with_query(url, &queues));
    [
        Some(("catalog", catalog, "MYSQL_HOST")),
        objects.map(|url| ("objects", url, "MONGO_URL")),
        doorbell.map(|url| ("doorbell", url, "RABBITMQ_URL")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn video_site(set: &Set) -> Vec<Meaning> {
    let text = |name| set.text(name);
    let host = set.0.variable("HOST").unwrap_or_default();
    let catalog =
        format!("mysql://{}:{}@{host}/{}", set.login("USERNAME"), set.login("PASSWORD"), text("DBNAME"));
    let endpoint = set.0.variable("S3_ENDPOINT").map(|endpoint| {
        let endpoint =
            if endpoint.contains("://") { endpoint.to_owned() } else { format!("https://{endpoint}") };
        format!("&endpoint={}", encoded(Path::new(&endpoint)))
    });
    let objects =
        format!("s3://{}?region={}{}", text("S3_BUCKET"), text("S3_REGION"), endpoint.unwrap_or_default());
    [
        Some(("catalog", catalog, "HOST")),
        Some(("objects", objects, "S3_BUCKET")),
        set.plain("aws_access_key", "S3_ACCESS_KEY"),
        set.plain("aws_secret_key", "S3_SECRET_KEY"),
        set.plain("movies_folder", "S3_PATH_MOVIE"),
        set.plain("images_folder", "S3_PATH_IMG"),
        set.plain("admin_email", "ADMIN_EMAIL"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn tasks(set: &Set) -> Vec<Meaning> {
    let url = set.0.variable("DATABASE_URL").unwrap_or_default();
    // Libraries of other languages name their driver in the scheme.
    let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
    let catalog = format!("{}://{rest}", scheme.split('+').next().unwrap_or_default());
    let doorbell = format!("pubsub://{}?topic=tasks&subscription=tasks-sub", set.text("PROJECT_ID"));
    vec![
        ("catalog", catalog, "DATABASE_URL"),
        ("objects", format!("gs://{}", set.text("BUCKET_NAME")), "BUCKET_NAME"),
        ("doorbell", doorbell, "PROJECT_ID"),
    ]
}

/// The URL with more parameters.
fn with_query(url: &str, more: &str) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}{more}")
}

/// What the environment's contract says, where a whole set is there, and what was given for nothing.
///
/// # Errors
/// Where two contracts' sets are there: nobody can say which is meant.
pub(super) fn read(
    contracts: &'static [Contract],
    environment: &dyn Environment,
) -> Result<Found, ConfigError> {
    let has = |name: &&&str| environment.variable(name).is_some();
    let mut whole = contracts.iter().filter(|contract| contract.needed.iter().all(|name| has(&name)));
    let (first, second) = (whole.next(), whole.next());
    if let (Some(first), Some(second)) = (first, second) {
        return Err(ConfigError::TwoContracts { first: first.name, second: second.name });
    }
    if let Some(contract) = first {
        let meanings = (contract.means)(&Set(environment));
        return Ok(Found { contract: Some(contract.name), meanings, warnings: Vec::new() });
    }
    let meant = contracts.iter().filter(|contract| contract.telling.iter().all(|name| has(&name)));
    Ok(Found { warnings: meant.map(|contract| contract.gaps(environment)).collect(), ..Found::default() })
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
        let Found { meanings, warnings, .. } = read(CONTRACTS, &whole()).unwrap();
        let of =
            |key| meanings.iter().find(|(known, ..)| *known == key).map(|(_, text, from)| (&**text, *from));
        let catalog = "dynamodb://us-east-1?songs=Songs%26more&operations=Operations&objects=s3://songs";
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
            let Found { meanings, .. } = read(CONTRACTS, &set).unwrap();
            let found = meanings.iter().find(|(key, ..)| *key == "log").map(|(_, text, _)| text.as_str());
            assert_eq!(found, log, "{mode}");
        }
    }

    #[test]
    fn a_part_of_a_set_counts_for_nothing_and_is_named_where_it_is_meant() {
        let mut set = whole();
        set.0.retain(|(name, _)| !["REGION", "BUCKET_NAME"].contains(name));
        let Found { meanings, warnings, .. } = read(CONTRACTS, &set).unwrap();
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
        assert_eq!(read(CONTRACTS, &desktop).unwrap(), Found::default());
    }

    fn meant_by(set: Vec<(&'static str, &'static str)>) -> Vec<Meaning> {
        let Found { meanings, warnings, .. } = read(CONTRACTS, &Pairs(set)).unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        meanings
    }

    fn of<'a>(meanings: &'a [Meaning], key: &str) -> Option<&'a str> {
        meanings.iter().find(|(known, ..)| *known == key).map(|(_, text, _)| text.as_str())
    }

    #[test]
    fn the_converters_set_names_its_database_and_what_it_does_not_name_stays_as_it_is() {
        let mut set = vec![
            ("MYSQL_HOST", "db"),
            ("MYSQL_USER", "auth_user"),
            ("MYSQL_PASSWORD", "p@ss:w/rd"),
            ("MYSQL_DB", "auth"),
            ("MYSQL_PORT", "3306"),
        ];
        let meant = meant_by(set.clone());
        assert_eq!(of(&meant, "catalog"), Some("mysql://auth_user:p%40ss%3Aw%2Frd@db:3306/auth"));
        assert_eq!((of(&meant, "objects"), of(&meant, "doorbell")), (None, None));
        set.extend([
            ("MONGO_URL", "mongodb://u:p@mongo:27017/?w=1"),
            ("RABBITMQ_URL", "amqp://guest:guest@rabbitmq:5672/"),
            ("VIDEO_QUEUE", "v/1"),
        ]);
        let meant = meant_by(set);
        assert_eq!(of(&meant, "objects"), Some("gridfs://u:p@mongo:27017/?w=1&videos=videos&mp3s=mp3s"));
        assert_eq!(of(&meant, "doorbell"), Some("amqp://guest:guest@rabbitmq:5672/?video=v/1&mp3=mp3"));
    }

    #[test]
    fn the_video_sites_set_names_database_bucket_and_folders() {
        let meant = meant_by(vec![
            ("HOST", "db:3307"),
            ("DBNAME", "site"),
            ("USERNAME", "root"),
            ("PASSWORD", "secret"),
            ("S3_ACCESS_KEY", "key"),
            ("S3_SECRET_KEY", "hush"),
            ("S3_REGION", "ap-northeast-1"),
            ("S3_ENDPOINT", "s3.example.org"),
            ("S3_BUCKET", "media"),
            ("S3_PATH_IMG", "img"),
            ("S3_PATH_MOVIE", "movie"),
            ("ADMIN_EMAIL", "admin@example.org"),
        ]);
        assert_eq!(of(&meant, "catalog"), Some("mysql://root:secret@db:3307/site"));
        let objects = "s3://media?region=ap-northeast-1&endpoint=https%3A//s3.example.org";
        assert_eq!(of(&meant, "objects"), Some(objects));
        assert_eq!((of(&meant, "movies_folder"), of(&meant, "images_folder")), (Some("movie"), Some("img")));
        assert_eq!(of(&meant, "admin_email"), Some("admin@example.org"));
        assert_eq!((of(&meant, "aws_access_key"), of(&meant, "aws_secret_key")), (Some("key"), Some("hush")));
    }

    #[test]
    fn the_tasks_set_names_project_bucket_and_database() {
        let meant = meant_by(vec![
            ("PROJECT_ID", "my-project"),
            ("BUCKET_NAME", "files"),
            ("DATABASE_URL", "postgresql+psycopg2://u:p@db/tasks"),
        ]);
        assert_eq!(of(&meant, "catalog"), Some("postgresql://u:p@db/tasks"));
        assert_eq!(of(&meant, "objects"), Some("gs://files"));
        let doorbell = "pubsub://my-project?topic=tasks&subscription=tasks-sub";
        assert_eq!(of(&meant, "doorbell"), Some(doorbell));
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
