//! What an Opus packet is, read from its first bytes (RFC 6716, section 3): how long it plays, in which mode it was
//! coded, and whether its frames fit into it. Nothing is decoded.

/// A frame has at most this many bytes (requirement R2).
const MAX_FRAME_BYTES: usize = 1275;
/// A packet plays at most 120 ms (requirement R5).
const MAX_PACKET_FRAMES: u32 = 5760;

/// Which of Opus' coders made a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// Linear prediction, for speech.
    Silk,
    /// Both.
    Hybrid,
    /// Transform coding, for music.
    Celt,
}

/// A packet whose frames are all there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Frames of 48 kHz that it decodes to.
    pub(crate) frames: u32,
    pub(crate) mode: Mode,
    pub(crate) is_stereo: bool,
}

impl Packet {
    /// Reads a packet of a single stream, or says what is wrong with it.
    pub(crate) fn read(packet: &[u8]) -> Result<Self, &'static str> {
        let (&toc, body) = packet.split_first().ok_or("an empty packet")?;
        let count = match toc & 3 {
            0 => one(body)?,
            1 => two_equal(body)?,
            2 => two_measured(body)?,
            _ => many(body)?,
        };
        let frames = frame_frames(toc) * count;
        if frames > MAX_PACKET_FRAMES {
            return Err("a packet of more than 120 ms");
        }
        let mode = match toc >> 3 {
            0..=11 => Mode::Silk,
            12..=15 => Mode::Hybrid,
            _ => Mode::Celt,
        };
        Ok(Self { frames, mode, is_stereo: toc & 4 != 0 })
    }
}

/// Frames of 48 kHz that a packet plays by its first bytes alone. Also for several streams in one packet, which are
/// all equally long; `None` where the packet is too short to say it or says nonsense.
pub(crate) fn frames_of(packet: &[u8]) -> Option<u32> {
    let (&toc, body) = packet.split_first()?;
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(body.first()? & 63),
    };
    Some(frame_frames(toc) * count).filter(|frames| (1..=MAX_PACKET_FRAMES).contains(frames))
}

/// Frames of 48 kHz in one frame, by its configuration (table 2).
fn frame_frames(toc: u8) -> u32 {
    let config = usize::from(toc >> 3);
    match config {
        0..=11 => [480, 960, 1920, 2880][config & 3],
        12..=15 => [480, 960][config & 1],
        _ => [120, 240, 480, 960][config & 3],
    }
}

fn one(body: &[u8]) -> Result<u32, &'static str> {
    if body.len() > MAX_FRAME_BYTES { Err("a frame of more than 1275 bytes") } else { Ok(1) }
}

fn two_equal(body: &[u8]) -> Result<u32, &'static str> {
    match body.len() {
        odd if odd % 2 != 0 => Err("two equal frames of an odd number of bytes"),
        length if length > 2 * MAX_FRAME_BYTES => Err("a frame of more than 1275 bytes"),
        _ => Ok(2),
    }
}

fn two_measured(body: &[u8]) -> Result<u32, &'static str> {
    let (length, body) = frame_length(body).ok_or("a length that is cut")?;
    let second = body.len().checked_sub(length).ok_or("a frame that is longer than its packet")?;
    if second > MAX_FRAME_BYTES { Err("a frame of more than 1275 bytes") } else { Ok(2) }
}

/// Section 3.2.5.
fn many(body: &[u8]) -> Result<u32, &'static str> {
    let (&head, mut body) = body.split_first().ok_or("a packet without its number of frames")?;
    let count = usize::from(head & 63);
    if !(1..=48).contains(&count) {
        return Err("a packet of no frames or too many");
    }
    if head & 0x40 != 0 {
        body = without_padding(body)?;
    }
    if head & 0x80 == 0 {
        if body.len() % count != 0 {
            return Err("equal frames that do not divide their packet");
        }
        if body.len() / count > MAX_FRAME_BYTES {
            return Err("a frame of more than 1275 bytes");
        }
    } else {
        let mut measured = 0;
        for _ in 1..count {
            let (length, rest) = frame_length(body).ok_or("a length that is cut")?;
            measured += length;
            body = rest;
        }
        let last = body.len().checked_sub(measured).ok_or("a frame that is longer than its packet")?;
        if last > MAX_FRAME_BYTES {
            return Err("a frame of more than 1275 bytes");
        }
    }
    u32::try_from(count).map_err(|_| "a packet of too many frames")
}

/// The padding's length stands in front of the frames, the padding itself behind them.
fn without_padding(mut body: &[u8]) -> Result<&[u8], &'static str> {
    let mut padding = 0;
    loop {
        let (&byte, rest) = body.split_first().ok_or("a padding that is cut")?;
        body = rest;
        // 255 means 254, and that more follows.
        padding += if byte == 255 { 254 } else { usize::from(byte) };
        if byte != 255 {
            break;
        }
    }
    body.len()
        .checked_sub(padding)
        .and_then(|end| body.get(..end))
        .ok_or("a padding that is longer than its packet")
}

/// Section 3.2.1: one byte, or two from 252 on.
fn frame_length(body: &[u8]) -> Option<(usize, &[u8])> {
    match body {
        [first @ 0..=251, rest @ ..] => Some((usize::from(*first), rest)),
        [first, second, rest @ ..] => Some((usize::from(*second) * 4 + usize::from(*first), rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toc(config: u8, code: u8) -> u8 {
        config << 3 | code
    }

    #[test]
    fn every_configuration_has_its_length_and_mode() {
        let ms_10 = |config: u8| Packet::read(&[toc(config, 0), 1]).unwrap().frames * 10 / 48;
        let lengths: Vec<u32> = (0..32).map(ms_10).collect();
        let silk = [100, 200, 400, 600];
        let celt = [25, 50, 100, 200];
        let expected = [silk, silk, silk, [100, 200, 100, 200], celt, celt, celt, celt].concat();
        assert_eq!(lengths, expected);
        let mode = |config: u8| Packet::read(&[toc(config, 0)]).unwrap().mode;
        assert_eq!(
            [mode(11), mode(12), mode(15), mode(16)],
            [Mode::Silk, Mode::Hybrid, Mode::Hybrid, Mode::Celt]
        );
        assert!(Packet::read(&[toc(31, 0) | 4]).unwrap().is_stereo);
        assert!(!Packet::read(&[toc(31, 0)]).unwrap().is_stereo);
    }

    #[test]
    fn frames_are_counted_for_every_code() {
        let table: [(&[u8], u32); 9] = [
            (&[toc(31, 0), 9, 9], 960),
            (&[toc(31, 0)], 960),
            (&[toc(30, 1), 9, 9], 960),
            (&[toc(30, 2), 1, 9, 9, 9], 960),
            (&[toc(30, 2), 0], 960),
            (&[toc(29, 3), 4, 1, 2, 3, 4], 960),
            (&[toc(29, 3), 0x80 | 4, 1, 0, 2, 9, 9, 9, 9, 9], 960),
            (&[toc(29, 3), 0x40 | 4, 3, 1, 2, 3, 4, 0, 0, 0], 960),
            (&[toc(3, 3), 2, 1, 2], 5760),
        ];
        for (packet, frames) in table {
            assert_eq!(Packet::read(packet).map(|packet| packet.frames), Ok(frames), "{packet:?}");
            assert_eq!(frames_of(packet), Some(frames), "{packet:?}");
        }
    }

    #[test]
    fn packets_that_break_a_requirement_say_which() {
        let long = |code: u8, bytes: usize| [vec![toc(31, code)], vec![0; bytes]].concat();
        let table: [(Vec<u8>, &str); 15] = [
            (vec![], "empty"),
            (long(0, 1276), "1275"),
            (long(1, 3), "odd"),
            (long(1, 2552), "1275"),
            (vec![toc(31, 2)], "cut"),
            (vec![toc(31, 2), 252], "cut"),
            (vec![toc(31, 2), 5, 0, 0], "longer"),
            ([vec![toc(31, 2), 0], vec![0; 1276]].concat(), "1275"),
            (vec![toc(31, 3)], "number"),
            (vec![toc(31, 3), 0], "no frames"),
            (vec![toc(31, 3), 7, 0, 0, 0, 0, 0, 0, 0], "120 ms"),
            (vec![toc(31, 3), 2, 0, 0, 0], "divide"),
            (vec![toc(31, 3), 0x40 | 1, 255, 255], "cut"),
            (vec![toc(31, 3), 0x40 | 1, 9, 0], "longer"),
            (vec![toc(31, 3), 0x80 | 3, 200, 200, 1], "longer"),
        ];
        for (packet, needle) in table {
            let said = Packet::read(&packet).unwrap_err();
            assert!(said.contains(needle), "{said} lacks {needle}");
        }
    }

    #[test]
    fn no_bytes_make_it_stumble() {
        let mut state = 1_u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let bytes = state.to_be_bytes();
            let length = usize::from(bytes[7] % 8);
            if let Ok(packet) = Packet::read(&bytes[..length]) {
                assert_eq!(frames_of(&bytes[..length]), Some(packet.frames));
            }
        }
    }
}
