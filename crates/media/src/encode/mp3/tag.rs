//! The Xing and LAME header of a stream that no single encoder has seen whole.
//!
//! An encoder's own header serves as the form: what it says of settings is true for all. What it counts is counted
//! here: frames, bytes, the seek table, the checksum of the music, the padding, and last the header's own checksum.

use super::frame::Header;

/// Where the fields stand, from the word `Xing` or `Info` on.
const FRAMES: usize = 8;
const BYTES: usize = 12;
const SEEK: usize = 16;
const DELAY_AND_PADDING: usize = 141;
const MUSIC_BYTES: usize = 148;
const MUSIC_CRC: usize = 152;
const TAG_CRC: usize = 154;
const TAG_END: usize = 156;

/// The seek table's entries, one a hundredth of the time.
const SEEK_POINTS: usize = 100;
/// As many positions as are remembered at most: a quarter of a percent of the time apart, or less.
const MAX_POSITIONS: usize = 800;

/// What is counted on the way.
#[derive(Debug)]
pub(super) struct Totals {
    frames: u64,
    bytes: u64,
    crc: u16,
    /// Where every `stride`th frame begins.
    positions: Vec<u64>,
    stride: u64,
}

impl Default for Totals {
    fn default() -> Self {
        Self { frames: 0, bytes: 0, crc: 0, positions: Vec::new(), stride: 1 }
    }
}

impl Totals {
    /// Counts a frame that begins `ahead` bytes after those that are counted.
    pub(super) fn note_frame(&mut self, ahead: usize) {
        if self.frames.is_multiple_of(self.stride) {
            if self.positions.len() == MAX_POSITIONS {
                let mut index = 0;
                self.positions.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.stride *= 2;
            }
            // With an even number of positions, the frame after the last is one of the doubled stride, too.
            self.positions.push(self.bytes + ahead as u64);
        }
        self.frames += 1;
    }

    pub(super) fn note_bytes(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.crc = crc(self.crc, bytes);
    }

    /// The byte where a frame begins, or about where.
    fn position(&self, frame: u64) -> u64 {
        let index = usize::try_from(frame / self.stride).unwrap_or(usize::MAX);
        let start = self.positions.get(index).copied().unwrap_or(self.bytes);
        let end = self.positions.get(index.saturating_add(1)).copied().unwrap_or(self.bytes);
        let (at, span) = (u128::from(frame % self.stride), u128::from(self.stride));
        start + u64::try_from(u128::from(end - start) * at / span).unwrap_or(0)
    }

    /// Fills an encoder's header with the totals.
    pub(super) fn write(&self, form: &[u8], padding: u16) -> Vec<u8> {
        let mut tag = form.to_vec();
        let Some(start) = find(form) else { return tag };
        let all_bytes = self.bytes + form.len() as u64;
        let short = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes();
        let mut put =
            |at: usize, bytes: &[u8]| tag[start + at..start + at + bytes.len()].copy_from_slice(bytes);
        put(FRAMES, &short(self.frames));
        put(BYTES, &short(all_bytes));
        put(SEEK, &self.seek_table(form.len() as u64, all_bytes));
        put(MUSIC_BYTES, &short(all_bytes));
        put(MUSIC_CRC, &self.crc.to_be_bytes());
        let [high, low] = padding.min(0xfff).to_be_bytes();
        let both = start + DELAY_AND_PADDING + 1;
        tag[both] = (tag[both] & 0xf0) | high;
        tag[both + 1] = low;
        let sum = crc(0, &tag[..start + TAG_CRC]);
        tag[start + TAG_CRC..start + TAG_END].copy_from_slice(&sum.to_be_bytes());
        tag
    }

    fn seek_table(&self, tag_bytes: u64, all_bytes: u64) -> [u8; SEEK_POINTS] {
        let mut table = [0; SEEK_POINTS];
        for (hundredth, entry) in table.iter_mut().enumerate().skip(1) {
            let frame = u128::from(self.frames) * hundredth as u128 / SEEK_POINTS as u128;
            let position = tag_bytes + self.position(u64::try_from(frame).unwrap_or(u64::MAX));
            let share = u128::from(position) * 256 / u128::from(all_bytes.max(1));
            *entry = u8::try_from(share).unwrap_or(u8::MAX);
        }
        table
    }
}

/// Where the words `Xing` or `Info` stand, in a frame that has room for all that follows.
fn find(form: &[u8]) -> Option<usize> {
    let start = 4 + Header::parse(form)?.side_bytes();
    let is_tag = matches!(form.get(start..start + 4), Some(b"Xing" | b"Info"));
    (is_tag && form.len() >= start + TAG_END).then_some(start)
}

/// CRC-16 with polynomial 0x8005, reflected, from zero, as the LAME header wants it.
pub(super) fn crc(sum: u16, bytes: &[u8]) -> u16 {
    const TABLE: [u16; 256] = table();
    bytes.iter().fold(sum, |sum, byte| (sum >> 8) ^ TABLE[usize::from((sum ^ u16::from(*byte)) & 0xff)])
}

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index = 0_u16;
    while index < 256 {
        let mut value = index;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xa001 } else { value >> 1 };
            bit += 1;
        }
        table[index as usize] = value;
        index += 1;
    }
    table
}
