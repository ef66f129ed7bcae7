//! Videos by gRPC.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt};
use reelmill_core::{Kind, Video};
use reelmill_service::{Announced, Content, Error, VideoDetails};
use tokio::sync::{Semaphore, SemaphorePermit};
use tonic::{Code, Request, Response, Status, Streaming};

use super::{MOST_LARGE_REPLIES, MOST_REPLY_BYTES};
use crate::doors::video::{details::expected_uuid, lists, video_id};
use crate::grpc::wire::s3video::{
    Empty, VideoDeteilUpoadReplay, VideoDeteilUpoadRequest, VideoDownloadReplay, VideoDownloadRequest,
    VideoHomeListObjects, VideoHomeListReplay, VideoListObjects, VideoListReplay, VideoOneReplay,
    VideoOneRequest, VideoUploadReplay, VideoUpoadRequest, videotransporter_server,
};
use crate::grpc::{Speaker, refusal};
use crate::http::{App, Held};

#[derive(Clone)]
pub(super) struct Videos {
    pub(super) app: App,
}

#[tonic::async_trait]
impl videotransporter_server::Videotransporter for Videos {
    async fn video_upload(
        &self,
        request: Request<Streaming<VideoUpoadRequest>>,
    ) -> Result<Response<VideoUploadReplay>, Status> {
        let Speaker { caller, is_trusted, .. } = Speaker::of(&self.app, &request).await?;
        let said = Arc::<Mutex<Announced>>::default();
        let bytes = pieces(&self.app, request.into_inner(), Arc::clone(&said));
        let announced = move || *said.lock().unwrap_or_else(PoisonError::into_inner);
        let service = &self.app.service;
        let media =
            service.upload_video_for(caller.as_ref(), is_trusted, bytes, announced).await.map_err(refusal)?;
        Ok(Response::new(VideoUploadReplay { newname: media.id.to_string() }))
    }

    async fn video_deteil_upload(
        &self,
        request: Request<VideoDeteilUpoadRequest>,
    ) -> Result<Response<VideoDeteilUpoadReplay>, Status> {
        let Speaker { caller, is_trusted, .. } = Speaker::of(&self.app, &request).await?;
        let VideoDeteilUpoadRequest { video_uuid, title, explain, tags, category, extension, oversize } =
            request.into_inner();
        let is_announced = !extension.is_empty();
        let details = VideoDetails { title, explain, tags, category, extension, oversize };
        let (service, id) = (&self.app.service, video_id(&video_uuid).map_err(refusal)?);
        let caller = service.acting_on_video(caller.as_ref(), id, is_trusted).await.map_err(refusal)?;
        let video = service.publish(&caller, id, details).await.map_err(refusal)?;
        Ok(Response::new(VideoDeteilUpoadReplay { uuid: expected_uuid(&video, is_announced) }))
    }

    async fn video_download(
        &self,
        request: Request<VideoDownloadRequest>,
    ) -> Result<Response<VideoDownloadReplay>, Status> {
        let Speaker { caller, .. } = Speaker::of(&self.app, &request).await?;
        let VideoDownloadRequest { name, startbytes, endbytes } = request.into_inner();
        let wished = wished(startbytes, endbytes)?;
        let id = video_id(&name).map_err(refusal)?;
        let content = self.app.service.video_content(caller.as_ref(), id).await.map_err(refusal)?;
        if wished.start >= content.size_bytes {
            let detail =
                format!("the video has {} bytes, and none from {} on", content.size_bytes, wished.start);
            return Err(Status::out_of_range(detail));
        }
        let there = wished.start..wished.end.min(content.size_bytes);
        let place = place().await?;
        let data = gathered(&content, there).await.map_err(refusal)?;
        Ok(held(VideoDownloadReplay { data }, place))
    }

    async fn video_list(&self, _: Request<Empty>) -> Result<Response<VideoListReplay>, Status> {
        let videos = self.app.service.videos(None).await.map_err(refusal)?;
        let videolistobject = videos.into_iter().map(|video| {
            let Video { number, title, category, tags, explain, .. } = video;
            VideoListObjects { id: number, title, category, tags, explain }
        });
        Ok(Response::new(VideoListReplay { videolistobject: videolistobject.collect() }))
    }

    async fn video_home_list(&self, _: Request<Empty>) -> Result<Response<VideoHomeListReplay>, Status> {
        let videos = self.app.service.videos(Some(lists::HOME)).await.map_err(refusal)?;
        let videohomelistobjects = videos.into_iter().map(|video| {
            let (imguuid, imgext) = lists::picture_of(video.thumbnail);
            let size = i64::try_from(video.size_bytes).unwrap_or(i64::MAX);
            let (title, explain) = (video.title, video.explain);
            VideoHomeListObjects { uuid: video.id.to_string(), size, title, explain, imguuid, imgext }
        });
        Ok(Response::new(VideoHomeListReplay { videohomelistobjects: videohomelistobjects.collect() }))
    }

    async fn video_one(&self, request: Request<VideoOneRequest>) -> Result<Response<VideoOneReplay>, Status> {
        let id = video_id(&request.into_inner().uuid).map_err(refusal)?;
        let Video { number, title, category, tags, explain, .. } =
            self.app.service.video(id).await.map_err(refusal)?;
        Ok(Response::new(VideoOneReplay { id: number, title, category, tags, explain }))
    }
}

/// The bytes of an upload, what is said beside them kept in `said`.
fn pieces(
    app: &App,
    messages: Streaming<VideoUpoadRequest>,
    said: Arc<Mutex<Announced>>,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    let metrics = Arc::clone(&app.metrics);
    let bytes = messages.map_err(|status| cut_off(&status)).map_ok(move |message| {
        let VideoUpoadRequest { data, size, id } = message;
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.owner = if id == 0 { said.owner } else { id };
        said.size_bytes = if size == 0 { said.size_bytes } else { size };
        metrics.count_upload(data.len());
        data
    });
    bytes.try_filter(|data| std::future::ready(!data.is_empty()))
}

/// Why a stream of messages broke off.
pub(super) fn cut_off(status: &Status) -> Error {
    if status.code() == Code::OutOfRange {
        return Error::new(
            Kind::TooLarge,
            "too-large",
            "a message is larger than is taken here; send smaller pieces",
        );
    }
    Error::new(Kind::Invalid, "cut-off", "the upload was cut; nothing was kept, send it again")
        .because(status)
}

/// The part that is wished, its end exclusive. Both ends 0 are the first byte.
fn wished(first: i64, last: i64) -> Result<Range<u64>, Status> {
    let (Ok(start), Ok(end)) = (u64::try_from(first), u64::try_from(last)) else {
        return Err(Status::invalid_argument(format!("bytes {first} to {last}: neither may be below 0")));
    };
    if end < start {
        return Err(Status::invalid_argument(format!(
            "bytes {first} to {last}: the last comes before the first"
        )));
    }
    let end = end.saturating_add(1);
    if end - start > MOST_REPLY_BYTES {
        let detail =
            format!("{} bytes are wished, and a message has at most {MOST_REPLY_BYTES}", end - start);
        return Err(refusal(Error::new(Kind::TooLarge, "too-large", detail)));
    }
    Ok(start..end)
}

/// Room for a large answer; it is given back when the client has taken the last byte.
pub(super) async fn place() -> Result<SemaphorePermit<'static>, Status> {
    static PLACES: Semaphore = Semaphore::const_new(MOST_LARGE_REPLIES);
    PLACES.acquire().await.map_err(|_| Status::unavailable("the server ends"))
}

/// An answer that keeps its room.
pub(super) fn held<T>(reply: T, place: SemaphorePermit<'static>) -> Response<T> {
    let mut response = Response::new(reply);
    response.extensions_mut().insert(Held::new(place));
    response
}

/// The bytes of a part that fits a message.
pub(super) async fn gathered(content: &Content, part: Range<u64>) -> Result<Bytes, Error> {
    let mut whole = BytesMut::with_capacity(usize::try_from(part.end - part.start).unwrap_or_default());
    let mut pieces = content.read(part).await?;
    while let Some(piece) = pieces.next().await {
        whole.extend_from_slice(&piece.map_err(Error::from)?);
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_part_are_both_in_it_and_none_is_taken_that_cannot_be() {
        const MOST: i64 = 4 * 1024 * 1024 - 64 * 1024;
        for (first, last, expected) in [
            (0, 0, Ok(0..1)),
            (0, 1023, Ok(0..1024)),
            (5, 5, Ok(5..6)),
            (7, 6 + MOST, Ok(7..7 + MOST.unsigned_abs())),
            (i64::MAX, i64::MAX, Ok(i64::MAX.unsigned_abs()..i64::MAX.unsigned_abs() + 1)),
            (7, 7 + MOST, Err(Code::ResourceExhausted)),
            (0, i64::MAX, Err(Code::ResourceExhausted)),
            (1, 0, Err(Code::InvalidArgument)),
            (10, 9, Err(Code::InvalidArgument)),
            (-1, 0, Err(Code::InvalidArgument)),
            (0, -1, Err(Code::InvalidArgument)),
            (i64::MIN, i64::MAX, Err(Code::InvalidArgument)),
        ] {
            assert_eq!(wished(first, last).map_err(|status| status.code()), expected, "{first} to {last}");
        }
    }
}
