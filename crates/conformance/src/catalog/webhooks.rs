//! Webhooks and what they are sent.

use reelmill_core::ports::{Catalog, PageQuery};
use reelmill_core::{
    Delivery, DeliveryState, Disabled, Try, Webhook, WebhookEvent, WebhookId, WebhookSecret, Write,
};

use super::sample::{NOW, at, commit, conflict, delivery, id, webhook};
use crate::Place;

type Setup = Place<dyn Catalog>;

async fn added(catalog: &dyn Catalog, webhook: WebhookId, due_at: i64) -> Delivery {
    let delivery = Delivery { state: DeliveryState::Waiting { due_at: at(due_at) }, ..delivery(webhook) };
    commit(catalog, [Write::AddDelivery(delivery.clone())]).await;
    delivery
}

pub(super) async fn a_webhook_comes_back_as_it_was_written(place: Setup) {
    let catalog = place.open().await;
    let disabled = Some(Disabled { reason: "it is \"gone\" 🎬".into(), at: NOW });
    let plain = webhook(id());
    let full = Webhook { disabled, events: vec![WebhookEvent::JobFailed], ..webhook(id()) }
        .with_secret("whsec_bmV3".into(), at(5));
    for webhook in [plain, full] {
        commit(&*catalog, [Write::AddWebhook(webhook.clone())]).await;
        assert_eq!(catalog.webhook(webhook.id).await.unwrap().as_ref(), Some(&webhook));
        conflict(&*catalog, [Write::AddWebhook(webhook)]).await;
    }
    assert_eq!(catalog.webhook(id()).await.unwrap(), None);
}

pub(super) async fn webhooks_are_listed_by_owner_oldest_first(place: Setup) {
    let catalog = place.open().await;
    let (ann, bob) = (id(), id());
    let all = [webhook(ann), webhook(bob), webhook(ann)];
    commit(&*catalog, all.iter().rev().cloned().map(Write::AddWebhook)).await;
    assert_eq!(catalog.webhooks(ann).await.unwrap(), [all[0].clone(), all[2].clone()]);
    assert_eq!(catalog.webhooks(bob).await.unwrap(), [all[1].clone()]);
    assert_eq!(catalog.webhooks(id()).await.unwrap(), []);
}

pub(super) async fn a_stale_webhook_is_refused(place: Setup) {
    let catalog = place.open().await;
    let there = webhook(id());
    commit(&*catalog, [Write::AddWebhook(there.clone())]).await;
    let next = there.with_secret("whsec_bmV4dA".into(), at(1));
    commit(&*catalog, [Write::ReplaceWebhook(next.clone())]).await;
    for version in [0, 1, 2, 4] {
        let secrets = vec![WebhookSecret::new("whsec_c3RhbGU".into())];
        conflict(&*catalog, [Write::ReplaceWebhook(Webhook { version, secrets, ..there.clone() })]).await;
    }
    conflict(&*catalog, [Write::ReplaceWebhook(Webhook { version: 2, ..webhook(id()) })]).await;
    assert_eq!(catalog.webhook(there.id).await.unwrap(), Some(next));
}

pub(super) async fn a_webhook_is_dropped_at_its_version_only(place: Setup) {
    let catalog = place.open().await;
    let there = webhook(id());
    commit(&*catalog, [Write::AddWebhook(there.clone())]).await;
    for version in [0, 2] {
        conflict(&*catalog, [Write::DropWebhook(there.id, version)]).await;
    }
    commit(&*catalog, [Write::DropWebhook(there.id, 1)]).await;
    conflict(&*catalog, [Write::DropWebhook(there.id, 1)]).await;
    assert_eq!(catalog.webhook(there.id).await.unwrap(), None);
    assert_eq!(catalog.webhooks(there.owner).await.unwrap(), []);
}

pub(super) async fn a_delivery_is_added_once(place: Setup) {
    let catalog = place.open().await;
    let there = added(&*catalog, id(), 0).await;
    let rival = Delivery { webhook: id(), ..there.clone() };
    conflict(&*catalog, [Write::AddDelivery(rival.clone())]).await;
    assert_eq!(catalog.delivery(there.id).await.unwrap().as_ref(), Some(&there));
    assert_eq!(catalog.deliveries(rival.webhook, first(5)).await.unwrap().items, []);
    for _ in 0..2 {
        commit(&*catalog, [Write::DropDelivery(there.id)]).await;
    }
    assert_eq!(catalog.delivery(there.id).await.unwrap(), None);
    assert_eq!(catalog.due_deliveries(at(10), 5).await.unwrap(), []);
}

pub(super) async fn of_two_who_take_a_delivery_one_does(place: Setup) {
    let catalog = place.open().await;
    let there = added(&*catalog, id(), 0).await;
    let taken = there.put_off(at(60));
    commit(&*catalog, [Write::ReplaceDelivery(taken.clone())]).await;
    conflict(&*catalog, [Write::ReplaceDelivery(there.put_off(at(61)))]).await;
    assert_eq!(catalog.delivery(there.id).await.unwrap(), Some(taken));
}

pub(super) async fn deliveries_are_due_the_longest_waiting_first(place: Setup) {
    let catalog = place.open().await;
    let hook = id();
    let mut due = Vec::new();
    for ms in [30, 10, 20, 40, 51] {
        due.push(added(&*catalog, hook, ms).await);
    }
    let mut wanted = due[..4].to_vec();
    wanted.sort_by_key(Delivery::due_at);
    assert_eq!(catalog.due_deliveries(at(50), 10).await.unwrap(), wanted);
    assert_eq!(catalog.due_deliveries(at(50), 2).await.unwrap(), wanted[..2]);
    assert_eq!(catalog.due_deliveries(at(9), 10).await.unwrap(), []);
}

pub(super) async fn what_was_delivered_is_due_no_more_and_listed_on(place: Setup) {
    let catalog = place.open().await;
    let there = added(&*catalog, id(), 0).await;
    let tried = |status| Try { at: NOW, status: Some(status), error: (status > 299).then(|| "no".into()) };
    let later = there.after(tried(503), 100);
    commit(&*catalog, [Write::ReplaceDelivery(later.clone())]).await;
    assert_eq!(catalog.due_deliveries(at(99), 5).await.unwrap(), []);
    assert_eq!(catalog.due_deliveries(at(100), 5).await.unwrap(), std::slice::from_ref(&later));
    let done = later.after(tried(204), 100);
    commit(&*catalog, [Write::ReplaceDelivery(done.clone())]).await;
    assert_eq!(catalog.due_deliveries(at(1_000_000), 5).await.unwrap(), []);
    assert_eq!(catalog.deliveries(there.webhook, first(5)).await.unwrap().items, std::slice::from_ref(&done));
    let again = done.again(at(7));
    commit(&*catalog, [Write::ReplaceDelivery(again.clone())]).await;
    assert_eq!(catalog.due_deliveries(at(7), 5).await.unwrap(), [again]);
}

pub(super) async fn deliveries_are_listed_by_webhook_newest_first(place: Setup) {
    let catalog = place.open().await;
    let (hook, other) = (id(), id());
    let mut own = Vec::new();
    for _ in 0..5 {
        own.insert(0, added(&*catalog, hook, 0).await);
        added(&*catalog, other, 0).await;
    }
    let page = catalog.deliveries(hook, first(3)).await.unwrap();
    assert_eq!(page.items, own[..3]);
    let rest = catalog.deliveries(hook, PageQuery { limit: 3, after: page.next }).await.unwrap();
    assert_eq!((rest.items, rest.next), (own[3..].to_vec(), None));
}

pub(super) async fn a_delivery_that_expired_is_swept(place: Setup) {
    let catalog = place.open().await;
    let hook = id();
    let there = Delivery { expires_at: at(100), ..delivery(hook) };
    let stays = Delivery { expires_at: at(101), ..delivery(hook) };
    commit(&*catalog, [Write::AddDelivery(there.clone()), Write::AddDelivery(stays.clone())]).await;
    catalog.sweep_expired(at(101)).await.unwrap();
    assert_eq!(catalog.delivery(there.id).await.unwrap(), None);
    assert_eq!(catalog.deliveries(hook, first(5)).await.unwrap().items, std::slice::from_ref(&stays));
    assert_eq!(catalog.due_deliveries(at(1000), 5).await.unwrap(), [stays]);
}

const fn first(limit: u32) -> PageQuery {
    PageQuery { limit, after: None }
}
