//! A mail server as cases see it: where it takes letters, and what came.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use reelmill_backends::notifier;
use reelmill_core::Notification;
use reelmill_core::ports::Notifier;
use serde_json::Value;
use uuid::Uuid;

/// Who letters come from.
pub(crate) const FROM: &str = "from=The%20Mill%20%3Cmill%40mill.example%3E";
/// The login, as a URL holds it.
pub(crate) const LOGIN: &str = "mill:flour%26water";

/// A server by its control's URL.
pub(crate) struct Office {
    control: String,
    here: Value,
}

impl Office {
    /// The one that all cases share.
    pub(crate) fn shared() -> Self {
        Self::at(&std::env::var("REELMILL_TEST_MAIL").unwrap())
    }

    pub(crate) fn at(url: &str) -> Self {
        let control = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let here = asked(&control, "/");
        Self { control, here }
    }

    pub(crate) fn port(&self, name: &str) -> u64 {
        self.here[name].as_u64().unwrap()
    }

    pub(crate) fn ca(&self) -> &str {
        self.here["ca"].as_str().unwrap()
    }

    /// The URL of its port for STARTTLS.
    pub(crate) fn url(&self) -> String {
        format!("smtp://{LOGIN}@localhost:{}/?{FROM}&ca={}", self.port("starttls"), self.ca())
    }

    /// What somebody was sent.
    pub(crate) fn letters(&self, to: &str) -> Vec<Value> {
        asked(&self.control, &format!("/letters?to={to}")).as_array().unwrap().clone()
    }
}

fn asked(control: &str, path: &str) -> Value {
    let mut stream = TcpStream::connect(control).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {control}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

pub(crate) async fn open(url: &str) -> Arc<dyn Notifier> {
    notifier::open(url).await.unwrap()
}

/// An address that no other case writes to.
pub(crate) fn somebody(word: &str) -> String {
    format!("{word}-{}@mill.example", Uuid::new_v4().simple())
}

pub(crate) fn note(recipient: &str, subject: &str, body: &str) -> Notification {
    Notification {
        id: Uuid::new_v4().into(),
        recipient: recipient.to_owned(),
        subject: subject.to_owned(),
        body: body.to_owned(),
    }
}

/// A header of a letter, which has it once.
pub(crate) fn header(letter: &Value, name: &str) -> String {
    let headers = letter["headers"].as_array().unwrap().iter();
    let values: Vec<_> = headers.filter(|header| header[0] == name).map(|header| &header[1]).collect();
    assert_eq!(values.len(), 1, "{name} in {letter:#}");
    values[0].as_str().unwrap().to_owned()
}
