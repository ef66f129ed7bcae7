//! A small HTTP server in the test: sound to be fetched, in every way that goes wrong, and a stand-in of the YouTube Data
//! API that answers as its documentation says.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::material;

/// The one video that the stand-in knows.
pub(crate) const VIDEO: &str = "dQw4w9WgXcQ";

/// What is served here, and what was asked for.
pub(crate) struct Fountain {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The target of every request.
    asked: Mutex<Vec<String>>,
    /// Whether what is slow goes on.
    is_open: AtomicBool,
    /// Whether this is over.
    is_over: AtomicBool,
}

impl Fountain {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if theirs.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&theirs);
                // A client that leaves is no fault of the server's.
                std::thread::spawn(move || shared.answer(stream));
            }
        });
        Self { address, shared }
    }

    /// Host and port.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// The address of what lies at `path`: `/sound/<name>.wav?seconds=`, `/slow/<name>.wav?seconds=` (half of it until
    /// [`Fountain::open`]), `/cut.wav`, `/empty.wav`, `/rubbish.wav`, and nothing anywhere else.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Lets go what is slow.
    pub(crate) fn open(&self) {
        self.shared.is_open.store(true, Ordering::Relaxed);
    }

    /// How often something was asked for whose target begins so.
    pub(crate) fn asked(&self, prefix: &str) -> usize {
        self.shared.asked.lock().unwrap().iter().filter(|target| target.starts_with(prefix)).count()
    }
}

impl Drop for Fountain {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.shared.is_open.store(true, Ordering::Relaxed);
        // The thread that listens looks once more.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn answer(&self, stream: TcpStream) -> io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?);
        let mut first = String::new();
        lines.read_line(&mut first)?;
        let mut line = String::new();
        while lines.read_line(&mut line)? > 2 {
            line.clear();
        }
        let Some(target) = first.split(' ').nth(1) else { return Ok(()) };
        self.asked.lock().unwrap().push(target.to_owned());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let seconds = query.strip_prefix("seconds=").and_then(|text| text.parse().ok()).unwrap_or(1);
        match path {
            _ if path.starts_with("/sound/") => self.sound(stream, seconds, false),
            _ if path.starts_with("/slow/") => self.sound(stream, seconds, true),
            "/cut.wav" => {
                let wav = material::wav_bytes(2);
                head(&stream, 200, "audio/wav", wav.len() as u64)?;
                (&stream).write_all(&wav[..wav.len() / 2])
            }
            "/empty.wav" => head(&stream, 200, "audio/wav", 0),
            "/rubbish.wav" => bytes(stream, 200, "audio/wav", &[0x5a; 5000]),
            "/youtube/search" => json_of(stream, &search(query)),
            "/youtube/videos" => json_of(stream, &videos(query)),
            _ => bytes(stream, 404, "text/plain", b"nothing here"),
        }
    }

    fn sound(&self, mut stream: TcpStream, seconds: u32, is_slow: bool) -> io::Result<()> {
        let (length, mut wav) = material::wav(seconds);
        head(&stream, 200, "audio/wav", length)?;
        io::copy(&mut (&mut wav).take(length / 2), &mut stream)?;
        while is_slow && !self.is_open.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
        }
        io::copy(&mut wav, &mut stream).map(|_| ())
    }
}

fn head(mut stream: &TcpStream, status: u16, kind: &str, length: u64) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )
}

fn bytes(mut stream: TcpStream, status: u16, kind: &str, body: &[u8]) -> io::Result<()> {
    head(&stream, status, kind, body.len() as u64)?;
    stream.write_all(body)
}

fn json_of(stream: TcpStream, (status, body): &(u16, Value)) -> io::Result<()> {
    bytes(stream, *status, "application/json; charset=UTF-8", body.to_string().as_bytes())
}

fn parameter<'q>(query: &'q str, name: &str) -> &'q str {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
}

/// `search.list`: what is searched for says how it goes. The errors hold the key, as nobody promises that they do not.
fn search(query: &str) -> (u16, Value) {
    let key = parameter(query, "key");
    let found = |items: Value| {
        (
            200,
            json!({"kind": "youtube#searchListResponse", "etag": "e", "pageInfo": {"totalResults": 1, "resultsPerPage": 1}, "items": items}),
        )
    };
    let error = |code: u16, status: &str, reason: &str, said: &str| {
        let message = format!("{said} (key={key})");
        let errors = json!([{"message": message, "domain": "youtube", "reason": reason}]);
        (code, json!({"error": {"code": code, "message": message, "errors": errors, "status": status}}))
    };
    match parameter(query, "q") {
        "nothing" => found(json!([])),
        "quota" => error(403, "PERMISSION_DENIED", "quotaExceeded", "The request cannot be completed."),
        "badkey" => {
            error(400, "INVALID_ARGUMENT", "badRequest", "API key not valid. Please pass a valid API key.")
        }
        "trouble" => error(500, "INTERNAL", "backendError", "Backend Error"),
        _ => found(
            json!([{"kind": "youtube#searchResult", "etag": "e", "id": {"kind": "youtube#video", "videoId": VIDEO}}]),
        ),
    }
}

/// `videos.list`
fn videos(query: &str) -> (u16, Value) {
    if parameter(query, "id") != VIDEO {
        return (200, json!({"kind": "youtube#videoListResponse", "etag": "e", "items": []}));
    }
    let thumbnail =
        json!({"url": "https://i.ytimg.com/vi/dQw4w9WgXcQ/default.jpg", "width": 120, "height": 90});
    let snippet = json!({
        "publishedAt": "2009-10-25T06:57:33Z", "channelId": "c", "title": "A Known Song", "description": "",
        "thumbnails": {"default": thumbnail}, "channelTitle": "Channel", "categoryId": "10", "liveBroadcastContent": "none"
    });
    let details = json!({"duration": "PT3M33S", "dimension": "2d", "definition": "hd", "caption": "false", "licensedContent": true});
    let item = json!({"kind": "youtube#video", "etag": "e", "id": VIDEO, "snippet": snippet, "contentDetails": details});
    (200, json!({"kind": "youtube#videoListResponse", "etag": "e", "items": [item]}))
}
