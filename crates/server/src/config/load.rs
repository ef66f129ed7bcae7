//! Where values come from, and which of them counts.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::contracts::{self, CONTRACTS, Environment, Found};
use super::error::ConfigError;
use super::file;
use super::settings::{Config, Preset, SETTINGS, Setting};
use super::value::Value;

/// The file that is read where it is there and no other is named.
const USUAL_FILE: &str = "reelmill.toml";
/// Names the file; a setting of its own kind, as it cannot stand in the file.
const FILE_VARIABLE: &str = "REELMILL_CONFIG";

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// On the command line.
    Flag(&'static str),
    /// In the environment.
    Variable(&'static str),
    /// In the file.
    File {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// Nowhere.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "--{flag}"),
            Self::Variable(name) => f.write_str(name),
            Self::File { path, line } => write!(f, "{} line {line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// What was given from outside, as text.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    /// Flags by the key of their setting.
    pub(crate) flags: Vec<(&'static str, String)>,
    /// The environment.
    pub(crate) environment: Vec<(String, String)>,
    /// Where relative paths start.
    pub(crate) current_dir: PathBuf,
}

impl Given {
    /// These flags, and this process's environment and folder.
    pub(crate) fn of_process(file: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> Self {
        let lossy = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
        };
        Self {
            file,
            flags,
            environment: std::env::vars_os().map(lossy).collect(),
            current_dir: std::env::current_dir().unwrap_or_default(),
        }
    }

    /// Finds every setting's value and reads it.
    ///
    /// # Errors
    /// The first thing that is wrong, by its origin.
    pub(crate) fn load(self) -> Result<Loaded, ConfigError> {
        let mut texts: HashMap<&'static str, (String, Origin)> = HashMap::new();
        let named = self.file.clone().or_else(|| self.variable(FILE_VARIABLE).map(PathBuf::from));
        let path = named.as_deref().unwrap_or(Path::new(USUAL_FILE));
        for (setting, text, origin) in file::read(&self.current_dir, path, named.is_some())? {
            texts.insert(setting.key, (text, origin));
        }
        let Found { contract, meanings, mut warnings } = contracts::read(CONTRACTS, &self)?;
        for (key, text, variable) in meanings {
            texts.insert(key, (text, Origin::Variable(variable)));
        }
        for setting in SETTINGS {
            if let Some(text) = self.variable(setting.variable) {
                texts.insert(setting.key, (text.to_owned(), Origin::Variable(setting.variable)));
            }
        }
        for (key, text) in &self.flags {
            let flag = Setting::named(key).and_then(|setting| setting.flag).map_or(*key, |(flag, _)| flag);
            texts.insert(key, (text.clone(), Origin::Flag(flag)));
        }
        let values = Values { texts: fill(texts, &self.current_dir) };
        let config = Config { contract, ..Config::read(&values)? };
        warnings.extend(self.unknown_variables());
        check_heartbeat(&config, &values)?;
        check_keys(&config, &values)?;
        Ok(Loaded { config, effective: values.effective(), warnings })
    }

    fn unknown_variables(&self) -> Vec<String> {
        let is_known =
            |name: &str| name == FILE_VARIABLE || SETTINGS.iter().any(|setting| setting.variable == name);
        let mut unknown: Vec<&str> = self.environment.iter().map(|(name, _)| name.as_str()).collect();
        unknown.retain(|name| name.starts_with("REELMILL_") && !is_known(name));
        unknown.sort_unstable();
        unknown.into_iter().map(|name| format!("the variable {name} is no setting and is not used")).collect()
    }
}

impl Environment for Given {
    /// An empty variable counts as not set, as compose files and charts like to write them.
    fn variable(&self, name: &str) -> Option<&str> {
        let found = self.environment.iter().find(|(known, value)| known == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }
}

/// A configuration and how it came about.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) config: Config,
    /// Every setting as it may be shown, in the table's order.
    pub(crate) effective: Vec<Effective>,
    /// What was given but means nothing.
    pub(crate) warnings: Vec<String>,
}

/// A setting's value as it may be shown.
#[derive(Debug)]
pub(crate) struct Effective {
    /// The setting.
    pub(crate) setting: &'static Setting,
    /// Its value without secrets, unless there is none.
    pub(crate) shown: Option<String>,
    /// Where it was set.
    pub(crate) origin: Origin,
}

/// Every value as text.
pub(super) struct Values {
    texts: HashMap<&'static str, (String, Origin)>,
}

impl Values {
    /// Reads a setting's value.
    pub(super) fn read<T: Value>(&self, key: &'static str) -> Result<T, ConfigError> {
        let given = self.texts.get(key);
        let value = given.map_or_else(T::absent, |(text, _)| T::parse(text));
        value.ok_or_else(|| ConfigError::BadValue {
            key,
            shown: given.map(|(text, _)| T::shown(text).escape_debug().to_string()).unwrap_or_default(),
            origin: self.origin(key),
            expected: T::EXPECTED,
        })
    }

    fn origin(&self, key: &str) -> Origin {
        self.texts.get(key).map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    fn effective(&self) -> Vec<Effective> {
        let row = |setting: &'static Setting| Effective {
            setting,
            shown: self.texts.get(setting.key).map(|(text, _)| (setting.shown)(text)),
            origin: self.origin(setting.key),
        };
        SETTINGS.iter().map(row).collect()
    }
}

/// Puts the defaults where nothing is set. Those in the data folder are absolute, as a URL has no other paths.
fn fill(
    mut texts: HashMap<&'static str, (String, Origin)>,
    current_dir: &Path,
) -> HashMap<&'static str, (String, Origin)> {
    for setting in SETTINGS {
        if texts.contains_key(setting.key) {
            continue;
        }
        let text = match setting.preset {
            Preset::Text(text) => text.to_owned(),
            Preset::OfMachine(_, text) => text(),
            Preset::InDataDir(_, text) => {
                let data_dir = texts.get("data_dir").map_or("", |(text, _)| text.as_str());
                text(&plain(&current_dir.join(data_dir)))
            }
            Preset::Nothing(_) => continue,
        };
        texts.insert(setting.key, (text, Origin::Default));
    }
    texts
}

/// Drops the `.` components of a path.
fn plain(path: &Path) -> PathBuf {
    path.components().collect()
}

fn check_keys(config: &Config, values: &Values) -> Result<(), ConfigError> {
    let (key, other) = match (&config.aws_access_key, &config.aws_secret_key) {
        (Some(_), None) => ("aws_access_key", "aws_secret_key"),
        (None, Some(_)) => ("aws_secret_key", "aws_access_key"),
        _ => return Ok(()),
    };
    Err(ConfigError::HalfAPair { key, origin: values.origin(key), other })
}

fn check_heartbeat(config: &Config, values: &Values) -> Result<(), ConfigError> {
    if config.heartbeat * 2 < config.lease {
        return Ok(());
    }
    Err(ConfigError::SlowHeartbeat {
        heartbeat: config.heartbeat,
        heartbeat_origin: values.origin("heartbeat"),
        lease: config.lease,
        lease_origin: values.origin("lease"),
    })
}
