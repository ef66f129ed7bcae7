//! Reads tags and the cover from what the demuxer found, whatever container they came in.

use std::io::Cursor;
use std::sync::Arc;

use symphonia::core::formats::FormatReader;
use symphonia::core::formats::probe::ProbeableMetadata;
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{
    MetadataContainer, MetadataOptions, MetadataRevision, MetadataSideData, RawValue, StandardTag,
    StandardVisualKey, Tag, Visual,
};
use symphonia::default::meta::Id3v2Reader;

use super::{Cover, MAX_COVER_BYTES, Tags, riff};
use crate::chapters::Marks;
use crate::chapters::guard::guard_tag;
use crate::chapters::read::of_group;

/// Everything that the metadata of an input says about its audio track.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) tags: Tags,
    pub(crate) cover: Option<Cover>,
    /// iTunes' own note on encoder delay and padding, as it stands in the file.
    pub(crate) itunes_gapless: Option<String>,
    /// The chapters, as they stand in the file.
    pub(crate) chapters: Marks,
    /// What was left out and why.
    pub(crate) notes: Vec<String>,
}

impl Found {
    /// Adds a title that stands outside the tags.
    pub(crate) fn add_title(&mut self, title: Option<&str>) {
        if let Some(title) = title {
            self.tags.add("TITLE", title);
        }
    }
}

/// Collects from every revision that is there, the newest first.
pub(crate) fn collect(reader: &mut dyn FormatReader, track_id: u32) -> Found {
    let mut revisions: Vec<MetadataRevision> = Vec::new();
    let mut metadata = reader.metadata();
    loop {
        revisions.extend(metadata.current().cloned());
        if metadata.pop().is_none() {
            break;
        }
    }
    let mut found = Found::default();
    for revision in revisions.iter().rev() {
        for track in revision.per_track.iter().filter(|track| track.track_id == u64::from(track_id)) {
            take(&track.metadata, &mut found);
        }
        take(&revision.media, &mut found);
    }
    found.chapters = reader.chapters().map(of_group).unwrap_or_default();
    if found.tags.artist.is_none() {
        // Where only the whole has an artist, the piece has the same.
        found.tags.artist =
            found.tags.other.iter().find(|(name, _)| name == "ALBUMARTIST").map(|(_, value)| value.clone());
    }
    found
}

/// Adds what the tag chunks of a WAV file say.
pub(crate) fn add_riff(found: &mut Found, mut chunks: riff::Chunks, limits: MetadataOptions) {
    chunks.add_info(&mut found.tags);
    if chunks.id3.is_empty() {
        return;
    }
    guard_tag(&mut chunks.id3);
    let stream =
        MediaSourceStream::new(Box::new(Cursor::new(chunks.id3)), MediaSourceStreamOptions::default());
    let tag = Id3v2Reader::try_probe_new(stream, limits).and_then(|mut reader| reader.read_all());
    // A broken tag is no reason to refuse the audio.
    if let Ok(tag) = tag {
        take(&tag.revision.media, found);
        for data in &tag.side_data {
            if let MetadataSideData::Chapters(group) = data {
                found.chapters = of_group(group);
            }
        }
    }
}

fn take(container: &MetadataContainer, found: &mut Found) {
    for tag in &container.tags {
        if tag.raw.key.ends_with("iTunSMPB") {
            found.itunes_gapless.get_or_insert_with(|| tag.raw.value.to_string());
        } else if let Some((name, value)) = named(tag) {
            found.tags.add(&name, &value);
        }
    }
    let is_front = |visual: &&Visual| visual.usage == Some(StandardVisualKey::FrontCover);
    let visual = container.visuals.iter().find(is_front).or(container.visuals.first());
    if let (None, Some(visual)) = (&found.cover, visual) {
        if visual.data.len() > MAX_COVER_BYTES {
            found.notes.push(format!(
                "the cover of {} bytes is left out; up to {MAX_COVER_BYTES} are carried over",
                visual.data.len()
            ));
        } else if let Some(media_type) = picture_type(&visual.data) {
            found.cover = Some(Cover { media_type, bytes: visual.data.to_vec() });
        }
    }
}

/// The type of a picture by its first bytes; other kinds are not carried over.
pub(crate) fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// Keys that describe the file they came in rather than the audio, and would be wrong in another.
const OF_THE_OLD_FILE: [&str; 13] = [
    "ENCODER",
    "ENCODED_BY",
    "ENCODER_OPTIONS",
    "DURATION",
    "NUMBER_OF_FRAMES",
    "NUMBER_OF_BYTES",
    "BPS",
    "MAJOR_BRAND",
    "MINOR_VERSION",
    "COMPATIBLE_BRANDS",
    "HANDLER_NAME",
    "VENDOR_ID",
    "LANGUAGE",
];

fn named(tag: &Tag) -> Option<(String, String)> {
    if let Some(standard) = &tag.std {
        if let Some(known) = standard_name(standard) {
            return Some(known);
        }
        if is_of_the_old_file(standard) {
            return None;
        }
    }
    let value = match &tag.raw.value {
        RawValue::String(text) => text.to_string(),
        RawValue::StringList(list) => list.join("; "),
        RawValue::UnsignedInt(number) => number.to_string(),
        RawValue::SignedInt(number) => number.to_string(),
        _ => return None,
    };
    let name = match raw_name(&tag.raw.key)?.as_str() {
        // Matroska's word for it.
        "PART_NUMBER" => "TRACKNUMBER".to_owned(),
        name => name.to_owned(),
    };
    (!OF_THE_OLD_FILE.contains(&name.as_str()) && !name.starts_with("_STATISTICS")).then_some((name, value))
}

/// Makes a Vorbis comment name from a key of another kind; ID3 and MP4 codes that stayed unknown are left
/// out, since they mean nothing elsewhere.
fn raw_name(key: &str) -> Option<String> {
    // In front of the name may stand an owner (`TXXX:`) or a level (`ALBUM@`).
    let name = key.rsplit([':', '@']).next().unwrap_or(key).to_ascii_uppercase();
    let is_code = key.len() <= 4;
    (!is_code).then_some(name)
}

fn is_of_the_old_file(tag: &StandardTag) -> bool {
    matches!(
        tag,
        StandardTag::Encoder(_)
            | StandardTag::EncoderSettings(_)
            | StandardTag::EncodedBy(_)
            | StandardTag::EncodingDate(_)
            | StandardTag::TaggingDate(_)
            | StandardTag::OriginalFile(_)
            | StandardTag::MediaFormat(_)
            | StandardTag::Language(_)
    )
}

fn standard_name(tag: &StandardTag) -> Option<(String, String)> {
    use StandardTag as T;
    let text = |name: &str, value: &Arc<String>| Some((name.to_owned(), value.to_string()));
    let number = |name: &str, value: u64| Some((name.to_owned(), value.to_string()));
    match tag {
        // Matroska's titles without a level belong to the whole, which here is the one piece.
        T::TrackTitle(value) | T::CollectionTitle(value) | T::MovieTitle(value) => text("TITLE", value),
        T::Artist(value) | T::Performer(value) => text("ARTIST", value),
        T::Album(value) => text("ALBUM", value),
        T::AlbumArtist(value) => text("ALBUMARTIST", value),
        T::Composer(value) => text("COMPOSER", value),
        T::Conductor(value) => text("CONDUCTOR", value),
        T::Lyricist(value) => text("LYRICIST", value),
        T::Genre(value) => text("GENRE", value),
        T::Comment(value) => text("COMMENT", value),
        T::Description(value) => text("DESCRIPTION", value),
        T::Copyright(value) => text("COPYRIGHT", value),
        T::Grouping(value) => text("GROUPING", value),
        T::Lyrics(value) => text("LYRICS", value),
        T::Label(value) => text("LABEL", value),
        T::IdentIsrc(value) => text("ISRC", value),
        T::RecordingDate(value) | T::ReleaseDate(value) => text("DATE", value),
        T::RecordingYear(year) | T::ReleaseYear(year) => number("DATE", u64::from(*year)),
        T::TrackNumber(value) => number("TRACKNUMBER", *value),
        T::TrackTotal(value) => number("TRACKTOTAL", *value),
        T::DiscNumber(value) => number("DISCNUMBER", *value),
        T::DiscTotal(value) => number("DISCTOTAL", *value),
        T::Bpm(value) => number("BPM", *value),
        T::CompilationFlag(is_one) => number("COMPILATION", u64::from(*is_one)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_known_by_its_bytes() {
        assert_eq!(picture_type(b"\xff\xd8\xff\xe0 JFIF"), Some("image/jpeg"));
        assert_eq!(picture_type(b"\x89PNG\r\n"), Some("image/png"));
        assert_eq!(picture_type(b"<svg onload=alert(1)>"), None);
    }

    #[test]
    fn codes_of_other_tag_systems_do_not_leak() {
        assert_eq!(raw_name("TXXX:REPLAYGAIN_TRACK_GAIN").as_deref(), Some("REPLAYGAIN_TRACK_GAIN"));
        assert_eq!(raw_name("mood").as_deref(), None);
        assert_eq!(raw_name("ALBUM@DATE").as_deref(), Some("DATE"));
        assert_eq!(raw_name("PRIV"), None);
        assert_eq!(raw_name("mymood").as_deref(), Some("MYMOOD"));
    }
}
