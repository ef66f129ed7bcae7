//! Boxes of ISO/IEC 14496-12: a size, a code, and what is in them, put down so that no size is computed twice.

/// Boxes, one behind or within another.
#[derive(Debug, Default)]
pub(crate) struct Boxes(Vec<u8>);

impl Boxes {
    /// Adds a box that holds what `fill` puts down.
    pub(crate) fn nest(&mut self, kind: [u8; 4], fill: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.u32(0);
        self.bytes(&kind);
        fill(self);
        let size = u32::try_from(self.0.len() - start).unwrap_or(u32::MAX);
        self.0[start..start + 4].copy_from_slice(&size.to_be_bytes());
    }

    /// Adds a box with a version and flags (section 4.2).
    pub(crate) fn full(&mut self, kind: [u8; 4], version: u8, flags: u32, fill: impl FnOnce(&mut Self)) {
        self.nest(kind, |boxes| {
            boxes.u32(u32::from(version) << 24 | flags);
            fill(boxes);
        });
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    /// A time, in 64 bits where the version says so.
    pub(crate) fn time(&mut self, is_long: bool, value: u64) {
        if is_long { self.u64(value) } else { self.u32(u32::try_from(value).unwrap_or(u32::MAX)) }
    }

    /// The number of what follows.
    pub(crate) fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX));
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn zeros(&mut self, count: usize) {
        self.0.resize(self.0.len() + count, 0);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_knows_the_size_of_what_is_in_it() {
        let mut boxes = Boxes::default();
        boxes.nest(*b"moov", |boxes| boxes.full(*b"mvhd", 1, 7, |boxes| boxes.u16(0xabcd)));
        assert_eq!(boxes.into_bytes(), b"\0\0\0\x16moov\0\0\0\x0emvhd\x01\0\0\x07\xab\xcd");
    }
}
