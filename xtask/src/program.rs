//! Runs another program and says which one failed, and how.
//!
//! A step either shows the program's output as it comes ([`Program::run`]) or keeps it to itself and quotes its end on
//! failure ([`Program::text`], [`Program::quietly`]): a set-up that works has nothing to say.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// How many lines of a failed program's errors are quoted.
const QUOTED_LINES: usize = 8;

/// A program with its arguments, not yet started.
pub(crate) struct Program {
    command: Command,
    shown: String,
}

impl Program {
    /// The program `name`, found on the path unless it is one.
    pub(crate) fn new(name: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(name.as_ref());
        command.stdin(Stdio::null());
        Self { command, shown: name.as_ref().to_string_lossy().into_owned() }
    }

    /// Adds arguments.
    pub(crate) fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, arguments: I) -> Self {
        for argument in arguments {
            self.shown.push(' ');
            self.shown.push_str(&argument.as_ref().to_string_lossy());
            self.command.arg(argument);
        }
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Without the variables whose names begin so.
    pub(crate) fn without(mut self, prefix: &str) -> Self {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with(prefix) {
                self.command.env_remove(name);
            }
        }
        self
    }

    /// Runs it in `folder`.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it with its output shown; whether it succeeded.
    pub(crate) fn run(mut self) -> Result<bool> {
        println!("$ {}", self.shown);
        Ok(self.command.status().with_context(|| format!("cannot start `{}`", self.shown))?.success())
    }

    /// Runs it in silence; an error quotes the end of what it said.
    pub(crate) fn quietly(mut self) -> Result<()> {
        let output = self.output()?;
        self.check(&output)
    }

    /// Runs it and returns what it printed; its errors are quoted on failure.
    pub(crate) fn text(mut self) -> Result<String> {
        let output = self.output()?;
        self.check(&output)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs it with its errors shown, and reads what it prints as JSON.
    pub(crate) fn json(mut self) -> Result<Value> {
        self.command.stderr(Stdio::inherit());
        let text = self.text_unquoted()?;
        serde_json::from_str(&text).with_context(|| format!("`{}` printed no JSON", self.shown))
    }

    /// Runs it to its end and returns everything, successful or not.
    pub(crate) fn output(&mut self) -> Result<Output> {
        self.command.output().with_context(|| format!("cannot start `{}`", self.shown))
    }

    fn text_unquoted(&mut self) -> Result<String> {
        let output = self.output()?;
        if !output.status.success() {
            bail!("`{}` ended with {}", self.shown, output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn check(&self, output: &Output) -> Result<()> {
        if output.status.success() {
            return Ok(());
        }
        let said = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
        let said = String::from_utf8_lossy(said);
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let end = lines[lines.len().saturating_sub(QUOTED_LINES)..].join(" / ");
        bail!("`{}` ended with {}: {end}", self.shown, output.status)
    }
}

/// The full path of a program, as the shell would find it.
pub(crate) fn found(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}
