//! Signing in, proving it later, signing out.

use reelmill_core::{EndedToken, Kind, Timestamp, Write};
use secrecy::SecretString;
use uuid::Uuid;

use super::{Caller, Claims};
use crate::{Error, Service};

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

impl Service {
    /// Signs in by address or name.
    ///
    /// # Errors
    /// `Unauthenticated`, the same for an unknown name and a wrong password and after the same time; `Busy`.
    pub async fn sign_in(&self, login: &str, password: SecretString) -> Result<Session, Error> {
        let user = self.catalog().user_by_login(&login.trim().to_lowercase()).await?;
        let hash = user.as_ref().and_then(|user| user.password_hash.clone());
        let right = self.inner.passwords.verify(password, hash).await?;
        match user {
            Some(user) if right => Ok(self.session(Caller { user })),
            _ => Err(Error::new(
                Kind::Unauthenticated,
                "wrong-credentials",
                "no account has this address or name and this password",
            )),
        }
    }

    fn session(&self, caller: Caller) -> Session {
        let now = self.now();
        let expires_at = now.plus_ms(u64::try_from(self.options().session.as_millis()).unwrap_or(u64::MAX));
        let claims = Claims {
            uid: caller.user.id.to_string(),
            sub: caller.user.email.clone(),
            epoch: caller.user.epoch,
            jti: Uuid::new_v4().to_string(),
            iat: now.as_seconds(),
            exp: expires_at.as_seconds(),
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
