//! What becomes of letters, as the receiver's server has them.

use reelmill_core::ports::NotifierError;
use reelmill_testbed::{Tools, servers};

use super::office::{FROM, LOGIN, Office, header, note, open, somebody};

pub(crate) async fn a_letter_arrives_by_starttls_in_both_forms() {
    let office = Office::shared();
    let ann = somebody("ann");
    let (subject, body) = ("Conversión de archivo <1> exitosa!", "1 & 2.mp3 is ready: /api/download/7");
    let note = note(&ann, subject, body);
    open(&office.url()).await.notify(&note).await.unwrap();
    let letters = office.letters(&ann);
    let [letter] = letters.as_slice() else { panic!("{letters:#?}") };
    assert_eq!(letter["port"], "starttls");
    assert_eq!(letter["envelope"], serde_json::json!(["mill@mill.example", ann]));
    for (name, value) in [
        ("From", "The Mill <mill@mill.example>"),
        ("To", ann.as_str()),
        ("Subject", subject),
        ("Message-ID", &format!("<{}@mill.example>", note.id)),
        ("Auto-Submitted", "auto-generated"),
    ] {
        assert_eq!(header(letter, name), value);
    }
    assert!(header(letter, "Date").ends_with(" +0000"));
    assert!(header(letter, "Content-Type").starts_with("multipart/alternative"));
    assert_eq!(letter["parts"]["text/plain"].as_str().unwrap().trim_end(), body);
    let html = letter["parts"]["text/html"].as_str().unwrap();
    assert!(html.contains("<p>1 &amp; 2.mp3 is ready: /api/download/7</p>"), "{html}");
}

pub(crate) async fn a_letter_arrives_by_tls_from_the_first_byte() {
    let office = Office::shared();
    let (port, ca) = (office.port("tls"), office.ca());
    for (word, url) in [
        ("bob", format!("smtps://{LOGIN}@localhost:{port}/?{FROM}&ca={ca}")),
        ("eve", format!("smtp://{LOGIN}@127.0.0.1:{port}/?{FROM}&ca={ca}&tls=tls")),
    ] {
        let to = somebody(word);
        let notifier = open(&url).await;
        notifier.check().await.unwrap();
        notifier.notify(&note(&to, "s", "b")).await.unwrap();
        assert_eq!(office.letters(&to)[0]["port"], "tls");
    }
}

pub(crate) async fn letters_that_follow_each_other_go_by_one_connection() {
    let office = Office::shared();
    let ann = somebody("ann");
    let notifier = open(&office.url()).await;
    for number in 0..5 {
        notifier.notify(&note(&ann, "s", &format!("letter {number}"))).await.unwrap();
        notifier.check().await.unwrap();
    }
    let letters = office.letters(&ann);
    assert_eq!(letters.len(), 5);
    assert!(letters.iter().all(|letter| letter["connection"] == letters[0]["connection"]), "{letters:#?}");
}

pub(crate) async fn a_letter_that_is_put_off_is_taken_later_with_the_same_id() {
    let office = Office::shared();
    let ann = somebody("later-2");
    let note = note(&ann, "s", "b");
    let notifier = open(&office.url()).await;
    for _ in 0..2 {
        let error = notifier.notify(&note).await.unwrap_err();
        assert!(error.is_transient() && error.to_string().contains("451"), "{error}");
    }
    notifier.notify(&note).await.unwrap();
    let letters = office.letters(&ann);
    assert_eq!((letters.len(), &letters[0]["tries"]), (1, &3.into()));
    assert_eq!(header(&letters[0], "Message-ID"), format!("<{}@mill.example>", note.id));
}

pub(crate) async fn a_letter_that_is_refused_is_refused_for_good_and_spoils_no_other() {
    let office = Office::shared();
    let (never, ann) = (somebody("never"), somebody("ann"));
    let notifier = open(&office.url()).await;
    for wrong in [never.as_str(), "audio", "a@b.example\r\nRCPT TO:<c@d.example>"] {
        let error = notifier.notify(&note(wrong, "s", "b")).await.unwrap_err();
        assert!(matches!(error, NotifierError::Refused(_)), "{wrong}: {error}");
        notifier.notify(&note(&ann, "s", "b")).await.unwrap();
    }
    assert_eq!((office.letters(&never).len(), office.letters(&ann).len()), (0, 3));
}

pub(crate) async fn what_a_file_is_called_adds_neither_header_nor_recipient() {
    let office = Office::shared();
    let (ann, eve) = (somebody("ann"), somebody("eve"));
    let name = format!("song\r\nBcc: {eve}\r\n\r\n.\r\nRCPT TO:<{eve}>\r\n");
    let notifier = open(&office.url()).await;
    notifier.notify(&note(&ann, &format!("{name} is ready"), &format!("{name} is ready"))).await.unwrap();
    let letter = &office.letters(&ann)[0];
    assert_eq!(letter["envelope"].as_array().unwrap().len(), 2);
    assert_eq!(letter["headers"].as_array().unwrap().len(), 8, "{letter:#}");
    assert_eq!(header(letter, "Subject"), format!("song Bcc: {eve} . RCPT TO:<{eve}> is ready"));
    assert!(office.letters(&eve).is_empty());
}

pub(crate) async fn a_server_that_comes_back_takes_the_next_letter() {
    let mut server = servers::MAIL.start(&Tools::from_environment()).unwrap();
    // Its certificates are new at each start, so the one that is trusted is of no use here.
    let url = format!("smtp://localhost:{}/?{FROM}&tls=none", Office::at(&server.url()).port("plain"));
    let ann = somebody("ann");
    let notifier = open(&url).await;
    notifier.notify(&note(&ann, "s", "before")).await.unwrap();
    server.kill().unwrap();
    let error = notifier.notify(&note(&ann, "s", "meanwhile")).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    server.start_again().unwrap();
    notifier.notify(&note(&ann, "s", "after")).await.unwrap();
    let letters = Office::at(&server.url()).letters(&ann);
    assert_eq!(letters.len(), 1, "{letters:#?}");
}
