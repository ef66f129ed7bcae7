//! Size: gigabytes in and out, and hours of sound, in a process that keeps little of either in memory.
//!
//! The stated sizes are those of `cargo xtask soak`; the daily run moves less, under the same limit.

use std::io::{self, Read};

use serde_json::json;

use crate::client::Body;
use crate::material;
use crate::mill::{Mill, Site};
use crate::report;
use crate::session::Session;
use crate::tools;

/// What an upload, a download and a conversion may take together.
const MOST_MEMORY_BYTES: u64 = 256 << 20;

pub(crate) fn big_upload_and_download_stay_within_their_memory() {
    let size_bytes: u64 = if tools::is_soak() { 4 << 30 } else { 512 << 20 };
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let film = material::mp4(site.folder(), &[]);
    for chunked in [false, true] {
        let mut sent = Hashing::of(material::padded(film.clone(), size_bytes));
        let body = if chunked { Body::Chunked(&mut sent) } else { Body::Sized(size_bytes, &mut sent) };
        let media = session.upload_of("film.mp4", body);
        assert_eq!(sent.bytes, size_bytes);
        let about = session.get(&format!("/v1/media/{media}"));
        assert_eq!(about["size_bytes"], size_bytes, "{about}");

        let content = format!("/v1/media/{media}/content");
        let mut received = Hashing::of(session.request("GET", &content).get().reader());
        io::copy(&mut received, &mut io::sink()).unwrap();
        assert_eq!(received.bytes, size_bytes);
        assert_eq!(received.hasher.finalize(), sent.hasher.finalize());

        let mut parts =
            Hashing::of(InParts { session: &session, content: &content, size_bytes, at: 0, part: None });
        io::copy(&mut parts, &mut io::sink()).unwrap();
        assert_eq!(parts.hasher.finalize(), sent.hasher.finalize(), "in ranges");

        session.await_done(&session.convert(&media, "mp3"));
        let way = if chunked { "chunked" } else { "with Content-Length" };
        check_memory(&mill, "big_upload", &format!("peak resident memory, {} MiB {way}", size_bytes >> 20));
        session.expect_no_leftovers(&site.objects());
        assert_eq!(session.request("DELETE", &format!("/v1/media/{media}")).get().status, 204);
    }
    session.expect_no_leftovers(&site.objects());
    mill.stop();
    assert!(site.objects().objects().is_empty());
}

pub(crate) fn long_conversion_stays_within_its_memory() {
    let seconds = if tools::is_soak() { 2 * 60 * 60 } else { 5 * 60 };
    let site = Site::new();
    let mill = site.start();
    let session = mill.sign_in();
    let (length, wav) = material::wav(seconds);
    let media = session.upload_stream("long.wav", length, wav);
    let job = session.convert_with(&media, "mp3-voice", &json!({"effort": 7}));
    let done = session.await_done(&job);
    assert_eq!(done["output"]["duration_ms"], u64::from(seconds) * 1000, "{done}");
    check_memory(&mill, "long_conversion", &format!("peak resident memory, {} min of sound", seconds / 60));
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

fn check_memory(mill: &Mill, case: &str, what: &str) {
    let peak_bytes = mill.peak_memory_bytes();
    report::figure(case, what, report::mib(peak_bytes), "MiB", Some("≤ 256"));
    assert!(peak_bytes <= MOST_MEMORY_BYTES, "{} MiB", peak_bytes >> 20);
}

/// Passes bytes on and hashes them.
struct Hashing<R> {
    from: R,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<R> Hashing<R> {
    fn of(from: R) -> Self {
        Self { from, hasher: blake3::Hasher::new(), bytes: 0 }
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

/// Content asked for range by range, as players do.
struct InParts<'a> {
    session: &'a Session,
    content: &'a str,
    size_bytes: u64,
    at: u64,
    part: Option<Box<dyn Read>>,
}

impl InParts<'_> {
    /// Neither a power of two nor a divisor of anything.
    const PART_BYTES: u64 = 97_000_001;

    fn open(&self) -> Box<dyn Read> {
        let last = (self.at + Self::PART_BYTES).min(self.size_bytes) - 1;
        let answer = self
            .session
            .request("GET", self.content)
            .header("range", format!("bytes={}-{last}", self.at))
            .get();
        assert_eq!(answer.status, 206);
        let range = format!("bytes {}-{last}/{}", self.at, self.size_bytes);
        assert_eq!(answer.header("content-range"), Some(range.as_str()));
        answer.reader()
    }
}

impl Read for InParts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at < self.size_bytes {
            let mut part = self.part.take().unwrap_or_else(|| self.open());
            let count = part.read(buffer)?;
            if count > 0 {
                self.at += count as u64;
                self.part = Some(part);
                return Ok(count);
            }
        }
        Ok(0)
    }
}
