//! Why a conversion can fail: one enum, whose messages name the thing at fault.
//!
//! The library never retries and never logs. It says what is wrong with the bytes, and `kind` says whose
//! fault that is, so that the caller can decide between telling the user and trying again.

use std::io;

/// What went wrong while media was probed or converted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The bytes are no container or stream that this build knows.
    #[error(
        "this is not audio or video that is known here; send a media file such as mp4, mp3, m4a, wav, flac, ogg or webm"
    )]
    NotMedia,
    /// There are no bytes at all, or no audio frames in an otherwise sound file.
    #[error("the input is empty: {0}")]
    Empty(String),
    /// The input ends before the end that it declares itself.
    #[error("the input is cut off: {0}")]
    Truncated(String),
    /// The input contradicts its format or itself.
    #[error("the input is damaged: {0}")]
    Corrupt(String),
    /// The container is sound but holds no audio track.
    #[error("the input has no audio track, it has: {}", list_of(.tracks))]
    NoAudio {
        /// What it holds instead, e.g. `h264 video`; at most 64 entries.
        tracks: Vec<String>,
    },
    /// A container or codec that this build does not read.
    #[error("{codec} is not read by this build")]
    Unsupported {
        /// The codec's or container's usual name.
        codec: String,
    },
    /// This host lacks something that it takes; the sentence says what, and how to get it.
    #[error("{0}")]
    Missing(String),
    /// The target asks for something that the format cannot be.
    #[error("bad target: {0}")]
    BadTarget(String),
    /// The input or output is beyond a limit of this library.
    #[error("over a limit: {0}")]
    Limit(String),
    /// There is no room for it beside what is under way.
    #[error("{0}")]
    Busy(String),
    /// The caller's cancel flag was seen.
    #[error("cancelled")]
    Cancelled,
    /// The source could not be read or the sink could not be written.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Whose fault a [`MediaError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The input cannot be converted as it is: not media, empty, cut off, damaged, without audio.
    Input,
    /// The input may be fine, but this build does not read it.
    Unsupported,
    /// The caller asked for something impossible.
    Target,
    /// A limit that protects this process.
    Limit,
    /// The caller stopped it.
    Cancelled,
    /// The source or the sink failed, or there was no room; trying again may help.
    Io,
}

impl MediaError {
    /// Classifies the error; only [`ErrorKind::Io`] is worth a retry.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotMedia
            | Self::Empty(_)
            | Self::Truncated(_)
            | Self::Corrupt(_)
            | Self::NoAudio { .. } => ErrorKind::Input,
            Self::Unsupported { .. } | Self::Missing(_) => ErrorKind::Unsupported,
            Self::BadTarget(_) => ErrorKind::Target,
            Self::Limit(_) => ErrorKind::Limit,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Busy(_) | Self::Io(_) => ErrorKind::Io,
        }
    }
}

fn list_of(tracks: &[String]) -> String {
    if tracks.is_empty() { "no track at all".to_owned() } else { tracks.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_audio_lists_what_it_holds() {
        let error = MediaError::NoAudio { tracks: vec!["h264 video".into(), "text subtitle".into()] };
        assert_eq!(error.to_string(), "the input has no audio track, it has: h264 video, text subtitle");
        assert_eq!(error.kind(), ErrorKind::Input);
    }

    #[test]
    fn only_the_source_and_the_sink_are_worth_a_retry() {
        assert_eq!(MediaError::from(io::Error::other("connection reset")).kind(), ErrorKind::Io);
        assert_eq!(MediaError::NotMedia.kind(), ErrorKind::Input);
    }
}
