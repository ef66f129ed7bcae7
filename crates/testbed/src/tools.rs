//! Where the programs are that servers consist of: named by environment variables, so that whoever installs them
//! (`cargo xtask`) and whoever starts them (a test binary) need not know each other.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::ServerError;

/// The variable for `mariadbd`.
pub const MARIADB: &str = "REELMILL_SERVER_MARIADB";
/// The variable for `mariadb-install-db`, which fills a data folder.
pub const MARIADB_INSTALL: &str = "REELMILL_SERVER_MARIADB_INSTALL";
/// The variable for the folder with `postgres` and `initdb`.
pub const POSTGRES_DIR: &str = "REELMILL_SERVER_POSTGRES_DIR";
/// The variable for `rabbitmq-server`, the one that does not change its user.
pub const RABBITMQ: &str = "REELMILL_SERVER_RABBITMQ";
/// The variable for Erlang's port mapper, `epmd`.
pub const EPMD: &str = "REELMILL_SERVER_EPMD";
/// The variable for `weed` of `SeaweedFS`.
pub const SEAWEEDFS: &str = "REELMILL_SERVER_SEAWEEDFS";
/// The variable for `java` of a JDK: one that also runs a source file.
pub const JAVA: &str = "REELMILL_SERVER_JAVA";
/// The variable for the folder with `DynamoDBLocal.jar` and `DynamoDBLocal_lib`.
pub const DYNAMODB_DIR: &str = "REELMILL_SERVER_DYNAMODB_DIR";
/// The variable for `secantusd-py`.
pub const SECANTUS: &str = "REELMILL_SERVER_SECANTUS";
/// The variable for `fake-gcs-server`.
pub const GCS: &str = "REELMILL_SERVER_GCS";
/// The variable for the jar of Google's Pub/Sub emulator.
pub const PUBSUB_JAR: &str = "REELMILL_SERVER_PUBSUB_JAR";
/// The variable for a Python that has aiosmtpd and trustme.
pub const MAIL_PYTHON: &str = "REELMILL_SERVER_MAIL_PYTHON";

/// Every variable of this module.
pub const VARIABLES: [&str; 12] = [
    MARIADB,
    MARIADB_INSTALL,
    POSTGRES_DIR,
    RABBITMQ,
    EPMD,
    SEAWEEDFS,
    JAVA,
    DYNAMODB_DIR,
    SECANTUS,
    GCS,
    PUBSUB_JAR,
    MAIL_PYTHON,
];

/// The programs that this machine has.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    paths: BTreeMap<&'static str, PathBuf>,
}

impl Tools {
    /// What the environment names.
    #[must_use]
    pub fn from_environment() -> Self {
        let named = |variable| Some((variable, PathBuf::from(std::env::var_os(variable)?)));
        Self { paths: VARIABLES.into_iter().filter_map(named).collect() }
    }

    /// What these pairs of variable and path name; nothing for an empty path.
    #[must_use]
    pub fn at(paths: impl IntoIterator<Item = (&'static str, Option<PathBuf>)>) -> Self {
        Self { paths: paths.into_iter().filter_map(|(variable, path)| Some((variable, path?))).collect() }
    }

    /// The variables that say to another process what this one knows.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, OsString)> + '_ {
        self.paths.iter().map(|(variable, path)| (*variable, path.clone().into_os_string()))
    }

    /// The path that `variable` names, for `server`.
    pub(crate) fn path(&self, server: &'static str, variable: &'static str) -> Result<&Path, ServerError> {
        let path = self.paths.get(variable);
        path.map(PathBuf::as_path).ok_or(ServerError::NotHere { server, variable })
    }
}

#[cfg(test)]
mod tests {
    use super::{EPMD, GCS, Tools};

    #[test]
    fn what_is_missing_is_told_by_its_variable() {
        let tools = Tools::at([(GCS, Some("/bin/gcs".into())), (EPMD, None)]);
        assert_eq!(tools.variables().collect::<Vec<_>>(), [(GCS, "/bin/gcs".into())]);
        let missing = tools.path("RabbitMQ", EPMD).map_err(|error| error.to_string());
        assert_eq!(missing, Err("REELMILL_SERVER_EPMD is not set: no RabbitMQ here".into()));
    }
}
