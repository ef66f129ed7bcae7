//! The outside of Reelmill over HTTP: our own API, the doors of other services' contracts, and the pages.
//!
//! Everything here translates: a wire format in, one call of [`reelmill_service::Service`], a wire format out.

pub mod doors;
mod grpc;
pub mod http;
pub mod pages;
