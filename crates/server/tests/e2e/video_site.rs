//! The stage of the video site's cases: a mill, its admin, other accounts, and what they publish.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::client::{Answer, Body, Request};
use crate::material;
use crate::mill::{Mill, PASSWORD, Site};
use crate::rpc::{self, Rpc};
use crate::session::Session;
use crate::tools;

/// A mill that serves the site.
pub(crate) struct Stage {
    pub(crate) site: Site,
    pub(crate) mill: Mill,
    pub(crate) admin: Session,
    /// A connection from this machine without a token.
    pub(crate) rpc: Rpc,
}

impl Stage {
    pub(crate) fn set(variables: &[(&str, &str)]) -> Self {
        let site = variables.iter().fold(Site::new(), |site, (name, value)| site.variable(name, value));
        let mill = site.start();
        let (admin, rpc) = (mill.sign_in(), Rpc::to(mill.address()));
        Self { site, mill, admin, rpc }
    }

    /// A new member, signed in.
    pub(crate) fn member(&self, name: &str) -> Session {
        let email = format!("{name}@mill.example");
        let mut adding = Command::new(tools::reelmill())
            .args(["user", "add", &email, "--name", name, "--password-stdin", "--data-dir"])
            .arg(self.site.data_dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        writeln!(adding.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        assert!(adding.wait().unwrap().success());
        Session::begin(self.mill.address(), &email, PASSWORD)
    }

    /// A new guest, signed in: the setting `signup` must be open.
    pub(crate) fn guest(&self, name: &str) -> Session {
        let form = json!({"name": name, "email": format!("{name}@mill.example"), "password": PASSWORD, "role": "admin"});
        let made = self.anybody("POST", "/api/user/register").json(&form).expect(200);
        assert_eq!(made, json!({"message": "success"}));
        Session::begin(self.mill.address(), name, PASSWORD)
    }

    /// The number by which the site knows an account.
    pub(crate) fn number(&self, name: &str) -> i64 {
        let (email, password) = (name.to_owned(), PASSWORD.to_owned());
        let reply = self.rpc.auth_user(rpc::user::AuthUserRequest { email, password }).unwrap();
        reply.info.expect("no such account").id
    }

    /// A request of nobody's.
    pub(crate) fn anybody<'a>(&self, method: &'a str, target: &'a str) -> Request<'a> {
        Request::new(self.mill.address(), method, target)
    }

    /// Deletes everything that is there; nothing may be left over.
    pub(crate) fn strike(self) {
        for media in self.admin.all("/v1/media") {
            let id = media["id"].as_str().unwrap();
            assert_eq!(self.admin.request("DELETE", &format!("/v1/media/{id}")).get().status, 204);
        }
        self.admin.expect_no_leftovers(&self.site.objects());
        self.mill.stop();
        assert_eq!(self.site.objects().objects(), Vec::<std::path::PathBuf>::new());
    }
}

/// A published sound of so many seconds, and its uuid.
pub(crate) fn published(stage: &Stage, owner: i64, seconds: u32) -> (String, Vec<u8>) {
    let bytes = material::wav_bytes(seconds);
    (stage.rpc.upload(&bytes, owner).unwrap(), bytes)
}

/// Sends a picture by the form.
pub(crate) fn send_picture(request: Request<'_>, name: &str, bytes: &[u8]) -> Answer {
    let file = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"picture\"\r\n\r\n";
    let field =
        format!("\r\n--edge\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n{name}\r\n--edge--\r\n");
    let body = [file.as_bytes(), bytes, field.as_bytes()].concat();
    request.header("content-type", "multipart/form-data; boundary=edge").send(Body::Bytes(&body))
}

/// The message of an answer that must be an error of the door.
pub(crate) fn message(answer: Answer, status: u16) -> String {
    let body: Value = answer.expect(status);
    body["message"].as_str().unwrap_or_else(|| panic!("no message in {body}")).to_owned()
}
