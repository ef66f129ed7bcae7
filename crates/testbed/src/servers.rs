//! The servers, one a file: how each is set up, run, asked, and called.
//!
//! A test that needs a server for itself, to kill it for one, calls [`Kind::start`]; what only needs a server reads
//! its URL from the kind's variable, since starting one takes seconds.

mod dynamodb;
mod gcs;
mod mail;
mod mariadb;
mod postgres;
mod pubsub;
mod rabbitmq;
mod seaweedfs;
mod secantus;

pub use crate::server::Kind;
pub use dynamodb::DYNAMODB;
pub use gcs::GCS;
pub use mail::{MAIL, MAIL_PASSWORD, MAIL_USER};
pub use mariadb::MARIADB;
pub use postgres::POSTGRES;
pub use pubsub::PUBSUB;
pub use rabbitmq::RABBITMQ;
pub use seaweedfs::{ACCESS_KEY, SEAWEEDFS, SECRET_KEY};
pub use secantus::SECANTUS;

/// All kinds, the ones that take longest to start first.
pub static KINDS: [&Kind; 9] =
    [&RABBITMQ, &DYNAMODB, &MARIADB, &PUBSUB, &SECANTUS, &SEAWEEDFS, &POSTGRES, &GCS, &MAIL];
