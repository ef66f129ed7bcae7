//! `reelmill user`: accounts, made and changed by the operator; works beside a running server.

use std::process::ExitCode;

use reelmill_core::{Kind as Cause, Role, User as Account};
use reelmill_service::{Error, NewAccount, Service};
use serde_json::json;

use super::Outcome;
use super::failure::{Failure, Kind};
use super::flags::{Flags, Keeping};
use super::password::{self, Chosen};
use super::say::{say, say_json, table};
use crate::wiring;

#[derive(Debug, clap::Subcommand)]
pub(super) enum User {
    Add(Add),
    List(List),
    Passwd(Passwd),
    Remove(Remove),
}

/// Make an account
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A terminal is asked for the password twice; --password-stdin reads it from standard input; otherwise one is made and
printed.

Examples:
  reelmill user add me@example.org --admin
  printf %s \"$PASSWORD\" | reelmill user add me@example.org --name me --password-stdin")]
pub(super) struct Add {
    /// The e-mail address to sign in with
    email: String,
    /// The name to be called by, which signs in too; the address by default
    #[arg(long)]
    name: Option<String>,
    /// Let it see and do everything
    #[arg(long)]
    admin: bool,
    /// Read the password from standard input's first line
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    flags: Flags<Keeping>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List the accounts
#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    flags: Flags<Keeping>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Give an account a new password and end its sessions
#[derive(Debug, clap::Args)]
pub(super) struct Passwd {
    /// The account's address or name
    email: String,
    /// Read the password from standard input's first line
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    flags: Flags<Keeping>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Remove an account with all its media, results and keys
#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    /// The account's address or name
    email: String,
    #[command(flatten)]
    flags: Flags<Keeping>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl User {
    pub(super) fn run(self) -> Outcome {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Failure::failed)?;
        runtime.block_on(async {
            match self {
                Self::Add(add) => add.run().await,
                Self::List(list) => list.run().await,
                Self::Passwd(passwd) => passwd.run().await,
                Self::Remove(remove) => remove.run().await,
            }
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Add {
    async fn run(self) -> Result<(), Failure> {
        let service = service(self.flags).await?;
        let chosen = password::choose(self.password_stdin, &self.email)?;
        let role = if self.admin { Role::Admin } else { Role::Member };
        let new = NewAccount { email: self.email, name: self.name, role, password: chosen.secret() };
        let account = service.add_account(new).await.map_err(failure)?;
        if self.json {
            let mut shown = as_json(&account);
            shown["password"] = json!(chosen.made());
            return say_json(&shown);
        }
        say(format!("made the {} account {}", account.role.as_str(), account.email))?;
        say_made(&chosen)
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let service = service(self.flags).await?;
        let accounts = service.accounts().await.map_err(failure)?;
        if self.json {
            return say_json(&accounts.iter().map(as_json).collect::<Vec<_>>());
        }
        let rows: Vec<[String; 4]> = accounts
            .iter()
            .map(|account| {
                let role = account.role.as_str().to_owned();
                [account.email.clone(), account.name.clone(), role, account.created_at.to_string()]
            })
            .collect();
        if rows.is_empty() {
            return say("there is no account yet: `reelmill user add EMAIL --admin` makes one");
        }
        say(table(&rows))
    }
}

impl Passwd {
    async fn run(self) -> Result<(), Failure> {
        let service = service(self.flags).await?;
        let chosen = password::choose(self.password_stdin, &self.email)?;
        service.set_password(&self.email, chosen.secret()).await.map_err(failure)?;
        if self.json {
            return say_json(&json!({"email": self.email, "password": chosen.made()}));
        }
        say(format!("{} has a new password, and its sessions are ended", self.email))?;
        say_made(&chosen)
    }
}

impl Remove {
    async fn run(self) -> Result<(), Failure> {
        let service = service(self.flags).await?;
        service.remove_account(&self.email).await.map_err(failure)?;
        if self.json {
            return say_json(&json!({"email": self.email}));
        }
        say(format!("removed {} with all that it had", self.email))
    }
}

fn say_made(chosen: &Chosen) -> Result<(), Failure> {
    chosen.made().map_or(Ok(()), |password| say(format!("its password, shown this once: {password}")))
}

fn as_json(account: &Account) -> serde_json::Value {
    json!({
        "id": account.id.to_string(),
        "email": account.email,
        "name": account.name,
        "role": account.role.as_str(),
        "created_at": account.created_at.to_string(),
    })
}

async fn service(flags: Flags<Keeping>) -> Result<Service, Failure> {
    let config = flags.load()?.config;
    wiring::open_beside(&config).await.map_err(|error| Failure::failed(format!("{error:#}")))
}

fn failure(error: Error) -> Failure {
    let kind = if error.kind == Cause::Invalid { Kind::Usage } else { Kind::Failed };
    let cause = error.cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
    Failure::new(kind, format!("{}{cause}", error.detail))
}
