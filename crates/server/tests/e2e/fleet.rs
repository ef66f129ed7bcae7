//! A fleet: the same binary on engines of other makes, as gateways that take requests and workers that convert.

pub(crate) mod combinations;
pub(crate) mod contracts;
pub(crate) mod engines;
pub(crate) mod journeys;
pub(crate) mod kills;
pub(crate) mod storm;
pub(crate) mod weather;

use engines::{Catalog, Engines};

use crate::mill::{Mill, Site};

/// A gateway and a worker of a fleet; one process where the catalog is for one alone.
pub(crate) struct Fleet {
    pub(crate) engines: Engines,
    pub(crate) gateway: Mill,
    worker: Option<Mill>,
    /// The processes' folders, which go with them.
    _sites: Vec<Site>,
}

impl Fleet {
    pub(crate) fn start(engines: Engines, variables: &[(&str, &str)]) -> Self {
        let dress =
            |site: Site| variables.iter().fold(site, |site, (name, value)| site.variable(name, value));
        let gateway_site = dress(engines.site());
        if engines.catalog == Catalog::Sqlite {
            let gateway = gateway_site.start();
            return Self { engines, gateway, worker: None, _sites: vec![gateway_site] };
        }
        let worker_site = dress(engines.site());
        let gateway = gateway_site.start_with(&["--roles", "gateway,auth"]);
        let worker = worker_site.start_with(&["--roles", "converter,notification"]);
        Self { engines, gateway, worker: Some(worker), _sites: vec![gateway_site, worker_site] }
    }

    /// Stops everything; the store must be empty by then.
    pub(crate) fn stop(self) {
        self.engines.await_stored(0);
        let Self { gateway, worker, .. } = self;
        gateway.stop();
        if let Some(worker) = worker {
            worker.stop();
        }
    }
}
