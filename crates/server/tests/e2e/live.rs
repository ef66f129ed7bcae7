//! Live events: many clients on one gateway, and one that loses its server.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::material;
use crate::mill::Site;
use crate::report;
use crate::tools;

/// What a gateway may take with all its clients.
const MOST_MEMORY_BYTES: u64 = 150 << 20;

/// How long a case may take, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(8);

type Socket = WebSocketStream<TcpStream>;

async fn open(address: SocketAddr, token: &str, cursor: Option<&str>) -> Socket {
    let query = cursor.map(|cursor| format!("?cursor={cursor}")).unwrap_or_default();
    let mut request = format!("ws://{address}/v1/events{query}").into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

/// The next event; `None` where the connection is over.
async fn next(socket: &mut Socket) -> Option<Value> {
    loop {
        match socket.next().await? {
            Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// What a client has heard of each job: its versions in their order, and its ends.
#[derive(Default)]
struct Heard {
    versions: HashMap<String, Vec<u64>>,
    ends: Vec<String>,
}

impl Heard {
    fn hear(&mut self, event: &Value) {
        if event["type"] != "job" {
            return;
        }
        let id = event["job"]["id"].as_str().unwrap().to_owned();
        if matches!(event["job"]["state"].as_str(), Some("done" | "failed" | "cancelled")) {
            self.ends.push(id.clone());
        }
        self.versions.entry(id).or_default().push(event["version"].as_u64().unwrap());
    }
}

pub(crate) fn many_clients_hear_each_end_once_and_in_order() {
    let (clients, jobs) = if tools::is_soak() { (1000, 100) } else { (200, 20) };
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let media = session.upload("clip.mp4", &material::mp4(site.folder(), &[]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let heard: Vec<Heard> = runtime.block_on(async {
        let (ready, mut are_ready) = mpsc::channel(clients);
        let following: Vec<_> = (0..clients)
            .map(|_| {
                let (address, token, ready) = (mill.address(), session.token.clone(), ready.clone());
                tokio::spawn(async move {
                    let mut socket = open(address, &token, None).await;
                    assert_eq!(next(&mut socket).await.unwrap()["type"], "ready");
                    ready.send(()).await.unwrap();
                    let mut heard = Heard::default();
                    while heard.ends.len() < jobs {
                        heard.hear(&next(&mut socket).await.expect("the server hung up"));
                    }
                    // What comes after the last end would be one too many.
                    while let Ok(Some(event)) = timeout(Duration::from_secs(2), next(&mut socket)).await {
                        heard.hear(&event);
                    }
                    heard
                })
            })
            .collect();
        for _ in 0..clients {
            timeout(PATIENCE, are_ready.recv()).await.unwrap().unwrap();
        }
        let asking = tokio::task::spawn_blocking({
            let (session, media) = (session.clone(), media.clone());
            move || {
                for quality in 0..jobs {
                    session.convert_with(&media, "mp3", &json!({"quality": quality % 10}));
                }
            }
        });
        asking.await.unwrap();
        let mut heard = Vec::new();
        for client in following {
            heard.push(timeout(PATIENCE, client).await.unwrap().unwrap());
        }
        heard
    });
    let peak_bytes = mill.peak_memory_bytes();
    for client in &heard {
        assert_eq!((client.ends.len(), client.versions.len()), (jobs, jobs));
        for (job, versions) in &client.versions {
            assert!(versions.is_sorted_by(|one, other| one < other), "{job}: {versions:?}");
            assert_eq!(client.ends.iter().filter(|end| *end == job).count(), 1, "{job}");
        }
    }
    let case = "live_events";
    report::figure(case, "clients that heard each end once and in order", count(heard.len()), "", None);
    report::figure(case, "jobs that ended", count(jobs), "", None);
    let what = "peak resident memory, conversions included";
    report::figure(case, what, report::mib(peak_bytes), "MiB", Some("≤ 150"));
    assert!(peak_bytes <= MOST_MEMORY_BYTES, "{} MiB", peak_bytes >> 20);
    mill.stop();
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn count(number: usize) -> f64 {
    number as f64
}

pub(crate) fn a_client_whose_server_was_killed_misses_no_end() {
    let site = Site::new();
    let mut mill = site.start();
    let session = mill.sign_in();
    let media = session.upload("clip.mp4", &material::mp4(site.folder(), &[]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut asked, mut ended) = (Vec::new(), Vec::new());
    let mut cursor: Option<String> = None;
    for round in 0..3 {
        let mut socket = runtime.block_on(open(mill.address(), &session.token, cursor.as_deref()));
        for quality in 0..4 {
            asked.push(session.at(&mill).convert_with(
                &media,
                "mp3",
                &json!({"quality": quality + 3 * round}),
            ));
        }
        // It hears some of them end, and then nothing: the server dies under it.
        let enough = ended.len() + 2;
        runtime.block_on(async {
            while ended.len() < enough {
                let event = timeout(PATIENCE, next(&mut socket)).await.unwrap().unwrap();
                note(&event, &mut cursor, &mut ended);
            }
        });
        mill.kill();
        mill = site.start();
    }
    runtime.block_on(async {
        let mut socket = open(mill.address(), &session.token, cursor.as_deref()).await;
        while ended.len() < asked.len() {
            let event = timeout(PATIENCE, next(&mut socket)).await.unwrap().unwrap();
            note(&event, &mut cursor, &mut ended);
        }
    });
    asked.sort_unstable();
    ended.sort_unstable();
    assert_eq!(ended, asked);
    mill.stop();
}

/// Keeps the cursor and each end that was not heard before.
fn note(event: &Value, cursor: &mut Option<String>, ended: &mut Vec<String>) {
    if let Some(place) = event["cursor"].as_str() {
        *cursor = Some(place.to_owned());
    }
    let id = event["job"]["id"].as_str().unwrap_or_default().to_owned();
    if event["job"]["state"] == "done" && !ended.contains(&id) {
        ended.push(id);
    }
}
