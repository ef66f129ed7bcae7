//! The converters of this build.

use std::sync::Arc;

use futures_util::FutureExt;
use reelmill_backends::converter::ScratchSpace;
use reelmill_backends::{Deployment, converter, objects};
use reelmill_conformance::converter::Bench;
use reelmill_conformance::{Backend, Place};

pub(crate) fn backends() -> Vec<Backend<Bench>> {
    vec![Backend { name: "inprocess", is_durable: false, fresh: Ok(|| Place::new(|| bench().boxed())) }]
}

async fn bench() -> Arc<Bench> {
    let converter = converter::open(converter::DEFAULT_URL, &ScratchSpace::default()).await.unwrap();
    let objects = objects::open("memory:", &Deployment::within("".into())).await.unwrap();
    Arc::new(Bench { converter, objects })
}
