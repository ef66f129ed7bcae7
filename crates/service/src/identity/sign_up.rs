//! Accounts that strangers make themselves, where the operator lets them.

use std::net::IpAddr;

use reelmill_core::{Kind, Role, User};
use secrecy::{ExposeSecret, SecretString};

use super::accounts::checked_email;
use crate::{Error, NewAccount, Service};

/// An account that somebody wants.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// The name to be called by.
    pub name: String,
    /// The address.
    pub email: String,
    /// The password.
    pub password: SecretString,
    /// The password once more, where the form has a second field.
    pub again: Option<SecretString>,
    /// What the door lets a newcomer be; never an admin.
    pub role: Role,
    /// Where it comes from.
    pub peer: Option<IpAddr>,
}

impl Service {
    /// Makes an account for a stranger. What is wrong is told in the order of the tasks' contract.
    ///
    /// # Errors
    /// `Forbidden` while sign-up is off; `TooMany`; `Conflict` (`email-taken`, `name-taken`); `Invalid`
    /// (`invalid-email`, `passwords-differ`, `invalid-request`).
    pub async fn sign_up(&self, wish: SignUp) -> Result<User, Error> {
        if !self.options().is_sign_up_open {
            let detail = "nobody can sign up here; ask an administrator for an account";
            return Err(Error::new(Kind::Forbidden, "sign-up-off", detail));
        }
        // Whoever makes accounts by the hundred has no account yet: only the address can be counted.
        self.inner.throttle.begin("", wish.peer)?.count();
        let (email, name) = (wish.email.trim(), wish.name.trim());
        if self.is_login_taken(email).await? {
            return Err(taken("email-taken", "address", email));
        }
        if checked_email(email).is_err() || is_reserved(email) {
            let detail = format!("`{email}` is not an e-mail address");
            return Err(Error::new(Kind::Invalid, "invalid-email", detail));
        }
        if self.is_login_taken(name).await? {
            return Err(taken("name-taken", "name", name));
        }
        if wish.again.is_some_and(|again| again.expose_secret() != wish.password.expose_secret()) {
            return Err(Error::new(Kind::Invalid, "passwords-differ", "the two passwords are not the same"));
        }
        let role = wish.role.min(Role::Member);
        let new = NewAccount {
            email: email.to_owned(),
            name: (!name.is_empty()).then(|| name.to_owned()),
            role,
            password: wish.password,
        };
        match self.add_account(new).await {
            // Somebody signed up with one of them at the same moment.
            Err(error) if error.kind == Kind::Conflict => {
                let is_email = self.is_login_taken(email).await?;
                Err(if is_email {
                    taken("email-taken", "address", email)
                } else {
                    taken("name-taken", "name", name)
                })
            }
            other => other,
        }
    }

    async fn is_login_taken(&self, login: &str) -> Result<bool, Error> {
        Ok(!login.is_empty() && self.catalog().user_by_login(&login.to_lowercase()).await?.is_some())
    }
}

/// Whether the address is one of our own making: built-in accounts have them (`.invalid` is nobody's, RFC 2606).
fn is_reserved(email: &str) -> bool {
    email.to_lowercase().ends_with("@reelmill.invalid")
}

fn taken(problem: &'static str, what: &str, value: &str) -> Error {
    Error::new(Kind::Conflict, problem, format!("an account with the {what} `{value}` exists already"))
}
