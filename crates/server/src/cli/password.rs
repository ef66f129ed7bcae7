//! Passwords: asked for without an echo, read from standard input, or made.

use std::io::{self, BufRead, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::failure::{Failure, Kind};

/// Longer than any password, so that a file piped in by mistake is noticed.
const MAX_BYTES: usize = 1024;
/// 20 characters of 32 are 100 random bits.
const MADE_CHARS: usize = 20;
/// No letters that are taken for one another.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A password and where it came from.
#[derive(Debug)]
pub(super) enum Chosen {
    /// The user gave it.
    Given(SecretString),
    /// It was made here and must be shown once.
    Made(SecretString),
}

impl Chosen {
    /// The password.
    pub(super) fn secret(&self) -> SecretString {
        match self {
            Self::Given(secret) | Self::Made(secret) => secret.clone(),
        }
    }

    /// The password to show, where it was made here.
    pub(super) fn made(&self) -> Option<&str> {
        match self {
            Self::Given(_) => None,
            Self::Made(secret) => Some(secret.expose_secret()),
        }
    }
}

/// Reads a password's first line from standard input, asks a terminal twice, or makes one.
pub(super) fn choose(is_stdin: bool, email: &str) -> Result<Chosen, Failure> {
    if is_stdin {
        return checked(read_line(io::stdin().lock(), None)?).map(Chosen::Given);
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return make().map(Chosen::Made);
    }
    let first = ask(&format!("Password for {email}: "))?;
    let second = ask("The same again: ")?;
    if first.expose_secret() != second.expose_secret() {
        return Err(Failure::usage("the two passwords differ: try again"));
    }
    checked(first).map(Chosen::Given)
}

fn checked(password: SecretString) -> Result<SecretString, Failure> {
    if password.expose_secret().is_empty() {
        return Err(Failure::usage("the password is empty: give at least one character"));
    }
    Ok(password)
}

/// Reads up to the line's end, unless `interrupt` comes before it.
fn read_line(input: impl BufRead, interrupt: Option<u8>) -> Result<SecretString, Failure> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::failed(format!("cannot read the password from standard input: {error}"))
    };
    // As much as may come, so that no reallocation leaves a copy behind.
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 2));
    for byte in input.bytes().take(MAX_BYTES + 2) {
        match byte.map_err(|error| unreadable(&error))? {
            b'\n' => break,
            byte if Some(byte) == interrupt => return Err(Failure::new(Kind::Interrupted, "interrupted")),
            byte => line.push(byte),
        }
    }
    let password = std::str::from_utf8(&line).map_err(|error| unreadable(&error))?.trim_end_matches('\r');
    if password.len() > MAX_BYTES {
        return Err(Failure::usage(format!("the password has more than {MAX_BYTES} bytes")));
    }
    Ok(SecretString::from(password))
}

fn ask(prompt: &str) -> Result<SecretString, Failure> {
    let silence =
        Silence::begin().map_err(|error| Failure::failed(format!("cannot use the terminal: {error}")))?;
    // Nothing can be done about a closed terminal.
    let _ = write!(io::stderr(), "{prompt}").and_then(|()| io::stderr().flush());
    let line = read_line(io::stdin().lock(), silence.interrupt());
    drop(silence);
    let _ = writeln!(io::stderr());
    line
}

/// Keeps the terminal from echoing; it echoes again when this is dropped.
///
/// A signal from the keyboard would end the process before that. So Ctrl-C is read like any character meanwhile, and
/// ends the line, so that it is read at once.
struct Silence {
    before: Termios,
}

impl Silence {
    fn begin() -> rustix::io::Result<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(stdin.as_fd())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VEOL] = before.special_codes[SpecialCodeIndex::VINTR];
        tcsetattr(stdin.as_fd(), OptionalActions::Flush, &silent)?;
        Ok(Self { before })
    }

    /// What Ctrl-C is read as, unless the terminal has no such key.
    fn interrupt(&self) -> Option<u8> {
        Some(self.before.special_codes[SpecialCodeIndex::VINTR]).filter(|code| *code != 0)
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &self.before);
    }
}

/// Makes a password in groups of five.
pub(crate) fn make() -> Result<SecretString, Failure> {
    let mut random = Zeroizing::new([0_u8; MADE_CHARS]);
    getrandom::fill(&mut *random).map_err(|error| Failure::failed(format!("no random bytes: {error}")))?;
    let mut password = String::with_capacity(MADE_CHARS + 3);
    for (index, byte) in random.iter().enumerate() {
        if index > 0 && index % 5 == 0 {
            password.push('-');
        }
        password.push(char::from(LETTERS[usize::from(byte % 32)]));
    }
    Ok(SecretString::from(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_to_its_end_and_no_further_than_an_interrupt() {
        let read = |text: &str, interrupt| {
            read_line(text.as_bytes(), interrupt).map(|line| line.expose_secret().to_owned())
        };
        assert_eq!(read("flour\r\nwater", Some(3)).unwrap(), "flour");
        assert_eq!(read("flour", Some(3)).unwrap(), "flour");
        assert_eq!(read("flo\u{3}ur\n", Some(3)).unwrap_err().kind, Kind::Interrupted);
        assert_eq!(read("flo\u{3}ur\n", None).unwrap(), "flo\u{3}ur");
        assert_eq!(read(&"x".repeat(MAX_BYTES), None).unwrap().len(), MAX_BYTES);
        assert_eq!(read(&"x".repeat(MAX_BYTES + 1), None).unwrap_err().kind, Kind::Usage);
    }

    #[test]
    fn a_made_password_is_long_and_never_the_same() {
        let (one, other) = (make().unwrap(), make().unwrap());
        assert_eq!(one.expose_secret().len(), 23);
        assert_ne!(one.expose_secret(), other.expose_secret());
        let mut letters = LETTERS.to_vec();
        letters.dedup();
        assert_eq!(letters.len(), 32);
    }
}
