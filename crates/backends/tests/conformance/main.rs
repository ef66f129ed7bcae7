//! Every backend of this build, held to its port's promises.
//!
//! A backend whose server is not there is shown with the reason. What a build without some feature has not is not tried:
//! `cargo xtask test` builds all.

#![expect(clippy::unwrap_used, reason = "tests")]

mod catalog;
#[cfg(feature = "converter-inprocess")]
mod converter;
mod doorbell;
mod notifier;
mod objects;
#[cfg(feature = "source-web")]
mod source;

use std::process::ExitCode;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reelmill_backends::Deployment;
use reelmill_conformance::{Place, run};

fn main() -> ExitCode {
    #[cfg(feature = "converter-inprocess")]
    reelmill_media::become_child_if_asked();
    run([
        reelmill_conformance::catalog::trials(catalog::backends()),
        reelmill_conformance::objects::trials(objects::backends()),
        reelmill_conformance::doorbell::trials(doorbell::backends()),
        reelmill_conformance::doorbell::queue::trials(doorbell::queues()),
        #[cfg(feature = "converter-inprocess")]
        reelmill_conformance::converter::trials(converter::backends()),
        #[cfg(feature = "source-web")]
        reelmill_conformance::source::trials(source::backends()),
        reelmill_conformance::notifier::trials(notifier::backends()),
    ])
}

/// A place that is a folder, gone when the case is over.
fn in_a_folder<P: ?Sized + 'static>(
    open: impl Fn(Deployment) -> BoxFuture<'static, Arc<P>> + Send + Sync + 'static,
) -> Place<P> {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    Place::new(move || {
        let held = Arc::clone(&folder);
        let opening = open(Deployment::within(folder.path().to_owned()));
        async move {
            let opened = opening.await;
            drop(held);
            opened
        }
        .boxed()
    })
}
