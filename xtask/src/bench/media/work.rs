//! What is measured: each work with the ways in which it is done, and which of their ratios are the figures.
//!
//! The options of both sides ask for the same: the encoder, its effort, its bit rate. `-vn` keeps ffmpeg from carrying
//! the film's picture along, which nobody wants in an mp3.

use super::stopwatch::Spent;

/// What a work's inputs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// An MP4 with a film's picture and AAC.
    Film,
    /// A `WebM` with Opus in stereo.
    Webm,
    /// An MP3.
    Song,
    /// Many short MP4 with AAC.
    Clips,
}

/// What both do.
pub(crate) struct Work {
    /// By what figures name it.
    pub(crate) name: &'static str,
    /// What people call it.
    pub(crate) title: &'static str,
    pub(crate) input: Input,
    pub(crate) ours: &'static [Way],
    pub(crate) ffmpeg: &'static [Way],
    /// What is compared of the results of the first way of each.
    pub(crate) quality: Check,
}

/// One way to do it.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) extension: &'static str,
    pub(crate) options: &'static [&'static str],
    /// A word that `reelmill convert --help` must have for it.
    pub(crate) needs: Option<&'static str>,
}

/// How results are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Size, samples, warnings and what is left of the sound.
    Encoded,
    /// Size, samples and warnings: there is one right result.
    Exact,
    /// The packets of a DCA file against those of the input.
    Packets,
}

const fn way(name: &'static str, extension: &'static str, options: &'static [&'static str]) -> Way {
    Way { name, extension, options, needs: None }
}

/// What is measured of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Wall,
    Cpu,
    Peak,
}

impl Measure {
    pub(crate) fn of(self, spent: &Spent) -> f64 {
        match self {
            Self::Wall => spent.wall_s,
            Self::Cpu => spent.cpu_s,
            Self::Peak => spent.peak_mib,
        }
    }
}

/// Ours to the better ffmpeg's, and what it should be.
pub(crate) struct Figure {
    pub(crate) title: &'static str,
    pub(crate) work: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) ffmpeg: &'static str,
    pub(crate) measure: Measure,
    pub(crate) target: f64,
    pub(crate) beyond: Option<f64>,
}

/// LAME at the effort that is ffmpeg's default, and no picture.
const MP3: &[&str] = &["-vn", "-c:a", "libmp3lame", "-b:a", "128k"];

/// Opus with a rate that varies freely, which DCA is made with here and is ffmpeg's default.
const OPUS: &[&str] = &["-vn", "-c:a", "libopus", "-b:a", "64k", "-vbr", "on", "-f", "opus"];

/// All works.
pub(crate) const WORKS: [Work; 6] = [
    Work {
        name: "mp3",
        title: "MP4 → mp3 128k",
        input: Input::Film,
        ours: &[
            way("chunks", "mp3", &["--bitrate", "128k"]),
            Way {
                name: "one thread",
                extension: "mp3",
                options: &["--bitrate", "128k", "--threads", "1"],
                needs: Some("--threads"),
            },
        ],
        ffmpeg: &[way("mp3", "mp3", MP3)],
        quality: Check::Encoded,
    },
    Work {
        name: "clips",
        title: "clips of 2 s, MP4 → mp3 128k",
        input: Input::Clips,
        ours: &[way("one process", "mp3", &["--bitrate", "128k"])],
        ffmpeg: &[way("a process each", "mp3", MP3)],
        quality: Check::Encoded,
    },
    Work {
        name: "copy dca",
        title: "WebM/Opus → dca",
        input: Input::Webm,
        ours: &[way("dca", "dca", &[])],
        ffmpeg: &[
            way("encoded again", "opus", &["-vn", "-c:a", "libopus", "-b:a", "64k", "-f", "opus"]),
            way("copied to Ogg", "opus", &["-vn", "-c:a", "copy", "-f", "opus"]),
        ],
        quality: Check::Packets,
    },
    Work {
        name: "dca",
        title: "MP4/AAC → dca 64k",
        input: Input::Film,
        ours: &[way("dca", "dca", &["--bitrate", "64k"])],
        ffmpeg: &[way("opus", "opus", OPUS)],
        quality: Check::Encoded,
    },
    Work {
        name: "m4a",
        title: "MP4/AAC → m4a, copied",
        input: Input::Film,
        ours: &[Way { name: "m4a", extension: "m4a", options: &[], needs: Some("m4a") }],
        ffmpeg: &[way("m4a", "m4a", &["-vn", "-c:a", "copy"])],
        quality: Check::Exact,
    },
    Work {
        name: "wav",
        title: "mp3 → wav",
        input: Input::Song,
        ours: &[way("wav", "wav", &[])],
        ffmpeg: &[way("wav", "wav", &["-vn", "-c:a", "pcm_s16le"])],
        quality: Check::Exact,
    },
];

/// The table's rows that are runs of programs; memory and the store have a manner of their own.
pub(crate) const FIGURES: [Figure; 9] = [
    Figure {
        title: "10 min MP4 → mp3 128k, wall",
        work: "mp3",
        ours: "chunks",
        ffmpeg: "mp3",
        measure: Measure::Wall,
        target: 0.64,
        beyond: Some(0.58),
    },
    Figure {
        title: "the same, CPU, by chunks",
        work: "mp3",
        ours: "chunks",
        ffmpeg: "mp3",
        measure: Measure::Cpu,
        target: 1.05,
        beyond: Some(1.0),
    },
    Figure {
        title: "the same, CPU, with --threads 1",
        work: "mp3",
        ours: "one thread",
        ffmpeg: "mp3",
        measure: Measure::Cpu,
        target: 0.96,
        beyond: None,
    },
    Figure {
        title: "500 clips of 2 s, MP4 → mp3, wall, both on 2 slots",
        work: "clips",
        ours: "one process",
        ffmpeg: "a process each",
        measure: Measure::Wall,
        target: 0.70,
        beyond: Some(0.50),
    },
    Figure {
        title: "10 min WebM/Opus → dca, against ffmpeg encoding it again",
        work: "copy dca",
        ours: "dca",
        ffmpeg: "encoded again",
        measure: Measure::Wall,
        target: 0.01,
        beyond: Some(0.003),
    },
    Figure {
        title: "the same, against ffmpeg -c copy to Ogg",
        work: "copy dca",
        ours: "dca",
        ffmpeg: "copied to Ogg",
        measure: Measure::Wall,
        target: 0.25,
        beyond: Some(0.1),
    },
    Figure {
        title: "10 min MP4/AAC → dca 64k, decoded and encoded, wall",
        work: "dca",
        ours: "dca",
        ffmpeg: "opus",
        measure: Measure::Wall,
        target: 0.90,
        beyond: Some(0.55),
    },
    Figure {
        title: "10 min AAC MP4 → m4a copy, against ffmpeg -c copy",
        work: "m4a",
        ours: "m4a",
        ffmpeg: "m4a",
        measure: Measure::Wall,
        target: 0.6,
        beyond: Some(0.3),
    },
    Figure {
        title: "3 min mp3 → wav, wall",
        work: "wav",
        ours: "wav",
        ffmpeg: "wav",
        measure: Measure::Wall,
        target: 0.8,
        beyond: Some(0.5),
    },
];
