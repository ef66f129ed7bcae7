//! Pictures in this process: decoded by safe Rust, within limits that a hostile header cannot pass.
//!
//! A header of a few bytes can claim a picture of gigabytes, so sides, pixels and memory are checked before a pixel is
//! decoded, and few pictures are decoded at once. What comes out is a still picture, turned as its camera was held: of a
//! moving one the first frame.

use std::io::Cursor;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use reelmill_core::ports::{Drawn, Look, MAX_PICTURE_BYTES, MAX_SIDE_PX, PictureError, Pictures};
use tokio::sync::Semaphore;

/// The most memory that one picture may take while it is decoded.
const MAX_DECODED_BYTES: u64 = 128 * 1024 * 1024;

/// The most pixels of a picture, decoded or drawn: a decoder of progressive JPEG takes six bytes for each besides.
const MAX_PIXELS: u64 = 25_000_000;

/// Pictures decoded at once: with [`MAX_DECODED_BYTES`], what they take together is bounded.
const AT_ONCE: usize = 2;

/// JPEG's quality of a picture that we encode: hardly told from the original.
const JPEG_QUALITY: u8 = 85;

pub(super) const OPENING: super::Opening =
    |_| async { Ok(Arc::new(InProcessPictures::default()) as Arc<dyn Pictures>) }.boxed();

/// Understands pictures in this process.
#[derive(Debug)]
pub struct InProcessPictures {
    at_once: Arc<Semaphore>,
}

impl Default for InProcessPictures {
    fn default() -> Self {
        Self { at_once: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl InProcessPictures {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PictureError> + Send + 'static,
    ) -> Result<T, PictureError> {
        let internal = |error: &dyn std::fmt::Display| PictureError::Internal(error.to_string());
        let place = Arc::clone(&self.at_once).acquire_owned().await.map_err(|error| internal(&error))?;
        // The place goes with the work: a caller who leaves does not make room before the memory is free.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        });
        done.await.map_err(|error| internal(&error))?
    }
}

#[async_trait]
impl Pictures for InProcessPictures {
    async fn look(&self, bytes: Bytes) -> Result<Look, PictureError> {
        self.run(move || {
            let (picture, format) = decode(&bytes)?;
            let (width_px, height_px) = (picture.width(), picture.height());
            Ok(Look { content_type: format.to_mime_type(), width_px, height_px })
        })
        .await
    }

    async fn resize(&self, bytes: Bytes, width_px: u32, height_px: u32) -> Result<Drawn, PictureError> {
        if width_px.max(height_px) > MAX_SIDE_PX {
            let said =
                format!("a picture's side has at most {MAX_SIDE_PX} pixels, not {}", width_px.max(height_px));
            return Err(PictureError::TooLarge(said));
        }
        self.run(move || {
            let (picture, _) = decode(&bytes)?;
            let (width, height) = sides((picture.width(), picture.height()), (width_px, height_px))?;
            if (width, height) == (picture.width(), picture.height()) {
                return encode(picture);
            }
            // Drawn straight from the original: the other ways have floating-point copies between, of up to 16 bytes a pixel.
            encode(picture.thumbnail_exact(width, height))
        })
        .await
    }
}

/// The sides of the result: a side of 0 follows from the other in the picture's own proportion.
fn sides(own: (u32, u32), wanted: (u32, u32)) -> Result<(u32, u32), PictureError> {
    let follow = |side: u32, by: u32, of: u32| {
        let side = u64::from(side) * u64::from(by) / u64::from(of.max(1));
        u32::try_from(side.max(1)).ok().filter(|side| *side <= MAX_SIDE_PX)
    };
    let found = match wanted {
        (0, 0) => Some(own),
        (width, 0) => follow(own.1, width, own.0).map(|height| (width, height)),
        (0, height) => follow(own.0, height, own.1).map(|width| (width, height)),
        both => Some(both),
    };
    let (width, height) = found.ok_or_else(|| {
        PictureError::TooLarge(format!("the other side would have more than {MAX_SIDE_PX} pixels; give both"))
    })?;
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        let said = format!("{width} by {height} are more than the {MAX_PIXELS} pixels that are drawn here");
        return Err(PictureError::TooLarge(said));
    }
    Ok((width, height))
}

fn decode(bytes: &Bytes) -> Result<(DynamicImage, ImageFormat), PictureError> {
    if bytes.len() as u64 > MAX_PICTURE_BYTES {
        let said = format!("the picture is larger than the {MAX_PICTURE_BYTES} bytes that are taken here");
        return Err(PictureError::TooLarge(said));
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| unknown())?;
    let format = reader.format().ok_or_else(unknown)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE_PX);
    limits.max_image_height = Some(MAX_SIDE_PX);
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(refused)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS || decoder.total_bytes() > MAX_DECODED_BYTES {
        return Err(too_many_pixels());
    }
    let orientation = decoder.orientation().map_err(refused)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(refused)?;
    picture.apply_orientation(orientation);
    Ok((picture, format))
}

#[expect(clippy::needless_pass_by_value, reason = "made to be given to `map_err`")]
fn refused(error: ImageError) -> PictureError {
    match error {
        ImageError::Limits(_) => too_many_pixels(),
        ImageError::Unsupported(_) => unknown(),
        _ => PictureError::NotPicture("the picture is damaged or cut off".to_owned()),
    }
}

fn unknown() -> PictureError {
    PictureError::NotPicture("not a JPEG, PNG, GIF or WebP picture".to_owned())
}

fn too_many_pixels() -> PictureError {
    PictureError::TooLarge(format!(
        "the picture has more than {MAX_SIDE_PX} pixels along a side, or than {MAX_PIXELS} in all"
    ))
}

/// PNG where a pixel can be seen through, JPEG else.
fn encode(picture: DynamicImage) -> Result<Drawn, PictureError> {
    let mut bytes = Vec::new();
    let (encoded, content_type) = if picture.color().has_alpha() {
        let plain = DynamicImage::ImageRgba8(picture.into_rgba8());
        (plain.write_with_encoder(PngEncoder::new(&mut bytes)), "image/png")
    } else {
        let plain = DynamicImage::ImageRgb8(picture.into_rgb8());
        (plain.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)), "image/jpeg")
    };
    encoded.map_err(|error| PictureError::Internal(error.to_string()))?;
    Ok(Drawn { bytes: bytes.into(), content_type })
}

#[cfg(test)]
mod tests {
    use image::{RgbImage, RgbaImage};

    use super::*;

    fn png(picture: &DynamicImage) -> Bytes {
        let mut bytes = Vec::new();
        picture.write_with_encoder(PngEncoder::new(&mut bytes)).unwrap();
        bytes.into()
    }

    #[tokio::test]
    async fn a_picture_is_told_by_its_bytes_and_drawn_in_another_size() {
        let pictures = InProcessPictures::default();
        let bytes = png(&DynamicImage::ImageRgb8(RgbImage::new(40, 20)));
        let look = pictures.look(bytes.clone()).await.unwrap();
        assert_eq!(look, Look { content_type: "image/png", width_px: 40, height_px: 20 });
        for (wanted, got) in [((10, 0), (10, 5)), ((0, 10), (20, 10)), ((7, 9), (7, 9)), ((0, 0), (40, 20))] {
            let drawn = pictures.resize(bytes.clone(), wanted.0, wanted.1).await.unwrap();
            let look = pictures.look(drawn.bytes).await.unwrap();
            assert_eq!((look.width_px, look.height_px), got);
            assert_eq!((look.content_type, drawn.content_type), ("image/jpeg", "image/jpeg"));
        }
    }

    #[tokio::test]
    async fn what_can_be_seen_through_stays_so() {
        let pictures = InProcessPictures::default();
        let bytes = png(&DynamicImage::ImageRgba8(RgbaImage::new(4, 4)));
        assert_eq!(pictures.resize(bytes, 2, 2).await.unwrap().content_type, "image/png");
    }

    #[tokio::test]
    async fn what_is_no_picture_or_too_large_is_refused() {
        let pictures = InProcessPictures::default();
        let good = png(&DynamicImage::ImageRgb8(RgbImage::new(64, 64)));
        for bad in
            [Bytes::new(), Bytes::from_static(b"<svg/>"), Bytes::from_static(b"%PDF-1.4"), good.slice(..60)]
        {
            assert!(matches!(pictures.look(bad).await, Err(PictureError::NotPicture(_))));
        }
        assert!(matches!(
            pictures.resize(good.clone(), MAX_SIDE_PX + 1, 1).await,
            Err(PictureError::TooLarge(_))
        ));
        let flat = png(&DynamicImage::ImageRgb8(RgbImage::new(1, 100)));
        assert!(matches!(pictures.resize(flat, 1000, 0).await, Err(PictureError::TooLarge(_))));
        // A PNG's header that claims 100,000 pixels a side; its checksum is right.
        let mut claims = good.to_vec();
        claims[16..24].copy_from_slice(&[0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0]);
        let refused = pictures.look(claims.into()).await;
        assert!(matches!(refused, Err(PictureError::TooLarge(_) | PictureError::NotPicture(_))));
    }

    #[tokio::test]
    async fn more_pixels_than_a_wish_may_have_are_not_drawn() {
        let pictures = InProcessPictures::default();
        let small = png(&DynamicImage::ImageRgb8(RgbImage::new(4, 4)));
        for (width, height) in [(8192, 8192), (8192, 0), (5001, 5000)] {
            assert!(matches!(
                pictures.resize(small.clone(), width, height).await,
                Err(PictureError::TooLarge(_))
            ));
        }
        // All of one colour, so that 30 million pixels are a small file.
        let bomb = png(&DynamicImage::ImageLuma8(image::GrayImage::new(6000, 5000)));
        assert!(bomb.len() < 1_000_000, "{}", bomb.len());
        assert!(matches!(pictures.look(bomb).await, Err(PictureError::TooLarge(_))));
    }

    #[tokio::test]
    async fn a_picture_is_turned_as_its_camera_was_held_and_told_nothing_else() {
        let pictures = InProcessPictures::default();
        let mut plain = Vec::new();
        let picture = DynamicImage::ImageRgb8(RgbImage::new(40, 20));
        picture.write_with_encoder(JpegEncoder::new(&mut plain)).unwrap();
        // An APP1 segment with one entry: Orientation (0x0112) is 6, a quarter turn (TIFF 6.0, section 8).
        let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let turned = [&plain[..2], b"\xff\xe1", &length, exif, &plain[2..]].concat();
        let drawn = pictures.resize(turned.into(), 0, 0).await.unwrap();
        let look = pictures.look(drawn.bytes.clone()).await.unwrap();
        assert_eq!((look.width_px, look.height_px), (20, 40));
        assert!(!drawn.bytes.windows(4).any(|window| window == b"Exif"));
    }

    #[tokio::test]
    async fn of_a_moving_picture_the_first_frame_is_taken() {
        use image::codecs::gif::GifEncoder;
        let mut bytes = Vec::new();
        let mut encoder = GifEncoder::new(&mut bytes);
        for shade in [0, 255] {
            let frame = RgbaImage::from_pixel(8, 8, image::Rgba([shade, shade, shade, 255]));
            encoder.encode_frame(image::Frame::new(frame)).unwrap();
        }
        drop(encoder);
        let drawn = InProcessPictures::default().resize(bytes.into(), 0, 0).await.unwrap();
        let (shown, _) = decode(&drawn.bytes).unwrap();
        assert!(shown.to_rgb8().pixels().all(|pixel| pixel.0.iter().all(|value| *value < 8)));
    }
}
