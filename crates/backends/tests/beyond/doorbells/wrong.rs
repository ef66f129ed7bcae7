//! Deployments that are wrong: what is said then is a sentence that helps, without the password.

use reelmill_backends::{Deployment, doorbell};
use reelmill_testbed::servers;

use super::bells::{open, variable};

async fn trouble(url: &str) -> String {
    open(url).await.check().await.unwrap_err().to_string()
}

fn server() -> String {
    variable(servers::RABBITMQ.variable)
}

pub(crate) async fn a_wrong_password_is_said_and_not_shown() {
    let said = trouble(&server().replace("guest:guest", "guest:opensesame")).await;
    assert!(
        said.contains("refuses the user `guest` or its password") && !said.contains("opensesame"),
        "{said}"
    );
}

pub(crate) async fn a_missing_virtual_host_is_named() {
    let said = trouble(&format!("{}nowhere", server())).await;
    assert!(said.contains("has no virtual host `nowhere` for `guest`"), "{said}");
}

pub(crate) async fn a_broker_that_is_not_there_is_named() {
    // Somebody listened there a moment ago, so nobody else does now.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = trouble(&format!("amqp://ann:opensesame@{nobody}/")).await;
    assert!(said.contains(&format!("cannot reach {nobody}")) && !said.contains("opensesame"), "{said}");
    let said = trouble(&format!("pubsub://reelmill?endpoint=http://{nobody}")).await;
    assert!(said.contains(&format!("http://{nobody}")), "{said}");
}

pub(crate) async fn a_url_that_lacks_something_is_refused() {
    for (url, wanted) in [
        ("amqp://ann:opensesame@broker?queue=x", "not a URL for `amqp:`, there is no setting `queue`"),
        ("amqps:///vhost", "not a URL for `amqps:`, it names no host"),
        ("pubsub:", "not a URL for `pubsub:`, it names no project"),
    ] {
        let said = doorbell::open(url, &Deployment::within("unused".into())).await.err().unwrap().to_string();
        assert_eq!(said, wanted);
    }
}
