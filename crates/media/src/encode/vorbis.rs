//! Vorbis in Ogg, by the aoTuV build of libvorbis: its bindings make the pages, too, and end the last one at the exact
//! frame.

use std::cell::RefCell;
use std::io::{self, Write};
use std::num::{NonZeroU8, NonZeroU32};
use std::rc::Rc;

use vorbis_rs::{VorbisBitrateManagementStrategy, VorbisEncoder, VorbisEncoderBuilder, VorbisError};

use super::{Encoder, Heading, Output};
use crate::chapters::clock;
use crate::error::MediaError;
use crate::tags::vorbis;
use crate::target::Rate;

/// Any number serves, as the file holds one stream.
const SERIAL: i32 = 0x7265_656c;
/// More frames at once make the encoder slow, as its bindings say.
const BLOCK_FRAMES: usize = 4096;

pub(super) struct Vorbis {
    /// Gone once it is finished.
    encoder: Option<VorbisEncoder<Pages>>,
    pages: Pages,
}

/// What the encoder wrote and the output has not taken yet. The encoder keeps its sink to itself, so it is shared.
#[derive(Clone, Default)]
struct Pages(Rc<RefCell<Vec<u8>>>);

impl Write for Pages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Pages {
    fn hand_on(&self, output: &mut Output<'_>) -> Result<(), MediaError> {
        let mut pages = self.0.borrow_mut();
        if !pages.is_empty() {
            output.write(&pages)?;
            pages.clear();
        }
        Ok(())
    }
}

impl Vorbis {
    pub(super) fn start(heading: &Heading<'_>, output: &mut Output<'_>) -> Result<Self, MediaError> {
        let plan = heading.plan;
        let (Some(rate_hz), Some(channels)) =
            (NonZeroU32::new(plan.sample_rate_hz), NonZeroU8::new(plan.channels))
        else {
            return Err(MediaError::BadTarget("ogg without a sample rate or without channels".into()));
        };
        let pages = Pages::default();
        let mut builder = VorbisEncoderBuilder::new_with_serial(rate_hz, channels, pages.clone(), SERIAL);
        builder.bitrate_management_strategy(strategy(plan.rate));
        builder.minimum_page_data_size(Some(page_bytes(plan.rate)));
        // A comment is a C string.
        let tags = heading.tags.iter().map(|(name, value)| (name.to_owned(), value.replace('\0', " ")));
        builder.comment_tags(tags).map_err(|error| refused(&error))?;
        let mut lines = clock::comments(heading.chapters);
        lines.extend(heading.cover.map(vorbis::picture_comment));
        for (name, value) in lines.iter().filter_map(|line| line.split_once('=')) {
            builder.comment_tag(name, value).map_err(|error| refused(&error))?;
        }
        let encoder = builder.build().map_err(|error| refused(&error))?;
        pages.hand_on(output)?;
        Ok(Self { encoder: Some(encoder), pages })
    }
}

/// About a tenth of a second. Some decoders cannot cut the end of a file that has a single page, and by default a page
/// may hold seconds of speech.
fn page_bytes(rate: Option<Rate>) -> u16 {
    match rate {
        Some(Rate::Cbr { kbps } | Rate::Abr { kbps }) => kbps.saturating_mul(100) / 8,
        // The worst quality at the lowest sample rate; elsewhere four packets, the least of a page, are more.
        Some(Rate::Vbr { .. }) | None => 100,
    }
}

/// Qualities go from 0, the best, to 9 as LAME's do; Vorbis' own from 1 down to 0.
fn strategy(rate: Option<Rate>) -> VorbisBitrateManagementStrategy {
    match rate {
        Some(Rate::Vbr { quality }) => VorbisBitrateManagementStrategy::QualityVbr {
            target_quality: f32::from(9 - quality.min(9)) / 9.0,
        },
        Some(Rate::Cbr { kbps } | Rate::Abr { kbps }) => VorbisBitrateManagementStrategy::Vbr {
            target_bitrate: NonZeroU32::new(u32::from(kbps) * 1000).unwrap_or(NonZeroU32::MIN),
        },
        None => VorbisBitrateManagementStrategy::default(),
    }
}

fn refused(error: &VorbisError) -> MediaError {
    MediaError::BadTarget(format!("ogg: {error}"))
}

impl Encoder for Vorbis {
    fn write(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError> {
        let Some(encoder) = &mut self.encoder else { return Ok(()) };
        let frames = planes.first().map_or(0, |plane| plane.len());
        // An empty block would mean the end.
        for start in (0..frames).step_by(BLOCK_FRAMES) {
            let block: Vec<&[f32]> =
                planes.iter().map(|plane| &plane[start..frames.min(start + BLOCK_FRAMES)]).collect();
            encoder.encode_audio_block(block).map_err(|error| refused(&error))?;
        }
        self.pages.hand_on(output)
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        if let Some(encoder) = self.encoder.take() {
            encoder.finish().map_err(|error| refused(&error))?;
        }
        self.pages.hand_on(output)
    }
}
