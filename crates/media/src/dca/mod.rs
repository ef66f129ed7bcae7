//! DCA, in which Discord's bots keep what they play: bare Opus packets, each behind its length. Version 1 has a JSON
//! header in front, version 0 has none.
//!
//! Numbers are little-endian: the header's length has 32 bits, a packet's 16, both with a sign.

mod check;
mod header;
mod read;
mod write;

pub(crate) use check::mean_rate_bps;
pub use check::{Check, Sizes, check};
pub use header::{DcaPart, Header, OpusPart, OriginPart, ToolPart};
pub use read::{DcaError, Packets};
pub(crate) use write::Writer;

/// What a file of version 1 begins with.
pub(crate) const MAGIC: &[u8; 4] = b"DCA1";
