//! Couriers: what carries webhooks.

#[cfg(feature = "courier-http")]
mod http;

use std::sync::Arc;

use reelmill_core::ports::Courier;

use crate::opening::{self, Backend, OpenError, Opened};

#[cfg(feature = "courier-http")]
pub use http::HttpCourier;

/// The courier where nothing else is named.
pub const DEFAULT_URL: &str = "http:";

/// The couriers that there are.
pub const BACKENDS: &[Backend<Opening>] = &[Backend {
    scheme: "http",
    feature: "courier-http",
    title: "webhooks by HTTP, to public addresses",
    #[cfg(feature = "courier-http")]
    opening: Some(http::OPENING),
    #[cfg(not(feature = "courier-http"))]
    opening: None,
}];

/// How a courier is opened: with the hosts that it may go to although they are not public.
pub type Opening = fn(Vec<String>) -> Opened<'static, Arc<dyn Courier>>;

/// Opens the courier.
///
/// # Errors
/// Where this build has none, or an entry of `allow_hosts` cannot be read.
pub async fn open(allow_hosts: Vec<String>) -> Result<Arc<dyn Courier>, OpenError> {
    let (open, _) = opening::pick("courier", BACKENDS, DEFAULT_URL)?;
    open(allow_hosts).await
}
