//! What Python's clients make of our messages, and we of theirs.

use std::process::Stdio;

use reelmill_core::ports::{About, Channel, Foreign, Message, Ring};
use reelmill_testbed::servers;
use tokio::process::Command;

use super::bells::{amqp, hear, job, name, open, variable};

/// Runs a program with these arguments; what it prints.
async fn python(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(variable("REELMILL_CLOUD_PYTHON"));
    command.arg("-c").arg(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn about() -> About {
    About {
        username: "ann@example.org".into(),
        media_fid: Some("65f0c0ffee".into()),
        media_key: Some("7/El Día.mp4".parse().unwrap()),
        from_extension: "mp4".into(),
        to_extension: "mp3".into(),
        output_fid: Some("75f0c0ffee".into()),
        output_key: None,
        task: Some(7),
    }
}

/// Takes one message of each queue, as the converter and the notification of the contract do.
const PIKA_TAKES: &str = r#"
import json, pika, sys
channel = pika.BlockingConnection(pika.URLParameters(sys.argv[1])).channel()
for queue in sys.argv[2:]:
    channel.queue_declare(queue=queue, passive=True)
    for method, properties, body in channel.consume(queue=queue, inactivity_timeout=30):
        assert properties.delivery_mode == 2, properties
        message = json.loads(body)
        print(message["video_fid"], message["mp3_fid"], message["username"], message["job_id"])
        channel.basic_ack(method.delivery_tag)
        break
    channel.cancel()
"#;

const PIKA_SENDS: &str = r#"
import json, pika, sys
channel = pika.BlockingConnection(pika.URLParameters(sys.argv[1])).channel()
for queue, fid in ((sys.argv[2], None), (sys.argv[3], "75f0c0ffee")):
    channel.queue_declare(queue=queue, durable=True)
    body = json.dumps({"video_fid": "65f0c0ffee", "mp3_fid": fid, "username": "ann@example.org"})
    properties = pika.BasicProperties(delivery_mode=pika.spec.PERSISTENT_DELIVERY_MODE)
    channel.basic_publish(exchange="", routing_key=queue, body=body, properties=properties)
"#;

fn pika_url(server: &str) -> String {
    format!("{server}%2F")
}

pub(crate) async fn pika_hears_our_rings() {
    let (server, name) = (variable(servers::RABBITMQ.variable), name());
    let bell = amqp(&server, &name).await;
    let job = job();
    for (channel, output_fid) in [(Channel::Work, None), (Channel::Results, Some("75f0c0ffee".to_owned()))] {
        bell.ring(channel, &Ring { job, about: Some(About { output_fid, ..about() }) }).await.unwrap();
    }
    let heard = python(PIKA_TAKES, &[&pika_url(&server), &name, &format!("{name}-mp3")]).await;
    let wanted =
        format!("65f0c0ffee None ann@example.org {job}\n65f0c0ffee 75f0c0ffee ann@example.org {job}");
    assert_eq!(heard, wanted);
}

pub(crate) async fn we_hear_pika() {
    let (server, name) = (variable(servers::RABBITMQ.variable), name());
    // Its queues are the first, and are used as they are.
    python(PIKA_SENDS, &[&pika_url(&server), &name, &format!("{name}-mp3")]).await;
    let bell = amqp(&server, &name).await;
    let username = "ann@example.org".to_owned();
    let upload = Foreign::Upload { media_fid: "65f0c0ffee".into(), username: username.clone() };
    let result = Foreign::Result { output_fid: "75f0c0ffee".into(), username };
    for (channel, message) in [(Channel::Work, upload), (Channel::Results, result)] {
        let delivery = bell.listen(channel).await.unwrap();
        assert_eq!(delivery.message(), &Message::Foreign(message));
        delivery.settle().await.unwrap();
    }
}

const GOOGLE_TAKES: &str = r#"
import json, os, sys, concurrent.futures
os.environ["PUBSUB_EMULATOR_HOST"] = sys.argv[1]
from google.cloud import pubsub_v1
subscriber = pubsub_v1.SubscriberClient()
heard = concurrent.futures.Future()
def on_message(message):
    message.ack_with_response().result()
    heard.set_result(json.loads(message.data))
pull = subscriber.subscribe(subscriber.subscription_path("reelmill", sys.argv[2]), callback=on_message)
message = heard.result(60)
pull.cancel()
print(message["task_id"], message["in_route"], message["out_route"], message["in_ext"], message["out_ext"], message["job_id"])
"#;

const GOOGLE_SENDS: &str = r#"
import json, os, sys
os.environ["PUBSUB_EMULATOR_HOST"] = sys.argv[1]
from google.cloud import pubsub_v1
publisher = pubsub_v1.PublisherClient()
body = {"task_id": 7, "in_route": "7/El Día.mp3", "out_route": "7/El Día.wav", "in_ext": "mp3", "out_ext": "wav"}
publisher.publish(publisher.topic_path("reelmill", sys.argv[2]), json.dumps(body).encode()).result(30)
"#;

/// A doorbell on a topic of its own, the topic's name, and the emulator's host.
async fn pubsub() -> (std::sync::Arc<dyn reelmill_core::ports::Doorbell>, String, String) {
    let (server, name) = (variable(servers::PUBSUB.variable), name());
    let bell = open(&format!("pubsub://reelmill?topic={name}&subscription={name}&endpoint={server}")).await;
    bell.check().await.unwrap();
    (bell, name, server.trim_start_matches("http://").to_owned())
}

pub(crate) async fn googles_client_hears_our_rings() {
    let (bell, name, host) = pubsub().await;
    let job = job();
    bell.ring(Channel::Work, &Ring { job, about: Some(about()) }).await.unwrap();
    let heard = python(GOOGLE_TAKES, &[&host, &name]).await;
    assert_eq!(heard, format!("7 7/El Día.mp4 None mp4 mp3 {job}"));
}

pub(crate) async fn we_hear_googles_client() {
    let (bell, name, host) = pubsub().await;
    python(GOOGLE_SENDS, &[&host, &name]).await;
    let delivery = hear(&*bell).await;
    let task = Foreign::Task { number: 7, original: "7/El Día.mp3".into(), to_extension: "wav".into() };
    assert_eq!(delivery.message(), &Message::Foreign(task));
    delivery.settle().await.unwrap();
}
