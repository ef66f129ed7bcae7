//! Bytes to bytes: probes media and converts its audio, knowing nothing of jobs, users or the network.
//!
//! A conversion is one pass: a [`Source`] is demuxed and decoded packet by packet, the planar samples pass
//! through channel mixing and resampling, and an encoder writes to a [`Sink`] whose head alone is patched
//! at the end. Nothing ever holds a whole file, and a long one is spread over idle cores. What happens to
//! an input is decided once, by [`plan()`]; everything after it only carries the plan out. Packets that the
//! output can carry as they are are copied.

mod aac;
mod ahead;
mod chapters;
mod codec;
mod control;
mod convert;
mod copy;
mod cores;
pub mod dca;
mod decode;
mod encode;
mod engine;
mod error;
mod extent;
mod frames;
mod info;
mod input;
mod intake;
mod lame;
mod libopus;
mod loudness;
mod m4a;
mod matroska;
mod mend;
mod mix;
mod mp4;
mod names;
mod opus;
mod plan;
mod probe;
mod reading;
mod resample;
mod sink;
mod sniff;
mod source;
mod tags;
mod tap;
mod target;
mod timeline;
mod trim;

pub use chapters::Chapter;
pub use codec::Codec;
pub use control::Control;
pub use convert::{Report, convert};
pub use engine::{
    Abilities, Ability, Decoded, Engine, Engines, OpusDecoder, OpusLayout, become_child_if_asked,
    confine_for_decoding,
};
pub use error::{ErrorKind, MediaError};
pub use info::{AudioTrack, Info, OpusTrack};
#[doc(hidden)]
pub use input::each_packet;
pub use loudness::Loudness;
pub use plan::{Method, Plan, plan};
pub use probe::{probe, probe_with};
pub use reading::{Pace, PaceMeter};
pub use sink::{FileSink, HEAD_LIMIT_BYTES, Sink, VecSink};
pub use source::{FileSource, Source};
pub use tags::Tags;
pub use target::{Format, Rate, Target};
