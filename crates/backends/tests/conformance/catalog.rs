//! The catalogs of this build.

#[cfg(any(feature = "catalog-mysql", feature = "catalog-postgres"))]
mod database;
#[cfg(feature = "catalog-dynamodb")]
mod tables;

#[cfg(any(feature = "catalog-mysql", feature = "catalog-postgres"))]
use std::sync::Arc;

use futures_util::FutureExt;
#[cfg(any(feature = "catalog-mysql", feature = "catalog-postgres"))]
use reelmill_backends::Deployment;
use reelmill_backends::catalog;
use reelmill_conformance::{Backend, Place};
use reelmill_core::ports::Catalog;

use crate::in_a_folder;

pub(crate) fn backends() -> Vec<Backend<dyn Catalog>> {
    vec![
        #[cfg(feature = "catalog-memory")]
        Backend { name: "memory", is_durable: false, fresh: Ok(|| within("memory:")) },
        #[cfg(feature = "catalog-sqlite")]
        Backend { name: "sqlite", is_durable: true, fresh: Ok(|| within("sqlite:")) },
        #[cfg(feature = "catalog-mysql")]
        on_a_server("mysql", MYSQL, || in_a_database(MYSQL)),
        #[cfg(feature = "catalog-postgres")]
        on_a_server("postgres", POSTGRES, || in_a_database(POSTGRES)),
        #[cfg(feature = "catalog-dynamodb")]
        in_dynamodb(),
    ]
}

#[cfg(any(feature = "catalog-memory", feature = "catalog-sqlite"))]
fn within(url: &'static str) -> Place<dyn Catalog> {
    in_a_folder(move |deployment| async move { catalog::open(url, &deployment).await.unwrap() }.boxed())
}

#[cfg(feature = "catalog-mysql")]
const MYSQL: &str = "REELMILL_TEST_MYSQL";
#[cfg(feature = "catalog-postgres")]
const POSTGRES: &str = "REELMILL_TEST_POSTGRES";

/// A catalog whose server a variable names.
#[cfg(any(feature = "catalog-mysql", feature = "catalog-postgres"))]
fn on_a_server(
    name: &'static str,
    variable: &'static str,
    fresh: fn() -> Place<dyn Catalog>,
) -> Backend<dyn Catalog> {
    let is_there = std::env::var_os(variable).is_some();
    let fresh =
        if is_there { Ok(fresh) } else { Err(format!("{variable} is not set: no {name} server here")) };
    Backend { name, is_durable: true, fresh }
}

/// A place that is a database of its own, made when it is opened first and gone when the case is over.
#[cfg(any(feature = "catalog-mysql", feature = "catalog-postgres"))]
fn in_a_database(variable: &str) -> Place<dyn Catalog> {
    let server = std::env::var(variable).unwrap();
    let database = Arc::new(tokio::sync::OnceCell::new());
    Place::new(move || {
        let (server, database) = (server.clone(), Arc::clone(&database));
        async move {
            let database = database.get_or_init(|| database::Database::create(&server)).await;
            catalog::open(&database.url(), &Deployment::within("".into())).await.unwrap()
        }
        .boxed()
    })
}

#[cfg(feature = "catalog-dynamodb")]
fn in_dynamodb() -> Backend<dyn Catalog> {
    let fresh: Result<fn() -> Place<dyn Catalog>, String> = match std::env::var_os(tables::SERVER) {
        Some(_) => Ok(|| {
            let tables = std::sync::Arc::new(tables::Tables::fresh());
            Place::new(move || {
                let tables = std::sync::Arc::clone(&tables);
                async move { tables.open().await }.boxed()
            })
        }),
        None => Err(format!("{} is not set: no DynamoDB server here", tables::SERVER)),
    };
    Backend { name: "dynamodb", is_durable: true, fresh }
}
