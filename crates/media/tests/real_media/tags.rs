//! Tags and cover art on their way from every kind of tag to every other.

use libtest_mimic::Trial;
use reelmill_media::{Engines, FileSource, Format, Target, probe_with};

use crate::cases::mill;
use crate::ffmpeg;
use crate::{ensure, trial};

const TAGS: [(&str, &str); 6] = [
    ("title", "Ein Lied: 歌"),
    ("artist", "Ada & Grace"),
    ("album", "First"),
    ("genre", "Jazz"),
    ("date", "1999"),
    ("track", "3/12"),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    // The others have no room for any.
    let with_tags = || Format::all().iter().filter(|format| **format != Format::Aac && !format.is_dca());
    for source in ["a.mp3", "a.m4a", "a.flac", "a.ogg", "a.opus", "a.mkv"] {
        for format in with_tags() {
            trials.push(trial(format!("tags_of_{source}_reach_{format}"), move || carried(source, *format)));
        }
    }
    for source in ["a.mp3", "a.m4a", "a.flac"] {
        for format in [Format::Mp3, Format::Flac, Format::Opus, Format::Ogg, Format::M4a] {
            trials.push(trial(format!("the_cover_of_{source}_reaches_{format}"), move || {
                cover(source, format)
            }));
        }
    }
    trials.push(trial("without_tags_nothing_is_carried_over", without));
    trials
}

fn source(folder: &std::path::Path, name: &str, with_cover: bool) -> Result<std::path::PathBuf, String> {
    let path = folder.join(name);
    let tone = format!("{}:s=44100:d=1", ffmpeg::SIGNAL);
    let picture = folder.join("cover.png");
    let mut arguments = vec!["-f", "lavfi", "-i", &tone];
    let picture_path = picture.to_string_lossy().into_owned();
    if with_cover {
        ffmpeg::run(&["-f", "lavfi", "-i", "testsrc=d=1:s=64x64", "-frames:v", "1"], &picture)?;
        arguments.extend([
            "-i",
            &picture_path,
            "-map",
            "0",
            "-map",
            "1",
            "-c:v",
            "copy",
            "-disposition:v",
            "attached_pic",
        ]);
    }
    let pairs: Vec<String> = TAGS.iter().map(|(name, value)| format!("{name}={value}")).collect();
    for pair in &pairs {
        arguments.extend(["-metadata", pair]);
    }
    ffmpeg::run(&arguments, &path)?;
    Ok(path)
}

fn carried(name: &str, format: Format) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let from = source(folder.path(), name, false)?;
    let to = folder.path().join(format!("out.{format}"));
    mill(&from, &to, &Target::new(format)).map_err(|error| error.to_string())?;
    let found = ffmpeg::ask(&to, "format_tags:stream_tags")?;
    let has = |name: &str, value: &str| {
        found.iter().any(|line| line.to_lowercase() == format!("tag:{name}={value}").to_lowercase())
    };
    for (name, value) in TAGS {
        let number = value.split('/').next().unwrap_or(value);
        ensure(has(name, value) || (name == "track" && has(name, number)), || {
            format!("{name} is not {value} in {found:?}")
        })?;
    }
    // And our own probe agrees with ffmpeg's.
    let result = Box::new(FileSource::open(&to).map_err(|error| error.to_string())?);
    let info = probe_with(result, None, &Engines::find(), &std::sync::Arc::default());
    match info {
        Ok(info) => ensure(info.tags.title.as_deref() == Some(TAGS[0].1), || format!("{:?}", info.tags)),
        Err(error) => Err(error.to_string()),
    }
}

fn cover(name: &str, format: Format) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let from = source(folder.path(), name, true)?;
    let to = folder.path().join(format!("out.{format}"));
    mill(&from, &to, &Target::new(format)).map_err(|error| error.to_string())?;
    let extracted = folder.path().join("out.png");
    let path = to.to_string_lossy().into_owned();
    ffmpeg::run(&["-i", &path, "-map", "0:v:0", "-c:v", "copy", "-f", "image2pipe"], &extracted)?;
    let read = |path: &std::path::Path| std::fs::read(path).map_err(|error| error.to_string());
    ensure(read(&extracted)? == read(&folder.path().join("cover.png"))?, || "another picture".into())
}

fn without() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let from = source(folder.path(), "a.mp3", true)?;
    for format in Format::all().iter().filter(|format| !format.is_dca()) {
        let to = folder.path().join(format!("out.{format}"));
        let target = Target { tags: false, ..Target::new(*format) };
        mill(&from, &to, &target).map_err(|error| error.to_string())?;
        let found = ffmpeg::ask(&to, "format_tags=title,artist:stream=codec_type")?;
        ensure(!found.iter().any(|line| line.contains("TAG:") || line.contains("video")), || {
            format!("{format}: {found:?}")
        })?;
    }
    Ok(())
}
