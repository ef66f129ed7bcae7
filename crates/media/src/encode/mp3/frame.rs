//! MP3 frames, taken out of the stream that an encoder wrote: what a frame says, apart from where it stands.
//!
//! Behind a frame's header and side information is room for main data, but not necessarily its own: its data may
//! begin in the room of frames before it, as far back as `main_data_begin` says (ISO/IEC 11172-3, 2.4.2.7; the "bit
//! reservoir"). A [`Frame`] holds its own data and how much reservoir its encoder counted on.

use crate::error::MediaError;

const HEADER_BYTES: usize = 4;
/// Layer 3, ISO/IEC 11172-3, 2.4.2.3, in kbit/s.
const KBPS_1: [usize; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
/// The same for the lower sample rates, ISO/IEC 13818-3, 2.4.2.3.
const KBPS_2: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

/// What the four bytes before a frame say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    bytes: [u8; HEADER_BYTES],
}

/// A frame without its place in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) header: Header,
    /// Side information; its `main_data_begin` is written anew when the frame gets its place.
    pub(super) side: Vec<u8>,
    pub(super) data: Vec<u8>,
    /// How many bytes before its own room its encoder counted on.
    pub(super) reservoir: usize,
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = Self { bytes: bytes.get(..HEADER_BYTES)?.try_into().ok()? };
        let [sync, kind, rates, _] = header.bytes;
        // Layer 3 without a checksum is all that LAME was asked to write.
        let is_layer_3 = sync == 0xff && kind & 0xe7 == 0xe3 && kind & 0x18 != 0x08;
        (is_layer_3 && (1..15).contains(&(rates >> 4)) && (rates >> 2) & 3 != 3).then_some(header)
    }

    pub(super) fn bytes(self) -> [u8; HEADER_BYTES] {
        self.bytes
    }

    fn is_mpeg_1(self) -> bool {
        self.bytes[1] & 0x18 == 0x18
    }

    fn channels(self) -> usize {
        if self.bytes[3] >> 6 == 3 { 1 } else { 2 }
    }

    fn granules(self) -> usize {
        if self.is_mpeg_1() { 2 } else { 1 }
    }

    fn rate_hz(self) -> usize {
        let base = [44_100, 48_000, 32_000, 44_100][usize::from((self.bytes[2] >> 2) & 3)];
        match (self.bytes[1] >> 3) & 3 {
            3 => base,
            2 => base / 2,
            _ => base / 4,
        }
    }

    /// The whole frame's size.
    pub(super) fn frame_bytes(self) -> usize {
        let rate = usize::from(self.bytes[2] >> 4);
        let padding = usize::from((self.bytes[2] >> 1) & 1);
        let (kbps, factor) = if self.is_mpeg_1() { (KBPS_1, 144_000) } else { (KBPS_2, 72_000) };
        factor * kbps[rate.min(14)] / self.rate_hz() + padding
    }

    pub(super) fn side_bytes(self) -> usize {
        match (self.is_mpeg_1(), self.channels()) {
            (true, 1) => 17,
            (true, _) => 32,
            (false, 1) => 9,
            (false, _) => 17,
        }
    }

    /// Room for main data.
    pub(super) fn room(self) -> usize {
        self.frame_bytes().saturating_sub(HEADER_BYTES + self.side_bytes())
    }

    /// What `main_data_begin` can say at most.
    pub(super) fn reservoir_limit(self) -> usize {
        if self.is_mpeg_1() { 511 } else { 255 }
    }

    /// The same frame at the next higher bit rate.
    pub(super) fn with_next_rate(mut self) -> Option<Self> {
        if self.bytes[2] >> 4 >= 14 {
            return None;
        }
        self.bytes[2] += 0x10;
        Some(self)
    }
}

impl Frame {
    /// Writes `main_data_begin` into the side information.
    pub(super) fn place(&mut self, begin: usize) {
        let begin = begin.min(self.header.reservoir_limit());
        if self.header.is_mpeg_1() {
            self.side[0] = u8::try_from(begin >> 1).unwrap_or(u8::MAX);
            self.side[1] = (self.side[1] & 0x7f) | if begin & 1 == 1 { 0x80 } else { 0 };
        } else {
            self.side[0] = u8::try_from(begin).unwrap_or(u8::MAX);
        }
    }

    /// Leaves nothing of the frame but its length in time.
    pub(super) fn mute(&mut self) {
        self.side.fill(0);
        self.data.clear();
    }
}

/// Takes frames out of an encoder's stream as it grows.
#[derive(Debug, Default)]
pub(super) struct Unpacker {
    pending: Vec<u8>,
    /// The latest main data, as much as a frame can reach back to.
    main: Vec<u8>,
}

impl Unpacker {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Drops a whole first frame that is no audio.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.pending.drain(..bytes.min(self.pending.len()));
    }

    /// How long the first frame is, once it is there whole.
    pub(super) fn is_whole(&self) -> Result<bool, MediaError> {
        Ok(self.header()?.is_some_and(|header| self.pending.len() >= header.frame_bytes()))
    }

    fn header(&self) -> Result<Option<Header>, MediaError> {
        if self.pending.len() < HEADER_BYTES {
            return Ok(None);
        }
        Header::parse(&self.pending).map(Some).ok_or_else(|| odd("a frame without a header"))
    }

    /// Takes the next frame once all of it is there.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, MediaError> {
        let Some(header) = self.header()? else { return Ok(None) };
        let (end, start) = (header.frame_bytes(), HEADER_BYTES + header.side_bytes());
        if self.pending.len() < end {
            return Ok(None);
        }
        let side = self.pending.get(HEADER_BYTES..start).ok_or_else(|| odd("a frame too small"))?.to_vec();
        let reservoir = bits(&side, 0, if header.is_mpeg_1() { 9 } else { 8 });
        let data_bytes = data_bits(header, &side).div_ceil(8);
        let begin = self.main.len().checked_sub(reservoir).ok_or_else(|| odd("data before the first"))?;
        self.main.extend_from_slice(self.pending.get(start..end).unwrap_or_default());
        let data =
            self.main.get(begin..begin + data_bytes).ok_or_else(|| odd("data behind its frame"))?.to_vec();
        self.pending.drain(..end);
        let spent = self.main.len().saturating_sub(header.reservoir_limit());
        self.main.drain(..spent);
        Ok(Some(Frame { header, side, data, reservoir }))
    }
}

/// The sum of `part2_3_length` over granules and channels.
fn data_bits(header: Header, side: &[u8]) -> usize {
    let (first, step) = match (header.is_mpeg_1(), header.channels()) {
        (true, 1) => (18, 59),
        (true, _) => (20, 59),
        (false, 1) => (9, 63),
        (false, _) => (10, 63),
    };
    (0..header.granules() * header.channels()).map(|index| bits(side, first + index * step, 12)).sum()
}

fn bits(bytes: &[u8], first: usize, count: usize) -> usize {
    (first..first + count).fold(0, |value, bit| {
        let byte = bytes.get(bit / 8).copied().unwrap_or(0);
        (value << 1) | usize::from((byte >> (7 - bit % 8)) & 1)
    })
}

fn odd(what: &str) -> MediaError {
    MediaError::Corrupt(format!("the mp3 encoder wrote {what}"))
}
