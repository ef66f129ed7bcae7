//! Webhooks of the real binary to a real receiver, which verifies them by the library that Standard Webhooks itself publishes.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver as Lines, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Body;
use crate::mill::{Site, until};
use crate::session::Session;
use crate::{material, tools};

/// Two waits before another try, on a machine that does other things too.
const SOON: Duration = Duration::from_mins(2);

/// The receiver's process. Dropped, it is killed.
struct Receiver {
    child: Child,
    orders: ChildStdin,
    said: Lines<Value>,
    port: u64,
}

impl Receiver {
    fn start() -> Self {
        let mut child = Command::new(tools::cloud_python().unwrap())
            .arg(tools::repository().join("crates/server/tests/e2e/webhooks.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (orders, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, said) = channel::<Value>();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens any more once the case is over.
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        let port = said.recv_timeout(SOON).unwrap().as_u64().unwrap();
        Self { child, orders, said, port }
    }

    fn hears(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
        assert_eq!(self.said.recv_timeout(SOON).unwrap(), "noted");
    }

    /// The next request.
    fn heard(&self) -> Value {
        self.said.recv_timeout(SOON).unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn add(session: &Session, url: &str) -> (String, String) {
    let made = session.request("POST", "/v1/webhooks").json(&json!({"url": url})).expect(201);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

fn log(session: &Session, hook: &str) -> Vec<Value> {
    session.all(&format!("/v1/webhooks/{hook}/deliveries"))
}

/// The log's newest delivery, once that is true of it.
fn once(session: &Session, hook: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    until(what, SOON, || log(session, hook).into_iter().next().filter(&is_so)).0
}

pub(crate) fn an_end_arrives_signed_under_one_id_whatever_comes_between() {
    let mut receiver = Receiver::start();
    let (port, site) = (receiver.port, Site::new());
    let mill = site.start();
    let session = mill.sign_in();
    let within = json!({"url": format!("http://127.0.0.1:{port}/hook")});
    let refused = session.request("POST", "/v1/webhooks").json(&within).problem(400);
    assert_eq!(refused["type"], "/problems/bad-webhook-address");
    // A name is looked up when something is sent there.
    let (hook, secret) = add(&session, &format!("http://localhost:{port}/hook?of=mill"));
    receiver.hears(&format!("secret {secret}"));
    let media = session.upload("short.wav", &material::wav_bytes(1));
    let job = session.await_done(&session.convert(&media, "mp3"));
    let tried = once(&session, &hook, "a try", |delivery| delivery["tries"].as_array().unwrap().len() == 1);
    let said = tried["tries"][0]["error"].as_str().unwrap();
    assert!(said.contains("not on the public internet") && !said.contains("127."), "{said}");
    mill.stop();

    // The same mill, whose operator lets it through; the receiver is not well, and the mill dies before it is.
    receiver.hears("answer 500");
    let mill = site.start_with(&["--webhooks-allow-hosts", &format!("localhost:{port}")]);
    let session = session.at(&mill);
    let place = format!("/v1/webhooks/{hook}/deliveries/{}/replay", tried["id"].as_str().unwrap());
    session.request("POST", &place).send(Body::Nothing).expect(202);
    let first = receiver.heard();
    once(&session, &hook, "the answer's record", |delivery| delivery["tries"][1]["status"] == 500);
    mill.kill();
    let mill = site.start_with(&["--webhooks-allow-hosts", &format!("localhost:{port}")]);
    let session = session.at(&mill);
    let second = receiver.heard();
    let delivered = once(&session, &hook, "the yes", |delivery| delivery["state"] == "delivered");

    for heard in [&first, &second] {
        assert_eq!((&heard["sound"], &heard["altered"]), (&json!([true]), &json!([false])), "{heard:#}");
        assert_eq!(heard["headers"]["webhook-id"], tried["id"]);
        assert_eq!((&heard["body"]["type"], &heard["body"]["data"]), (&json!("job.done"), &job), "{heard:#}");
        assert_eq!(heard["path"], "/hook?of=mill");
    }
    assert_eq!((&first["answer"], &second["answer"]), (&json!(500), &json!(204)));
    let signatures: BTreeSet<_> =
        [&first, &second].map(|heard| heard["headers"]["webhook-signature"].to_string()).into();
    assert_eq!(signatures.len(), 2, "each try is signed anew");
    let statuses: Vec<_> =
        delivered["tries"].as_array().unwrap().iter().map(|tried| &tried["status"]).collect();
    assert_eq!(statuses, [&Value::Null, &json!(500), &json!(204)]);
    assert_eq!(log(&session, &hook).len(), 1);
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn a_new_secret_signs_beside_the_old_one_and_a_farewell_is_heard() {
    let mut receiver = Receiver::start();
    let site = Site::new().variable("REELMILL_WEBHOOKS_ALLOW_HOSTS", "127.0.0.0/8");
    let mill = site.start();
    let session = mill.sign_in();
    let (hook, old) = add(&session, &format!("http://127.0.0.1:{}/", receiver.port));
    let of_hook = |rest: &str| format!("/v1/webhooks/{hook}{rest}");
    let rotated = session.request("POST", &of_hook("/rotate")).send(Body::Nothing).expect(200);
    for secret in [old.as_str(), rotated["secret"].as_str().unwrap()] {
        receiver.hears(&format!("secret {secret}"));
    }
    let media = session.upload("short.wav", &material::wav_bytes(1));
    session.await_done(&session.convert(&media, "flac"));
    let heard = receiver.heard();
    assert_eq!((&heard["sound"], &heard["altered"]), (&json!([true, true]), &json!([false, false])));
    let signatures = heard["headers"]["webhook-signature"].as_str().unwrap();
    assert_eq!(signatures.split(' ').filter(|one| one.starts_with("v1,")).count(), 2, "{signatures}");

    receiver.hears("answer 410");
    session.await_done(&session.convert(&media, "opus"));
    assert_eq!(receiver.heard()["answer"], 410);
    until("the farewell's record", SOON, || {
        let webhook = session.get("/v1/webhooks")["items"][0].clone();
        webhook["disabled"]["reason"].as_str().is_some_and(|reason| reason.contains("410")).then_some(())
    });
    session.await_done(&session.convert(&media, "mp3"));
    assert_eq!(log(&session, &hook).len(), 2, "what ended meanwhile is not for it");
    session.request("POST", &of_hook("/enable")).send(Body::Nothing).expect(200);
    let replayed = session.request("POST", &of_hook("/replay")).json(&json!({})).expect(202);
    assert_eq!(replayed, json!({"replayed": 1, "more": false}));
    let again = receiver.heard();
    assert_eq!((&again["answer"], &again["sound"]), (&json!(204), &json!([true, true])));
    once(&session, &hook, "the yes", |delivery| delivery["state"] == "delivered");
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}
