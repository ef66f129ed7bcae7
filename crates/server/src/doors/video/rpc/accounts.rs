//! Accounts by gRPC, and a greeting.

use std::net::IpAddr;

use reelmill_core::{Door, Kind, Role};
use reelmill_service::{Entrance, SignUp};
use secrecy::SecretString;
use tonic::{Request, Response, Status};

use crate::doors::video::register;
use crate::grpc::wire::healthcheck::{HelloReply, HelloRequest, greeter_server};
use crate::grpc::wire::user::{
    AuthUserReply, AuthUserRequest, Message, RegisterRequest, UserInfo, profile_server,
};
use crate::grpc::{Speaker, refusal};
use crate::http::App;

#[derive(Clone)]
pub(super) struct Accounts {
    pub(super) app: App,
}

impl Accounts {
    /// The address that tries are counted by. Who is trusted speaks for all its visitors, and one of them must not use up
    /// the tries of the others: theirs are counted by account alone.
    async fn address<T>(&self, request: &Request<T>) -> Result<Option<IpAddr>, Status> {
        let speaker = Speaker::of(&self.app, request).await?;
        Ok(speaker.peer.address.filter(|_| !speaker.is_trusted))
    }
}

#[tonic::async_trait]
impl profile_server::Profile for Accounts {
    async fn auth_user(&self, request: Request<AuthUserRequest>) -> Result<Response<AuthUserReply>, Status> {
        let entrance = Entrance { door: Door::Video, peer: self.address(&request).await? };
        let AuthUserRequest { email, password } = request.into_inner();
        let info = match self.app.service.sign_in(&email, SecretString::from(password), entrance).await {
            Ok(session) => Some(session.caller.user),
            Err(error) if error.kind == Kind::Unauthenticated => None,
            Err(error) => return Err(refusal(error)),
        };
        let info = info.map(|user| UserInfo {
            id: user.number,
            name: user.name,
            email: user.email,
            role: user.role.as_str().to_owned(),
        });
        Ok(Response::new(AuthUserReply { isuser: info.is_some(), info }))
    }

    async fn register_user(&self, request: Request<RegisterRequest>) -> Result<Response<Message>, Status> {
        let peer = self.address(&request).await?;
        let RegisterRequest { name, email, password, role: _ } = request.into_inner();
        let password = SecretString::from(password);
        let wish = SignUp { name, email, password, again: None, role: Role::Guest, peer };
        let outcome = register::outcome(self.app.service.sign_up(wish).await).map_err(refusal)?;
        Ok(Response::new(Message { message: outcome.to_owned() }))
    }
}

#[derive(Clone)]
pub(super) struct Greeter;

#[tonic::async_trait]
impl greeter_server::Greeter for Greeter {
    async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        Ok(Response::new(HelloReply { message: format!("Hello {}", request.into_inner().name) }))
    }
}
