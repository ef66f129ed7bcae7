//! A notification as a letter: headers that nobody's file name can add to, and the same words twice, plain and HTML.

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use reelmill_core::Notification;

/// The longest subject: names of files are in it.
const MOST_SUBJECT_CHARS: usize = 250;
/// The longest text: what a failed conversion says is in it.
const MOST_BODY_CHARS: usize = 16 * 1024;
/// The longest address (RFC 5321 section 4.5.3.1.3, less the brackets).
const MOST_ADDRESS_BYTES: usize = 254;

/// The letter, or why its recipient can have none.
///
/// Its Message-ID is the notification's id, so that who receives it twice can see that.
pub(super) fn of(from: &Mailbox, notification: &Notification) -> Result<Message, String> {
    let Notification { id, recipient, subject, body } = notification;
    let to =
        address(recipient).ok_or_else(|| format!("`{}` is not an e-mail address", one_line(recipient)))?;
    let subject = one_line(subject);
    let body = text(body);
    let machine = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into());
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(subject.clone())
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .date_now()
        // Absence notes and the like are not sent in answer (RFC 3834 section 5).
        .raw_header(machine)
        .multipart(MultiPart::alternative_plain_html(body.clone(), page(&subject, &body)))
        .map_err(|error| error.to_string())
}

fn address(text: &str) -> Option<Address> {
    let is_plain = text.len() <= MOST_ADDRESS_BYTES && !text.chars().any(char::is_control);
    if is_plain { text.parse().ok() } else { None }
}

fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().take(MOST_SUBJECT_CHARS).collect()
}

fn text(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).take(MOST_BODY_CHARS).collect()
}

fn page(subject: &str, body: &str) -> String {
    let paragraphs: Vec<_> = body.lines().map(|line| format!("<p>{}</p>", escaped(line))).collect();
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>{}</title></head>\n<body>\n{}\n</body></html>\n",
        escaped(subject),
        paragraphs.join("\n")
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use reelmill_core::NoticeId;
    use uuid::Uuid;

    use super::*;

    fn letter(recipient: &str, subject: &str, body: &str) -> Result<String, String> {
        let notification = Notification {
            id: NoticeId(Uuid::from_u128(7)),
            recipient: recipient.into(),
            subject: subject.into(),
            body: body.into(),
        };
        let letter = of(&"The Mill <mill@mill.example>".parse().unwrap(), &notification)?;
        Ok(String::from_utf8(letter.formatted()).unwrap())
    }

    fn headers(letter: &str) -> Vec<&str> {
        let (head, _) = letter.split_once("\r\n\r\n").unwrap();
        head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).collect()
    }

    #[test]
    fn a_letter_has_the_headers_of_one_that_a_machine_wrote() {
        let letter = letter("ann@mill.example", "MP3 Download", "mp3 file_id: 1 is now ready!").unwrap();
        let headers = headers(&letter);
        for header in [
            "From: \"The Mill\" <mill@mill.example>",
            "To: ann@mill.example",
            "Subject: MP3 Download",
            "Message-ID: <00000000-0000-0000-0000-000000000007@mill.example>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
        ] {
            assert!(headers.contains(&header), "{header} in {headers:#?}");
        }
        assert_eq!(headers.iter().filter(|header| header.starts_with("Date: ")).count(), 1);
        assert_eq!(letter.matches("mp3 file_id: 1 is now ready!").count(), 2);
    }

    #[test]
    fn a_file_name_adds_no_header() {
        let plain = letter("ann@mill.example", "s", "b").unwrap();
        let names = |letter: &str| {
            let name = |line: &&str| line.split(':').next().unwrap_or_default().to_owned();
            headers(letter).iter().map(name).collect::<Vec<_>>()
        };
        for end in ["\r\n", "\n", "\r", "\u{85}", "\u{2028}", "\r\n\r\n"] {
            let subject = format!("song{end}Bcc: eve@elsewhere.example{end}{end}<b>");
            let body = format!("x{end}.{end}MAIL FROM:<eve@elsewhere.example>");
            let letter = letter("ann@mill.example", &subject, &body).unwrap();
            assert_eq!(names(&letter), names(&plain), "{end:?}");
        }
    }

    #[test]
    fn a_recipient_is_one_address() {
        for wrong in [
            "",
            "ann",
            "a@b.example, c@d.example",
            "a@b.example\r\nRCPT TO:<c@d>",
            "Ann <a@b.example>",
            "a@b>.example",
        ] {
            let refused = letter(wrong, "s", "b").unwrap_err();
            assert!(
                refused.ends_with("is not an e-mail address") && !refused.contains(['\r', '\n']),
                "{refused}"
            );
        }
        assert!(letter(&format!("{}@mill.example", "a".repeat(300)), "s", "b").is_err());
    }

    #[test]
    fn markup_stays_text() {
        let letter = letter("ann@mill.example", "s", "<script>\"1 & 2\"</script>").unwrap();
        assert!(letter.contains("<p>&lt;script&gt;&quot;1 &amp; 2&quot;&lt;/script&gt;</p>"), "{letter}");
    }
}
