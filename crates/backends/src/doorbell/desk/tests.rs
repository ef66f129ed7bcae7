use std::sync::Arc;

use futures_util::{FutureExt, pin_mut};

use super::*;

#[tokio::test]
async fn what_lies_ready_is_handed_out_once_and_in_order() {
    let desk = Desk::default();
    desk.put(1);
    desk.put(2);
    assert_eq!((desk.listen().await, desk.listen().await), (Ok(1), Ok(2)));
    assert_eq!(desk.listen().now_or_never(), None);
}

#[tokio::test]
async fn whoever_waits_is_counted_until_the_wait_is_dropped() {
    let desk = Desk::<u8>::default();
    {
        let (one, other) = (desk.listen(), desk.listen());
        pin_mut!(one, other);
        assert_eq!((one.as_mut().now_or_never(), other.as_mut().now_or_never()), (None, None));
        assert_eq!(desk.wanted(), 2);
        desk.put(1);
        assert_eq!(desk.wanted(), 1);
    }
    assert_eq!(desk.wanted(), 0);
}

#[tokio::test]
async fn a_dropped_wait_has_taken_nothing() {
    let desk = Desk::default();
    {
        let wait = desk.listen();
        pin_mut!(wait);
        assert_eq!(wait.as_mut().now_or_never(), None);
        desk.put(1);
    }
    assert_eq!(desk.listen().now_or_never(), Some(Ok(1)));
}

#[tokio::test]
async fn all_who_wait_hear_what_is_wrong_and_nobody_hears_of_the_past() {
    let desk = Arc::new(Desk::<u8>::default());
    let waits: Vec<_> = (0..3)
        .map(|_| {
            let desk = Arc::clone(&desk);
            tokio::spawn(async move { desk.listen().await })
        })
        .collect();
    while desk.wanted() < 3 {
        tokio::task::yield_now().await;
    }
    desk.fail("no broker".into());
    for wait in waits {
        assert_eq!(wait.await.unwrap(), Err("no broker".to_owned()));
    }
    assert_eq!(desk.listen().now_or_never(), None);
}

#[tokio::test]
async fn only_what_nobody_waits_for_is_taken_back() {
    let desk = Desk::default();
    let wait = desk.listen();
    pin_mut!(wait);
    assert_eq!(wait.as_mut().now_or_never(), None);
    desk.put(1);
    assert_eq!(desk.idle_at(0), None);
    desk.put(2);
    assert!(desk.idle_at(0).is_some());
    assert_eq!(desk.take_back(), [2]);
    assert_eq!(wait.await, Ok(1));
}

#[tokio::test]
async fn the_brokers_side_is_woken_by_a_listener() {
    let desk = Arc::new(Desk::<u8>::default());
    let wakes = tokio::spawn({
        let desk = Arc::clone(&desk);
        async move { desk.is_wanted().await }
    });
    tokio::task::yield_now().await;
    let wait = desk.listen();
    pin_mut!(wait);
    assert_eq!(wait.as_mut().now_or_never(), None);
    wakes.await.unwrap();
}

#[tokio::test]
async fn the_time_to_come_back_begins_anew_with_each_listener_that_leaves() {
    let desk = Desk::default();
    desk.put(1);
    desk.put(2);
    let first = desk.idle_at(0).unwrap();
    let before = Instant::now();
    assert_eq!(desk.listen().await, Ok(1));
    let second = desk.idle_at(0).unwrap();
    assert!(first <= before + LINGER && second >= before + LINGER);
}
