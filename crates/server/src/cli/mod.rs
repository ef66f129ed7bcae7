//! The command line: parses it, runs one command, and turns its outcome into an exit code and a sentence.

mod backends;
mod check;
mod config;
mod convert;
mod export;
mod failure;
mod flags;
mod health;
mod import;
mod input;
mod interrupt;
mod keeping;
mod migrate;
mod migrate_objects;
mod output;
mod password;
mod play_check;
mod probe;
mod progress;
mod say;
mod sources;
mod target;
mod user;
mod words;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::{Failure, Kind};
use flags::{Bare, Flags, Serving};

pub(crate) use password::make as made_password;

/// What a command ends as.
type Outcome = Result<ExitCode, Failure>;

const EXAMPLES: &str = "\
Examples:
  reelmill                                    serve on http://127.0.0.1:8080 (the same as `reelmill serve`)
  reelmill convert talk.mp4 talk.mp3          convert a file, without any server
  reelmill probe talk.mp4                     say what is in it, and what each profile would do with it
  reelmill user add me@example.org --admin    make an account";

/// Turns media into other media: a server with durable jobs, and the same conversions on the command line.
#[derive(Debug, Parser)]
#[command(name = "reelmill", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    bare: Flags<Bare>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or Ctrl-C, then drain
    #[command(
        after_help = "Flags go over variables, variables over reelmill.toml. Secrets have no flag: JWT_SECRET \
        and REELMILL_ADMIN_PASSWORD are variables. `reelmill config` shows what is in effect."
    )]
    Serve {
        #[command(flatten)]
        flags: Flags<Serving>,
    },
    Convert(convert::Convert),
    Probe(probe::Probe),
    PlayCheck(play_check::PlayCheck),
    /// Manage accounts
    #[command(subcommand)]
    User(user::User),
    Sources(sources::Sources),
    Backends(backends::Backends),
    Config(config::Config),
    Check(check::Check),
    Migrate(migrate::Migrate),
    MigrateObjects(migrate_objects::MigrateObjects),
    Export(export::Export),
    Import(import::Import),
    Health(health::Health),
}

/// Runs what the command line says.
pub(crate) fn run() -> ExitCode {
    let is_json = std::env::args_os().any(|argument| argument == "--json");
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, is_json),
    };
    cli.run().unwrap_or_else(|failure| {
        failure.print(is_json);
        failure.exit_code()
    })
}

impl Cli {
    fn run(self) -> Outcome {
        match self.command {
            None => serve(self.bare),
            Some(Command::Serve { flags }) => serve(flags),
            Some(Command::Convert(convert)) => convert.run(),
            Some(Command::Probe(probe)) => probe.run(),
            Some(Command::PlayCheck(check)) => check.run(),
            Some(Command::User(user)) => user.run(),
            Some(Command::Sources(sources)) => sources.run(),
            Some(Command::Backends(backends)) => backends.run(),
            Some(Command::Config(config)) => config.run(),
            Some(Command::Check(check)) => check.run(),
            Some(Command::Migrate(migrate)) => migrate.run(),
            Some(Command::MigrateObjects(migrate)) => migrate.run(),
            Some(Command::Export(export)) => export.run(),
            Some(Command::Import(import)) => import.run(),
            Some(Command::Health(health)) => health.run(),
        }
    }
}

fn serve<S: flags::Scope>(flags: Flags<S>) -> Outcome {
    let loaded = flags.load()?;
    crate::logging::start(&loaded.config);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    crate::serve::run(loaded.config).map_err(|error| Failure::new(Kind::Failed, format!("{error:#}")))
}

/// Answers a command line that is wrong, or asks for help.
fn refuse(error: &clap::Error, is_json: bool) -> ExitCode {
    if !error.use_stderr() || !is_json {
        // Nothing can be done about a closed terminal.
        let _ = error.print();
        return if error.use_stderr() { Kind::Usage.exit_code() } else { ExitCode::SUCCESS };
    }
    let text = error.to_string();
    let sentence = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let failure = Failure::new(Kind::Usage, sentence);
    failure.print(true);
    failure.exit_code()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_agrees_with_itself() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_alone_serve_and_stay_out_of_the_help() {
        let cli = Cli::try_parse_from(["reelmill", "--listen", "127.0.0.1:1"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.bare.given(), [("listen", "127.0.0.1:1".to_owned())]);
        assert!(!Cli::command().render_help().to_string().contains("--listen"));
        assert!(Cli::try_parse_from(["reelmill", "--listen", "127.0.0.1:1", "backends"]).is_err());
    }
}
