//! Pictures by gRPC.

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use reelmill_core::Kind;
use reelmill_service::Error;
use tonic::{Request, Response, Status, Streaming};

use super::MOST_REPLY_BYTES;
use super::videos::{cut_off, gathered, held, place};
use crate::grpc::wire::s3image::{
    ImageDownloadReplay, ImageDownloadRequest, ImageUpoadRequest, Message, imagetransporter_server,
};
use crate::grpc::{Speaker, refusal};
use crate::http::App;

#[derive(Clone)]
pub(super) struct Images {
    pub(super) app: App,
}

#[tonic::async_trait]
impl imagetransporter_server::Imagetransporter for Images {
    async fn image_upload(&self, request: Request<ImageUpoadRequest>) -> Result<Response<Message>, Status> {
        let speaker = Speaker::of(&self.app, &request).await?;
        let ImageUpoadRequest { image, name } = request.into_inner();
        self.take(&speaker, &name, stream::iter([Ok(image)])).await
    }

    async fn image_stream_upload(
        &self,
        request: Request<Streaming<ImageUpoadRequest>>,
    ) -> Result<Response<Message>, Status> {
        let speaker = Speaker::of(&self.app, &request).await?;
        let mut messages = request.into_inner();
        let Some(ImageUpoadRequest { image, name }) = messages.message().await? else {
            return Err(Status::invalid_argument("the stream has no message; send the picture and its name"));
        };
        let named = name.clone();
        let rest = messages.map_err(|status| cut_off(&status)).map(move |message| {
            let ImageUpoadRequest { image, name } = message?;
            if name.is_empty() || name == named { Ok(image) } else { Err(renamed(&named, &name)) }
        });
        self.take(&speaker, &name, stream::iter([Ok(image)]).chain(rest)).await
    }

    async fn image_download(
        &self,
        request: Request<ImageDownloadRequest>,
    ) -> Result<Response<ImageDownloadReplay>, Status> {
        let ImageDownloadRequest { name, isresize, rewidth, reheight } = request.into_inner();
        let service = &self.app.service;
        let place = place().await?;
        let image = if isresize {
            let (width, height) = (side(rewidth).map_err(refusal)?, side(reheight).map_err(refusal)?);
            service.picture_resized(&name, width, height).await.map_err(refusal)?.bytes
        } else {
            let content = service.picture(&name).await.map_err(refusal)?;
            fits(content.size_bytes)?;
            gathered(&content, 0..content.size_bytes).await.map_err(refusal)?
        };
        fits(image.len() as u64)?;
        Ok(held(ImageDownloadReplay { image }, place))
    }
}

impl Images {
    async fn take(
        &self,
        speaker: &Speaker,
        name: &str,
        bytes: impl Stream<Item = Result<Bytes, Error>> + Send,
    ) -> Result<Response<Message>, Status> {
        let service = &self.app.service;
        let caller = service.acting_on_picture(speaker.caller.as_ref(), name, speaker.is_trusted).await;
        service.add_picture(&caller.map_err(refusal)?, name, bytes).await.map_err(refusal)?;
        Ok(Response::new(Message { message: "success".to_owned() }))
    }
}

fn side(pixels: i64) -> Result<u32, Error> {
    u32::try_from(pixels).map_err(|_| Error::invalid(format!("a picture has no side of {pixels} pixels")))
}

fn fits(size_bytes: u64) -> Result<(), Status> {
    if size_bytes <= MOST_REPLY_BYTES {
        return Ok(());
    }
    let detail = format!(
        "the picture has {size_bytes} bytes, and a message at most {MOST_REPLY_BYTES}; ask for a smaller size"
    );
    Err(refusal(Error::new(Kind::TooLarge, "too-large", detail)))
}

fn renamed(before: &str, now: &str) -> Error {
    Error::invalid(format!("the picture is called `{before}` first and `{now}` then; name it once"))
}
