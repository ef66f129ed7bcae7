//! Opus as it comes in: what its header says, what a packet is before it is decoded, and decoding into planes.
//!
//! Packets and headers come from strangers, so both are read by safe code that believes no length; what decodes
//! the sound sits behind [`crate::engine`].

mod decode;
mod head;
mod packet;

pub(crate) use decode::{Block, Planes};
pub(crate) use head::{OpusHead, Order};
pub(crate) use packet::{Mode, Packet, frames_of};

/// Opus runs at this rate whatever it was fed.
pub(crate) const RATE_HZ: u32 = 48_000;
