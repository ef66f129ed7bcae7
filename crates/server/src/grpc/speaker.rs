//! Who calls by gRPC: a token or API key in the metadata, or a program on this machine that is taken at its word.

use axum::http::header::AUTHORIZATION;
use axum::http::{Extensions, HeaderMap};
use reelmill_core::Kind;
use reelmill_service::{Caller, Error};
use tonic::{Request, Status};

use super::refusal;
use crate::http::{App, Peer, bearer};

/// Who calls.
pub(crate) struct Speaker {
    /// Whose token came, where one did.
    pub(crate) caller: Option<Caller>,
    /// Whether the peer may say for whom it calls: the setting `video_grpc`.
    pub(crate) is_trusted: bool,
    /// Where the call comes from.
    pub(crate) peer: Peer,
}

impl Speaker {
    /// The caller of `request`.
    ///
    /// # Errors
    /// UNAUTHENTICATED for a token that is wrong: whoever sends one means it.
    pub(crate) async fn of<T>(app: &App, request: &Request<T>) -> Result<Self, Status> {
        Self::by(app, request.extensions(), request.metadata().as_ref()).await
    }

    /// The caller of a request with these extensions and headers.
    pub(crate) async fn by(app: &App, extensions: &Extensions, headers: &HeaderMap) -> Result<Self, Status> {
        let peer = Peer::of(app, extensions, headers);
        let caller = if headers.contains_key(AUTHORIZATION) {
            let token = bearer(headers).ok_or_else(|| {
                nobody("the metadata authorization must be `Bearer` and a token or an API key")
            })?;
            Some(app.service.authenticate(token).await.map_err(refusal)?)
        } else {
            None
        };
        Ok(Self { caller, is_trusted: app.settings.video_trust.reaches(peer), peer })
    }

    /// Refuses whoever is neither known nor trusted, before their bytes are read.
    pub(crate) fn or_refused(self) -> Result<Self, Status> {
        if self.caller.is_some() || self.is_trusted {
            Ok(self)
        } else {
            Err(nobody("sign in, and send the token"))
        }
    }
}

fn nobody(detail: &str) -> Status {
    refusal(Error::new(Kind::Unauthenticated, "not-signed-in", detail))
}
