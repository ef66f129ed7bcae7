//! A terminal, so that the binary under test believes that somebody looks.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// What a terminal shows, as it grows, and its keyboard.
pub(crate) struct Screen {
    shown: Arc<Mutex<Vec<u8>>>,
    keyboard: File,
}

impl Screen {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Whether what is typed is shown.
    pub(crate) fn is_echoing(&self) -> bool {
        tcgetattr(&self.keyboard).unwrap().local_modes.contains(LocalModes::ECHO)
    }
}

/// Starts `command` with a terminal as its input and both outputs.
pub(crate) fn spawn(command: &mut Command) -> (Child, Screen) {
    let (terminal, screen) = open();
    let child = command
        .stdin(Stdio::from(terminal.try_clone().unwrap()))
        .stdout(Stdio::from(terminal.try_clone().unwrap()))
        .stderr(Stdio::from(terminal))
        .spawn()
        .unwrap();
    // The command keeps its ends, which would keep the terminal open.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    (child, screen)
}

fn open() -> (OwnedFd, Screen) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    let flags = i32::try_from(OFlags::NOCTTY.bits()).unwrap();
    let theirs = OpenOptions::new().read(true).write(true).custom_flags(flags).open(name).unwrap();
    tcsetwinsize(&theirs, Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let mut ours = File::from(ours);
    let screen = Screen { shown: Arc::default(), keyboard: ours.try_clone().unwrap() };
    let shown = Arc::clone(&screen.shown);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // Once all ends of the other side are closed, reading fails.
        while let Ok(count @ 1..) = ours.read(&mut buffer) {
            shown.lock().unwrap().extend_from_slice(&buffer[..count]);
        }
    });
    (theirs.into(), screen)
}
