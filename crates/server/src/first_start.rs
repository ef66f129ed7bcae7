//! The first start: makes the first admin and says how to sign in.
//!
//! A password that was made here is printed to a terminal alone: a log is kept and read by others. Without a
//! terminal it is written where only its owner can read it, before the account is made, so that no admin exists
//! whose password nobody ever knew.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use reelmill_service::Service;
use secrecy::ExposeSecret as _;

use crate::config::Config;
use crate::{cli, data_dir};

/// Makes the admin where there is no account at all, and says how to sign in at `address`. Of processes that start
/// together, one makes it.
pub(crate) async fn make_admin(service: &Service, config: &Config, address: &str) -> anyhow::Result<()> {
    if service.has_accounts().await.context("cannot look for accounts")? {
        return Ok(());
    }
    let email = &config.admin_email.0;
    if let Some(given) = &config.admin_password {
        if service.add_first_admin(email, given.0.clone()).await?.is_some() {
            eprintln!("{}", welcome(address, email, "the one in REELMILL_ADMIN_PASSWORD"));
        }
        return Ok(());
    }
    let made = cli::made_password().map_err(|failure| anyhow::anyhow!(failure.message))?;
    if std::io::stderr().is_terminal() {
        if service.add_first_admin(email, made.clone()).await?.is_some() {
            eprintln!("{}", welcome(address, email, made.expose_secret()));
        }
        return Ok(());
    }
    let path = data_dir::keep_first_password(&config.data_dir, &made)?;
    if service.add_first_admin(email, made).await?.is_some() {
        eprintln!("{}", welcome(address, email, &format!("in {}", path.display())));
    } else {
        // Another process was faster, and its password is the one that counts.
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

fn welcome(address: &str, email: &str, password: &str) -> String {
    format!(
        "reelmill: this is the first start, so an admin account was made\n  \
         address   {address}\n  e-mail    {email}\n  password  {password}\n\
         Change it with `reelmill user passwd {email}`."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_welcome_says_where_who_and_how() {
        insta::assert_snapshot!(welcome("http://127.0.0.1:8080", "admin@localhost", "abcde-fghij"), @r"
        reelmill: this is the first start, so an admin account was made
          address   http://127.0.0.1:8080
          e-mail    admin@localhost
          password  abcde-fghij
        Change it with `reelmill user passwd admin@localhost`.
        ");
    }
}
