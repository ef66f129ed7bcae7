//! The parser over bodies as clients write them, and as nobody should, cut at every place.

use futures_util::stream;

use super::*;

const TYPE: &str = "multipart/form-data; boundary=xyz";

/// A body that arrives in pieces of `size` bytes.
fn body(text: &[u8], size: usize) -> Multipart<impl Stream<Item = Result<Bytes, Error>> + Unpin> {
    let pieces: Vec<_> = text.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Multipart::new(stream::iter(pieces), TYPE).unwrap()
}

async fn read(text: &[u8], size: usize) -> Result<Vec<(Option<String>, Vec<u8>)>, Error> {
    let mut parts = Vec::new();
    let mut multipart = body(text, size);
    while let Some(head) = multipart.next_part().await? {
        let mut data = Vec::new();
        while let Some(piece) = multipart.next_piece().await? {
            assert!(!piece.is_empty());
            data.extend_from_slice(&piece);
        }
        parts.push((head.file_name, data));
    }
    Ok(parts)
}

#[tokio::test]
async fn parts_are_the_same_however_the_body_arrives() {
    let text =
        b"a preamble\r\n--xyz\r\nContent-Disposition: form-data; name=\"t\"\r\n\r\nwords\r\n--xyz  \r\n\
        content-type: audio/wav\r\ncontent-disposition: form-data; name=f; filename=\"a.wav\"\r\n\r\n\
        \r\n--xy\r\n-\r\n--xyz\r\n\r\nno head\r\n--xyz--\r\nan epilogue";
    let expected = vec![
        (None, b"words".to_vec()),
        (Some("a.wav".to_owned()), b"\r\n--xy\r\n-".to_vec()),
        (None, b"no head".to_vec()),
    ];
    for size in 1..=text.len() {
        assert_eq!(read(text, size).await.unwrap(), expected, "in pieces of {size}");
    }
}

#[tokio::test]
async fn a_body_that_is_cut_anywhere_is_an_error() {
    let text = b"--xyz\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\nbytes\r\n--xyz--";
    for end in 0..text.len() {
        let error = read(&text[..end], 7).await.unwrap_err();
        assert_eq!(error.problem, "cut-off", "cut at {end}");
    }
    assert_eq!(read(text, 7).await.unwrap(), vec![(Some("a".to_owned()), b"bytes".to_vec())]);
}

#[tokio::test]
async fn an_empty_part_and_a_body_without_parts_are_read() {
    assert_eq!(read(b"--xyz--\r\n", 3).await.unwrap(), vec![]);
    let empty = b"--xyz\r\nContent-Disposition: form-data; name=f; filename=\"\"\r\n\r\n\r\n--xyz--\r\n";
    assert_eq!(read(empty, 3).await.unwrap(), vec![(Some(String::new()), Vec::new())]);
}

#[tokio::test]
async fn nothing_but_the_file_may_be_long() {
    let long_head = [b"--xyz\r\nA: ".to_vec(), vec![b'a'; 20_000], b"\r\n\r\nx\r\n--xyz--".to_vec()].concat();
    let long_start = [vec![b'a'; 100_000], b"\r\n--xyz--".to_vec()].concat();
    let long_end = [b"--xyz--".to_vec(), vec![b'a'; 100_000]].concat();
    let many_parts = b"--xyz\r\nA: b\r\n\r\nc\r\n".repeat(10_000);
    for text in [long_head, long_start, long_end, many_parts] {
        assert_eq!(read(&text, 1000).await.unwrap_err().kind, Kind::Invalid);
    }
    let skipped = [b"--xyz\r\n\r\n".to_vec(), vec![b'a'; 100_000], b"\r\n--xyz--".to_vec()].concat();
    let mut multipart = body(&skipped, 1000);
    assert_eq!(multipart.next_part().await.unwrap(), Some(Head { name: None, file_name: None }));
    assert_eq!(multipart.next_part().await.unwrap_err().kind, Kind::Invalid);
}

#[test]
fn file_names_are_read_as_clients_write_them() {
    let table: [(&str, Option<&str>); 11] = [
        ("form-data; name=\"f\"", None),
        ("form-data", None),
        ("form-data; name=\"f\"; filename=\"a.mp4\"", Some("a.mp4")),
        ("form-data; FILENAME=a.mp4; name=f", Some("a.mp4")),
        ("form-data; filename=\"a;b=c.mp4\"", Some("a;b=c.mp4")),
        ("form-data; filename=\"a%22b%41.mp4\"", Some("a\"b%41.mp4")),
        (r#"form-data; filename="a\"b.mp4""#, Some("a\"b.mp4")),
        (r#"form-data; filename="C:\music\a.mp4""#, Some(r"C:\music\a.mp4")),
        ("form-data; filename=\"Zoë.mp4\"", Some("Zoë.mp4")),
        ("form-data; filename=\"x\"; filename*=UTF-8''Zo%C3%AB.mp4", Some("Zoë.mp4")),
        ("form-data; name=\"filename=\"", None),
    ];
    for (disposition, expected) in table {
        assert_eq!(file_name_of(disposition.as_bytes()).as_deref(), expected, "{disposition}");
    }
}

#[test]
fn field_names_are_read_wherever_they_stand() {
    for (disposition, expected) in [
        ("form-data; name=\"newFormat\"", Some("newFormat")),
        ("form-data; filename=\"name=x\"; name=audio", Some("audio")),
        ("form-data; filename=\"a.wav\"", None),
        ("form-data", None),
    ] {
        assert_eq!(name_of(disposition.as_bytes()).as_deref(), expected, "{disposition}");
    }
}

#[test]
fn a_boundary_is_named_or_the_body_is_refused() {
    for (content_type, expected) in [
        ("multipart/form-data; boundary=abc", Some("abc")),
        ("multipart/form-data; charset=utf-8; boundary=\"a b\"", Some("a b")),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
    ] {
        assert_eq!(boundary_of(content_type).as_deref(), expected, "{content_type}");
    }
    assert_eq!(boundary_of(&format!("multipart/form-data; boundary={}", "x".repeat(71))), None);
}
