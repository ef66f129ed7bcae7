//! The settings' own types: roles, backend URLs, host names, address ranges, log choices.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use reelmill_core::Key;
use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::value::Value;

/// Stands for a secret.
const HIDDEN: &str = "(hidden)";

/// A part of the service that a process can play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// HTTP: media in, results out, pages.
    Gateway,
    /// Sign-in and accounts.
    Auth,
    /// Conversions.
    Converter,
    /// Notices to users.
    Notification,
}

impl Role {
    const ALL: [(&'static str, Self); 4] = [
        ("gateway", Self::Gateway),
        ("auth", Self::Auth),
        ("converter", Self::Converter),
        ("notification", Self::Notification),
    ];
}

/// The roles of this process; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roles(BTreeSet<Role>);

impl Roles {
    /// Whether this process plays `role`.
    pub(crate) fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            Role::ALL.into_iter().filter(|(_, role)| self.has(*role)).map(|(name, _)| name).collect();
        f.write_str(&if names.len() == Role::ALL.len() { "all".to_owned() } else { names.join(",") })
    }
}

impl Value for Roles {
    const EXPECTED: &'static str = "all, or a list of gateway, auth, converter and notification";

    fn parse(text: &str) -> Option<Self> {
        if text.trim() == "all" {
            return Some(Self(Role::ALL.into_iter().map(|(_, role)| role).collect()));
        }
        let role = |name: &str| Role::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, role)| role);
        text.split(',').map(|name| role(name.trim())).collect::<Option<BTreeSet<_>>>().map(Self)
    }
}

/// A folder of an object store: what keys in it begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder(pub(crate) String);

impl Value for Folder {
    const EXPECTED: &'static str =
        "a folder of the store such as `movies` or `site/movies`, in at most 128 bytes";

    fn parse(text: &str) -> Option<Self> {
        let name = text.trim_matches('/');
        // These are the folders of everything else.
        let is_taken =
            ["media", "outputs", "audio"].contains(&name) || name.bytes().all(|b| b.is_ascii_digit());
        let is_key = name.len() <= 128 && name.parse::<Key>().is_ok();
        (is_key && !is_taken).then(|| Self(name.to_owned()))
    }
}

/// A backend's URL. It may hold a password, so that only [`BackendUrl::expose`] gives the whole of it.
#[derive(Clone)]
pub(crate) struct BackendUrl(SecretString);

impl BackendUrl {
    /// The whole URL, for the backend that opens it.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The part before the first colon.
    pub(crate) fn scheme(&self) -> &str {
        self.expose().split(':').next().unwrap_or_default()
    }
}

impl fmt::Debug for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::shown(self.expose()))
    }
}

impl fmt::Display for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::shown(self.expose()))
    }
}

impl Value for BackendUrl {
    const EXPECTED: &'static str = "a URL; `reelmill backends` lists those that this build opens";

    fn parse(text: &str) -> Option<Self> {
        let (scheme, _) = text.split_once(':')?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+.-".contains(c));
        is_scheme.then(|| Self(SecretString::from(text)))
    }

    fn shown(text: &str) -> String {
        // What is no URL may be anything, a password too.
        if text.contains('@') && Self::parse(text).is_none() {
            return HIDDEN.to_owned();
        }
        let (address, query) = match text.split_once('?') {
            // A password with a question mark in it, not written as %3F: all of it may be the password.
            Some((before, after)) if after.contains('@') && !before.contains('@') => {
                let scheme = before.split(':').next().unwrap_or_default();
                return format!("{scheme}:{HIDDEN}{}", text.rfind('@').map_or("", |at| &text[at..]));
            }
            Some((address, query)) => (address, Some(query)),
            None => (text, None),
        };
        // Everything up to the last @ may be the password, which may itself hold @, / and :.
        let address = match (address.find(':'), address.rfind('@')) {
            (Some(colon), Some(at)) if colon < at => {
                let scheme = &address[..=colon];
                let inside = &address[colon + 1..at];
                let login = inside.trim_start_matches('/').split(':').next().unwrap_or_default();
                let slashes = &inside[..inside.len() - inside.trim_start_matches('/').len()];
                format!("{scheme}{slashes}{login}:(hidden){}", &address[at..])
            }
            _ => address.to_owned(),
        };
        let Some(query) = query else { return address };
        let pairs: Vec<String> = query.split('&').map(shown_pair).collect();
        format!("{address}?{}", pairs.join("&"))
    }
}

fn shown_pair(pair: &str) -> String {
    const TELLING: [&str; 5] = ["secret", "password", "token", "key", "signature"];
    match pair.split_once('=') {
        // A value may hold names and secrets of its own.
        Some((name, _)) if TELLING.iter().any(|word| pair.to_ascii_lowercase().contains(word)) => {
            format!("{name}=(hidden)")
        }
        _ => pair.to_owned(),
    }
}

/// Whether strangers may make themselves an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signup {
    /// Only an admin makes accounts.
    Off,
    /// Anybody may.
    Open,
}

impl Value for Signup {
    const EXPECTED: &'static str = "off or open";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "open" => Some(Self::Open),
            _ => None,
        }
    }
}

/// Whether a door takes callers on this machine at their word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// It does.
    Open,
    /// It wants a token of everybody.
    Token,
}

impl Value for Gate {
    const EXPECTED: &'static str = "open (or trusted), or token";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "open" | "trusted" => Some(Self::Open),
            "token" => Some(Self::Token),
            _ => None,
        }
    }
}

/// What the music bot's songs are made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AudioProfile(pub(crate) &'static str);

impl Value for AudioProfile {
    const EXPECTED: &'static str = "dca or dca0";

    fn parse(text: &str) -> Option<Self> {
        ["dca", "dca0"].into_iter().find(|known| *known == text).map(Self)
    }
}

/// An address of the web, without a password in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebAddress(pub(crate) String);

impl Value for WebAddress {
    const EXPECTED: &'static str =
        "an address that begins with http:// or https://, without a password or a query";

    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let is_plain = !rest.is_empty()
            && !rest.contains(|c: char| matches!(c, '@' | '?') || c.is_whitespace() || c.is_control());
        is_plain.then(|| Self(text.trim_end_matches('/').to_owned()))
    }

    fn shown(text: &str) -> String {
        // What stands there by mistake may be a password or a key.
        if Self::parse(text).is_some() { text.to_owned() } else { HIDDEN.to_owned() }
    }
}

/// A key or an address with a password in it.
#[derive(Debug, Clone)]
pub(crate) struct Secret(pub(crate) SecretString);

impl Value for Secret {
    const EXPECTED: &'static str = "one line of text";

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty() && !text.contains(char::is_control)).then(|| Self(SecretString::from(text)))
    }

    fn shown(_: &str) -> String {
        HIDDEN.to_owned()
    }
}

/// A host name as in a Host header, without a port, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostName(pub(crate) String);

impl Value for HostName {
    const EXPECTED: &'static str = "host names without ports, separated by commas, such as mill.example.org";

    fn parse(text: &str) -> Option<Self> {
        let is_name = text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        let is_address = text.parse::<IpAddr>().is_ok();
        (is_name || is_address).then(|| Self(text.to_ascii_lowercase()))
    }
}

/// A range of addresses, e.g. `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AddressRange {
    first: IpAddr,
    prefix_bits: u8,
}

impl AddressRange {
    /// Whether `address` lies in the range; an IPv4 address mapped into IPv6 counts as IPv4.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix_bits)).unwrap_or(0);
                first.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix_bits)).unwrap_or(0);
                first.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl Value for AddressRange {
    const EXPECTED: &'static str =
        "addresses or ranges, separated by commas, such as 10.0.0.0/8 or 192.168.1.7";

    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let first: IpAddr = address.parse().ok()?;
        let all_bits = if first.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.map_or(Some(all_bits), |bits| bits.parse().ok())?;
        (prefix_bits <= all_bits).then_some(Self { first, prefix_bits })
    }
}

/// The key that signs tokens: at least 32 bytes.
#[derive(Debug, Clone)]
pub(crate) struct TokenSecret(pub(crate) SecretString);

impl Value for TokenSecret {
    const EXPECTED: &'static str = "at least 32 bytes, for instance what `openssl rand -hex 32` prints";

    fn parse(text: &str) -> Option<Self> {
        (text.len() >= 32).then(|| Self(SecretString::from(text)))
    }

    fn shown(_: &str) -> String {
        HIDDEN.to_owned()
    }
}

/// An account's first password, of the length that the service takes.
#[derive(Debug, Clone)]
pub(crate) struct Password(pub(crate) SecretString);

impl Value for Password {
    const EXPECTED: &'static str = "a password of at least 8 characters, and at most 1024 bytes";

    fn parse(text: &str) -> Option<Self> {
        (text.chars().count() >= 8 && text.len() <= 1024).then(|| Self(SecretString::from(text)))
    }

    fn shown(_: &str) -> String {
        HIDDEN.to_owned()
    }
}

/// An e-mail address, checked no further than for its @.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Email(pub(crate) String);

impl Value for Email {
    const EXPECTED: &'static str = "an e-mail address such as me@example.org";

    fn parse(text: &str) -> Option<Self> {
        let (user, host) = text.rsplit_once('@')?;
        let is_whole = !user.is_empty() && !host.is_empty() && !text.contains(char::is_whitespace);
        is_whole.then(|| Self(text.to_owned()))
    }
}

/// A name that stands in logs and records: one line, at most 100 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) String);

impl Value for Name {
    const EXPECTED: &'static str = "1 to 100 characters without line breaks";

    fn parse(text: &str) -> Option<Self> {
        let count = text.chars().count();
        ((1..=100).contains(&count) && !text.contains(char::is_control)).then(|| Self(text.to_owned()))
    }
}

/// Which log lines are written.
#[derive(Debug, Clone)]
pub(crate) struct LogFilter(pub(crate) Targets);

impl Value for LogFilter {
    const EXPECTED: &'static str =
        "a level (error, warn, info, debug, trace, off), or levels by target such as info,sqlx=warn";

    fn parse(text: &str) -> Option<Self> {
        // `Targets` takes a bare word for a target whose every line is wanted, which is never meant here.
        let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
        let is_meant = |part: &str| part.contains('=') || is_level(part.trim());
        text.split(',').all(is_meant).then(|| text.parse().ok().map(Self)).flatten()
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Value for LogFormat {
    const EXPECTED: &'static str = "text or json";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let table = [
            ("mysql://reel:hunter2@db:3306/reel", "mysql://reel:(hidden)@db:3306/reel"),
            ("amqp://reel:p@ss/w:rd@mq:5672/%2f", "amqp://reel:(hidden)@mq:5672/%2f"),
            ("s3://bucket/x?region=eu&secret_key=abc", "s3://bucket/x?region=eu&secret_key=(hidden)"),
            ("sqlite:/data/catalog.db", "sqlite:/data/catalog.db"),
            ("memory:", "memory:"),
        ];
        for (text, shown) in table {
            let url = BackendUrl::parse(text).unwrap();
            assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
            assert_eq!(url.expose(), text);
        }
    }

    #[test]
    fn roles_are_a_set_by_name() {
        let all = Roles::parse("all").unwrap();
        assert!(Role::ALL.into_iter().all(|(_, role)| all.has(role)));
        let some = Roles::parse("converter, gateway").unwrap();
        assert_eq!(some.to_string(), "gateway,converter");
        assert!(!some.has(Role::Auth));
        assert_eq!(Roles::parse("converter,cook"), None);
        assert_eq!(Roles::parse(""), None);
    }

    #[test]
    fn an_address_range_holds_what_its_prefix_says() {
        let table = [
            ("10.0.0.0/8", "10.255.1.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.8", false),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "10.0.0.1", false),
        ];
        for (range, address, expected) in table {
            let range = AddressRange::parse(range).unwrap();
            assert_eq!(range.contains(address.parse().unwrap()), expected, "{range:?} {address}");
        }
        assert_eq!(AddressRange::parse("10.0.0.0/33"), None);
        assert_eq!(AddressRange::parse("ten"), None);
    }

    #[test]
    fn a_log_filter_is_a_level_or_levels_by_target() {
        for text in ["info", "off", "info,sqlx=warn", "reelmill=debug"] {
            assert!(LogFilter::parse(text).is_some(), "{text}");
        }
        for text in ["loud", "info,sqlx=loud", ""] {
            assert!(LogFilter::parse(text).is_none(), "{text}");
        }
    }
}
