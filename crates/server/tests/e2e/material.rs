//! Material that is made rather than found: sound of any length as a stream, and files of any size.

use std::io::{self, Read};
use std::path::Path;
use std::process::Command;

use crate::tools;

pub(crate) const RATE_HZ: u32 = 44_100;

/// A stereo WAV of so many seconds, as a reader, with its length in bytes. It sounds like speech to an encoder: bursts
/// of noise and tone with pauses.
pub(crate) fn wav(seconds: u32) -> (u64, impl Read) {
    let data_bytes = seconds * RATE_HZ * 4;
    let mut head = Vec::with_capacity(44);
    head.extend_from_slice(b"RIFF");
    head.extend_from_slice(&(data_bytes + 36).to_le_bytes());
    head.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    head.extend_from_slice(&RATE_HZ.to_le_bytes());
    head.extend_from_slice(&(RATE_HZ * 4).to_le_bytes());
    head.extend_from_slice(b"\x04\0\x10\0data");
    head.extend_from_slice(&data_bytes.to_le_bytes());
    (u64::from(data_bytes) + 44, io::Cursor::new(head).chain(Sound::new().take(u64::from(data_bytes))))
}

/// The same in memory.
pub(crate) fn wav_bytes(seconds: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    wav(seconds).1.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Endless 16-bit stereo: ten seconds again and again, each time numbered, so that no part can stand for another.
struct Sound {
    pattern: Vec<u8>,
    at: usize,
    turn: u64,
}

impl Sound {
    fn new() -> Self {
        let mut pattern = Vec::new();
        let mut state = 1_u32;
        for frame in 0..RATE_HZ * 10 {
            // A linear congruential generator (Numerical Recipes, chapter 7.1): any noise will do.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = i32::from((state >> 16) as u16) - 0x8000;
            // A saw tooth whose pitch wanders, with a pause in each second.
            let pitch = 100 + frame / 9000 % 7 * 30;
            let tone = i32::try_from(frame * pitch % RATE_HZ).unwrap() * 2 / 3 - 0x3800;
            let loudness = if frame / 11_025 % 4 == 3 { 0 } else { 3 };
            for sample in [(tone * loudness + noise) / 8, (tone * loudness - noise) / 9] {
                pattern.extend_from_slice(&i16::try_from(sample).unwrap().to_le_bytes());
            }
        }
        Self { pattern, at: 0, turn: 0 }
    }
}

impl Read for Sound {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.pattern.len() {
            self.at = 0;
            self.turn += 1;
            self.pattern[..8].copy_from_slice(&self.turn.to_le_bytes());
        }
        let count = buffer.len().min(self.pattern.len() - self.at);
        buffer[..count].copy_from_slice(&self.pattern[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// An MP4 with two seconds of AAC, made by ffmpeg with `extra` words.
pub(crate) fn mp4(folder: &Path, extra: &[&str]) -> Vec<u8> {
    let path = folder.join("made.mp4");
    let made = Command::new(tools::ffmpeg().unwrap())
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", "sine=frequency=440:duration=2"])
        .args(extra)
        .arg(&path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::read(path).unwrap()
}

/// `film` made exactly `size_bytes` long by a box of padding at its end (`free`, ISO/IEC 14496-12, 8.1.2), as a reader.
pub(crate) fn padded(film: Vec<u8>, size_bytes: u64) -> impl Read {
    let padding = size_bytes - film.len() as u64;
    let mut head = film;
    // A size of 1 says that 64 bits of size follow the type.
    head.extend_from_slice(b"\0\0\0\x01free");
    head.extend_from_slice(&padding.to_be_bytes());
    io::Cursor::new(head).chain(Sound::new().take(padding - 16))
}

/// A picture of that size, made by ffmpeg in the format of the extension.
pub(crate) fn picture(folder: &Path, extension: &str, size: &str) -> Vec<u8> {
    let path = folder.join(format!("made.{extension}"));
    let made = Command::new(tools::ffmpeg().unwrap())
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &format!("testsrc=duration=1:rate=1:size={size}")])
        .args(["-frames:v", "1"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::read(path).unwrap()
}
