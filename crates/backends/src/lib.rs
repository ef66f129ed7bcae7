//! What stands behind the ports: one module a port, one file a backend, one Cargo feature each.
//!
//! Each port's module has a table `BACKENDS`. Opening by URL, `reelmill backends` and the conformance run read
//! that table and nothing else, so a new backend is one file, one `mod` line, one row and one feature.

#[cfg(any(feature = "catalog-dynamodb", feature = "objects-s3"))]
mod aws;
pub mod catalog;
pub mod converter;
pub mod courier;
pub mod doorbell;
#[cfg(any(feature = "courier-http", feature = "source-web"))]
mod guard;
pub mod notifier;
pub mod objects;
mod opening;
pub mod pictures;
pub mod source;
#[cfg(any(
    feature = "doorbell-amqp",
    feature = "objects-gcs",
    feature = "objects-s3",
    feature = "source-web",
    feature = "courier-http"
))]
mod tls;

pub use opening::{AwsKeys, Backend, Deployment, Listed, OpenError};

/// Every backend of every port that this source knows, in the order of its tables.
#[must_use]
pub fn backends() -> Vec<Listed> {
    let mut all = opening::list("catalog", catalog::BACKENDS);
    all.extend(opening::list("objects", objects::BACKENDS));
    all.extend(opening::list("doorbell", doorbell::BACKENDS));
    all.extend(opening::list("converter", converter::BACKENDS));
    all.extend(opening::list("notifier", notifier::BACKENDS));
    all.extend(opening::list("courier", courier::BACKENDS));
    all.extend(opening::list("source", source::BACKENDS));
    all.extend(opening::list("pictures", pictures::BACKENDS));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_of_a_port_is_listed_once() {
        let all = backends();
        for backend in &all {
            let same = |other: &&Listed| other.port == backend.port && other.scheme == backend.scheme;
            assert_eq!(all.iter().filter(same).count(), 1, "{}:{}", backend.port, backend.scheme);
        }
    }
}
