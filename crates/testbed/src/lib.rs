//! Real servers and a faulty network for tests: no mock stands in for a database, a broker or a store.
//!
//! [`servers`] starts each server as a child on loopback, on ports and in a folder of its own; [`Server`] kills it in
//! mid-work and starts it again where it was. [`Proxy`] stands between a client and a server and does what a network
//! does: delays, narrows, cuts, falls silent. Both are synchronous to call, so that a test reads as a list of deeds.

mod answer;
mod error;
mod lifeline;
mod port;
#[cfg(feature = "proxy")]
mod proxy;
mod server;
pub mod servers;
pub mod tools;

pub use error::ServerError;
#[cfg(feature = "proxy")]
pub use proxy::Proxy;
pub use server::Server;
pub use tools::Tools;
