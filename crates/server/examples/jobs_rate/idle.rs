//! A converter that has nothing to do, and says when it was asked.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use reelmill_core::ports::{Conversion, Converted, Converter, ConverterError, Input, ObjectWriter};
use reelmill_core::{AudioInfo, Format, MediaInfo, Profile};
use tokio::sync::oneshot;

/// Makes a few bytes of anything.
#[derive(Default)]
pub(crate) struct Idle {
    waits: Mutex<Option<oneshot::Sender<Instant>>>,
}

impl Idle {
    /// When the next conversion starts.
    pub(crate) fn next_start(&self) -> impl Future<Output = Instant> + use<> {
        let (tell, told) = oneshot::channel();
        *self.waits.lock().unwrap_or_else(PoisonError::into_inner) = Some(tell);
        async move { told.await.unwrap_or_else(|_| Instant::now()) }
    }
}

#[async_trait]
impl Converter for Idle {
    async fn probe(&self, _: &Input) -> Result<MediaInfo, ConverterError> {
        Ok(MediaInfo { audio: Some(AudioInfo::default()), ..MediaInfo::default() })
    }

    fn plan(&self, _: &MediaInfo, _: &Profile) -> Result<String, ConverterError> {
        Ok("nothing to do".into())
    }

    async fn convert(
        &self,
        _: Conversion,
        output: &mut dyn ObjectWriter,
    ) -> Result<Converted, ConverterError> {
        if let Some(tell) = self.waits.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Whoever waited may have gone.
            let _ = tell.send(Instant::now());
        }
        output.write(Bytes::from_static(b"done")).await?;
        Ok(Converted { duration_ms: 1, plan: "nothing to do".into(), notes: Vec::new() })
    }

    fn writes(&self) -> Vec<Format> {
        Format::ALL.to_vec()
    }

    fn reads(&self) -> Vec<String> {
        vec!["anything".into()]
    }
}
