//! Tags and cover art between containers: one common form, read from any input and written to any output.
//!
//! The common form uses Vorbis comment names, because they are open-ended: what has no frame of its own in
//! ID3 is carried as a user-defined one. Everything is limited, since tags come from strangers.

pub(crate) mod id3;
pub(crate) mod read;
pub(crate) mod riff;
pub(crate) mod vorbis;

use serde::{Deserialize, Serialize};

/// Tags beyond this many are dropped.
pub(crate) const MAX_TAGS: usize = 256;
/// A value is cut at this many bytes.
pub(crate) const MAX_VALUE_BYTES: usize = 64 * 1024;
/// Tags are dropped once all together reach this many bytes.
pub(crate) const MAX_TEXT_BYTES: usize = 512 * 1024;
/// A larger picture is dropped: together with the tags it must fit the patchable head.
pub(crate) const MAX_COVER_BYTES: usize = 4 * 1024 * 1024;

/// Descriptive text about the audio.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    /// The track's title.
    pub title: Option<String>,
    /// The performer; several are joined by `; `.
    pub artist: Option<String>,
    /// The collection that the track belongs to.
    pub album: Option<String>,
    /// All others as pairs of an upper-case Vorbis comment name (`ALBUMARTIST`, `TRACKNUMBER`, `DATE` …) and
    /// a value, in the order found.
    pub other: Vec<(String, String)>,
}

impl Tags {
    /// Goes through all tags as Vorbis comment names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        [("TITLE", &self.title), ("ARTIST", &self.artist), ("ALBUM", &self.album)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
            .chain(self.other.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Adds a tag unless a limit forbids it or the name is taken; several artists are joined.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let value = cut(value.trim_matches(['\0', ' ', '\n', '\r', '\t']), MAX_VALUE_BYTES);
        let text_bytes: usize = self.iter().map(|(name, value)| name.len() + value.len()).sum();
        let full = self.iter().count() >= MAX_TAGS || text_bytes + name.len() + value.len() > MAX_TEXT_BYTES;
        if value.is_empty() || full || !is_vorbis_name(name) {
            return;
        }
        let slot = match name {
            "TITLE" => &mut self.title,
            "ARTIST" => &mut self.artist,
            "ALBUM" => &mut self.album,
            _ => {
                if !self.other.iter().any(|(taken, _)| taken == name) {
                    self.other.push((name.to_owned(), value.to_owned()));
                }
                return;
            }
        };
        match slot {
            Some(artist) if name == "ARTIST" && !artist.split("; ").any(|one| one == value) => {
                artist.push_str("; ");
                artist.push_str(value);
            }
            Some(_) => {}
            None => *slot = Some(value.to_owned()),
        }
    }
}

/// A picture that comes with the audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cover {
    /// `image/jpeg`, `image/png`, `image/gif` or `image/webp`, from the bytes.
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// Whether a name may stand in a Vorbis comment (Vorbis I, section 5.2.3); kept short on top of it.
fn is_vorbis_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| (0x20..=0x7d).contains(&byte) && byte != b'=')
}

fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_artists_become_one_tag() {
        let mut tags = Tags::default();
        tags.add("ARTIST", "Ada");
        tags.add("ARTIST", "Grace\0");
        tags.add("ARTIST", "Ada");
        assert_eq!(tags.artist.as_deref(), Some("Ada; Grace"));
    }

    #[test]
    fn the_first_value_of_any_other_tag_wins() {
        let mut tags = Tags::default();
        tags.add("DATE", "1999");
        tags.add("DATE", "2001");
        tags.add("TITLE", "a");
        tags.add("TITLE", "b");
        assert_eq!(tags.iter().collect::<Vec<_>>(), [("TITLE", "a"), ("DATE", "1999")]);
    }

    #[test]
    fn hostile_tags_stay_within_their_limits() {
        let mut tags = Tags::default();
        tags.add("COMMENT", &"ä".repeat(MAX_VALUE_BYTES));
        assert_eq!(tags.other[0].1.len(), MAX_VALUE_BYTES);
        for number in 0..10_000 {
            tags.add(&format!("X{number}"), &"y".repeat(5000));
        }
        assert!(tags.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= MAX_TEXT_BYTES);
        tags.add("BAD=NAME", "x");
        tags.add("", "x");
        assert!(tags.iter().all(|(name, _)| is_vorbis_name(name)));
    }
}
