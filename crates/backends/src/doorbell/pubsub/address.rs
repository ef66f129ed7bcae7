//! Which project, topic and subscription, from the URL.
//!
//! `pubsub://PROJECT?topic=…&subscription=…&endpoint=…&dead_topic=…`. An endpoint without encryption is an emulator or a
//! stand-in and gets no credentials; so does the one that `PUBSUB_EMULATOR_HOST` names, as in Google's own clients.

use url::Url;

/// A topic and a subscription of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    project: String,
    topic: String,
    subscription: String,
    /// Where the broker itself puts what was delivered too often.
    dead_topic: Option<String>,
    /// Where the broker is; Google's, if nowhere else.
    pub(super) endpoint: Option<String>,
}

impl Address {
    /// Reads what follows the scheme's colon.
    pub(super) fn parse(rest: &str, emulator: Option<&str>) -> Result<Self, String> {
        let url = Url::parse(&format!("pubsub:{rest}")).map_err(|error| error.to_string())?;
        let project = url.host_str().filter(|project| !project.is_empty()).ok_or("it names no project")?;
        if !matches!(url.path(), "" | "/") {
            return Err(format!("`{}` after the project", url.path()));
        }
        let mut address = Self {
            project: project.to_owned(),
            topic: "tasks".into(),
            subscription: "tasks-sub".into(),
            dead_topic: None,
            endpoint: emulator.filter(|host| !host.is_empty()).map(|host| format!("http://{host}")),
        };
        for (setting, value) in url.query_pairs() {
            match &*setting {
                "topic" => address.topic = name(&value)?,
                "subscription" => address.subscription = name(&value)?,
                "dead_topic" => address.dead_topic = Some(name(&value)?),
                "endpoint" => address.endpoint = Some(endpoint(&value)?),
                other => return Err(format!("there is no setting `{other}`")),
            }
        }
        Ok(address)
    }

    /// Whether the endpoint takes anybody.
    pub(super) fn is_open_to_all(&self) -> bool {
        self.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"))
    }

    /// The topic's full name.
    pub(super) fn topic(&self) -> String {
        self.topic_named(&self.topic)
    }

    /// The subscription's full name.
    pub(super) fn subscription(&self) -> String {
        format!("projects/{}/subscriptions/{}", self.project, self.subscription)
    }

    /// The full name of the topic for what was delivered too often.
    pub(super) fn dead_topic(&self) -> Option<String> {
        self.dead_topic.as_deref().map(|name| self.topic_named(name))
    }

    /// The full names of the topic for what cannot be understood, and of the subscription that keeps it.
    pub(super) fn set_aside(&self) -> (String, String) {
        let name = format!("{}-dead", self.topic);
        (self.topic_named(&name), format!("projects/{}/subscriptions/{name}", self.project))
    }

    fn topic_named(&self, name: &str) -> String {
        format!("projects/{}/topics/{name}", self.project)
    }
}

/// Pub/Sub's rule for names, with room for `-dead`.
fn name(text: &str) -> Result<String, String> {
    let is_sound = (3..=250).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.starts_with("goog")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~+%".contains(c));
    if is_sound { Ok(text.to_owned()) } else { Err(format!("`{text}` cannot be a name on Pub/Sub")) }
}

fn endpoint(text: &str) -> Result<String, String> {
    let is_sound =
        Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_sound {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("the endpoint is no http(s) URL".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(rest: &str) -> Address {
        Address::parse(rest, None).unwrap_or_else(|error| panic!("{rest}: {error}"))
    }

    fn refusal(rest: &str) -> String {
        Address::parse(rest, None).err().unwrap_or_default()
    }

    #[test]
    fn a_project_alone_is_enough() {
        let address = parsed("//my-project");
        assert_eq!(address.topic(), "projects/my-project/topics/tasks");
        assert_eq!(address.subscription(), "projects/my-project/subscriptions/tasks-sub");
        assert_eq!((address.dead_topic(), address.endpoint.clone()), (None, None));
        assert!(!address.is_open_to_all());
    }

    #[test]
    fn everything_can_be_said() {
        let address = parsed(
            "//p?topic=in-queue&subscription=workers&dead_topic=too-often&endpoint=http://127.0.0.1:8085/",
        );
        assert_eq!(address.topic(), "projects/p/topics/in-queue");
        assert_eq!(address.subscription(), "projects/p/subscriptions/workers");
        assert_eq!(address.dead_topic().as_deref(), Some("projects/p/topics/too-often"));
        let aside = (
            "projects/p/topics/in-queue-dead".to_owned(),
            "projects/p/subscriptions/in-queue-dead".to_owned(),
        );
        assert_eq!(address.set_aside(), aside);
        assert_eq!(address.endpoint.as_deref(), Some("http://127.0.0.1:8085"));
        assert!(address.is_open_to_all());
        assert!(!parsed("//p?endpoint=https://eu.example").is_open_to_all());
    }

    #[test]
    fn the_emulators_variable_counts_where_the_url_names_no_endpoint() {
        let address = Address::parse("//p", Some("localhost:8085")).ok();
        assert_eq!(address.and_then(|address| address.endpoint).as_deref(), Some("http://localhost:8085"));
        let address = Address::parse("//p?endpoint=http://other", Some("localhost:8085")).ok();
        assert_eq!(address.and_then(|address| address.endpoint).as_deref(), Some("http://other"));
        assert_eq!(Address::parse("//p", Some("")).ok().and_then(|address| address.endpoint), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(refusal(""), "it names no project");
        assert_eq!(refusal("//p/topic"), "`/topic` after the project");
        assert_eq!(refusal("//p?queue=x"), "there is no setting `queue`");
        assert_eq!(refusal("//p?topic=a/b"), "`a/b` cannot be a name on Pub/Sub");
        assert_eq!(refusal("//p?topic=google"), "`google` cannot be a name on Pub/Sub");
        assert_eq!(refusal("//p?endpoint=ftp://x"), "the endpoint is no http(s) URL");
    }
}
