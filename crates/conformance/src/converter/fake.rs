//! Stores that do not exist: endless input, input that fails or hangs, output that does.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reelmill_core::ports::{
    ByteStream, Cancel, Conversion, Handout, Input, ObjectWriter, Objects, ObjectsError, Stored,
};
use reelmill_core::{Key, Profile};

/// A stereo WAV of 44.1 kHz and 16 bits, as its header says it.
pub(super) fn wav_header(format_tag: u16, data_bytes: u32) -> Vec<u8> {
    let mut header = Vec::with_capacity(44);
    header.extend(b"RIFF");
    header.extend((data_bytes.saturating_add(36)).to_le_bytes());
    header.extend(b"WAVEfmt ");
    header.extend(16_u32.to_le_bytes());
    header.extend(format_tag.to_le_bytes());
    header.extend(2_u16.to_le_bytes());
    header.extend(44_100_u32.to_le_bytes());
    header.extend(176_400_u32.to_le_bytes());
    header.extend(4_u16.to_le_bytes());
    header.extend(16_u16.to_le_bytes());
    header.extend(b"data");
    header.extend(data_bytes.to_le_bytes());
    header
}

/// A WAV of so many seconds, a rising tone.
pub(super) fn wav(seconds: u32) -> Vec<u8> {
    let frames = seconds * 44_100;
    let mut file = wav_header(1, frames * 4);
    for n in 0..frames {
        let phase = f64::from(n) / 44_100.0;
        #[expect(clippy::cast_possible_truncation, reason = "the sine is scaled to fit")]
        let sample = ((phase * (440.0 + 20.0 * phase) * std::f64::consts::TAU).sin() * 8_000.0) as i16;
        file.extend(sample.to_le_bytes());
        file.extend((-sample).to_le_bytes());
    }
    file
}

/// What happens to who reads.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    /// All is given.
    Given,
    /// So many bytes are given, then the store cannot be used.
    FailsAfter(u64),
    /// So many bytes are given, then nothing more comes.
    HangsAfter(u64),
}

/// A store with one object: a WAV of silence that nobody keeps.
pub(super) struct Silence {
    pub(super) size_bytes: u64,
    pub(super) fate: Fate,
    /// Bytes given out so far.
    pub(super) given_bytes: Arc<AtomicU64>,
}

impl Silence {
    pub(super) fn new(seconds: u32, fate: Fate) -> Arc<Self> {
        let size_bytes = 44 + u64::from(seconds) * 176_400;
        Arc::new(Self { size_bytes, fate, given_bytes: Arc::default() })
    }

    pub(super) fn input(self: &Arc<Self>) -> Input {
        Input {
            objects: Arc::clone(self) as Arc<dyn Objects>,
            key: "silence".parse().unwrap(),
            size_bytes: self.size_bytes,
            name: "silence.wav".to_owned(),
        }
    }
}

#[async_trait]
impl Objects for Silence {
    async fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectsError> {
        Err(ObjectsError::Conflict(key.clone()))
    }

    async fn size(&self, _: &Key) -> Result<u64, ObjectsError> {
        Ok(self.size_bytes)
    }

    async fn read(&self, _: &Key, range: Range<u64>) -> Result<ByteStream, ObjectsError> {
        let header = wav_header(1, u32::try_from(self.size_bytes - 44).unwrap());
        let (fate, given_bytes) = (self.fate, Arc::clone(&self.given_bytes));
        let pieces = stream::try_unfold(range.start, move |at| {
            let (header, range, given_bytes) = (header.clone(), range.clone(), Arc::clone(&given_bytes));
            async move {
                match fate {
                    Fate::FailsAfter(limit) if at >= limit => {
                        return Err(ObjectsError::Full("a quota of reads".to_owned()));
                    }
                    Fate::HangsAfter(limit) if at >= limit => std::future::pending().await,
                    _ => {}
                }
                if at >= range.end {
                    return Ok(None);
                }
                let end = range.end.min(at + 64 * 1024);
                given_bytes.fetch_add(end - at, Ordering::Relaxed);
                let place = |offset: u64| usize::try_from(offset).unwrap();
                let mut piece = vec![0; place(end - at)];
                for (byte, value) in piece.iter_mut().zip(header.iter().skip(place(at))) {
                    *byte = *value;
                }
                Ok(Some((Bytes::from(piece), end)))
            }
        });
        Ok(pieces.boxed())
    }

    async fn presign(&self, _: &Key, _: &Handout<'_>) -> Result<Option<String>, ObjectsError> {
        Ok(None)
    }

    fn uri(&self, key: &Key) -> String {
        format!("silence:/{key}")
    }

    async fn delete(&self, _: &Key) -> Result<(), ObjectsError> {
        Ok(())
    }

    async fn check(&self) -> Result<(), ObjectsError> {
        Ok(())
    }
}

/// What happens to who writes.
pub(super) enum Sink {
    /// All is taken and thrown away.
    Takes,
    /// The store is full.
    Full,
    /// Nothing is taken.
    Hangs,
}

#[async_trait]
impl ObjectWriter for Sink {
    async fn write(&mut self, _: Bytes) -> Result<(), ObjectsError> {
        match self {
            Self::Takes => Ok(()),
            Self::Full => Err(ObjectsError::Full("no room".to_owned())),
            Self::Hangs => std::future::pending().await,
        }
    }

    async fn patch(&mut self, _: u64, _: Bytes) -> Result<(), ObjectsError> {
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Stored, ObjectsError> {
        Ok(Stored { size_bytes: 0, fid: None })
    }
}

/// A conversion of `input` by the profile of that name.
pub(super) fn conversion(input: Input, profile: &str) -> Conversion {
    Conversion {
        input,
        profile: Profile::named(profile).unwrap(),
        progress: Arc::new(|_| ()),
        cancel: Cancel::default(),
    }
}

/// An object in the bench's store.
pub(super) async fn stored(objects: &Arc<dyn Objects>, name: &str, content: Vec<u8>) -> Input {
    let key: Key = format!("media/{name}").parse().unwrap();
    let size_bytes = content.len() as u64;
    let mut writer = objects.create(&key).await.unwrap();
    writer.write(content.into()).await.unwrap();
    writer.finish().await.unwrap();
    Input { objects: Arc::clone(objects), key, size_bytes, name: name.to_owned() }
}
