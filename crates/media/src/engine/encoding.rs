//! An encoder of ffmpeg's: our own samples go in through one pipe, a file comes back through another.

use super::pipes::{Piped, Turn};
use super::{Engines, ffmpeg, spawn};
use crate::control::Control;
use crate::encode::Heading;
use crate::error::MediaError;
use crate::target::Rate;

/// Samples that may wait for ffmpeg before the encoder waits with them.
const MAX_UNSENT_BYTES: usize = 1 << 20;

/// Takes what comes back.
pub(super) type Take<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), MediaError>;

/// A running encoder. Dropping it ends its child.
pub(super) struct Encoding {
    name: &'static str,
    piped: Piped,
    incoming: Vec<u8>,
}

impl Encoding {
    /// Starts ffmpeg with an encoder and a muxer, without waiting for it.
    pub(super) fn start(
        heading: &Heading<'_>,
        control: &Control,
        [name, encoder, muxer]: [&'static str; 3],
        metadata: &[String],
    ) -> Result<Self, MediaError> {
        let plan = heading.plan;
        let kbps = match plan.rate {
            Some(Rate::Cbr { kbps } | Rate::Abr { kbps }) => kbps,
            Some(Rate::Vbr { .. }) | None => 64 * u16::from(plan.channels),
        };
        let arguments = [
            "-nostdin -hide_banner -loglevel error -protocol_whitelist pipe -f f32le".to_owned(),
            format!("-ar {} -ac {} -i pipe:0", plan.sample_rate_hz, plan.channels),
            format!("-map_metadata -1 -c:a {encoder} -b:a {kbps}k -threads 1"),
        ];
        let arguments = arguments.iter().flat_map(|part| part.split(' '));
        let arguments = arguments.chain(metadata.iter().map(String::as_str)).chain(["-f", muxer, "pipe:1"]);
        let command = ffmpeg::command(&control.engines, &[], arguments).map_err(MediaError::Missing)?;
        let piped = Piped::new(spawn::spawn(command)?, Some(&control.cancel), 3 * spawn::PATIENCE)?;
        Ok(Self { name, piped, incoming: Vec::new() })
    }

    /// Sends planes of samples.
    pub(super) fn write(&mut self, planes: &[&[f32]], take: Take<'_>) -> Result<(), MediaError> {
        let outgoing = self.piped.outgoing();
        for frame in 0..planes.first().map_or(0, |plane| plane.len()) {
            outgoing.extend(planes.iter().flat_map(|plane| plane[frame].to_le_bytes()));
        }
        self.piped.feed()?;
        self.drain(MAX_UNSENT_BYTES, take)
    }

    /// Takes everything that is left.
    pub(super) fn finish(&mut self, take: Take<'_>) -> Result<(), MediaError> {
        self.drain(0, take)?;
        self.piped.close_input();
        while self.turn(take)? {}
        let ending = self.piped.ending()?;
        if ending.is_success { Ok(()) } else { Err(self.gave_up(&ending.how)) }
    }

    fn drain(&mut self, max_unsent_bytes: usize, take: Take<'_>) -> Result<(), MediaError> {
        while self.piped.unsent() > max_unsent_bytes {
            if !self.turn(take)? {
                let how = self.piped.ending()?.how;
                return Err(self.gave_up(&how));
            }
        }
        Ok(())
    }

    /// Moves bytes both ways once, and hands on what has come.
    fn turn(&mut self, take: Take<'_>) -> Result<bool, MediaError> {
        let turn = self.piped.turn(&mut self.incoming)?;
        take(&self.incoming)?;
        self.incoming.clear();
        match turn {
            Turn::Moved => Ok(true),
            Turn::Ended => Ok(false),
            Turn::Silent => Err(self.gave_up("it does nothing for 30 s")),
        }
    }

    fn gave_up(&self, how: &str) -> MediaError {
        std::io::Error::other(format!("ffmpeg, which writes {}, gave up: {how}", self.name)).into()
    }
}

/// Sees whether ffmpeg is there, starts in its confinement, and has an encoder.
pub(super) fn check(engines: &Engines, name: &str, encoder: &str) -> Result<(), String> {
    if engines.ffmpeg().is_none() {
        return Err(format!(
            "{name} is written by ffmpeg, which is not installed here; install it (on Debian: apt install ffmpeg)"
        ));
    }
    let question = format!("encoder={encoder}");
    let told = ffmpeg::command(engines, &[], ["-hide_banner", "-h", &question])
        .and_then(spawn::ask)
        .map_err(|why| format!("{name} is written by ffmpeg, which does not start here: {why}"))?;
    if told.contains(&format!("Encoder {encoder}")) {
        Ok(())
    } else {
        Err(format!(
            "{name} is written by ffmpeg, but the one that is installed here has no {encoder} encoder"
        ))
    }
}
