//! The queue's pause.

use reelmill_core::ports::Catalog;

use super::sample::{NOW, at};
use crate::Place;

type Setup = Place<dyn Catalog>;

pub(super) async fn a_queue_is_not_paused_until_somebody_does(place: Setup) {
    let catalog = place.open().await;
    assert_eq!(catalog.paused_since().await.unwrap(), None);
}

pub(super) async fn a_pause_holds_until_it_is_ended(place: Setup) {
    let catalog = place.open().await;
    for since in [NOW, at(7)] {
        catalog.pause(since).await.unwrap();
        assert_eq!(catalog.paused_since().await.unwrap(), Some(since));
        catalog.resume().await.unwrap();
        assert_eq!(catalog.paused_since().await.unwrap(), None);
    }
}

pub(super) async fn a_pause_that_is_on_keeps_its_moment(place: Setup) {
    let catalog = place.open().await;
    for later in [at(1), at(1), at(0), NOW] {
        catalog.pause(later).await.unwrap();
        assert_eq!(catalog.paused_since().await.unwrap(), Some(at(1)));
    }
}

pub(super) async fn a_pause_is_ended_once_or_twice_alike(place: Setup) {
    let catalog = place.open().await;
    catalog.resume().await.unwrap();
    catalog.pause(NOW).await.unwrap();
    catalog.resume().await.unwrap();
    catalog.resume().await.unwrap();
    assert_eq!(catalog.paused_since().await.unwrap(), None);
}

pub(super) async fn a_reopened_catalog_is_paused_still(place: Setup) {
    let catalog = place.open().await;
    catalog.pause(NOW).await.unwrap();
    drop(catalog);
    assert_eq!(place.open().await.paused_since().await.unwrap(), Some(NOW));
}

pub(super) async fn of_two_that_share_a_catalog_each_sees_the_others_pause(place: Setup) {
    let (one, other) = (place.open().await, place.open().await);
    one.pause(NOW).await.unwrap();
    assert_eq!(other.paused_since().await.unwrap(), Some(NOW));
    other.resume().await.unwrap();
    assert_eq!(one.paused_since().await.unwrap(), None);
}
