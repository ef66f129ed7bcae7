//! Where an object is, as a URI.

/// The path with all but letters, digits, `-._~` and the slashes written as `%XX` (RFC 3986, section 2.3): more than
/// it must be, so that a reader who takes `+` for a space has the right one as well.
pub(super) fn encode(path: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut uri = String::with_capacity(path.len());
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]];
            uri.extend(['%', char::from(digits[0]), char::from(digits[1])]);
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_has_no_byte_that_means_something_else_in_it() {
        assert_eq!(encode("/a b/ñ+%3F?x#y:z~1.mp3".as_bytes()), "/a%20b/%C3%B1%2B%253F%3Fx%23y%3Az~1.mp3");
        assert_eq!(encode(b"/\xff"), "/%FF");
    }
}
