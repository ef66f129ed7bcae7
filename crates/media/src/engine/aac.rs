//! AAC in ADTS, written by the system's ffmpeg.
//!
//! ffmpeg gets our own samples through one pipe and answers through another, confined like everything that
//! is not ours. ADTS has no place for the encoder's delay, for a length, or for tags: what is decoded
//! starts with 1,024 frames of priming and ends on a whole block of 1,024.

use super::pipes::{Piped, Turn};
use super::{Engines, ffmpeg, spawn};
use crate::control::Control;
use crate::encode::{Encoder, Heading, Output};
use crate::error::MediaError;
use crate::target::Rate;

/// Samples that may wait for ffmpeg before the encoder waits with them.
const MAX_UNSENT_BYTES: usize = 1 << 20;

/// A running encoder. Dropping it ends its child.
pub(crate) struct AacEncoder {
    piped: Piped,
    channels: usize,
    incoming: Vec<u8>,
}

impl AacEncoder {
    /// Starts ffmpeg, without waiting for it.
    pub(crate) fn start(heading: &Heading<'_>, control: &Control) -> Result<Self, MediaError> {
        control.engines.aac_encoder().map_err(MediaError::Missing)?;
        let plan = heading.plan;
        let kbps = match plan.rate {
            Some(Rate::Cbr { kbps } | Rate::Abr { kbps }) => kbps,
            Some(Rate::Vbr { .. }) | None => 64 * u16::from(plan.channels),
        };
        let arguments = [
            "-nostdin -hide_banner -loglevel error -protocol_whitelist pipe -f f32le".to_owned(),
            format!("-ar {} -ac {} -i pipe:0", plan.sample_rate_hz, plan.channels),
            format!("-map_metadata -1 -c:a aac -b:a {kbps}k -threads 1 -f adts pipe:1"),
        ];
        let arguments = arguments.iter().flat_map(|part| part.split(' '));
        let command = ffmpeg::command(&control.engines, &[], arguments).map_err(MediaError::Missing)?;
        let piped = Piped::new(spawn::spawn(command)?, Some(&control.cancel), 3 * spawn::PATIENCE)?;
        Ok(Self { piped, channels: usize::from(plan.channels), incoming: Vec::new() })
    }

    /// Moves bytes both ways once, and hands on what has come.
    fn turn(&mut self, output: &mut Output<'_>) -> Result<bool, MediaError> {
        let turn = self.piped.turn(&mut self.incoming)?;
        output.write(&self.incoming)?;
        self.incoming.clear();
        match turn {
            Turn::Moved => Ok(true),
            Turn::Ended => Ok(false),
            Turn::Silent => Err(gave_up("it does nothing for 30 s")),
        }
    }

    fn end_badly(&mut self) -> Result<(), MediaError> {
        Err(gave_up(&self.piped.ending()?.how))
    }
}

impl Encoder for AacEncoder {
    fn write(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError> {
        debug_assert_eq!(planes.len(), self.channels);
        let outgoing = self.piped.outgoing();
        for frame in 0..planes.first().map_or(0, |plane| plane.len()) {
            outgoing.extend(planes.iter().flat_map(|plane| plane[frame].to_le_bytes()));
        }
        self.piped.feed()?;
        while self.piped.unsent() > MAX_UNSENT_BYTES {
            if !self.turn(output)? {
                return self.end_badly();
            }
        }
        Ok(())
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        while self.piped.unsent() > 0 {
            if !self.turn(output)? {
                return self.end_badly();
            }
        }
        self.piped.close_input();
        while self.turn(output)? {}
        let ending = self.piped.ending()?;
        if ending.is_success { Ok(()) } else { Err(gave_up(&ending.how)) }
    }
}

/// Sees whether ffmpeg is there, starts in its confinement, and has the encoder.
pub(super) fn check(engines: &Engines) -> Result<(), String> {
    if engines.ffmpeg().is_none() {
        return Err(
            "aac is written by ffmpeg, which is not installed here; install it (on Debian: apt install ffmpeg)".into()
        );
    }
    let told = ffmpeg::command(engines, &[], ["-hide_banner", "-h", "encoder=aac"])
        .and_then(spawn::ask)
        .map_err(|why| format!("aac is written by ffmpeg, which does not start here: {why}"))?;
    if told.contains("Encoder aac") {
        Ok(())
    } else {
        Err("aac is written by ffmpeg, but the one that is installed here has no aac encoder".into())
    }
}

fn gave_up(how: &str) -> MediaError {
    std::io::Error::other(format!("ffmpeg, which writes aac, gave up: {how}")).into()
}
