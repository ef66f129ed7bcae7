//! What a notifier promises.

use reelmill_core::Notification;
use reelmill_core::ports::Notifier;
use uuid::Uuid;

use crate::Place;
use crate::suite::{Backend, Trials, cases, pair};

type Setup = Place<dyn Notifier>;

cases! { CASES of dyn Notifier:
    a_notification_is_taken,
    a_notification_is_taken_again_where_the_answer_was_lost,
    text_of_every_kind_is_taken,
    it_can_be_checked,
}

/// The cases of these notifiers.
#[must_use]
pub fn trials(backends: Vec<Backend<dyn Notifier>>) -> Trials {
    pair("notifier", CASES, &[], backends)
}

fn notification(text: &str) -> Notification {
    Notification {
        id: Uuid::new_v4().into(),
        recipient: "someone@example.org".to_owned(),
        subject: format!("Ready: {text}"),
        body: text.to_owned(),
    }
}

async fn a_notification_is_taken(place: Setup) {
    place.open().await.notify(&notification("talk.mp3")).await.unwrap();
}

async fn a_notification_is_taken_again_where_the_answer_was_lost(place: Setup) {
    let notifier = place.open().await;
    let notification = notification("talk.mp3");
    notifier.notify(&notification).await.unwrap();
    notifier.notify(&notification).await.unwrap();
}

async fn text_of_every_kind_is_taken(place: Setup) {
    let notifier = place.open().await;
    for text in ["", "O'Brien \"x\" \\", "🎬 mañana 日本語", "two\nlines\r\n.\r\n", &"long ".repeat(20_000)]
    {
        let told = Notification { subject: "Ready".to_owned(), ..notification(text) };
        notifier.notify(&told).await.unwrap();
    }
}

async fn it_can_be_checked(place: Setup) {
    place.open().await.check().await.unwrap();
}
