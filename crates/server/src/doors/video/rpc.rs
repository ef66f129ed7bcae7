//! The site's gRPC services: each method extracts, makes one call for the caller that it found, and converts.

mod accounts;
mod images;
mod videos;

use axum::Router;
use axum::extract::State;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use crate::grpc::wire::{
    DESCRIPTORS, healthcheck::greeter_server::GreeterServer,
    s3image::imagetransporter_server::ImagetransporterServer,
    s3video::videotransporter_server::VideotransporterServer, user::profile_server::ProfileServer,
};
use crate::grpc::{Speaker, methods_of, some_methods_of};
use crate::http::App;

/// The methods whose messages hold a piece of a file.
const PIECES: [&str; 3] = ["VideoUpload", "ImageUpload", "ImageStreamUpload"];

/// The most bytes of a message with a piece of a file in it: clients send 1 MB.
const MOST_PIECE_BYTES: usize = 8 * 1024 * 1024;

/// The most bytes of a message of words.
const MOST_WORDS_BYTES: usize = 256 * 1024;

/// The most bytes of a file that an answer has: what every client takes (4 MiB), less room for the envelope.
const MOST_REPLY_BYTES: u64 = (4 * 1024 - 64) * 1024;

/// Answers with a file's bytes in memory at once, those included that clients are slow to take.
const MOST_LARGE_REPLIES: usize = 32;

/// The services. A method whose messages hold a piece of a file takes large ones, and reads none of a stranger's.
pub(crate) fn router(app: &App) -> Router<App> {
    let videos = VideotransporterServer::new(videos::Videos { app: app.clone() });
    let images = ImagetransporterServer::new(images::Images { app: app.clone() });
    let profile = ProfileServer::new(accounts::Accounts { app: app.clone() });
    let greeter = GreeterServer::new(accounts::Greeter);
    let has_pieces = |method: &str| PIECES.contains(&method);
    let has_words = |method: &str| !PIECES.contains(&method);
    let of_pieces = [
        some_methods_of(DESCRIPTORS, videos.clone().max_decoding_message_size(MOST_PIECE_BYTES), has_pieces),
        some_methods_of(DESCRIPTORS, images.clone().max_decoding_message_size(MOST_PIECE_BYTES), has_pieces),
    ];
    let of_words = [
        some_methods_of(DESCRIPTORS, videos.max_decoding_message_size(MOST_WORDS_BYTES), has_words),
        some_methods_of(DESCRIPTORS, images.max_decoding_message_size(MOST_WORDS_BYTES), has_words),
        methods_of(DESCRIPTORS, profile.max_decoding_message_size(MOST_WORDS_BYTES)),
        methods_of(DESCRIPTORS, greeter.max_decoding_message_size(MOST_WORDS_BYTES)),
    ];
    let of_pieces = of_pieces.into_iter().fold(Router::new(), Router::merge);
    let of_pieces = of_pieces.layer(from_fn_with_state(app.clone(), no_stranger));
    of_words.into_iter().fold(of_pieces, Router::merge)
}

/// Refuses whoever may not send anything, before the first message is read.
async fn no_stranger(State(app): State<App>, request: axum::extract::Request, next: Next) -> Response {
    let speaker = Speaker::by(&app, request.extensions(), request.headers()).await;
    match speaker.and_then(Speaker::or_refused) {
        Ok(_) => next.run(request).await,
        Err(status) => status.into_http(),
    }
}
