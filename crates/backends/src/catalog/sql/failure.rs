//! Why a change was not done: by its own fault, or by the database's.

use reelmill_core::ports::CatalogError;

use super::row;

/// What a change ends with.
pub(super) type Changed<T = ()> = Result<T, Failure>;

/// Why a change was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// The change is refused, now and whenever it is tried in the same place; what others did is not touched by that.
    Refused(CatalogError),
    /// The database fails: what is done in the same transaction is not to be relied on.
    Database(sqlx::Error),
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        Self::Refused(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match row::verdict(error) {
            Ok(refused) => Self::Refused(refused),
            Err(error) => Self::Database(error),
        }
    }
}
