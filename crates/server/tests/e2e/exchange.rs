//! A request and its answer as text, kept as a snapshot: one file for each row of a contract's table.
//!
//! What differs from run to run is replaced by a word that says what it is; everything else is the contract, to the
//! byte. Tokens and moments are known by their look. Snapshots lie in `tests/contracts/<contract>/<row>.snap`.

use std::fmt::Write as _;

use crate::client::Answer;

/// The headers of an answer that contracts speak of.
const TELLING: [&str; 12] = [
    "accept-ranges",
    "allow",
    "cache-control",
    "content-disposition",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "location",
    "retry-after",
    "www-authenticate",
    "x-content-type-options",
];

/// Exchanges of one contract.
pub(crate) struct Exchanges {
    contract: &'static str,
    /// Texts of this run and the words that stand for them.
    words: Vec<(String, String)>,
}

impl Exchanges {
    pub(crate) fn of(contract: &'static str) -> Self {
        Self { contract, words: Vec::new() }
    }

    /// Has `text` shown as `<word>`.
    pub(crate) fn word(&mut self, text: impl Into<String>, word: &str) {
        let text = text.into();
        if !text.is_empty() {
            self.words.push((text, format!("<{word}>")));
        }
    }

    /// Keeps the exchange as the snapshot of `row`, a sentence in `snake_case`, and gives the answer's body.
    /// `request` is the request as a reader of the contract would write it: its line, what matters of its headers, its body.
    pub(crate) fn keep(&self, row: &str, request: &str, answer: Answer) -> Vec<u8> {
        let mut text = format!("{request}\n\n{}\n", answer.status);
        let headers = TELLING.map(|name| (name, answer.header(name).map(str::to_owned)));
        let body = answer.bytes();
        let words = std::str::from_utf8(&body).ok().filter(|_| body.len() < 16 * 1024);
        // Moments differ in their digits, and the length with them.
        let is_steady = words.is_none_or(|words| by_look(words) == words);
        for (name, value) in headers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            let value = if name == "content-length" && !is_steady { "<length>" } else { &value };
            writeln!(text, "{name}: {value}").unwrap();
        }
        match words {
            Some(words) => writeln!(text, "\n{words}").unwrap(),
            None => writeln!(text, "\n({} bytes)", body.len()).unwrap(),
        }
        self.keep_text(row, &text);
        body
    }

    /// Keeps any text as the snapshot of `row`: what a gRPC call or a WebSocket said.
    pub(crate) fn keep_text(&self, row: &str, text: &str) {
        let mut shown = text.to_owned();
        for (text, word) in &self.words {
            shown = shown.replace(text.as_str(), word);
        }
        let shown = by_look(&shown);
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(format!("../contracts/{}", self.contract));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(row, shown));
    }
}

/// The text with JSON Web Tokens and moments of RFC 3339 replaced by words.
fn by_look(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (word, end) = [("<token>", token_end(rest)), ("<moment>", moment_end(rest))]
            .into_iter()
            .find_map(|(word, end)| end.map(|end| (Some(word), end)))
            .unwrap_or((None, first.len_utf8()));
        shown.push_str(word.unwrap_or(&rest[..end]));
        rest = &rest[end..];
    }
    shown
}

/// Where a token ends that `text` begins with: `{"` in base64url is `eyJ`.
fn token_end(text: &str) -> Option<usize> {
    let is_of_it = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let end = text.bytes().position(|byte| !is_of_it(byte)).unwrap_or(text.len());
    (text.starts_with("eyJ") && text[..end].matches('.').count() == 2).then_some(end)
}

/// Where a moment ends that `text` begins with.
fn moment_end(text: &str) -> Option<usize> {
    let pattern = b"0000-00-00T00:00:00";
    let matches =
        |(byte, wanted): (u8, u8)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
    let is_moment = text.len() > pattern.len() && text.bytes().zip(pattern.iter().copied()).all(matches);
    let end = text.find('Z').filter(|end| *end <= pattern.len() + 10)?;
    is_moment.then_some(end + 1)
}
