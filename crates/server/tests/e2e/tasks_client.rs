//! A client of the conversion tasks' door, as its contract describes one, and the files that it sends.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bad_input::multipart;
use crate::client::{Answer, Body, Request};
use crate::mill::{Mill, Site, until};

pub(crate) const PASSWORD: &str = "correct horse";

/// How long a task of a case may take, on a machine that does other things too.
const TASK: Duration = Duration::from_mins(4);

/// A site where everybody may sign up.
pub(crate) fn open_site() -> Site {
    Site::new().variable("REELMILL_SIGNUP", "open")
}

/// Somebody who signed up and in.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) address: SocketAddr,
    pub(crate) name: String,
    pub(crate) token: String,
}

impl Member {
    /// Signs up as `name@tasks.example`, and in.
    pub(crate) fn join(mill: &Mill, name: &str) -> Self {
        let email = format!("{name}@tasks.example");
        let wish = json!({"user": name, "email": email, "password1": PASSWORD, "password2": PASSWORD});
        Request::new(mill.address(), "POST", "/api/auth/signup").json(&wish).expect(200);
        Self::log_in(mill, name)
    }

    pub(crate) fn log_in(mill: &Mill, name: &str) -> Self {
        let email = format!("{name}@tasks.example");
        let wish = json!({"email": email, "password": PASSWORD});
        let answer = Request::new(mill.address(), "POST", "/api/auth/login").json(&wish).expect(200);
        let token = answer["token"].as_str().unwrap().to_owned();
        Self { address: mill.address(), name: name.to_owned(), token }
    }

    pub(crate) fn request<'a>(&self, method: &'a str, target: &'a str) -> Request<'a> {
        Request::new(self.address, method, target).header("authorization", format!("Bearer {}", self.token))
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.request("GET", target).get()
    }

    /// Sends a form of these parts to `POST /api/tasks`.
    pub(crate) fn send_form(&self, parts: &[(&str, Option<&str>, &[u8])]) -> Answer {
        let (kind, body) = multipart(parts);
        self.request("POST", "/api/tasks").header("content-type", kind).send(Body::Bytes(&body))
    }

    /// Makes a task; the task.
    pub(crate) fn create(&self, name: &str, bytes: &[u8], format: &str) -> Value {
        let mut answer = self
            .send_form(&[("audio", Some(name), bytes), ("newFormat", None, format.as_bytes())])
            .expect(200);
        answer["task"].take()
    }

    pub(crate) fn task(&self, id: i64) -> Value {
        self.get(&format!("/api/tasks/{id}")).expect(200)
    }

    pub(crate) fn tasks(&self) -> Vec<Value> {
        let Value::Array(tasks) = self.get("/api/tasks?order=0").expect(200) else { panic!("no list") };
        tasks
    }

    /// Waits until a task is over; how it ended.
    pub(crate) fn await_end(&self, id: i64) -> Value {
        until("the task's end", TASK, || Some(self.task(id)).filter(is_over)).0
    }

    /// Waits until a task is processed; its result.
    pub(crate) fn await_result(&self, id: i64) -> Vec<u8> {
        let task = self.await_end(id);
        assert_eq!(task["state"], "PROCESSED", "{task}");
        self.download(id, "converted")
    }

    pub(crate) fn download(&self, id: i64, which: &str) -> Vec<u8> {
        let answer = self.get(&format!("/api/download/{id}?which={which}"));
        assert_eq!(answer.status, 200);
        answer.bytes()
    }
}

pub(crate) fn is_over(task: &Value) -> bool {
    ["PROCESSED", "FAILED"].iter().any(|state| task["state"] == *state)
}

pub(crate) fn id_of(task: &Value) -> i64 {
    task["id"].as_i64().unwrap_or_else(|| panic!("no id in {task}"))
}

/// A short WAV that no other seed gives: 16 bits, mono, 8 kHz.
pub(crate) fn tone(seed: u32, frames: u32) -> Vec<u8> {
    let samples = (0..frames).flat_map(|frame| {
        let wave = i32::try_from(frame * (150 + seed % 97) % 8000).unwrap() - 4000;
        i16::try_from(wave + i32::try_from(seed % 3989).unwrap()).unwrap().to_le_bytes()
    });
    wav(1, &samples.collect::<Vec<_>>())
}

/// A WAV whose coding nobody reads: its format tag is one that nobody has registered.
pub(crate) fn unreadable() -> Vec<u8> {
    wav(0x7a3b, &[0; 650])
}

fn wav(tag: u16, data: &[u8]) -> Vec<u8> {
    let mut file = b"RIFF".to_vec();
    let data_bytes = u32::try_from(data.len()).unwrap();
    file.extend_from_slice(&(36 + data_bytes).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0");
    file.extend_from_slice(&tag.to_le_bytes());
    file.extend_from_slice(&1_u16.to_le_bytes());
    for rate in [8000_u32, 16_000] {
        file.extend_from_slice(&rate.to_le_bytes());
    }
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.extend_from_slice(&data_bytes.to_le_bytes());
    file.extend_from_slice(data);
    file
}
