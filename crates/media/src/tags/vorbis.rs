//! Writes the Vorbis comment header (Vorbis I, section 5) and the picture block (RFC 9639, section 8.8)
//! that FLAC and Opus share.

use super::{Cover, Tags};

const VENDOR: &str = concat!("reelmill ", env!("CARGO_PKG_VERSION"));
const FRONT_COVER: u32 = 3;

/// Makes a comment block; `extra` are ready-made `NAME=value` lines.
pub(crate) fn write_comments(tags: &Tags, extra: &[String]) -> Vec<u8> {
    let mut block = Vec::new();
    push_text(&mut block, VENDOR);
    let count = tags.iter().count() + extra.len();
    block.extend_from_slice(&u32::try_from(count).unwrap_or(0).to_le_bytes());
    for (name, value) in tags.iter() {
        push_text(&mut block, &format!("{name}={value}"));
    }
    for line in extra {
        push_text(&mut block, line);
    }
    block
}

/// Makes the body of a picture block.
pub(crate) fn write_picture(cover: &Cover) -> Vec<u8> {
    let mut block = Vec::with_capacity(cover.bytes.len() + 64);
    block.extend_from_slice(&FRONT_COVER.to_be_bytes());
    block.extend_from_slice(&be_size(cover.media_type.len()));
    block.extend_from_slice(cover.media_type.as_bytes());
    // No description; width, height, depth and colours are unknown and may be zero.
    block.extend_from_slice(&[0; 20]);
    block.extend_from_slice(&be_size(cover.bytes.len()));
    block.extend_from_slice(&cover.bytes);
    block
}

/// Makes the comment line that carries a picture where there are only comments.
pub(crate) fn picture_comment(cover: &Cover) -> String {
    format!("METADATA_BLOCK_PICTURE={}", base64(&write_picture(cover)))
}

fn push_text(block: &mut Vec<u8>, text: &str) {
    block.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
    block.extend_from_slice(text.as_bytes());
}

fn be_size(size: usize) -> [u8; 4] {
    u32::try_from(size).unwrap_or(0).to_be_bytes()
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut bits = 0_u32;
        for index in 0..3 {
            bits = (bits << 8) | u32::from(group.get(index).copied().unwrap_or(0));
        }
        for index in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * index)) as usize & 63];
            text.push(if index <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_follows_the_test_vectors_of_rfc_4648() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, coded) in vectors {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn comments_are_counted_and_measured() {
        let tags = Tags { title: Some("x".into()), ..Tags::default() };
        let block = write_comments(&tags, &["A=b".to_owned()]);
        let after_vendor = &block[4 + VENDOR.len()..];
        assert_eq!(after_vendor, b"\x02\0\0\0\x07\0\0\0TITLE=x\x03\0\0\0A=b");
    }
}
