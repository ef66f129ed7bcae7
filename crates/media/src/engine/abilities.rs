//! What this host reads and writes, and by what: asked of ffmpeg once, never assumed of it.

use std::collections::HashSet;

use super::{Engines, description, ffmpeg, spawn};
use crate::codec::Codec;
use crate::target::Format;

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// This library, in the caller's process.
    Library,
    /// This program's own confined child.
    Child,
    /// The system's ffmpeg, confined.
    Ffmpeg,
}

/// Something that can be read or written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ability {
    /// A codec, container or format, as people write it.
    pub name: String,
    /// Who does it.
    pub engine: Engine,
    /// What this host lacks for it; `None` where it can be done.
    pub missing: Option<String>,
}

/// All that can be read and written on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Abilities {
    /// Containers that are opened.
    pub containers: Vec<Ability>,
    /// Codecs that are decoded.
    pub codecs: Vec<Ability>,
    /// Formats that are written.
    pub formats: Vec<Ability>,
}

/// What ffmpeg says of itself, by its own names.
#[derive(Debug, Default)]
pub(super) struct Told {
    demuxers: HashSet<String>,
    decoded: HashSet<String>,
}

const OWN_CONTAINERS: [&str; 12] =
    ["MP4", "M4A", "MOV", "MKV", "WebM", "Ogg", "MP3", "FLAC", "WAV", "AIFF", "CAF", "ADTS"];
const OWN_CODECS: [Codec; 9] = [
    Codec::AacLc,
    Codec::Mp1,
    Codec::Mp2,
    Codec::Mp3,
    Codec::Vorbis,
    Codec::Flac,
    Codec::Alac,
    Codec::Pcm,
    Codec::Adpcm,
];
/// ffmpeg's demuxers of what [`crate::sniff`] sends there, and how people call them.
const FOREIGN_CONTAINERS: [(&str, &str); 20] = [
    ("asf", "ASF (WMA)"),
    ("avi", "AVI"),
    ("mpegts", "MPEG-TS"),
    ("mpeg", "MPEG-PS"),
    ("flv", "FLV"),
    ("rm", "RealMedia"),
    ("ac3", "bare AC-3"),
    ("eac3", "bare E-AC-3"),
    ("dts", "bare DTS"),
    ("truehd", "bare TrueHD"),
    ("amr", "AMR"),
    ("ape", "APE"),
    ("wv", "WavPack"),
    ("mpc", "Musepack 7"),
    ("mpc8", "Musepack 8"),
    ("tta", "TTA"),
    ("dsf", "DSF"),
    ("au", "AU"),
    ("w64", "Wave64"),
    ("loas", "LATM"),
];
/// Codecs that ffmpeg reads and that nothing free writes: without a file of them no test can vouch, so they are read
/// where they come, and not promised.
const UNPROMISED: [&str; 5] = ["wmapro", "wmalossless", "wmavoice", "tak", "cook"];

impl Engines {
    /// Lists what this host reads and writes, and what is missing for the rest.
    ///
    /// The first call asks ffmpeg, confined.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        let library = |name: &str| Ability { name: name.to_owned(), engine: Engine::Library, missing: None };
        let told = self.told();
        let foreign = |name: &str, has: &dyn Fn(&Told) -> bool| Ability {
            name: name.to_owned(),
            engine: Engine::Ffmpeg,
            missing: match &told {
                Ok(told) if has(told) => None,
                Ok(_) => Some("the ffmpeg that is installed here does not read it".to_owned()),
                Err(why) => Some(why.clone()),
            },
        };
        let mut containers: Vec<Ability> = OWN_CONTAINERS.into_iter().map(library).collect();
        containers.extend(
            FOREIGN_CONTAINERS
                .iter()
                .map(|(demuxer, name)| foreign(name, &|told| told.demuxers.contains(*demuxer))),
        );
        let mut codecs: Vec<Ability> = OWN_CODECS.iter().map(|codec| library(codec.label())).collect();
        codecs.push(Ability {
            name: Codec::Opus.label().to_owned(),
            engine: Engine::Child,
            missing: self.opus_decoder().err(),
        });
        for codec in [Codec::HeAac, Codec::HeAacV2] {
            codecs.push(foreign(codec.label(), &|told| told.decoded.contains("aac")));
        }
        for (name, label) in description::LABELS {
            // Two versions of a codec may have one name.
            if !UNPROMISED.contains(&name) && codecs.iter().all(|known| known.name != label) {
                codecs.push(foreign(label, &|told| told.decoded.contains(name)));
            }
        }
        Abilities {
            containers,
            codecs,
            formats: Format::all().iter().map(|format| self.written(*format)).collect(),
        }
    }

    fn written(&self, format: Format) -> Ability {
        let (engine, missing) = match format {
            Format::Aac | Format::M4a => (Engine::Ffmpeg, self.aac_encoder().err()),
            Format::Wma => (Engine::Ffmpeg, self.wma_encoder().err()),
            _ => (Engine::Library, None),
        };
        Ability { name: format.name().to_owned(), engine, missing }
    }

    fn told(&self) -> Result<&Told, String> {
        if let Some(known) = self.found.told.get() {
            return Ok(known);
        }
        self.foreign_reader()?;
        let ask = |what| ffmpeg::command(self, &[], ["-hide_banner", what]).and_then(spawn::ask);
        let told = Told { demuxers: listed(&ask("-demuxers")?, 'D'), decoded: listed(&ask("-codecs")?, 'D') };
        Ok(self.found.told.get_or_init(|| told))
    }
}

/// The names in one of ffmpeg's lists whose flags begin with `flag`; some lines have several.
fn listed(text: &str, flag: char) -> HashSet<String> {
    text.lines()
        // The legend ends in a line of dashes.
        .skip_while(|line| !line.trim().starts_with("--"))
        .skip(1)
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            words.next()?.starts_with(flag).then(|| words.next())?
        })
        .flat_map(|names| names.split(','))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_behind_its_legend() {
        let text = "Codecs:\n D..... = Decoding supported\n -------\n DEAIL. ac3   AC-3\n ..AIL. ac4  AC-4\n D  mov,mp4  QuickTime\n";
        let found = listed(text, 'D');
        assert_eq!(found, ["ac3", "mov", "mp4"].map(str::to_owned).into());
    }

    #[test]
    fn a_host_without_ffmpeg_lists_what_it_lacks() {
        let abilities = Engines::default().abilities();
        let of = |name: &str| abilities.codecs.iter().find(|codec| codec.name == name).unwrap().clone();
        assert_eq!((of("FLAC").engine, of("FLAC").missing), (Engine::Library, None));
        assert!(of("WMA 2").missing.unwrap().ends_with("(on Debian: apt install ffmpeg)"));
        assert!(abilities.formats.iter().any(|format| format.name == "wma" && format.missing.is_some()));
    }
}
