//! Progress bars on a terminal: percentage, speed as a multiple of real time, time left. Elsewhere nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use reelmill_media::Control;

use super::words::{clock, speed, speed_in_words};

/// Steps of a bar.
const STEPS: u64 = 1000;
const LOOK: &str = "{prefix}  {bar:30} {percent:>3}%  {msg}";
/// A name longer than this is cut, so that a bar stays on its line.
const NAME_CHARS: usize = 30;

/// The bars of one command.
#[derive(Debug)]
pub(super) struct Progress {
    bars: MultiProgress,
    is_shown: bool,
}

impl Progress {
    /// Bars on standard error where it is a terminal and `is_wanted`.
    pub(super) fn new(is_wanted: bool) -> Self {
        let is_shown = is_wanted && std::io::IsTerminal::is_terminal(&std::io::stderr());
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), is_shown }
    }

    /// A bar for a conversion, and the control that moves it and stops the conversion when `cancel` is set.
    pub(super) fn bar(&self, name: &str, cancel: &Arc<AtomicBool>) -> (Bar, Control) {
        let media_ms = Arc::new(AtomicU64::new(0));
        let mut control = Control::silent();
        if self.is_shown {
            let bar = self.bars.add(ProgressBar::new(STEPS));
            bar.set_style(
                ProgressStyle::with_template(LOOK).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.set_prefix(cut(name));
            let (moved, heard, started) = (bar.clone(), Arc::clone(&media_ms), Instant::now());
            control = Control::new(move |share| {
                let spent = started.elapsed();
                moved.set_position(steps(share));
                moved.set_message(pace(share, heard.load(Ordering::Relaxed), spent));
            });
            control.cancel = Arc::clone(cancel);
            control.media_ms = Arc::clone(&media_ms);
            return (Bar { line: bar, media_ms, started }, control);
        }
        control.cancel = Arc::clone(cancel);
        control.media_ms = Arc::clone(&media_ms);
        (Bar { line: ProgressBar::hidden(), media_ms, started: Instant::now() }, control)
    }

    /// Writes a line above the bars, where there is a terminal.
    pub(super) fn line(&self, text: &str) {
        if self.is_shown {
            // Nothing can be done about a closed terminal.
            let _ = self.bars.println(text);
        }
    }

    /// Writes to standard error without breaking a bar.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        self.bars.suspend(write);
    }
}

/// One conversion's bar; it goes when this is dropped.
#[derive(Debug)]
pub(super) struct Bar {
    line: ProgressBar,
    media_ms: Arc<AtomicU64>,
    started: Instant,
}

impl Bar {
    /// The time since the bar was made.
    pub(super) fn spent(&self) -> Duration {
        self.started.elapsed()
    }

    /// How much audio was read, in milliseconds.
    pub(super) fn media_ms(&self) -> u64 {
        self.media_ms.load(Ordering::Relaxed)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.line.finish_and_clear();
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to 1000")]
fn steps(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * 1000.0) as u64
}

fn pace(share: f64, media_ms: u64, spent: Duration) -> String {
    let pace = format!("{} real time", speed_in_words(speed(media_ms, spent)));
    if share <= 0.0 || spent < Duration::from_millis(500) {
        return pace;
    }
    let left = Duration::try_from_secs_f64(spent.as_secs_f64() * (1.0 - share).max(0.0) / share);
    left.map_or(pace.clone(), |left| format!("{pace}, {} left", clock(left)))
}

fn cut(name: &str) -> String {
    if name.chars().count() <= NAME_CHARS {
        return name.to_owned();
    }
    let kept: String = name.chars().take(NAME_CHARS - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_says_speed_and_time_left() {
        assert_eq!(pace(0.25, 60_000, Duration::from_secs(2)), "30x real time, 0:06 left");
        assert_eq!(pace(0.0, 0, Duration::ZERO), "0.0x real time");
        assert_eq!(pace(1.0, 60_000, Duration::from_secs(2)), "30x real time, 0:00 left");
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        assert_eq!(cut("talk.mp4"), "talk.mp4");
        assert_eq!(cut(&"ä".repeat(40)).chars().count(), 30);
    }
}
