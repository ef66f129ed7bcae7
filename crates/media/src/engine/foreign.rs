//! Media that ffmpeg reads for us: first described by ffprobe, then decoded by ffmpeg to bare samples.
//!
//! Both run confined and are told the one demuxer that they may use, so that no file can name another to be
//! opened. What can be read from front to back goes through a pipe that is filled from the source; the rest
//! is copied to a private file first, which then is the child's standard input.

use std::fs::File;
use std::io::SeekFrom;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::pipes::{Ending, Piped, Turn};
use super::scratch::Scratch;
use super::{Engines, description, ffmpeg, musepack, spawn};
use crate::engine::{Description, Length};
use crate::error::MediaError;
use crate::sniff::{Access, Foreign};
use crate::source::Reopenable;
use crate::tap::{Gauge, Tap};

/// Input that may wait for the child before more is read from the source.
const MAX_UNSENT_BYTES: usize = 512 << 10;
const PIECE_BYTES: usize = 128 << 10;
/// A description that is longer than this is refused.
const MAX_TOLD_BYTES: usize = 1 << 20;

/// An input that ffmpeg is to read.
pub(crate) struct Outsider {
    engines: Engines,
    foreign: Foreign,
    tap: Tap,
    /// The copy, where it must seek.
    scratch: Option<Scratch>,
    /// What of it is shown.
    most_bytes: u64,
}

/// What is to be decoded, and to what.
pub(crate) struct Wanted {
    pub(crate) stream: u32,
    pub(crate) rate_hz: u32,
    pub(crate) channels: u8,
}

impl Outsider {
    /// Gets the input ready to be read, which may copy it.
    pub(crate) fn open(engines: &Engines, foreign: Foreign, mut tap: Tap) -> Result<Self, MediaError> {
        let scratch = match foreign.access {
            Access::Forward => None,
            Access::Random => Some(Scratch::fill(&engines.found.room, engines.room_patience(), &mut tap)?),
        };
        Ok(Self { engines: engines.clone(), foreign, tap, scratch, most_bytes: u64::MAX })
    }

    /// Gets no more than the first `most_bytes` of the input ready, to see what that is.
    pub(crate) fn open_head(engines: &Engines, demuxer: &'static str, tap: Tap, most_bytes: u64) -> Self {
        let foreign = Foreign::forward(demuxer);
        Self { engines: engines.clone(), foreign, tap, scratch: None, most_bytes }
    }

    /// What ffprobe says of it.
    pub(crate) fn describe(&mut self) -> Result<Description, MediaError> {
        let url = self.url();
        let mut arguments = vec!["-hide_banner", "-loglevel", "error"];
        arguments.extend(self.input_options());
        arguments.extend(["-show_format", "-show_streams", "-show_chapters", "-of", "json", "-i", url]);
        let command = ffmpeg::probe_command(&self.engines, self.readable(), arguments);
        let mut talk = self.start(command.map_err(MediaError::Missing)?)?;
        let mut told = Vec::new();
        while told.len() < MAX_TOLD_BYTES {
            match talk.turn(&mut self.tap, &mut told)? {
                Turn::Moved => {}
                Turn::Silent => return Err(self.hung()),
                Turn::Ended => {
                    let ending = talk.piped.ending()?;
                    if !ending.is_success {
                        return Err(fault(&ending));
                    }
                    let description = description::read(&told, self.foreign.demuxer)?;
                    return Ok(self.believe(description));
                }
            }
        }
        Err(MediaError::Limit(format!("a description of more than {MAX_TOLD_BYTES} bytes")))
    }

    /// Corrects what ffprobe is known to get wrong.
    fn believe(&mut self, mut description: Description) -> Description {
        if self.foreign.demuxer == "mpc8" {
            let frames = musepack::declared_frames(&mut self.tap);
            let rate_hz = f64::from(description.audio.rate_hz);
            #[expect(clippy::cast_precision_loss, reason = "no audio has so many frames")]
            let length = frames.map(|frames| Length::OfStream(frames as f64 / rate_hz));
            description.audio.length = length.unwrap_or(Length::Unknown);
        }
        description
    }

    /// Starts to decode one stream.
    pub(crate) fn decode(mut self, wanted: &Wanted) -> Result<Samples, MediaError> {
        let url = self.url();
        let [stream, rate, channels] =
            [format!("0:{}", wanted.stream), wanted.rate_hz.to_string(), wanted.channels.to_string()];
        let mut arguments = vec!["-nostdin", "-hide_banner", "-loglevel", "error"];
        arguments.extend(self.input_options());
        arguments.extend(["-i", url, "-map", &stream, "-vn", "-sn", "-dn", "-map_metadata", "-1"]);
        arguments.extend(["-ar", &rate, "-ac", &channels, "-c:a", "pcm_f32le", "-threads", "1"]);
        arguments.extend(["-f", "f32le", "pipe:1"]);
        let command = ffmpeg::command(&self.engines, self.readable(), arguments);
        let talk = self.start(command.map_err(MediaError::Missing)?)?;
        Ok(Samples { talk, outsider: self, has_ended: false })
    }

    fn hung(&self) -> MediaError {
        gave_up(&format!("it does nothing for {:?}", self.engines.patience()))
    }

    /// What it reads through.
    pub(crate) fn gauge(&self) -> Gauge {
        self.tap.gauge()
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        use symphonia::core::io::MediaSource as _;
        self.tap.byte_len().unwrap_or(0)
    }

    fn url(&self) -> &'static str {
        if self.scratch.is_some() { "file:/proc/self/fd/0" } else { "pipe:0" }
    }

    /// The one demuxer and the one protocol that may be used.
    fn input_options(&self) -> Vec<&'static str> {
        let protocol = if self.scratch.is_some() { "file" } else { "pipe" };
        let mut options = vec!["-protocol_whitelist", protocol, "-format_whitelist", self.foreign.demuxer];
        if !self.foreign.demuxer.contains(',') {
            options.extend(["-f", self.foreign.demuxer]);
        }
        options
    }

    fn readable(&self) -> &'static [&'static Path] {
        // A constant path cannot be made in a constant, so it is made once.
        static INPUT: std::sync::OnceLock<[&'static Path; 1]> = std::sync::OnceLock::new();
        if self.scratch.is_some() { INPUT.get_or_init(|| [Path::new(ffmpeg::INPUT_FILE)]) } else { &[] }
    }

    fn start(&mut self, command: Command) -> Result<Talk, MediaError> {
        let gauge = self.tap.gauge();
        let file: Option<File> = self.scratch.as_ref().map(Scratch::reader).transpose()?;
        let is_fed = file.is_none();
        if is_fed {
            use std::io::Seek as _;
            self.tap.seek(SeekFrom::Start(0)).map_err(|error| gauge.explain_io(error))?;
            self.tap.read_straight();
        }
        let child = spawn::spawn_reading(command, file.map_or_else(Stdio::piped, Stdio::from))?;
        let piped = Piped::new(child, Some(gauge.cancel()), self.engines.patience())?;
        Ok(Talk { piped, is_fed, unread_bytes: self.most_bytes, gauge })
    }
}

/// One child with its input.
struct Talk {
    piped: Piped,
    /// Whether there is more to send.
    is_fed: bool,
    /// What of the input may still be read.
    unread_bytes: u64,
    gauge: Gauge,
}

impl Talk {
    /// Sends what there is room for and takes what comes.
    fn turn(&mut self, tap: &mut Tap, incoming: &mut Vec<u8>) -> Result<Turn, MediaError> {
        use std::io::Read as _;
        while self.is_fed && self.piped.unsent() < MAX_UNSENT_BYTES {
            let outgoing = self.piped.outgoing();
            let before = outgoing.len();
            let most = usize::try_from(self.unread_bytes).map_or(PIECE_BYTES, |most| most.min(PIECE_BYTES));
            outgoing.resize(before + most, 0);
            let outcome = tap.read(&mut outgoing[before..]);
            outgoing.truncate(before + outcome.as_ref().map_or(0, |count| *count));
            match outcome {
                Ok(0) => self.is_fed = false,
                Ok(count) => self.unread_bytes -= count as u64,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.gauge.explain_io(error)),
            }
            self.piped.feed()?;
        }
        if !self.is_fed && self.piped.unsent() == 0 {
            self.piped.close_input();
        }
        self.piped.turn(incoming)
    }
}

/// A running decoder. Dropping it ends its child.
pub(crate) struct Samples {
    talk: Talk,
    outsider: Outsider,
    has_ended: bool,
}

impl Samples {
    /// Appends interleaved little-endian 32-bit floats; answers false at the end.
    pub(crate) fn read(&mut self, incoming: &mut Vec<u8>) -> Result<bool, MediaError> {
        if self.has_ended {
            return Ok(false);
        }
        match self.talk.turn(&mut self.outsider.tap, incoming)? {
            Turn::Moved => Ok(true),
            Turn::Silent => Err(self.outsider.hung()),
            Turn::Ended => {
                self.has_ended = true;
                let ending = self.talk.piped.ending()?;
                if !ending.is_success {
                    return Err(fault(&ending));
                }
                if let Some(complaint) = ending.complaint {
                    self.talk.gauge.remark(format!("ffmpeg, which reads it, complains: {complaint}"));
                }
                Ok(false)
            }
        }
    }
}

/// Whose fault a bad end is: bytes can make ffmpeg fail or crash, but not be killed or not start.
fn fault(ending: &Ending) -> MediaError {
    if ending.is_by_itself {
        MediaError::Corrupt(format!("ffmpeg cannot read it: {}", ending.how))
    } else {
        gave_up(&ending.how)
    }
}

fn gave_up(how: &str) -> MediaError {
    std::io::Error::other(format!("ffmpeg, which reads this input, gave up: {how}")).into()
}

/// What is shown of an input that nothing here knows: more than any header in front has.
const HEAD_BYTES: u64 = 1 << 20;

/// Recognises an input that only ffmpeg reads.
///
/// One that nothing here knows must be known by its head first, or it would be copied whole to be called rubbish.
pub(crate) fn outsider(
    engines: &Engines,
    foreign: Foreign,
    is_unknown: bool,
    source: &Reopenable,
    cancel: &Arc<std::sync::atomic::AtomicBool>,
) -> Result<Outsider, MediaError> {
    let tap = || Tap::new(Box::new(source.clone()), Arc::clone(cancel));
    if is_unknown {
        match Outsider::open_head(engines, foreign.demuxer, tap(), HEAD_BYTES).describe() {
            // What is cut off may lack what says more; that it is known is enough.
            Ok(_) | Err(MediaError::Unsupported { .. } | MediaError::NoAudio { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Outsider::open(engines, foreign, tap())
}
