//! Starts children, each in a process group of its own and with an empty environment.
//!
//! The kernel ties a child's life to the thread that started it, and conversions run on threads that come
//! and go. So all children are started by one thread that lasts as long as the process.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use super::pipes::{Piped, Turn};

/// How long a child may move nothing while it is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// More than this is no answer to a question.
const MAX_TOLD_BYTES: usize = 256 << 10;

type Order = (Command, Sender<io::Result<Child>>);

/// Starts a command with three pipes.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    spawn_reading(command, Stdio::piped())
}

/// Starts a command that reads something else than a pipe.
pub(super) fn spawn_reading(mut command: Command, input: Stdio) -> io::Result<Child> {
    command
        .env_clear()
        .current_dir("/")
        .process_group(0)
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let (done, outcome) = channel();
    let gone = || io::Error::other("the thread that starts children is gone");
    starter()?.send((command, done)).map_err(|_| gone())?;
    outcome.recv().map_err(|_| gone())?
}

fn starter() -> io::Result<&'static Sender<Order>> {
    static STARTER: OnceLock<Sender<Order>> = OnceLock::new();
    if let Some(starter) = STARTER.get() {
        return Ok(starter);
    }
    let (orders, taken) = channel::<Order>();
    std::thread::Builder::new().name("children".into()).stack_size(128 << 10).spawn(move || {
        for (mut command, done) in taken {
            // Who ordered may have been unwound meanwhile; dropping a child would leave it running.
            if let Err(unwanted) = done.send(command.spawn())
                && let Ok(mut child) = unwanted.0
            {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    })?;
    // Of two threads that come at once, the other's starter ends when its sender is dropped here.
    Ok(STARTER.get_or_init(|| orders))
}

/// Runs a command without input and returns what it prints, or why it failed.
pub(super) fn ask(command: Command) -> Result<String, String> {
    let mut told = Vec::new();
    let run = || {
        let mut piped = Piped::new(spawn(command)?, None, PATIENCE)?;
        piped.close_input();
        while told.len() < MAX_TOLD_BYTES {
            match piped.turn(&mut told)? {
                Turn::Moved => {}
                Turn::Silent => break,
                Turn::Ended => {
                    let ending = piped.ending()?;
                    return Ok(if ending.is_success { Ok(()) } else { Err(ending.how) });
                }
            }
        }
        Ok(Err("it gives no answer".to_owned()))
    };
    let outcome: Result<Result<(), String>, crate::MediaError> = run();
    outcome.map_err(|why| why.to_string())??;
    String::from_utf8(told).map_err(|_| "it answers no text".to_owned())
}
