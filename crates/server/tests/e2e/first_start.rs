//! The first start: an admin whose password somebody gets to know, and a data folder that is one process's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Child;
use std::time::Duration;

use crate::client::{Body, Request};
use crate::mill::{Site, address_in, until};
use crate::pty;
use crate::session::Session;

pub(crate) fn on_a_terminal_the_first_start_shows_address_email_and_password_once() {
    let site = Site::new().without_variables();
    let (child, screen) = pty::spawn(&mut site.command());
    let first = Ends(child);
    let (password, _) =
        until("the password is shown", Duration::from_mins(1), || password_in(&screen.text()));
    let said = screen.text();
    assert!(said.contains("admin@localhost"), "{said}");
    assert!(!site.data_dir().join("first-password").exists());
    let address = address_in(&said).unwrap_or_else(|| panic!("no address in {said}"));
    await_ready(address);
    Session::begin(address, "admin@localhost", &password).get("/v1/me");
    Session::try_begin(address, "admin@localhost", "another password").problem(401);
    drop(first);

    let (child, screen) = pty::spawn(&mut site.command());
    let second = Ends(child);
    let (address, _) = until("it serves again", Duration::from_mins(1), || address_in(&screen.text()));
    await_ready(address);
    let said = screen.text();
    assert!(password_in(&said).is_none() && !said.contains(&password), "{said}");
    Session::begin(address, "admin@localhost", &password).expect_no_leftovers(&site.objects());
    drop(second);
}

pub(crate) fn without_a_terminal_the_password_is_written_for_its_owner_only() {
    let site = Site::new().without_variables();
    let mill = site.start();
    let path = site.data_dir().join("first-password");
    let said = mill.said();
    assert!(said.contains(path.to_str().unwrap()), "{said}");
    let password = fs::read_to_string(&path).unwrap().trim().to_owned();
    assert!(!said.contains(&password), "{said}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(site.data_dir()).unwrap().permissions().mode() & 0o777, 0o700);
    let address = mill.address();
    let session = Session::begin(address, "admin@localhost", &password);
    assert_eq!(session.get("/v1/me")["email"], "admin@localhost");
    mill.stop();

    fs::remove_file(&path).unwrap();
    let mill = site.start();
    assert!(!path.exists() && password_in(&mill.said()).is_none(), "{}", mill.said());
    let session = Session::begin(mill.address(), "admin@localhost", &password);
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn a_second_process_on_the_data_folder_is_refused_by_name() {
    let site = Site::new();
    let mill = site.start();
    let second = site.command().output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    let folder = site.data_dir();
    assert!(said.contains(folder.to_str().unwrap()) && said.contains(&mill.pid().to_string()), "{said}");
    // The first has taken no harm.
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
    site.start().stop();
}

fn await_ready(address: std::net::SocketAddr) {
    until("it is ready", Duration::from_mins(1), || {
        let answer = Request::new(address, "GET", "/readyz").try_send(Body::Nothing);
        answer.is_ok_and(|answer| answer.status == 200).then_some(())
    });
}

/// The word behind `password` at a line's start, once the line is whole.
fn password_in(said: &str) -> Option<String> {
    let (whole, _) = said.rsplit_once('\n')?;
    let words = whole.lines().find_map(|line| line.trim().strip_prefix("password "))?.trim();
    (!words.contains(' ')).then(|| words.to_owned())
}

/// Ends a process when it goes out of scope.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
