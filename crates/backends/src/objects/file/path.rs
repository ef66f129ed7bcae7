//! Where a key's object lies: every key has a place, and no two have the same.
//!
//! A file system takes fewer names than a store takes keys, so bytes outside `A-Z a-z 0-9 . _ -`, and a dot
//! at the front, are written as `%XX`. That leaves other characters for marks: a folder's name ends in `+`, so that
//! `a` and `a/b` can both be objects, and a name too long for one file goes on below a folder that ends in `~`.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use reelmill_core::Key;

use crate::opening::OpenError;

/// The longest part of a name; file systems take 255 bytes.
const MAX_NAME_BYTES: usize = 240;

/// The store's folder: `file:///PATH`, `file:PATH`, or in the data folder where the URL names none.
pub(super) fn root(rest: &str, data_dir: &Path) -> Result<PathBuf, OpenError> {
    let bad = |reason: &str| OpenError::BadUrl { scheme: "file", reason: reason.to_owned() };
    if rest.is_empty() {
        return Ok(data_dir.join("objects"));
    }
    match rest.strip_prefix("//") {
        None => Ok(PathBuf::from(rest)),
        Some(path) if path.starts_with('/') => decode(path).ok_or_else(|| bad("a % that stands for nothing")),
        Some(_) => Err(bad("it names another machine; write file:///PATH")),
    }
}

/// The object's place.
pub(super) fn place(root: &Path, key: &Key) -> PathBuf {
    let mut place = root.to_path_buf();
    let mut segments = key.as_str().split('/').peekable();
    while let Some(segment) = segments.next() {
        let name = encode(segment);
        let mut rest = name.as_str();
        while rest.len() > MAX_NAME_BYTES {
            // The name is ASCII by now, so any cut is between characters.
            let (part, behind) = rest.split_at(MAX_NAME_BYTES);
            place.push(format!("{part}~"));
            rest = behind;
        }
        place.push(if segments.peek().is_some() { format!("{rest}+") } else { rest.to_owned() });
    }
    place
}

/// Makes the folders down to `folder`, each on record in the one above it before it is relied on.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
        match make_one_folder(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            // Also where somebody else has just made it: whether they have synced it yet is not known.
            _ => sync_folder(above)?,
        }
    }
    Ok(())
}

/// Makes one folder, for its owner alone.
pub(super) fn make_one_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)
}

/// Makes a file where there is none, for its owner alone.
pub(super) fn make_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn encode(segment: &str) -> String {
    let mut name = String::with_capacity(segment.len());
    for (at, byte) in segment.bytes().enumerate() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            b'.' if at > 0 => name.push('.'),
            // Writing to a String cannot fail.
            _ => drop(write!(name, "%{byte:02X}")),
        }
    }
    name
}

fn decode(path: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte == b'%' {
            let hex = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn placed(key: &str) -> String {
        place(Path::new(""), &key.parse().unwrap()).to_str().unwrap().to_owned()
    }

    #[test]
    fn no_two_keys_have_the_same_place() {
        let long = "x".repeat(700);
        let keys = [
            "a",
            "a/b",
            "a+/b",
            "a+",
            "a%2B",
            "A",
            "ä",
            "a\u{308}",
            ".a",
            "%2Ea",
            "a~",
            "a~/b",
            "...",
            ".partial",
            ".partial/x",
            "x y",
            "x%20y",
            &long,
            &long[1..],
            "CON",
            "a:b",
        ];
        let places: HashSet<_> = keys.iter().map(|key| placed(key)).collect();
        assert_eq!(places.len(), keys.len());
        assert!(places.iter().all(|place| !place.starts_with(".partial")));
    }

    #[test]
    fn no_name_is_longer_than_a_file_system_takes() {
        let place = placed(&format!("{}/{}", "é".repeat(190), "z".repeat(380)));
        assert!(place.split('/').all(|name| name.len() <= 255), "{place}");
        assert_eq!(placed("media/0193"), "media+/0193");
    }

    #[test]
    fn a_url_names_a_folder_of_this_machine() {
        let data = Path::new("/data");
        assert_eq!(root("", data).unwrap(), Path::new("/data/objects"));
        assert_eq!(root("///srv/my%20files", data).unwrap(), Path::new("/srv/my files"));
        assert_eq!(root("here", data).unwrap(), Path::new("here"));
        assert!(root("//host/share", data).is_err());
        assert!(root("///a%zz", data).is_err());
    }
}
