//! A client of the site's gRPC, made of the same protos: every call waits for its answer.

#![expect(
    clippy::doc_markdown,
    clippy::trivially_copy_pass_by_ref,
    reason = "made by the build from the protos"
)]

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::stream;
use tokio::runtime::Runtime;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

macro_rules! packages {
    ($($name:ident)*) => {
        $(
            #[expect(unreachable_pub, reason = "made by the build from the protos")]
            pub(crate) mod $name {
                include!(concat!(env!("OUT_DIR"), "/clients/", stringify!($name), ".rs"));
            }
        )*
    };
}

packages! { healthcheck s3image s3video user }

use healthcheck::{HelloRequest, greeter_client::GreeterClient, health_client::HealthClient};
use s3image::{ImageDownloadRequest, ImageUpoadRequest, imagetransporter_client::ImagetransporterClient};
use s3video::{
    Empty, VideoDeteilUpoadRequest, VideoDownloadRequest, VideoOneRequest, VideoUpoadRequest,
    videotransporter_client::VideotransporterClient,
};
use user::{AuthUserRequest, RegisterRequest, profile_client::ProfileClient};

/// What clients send at once.
pub(crate) const PIECE_BYTES: usize = 1_000_000;

/// A connection, and whose token goes with each call.
#[derive(Clone)]
pub(crate) struct Rpc {
    runtime: Arc<Runtime>,
    channel: Channel,
    token: Option<String>,
}

macro_rules! calls {
    ($($client:ident $name:ident($message:ty) -> $reply:ty;)*) => {
        $(
            pub(crate) fn $name(&self, message: $message) -> Result<$reply, Status> {
                let mut client = $client::new(self.channel.clone());
                let request = self.request(message);
                self.wait(async { client.$name(request).await.map(tonic::Response::into_inner) })
            }
        )*
    };
}

impl Rpc {
    /// A new connection to a mill.
    pub(crate) fn to(address: SocketAddr) -> Self {
        let runtime = Arc::new(
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap(),
        );
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = runtime.block_on(endpoint.connect()).unwrap();
        Self { runtime, channel, token: None }
    }

    /// The same connection with a token on each call.
    pub(crate) fn bearing(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.runtime.spawn(work)
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            let value: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        request
    }

    calls! {
        VideotransporterClient video_deteil_upload(VideoDeteilUpoadRequest) -> s3video::VideoDeteilUpoadReplay;
        VideotransporterClient video_download(VideoDownloadRequest) -> s3video::VideoDownloadReplay;
        VideotransporterClient video_list(Empty) -> s3video::VideoListReplay;
        VideotransporterClient video_home_list(Empty) -> s3video::VideoHomeListReplay;
        VideotransporterClient video_one(VideoOneRequest) -> s3video::VideoOneReplay;
        ImagetransporterClient image_upload(ImageUpoadRequest) -> s3image::Message;
        ImagetransporterClient image_download(ImageDownloadRequest) -> s3image::ImageDownloadReplay;
        ProfileClient auth_user(AuthUserRequest) -> user::AuthUserReply;
        ProfileClient register_user(RegisterRequest) -> user::Message;
        GreeterClient say_hello(HelloRequest) -> healthcheck::HelloReply;
        HealthClient check(healthcheck::HealthCheckRequest) -> healthcheck::HealthCheckResponse;
    }

    pub(crate) fn video_upload<I>(&self, messages: I) -> Result<s3video::VideoUploadReplay, Status>
    where
        I: IntoIterator<Item = VideoUpoadRequest>,
        I::IntoIter: Send + 'static,
    {
        let mut client = VideotransporterClient::new(self.channel.clone());
        let request = self.request(stream::iter(messages));
        self.wait(async { client.video_upload(request).await.map(tonic::Response::into_inner) })
    }

    pub(crate) fn image_stream_upload(
        &self,
        messages: Vec<ImageUpoadRequest>,
    ) -> Result<s3image::Message, Status> {
        let mut client = ImagetransporterClient::new(self.channel.clone());
        let request = self.request(stream::iter(messages));
        self.wait(async { client.image_stream_upload(request).await.map(tonic::Response::into_inner) })
    }

    /// Uploads a whole file in messages of 1 MB; the video's uuid.
    pub(crate) fn upload(&self, bytes: &[u8], owner: i64) -> Result<String, Status> {
        let size = i64::try_from(bytes.len()).unwrap();
        let piece = |data: &[u8]| VideoUpoadRequest { data: data.to_vec().into(), size, id: owner };
        let messages: Vec<_> = bytes.chunks(PIECE_BYTES).map(piece).collect();
        self.video_upload(messages).map(|reply| reply.newname)
    }

    /// A part of a video, both ends in it.
    pub(crate) fn part(&self, name: &str, startbytes: i64, endbytes: i64) -> Result<Vec<u8>, Code> {
        let wish = VideoDownloadRequest { name: name.to_owned(), startbytes, endbytes };
        self.video_download(wish).map(|reply| reply.data.to_vec()).map_err(|status| status.code())
    }
}

/// A message of `VideoDeteilUpload` that announces a picture of that extension.
pub(crate) fn details(uuid: &str, extension: &str) -> VideoDeteilUpoadRequest {
    VideoDeteilUpoadRequest {
        video_uuid: uuid.to_owned(),
        title: "A mill in the wind".to_owned(),
        explain: "It turns, and it turns".to_owned(),
        tags: vec!["mill".to_owned(), "wind".to_owned()],
        category: "nature".to_owned(),
        extension: extension.to_owned(),
        oversize: false,
    }
}
