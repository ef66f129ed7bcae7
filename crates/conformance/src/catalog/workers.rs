//! Workers' names and their epochs.

use std::sync::Arc;

use futures_util::future::join_all;
use reelmill_core::ports::Catalog;

use crate::Place;

type Setup = Place<dyn Catalog>;

pub(super) async fn each_registration_counts_a_name_up(place: Setup) {
    let catalog = place.open().await;
    for expected in 1..=3 {
        assert_eq!(catalog.register_worker("w1").await.unwrap(), expected);
        assert_eq!(catalog.worker_epoch("w1").await.unwrap(), expected);
    }
}

pub(super) async fn a_name_that_nobody_registered_has_no_epoch(place: Setup) {
    let catalog = place.open().await;
    catalog.register_worker("w1").await.unwrap();
    for name in ["w2", "W1", "w1 ", "w", ""] {
        assert_eq!(catalog.worker_epoch(name).await.unwrap(), 0, "{name:?}");
    }
    assert_eq!(catalog.register_worker("W1").await.unwrap(), 1);
    assert_eq!(catalog.register_worker("żółw 🎬").await.unwrap(), 1);
    assert_eq!(catalog.worker_epoch("żółw 🎬").await.unwrap(), 1);
}

pub(super) async fn those_that_register_at_once_get_different_epochs(place: Setup) {
    let catalog = place.open().await;
    let registered = (0..20).map(|_| {
        let catalog = Arc::clone(&catalog);
        tokio::spawn(async move { catalog.register_worker("w1").await.unwrap() })
    });
    let mut epochs: Vec<_> = join_all(registered).await.into_iter().map(Result::unwrap).collect();
    epochs.sort_unstable();
    assert_eq!(epochs, (1..=20).collect::<Vec<_>>());
    assert_eq!(catalog.worker_epoch("w1").await.unwrap(), 20);
}
