//! What a doorbell that is a queue promises to the other programs on it.
//!
//! A [`Queue`] is the broker as such a program sees it: it sends bytes and takes bytes, and finds what was set aside.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reelmill_core::JobId;
use reelmill_core::ports::{About, Channel, Delivery, Doorbell, Foreign, Message, Ring};
use uuid::Uuid;

use crate::Place;
use crate::suite::{Backend, Trials, cases, pair};

/// A broker in the hands of another program.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Our doorbell on it, opened anew.
    async fn doorbell(&self) -> Arc<dyn Doorbell>;
    /// Whether it tells of results.
    fn has_results(&self) -> bool;
    /// Sends what another program sends.
    async fn send(&self, channel: Channel, body: &[u8]);
    /// Takes the next message of a channel, as another program's consumer does.
    async fn take(&self, channel: Channel) -> Vec<u8>;
    /// Takes the next message that was set aside: its body and the reason.
    async fn take_dead(&self, channel: Channel) -> (Vec<u8>, String);
}

type Setup = Place<dyn Queue>;

cases! { CASES of dyn Queue:
    an_upload_of_another_program_is_heard,
    a_task_of_another_program_is_heard,
    a_result_of_another_program_is_heard,
    a_ring_tells_other_programs_what_it_is_about,
    a_result_tells_other_programs_what_it_is,
    each_channel_is_its_own,
    a_refused_message_is_set_aside_with_its_reason,
    what_cannot_be_understood_is_set_aside_and_the_next_is_heard,
    a_huge_message_is_set_aside,
    many_that_cannot_be_understood_are_set_aside,
}

/// The cases of these queues.
#[must_use]
pub fn trials(backends: Vec<Backend<dyn Queue>>) -> Trials {
    pair("doorbell", CASES, &[], backends)
}

/// How long a message that must come may take.
const SOON: Duration = Duration::from_secs(110);
/// How long is waited for a message that must not come.
const A_WHILE: Duration = Duration::from_millis(300);

const UPLOAD: &str = r#"{"video_fid":"65f0c0ffee","mp3_fid":null,"username":"ann@example.org"}"#;

fn upload() -> Message {
    Message::Foreign(Foreign::Upload { media_fid: "65f0c0ffee".into(), username: "ann@example.org".into() })
}

fn about() -> About {
    About {
        username: "ann@example.org".into(),
        media_fid: Some("65f0c0ffee".into()),
        media_key: Some("7/a.b.mp4".parse().unwrap()),
        from_extension: "mp4".into(),
        to_extension: "mp3".into(),
        output_fid: None,
        output_key: None,
        task: Some(7),
    }
}

async fn hear(bell: &dyn Doorbell, channel: Channel) -> Box<dyn Delivery> {
    tokio::time::timeout(SOON, bell.listen(channel)).await.unwrap().unwrap()
}

async fn hears_nothing(bell: &dyn Doorbell, channel: Channel) {
    let heard = tokio::time::timeout(A_WHILE, bell.listen(channel)).await;
    assert!(heard.is_err(), "heard {:?}", heard.unwrap().unwrap().message());
}

/// Hears what was sent, settles it, and hears nothing more.
async fn hears_once(bell: &dyn Doorbell, channel: Channel, message: &Message) {
    let delivery = hear(bell, channel).await;
    assert_eq!((delivery.message(), delivery.is_redelivered()), (message, false));
    delivery.settle().await.unwrap();
    hears_nothing(bell, channel).await;
}

async fn an_upload_of_another_program_is_heard(place: Setup) {
    let queue = place.open().await;
    let bell = queue.doorbell().await;
    queue.send(Channel::Work, UPLOAD.as_bytes()).await;
    hears_once(&*bell, Channel::Work, &upload()).await;
}

async fn a_task_of_another_program_is_heard(place: Setup) {
    let queue = place.open().await;
    let bell = queue.doorbell().await;
    let body = r#"{"task_id":7,"in_route":"7/a.mp3","out_route":"7/a.wav","in_ext":"mp3","out_ext":"wav"}"#;
    queue.send(Channel::Work, body.as_bytes()).await;
    let task = Foreign::Task { number: 7, original: "7/a.mp3".into(), to_extension: "wav".into() };
    hears_once(&*bell, Channel::Work, &Message::Foreign(task)).await;
}

async fn a_result_of_another_program_is_heard(place: Setup) {
    let queue = place.open().await;
    if !queue.has_results() {
        return;
    }
    let bell = queue.doorbell().await;
    let body = r#"{"video_fid":"65f0c0ffee","mp3_fid":"75f0c0ffee","username":"ann@example.org"}"#;
    queue.send(Channel::Results, body.as_bytes()).await;
    let result = Foreign::Result { output_fid: "75f0c0ffee".into(), username: "ann@example.org".into() };
    hears_once(&*bell, Channel::Results, &Message::Foreign(result)).await;
}

/// A body without its spaces, to look for fields in.
fn squeezed(body: &[u8]) -> String {
    String::from_utf8(body.to_vec()).unwrap().replace(' ', "")
}

async fn a_ring_tells_other_programs_what_it_is_about(place: Setup) {
    let queue = place.open().await;
    let bell = queue.doorbell().await;
    let job = JobId(Uuid::new_v4());
    bell.ring(Channel::Work, &Ring { job, about: Some(about()) }).await.unwrap();
    let body = squeezed(&queue.take(Channel::Work).await);
    for field in [
        &*format!(r#""job_id":"{job}""#),
        r#""video_fid":"65f0c0ffee""#,
        r#""mp3_fid":null"#,
        r#""username":"ann@example.org""#,
        r#""task_id":7"#,
        r#""in_route":"7/a.b.mp4""#,
        r#""out_route":null"#,
        r#""in_ext":"mp4""#,
        r#""out_ext":"mp3""#,
    ] {
        assert!(body.contains(field), "{field} is not in {body}");
    }
}

async fn a_result_tells_other_programs_what_it_is(place: Setup) {
    let queue = place.open().await;
    let bell = queue.doorbell().await;
    let job = JobId(Uuid::new_v4());
    let about = About { output_fid: Some("75f0c0ffee".into()), ..about() };
    bell.ring(Channel::Results, &Ring { job, about: Some(about) }).await.unwrap();
    if queue.has_results() {
        let body = squeezed(&queue.take(Channel::Results).await);
        assert!(body.contains(r#""mp3_fid":"75f0c0ffee""#), "{body}");
    }
}

async fn each_channel_is_its_own(place: Setup) {
    let queue = place.open().await;
    let bell = queue.doorbell().await;
    let [work, result] = [(); 2].map(|()| JobId(Uuid::new_v4()));
    bell.ring(Channel::Work, &Ring { job: work, about: None }).await.unwrap();
    bell.ring(Channel::Results, &Ring { job: result, about: None }).await.unwrap();
    hears_once(&*bell, Channel::Work, &Message::Job(work)).await;
    if queue.has_results() {
        hears_once(&*bell, Channel::Results, &Message::Job(result)).await;
    } else {
        hears_nothing(&*bell, Channel::Results).await;
    }
}

async fn a_refused_message_is_set_aside_with_its_reason(place: Setup) {
    let queue = place.open().await;
    let bell = queue.doorbell().await;
    queue.send(Channel::Work, UPLOAD.as_bytes()).await;
    let delivery = hear(&*bell, Channel::Work).await;
    delivery.refuse("no account `ann@example.org`\nhere").await.unwrap();
    let dead = queue.take_dead(Channel::Work).await;
    assert_eq!(dead, (UPLOAD.into(), "no account `ann@example.org` here".to_owned()));
    hears_nothing(&*bell, Channel::Work).await;
}

async fn what_cannot_be_understood_is_set_aside_and_the_next_is_heard(place: Setup) {
    let queue = place.open().await;
    let bell = queue.doorbell().await;
    let channels: &[_] =
        if queue.has_results() { &[Channel::Work, Channel::Results] } else { &[Channel::Work] };
    for channel in channels {
        let body = b"{'task_id': __import__('os').system('true')}";
        queue.send(*channel, body).await;
        let job = JobId(Uuid::new_v4());
        bell.ring(*channel, &Ring { job, about: None }).await.unwrap();
        hears_once(&*bell, *channel, &Message::Job(job)).await;
        let (dead, reason) = queue.take_dead(*channel).await;
        assert_eq!(dead, body);
        assert!(reason.contains("not JSON"), "{reason}");
    }
}

async fn a_huge_message_is_set_aside(place: Setup) {
    let queue = place.open().await;
    let bell = queue.doorbell().await;
    let body = vec![b'['; 1 << 20];
    queue.send(Channel::Work, &body).await;
    let (dead, reason) = tokio::select! {
        dead = queue.take_dead(Channel::Work) => dead,
        heard = bell.listen(Channel::Work) => panic!("heard {:?}", heard.map(|heard| heard.message().clone())),
    };
    assert_eq!(dead.len(), body.len());
    assert!(reason.contains("too long"), "{reason}");
}

async fn many_that_cannot_be_understood_are_set_aside(place: Setup) {
    let queue = place.open().await;
    let bell = queue.doorbell().await;
    for _ in 0..20 {
        queue.send(Channel::Work, b"\0").await;
    }
    queue.send(Channel::Work, UPLOAD.as_bytes()).await;
    hears_once(&*bell, Channel::Work, &upload()).await;
    for _ in 0..20 {
        assert_eq!(queue.take_dead(Channel::Work).await.0, b"\0");
    }
}
