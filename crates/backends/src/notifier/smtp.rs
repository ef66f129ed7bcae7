//! E-mail: a letter for each notification, by a mail server that takes it on.
//!
//! A connection is kept between letters. Each letter takes it out of its place and puts it back once the server has said
//! yes, so that one that was cut short in the middle of a letter is never used for another.

mod address;
mod letter;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::FutureExt;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsParametersBuilder,
};
use reelmill_core::Notification;
use reelmill_core::ports::{Notifier, NotifierError};
use rustls::RootCertStore;
use tokio::time::timeout;

use super::Opening;
use crate::opening::{OpenError, Opened};
use address::{Address, Security};

/// How it is opened where letters go by STARTTLS.
pub(super) const OPENING: Opening = |rest| opened(rest, "smtp");
/// How it is opened where the connection is encrypted from its first byte.
pub(super) const ENCRYPTED: Opening = |rest| opened(rest, "smtps");

/// How long a server may take from the first packet to the login.
const GREETING: Duration = Duration::from_secs(20);
/// How long it may take over one letter: some look into each for a while before they say yes.
const LETTER: Duration = Duration::from_mins(1);
/// How long it may take to say that it is there.
const NOOP: Duration = Duration::from_secs(5);
/// A connection that did nothing for so long is likely forgotten by somebody on the way.
const MOST_IDLE: Duration = Duration::from_mins(2);
/// As much of what a server says as is passed on.
const MOST_SAID: usize = 400;

/// Sends letters by a mail server.
pub struct SmtpNotifier {
    address: Address,
    tls: Option<TlsParameters>,
    kept: Mutex<Option<(AsyncSmtpConnection, Instant)>>,
}

fn opened<'a>(rest: &'a str, scheme: &'static str) -> Opened<'a, Arc<dyn Notifier>> {
    async move {
        let bad = |reason| OpenError::BadUrl { scheme, reason };
        let address = Address::parse(rest, scheme == "smtps").map_err(bad)?;
        let tls = match address.security {
            Security::Plain => None,
            Security::StartTls | Security::Tls => Some(trust(&address).await.map_err(bad)?),
        };
        Ok(Arc::new(SmtpNotifier { address, tls, kept: Mutex::new(None) }) as Arc<dyn Notifier>)
    }
    .boxed()
}

/// Whom it believes to be the server: whom the system's roots, Mozilla's, or the operator's own speak for.
async fn trust(address: &Address) -> Result<TlsParameters, String> {
    let mut trusted: Vec<Certificate> = Vec::new();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // The system may hold some that nobody can read.
        if RootCertStore::empty().add(certificate.clone()).is_ok() {
            trusted.push(Certificate::from_der(certificate.to_vec()).map_err(|error| error.to_string())?);
        }
    }
    if let Some(path) = &address.ca {
        let shown = path.display();
        let pem = tokio::fs::read(path).await.map_err(|error| format!("cannot read `{shown}`: {error}"))?;
        let own = Certificate::from_pem(&pem);
        trusted.push(own.map_err(|_| format!("`{shown}` holds no certificate in PEM"))?);
    }
    let builder =
        TlsParameters::builder(address.host.clone()).certificate_store(CertificateStore::WebpkiRoots);
    let builder = trusted.into_iter().fold(builder, TlsParametersBuilder::add_root_certificate);
    builder.build_rustls().map_err(|error| error.to_string())
}

impl SmtpNotifier {
    /// A connection that is signed in: the one that was kept, where it still is one, else another.
    async fn connection(&self) -> Result<AsyncSmtpConnection, NotifierError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((mut connection, since)) = kept
            && since.elapsed() < MOST_IDLE
            && timeout(NOOP, connection.test_connected()).await == Ok(true)
        {
            return Ok(connection);
        }
        match timeout(GREETING, self.connect()).await {
            Ok(connected) => connected,
            Err(_) => Err(self.unavailable(&format!("no answer within {} s", GREETING.as_secs()))),
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, NotifierError> {
        let Address { host, port, security, hello, login, .. } = &self.address;
        let at_once = self.tls.clone().filter(|_| *security == Security::Tls);
        let server = (host.as_str(), *port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(GREETING), hello, at_once, None)
                .await
                .map_err(|error| self.unavailable(&error))?;
        if let Some(tls) = self.tls.clone().filter(|_| *security == Security::StartTls) {
            // Without it nothing more is said: whoever stands between may have taken the offer out.
            if !connection.can_starttls() {
                return Err(self.unavailable(&"it does not offer STARTTLS, which is required"));
            }
            connection.starttls(tls, hello).await.map_err(|error| self.unavailable(&error))?;
        }
        if let Some(login) = login {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            connection.auth(&mechanisms, &login.credentials).await.map_err(|error| {
                let user = &login.user;
                self.unavailable(&format!("it refuses the user `{user}` or its password: {}", said(&error)))
            })?;
        }
        Ok(connection)
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((connection, Instant::now()));
    }

    fn unavailable(&self, reason: &impl ToString) -> NotifierError {
        NotifierError::Unavailable(format!("mail server {}: {}", self.address, said(reason)))
    }

    /// What a letter that did not go means: a server that wants something of us is our operator's to satisfy, one that
    /// wants nothing of the letter has spoken its last word.
    fn failure(&self, error: &Error) -> NotifierError {
        let wants_login = error.status().is_some_and(|code| matches!(u16::from(code), 530 | 535 | 538));
        if (error.is_permanent() && !wants_login) || error.is_client() {
            NotifierError::Refused(format!("mail server {}: {}", self.address, said(error)))
        } else {
            self.unavailable(error)
        }
    }
}

#[async_trait]
impl Notifier for SmtpNotifier {
    fn needs_consent(&self) -> bool {
        true
    }

    async fn notify(&self, notification: &Notification) -> Result<(), NotifierError> {
        let letter = letter::of(&self.address.from, notification).map_err(NotifierError::Refused)?;
        let mut connection = self.connection().await?;
        match timeout(LETTER, connection.send(letter.envelope(), &letter.formatted())).await {
            Ok(Ok(_)) => {
                self.keep(connection);
                Ok(())
            }
            Ok(Err(error)) => Err(self.failure(&error)),
            Err(_) => {
                Err(self.unavailable(&format!("it did not take a letter within {} s", LETTER.as_secs())))
            }
        }
    }

    async fn check(&self) -> Result<(), NotifierError> {
        let mut connection = self.connection().await?;
        if timeout(NOOP, connection.test_connected()).await != Ok(true) {
            return Err(self.unavailable(&"it does not answer after the login"));
        }
        self.keep(connection);
        Ok(())
    }
}

/// One line of bounded length.
fn said(reason: &impl ToString) -> String {
    let line: String =
        reason.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_SAID).collect();
    line.trim().to_owned()
}
