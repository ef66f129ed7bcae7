//! Bytes by range, by condition, and with the headers that make them safe to look at.

use axum::http::Method;

use crate::mill::{Answer, Ask, Mill, wav};

struct Kept {
    mill: Mill,
    token: String,
    path: String,
    file: Vec<u8>,
}

impl Kept {
    async fn new(name: &str) -> Self {
        let mill = Mill::idle().await;
        let token = mill.member("ann").await;
        let file = wav(100);
        let id = mill.upload(&token, name, file.clone()).await;
        Self { mill, token, path: format!("/v1/media/{id}/content"), file }
    }

    async fn get(&self, headers: &[(&'static str, &str)]) -> Answer {
        self.ask(Method::GET, headers).await
    }

    async fn ask(&self, method: Method, headers: &[(&'static str, &str)]) -> Answer {
        let ask = Ask::new(method, &self.path).bearer(&self.token);
        self.mill.call(headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))).await
    }
}

#[tokio::test]
async fn all_of_it_comes_with_what_is_known_of_it() {
    let kept = Kept::new("a.wav").await;
    let answer = kept.get(&[]).await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &kept.file[..]));
    assert_eq!(answer.header("content-length"), kept.file.len().to_string());
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert_eq!(answer.header("content-type"), "audio/wav");
    let etag = answer.header("etag");
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 10, "{etag}");
    assert!(answer.header("last-modified").ends_with(" GMT"));

    let head = kept.ask(Method::HEAD, &[("range", "bytes=0-0")]).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    for name in ["content-length", "etag", "content-type", "last-modified", "accept-ranges"] {
        assert_eq!(head.header(name), answer.header(name));
    }
}

#[tokio::test]
async fn one_range_is_cut_out_exactly() {
    let kept = Kept::new("a.wav").await;
    let size = kept.file.len();
    for (range, start, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=100-", 100, size),
        ("bytes=-7", size - 7, size),
        ("bytes=5-99999999", 5, size),
        ("bytes=-99999999", 0, size),
    ] {
        let answer = kept.get(&[("range", range)]).await;
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(answer.header("content-range"), format!("bytes {start}-{}/{size}", end - 1), "{range}");
        assert_eq!(answer.header("content-length"), (end - start).to_string(), "{range}");
        assert_eq!(&answer.body[..], &kept.file[start..end], "{range}");
    }
}

#[tokio::test]
async fn several_ranges_come_as_parts() {
    let kept = Kept::new("a.wav").await;
    let size = kept.file.len();
    let answer = kept.get(&[("range", "bytes=0-3, 8-11, -2")]).await;
    assert_eq!(answer.status, 206);
    assert!(!answer.headers.contains_key("content-range"));
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    let boundary = answer.header("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut expected = Vec::new();
    for (start, end) in [(0, 4), (8, 12), (size - 2, size)] {
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: audio/wav\r\nContent-Range: bytes {start}-{}/{size}\r\n\r\n",
            end - 1
        );
        expected.extend_from_slice(head.as_bytes());
        expected.extend_from_slice(&kept.file[start..end]);
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!(&answer.body[..], &expected[..]);
}

#[tokio::test]
async fn a_range_that_lies_outside_is_416_and_one_that_is_nonsense_is_ignored() {
    let kept = Kept::new("a.wav").await;
    let size = kept.file.len();
    for range in [format!("bytes={size}-"), "bytes=-0".to_owned()] {
        let answer = kept.get(&[("range", &range)]).await;
        answer.problem(416, "unsatisfiable-range");
        assert_eq!(answer.header("content-range"), format!("bytes */{size}"));
    }
    for range in ["bytes=9-3", "lines=1-2", "bytes=x", "bytes=0-,0-"] {
        let answer = kept.get(&[("range", range)]).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, size), "{range}");
    }
}

#[tokio::test]
async fn conditions_are_kept() {
    let kept = Kept::new("a.wav").await;
    let whole = kept.get(&[]).await;
    let (etag, modified) = (whole.header("etag"), whole.header("last-modified"));
    for headers in [[("if-none-match", etag)], [("if-none-match", "*")], [("if-modified-since", modified)]] {
        let answer = kept.get(&headers).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (304, 0), "{headers:?}");
        assert_eq!(answer.header("etag"), etag);
        assert_eq!(kept.ask(Method::HEAD, &headers).await.status, 304);
    }
    kept.get(&[("if-match", "\"other\"")]).await.problem(412, "precondition-failed");
    for (validator, status) in [(etag, 206), (modified, 206), ("\"other\"", 200)] {
        let answer = kept.get(&[("range", "bytes=0-3"), ("if-range", validator)]).await;
        assert_eq!(answer.status, status, "{validator}");
    }
}

#[tokio::test]
async fn nothing_in_it_can_run_and_its_name_stays_in_its_header() {
    let kept = Kept::new("%22;%20x=%0D%0ASet-Cookie:%20a.wav").await;
    for headers in [&[][..], &[("range", "bytes=0-3")], &[("range", "bytes=0-3,5-6")]] {
        let answer = kept.get(headers).await;
        assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "private, no-cache");
        assert!(!answer.headers.contains_key("set-cookie"));
        // Sound is shown in place, so that the page can play it.
        assert_eq!(
            answer.header("content-disposition"),
            "inline; filename=\"_; x=Set-Cookie: a.wav\"; filename*=UTF-8''%22%3B%20x%3DSet-Cookie%3A%20a.wav"
        );
    }
}
