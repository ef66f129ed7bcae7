//! Deployments that are wrong, and servers that do not answer.

use std::time::{Duration, Instant};

use reelmill_backends::{AwsKeys, Deployment, OpenError, catalog};
use reelmill_core::ports::CatalogError;
use serde_json::json;
use tokio::net::TcpListener;

use super::other::has;
use super::tables::Tables;

/// What is said to whoever opens it.
async fn refused(tables: &Tables, endpoint: &str) -> OpenError {
    let url = format!(
        "dynamodb://us-east-1?songs={}&operations={}&endpoint={endpoint}",
        tables.songs, tables.operations
    );
    let keys = AwsKeys { access_key: "reelmill".to_owned(), secret_key: "reelmill-secret".to_owned().into() };
    let deployment = Deployment { aws_keys: Some(keys), ..Deployment::within(std::env::temp_dir()) };
    match catalog::open(&url, &deployment).await {
        Ok(_) => panic!("it opened"),
        Err(refused) => refused,
    }
}

pub(crate) async fn a_table_with_another_key_is_refused_by_name() {
    let tables = Tables::fresh();
    has(&tables, &[json!({"do": "create", "table": tables.operations, "hash": "id"})]);
    let said = refused(&tables, &tables.endpoint).await.to_string();
    for part in [&*tables.operations, "partition key PK", "sort key SK"] {
        assert!(said.contains(part), "{said}");
    }
}

pub(crate) async fn a_newer_layout_is_refused() {
    let tables = Tables::fresh();
    drop(tables.open().await);
    let item = json!({"PK": "REELMILL", "SK": "SCHEMA", "version": 99});
    has(&tables, &[json!({"do": "put", "table": tables.operations, "item": item})]);
    let refused = refused(&tables, &tables.endpoint).await;
    assert!(matches!(refused, OpenError::Catalog(CatalogError::TooNew { found: 99, known: 1 })), "{refused}");
}

pub(crate) async fn a_server_that_is_not_there_is_said_without_the_secret() {
    let tables = Tables::fresh();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    given_up(&tables, &endpoint).await;
}

pub(crate) async fn a_server_that_says_nothing_is_given_up() {
    let tables = Tables::fresh();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    given_up(&tables, &endpoint).await;
    held.abort();
}

async fn given_up(tables: &Tables, endpoint: &str) {
    let start = Instant::now();
    let refused = refused(tables, endpoint).await;
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(matches!(refused, OpenError::Catalog(CatalogError::Unavailable(_))), "{refused}");
    let said = format!("{refused} {refused:?}");
    assert!(!said.contains("reelmill-secret"), "{said}");
}
