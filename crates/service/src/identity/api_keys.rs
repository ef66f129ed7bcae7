//! API keys: the right to call in an account's name without its password.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use reelmill_core::{ApiKey, ApiKeyId, Kind, Write};
use secrecy::SecretString;

use super::Caller;
use crate::{Error, Service};

/// What every key begins with, so that people and scanners know one when they see it.
pub(super) const PREFIX: &str = "reelmill_";

/// The most keys of an account.
const MOST: usize = 100;

/// A key that was just made: the only time its secret is shown.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// The key's record.
    pub key: ApiKey,
    /// The secret, in whole.
    pub secret: SecretString,
}

impl Service {
    /// Makes a key for the caller.
    pub async fn add_api_key(&self, caller: &Caller, name: &str) -> Result<NewApiKey, Error> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 100 {
            return Err(Error::invalid("an API key needs a name of 1 to 100 characters, to know it by"));
        }
        if self.catalog().api_keys(caller.id()).await?.len() >= MOST {
            return Err(Error::new(
                Kind::Conflict,
                "too-many-keys",
                format!("an account has at most {MOST} API keys; delete one that is not used"),
            ));
        }
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random).map_err(Error::internal)?;
        let text = BASE64URL.encode(random);
        let key = ApiKey {
            id: ApiKeyId(self.fresh_id()),
            user_id: caller.id(),
            name: name.to_owned(),
            secret_hash: hash(&text),
            created_at: self.now(),
        };
        self.catalog().commit(vec![Write::AddApiKey(key.clone())]).await?;
        Ok(NewApiKey { key, secret: SecretString::from(format!("{PREFIX}{text}")) })
    }

    /// The caller's keys, without their secrets.
    pub async fn api_keys(&self, caller: &Caller) -> Result<Vec<ApiKey>, Error> {
        Ok(self.catalog().api_keys(caller.id()).await?)
    }

    /// Deletes one of the caller's keys; from then on it is refused.
    pub async fn remove_api_key(&self, caller: &Caller, id: ApiKeyId) -> Result<(), Error> {
        let key = self.catalog().api_key(id).await?;
        if key.is_none_or(|key| key.user_id != caller.id()) {
            return Err(Error::not_found("API key"));
        }
        Ok(self.catalog().commit(vec![Write::DropApiKey(id, caller.id())]).await?)
    }

    pub(super) async fn caller_of_api_key(&self, secret: &str) -> Result<Caller, Error> {
        let refused = || Error::new(Kind::Unauthenticated, "not-signed-in", "the API key is not known here");
        let key = self.catalog().api_key_by_hash(&hash(secret)).await?.ok_or_else(refused)?;
        let user = self.catalog().user(key.user_id).await?.ok_or_else(refused)?;
        Ok(Caller { user })
    }
}

fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}
