//! The socket below the client: TLS of our own choosing, and a cord that cuts it.
//!
//! The client runs each connection on a thread of its own, which a caller who gives up would leave behind for as long
//! as the other side keeps the socket open. So the socket is made here, and whoever gives up on a connection cuts it:
//! the thread sees the end of the stream and ends.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream as CutEnd};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_compat::{Compat, CompatExt};
use async_rs::traits::{Executor, Reactor, RuntimeKit};
use async_rs::util::Task;
use async_rs::{Runtime, Tokio};
use futures_util::Stream;
use lapin::AsyncTcpStream;
use lapin::uri::AMQPUri;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::tls;

/// How long connecting the socket may take, its encryption with it.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A socket, encrypted or not.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A socket as the client takes it.
pub(super) type Socket = Compat<Box<dyn Duplex>>;

/// Cuts a connection's socket, once there is one.
#[derive(Debug, Clone, Default)]
pub(super) struct Cord(Arc<Mutex<Option<CutEnd>>>);

impl Cord {
    fn hold(&self, socket: &TcpStream) -> io::Result<()> {
        let end = CutEnd::from(socket.as_fd().try_clone_to_owned()?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
        Ok(())
    }

    /// Ends the connection, whatever it is doing.
    pub(super) fn cut(&self) {
        if let Some(end) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It may be closed already.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

/// Connects the broker's socket and hands its end to the cord.
pub(super) async fn connect(
    uri: &AMQPUri,
    is_encrypted: bool,
    cord: &Cord,
) -> io::Result<AsyncTcpStream<Socket>> {
    let (host, port) = (uri.authority.host.as_str(), uri.authority.port);
    let connecting = async {
        let socket = TcpStream::connect((host, port)).await?;
        socket.set_nodelay(true)?;
        cord.hold(&socket)?;
        let duplex: Box<dyn Duplex> =
            if is_encrypted { Box::new(encrypted(host, socket).await?) } else { Box::new(socket) };
        Ok(AsyncTcpStream::Plain(duplex.compat()))
    };
    let connected = tokio::time::timeout(CONNECT_WITHIN, connecting).await;
    connected.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer within 5 s"))?
}

async fn encrypted(host: &str, socket: TcpStream) -> io::Result<impl Duplex + use<>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let config = tls::config().map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config)).connect(name, socket).await
}

/// The runtime of the caller, with sockets of the kind above.
#[derive(Debug, Clone)]
pub(super) struct Kit(Tokio);

/// The runtime that the caller is on.
pub(super) fn runtime() -> Runtime<Kit> {
    Runtime::new(Kit(Tokio::current()))
}

impl RuntimeKit for Kit {}

impl Executor for Kit {
    type Task<T: Send + 'static> = <Tokio as Executor>::Task<T>;

    fn block_on<T, F: Future<Output = T>>(&self, future: F) -> T {
        self.0.block_on(future)
    }

    fn spawn<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        future: F,
    ) -> Task<Self::Task<T>> {
        self.0.spawn(future)
    }

    fn spawn_blocking<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        work: F,
    ) -> Task<Self::Task<T>> {
        self.0.spawn_blocking(work)
    }
}

impl Reactor for Kit {
    type TcpStream = Socket;
    type Sleep = <Tokio as Reactor>::Sleep;

    #[expect(refining_impl_trait, reason = "the trait's way to say that it cannot is not nameable here")]
    fn register<H: Read + Write + Send + 'static>(&self, _: H) -> io::Result<Socket> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let connecting = TcpStream::connect(address);
        async move { Ok((Box::new(connecting.await?) as Box<dyn Duplex>).compat()) }
    }
}
