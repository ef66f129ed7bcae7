//! Another program at the tables.

use std::fmt::Display;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::tables::Tables;

/// Names a Python that has boto3.
pub(crate) const PYTHON: &str = "REELMILL_CLOUD_PYTHON";

/// Has the other program do those things, and gives its answers.
pub(crate) fn has(tables: &Tables, orders: &[Value]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/beyond/dynamodb/other.py");
    let mut python = Command::new(std::env::var_os(PYTHON).unwrap())
        .args([script, &tables.endpoint])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(json!(orders).to_string().as_bytes()).unwrap();
    let answer = python.wait_with_output().unwrap();
    assert!(answer.status.success());
    serde_json::from_slice(&answer.stdout).unwrap()
}

/// The order to read an operation's item.
pub(crate) fn operation(tables: &Tables, id: impl Display + Copy, song: &str) -> Value {
    let key = json!({"PK": format!("OPERATION#{id}"), "SK": song});
    json!({"do": "get", "table": tables.operations, "key": key})
}

/// The order to read a song's item.
pub(crate) fn song(tables: &Tables, id: impl Display + Copy) -> Value {
    let key = format!("METADATA#{id}");
    json!({"do": "get", "table": tables.songs, "key": {"PK": key, "SK": key}})
}

/// Those attributes of an item.
pub(crate) fn only(item: &Value, names: &[&str]) -> Value {
    names.iter().map(|name| ((*name).to_owned(), item[*name].clone())).collect()
}
