//! The flags that set settings, made from the rows of the settings' table.

use std::marker::PhantomData;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::failure::Failure;
use crate::config::{Given, Loaded, SETTINGS, Setting};

/// Which settings a command has flags for.
pub(crate) trait Scope: std::fmt::Debug {
    /// Whether the help leaves them out.
    const IS_HIDDEN: bool;

    /// Whether the setting has a flag here.
    fn has(setting: &Setting) -> bool;
}

/// All of them, for what runs or shows a server.
#[derive(Debug, Clone)]
pub(crate) struct Serving;

impl Scope for Serving {
    const IS_HIDDEN: bool = false;

    fn has(_: &Setting) -> bool {
        true
    }
}

/// All of them, without a command: `reelmill --listen …` is `reelmill serve --listen …`.
#[derive(Debug, Clone)]
pub(crate) struct Bare;

impl Scope for Bare {
    const IS_HIDDEN: bool = true;

    fn has(_: &Setting) -> bool {
        true
    }
}

/// Where everything is kept, for what works on it without a server.
#[derive(Debug, Clone)]
pub(crate) struct Keeping;

impl Scope for Keeping {
    const IS_HIDDEN: bool = false;

    fn has(setting: &Setting) -> bool {
        ["data_dir", "catalog", "objects"].contains(&setting.key)
    }
}

/// Where the catalog is, for what works on all of it.
#[derive(Debug, Clone)]
pub(crate) struct Cataloguing;

impl Scope for Cataloguing {
    const IS_HIDDEN: bool = false;

    fn has(setting: &Setting) -> bool {
        ["data_dir", "catalog"].contains(&setting.key)
    }
}

/// Where the server listens, for what asks it.
#[derive(Debug, Clone)]
pub(crate) struct Listening;

impl Scope for Listening {
    const IS_HIDDEN: bool = false;

    fn has(setting: &Setting) -> bool {
        setting.key == "listen"
    }
}

/// Flags as they were given.
#[derive(Debug, Clone)]
pub(crate) struct Flags<S> {
    file: Option<PathBuf>,
    given: Vec<(&'static str, String)>,
    scope: PhantomData<S>,
}

impl<S: Scope> Flags<S> {
    /// The configuration with these flags over everything else.
    pub(super) fn load(self) -> Result<Loaded, Failure> {
        Ok(Given::of_process(self.file, self.given).load()?)
    }

    #[cfg(test)]
    pub(super) fn given(&self) -> &[(&'static str, String)] {
        &self.given
    }
}

fn rows<S: Scope>() -> impl Iterator<Item = (&'static Setting, &'static str, &'static str)> {
    let with_flag = |setting: &'static Setting| setting.flag.map(|(flag, value)| (setting, flag, value));
    SETTINGS.iter().filter(|setting| S::has(setting)).filter_map(with_flag)
}

impl<S: Scope> Args for Flags<S> {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .hide(S::IS_HIDDEN)
            .help("Read this file instead of ./reelmill.toml [env: REELMILL_CONFIG]");
        let flag = |(setting, flag, value): (&'static Setting, &'static str, &'static str)| {
            let (help, preset) = (setting.help.trim(), setting.preset_in_words());
            Arg::new(setting.key)
                .long(flag)
                .value_name(value)
                .hide(S::IS_HIDDEN)
                .help_heading(setting.section)
                .help(format!("{help} [default: {preset}] [env: {}]", setting.variable))
        };
        command.arg(file).args(rows::<S>().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: Scope> FromArgMatches for Flags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |(setting, _, _): (&'static Setting, _, _)| {
            matches.get_one::<String>(setting.key).map(|text| (setting.key, text.clone()))
        };
        Ok(Self {
            file: matches.get_one::<PathBuf>("config").cloned(),
            given: rows::<S>().filter_map(given).collect(),
            scope: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
