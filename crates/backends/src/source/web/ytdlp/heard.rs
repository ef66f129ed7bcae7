//! What yt-dlp says on standard error: facts and progress for us, errors for everybody.
//!
//! Our lines begin with a token of the call's own, so that no page can speak for yt-dlp. Nothing here grows with what is
//! said.

use reelmill_core::Obstacle;
use reelmill_core::ports::OnProgress;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::source::web::trouble::Trouble;

/// The longest line that is read; the rest of a longer one is passed over.
const MAX_LINE_BYTES: usize = 64 * 1024;
/// Errors that are kept, the last ones.
const KEPT_ERRORS: usize = 5;
/// Of an error, this much is kept.
const MAX_ERROR_BYTES: usize = 2 * 1024;
/// Of lists on a page these count as one media each: pages have jingles and previews beside what they are about.
const PAGES: [&str; 2] = ["Generic", "HTML5MediaEmbed"];

/// What yt-dlp found out.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    pub(super) title: Option<String>,
    pub(super) duration: Option<f64>,
    pub(super) thumbnail: Option<String>,
    pub(super) ext: Option<String>,
    pub(super) protocol: Option<String>,
    is_live: Option<bool>,
    live_status: Option<String>,
    extractor_key: Option<String>,
    playlist_count: Option<u64>,
    filesize: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Progress {
    status: Option<String>,
    downloaded_bytes: Option<f64>,
    total_bytes: Option<f64>,
    total_bytes_estimate: Option<f64>,
}

/// The limits that what was found has to keep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) duration: std::time::Duration,
    pub(super) bytes: u64,
}

/// A listener for one call.
pub(super) struct Heard {
    token: String,
    limits: Limits,
    on_progress: OnProgress,
    pub(super) facts: Facts,
    /// Whether its interpreter took our hook.
    pub(super) is_hooked: bool,
    /// How many bytes yt-dlp says it has written, once it is done.
    pub(super) finished_bytes: Option<u64>,
    errors: Vec<String>,
}

impl Heard {
    pub(super) fn new(token: String, limits: Limits, on_progress: OnProgress) -> Self {
        let facts = Facts::default();
        let (is_hooked, finished_bytes, errors) = (false, None, Vec::new());
        Self { token, limits, on_progress, facts, is_hooked, finished_bytes, errors }
    }

    /// The last errors, one a line.
    pub(super) fn errors(&self) -> String {
        self.errors.join("\n")
    }

    /// Listens until the stream ends.
    ///
    /// # Errors
    /// As soon as something is heard that makes the download pointless.
    pub(super) async fn listen(&mut self, mut stream: impl AsyncRead + Unpin) -> Result<(), Trouble> {
        let mut line = Vec::new();
        let mut is_cut = false;
        let mut piece = vec![0; 8 * 1024];
        // A stream that breaks has said all it will.
        while let Ok(read @ 1..) = stream.read(&mut piece).await {
            for part in piece[..read].split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
                let is_end = part.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r'));
                let room = MAX_LINE_BYTES.saturating_sub(line.len());
                is_cut |= part.len() > room;
                line.extend_from_slice(&part[..part.len().min(room)]);
                if is_end {
                    self.hear(&String::from_utf8_lossy(&line), is_cut)?;
                    line.clear();
                    is_cut = false;
                }
            }
        }
        self.hear(&String::from_utf8_lossy(&line), is_cut)
    }

    fn hear(&mut self, line: &str, is_cut: bool) -> Result<(), Trouble> {
        let line = line.trim();
        let Some(ours) = line.strip_prefix(&self.token).filter(|_| !is_cut) else {
            self.keep_error(line);
            return Ok(());
        };
        let ours = ours.trim_start();
        self.is_hooked |= ours == "hooked";
        match ours.split_once(' ') {
            Some(("found" | "chosen", json)) => self.learn(serde_json::from_str(json).unwrap_or_default()),
            Some(("progress", json)) => self.advance(&serde_json::from_str(json).unwrap_or_default()),
            _ => Ok(()),
        }
    }

    fn keep_error(&mut self, line: &str) {
        let is_error = line.starts_with("ERROR:") || line.contains(": error:") || line.contains("Traceback");
        if !is_error {
            return;
        }
        let end = line.char_indices().map(|(at, _)| at).take_while(|at| *at <= MAX_ERROR_BYTES).last();
        if self.errors.len() == KEPT_ERRORS {
            self.errors.remove(0);
        }
        let is_whole = line.len() <= MAX_ERROR_BYTES;
        self.errors.push(if is_whole { line.to_owned() } else { line[..end.unwrap_or_default()].to_owned() });
    }

    fn learn(&mut self, facts: Facts) -> Result<(), Trouble> {
        let is_live = facts.is_live == Some(true)
            || matches!(facts.live_status.as_deref(), Some("is_live" | "is_upcoming"));
        if is_live {
            return Err(Trouble::live());
        }
        let extractor = facts.extractor_key.as_deref().unwrap_or_default();
        if let Some(count) = facts.playlist_count.filter(|count| *count > 1 && !PAGES.contains(&extractor)) {
            return Err(Trouble::new(
                Obstacle::Playlist,
                format!("this is the address of a list of {count}; give the address of one of them"),
            ));
        }
        if let Some(ms) = facts.duration.map(milliseconds)
            && std::time::Duration::from_millis(ms) > self.limits.duration
        {
            return Err(Trouble::too_long(ms, self.limits.duration));
        }
        let size_bytes = facts.filesize;
        self.facts = facts;
        self.accept_size(size_bytes)
    }

    fn advance(&mut self, progress: &Progress) -> Result<(), Trouble> {
        let Some(done) = progress.downloaded_bytes else { return Ok(()) };
        if progress.status.as_deref() == Some("finished") {
            self.finished_bytes = Some(whole(done));
            (self.on_progress)(1.0);
            return Ok(());
        }
        self.accept_size(progress.total_bytes.map(whole))?;
        if let Some(total) =
            progress.total_bytes.or(progress.total_bytes_estimate).filter(|total| *total > 0.0)
        {
            (self.on_progress)((done / total).clamp(0.0, 1.0));
        }
        Ok(())
    }

    fn accept_size(&self, size_bytes: Option<u64>) -> Result<(), Trouble> {
        let limit = self.limits.bytes;
        if size_bytes.is_some_and(|size| size > limit) { Err(Trouble::too_large(limit)) } else { Ok(()) }
    }
}

/// Seconds as yt-dlp gives them.
pub(super) fn milliseconds(seconds: f64) -> u64 {
    whole(seconds * 1000.0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from float saturates")]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;

    const LIMITS: Limits = Limits { duration: Duration::from_secs(100), bytes: 1000 };

    async fn hear(said: &[u8]) -> (Result<(), Trouble>, Heard, Vec<f64>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let on_progress: OnProgress = Arc::new(move |done| sink.lock().unwrap().push(done));
        let mut heard = Heard::new("T7".into(), LIMITS, on_progress);
        let outcome = heard.listen(said).await;
        let seen = seen.lock().unwrap().clone();
        (outcome, heard, seen)
    }

    fn obstacle(outcome: Result<(), Trouble>) -> Obstacle {
        match outcome.unwrap_err() {
            Trouble::Told { obstacle, .. } => obstacle,
            Trouble::Internal(said) => panic!("{said}"),
        }
    }

    #[tokio::test]
    async fn facts_progress_and_errors_are_told_apart() {
        let said = br#"T7 hooked
WARNING: something
T7 found {"title": "A \u00e9", "duration": 12.5, "ext": "webm"}
T7 progress {"status": "downloading", "downloaded_bytes": 50, "total_bytes": 200}
T7 progress {"status": "downloading", "downloaded_bytes": 100, "total_bytes": null, "total_bytes_estimate": 200.0}
T7 progress {"status": "finished", "downloaded_bytes": 200, "total_bytes": 200}
ERROR: [x] it went wrong"#;
        let (outcome, heard, seen) = hear(said).await;
        assert_eq!(outcome, Ok(()));
        assert_eq!(heard.facts.title.as_deref(), Some("A é"));
        assert_eq!(heard.facts.duration.map(milliseconds), Some(12_500));
        assert_eq!(seen, [0.25, 0.5, 1.0]);
        assert_eq!(heard.finished_bytes, Some(200));
        assert_eq!(heard.errors(), "ERROR: [x] it went wrong");
        assert!(heard.is_hooked);
    }

    #[tokio::test]
    async fn what_a_page_says_in_our_place_is_not_heard() {
        let (outcome, heard, seen) =
            hear(b"T8 hooked\nT8 found {\"is_live\": true}\nprogress {\"downloaded_bytes\": 1}\n").await;
        assert_eq!(outcome, Ok(()));
        assert!(seen.is_empty() && heard.facts.title.is_none() && !heard.is_hooked);
    }

    #[tokio::test]
    async fn what_will_not_be_taken_is_refused_before_it_is_fetched() {
        for (said, expected) in [
            (r#"T7 found {"is_live": true}"#, Obstacle::Live),
            (r#"T7 found {"live_status": "is_upcoming"}"#, Obstacle::Live),
            (r#"T7 found {"duration": 101}"#, Obstacle::TooLong),
            (r#"T7 chosen {"filesize": 1001}"#, Obstacle::TooLarge),
            (r#"T7 progress {"downloaded_bytes": 1, "total_bytes": 1001}"#, Obstacle::TooLarge),
            (r#"T7 found {"playlist_count": 12, "extractor_key": "Bandcamp"}"#, Obstacle::Playlist),
        ] {
            assert_eq!(obstacle(hear(said.as_bytes()).await.0), expected, "{said}");
        }
        let page = br#"T7 found {"playlist_count": 3, "extractor_key": "HTML5MediaEmbed", "duration": 100}"#;
        assert_eq!(hear(page).await.0, Ok(()));
    }

    #[tokio::test]
    async fn a_flood_is_not_kept() {
        let mut said = vec![b'x'; 3 * MAX_LINE_BYTES];
        for number in 0..100 {
            said.extend_from_slice(format!("\nERROR: {number} {}", "é".repeat(MAX_ERROR_BYTES)).as_bytes());
        }
        let (outcome, heard, _) = hear(&said).await;
        assert_eq!(outcome, Ok(()));
        assert!(heard.errors().len() <= KEPT_ERRORS * (MAX_ERROR_BYTES + 1));
        assert!(heard.errors().contains("ERROR: 99") && !heard.errors().contains("ERROR: 94"));
    }
}
