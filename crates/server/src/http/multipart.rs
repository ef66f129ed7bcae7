//! `multipart/form-data` (RFC 7578) read as it arrives, a piece at a time.
//!
//! The general parsers read ahead for as long as the socket gives, and keep a head that never ends; here the buffer
//! holds one piece of the body, and every limit has a number. What precedes the first part is read as the data of a
//! part before it, by a line break put in front of the body, so that there is one way to look for a delimiter.

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use memchr::memmem::Finder;
use reelmill_core::Kind;
use reelmill_service::Error;

/// The most bytes of a part's head.
const MOST_HEAD_BYTES: usize = 8 * 1024;

/// The most bytes of what stands before, after and between the parts that are wished.
const MOST_SKIPPED_BYTES: usize = 64 * 1024;

/// The longest boundary: RFC 2046, section 5.1.1.
const MOST_BOUNDARY_BYTES: usize = 70;

/// What a part's head says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The form field's name, where it has one.
    pub(super) name: Option<String>,
    /// The file's name where the part is a file. It may be empty.
    pub(super) file_name: Option<String>,
}

/// A body in parts.
pub(super) struct Multipart<S> {
    source: S,
    buffer: BytesMut,
    delimiter: Finder<'static>,
    /// Of the parts that nobody wished.
    skipped_bytes: usize,
    is_over: bool,
}

impl<S: Stream<Item = Result<Bytes, Error>> + Unpin> Multipart<S> {
    /// The body that `source` gives, in parts as `content_type` says.
    pub(super) fn new(source: S, content_type: &str) -> Result<Self, Error> {
        let boundary = boundary_of(content_type).ok_or_else(|| {
            Error::invalid("the header Content-Type names no boundary of 1 to 70 characters")
        })?;
        let delimiter = format!("\r\n--{boundary}");
        let delimiter = Finder::new(delimiter.as_bytes()).into_owned();
        Ok(Self { source, buffer: BytesMut::from(&b"\r\n"[..]), delimiter, skipped_bytes: 0, is_over: false })
    }

    /// The head of the next part, whatever is left of the one before skipped; `None` at the body's end.
    pub(super) async fn next_part(&mut self) -> Result<Option<Head>, Error> {
        if self.is_over {
            return Ok(None);
        }
        while let Some(skipped) = self.next_piece().await? {
            self.skip(skipped.len())?;
        }
        self.fill_to(self.delimiter.needle().len() + 2).await?;
        self.buffer.advance(self.delimiter.needle().len());
        if self.buffer.starts_with(b"--") {
            self.is_over = true;
            self.finish().await?;
            return Ok(None);
        }
        self.head().await.map(Some)
    }

    /// The next bytes of the part; `None` at its end.
    pub(super) async fn next_piece(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if let Some(at) = self.delimiter.find(&self.buffer) {
                return Ok((at > 0).then(|| self.buffer.split_to(at).freeze()));
            }
            // The delimiter may have begun.
            let sure = self.buffer.len().saturating_sub(self.delimiter.needle().len() - 1);
            if sure > 0 {
                return Ok(Some(self.buffer.split_to(sure).freeze()));
            }
            self.fill().await?;
        }
    }

    /// Reads the rest of the delimiter's line and the head behind it.
    async fn head(&mut self) -> Result<Head, Error> {
        let mut searched = 0;
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer[searched..], b"\r\n\r\n") {
                let head = self.buffer.split_to(searched + at + 4);
                self.skip(head.len())?;
                return head_of(&head);
            }
            searched = self.buffer.len().saturating_sub(3);
            if searched > MOST_HEAD_BYTES {
                return Err(Error::invalid(format!(
                    "a part of the multipart body has a head of more than {MOST_HEAD_BYTES} bytes"
                )));
            }
            self.fill().await?;
        }
    }

    /// Reads what stands behind the last part, so that the body is known to be whole.
    async fn finish(&mut self) -> Result<(), Error> {
        self.skip(self.buffer.len())?;
        self.buffer.clear();
        while let Some(piece) = self.source.next().await {
            self.skip(piece?.len())?;
        }
        Ok(())
    }

    fn skip(&mut self, bytes: usize) -> Result<(), Error> {
        self.skipped_bytes += bytes;
        if self.skipped_bytes > MOST_SKIPPED_BYTES {
            return Err(Error::invalid(format!(
                "the multipart body has more than {MOST_SKIPPED_BYTES} bytes besides the file"
            )));
        }
        Ok(())
    }

    async fn fill_to(&mut self, bytes: usize) -> Result<(), Error> {
        while self.buffer.len() < bytes {
            self.fill().await?;
        }
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), Error> {
        let piece = self.source.next().await.ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                "cut-off",
                "the multipart body ends before its last delimiter; send it again",
            )
        })??;
        self.buffer.extend_from_slice(&piece);
        Ok(())
    }
}

/// The parameter `boundary` of a content type.
fn boundary_of(content_type: &str) -> Option<String> {
    let (_, parameters) = content_type.split_once(';')?;
    let boundary = parameter(parameters.as_bytes(), b"boundary")?;
    let sound = !boundary.is_empty() && boundary.len() <= MOST_BOUNDARY_BYTES && !boundary.ends_with(' ');
    sound.then_some(boundary)
}

fn head_of(head: &[u8]) -> Result<Head, Error> {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    // Behind the delimiter a line may have blanks, and nothing else.
    if lines.next().is_some_and(|rest| !rest.is_empty()) {
        return Err(Error::invalid("the multipart body has more than a delimiter in a delimiter's line"));
    }
    let disposition = lines.find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        name.eq_ignore_ascii_case(b"content-disposition").then_some(&value[1..])
    });
    Ok(Head { name: disposition.and_then(name_of), file_name: disposition.and_then(file_name_of) })
}

fn name_of(disposition: &[u8]) -> Option<String> {
    parameter(parameters_of(disposition)?, b"name")
}

/// What stands behind a value's first semicolon.
fn parameters_of(value: &[u8]) -> Option<&[u8]> {
    let semicolon = value.iter().position(|byte| *byte == b';')?;
    Some(&value[semicolon + 1..])
}

/// `filename*` (RFC 8187) where it can be read, else `filename`.
fn file_name_of(disposition: &[u8]) -> Option<String> {
    let parameters = parameters_of(disposition)?;
    let extended = parameter(parameters, b"filename*").and_then(|value| {
        let (charset, rest) = value.split_once('\'')?;
        let (_, encoded) = rest.split_once('\'')?;
        charset.eq_ignore_ascii_case("utf-8").then(|| percent_decoded(encoded, |_| true))
    });
    // Browsers write the three characters that would end the parameter as percent codes (the HTML standard's
    // multipart/form-data encoding), and no others.
    let is_browsers = |byte| matches!(byte, b'"' | b'\r' | b'\n');
    extended.or_else(|| parameter(parameters, b"filename").map(|name| percent_decoded(&name, is_browsers)))
}

/// The parameter of that name in `a=b; c="d"`.
fn parameter(mut rest: &[u8], wanted: &[u8]) -> Option<String> {
    loop {
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let name = rest[..equals].trim_ascii().trim_ascii_start();
        let (value, behind) = value_of(rest[equals + 1..].trim_ascii_start());
        if name.eq_ignore_ascii_case(wanted) {
            return Some(String::from_utf8_lossy(&value).into_owned());
        }
        let next = behind.iter().position(|byte| *byte == b';')?;
        rest = &behind[next + 1..];
    }
}

/// A value and what stands behind it. In quotes, a backslash escapes a quote and itself alone: old browsers sent paths
/// with backslashes that mean themselves.
fn value_of(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(mut rest) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
        return (text[..end].trim_ascii().to_vec(), &text[end..]);
    };
    let mut value = Vec::new();
    while let Some((&byte, behind)) = rest.split_first() {
        match (byte, behind.first()) {
            (b'"', _) => return (value, behind),
            (b'\\', Some(&escaped @ (b'"' | b'\\'))) => {
                value.push(escaped);
                rest = &behind[1..];
            }
            _ => {
                value.push(byte);
                rest = behind;
            }
        }
    }
    (value, rest)
}

/// `text` with the percent codes of the bytes that `which` takes decoded.
fn percent_decoded(text: &str, which: impl Fn(u8) -> bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(byte) if bytes[at] == b'%' && which(byte) => {
                decoded.push(byte);
                at += 3;
            }
            _ => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests;
