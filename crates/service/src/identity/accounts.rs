//! Accounts: made, changed and removed by the operator.

use reelmill_core::ports::{CatalogError, JobFilter, MAX_WRITES, PageQuery, Sequence};
use reelmill_core::{Kind, Role, State, User, UserId, Write};
use secrecy::SecretString;

use crate::{Caller, Error, Service};

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its address.
    pub email: String,
    /// The name to be called by; the address where `None`.
    pub name: Option<String>,
    /// What it may do.
    pub role: Role,
    /// Its password.
    pub password: SecretString,
}

impl Service {
    /// Makes an account.
    ///
    /// # Errors
    /// `Conflict` where the address or the name is taken; `Invalid`.
    pub async fn add_account(&self, new: NewAccount) -> Result<User, Error> {
        let email = checked_email(&new.email)?;
        let name = new.name.as_deref().map_or(email.as_str(), str::trim).to_owned();
        if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
            return Err(Error::invalid("a name has 1 to 200 characters, all of them printable"));
        }
        let user = User {
            id: UserId(self.fresh_id()),
            number: self.catalog().next_number(Sequence::Users).await?,
            email,
            name,
            role: new.role,
            password_hash: Some(self.inner.passwords.hash(new.password).await?),
            epoch: 1,
            email_notifications: false,
            created_at: self.now(),
            version: 1,
        };
        match self.catalog().commit(vec![Write::AddUser(user.clone())]).await {
            Ok(()) => Ok(user),
            Err(CatalogError::Conflict) => Err(Error::new(
                Kind::Conflict,
                "account-exists",
                format!("an account with the address or name `{}` exists already", user.email),
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the first account, an administrator, where there is none at all. `None` where there is one already,
    /// also where another process was faster.
    pub async fn add_first_admin(&self, email: &str, password: SecretString) -> Result<Option<User>, Error> {
        if self.has_accounts().await? {
            return Ok(None);
        }
        let new = NewAccount {
            email: email.to_owned(),
            name: Some("admin".to_owned()),
            role: Role::Admin,
            password,
        };
        match self.add_account(new).await {
            Ok(user) => Ok(Some(user)),
            Err(error) if error.kind == Kind::Conflict => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether anybody can sign in here.
    pub async fn has_accounts(&self) -> Result<bool, Error> {
        Ok(!self.catalog().users(PageQuery { limit: 1, after: None }).await?.items.is_empty())
    }

    /// All accounts, oldest first.
    pub async fn accounts(&self) -> Result<Vec<User>, Error> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = self.catalog().users(PageQuery { limit: 500, after }).await?;
            all.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// Gives an account a new password and ends all its sessions.
    pub async fn set_password(&self, login: &str, password: SecretString) -> Result<(), Error> {
        let hash = self.inner.passwords.hash(password).await?;
        loop {
            let user = self.account(login).await?;
            let changed = User {
                password_hash: Some(hash.clone()),
                epoch: user.epoch + 1,
                version: user.version + 1,
                ..user
            };
            match self.catalog().commit(vec![Write::ReplaceUser(changed)]).await {
                // Somebody changed the account at the same moment: the new password goes over what is there now.
                Err(CatalogError::Conflict) => {}
                other => return Ok(other?),
            }
        }
    }

    /// Says whether an account is to be written to of its jobs.
    pub async fn set_email_notifications(&self, caller: &Caller, wanted: bool) -> Result<User, Error> {
        loop {
            let user = self.catalog().user(caller.id()).await?.ok_or_else(|| Error::not_found("account"))?;
            if user.email_notifications == wanted {
                return Ok(user);
            }
            let changed = User { email_notifications: wanted, version: user.version + 1, ..user };
            match self.catalog().commit(vec![Write::ReplaceUser(changed.clone())]).await {
                Ok(()) => return Ok(changed),
                // Somebody changed the account at the same moment.
                Err(CatalogError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Removes an account with everything that is its own. It can do nothing from the first step on, and is gone with
    /// the last one, so that a removal that was cut short can be asked for again.
    pub async fn remove_account(&self, login: &str) -> Result<(), Error> {
        let user = self.account(login).await?;
        self.lock_account(user.clone()).await?;
        self.remove_webhooks_of(user.id).await?;
        self.remove_all_of(user.id).await?;
        match self.catalog().commit(vec![Write::DropUser(user.id)]).await {
            // Somebody removed it at the same moment.
            Ok(()) | Err(CatalogError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        // An upload that landed meanwhile.
        self.remove_all_of(user.id).await
    }

    /// Ends all that an account can prove itself by.
    async fn lock_account(&self, mut user: User) -> Result<(), Error> {
        loop {
            let keys = self.catalog().api_keys(user.id).await?;
            let mut writes: Vec<Write> =
                keys.iter().take(MAX_WRITES - 1).map(|key| Write::DropApiKey(key.id, user.id)).collect();
            let (epoch, version) = (user.epoch + 1, user.version + 1);
            writes.push(Write::ReplaceUser(User { password_hash: None, epoch, version, ..user.clone() }));
            match self.catalog().commit(writes).await {
                Ok(()) if keys.len() < MAX_WRITES => return Ok(()),
                // There are more keys, or the account changed at the same moment.
                Ok(()) | Err(CatalogError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
            user = self.catalog().user(user.id).await?.ok_or_else(|| Error::not_found("account"))?;
        }
    }

    async fn remove_all_of(&self, user: UserId) -> Result<(), Error> {
        let some = PageQuery { limit: 100, after: None };
        loop {
            let media = self.catalog().media_page(Some(user), some).await?.items;
            let filter = JobFilter { account: Some(user), ..JobFilter::default() };
            let jobs = self.catalog().jobs(filter, some).await?.items;
            if media.is_empty() && jobs.is_empty() {
                return Ok(());
            }
            for media in media {
                self.remove_media(&media).await?;
            }
            // An administrator's conversions of what is another's.
            let mut outputs = Vec::new();
            for job in &jobs {
                if let State::Done { output, .. } = job.state {
                    outputs.extend(self.catalog().output(output).await?);
                }
            }
            self.remove_some(&jobs, &outputs).await?;
        }
    }

    async fn account(&self, login: &str) -> Result<User, Error> {
        let user = self.catalog().user_by_login(&login.trim().to_lowercase()).await?;
        user.ok_or_else(|| {
            Error::new(Kind::NotFound, "not-found", format!("there is no account `{}`", login.trim()))
        })
    }
}

/// The address, trimmed, where it has the form of one. Only mail that arrives proves more.
pub(super) fn checked_email(text: &str) -> Result<String, Error> {
    let email = text.trim();
    let sound = email.len() <= 254
        && !email.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ','))
        && email.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if sound {
        Ok(email.to_owned())
    } else {
        Err(Error::invalid(format!("`{email}` is not an e-mail address")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_two_sides_and_no_blanks() {
        for good in ["a@b", "a+b@c.example", "\"x@y\"@z", " a@b "] {
            assert!(checked_email(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a b@c", "a@b\n.c", "<a@b>", "a@b,c@d"] {
            assert!(checked_email(bad).is_err(), "{bad:?}");
        }
    }
}
