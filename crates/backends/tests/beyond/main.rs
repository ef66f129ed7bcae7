//! What single backends owe beyond their ports: bad weather, other programs beside them, and deployments that are wrong.

#![expect(clippy::unwrap_used, reason = "tests")]

mod buckets;
mod catalogs;
mod doorbells;
mod dynamodb;
mod gridfs;
mod mail;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(ended) = buckets::as_child() {
        return ended;
    }
    let single = [buckets::trials(), dynamodb::trials(), gridfs::trials()];
    reelmill_conformance::run(
        single.into_iter().chain(catalogs::trials()).chain(doorbells::trials()).chain(mail::trials()),
    )
}
