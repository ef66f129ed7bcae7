//! Who calls: one signer and one verifier for all doors.

mod accounts;
mod api_keys;
mod passwords;
mod sessions;
mod sign_up;
mod throttle;
mod tokens;

pub use accounts::NewAccount;
pub use api_keys::NewApiKey;
pub use sessions::{Entrance, Session};
pub use sign_up::SignUp;
pub use tokens::Claims;

pub(crate) use passwords::Passwords;
pub(crate) use throttle::Throttle;
pub(crate) use tokens::Signer;

use reelmill_core::{Role, User, UserId};

use crate::Error;

/// Somebody whose identity was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub user: User,
}

impl Caller {
    /// The account's id.
    #[must_use]
    pub fn id(&self) -> UserId {
        self.user.id
    }

    /// Whether they see all.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.user.role == Role::Admin
    }

    /// Whether what belongs to `owner` is theirs to see.
    #[must_use]
    pub fn may_see(&self, owner: UserId) -> bool {
        self.is_admin() || self.user.id == owner
    }

    /// Admins alone steer what is everybody's.
    pub(crate) fn must_be_admin(&self) -> Result<(), Error> {
        if self.is_admin() { Ok(()) } else { Err(Error::forbidden("this is for administrators")) }
    }

    /// Members and admins upload and convert.
    pub fn must_be_member(&self) -> Result<(), Error> {
        if self.user.role >= Role::Member {
            Ok(())
        } else {
            Err(Error::forbidden(
                "a guest account watches only; ask an administrator for the role of a member",
            ))
        }
    }
}
