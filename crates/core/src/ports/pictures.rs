//! Pictures: what one is, and a smaller one of it.
//!
//! A picture is small beside media and has a limit of its own, so its bytes are handed over whole.

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

/// The most bytes of a picture that is taken in.
pub const MAX_PICTURE_BYTES: u64 = 16 * 1024 * 1024;

/// The most pixels along a side of a picture that is taken in, or made.
pub const MAX_SIDE_PX: u32 = 8192;

/// What understands pictures.
#[async_trait]
pub trait Pictures: Send + Sync {
    /// What the picture is: it is decoded whole, so that a damaged one is refused here and not where it is shown.
    ///
    /// # Errors
    /// `NotPicture`, `TooLarge`.
    async fn look(&self, bytes: Bytes) -> Result<Look, PictureError>;

    /// The picture in another size, encoded anew as PNG or JPEG. A side of 0 follows from the other; both 0 keep the size.
    ///
    /// # Errors
    /// `NotPicture`, or `TooLarge` for a side above [`MAX_SIDE_PX`].
    async fn resize(&self, bytes: Bytes, width_px: u32, height_px: u32) -> Result<Drawn, PictureError>;
}

/// What a picture is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Its media type, from its own bytes.
    pub content_type: &'static str,
    /// Pixels across.
    pub width_px: u32,
    /// Pixels down.
    pub height_px: u32,
}

/// A picture that we encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// The encoded picture.
    pub bytes: Bytes,
    /// Its media type.
    pub content_type: &'static str,
}

/// What a caller may see. Messages may be read by users.
#[derive(Debug, Error)]
pub enum PictureError {
    /// Not a picture that is read here, or a damaged one.
    #[error("{0}")]
    NotPicture(String),
    /// More bytes or pixels than are taken.
    #[error("{0}")]
    TooLarge(String),
    /// A fault of ours.
    #[error("{0}")]
    Internal(String),
}
