//! Webhooks: what is told, how often, under which id, and who waits for whom.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use reelmill_core::ports::{Answer, CourierError, PageQuery};
use reelmill_core::{Delivery, DeliveryState, Job, Kind, Timestamp, Webhook, WebhookEvent, Write};
use tokio::time::{Duration, sleep};

use super::weather::Stormy;
use super::world::{Carried, WORKER, World, options};
use crate::{NewWebhook, Replayed, Running};

const ALL: PageQuery = PageQuery { limit: 100, after: None };

async fn hook(world: &World, url: &str) -> Webhook {
    let new = NewWebhook { url: url.into(), events: Vec::new() };
    world.service.add_webhook(&world.alice, new).await.unwrap()
}

async fn done(world: &World) -> Job {
    let job = world.convert("tone").await;
    world.ended(&job).await;
    world.settle().await;
    job
}

fn carried(world: &World) -> Vec<Carried> {
    world.carrier.carried.lock().unwrap().clone()
}

fn ids(carried: &[Carried]) -> Vec<&str> {
    carried.iter().map(|request| request.header("webhook-id")).collect()
}

fn answer(world: &World, answers: &[Result<u16, &str>]) {
    let of = |answer: &Result<u16, &str>| match answer {
        Ok(status) => Ok(Answer { status: *status, retry_after_ms: None }),
        Err(said) => Err(CourierError::Unreachable((*said).to_owned())),
    };
    world.carrier.answers.lock().unwrap().extend(answers.iter().map(of));
}

async fn log(world: &World, webhook: &Webhook) -> Vec<Delivery> {
    world.service.deliveries(&world.alice, webhook.id, ALL).await.unwrap().items
}

async fn start() -> (World, Running) {
    let world = World::new().await;
    let running = world.start().await;
    (world, running)
}

#[tokio::test(start_paused = true)]
async fn each_end_of_a_job_is_told_once_in_its_own_words() {
    let (world, running) = start().await;
    let webhook = hook(&world, "https://a.example/hook").await;
    let ended = done(&world).await;
    let broken = world.convert("broken").await;
    world.ended(&broken).await;
    let stopped = world.convert("slow:60000").await;
    world.until_running(&stopped).await;
    world.service.cancel(&world.alice, stopped.id).await.unwrap();
    world.ended(&stopped).await;
    world.settle().await;
    let carried = carried(&world);
    assert_eq!(ids(&carried).into_iter().collect::<BTreeSet<_>>().len(), 3, "{carried:?}");
    assert_eq!(carried.len(), 3);
    for (request, (event, job)) in
        carried.iter().zip([("job.done", &ended), ("job.failed", &broken), ("job.cancelled", &stopped)])
    {
        let words: Vec<&str> = request.body.split(' ').collect();
        assert_eq!((words[0], words[2]), (event, job.id.to_string().as_str()));
        assert_eq!(request.url, "https://a.example/hook");
    }
    assert!(log(&world, &webhook).await.iter().all(|delivery| delivery.state == DeliveryState::Delivered));
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_cancelled_while_it_waits_is_told_too() {
    let world = World::new().await;
    hook(&world, "https://a.example/").await;
    let job = world.convert("tone").await;
    world.service.cancel(&world.alice, job.id).await.unwrap();
    let running = world.start().await;
    world.settle().await;
    assert!(carried(&world)[0].body.starts_with("job.cancelled "));
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn only_what_is_asked_for_and_ones_own_is_told() {
    let (world, running) = start().await;
    let new = |url: &str, events| NewWebhook { url: url.into(), events };
    let failed = new("https://failed.example/", vec![WebhookEvent::JobFailed]);
    world.service.add_webhook(&world.alice, failed).await.unwrap();
    world.service.add_webhook(&world.bob, new("https://bob.example/", Vec::new())).await.unwrap();
    done(&world).await;
    assert_eq!(carried(&world).len(), 0);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_is_tried_again_under_the_same_id_until_it_takes_it() {
    let (world, running) = start().await;
    let webhook = hook(&world, "https://a.example/").await;
    answer(&world, &[Ok(500), Err("connection refused"), Ok(302), Ok(200)]);
    done(&world).await;
    sleep(Duration::from_mins(10)).await;
    let carried = carried(&world);
    assert_eq!(carried.len(), 4);
    assert_eq!(ids(&carried).into_iter().collect::<BTreeSet<_>>().len(), 1);
    let moments: BTreeSet<_> = carried.iter().map(|request| request.header("webhook-timestamp")).collect();
    assert_eq!(moments.len(), 4, "each try has its own moment");
    let signatures: BTreeSet<_> = carried.iter().map(|request| request.header("webhook-signature")).collect();
    assert_eq!(signatures.len(), 4, "each try is signed anew");
    let delivery = &log(&world, &webhook).await[0];
    assert_eq!(delivery.state, DeliveryState::Delivered);
    let said: Vec<_> = delivery.tries.iter().map(|tried| (tried.status, tried.error.as_deref())).collect();
    assert_eq!(
        said,
        [
            (Some(500), Some("the receiver answered 500")),
            (None, Some("connection refused")),
            (Some(302), Some("the receiver answered 302")),
            (Some(200), None)
        ]
    );
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_asked_for_is_kept() {
    let (world, running) = start().await;
    let webhook = hook(&world, "https://a.example/").await;
    let busy = Answer { status: 429, retry_after_ms: Some(3_600_000) };
    world.carrier.answers.lock().unwrap().push(Ok(busy));
    done(&world).await;
    sleep(Duration::from_mins(59)).await;
    assert_eq!(carried(&world).len(), 1);
    sleep(Duration::from_mins(2)).await;
    assert_eq!(carried(&world).len(), 2);
    assert_eq!(log(&world, &webhook).await[0].tries.len(), 2);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_never_answers_is_given_up_after_a_day_and_sent_again_on_a_wish() {
    let (world, running) = start().await;
    let webhook = hook(&world, "https://a.example/").await;
    answer(&world, &[Err("gone"); 100]);
    done(&world).await;
    sleep(Duration::from_hours(23)).await;
    let tries = carried(&world).len();
    assert!((8..=24).contains(&tries), "{tries}");
    sleep(Duration::from_hours(10)).await;
    let delivery = log(&world, &webhook).await[0].clone();
    assert_eq!(delivery.state, DeliveryState::GivenUp);
    world.carrier.answers.lock().unwrap().clear();
    world.service.replay_delivery(&world.alice, webhook.id, delivery.id).await.unwrap();
    world.settle().await;
    assert_eq!(log(&world, &webhook).await[0].state, DeliveryState::Delivered);
    assert_eq!(ids(&carried(&world)).into_iter().collect::<BTreeSet<_>>().len(), 1);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn all_that_was_sent_in_vain_since_a_moment_is_sent_once_more() {
    let (world, running) = start().await;
    let webhook = hook(&world, "https://a.example/").await;
    answer(&world, &[Err("gone"); 100]);
    done(&world).await;
    sleep(Duration::from_hours(30)).await;
    let since = world.clock_now();
    done(&world).await;
    // The next try is hours away by now.
    sleep(Duration::from_hours(2)).await;
    world.carrier.answers.lock().unwrap().clear();
    let replay = |since| world.service.replay_failed(&world.alice, webhook.id, since);
    let states = async || log(&world, &webhook).await.iter().map(|one| one.state).collect::<Vec<_>>();
    assert_eq!(replay(since).await.unwrap(), Replayed { deliveries: 1, is_more: false });
    world.settle().await;
    assert_eq!(states().await, [DeliveryState::Delivered, DeliveryState::GivenUp]);
    assert_eq!(replay(Timestamp::default()).await.unwrap().deliveries, 1);
    world.settle().await;
    assert_eq!(states().await, [DeliveryState::Delivered; 2]);
    assert_eq!(replay(Timestamp::default()).await.unwrap().deliveries, 0);
    assert_eq!(ids(&carried(&world)).into_iter().collect::<BTreeSet<_>>().len(), 2);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_put_on_record_by_a_catalog_that_was_away_when_it_came() {
    let stormy = Arc::new(Stormy::default());
    let world = World::over(stormy.clone()).await;
    let webhook = hook(&world, "https://slow.example/").await;
    let job = world.convert("tone").await;
    world.service.cancel(&world.alice, job.id).await.unwrap();
    let running = world.start().await;
    sleep(Duration::from_secs(5)).await;
    stormy.begin(1, 1);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(log(&world, &webhook).await[0].tries.len(), 0);
    stormy.end();
    sleep(Duration::from_secs(3)).await;
    assert_eq!(log(&world, &webhook).await[0].tries.len(), 1);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_says_farewell_is_told_nothing_more_until_it_is_enabled() {
    let (world, running) = start().await;
    let webhook = hook(&world, "https://a.example/").await;
    answer(&world, &[Ok(410)]);
    done(&world).await;
    done(&world).await;
    assert_eq!(carried(&world).len(), 1);
    let disabled = world.service.webhooks(&world.alice).await.unwrap().remove(0).disabled.unwrap();
    assert!(disabled.reason.contains("410"));
    let given_up = log(&world, &webhook).await.remove(0);
    assert_eq!(given_up.state, DeliveryState::GivenUp);
    let replayed = world.service.replay_delivery(&world.alice, webhook.id, given_up.id).await;
    assert_eq!(replayed.unwrap_err().kind, Kind::Conflict);
    world.service.enable_webhook(&world.alice, webhook.id).await.unwrap();
    done(&world).await;
    assert_eq!(carried(&world).len(), 2);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_slow_holds_up_no_other() {
    let (world, running) = start().await;
    hook(&world, "https://slow.example/1").await;
    for _ in 0..60 {
        world.ended(&world.convert("tone").await).await;
    }
    let quick = hook(&world, "https://quick.example/").await;
    done(&world).await;
    assert_eq!(log(&world, &quick).await[0].state, DeliveryState::Delivered);
    let slow = carried(&world).iter().filter(|request| request.url.contains("slow")).count();
    assert!(slow <= 8, "{slow} requests to one slow host");
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn of_several_processes_one_sends() {
    let (world, running) = start().await;
    let second = world.process(options()).start(WORKER).await.unwrap();
    let third = world.process(options()).start(WORKER).await.unwrap();
    hook(&world, "https://a.example/").await;
    for _ in 0..20 {
        world.ended(&world.convert("tone").await).await;
    }
    sleep(Duration::from_mins(1)).await;
    let carried = carried(&world);
    assert_eq!(ids(&carried).into_iter().collect::<BTreeSet<_>>().len(), 20);
    assert_eq!(carried.len(), 20);
    for running in [running, second, third] {
        running.drain().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_process_took_before_it_died_is_sent_by_another_under_its_id() {
    let world = World::new().await;
    let webhook = hook(&world, "https://a.example/").await;
    let job = world.convert("tone").await;
    world.service.cancel(&world.alice, job.id).await.unwrap();
    // Somebody takes it, and is never heard of again.
    let waits = log(&world, &webhook).await.remove(0);
    let taken = waits.put_off(world.clock_now().plus_ms(60_000));
    world.catalog.commit(vec![Write::ReplaceDelivery(taken)]).await.unwrap();
    let running = world.start().await;
    sleep(Duration::from_secs(55)).await;
    assert_eq!(carried(&world).len(), 0);
    sleep(Duration::from_secs(15)).await;
    assert_eq!(ids(&carried(&world)), [waits.id.to_string()]);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn for_a_day_the_old_secret_signs_beside_the_new_one() {
    let (world, running) = start().await;
    let webhook = hook(&world, "https://a.example/").await;
    let rotated = world.service.rotate_webhook(&world.alice, webhook.id).await.unwrap();
    assert_ne!(rotated.secrets[0].expose(), webhook.secrets[0].expose());
    assert!(rotated.secrets.iter().all(|secret| secret.expose().starts_with("whsec_")));
    done(&world).await;
    sleep(Duration::from_hours(25)).await;
    done(&world).await;
    let counts: Vec<_> = carried(&world)
        .iter()
        .map(|request| {
            request.header("webhook-signature").split(' ').filter(|one| one.starts_with("v1,")).count()
        })
        .collect();
    assert_eq!(counts, [2, 1]);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_its_owners_alone_and_goes_with_all_that_it_was_sent() {
    let (world, running) = start().await;
    let webhook = hook(&world, "https://a.example/").await;
    done(&world).await;
    let delivery = log(&world, &webhook).await.remove(0);
    let (service, bob) = (&world.service, &world.bob);
    for refused in [
        service.remove_webhook(bob, webhook.id).await.err(),
        service.rotate_webhook(bob, webhook.id).await.err(),
        service.enable_webhook(bob, webhook.id).await.err(),
        service.deliveries(bob, webhook.id, ALL).await.err(),
        service.replay_delivery(bob, webhook.id, delivery.id).await.err(),
        service.replay_failed(bob, webhook.id, Timestamp::default()).await.err(),
    ] {
        assert_eq!(refused.unwrap().kind, Kind::NotFound);
    }
    service.remove_webhook(&world.alice, webhook.id).await.unwrap();
    assert_eq!(world.catalog.webhook(webhook.id).await.unwrap(), None);
    assert_eq!(world.catalog.delivery(delivery.id).await.unwrap(), None);
    done(&world).await;
    assert_eq!(carried(&world).len(), 1);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn an_account_takes_its_webhooks_with_it() {
    let world = World::new().await;
    let webhook = hook(&world, "https://a.example/").await;
    world.service.remove_account("alice@example.com").await.unwrap();
    assert_eq!(world.catalog.webhook(webhook.id).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn there_are_so_many_webhooks_and_no_address_that_the_courier_refuses() {
    let world = World::new().await;
    let new = |url: &str| NewWebhook { url: url.into(), events: Vec::new() };
    for wrong in ["http://a.example/", &format!("https://a.example/{}", "a".repeat(3000))] {
        let refused = world.service.add_webhook(&world.alice, new(wrong)).await.unwrap_err();
        assert_eq!(refused.kind, Kind::Invalid);
    }
    for number in 0..10 {
        hook(&world, &format!("https://a.example/{number}")).await;
    }
    let refused = world.service.add_webhook(&world.alice, new("https://a.example/")).await.unwrap_err();
    assert_eq!(refused.problem, "too-many-webhooks");
}

#[tokio::test(start_paused = true)]
async fn two_that_are_made_at_the_same_moment_are_not_one_too_many() {
    let stormy = Arc::new(Stormy::default());
    let world = World::over(stormy.clone()).await;
    for number in 0..9 {
        hook(&world, &format!("https://a.example/{number}")).await;
    }
    stormy.next_commit_waits_ms.store(1000, Ordering::Relaxed);
    let add = |url: &str| {
        world.service.add_webhook(&world.alice, NewWebhook { url: url.into(), events: Vec::new() })
    };
    let (slow, quick) = tokio::join!(add("https://late.example/"), add("https://quick.example/"));
    assert_eq!((slow.unwrap_err().problem, quick.is_ok()), ("too-many-webhooks", true));
    assert_eq!(world.service.webhooks(&world.alice).await.unwrap().len(), 10);
}
