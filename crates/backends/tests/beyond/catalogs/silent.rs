//! Servers and connections that say nothing any more.

use std::time::{Duration, Instant};

use reelmill_backends::{Deployment, catalog};
use reelmill_core::ports::{CatalogError, Sequence};
use tokio::net::TcpListener;

use super::database::Database;
use super::proxy::Proxy;

/// Longer than any call may take.
const TOO_LONG: Duration = Duration::from_secs(40);

pub(crate) async fn a_server_that_says_nothing_is_given_up(server: String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut url: url::Url = format!("{server}nothing").parse().unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    let deployment = Deployment::within(".".into());
    let opened = tokio::time::timeout(TOO_LONG, catalog::open(url.as_str(), &deployment)).await.unwrap();
    let said = opened.err().unwrap().to_string();
    assert!(said.contains("no answer within 12 s"), "{said}");
}

pub(crate) async fn a_connection_that_falls_silent_is_replaced(server: String) {
    let database = Database::create(&server).await;
    let proxy = Proxy::before(&database.url()).await;
    let catalog = catalog::open(proxy.url(), &Deployment::within(".".into())).await.unwrap();
    assert_eq!(catalog.next_number(Sequence::Users).await.unwrap(), 1);
    catalog.check().await.unwrap();
    proxy.silence();
    let began = Instant::now();
    // Whether it is answered or given up, it is within bounds; nothing hangs.
    let (mut numbers, mut refused) = (Vec::new(), 0);
    while numbers.len() < 3 {
        match catalog.next_number(Sequence::Users).await {
            Ok(number) => numbers.push(number),
            Err(CatalogError::Unavailable(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
        assert!(began.elapsed() < TOO_LONG && refused < 10, "{refused} refused in {:?}", began.elapsed());
    }
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    while catalog.check().await.is_err() {
        assert!(began.elapsed() < TOO_LONG);
    }
}
