//! A signed-in client of `/v1`: the calls that most cases make.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::client::{Answer, Body, Request};
use crate::mill::{Mill, Store, until};

/// How long a job of a case may take, on a machine that does other things too.
const JOB: Duration = Duration::from_mins(4);

#[derive(Clone)]
pub(crate) struct Session {
    address: SocketAddr,
    pub(crate) token: String,
}

impl Session {
    pub(crate) fn begin(address: SocketAddr, email: &str, password: &str) -> Self {
        let answer = Self::try_begin(address, email, password).expect(200);
        let token = answer["token"].as_str().unwrap().to_owned();
        Self { address, token }
    }

    pub(crate) fn try_begin(address: SocketAddr, email: &str, password: &str) -> Answer {
        Request::new(address, "POST", "/v1/session")
            .header("authorization", format!("Basic {}", BASE64.encode(format!("{email}:{password}"))))
            .send(Body::Nothing)
    }

    /// The same token at another process.
    pub(crate) fn at(&self, mill: &Mill) -> Self {
        Self { address: mill.address(), token: self.token.clone() }
    }

    pub(crate) fn request<'a>(&self, method: &'a str, target: &'a str) -> Request<'a> {
        Request::new(self.address, method, target).header("authorization", format!("Bearer {}", self.token))
    }

    pub(crate) fn get(&self, target: &str) -> Value {
        self.request("GET", target).get().expect(200)
    }

    /// Uploads a file; its id.
    pub(crate) fn upload(&self, name: &str, bytes: &[u8]) -> String {
        self.upload_of(name, Body::Bytes(bytes))
    }

    /// Uploads a body of announced length; its id.
    pub(crate) fn upload_stream(&self, name: &str, length: u64, mut from: impl Read) -> String {
        self.upload_of(name, Body::Sized(length, &mut from))
    }

    pub(crate) fn upload_of(&self, name: &str, body: Body<'_>) -> String {
        let media = self.request("POST", &format!("/v1/media?name={name}")).send(body).expect(201);
        media["id"].as_str().unwrap().to_owned()
    }

    /// Asks for a conversion; the job's id.
    pub(crate) fn convert(&self, media: &str, profile: &str) -> String {
        self.convert_with(media, profile, &json!({}))
    }

    pub(crate) fn convert_with(&self, media: &str, profile: &str, overrides: &Value) -> String {
        let wish = json!({"media_id": media, "profile": profile, "overrides": overrides});
        let job = self.request("POST", "/v1/jobs").json(&wish).expect(202);
        job["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn job(&self, id: &str) -> Value {
        self.get(&format!("/v1/jobs/{id}"))
    }

    /// Waits until the job is over; how it ended.
    pub(crate) fn await_end(&self, id: &str) -> Value {
        let is_over =
            |job: &Value| ["done", "failed", "cancelled"].iter().any(|state| job["state"] == *state);
        until("the job's end", JOB, || Some(self.job(id)).filter(is_over)).0
    }

    /// Waits until the job is done; the job.
    pub(crate) fn await_done(&self, id: &str) -> Value {
        let job = self.await_end(id);
        assert_eq!(job["state"], "done", "{job}");
        job
    }

    /// Waits until the job is in the midst of its conversion: it has begun, and has most of its way before it.
    pub(crate) fn await_midst(&self, id: &str) -> Value {
        let job = until("the midst of the conversion", JOB, || {
            let job = self.job(id);
            let over = ["done", "failed", "cancelled"].iter().any(|state| job["state"] == *state);
            assert!(!over, "it was over before it could be met in its midst: {job}");
            (job["state"] == "running" && job["progress"].as_f64().is_some_and(|done| done > 0.0))
                .then_some(job)
        })
        .0;
        assert!(job["progress"].as_f64().unwrap() < 0.9, "{job}");
        job
    }

    /// The content of a job's output.
    pub(crate) fn output(&self, job: &Value) -> Vec<u8> {
        let id = job["output"]["id"].as_str().unwrap_or_else(|| panic!("no output in {job}"));
        let answer = self.request("GET", &format!("/v1/outputs/{id}/content")).get();
        assert_eq!(answer.status, 200);
        answer.bytes()
    }

    /// Every item of a list.
    pub(crate) fn all(&self, list: &str) -> Vec<Value> {
        let joint = if list.contains('?') { '&' } else { '?' };
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let mut page = self.get(&format!("{list}{joint}limit=50{cursor}"));
            let Value::Array(more) = page["items"].take() else { panic!("no items in {page}") };
            items.extend(more);
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// Asserts what must be true after every case: no job is left over, every object is one that is listed, nothing
    /// is half done.
    pub(crate) fn expect_no_leftovers(&self, store: &Store) {
        for state in ["queued", "running", "cancelling"] {
            let left = self.all(&format!("/v1/jobs?state={state}"));
            assert!(left.is_empty(), "jobs left over: {left:?}");
        }
        let jobs = self.all("/v1/jobs");
        let outputs = jobs.iter().filter(|job| job["output"].is_object()).count();
        let pictures = self.all("/v1/videos").iter().filter(|video| video["thumbnail"].is_object()).count();
        let listed = self.all("/v1/media").len() + outputs + pictures;
        // What ended badly is deleted right after its answer.
        until("objects that nobody lists are gone", Duration::from_secs(20), || {
            let (objects, partials) = (store.objects(), store.partials());
            (objects.len() == listed && partials.is_empty()).then_some(())
        });
    }
}
