//! The way to AWS: who signs, over which TLS, and how long anything may take.
//!
//! Keys that the deployment gives come first; without them AWS's own chain applies (environment, profile, web identity,
//! a task's role, an instance's), read anew before they expire. No call waits for ever: a connection that died without
//! a word is given up and the call tried on another.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use secrecy::ExposeSecret;

use crate::Deployment;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);
/// How long one try of a call may take: short enough that another fits into [`CALL`].
const TRY: Duration = Duration::from_secs(4);
/// How long a call may take, all tries and the waits between them.
pub(crate) const CALL: Duration = Duration::from_secs(10);
/// The most tries of a call; its time is over first.
const TRIES: u32 = 12;

/// What every client of AWS here is made from. Its credentials are those of the deployment, or of AWS's own chain, and so
/// is the region where none is named.
///
/// `endpoint` goes over `AWS_ENDPOINT_URL` and its like.
pub(crate) async fn config(
    deployment: &Deployment,
    region: Option<&str>,
    endpoint: Option<&str>,
) -> SdkConfig {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(TRY)
        .operation_timeout(CALL)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(TRIES)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_secs(1));
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(retries)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(keys) = &deployment.aws_keys {
        let secret = keys.secret_key.expose_secret();
        let given = Credentials::new(&keys.access_key, secret, None, None, "deployment");
        loader = loader.credentials_provider(given);
    }
    loader.load().await
}
