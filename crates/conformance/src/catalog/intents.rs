//! Intents: keys on record before they are objects.

use reelmill_core::ports::{Catalog, CatalogError};
use reelmill_core::{Holder, Intent, Token, Write};
use uuid::Uuid;

use super::sample::{NOW, at, commit, condemned, conflict, id, intent, key};
use crate::Place;

type Setup = Place<dyn Catalog>;

async fn all(catalog: &dyn Catalog) -> Vec<Intent> {
    catalog.intents(None, 100).await.unwrap()
}

pub(super) async fn an_intent_is_recorded_once(place: Setup) {
    let catalog = place.open().await;
    let token = Token { attempt: 2, nonce: Uuid::new_v4() };
    let intent = Intent { holder: Holder::Claim { job: id(), token }, ..intent("outputs/1") };
    commit(&*catalog, [Write::AddIntent(intent.clone())]).await;
    conflict(&*catalog, [Write::AddIntent(intent.clone())]).await;
    assert_eq!(all(&*catalog).await, [intent]);
}

pub(super) async fn an_intent_is_taken_once(place: Setup) {
    let catalog = place.open().await;
    commit(&*catalog, [Write::AddIntent(intent("a"))]).await;
    commit(&*catalog, [Write::TakeIntent(key("a"))]).await;
    assert_eq!(all(&*catalog).await, []);
    conflict(&*catalog, [Write::TakeIntent(key("a"))]).await;
}

pub(super) async fn a_condemned_intent_cannot_be_taken(place: Setup) {
    let catalog = place.open().await;
    let before = intent("a");
    commit(&*catalog, [Write::AddIntent(before.clone())]).await;
    commit(&*catalog, [Write::Condemn(key("a"), at(7))]).await;
    conflict(&*catalog, [Write::TakeIntent(key("a"))]).await;
    let condemned = Intent { holder: Holder::Condemned { since: at(7) }, ..before };
    assert_eq!(all(&*catalog).await, [condemned]);
    conflict(&*catalog, [Write::AddIntent(intent("a"))]).await;
}

pub(super) async fn what_became_visible_cannot_be_condemned(place: Setup) {
    let catalog = place.open().await;
    commit(&*catalog, [Write::AddIntent(intent("media/new"))]).await;
    commit(&*catalog, [Write::TakeIntent(key("media/new"))]).await;
    conflict(&*catalog, [Write::Condemn(key("media/new"), NOW)]).await;
    conflict(&*catalog, [Write::Condemn(key("never"), NOW)]).await;
    assert_eq!(all(&*catalog).await, []);
}

pub(super) async fn an_intent_can_be_recorded_condemned(place: Setup) {
    let catalog = place.open().await;
    commit(&*catalog, [Write::AddIntent(condemned("media/old"))]).await;
    assert_eq!(all(&*catalog).await, [condemned("media/old")]);
    conflict(&*catalog, [Write::TakeIntent(key("media/old"))]).await;
    commit(&*catalog, [Write::Condemn(key("media/old"), at(7))]).await;
}

pub(super) async fn only_a_condemned_intent_is_forgotten(place: Setup) {
    let catalog = place.open().await;
    commit(&*catalog, [Write::AddIntent(intent("lives")), Write::AddIntent(condemned("dead"))]).await;
    commit(&*catalog, ["lives", "dead", "never"].map(|name| Write::ForgetIntent(key(name)))).await;
    assert_eq!(all(&*catalog).await, [intent("lives")]);
}

pub(super) async fn a_touch_is_counted(place: Setup) {
    let catalog = place.open().await;
    commit(&*catalog, [Write::AddIntent(intent("a")), Write::AddIntent(intent("b"))]).await;
    for _ in 0..3 {
        catalog.touch_intent(&key("b")).await.unwrap();
    }
    assert_eq!(all(&*catalog).await, [intent("a"), Intent { beats: 3, ..intent("b") }]);
}

pub(super) async fn a_touch_of_a_lost_intent_is_refused(place: Setup) {
    let catalog = place.open().await;
    commit(&*catalog, [Write::AddIntent(condemned("a"))]).await;
    for lost in ["a", "never"] {
        let refused = catalog.touch_intent(&key(lost)).await;
        assert!(matches!(refused, Err(CatalogError::Conflict)), "{lost}: {refused:?}");
    }
}

pub(super) async fn intents_are_listed_by_key(place: Setup) {
    let catalog = place.open().await;
    // In the order of their bytes, whatever a language makes of them.
    let names = ["B", "a", "a/b", "a0", "b", "ä"];
    let mut writes = names.map(|name| Write::AddIntent(intent(name)));
    writes.reverse();
    commit(&*catalog, writes).await;
    let listed = |intents: Vec<Intent>| intents.into_iter().map(|intent| intent.key).collect::<Vec<_>>();
    assert_eq!(listed(all(&*catalog).await), names.map(key));
    let rest = catalog.intents(Some(&key("a/b")), 2).await.unwrap();
    assert_eq!(listed(rest), [key("a0"), key("b")]);
    assert_eq!(listed(catalog.intents(Some(&key("a/a")), 1).await.unwrap()), [key("a/b")]);
}
