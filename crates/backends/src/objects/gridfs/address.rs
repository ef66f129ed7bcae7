//! What a URL says: where the servers are, which databases, and how to talk to them.
//!
//! What is not ours goes to the driver as it stands, as an option of a `MongoDB` connection string. What the port
//! promises is not for the URL to change: writes are a majority's and in its journals, reads see all of them.

use std::time::Duration;

use mongodb::options::{ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern};

use crate::OpenError;

/// How long a server that can be written to is looked for, where the URL says nothing else.
const SELECTION: Duration = Duration::from_secs(10);

/// How long a connection may take to come about, where the URL says nothing else.
const CONNECTION: Duration = Duration::from_secs(10);

/// What a URL says.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) options: ClientOptions,
    /// The servers, without who we are there.
    pub(super) hosts: String,
    /// The database of what is uploaded.
    pub(super) videos: String,
    /// The database of what is made.
    pub(super) mp3s: String,
}

impl Address {
    /// Reads what follows the colon of a URL.
    pub(super) async fn parse(rest: &str) -> Result<Self, OpenError> {
        let rest =
            rest.strip_prefix("//").ok_or_else(|| bad("expected gridfs://HOST[:PORT]/?videos=…&mp3s=…"))?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, login_database) = place.split_once('/').unwrap_or((place, ""));
        let (login, hosts) =
            authority.rsplit_once('@').map_or(("", authority), |(login, hosts)| (login, hosts));
        if hosts.is_empty() {
            return Err(bad("it names no host"));
        }
        let (mut videos, mut mp3s, mut passed_on) = ("videos", "mp3s", Vec::new());
        for option in query.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("videos", name)) => videos = database("videos", name)?,
                Some(("mp3s", name)) => mp3s = database("mp3s", name)?,
                _ => passed_on.push(option),
            }
        }
        let at = if login.is_empty() { "" } else { "@" };
        let shown = format!("mongodb://{hosts}/{login_database}?{}", shown(&passed_on));
        let whole = format!("mongodb://{login}{at}{hosts}/{login_database}?{}", passed_on.join("&"));
        // First without the password, so that whatever is wrong with the rest may be told in the driver's words.
        ClientOptions::parse(&shown).await.map_err(|error| bad(&error.to_string()))?;
        let options = ClientOptions::parse(&whole).await;
        let options = options.map_err(|_| bad("user and password must be percent-encoded"))?;
        Ok(Self {
            options: with_promises(options),
            hosts: hosts.to_owned(),
            videos: videos.to_owned(),
            mp3s: mp3s.to_owned(),
        })
    }
}

/// The options that the driver can check without knowing who we are.
fn shown(options: &[&str]) -> String {
    let is_about_login = |option: &&&str| option.to_ascii_lowercase().starts_with("auth");
    options.iter().filter(|option| !is_about_login(option)).copied().collect::<Vec<_>>().join("&")
}

fn with_promises(mut options: ClientOptions) -> ClientOptions {
    options.app_name.get_or_insert_with(|| "reelmill".to_owned());
    options.server_selection_timeout.get_or_insert(SELECTION);
    options.connect_timeout.get_or_insert(CONNECTION);
    let mut durable = WriteConcern::majority();
    durable.journal = Some(true);
    options.write_concern = Some(durable);
    options.read_concern = Some(ReadConcern::majority());
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    options
}

/// A database's name, as the server takes it on every platform.
fn database<'u>(option: &str, name: &'u str) -> Result<&'u str, OpenError> {
    let is_sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if (1..=63).contains(&name.len()) && name.chars().all(is_sound) {
        Ok(name)
    } else {
        Err(bad(&format!("`{option}` must be 1 to 63 letters, digits, `_` and `-`")))
    }
}

fn bad(reason: &str) -> OpenError {
    OpenError::BadUrl { scheme: "gridfs", reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(rest: &str) -> String {
        Address::parse(rest).await.map(|_| ()).map_err(|error| error.to_string()).unwrap_err()
    }

    #[tokio::test]
    async fn databases_are_named_as_the_contract_says_unless_told() {
        let address = Address::parse("//h:1/").await.unwrap();
        assert_eq!((&*address.hosts, &*address.videos, &*address.mp3s), ("h:1", "videos", "mp3s"));
        let address = Address::parse("//h?videos=a&mp3s=b-2").await.unwrap();
        assert_eq!((&*address.videos, &*address.mp3s), ("a", "b-2"));
        assert!(refused("//h/?videos=").await.contains("videos"));
        assert!(refused("//h/?mp3s=a.b").await.contains("mp3s"));
    }

    #[tokio::test]
    async fn other_options_are_the_drivers_but_for_what_the_port_promises() {
        let rest =
            "//me:p%40ss@h1,h2:2/admin?replicaSet=rs&w=1&readPreference=secondary&serverSelectionTimeoutMS=5";
        let Address { options, hosts, .. } = Address::parse(rest).await.unwrap();
        assert_eq!(hosts, "h1,h2:2");
        assert_eq!(options.repl_set_name.as_deref(), Some("rs"));
        assert_eq!(options.server_selection_timeout, Some(Duration::from_millis(5)));
        assert_eq!(options.connect_timeout, Some(CONNECTION));
        let durable = options.write_concern.unwrap();
        assert_eq!(
            (durable.w, durable.journal),
            (Some(mongodb::options::Acknowledgment::Majority), Some(true))
        );
        assert!(matches!(
            options.selection_criteria,
            Some(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        ));
        let credential = options.credential.unwrap();
        assert_eq!(
            (credential.username.as_deref(), credential.password.as_deref()),
            (Some("me"), Some("p@ss"))
        );
        assert_eq!(credential.source.as_deref(), Some("admin"));
    }

    #[tokio::test]
    async fn no_error_repeats_a_password() {
        for rest in [
            "//me:s3cr/et@h/",
            "//me:s3cr%et@h/",
            "//me:s3cret@h/?w=s3",
            "//me:s3cret@",
            "me:s3cret@h",
            "//me:s3cret@h/?tls=s",
        ] {
            match Address::parse(rest).await {
                Ok(_) => assert!(rest.ends_with("?w=s3"), "{rest}"),
                Err(error) => assert!(!error.to_string().contains("s3cr"), "{error}"),
            }
        }
    }
}
