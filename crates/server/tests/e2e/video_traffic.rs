//! The video site's door as traffic: large uploads, slow and vanishing clients, and HTTP/2 beside HTTP/1.1.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{HeaderMap, Request, StatusCode};
use futures_util::{StreamExt, stream};
use rustix::process::Signal;
use tonic::Code;
use tonic::transport::Endpoint;
use tonic_health::pb as standard;

use crate::material;
use crate::mill::{Site, until};
use crate::report;
use crate::rpc::healthcheck::{self, greeter_client::GreeterClient, health_client::HealthClient};
use crate::rpc::s3video::{VideoUpoadRequest, videotransporter_client::VideotransporterClient};
use crate::rpc::{PIECE_BYTES, Rpc};
use crate::tools;
use crate::video_site::{Stage, published};

/// What a process may take beyond what it has when it is ready, whatever the size of the video.
const MOST_MORE_BYTES: u64 = 64 << 20;

pub(crate) fn uploads_stream() {
    let size_bytes: u64 = if tools::is_soak() { 4 << 30 } else { 256 << 20 };
    let stage = Stage::set(&[]);
    let before = stage.mill.peak_memory_bytes();
    let film = material::mp4(stage.site.folder(), &[]);
    let size = i64::try_from(size_bytes).unwrap();
    let messages = Pieces { from: material::padded(film.clone(), size_bytes), size };
    let uuid = stage.rpc.video_upload(messages).unwrap().newname;
    let mut sent = material::padded(film, size_bytes);
    let mut at = 0;
    while at < size {
        let last = (at + 3_999_999).min(size - 1);
        let part = stage.rpc.part(&format!("{uuid}.mp4"), at, last).unwrap();
        let mut expected = vec![0; part.len()];
        sent.read_exact(&mut expected).unwrap();
        assert!(part == expected && !part.is_empty(), "from {at} on");
        at += i64::try_from(part.len()).unwrap();
    }
    let more = stage.mill.peak_memory_bytes() - before;
    let what = format!("peak resident memory above the idle process's, {} MiB by gRPC", size_bytes >> 20);
    report::figure("grpc_upload", &what, report::mib(more), "MiB", Some("≤ 64"));
    assert!(more <= MOST_MORE_BYTES, "{} MiB more", more >> 20);
    stage.strike();
}

/// A file in messages as a client sends them.
struct Pieces<R> {
    from: R,
    size: i64,
}

impl<R: Read> Iterator for Pieces<R> {
    type Item = VideoUpoadRequest;

    fn next(&mut self) -> Option<VideoUpoadRequest> {
        let mut data = Vec::with_capacity(PIECE_BYTES);
        self.from.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut data).unwrap();
        (!data.is_empty()).then(|| VideoUpoadRequest { data: data.into(), size: self.size, id: 1 })
    }
}

pub(crate) fn a_client_that_leaves_midway_leaves_nothing() {
    let stage = Stage::set(&[]);
    let store = stage.site.objects();
    let begun = |rpc: &Rpc| {
        let message = VideoUpoadRequest { data: vec![1; PIECE_BYTES].into(), size: 0, id: 1 };
        let messages = stream::iter([message.clone(), message]).chain(stream::pending());
        let mut client = VideotransporterClient::new(rpc.channel());
        rpc.spawn(async move { client.video_upload(messages).await.map(drop) })
    };
    let is_there = || {
        until("the upload has begun", Duration::from_secs(20), || {
            (!store.partials().is_empty()).then_some(())
        })
    };
    let is_gone =
        || until("the upload is gone", Duration::from_secs(20), || store.partials().is_empty().then_some(()));
    // The call is cancelled; the connection stays.
    let upload = begun(&stage.rpc);
    is_there();
    upload.abort();
    is_gone();
    // The connection breaks.
    let rpc = Rpc::to(stage.mill.address());
    let _upload = begun(&rpc);
    is_there();
    drop(rpc);
    is_gone();
    stage.strike();
}

pub(crate) fn a_slow_reader_does_not_hold_another_stream_up() {
    let stage = Stage::set(&[]);
    let (uuid, bytes) = published(&stage, 1, 60);
    let target = format!("/api/video/play/{uuid}.mp4/0");
    let address = stage.mill.address();
    stage.rpc.wait(async {
        let mut client = connected(address).await;
        // Its window is never opened again: 64 KiB come, and then it stands.
        let mut slow = ask(&mut client, address, "GET", &target, None).await;
        let mut taken = slow.body.data().await.unwrap().unwrap().len();
        for _ in 0..20 {
            let mut quick = ask(&mut client, address, "GET", &target, None).await;
            assert_eq!(quick.all().await, bytes);
        }
        while taken < 65_535 {
            taken += slow.body.data().await.unwrap().unwrap().len();
        }
        let more = tokio::time::timeout(Duration::from_millis(300), slow.body.data()).await;
        assert!(more.is_err(), "more came than there was a window for");
        // It goes on where it stood.
        slow.body.flow_control().release_capacity(taken).unwrap();
        assert!(!slow.body.data().await.unwrap().unwrap().is_empty());
    });
    stage.strike();
}

pub(crate) fn health_turns_to_not_serving_while_it_drains() {
    let site = Site::new();
    let mut mill = site.start();
    let rpc = Rpc::to(mill.address());
    let watched = rpc.wait(async {
        let mut ours = HealthClient::new(rpc.channel());
        let request = healthcheck::HealthCheckRequest { service: "s3video.Videotransporter".to_owned() };
        let ours = ours.watch(request).await.unwrap().into_inner();
        let ours = ours.map(|change| change.map(|change| change.status));
        let mut standard = standard::health_client::HealthClient::new(rpc.channel());
        let request = standard::HealthCheckRequest { service: String::new() };
        let standard = standard.watch(request).await.unwrap().into_inner();
        let standard = standard.map(|change| change.map(|change| change.status));
        let unknown = healthcheck::HealthCheckRequest { service: "no.such.Service".to_owned() };
        let mut unknown = HealthClient::new(rpc.channel()).watch(unknown).await.unwrap().into_inner();
        assert_eq!(unknown.message().await.unwrap().unwrap().status, 3, "SERVICE_UNKNOWN");
        let (mut ours, mut standard) = (ours.boxed(), standard.boxed());
        let serving = (ours.next().await.unwrap().unwrap(), standard.next().await.unwrap().unwrap());
        assert_eq!(serving, (1, 1), "SERVING");
        mill.signal(Signal::TERM);
        let rest =
            |stream: stream::BoxStream<'static, Result<i32, tonic::Status>>| stream.collect::<Vec<_>>();
        let (ours, standard) = (rest(ours).await, rest(standard).await);
        (ours, standard)
    });
    for changes in [watched.0, watched.1] {
        assert_eq!(
            changes.iter().map(|change| *change.as_ref().unwrap()).collect::<Vec<_>>(),
            [2],
            "NOT_SERVING"
        );
    }
    // Nobody who watches holds the process.
    assert_eq!(mill.wait(Duration::from_secs(10)).code(), Some(0));
}

pub(crate) fn reflection_lists_the_services() {
    use tonic_reflection::pb::{v1, v1alpha};
    let stage = Stage::set(&[]);
    let mut listed = stage.rpc.wait(async {
        let message = v1::server_reflection_request::MessageRequest::ListServices(String::new());
        let request = v1::ServerReflectionRequest { host: String::new(), message_request: Some(message) };
        let mut client = v1::server_reflection_client::ServerReflectionClient::new(stage.rpc.channel());
        let mut answers = client.server_reflection_info(stream::iter([request])).await.unwrap().into_inner();
        let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
        let v1::server_reflection_response::MessageResponse::ListServicesResponse(list) = answer else {
            panic!("{answer:?}")
        };
        list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
    });
    listed.sort();
    let expected = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "healthcheck.Greeter",
        "healthcheck.Health",
        "s3image.Imagetransporter",
        "s3video.Videotransporter",
        "user.Profile",
    ];
    assert_eq!(listed, expected);
    let file = stage.rpc.wait(async {
        let symbol = "s3video.Videotransporter".to_owned();
        let message = v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(symbol);
        let request =
            v1alpha::ServerReflectionRequest { host: String::new(), message_request: Some(message) };
        let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(stage.rpc.channel());
        let mut answers = client.server_reflection_info(stream::iter([request])).await.unwrap().into_inner();
        let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
        let v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(file) = answer
        else {
            panic!("no file")
        };
        file.file_descriptor_proto.concat()
    });
    let spelling = b"VideoUpoadRequest";
    assert!(file.windows(spelling.len()).any(|window| window == spelling));
    stage.strike();
}

pub(crate) fn grpc_has_a_port_of_its_own_where_one_is_named() {
    let site = Site::new();
    let mill = site.start_with(&["--grpc-listen", "127.0.0.1:0"]);
    let said = mill.said();
    let (_, rest) = said.split_once("serves gRPC on ").expect("it says where");
    let address: SocketAddr = rest.split_whitespace().next().unwrap().parse().unwrap();
    let rpc = Rpc::to(address);
    let hello = healthcheck::HelloRequest { name: "port".to_owned() };
    assert_eq!(rpc.say_hello(hello).unwrap().message, "Hello port");
    assert!(rpc.upload(&material::wav_bytes(1), 1).is_ok());
    let answer = crate::client::Request::new(address, "GET", "/v1/me").get();
    assert_eq!(answer.status, 404);
    mill.stop();
}

pub(crate) fn http_and_grpc_share_a_port() {
    let stage = Stage::set(&[]);
    let address = stage.mill.address();
    // HTTP/1.1 calls no gRPC method, and HTTP/2 any route.
    let method = "/healthcheck.Greeter/SayHello";
    let old = stage.anybody("POST", method).header("content-type", "application/grpc").get();
    assert_eq!(old.status, 200);
    assert_eq!(old.header("grpc-status"), Some("9"), "FAILED_PRECONDITION");
    stage.rpc.wait(async {
        let mut client = connected(address).await;
        let mut ready = ask(&mut client, address, "GET", "/readyz", None).await;
        assert_eq!(ready.status, StatusCode::OK);
        assert!(String::from_utf8(ready.all().await).unwrap().contains("\"catalog\":\"ok\""));
        let plain = ask(&mut client, address, "POST", method, None).await;
        assert_eq!(plain.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        for (target, code) in
            [("/healthcheck.Greeter/SayBye", "12"), ("/no.such.Service/Call", "12"), ("/v1/me", "12")]
        {
            let answer = ask(&mut client, address, "POST", target, Some("application/grpc")).await;
            assert_eq!((answer.status, answer.header("grpc-status")), (StatusCode::OK, code), "{target}");
        }
        // A name that is not this machine's is refused as by HTTP.
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let foreign = endpoint.origin("http://rebound.example".parse().unwrap()).connect_lazy();
        let refused =
            GreeterClient::new(foreign).say_hello(healthcheck::HelloRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
        assert!(refused.message().contains("rebound.example"), "{refused}");
    });
    stage.strike();
}

type Client = h2::client::SendRequest<axum::body::Bytes>;

/// A bare connection of HTTP/2: streams of 64 KiB, and a connection that holds many of them.
async fn connected(address: SocketAddr) -> Client {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(65_535).initial_connection_window_size(16 << 20);
    let (client, connection) = builder.handshake(socket).await.unwrap();
    tokio::spawn(connection);
    client
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: h2::RecvStream,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The whole body, its window opened as it comes.
    async fn all(&mut self) -> Vec<u8> {
        let mut whole = Vec::new();
        while let Some(piece) = self.body.data().await {
            let piece = piece.unwrap();
            self.body.flow_control().release_capacity(piece.len()).unwrap();
            whole.extend_from_slice(&piece);
        }
        whole
    }
}

async fn ask(
    client: &mut Client,
    address: SocketAddr,
    method: &str,
    target: &str,
    kind: Option<&str>,
) -> Reply {
    *client = client.clone().ready().await.unwrap();
    let request = Request::builder().method(method).uri(format!("http://{address}{target}"));
    let request = kind.into_iter().fold(request, |request, kind| request.header("content-type", kind));
    let (reply, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
    let (parts, body) = reply.await.unwrap().into_parts();
    Reply { status: parts.status, headers: parts.headers, body }
}
