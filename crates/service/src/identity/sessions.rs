//! Signing in, proving it later, signing out.

use std::net::IpAddr;
use std::time::Duration;

use reelmill_core::{Door, EndedToken, Kind, Timestamp, Write};
use secrecy::SecretString;
use uuid::Uuid;

use super::{Caller, Claims};
use crate::{Error, Service};

/// How long a token of the tasks' door is good: its contract says 15 minutes.
const TASKS_TOKEN: Duration = Duration::from_mins(15);

/// A sign-in.
#[derive(Debug, Clone)]
pub struct Session {
    /// The token in its compact form.
    pub token: SecretString,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Who signed in.
    pub caller: Caller,
}

/// How somebody comes in: by which door, whose token it will be, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Entrance {
    /// The door.
    pub door: Door,
    /// The address, where it is known to be the caller's own.
    pub peer: Option<IpAddr>,
}

impl Service {
    /// Signs in by address or name.
    ///
    /// # Errors
    /// `Unauthenticated`, the same for an unknown name and a wrong password and after the same time; `TooMany` after
    /// too many of these; `Busy`.
    pub async fn sign_in(
        &self,
        login: &str,
        password: SecretString,
        entrance: Entrance,
    ) -> Result<Session, Error> {
        let user = self.catalog().user_by_login(&login.trim().to_lowercase()).await?;
        // By the account, so that its name gives no guesses beside those by its address.
        let account = user.as_ref().map_or_else(|| login.to_owned(), |user| user.id.to_string());
        let attempt = self.inner.throttle.begin(&account, entrance.peer)?;
        let hash = user.as_ref().and_then(|user| user.password_hash.clone());
        let right = self.inner.passwords.verify(password, hash).await?;
        match user {
            Some(user) if right => Ok(self.session(Caller { user }, entrance.door)),
            _ => {
                attempt.count();
                Err(Error::new(
                    Kind::Unauthenticated,
                    "wrong-credentials",
                    "no account has this address or name and this password",
                ))
            }
        }
    }

    fn session(&self, caller: Caller, door: Door) -> Session {
        let now = self.now();
        let is_task = door == Door::Tasks;
        let lifetime = if is_task { TASKS_TOKEN } else { self.options().session };
        let expires_at = now.plus_ms(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX));
        let claims = Claims {
            uid: caller.user.id.to_string(),
            sub: caller.user.email.clone(),
            epoch: caller.user.epoch,
            jti: Uuid::new_v4().to_string(),
            iat: now.as_seconds(),
            exp: expires_at.as_seconds(),
            nbf: is_task.then(|| now.as_seconds()),
            sort: is_task.then(|| "access".to_owned()),
            username: Some(caller.user.email.clone()),
            admin: Some(caller.is_admin()),
        };
        Session { token: SecretString::from(self.inner.signer.sign(&claims)), expires_at, caller }
    }

    /// The caller whose token or API key this is.
    ///
    /// # Errors
    /// `Unauthenticated` where it is none, has ended, or its account is gone or has changed its password since.
    pub async fn authenticate(&self, credential: &str) -> Result<Caller, Error> {
        if let Some(secret) = credential.strip_prefix(super::api_keys::PREFIX) {
            return self.caller_of_api_key(secret).await;
        }
        self.authenticate_token(credential).await.map(|(caller, _)| caller)
    }

    /// The caller whose token this is, and what the token says. API keys are no tokens.
    ///
    /// # Errors
    /// As [`Service::authenticate`].
    pub async fn authenticate_token(&self, token: &str) -> Result<(Caller, Claims), Error> {
        let refused = || {
            Error::new(
                Kind::Unauthenticated,
                "not-signed-in",
                "the token is wrong or has ended; sign in again",
            )
        };
        let claims = self.inner.signer.verify(token, self.now()).ok_or_else(refused)?;
        let id = claims.uid.parse().map_err(|_| refused())?;
        let user = self.catalog().user(id).await?.ok_or_else(refused)?;
        if user.epoch != claims.epoch || self.catalog().is_token_ended(&claims.jti).await? {
            return Err(refused());
        }
        Ok((Caller { user }, claims))
    }

    /// Ends a token before its time.
    pub async fn sign_out(&self, claims: &Claims) -> Result<(), Error> {
        let ended = EndedToken {
            jti: claims.jti.clone(),
            expires_at: Timestamp::from_ms(claims.exp.saturating_mul(1000)),
        };
        Ok(self.catalog().commit(vec![Write::EndToken(ended)]).await?)
    }
}
