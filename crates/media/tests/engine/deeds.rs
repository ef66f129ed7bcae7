//! What a child must not do, as programs: each deed ends with 0 if it could be done and 1 if it was refused.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, exit};

/// Deeds that end the decoder, and that are refused to ffmpeg.
pub(crate) const FORBIDDEN_TO_ALL: [&str; 9] = [
    "read-file",
    "write-file",
    "look-at-parent",
    "tcp",
    "udp",
    "unix-socket",
    "fork",
    "signal-parent",
    "change-mode",
];
/// Deeds that end the decoder; ffmpeg needs them.
pub(crate) const FORBIDDEN_TO_THE_DECODER: [&str; 4] = ["exec", "thread", "code", "memory"];

/// Plays `free|confined deed`.
pub(crate) fn play(mut words: impl Iterator<Item = String>) -> ! {
    let (mode, deed) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if mode == "confined" {
        match reelmill_media::confine_for_decoding() {
            Ok(_) => drop(std::io::stdout().write_all(b"confined\n")),
            Err(why) => {
                eprintln!("{why}");
                exit(2);
            }
        }
        let _ = std::io::stdout().flush();
    }
    match attempt(&deed) {
        Ok(()) => exit(0),
        Err(why) => {
            eprintln!("{why}");
            exit(1);
        }
    }
}

fn attempt(deed: &str) -> std::io::Result<()> {
    match deed {
        "nothing" => Ok(()),
        "read-file" => std::fs::read("/etc/hostname").map(drop),
        "write-file" => std::fs::write(scratch(), b"x"),
        "look-at-parent" => {
            let parent = std::os::unix::process::parent_id();
            std::fs::read(format!("/proc/{parent}/environ")).map(drop)
        }
        "tcp" => std::net::TcpListener::bind("127.0.0.1:0").map(drop),
        "udp" => std::net::UdpSocket::bind("127.0.0.1:0").map(drop),
        "unix-socket" => std::os::unix::net::UnixDatagram::unbound().map(drop),
        "fork" => Command::new("/bin/true").status().map(drop),
        "signal-parent" => {
            let parent = rustix::process::getppid().ok_or(std::io::ErrorKind::NotFound)?;
            Ok(rustix::process::test_kill_process(parent)?)
        }
        "change-mode" => {
            // Its own mode again, so that nothing changes where it works.
            let file = std::env::current_exe()?;
            let mode = file.metadata()?.permissions();
            std::fs::set_permissions(file, mode)
        }
        "exec" => Err(Command::new("/bin/true").exec()),
        "thread" => std::thread::Builder::new().spawn(|| ()).map(drop),
        "code" => map_code(),
        "memory" => {
            let mut large: Vec<u8> = Vec::new();
            large.try_reserve_exact(128 << 20).map_err(std::io::Error::other)?;
            large.resize(128 << 20, 1);
            Ok(())
        }
        _ => Err(std::io::Error::other(format!("no deed is called {deed}"))),
    }
}

fn scratch() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("reelmill-deed-{}", std::process::id()))
}

#[expect(unsafe_code, reason = "no safe call maps memory that can be run")]
fn map_code() -> std::io::Result<()> {
    // SAFETY: a fresh private mapping that nothing refers to, and that ends with the process.
    let mapped = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if mapped == libc::MAP_FAILED { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}
