//! Where the mail server is and whom letters come from, from the URL.
//!
//! `smtp://user:password@host:port/?from=…&tls=starttls|tls|none&ca=…&hello=…`. Unless the server is on this very machine,
//! nothing goes there unencrypted. Nothing that is printed or logged holds the password.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;
use percent_encoding::percent_decode_str;
use url::Url;

/// Submission (RFC 6409 section 3.1), which STARTTLS belongs to.
const SUBMISSION: u16 = 587;
/// Submission over TLS (RFC 8314 section 7.3).
const SUBMISSIONS: u16 = 465;
/// The longest name that a computer may have (RFC 1035 section 2.3.4).
const MOST_HELLO: usize = 255;

/// When a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// Before anything of weight is said.
    StartTls,
    /// From the first byte.
    Tls,
    /// Never.
    Plain,
}

/// Who signs in.
pub(super) struct Login {
    pub(super) user: String,
    pub(super) credentials: Credentials,
}

/// A mail server and how it is spoken to.
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) login: Option<Login>,
    pub(super) from: Mailbox,
    /// The operator's own root of trust, in PEM.
    pub(super) ca: Option<PathBuf>,
    /// Who we say that we are.
    pub(super) hello: ClientId,
}

/// Without user and password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What the part behind the question mark says.
#[derive(Default)]
struct Settings {
    security: Option<Security>,
    from: Option<Mailbox>,
    ca: Option<PathBuf>,
    hello: Option<ClientId>,
}

impl Address {
    /// Reads what follows the scheme's colon; `is_encrypted` where that is `smtps`.
    pub(super) fn parse(rest: &str, is_encrypted: bool) -> Result<Self, String> {
        let url = Url::parse(&format!("smtp:{rest}")).map_err(|error| error.to_string())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?;
        let host = host.trim_matches(['[', ']']).to_owned();
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err("nothing but settings may follow the host".to_owned());
        }
        let settings = Settings::read(url.query().unwrap_or_default())?;
        let security = match (is_encrypted, settings.security) {
            (true, None | Some(Security::Tls)) | (false, Some(Security::Tls)) => Security::Tls,
            (true, Some(_)) => {
                return Err("`smtps:` is encrypted from the first byte: leave `tls` out".into());
            }
            (false, None | Some(Security::StartTls)) => Security::StartTls,
            (false, Some(Security::Plain)) if is_loopback(&host) => Security::Plain,
            (false, Some(Security::Plain)) => {
                return Err(format!("tls=none is for a server on this machine, and `{host}` is another"));
            }
        };
        let usual = if security == Security::Tls { SUBMISSIONS } else { SUBMISSION };
        Ok(Self {
            host,
            port: url.port().unwrap_or(usual),
            security,
            login: login(&url)?,
            from: settings.from.ok_or("it does not say `from`, the address that letters come from")?,
            ca: settings.ca,
            hello: settings.hello.unwrap_or_default(),
        })
    }
}

impl Settings {
    fn read(query: &str) -> Result<Self, String> {
        let mut settings = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            settings.set(name, decoded(value)?)?;
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        match (name, value.as_str()) {
            ("tls", "starttls") => self.security = Some(Security::StartTls),
            ("tls", "tls") => self.security = Some(Security::Tls),
            ("tls", "none") => self.security = Some(Security::Plain),
            ("tls", other) => return Err(format!("tls is starttls, tls or none, not `{other}`")),
            ("from", text) => self.from = Some(mailbox(text)?),
            ("ca", _) => self.ca = Some(value.into()),
            ("hello", name) => self.hello = Some(client(name)?),
            (other, _) => return Err(format!("there is no setting `{other}`")),
        }
        Ok(())
    }
}

fn login(url: &Url) -> Result<Option<Login>, String> {
    let user = decoded(url.username())?;
    match url.password() {
        Some(password) if !user.is_empty() => {
            let credentials = Credentials::new(user.clone(), decoded(password)?);
            Ok(Some(Login { user, credentials }))
        }
        None if user.is_empty() => Ok(None),
        _ => Err("a login is a user and a password, and one of them is missing".to_owned()),
    }
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    let wrong = || format!("`{text}` is not an address that letters can come from");
    if text.chars().any(char::is_control) {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
}

fn client(name: &str) -> Result<ClientId, String> {
    let is_sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if name.is_empty() || name.len() > MOST_HELLO || !name.chars().all(is_sound) {
        return Err(format!("`{name}` cannot be a host's name"));
    }
    Ok(ClientId::Domain(name.to_owned()))
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| "it is not UTF-8")?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(rest: &str) -> Address {
        Address::parse(rest, false).unwrap_or_else(|error| panic!("{rest}: {error}"))
    }

    fn refusal(rest: &str, is_encrypted: bool) -> String {
        Address::parse(rest, is_encrypted).err().unwrap_or_default()
    }

    #[test]
    fn a_host_and_a_sender_are_enough() {
        let address = parsed("//mail.example?from=mill@mill.example");
        assert_eq!((address.to_string(), address.security), ("mail.example:587".into(), Security::StartTls));
        assert_eq!(address.from.email.to_string(), "mill@mill.example");
        assert!(address.login.is_none() && address.ca.is_none());
    }

    #[test]
    fn everything_can_be_said() {
        let query =
            "from=The%20Mill%20%3Cme+mill%40mill.example%3E&tls=tls&ca=/etc/own.pem&hello=mill.example";
        let address = parsed(&format!("//ann:p%40ss@[::1]:2525/?{query}"));
        assert_eq!((address.host.as_str(), address.port, address.security), ("::1", 2525, Security::Tls));
        assert_eq!(address.from.to_string(), "The Mill <me+mill@mill.example>");
        assert_eq!(address.ca, Some("/etc/own.pem".into()));
        assert_eq!(address.hello, ClientId::Domain("mill.example".into()));
        let login = address.login.map(|login| (login.user, login.credentials));
        assert_eq!(login, Some(("ann".into(), Credentials::new("ann".into(), "p@ss".into()))));
    }

    #[test]
    fn an_encrypted_server_has_another_port() {
        let address = Address::parse("//mail.example?from=a@b.example", true);
        assert_eq!(address.map(|address| (address.port, address.security)).ok(), Some((465, Security::Tls)));
    }

    #[test]
    fn only_this_machine_is_spoken_to_unencrypted() {
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            assert_eq!(parsed(&format!("//{host}?from=a@b.example&tls=none")).security, Security::Plain);
        }
        assert_eq!(
            refusal("//mail.example?from=a@b.example&tls=none", false),
            "tls=none is for a server on this machine, and `mail.example` is another"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let no_login = "a login is a user and a password, and one of them is missing";
        for (rest, is_encrypted, reason) in [
            ("//?from=a@b.example", false, "it names no host"),
            ("//m", false, "it does not say `from`, the address that letters come from"),
            ("//m/inbox?from=a@b.example", false, "nothing but settings may follow the host"),
            ("//ann@m?from=a@b.example", false, no_login),
            ("//:hush@m?from=a@b.example", false, no_login),
            ("//m?from=nobody", false, "`nobody` is not an address that letters can come from"),
            (
                "//m?from=a@b.example%0d%0aBcc:c@d",
                false,
                "`a@b.example\r\nBcc:c@d` is not an address that letters can come from",
            ),
            ("//m?from=a@b.example&hello=a%0d%0aRSET", false, "`a\r\nRSET` cannot be a host's name"),
            ("//m?from=a@b.example&tls=maybe", false, "tls is starttls, tls or none, not `maybe`"),
            ("//m?from=a@b.example&to=c@d", false, "there is no setting `to`"),
            (
                "//m?from=a@b.example&tls=none",
                true,
                "`smtps:` is encrypted from the first byte: leave `tls` out",
            ),
        ] {
            assert_eq!(refusal(rest, is_encrypted), reason, "{rest}");
        }
    }
}
