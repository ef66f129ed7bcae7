//! A whole mill in memory, and how to ask it for something.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use futures_util::Stream;
use reelmill::http::{self, App, Settings};
use reelmill_backends::converter::ScratchSpace;
use reelmill_backends::{Deployment, catalog, converter, doorbell, notifier, objects, pictures};
use reelmill_core::ports::{Catalog, JobFilter, Objects, PageQuery, Source};
use reelmill_core::{Door, Role, Timestamp};
use reelmill_service::{Clock, Entrance, NewAccount, Options, Ports, Roles, Running, Service, SystemClock};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::spring::Spring;

pub(crate) const PASSWORD: &str = "correct horse";

/// A mill whose HTTP is called in the process.
pub(crate) struct Mill {
    pub(crate) app: App,
    pub(crate) router: Router,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) clock: Arc<ShiftedClock>,
    pub(crate) spring: Arc<Spring>,
    running: Option<Running>,
}

/// The machine's clock and what a test adds to it.
#[derive(Default)]
pub(crate) struct ShiftedClock(AtomicI64);

impl ShiftedClock {
    pub(crate) fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(SystemClock.now().as_ms() + self.0.load(Ordering::Relaxed))
    }
}

impl Mill {
    /// A mill that takes in and hands out, but converts nothing.
    pub(crate) async fn idle() -> Self {
        Self::with(Settings::default(), false).await
    }

    /// A mill that converts.
    pub(crate) async fn turning() -> Self {
        Self::with(Settings::default(), true).await
    }

    /// A mill where strangers make their own accounts.
    pub(crate) async fn welcoming() -> Self {
        let options = Options { is_sign_up_open: true, ..options() };
        let objects = objects::open("memory:", &nowhere()).await.unwrap();
        Self::built(Settings::default(), options, false, objects).await
    }

    pub(crate) async fn with(settings: Settings, converts: bool) -> Self {
        let objects = objects::open("memory:", &nowhere()).await.unwrap();
        Self::on_store(settings, converts, objects).await
    }

    /// A mill on that store.
    pub(crate) async fn on_store(settings: Settings, converts: bool, objects: Arc<dyn Objects>) -> Self {
        Self::built(settings, options(), converts, objects).await
    }

    async fn built(settings: Settings, options: Options, converts: bool, objects: Arc<dyn Objects>) -> Self {
        let spring = Spring::new();
        let catalog = catalog::open("memory:", &nowhere()).await.unwrap();
        let ports = Ports {
            catalog: Arc::clone(&catalog),
            objects,
            doorbell: doorbell::open(doorbell::DEFAULT_URL, &nowhere()).await.unwrap(),
            converter: converter::open(converter::DEFAULT_URL, &ScratchSpace::default()).await.unwrap(),
            notifier: notifier::open(notifier::DEFAULT_URL).await.unwrap(),
            source: Arc::clone(&spring) as Arc<dyn Source>,
            pictures: pictures::open(pictures::DEFAULT_URL).await.unwrap(),
        };
        let clock = Arc::new(ShiftedClock::default());
        let service = Service::new(ports, options, Arc::clone(&clock) as Arc<dyn Clock>);
        let roles = Roles { converter: true, notification: false };
        let running = if converts { Some(service.start(roles).await.unwrap()) } else { None };
        let app = App::new(service, settings, CancellationToken::new());
        Self { router: http::router(app.clone()), app, catalog, clock, spring, running }
    }

    /// Makes a member, signs in and gives the token.
    pub(crate) async fn member(&self, name: &str) -> String {
        self.account(name, Role::Member).await
    }

    pub(crate) async fn account(&self, name: &str, role: Role) -> String {
        let new = NewAccount {
            email: format!("{name}@mill.example"),
            name: Some(name.to_owned()),
            role,
            password: SecretString::from(PASSWORD),
        };
        self.app.service.add_account(new).await.unwrap();
        let entrance = Entrance { door: Door::V1, peer: None };
        let session = self.app.service.sign_in(name, SecretString::from(PASSWORD), entrance).await.unwrap();
        session.token.expose_secret().to_owned()
    }

    pub(crate) async fn call(&self, ask: Ask) -> Answer {
        let response = self.router.clone().oneshot(ask.0).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap(),
        }
    }

    /// Takes a file in by `/v1/media` and gives its id.
    pub(crate) async fn upload(&self, token: &str, name: &str, bytes: Vec<u8>) -> String {
        let answer = self.call(Ask::post(&format!("/v1/media?name={name}")).bearer(token).body(bytes)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Asks for a conversion and gives the job's id.
    pub(crate) async fn submit(&self, token: &str, media: &str, profile: &str) -> String {
        let body = serde_json::json!({"media_id": media, "profile": profile});
        let answer = self.call(Ask::post("/v1/jobs").bearer(token).json(&body)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// The job when it is over.
    pub(crate) async fn over(&self, token: &str, job: &str) -> Value {
        loop {
            let view = self.call(Ask::get(&format!("/v1/jobs/{job}")).bearer(token)).await.json();
            if matches!(view["state"].as_str(), Some("done" | "failed" | "cancelled")) {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until nothing is left of anything: no media, no job, no key on record of an object to be deleted. A key is
    /// forgotten only when its object is gone.
    pub(crate) async fn is_empty(&self) {
        let query = PageQuery { limit: 10, after: None };
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let media = self.catalog.media_page(None, query).await.unwrap().items;
                let jobs = self.catalog.jobs(JobFilter::default(), query).await.unwrap().items;
                let intents = self.catalog.intents(None, 10).await.unwrap();
                if media.is_empty() && jobs.is_empty() && intents.is_empty() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        waited.await.expect("something is left behind");
    }

    /// Waits until no key is on record of an object to be deleted.
    pub(crate) async fn is_settled(&self) {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while !self.catalog.intents(None, 10).await.unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        waited.await.expect("something is left behind");
    }

    pub(crate) async fn stop(self) {
        if let Some(running) = self.running {
            running.drain().await;
        }
    }
}

fn options() -> Options {
    Options {
        slots: 2,
        account_slots: None,
        worker_name: "test".to_owned(),
        is_worker_named: false,
        movies_folder: "movies".into(),
        images_folder: "images".into(),
        lease: Duration::from_secs(15),
        heartbeat: Duration::from_secs(5),
        poll: Duration::from_millis(50),
        drain: Duration::from_secs(5),
        max_attempts: 3,
        music_attempts: 3,
        music_deadline: Duration::from_mins(4),
        fetches: 4,
        is_sign_up_open: false,
        job_deadline: Duration::from_mins(1),
        retention_jobs: None,
        retention_media: None,
        retry_base: Duration::from_millis(10),
        max_upload_bytes: 8 * 1024 * 1024,
        upload_idle: Duration::from_secs(30),
        upload_floor_bytes: 1024,
        password_slots: 2,
        jwt_secret: SecretString::from("a secret of at least thirty-two bytes"),
        session: Duration::from_hours(24),
        sole: true,
    }
}

/// A request being put together.
pub(crate) struct Ask(Request<Body>);

impl Ask {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        let request = Request::builder().method(method).uri(path).header("host", "localhost:8080");
        Self(request.body(Body::empty()).unwrap())
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn put(path: &str) -> Self {
        Self::new(Method::PUT, path)
    }

    pub(crate) fn patch(path: &str) -> Self {
        Self::new(Method::PATCH, path)
    }

    pub(crate) fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.0.headers_mut().insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn basic(self, login: &str, password: &str) -> Self {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{login}:{password}"));
        self.header("authorization", &format!("Basic {encoded}"))
    }

    pub(crate) fn json(self, value: &Value) -> Self {
        self.header("content-type", "application/json").body(value.to_string().into_bytes())
    }

    pub(crate) fn body(mut self, bytes: impl Into<Body>) -> Self {
        *self.0.body_mut() = bytes.into();
        self
    }

    pub(crate) fn stream<S>(self, pieces: S) -> Self
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    {
        self.body(Body::from_stream(pieces))
    }

    /// A multipart body of these parts: file name (none for a plain field) and bytes.
    pub(crate) fn multipart(self, parts: &[(Option<&str>, &[u8])]) -> Self {
        let mut body = Vec::new();
        for (file_name, bytes) in parts {
            let file_name = file_name.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
            let head = format!("--edge\r\nContent-Disposition: form-data; name=\"any\"{file_name}\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--edge--\r\n");
        self.header("content-type", "multipart/form-data; boundary=edge").body(body)
    }

    pub(crate) fn peer(mut self, peer: &str) -> Self {
        let peer: std::net::SocketAddr = peer.parse().unwrap();
        self.0.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        self
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}")).to_str().unwrap()
    }

    /// Checks that it is a problem document of this status and name, and gives its sentence.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, name: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["type"], format!("/problems/{name}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert!(problem["title"].as_str().is_some_and(|title| title != "Problem"), "{problem}");
        problem["detail"].as_str().unwrap().to_owned()
    }

    /// Checks that it is these words as plain text.
    #[track_caller]
    pub(crate) fn words(&self, status: u16, words: &str) {
        assert_eq!((self.status.as_u16(), self.text()), (status, words), "{self:?}");
        assert!(self.header("content-type").starts_with("text/plain"));
    }
}

/// A sine of that length: PCM of 16 bits, mono, 8 kHz.
pub(crate) fn wav(ms: u32) -> Vec<u8> {
    const RATE_HZ: u32 = 8000;
    let frames = RATE_HZ * ms / 1000;
    let data_bytes = frames * 2;
    let mut file = Vec::new();
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + data_bytes).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    for half in [1_u16, 1] {
        file.extend_from_slice(&half.to_le_bytes());
    }
    file.extend_from_slice(&RATE_HZ.to_le_bytes());
    file.extend_from_slice(&(RATE_HZ * 2).to_le_bytes());
    for half in [2_u16, 16] {
        file.extend_from_slice(&half.to_le_bytes());
    }
    file.extend_from_slice(b"data");
    file.extend_from_slice(&data_bytes.to_le_bytes());
    for frame in 0..frames {
        let turn = f64::from(frame) * 440.0 / f64::from(RATE_HZ) * std::f64::consts::TAU;
        #[expect(clippy::cast_possible_truncation, reason = "well within 16 bits")]
        let sample = (turn.sin() * 12_000.0) as i16;
        file.extend_from_slice(&sample.to_le_bytes());
    }
    file
}

/// Where nothing is kept.
fn nowhere() -> Deployment {
    Deployment::within("".into())
}
