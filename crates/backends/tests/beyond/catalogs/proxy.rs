//! A way to a server that can fall silent or break.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Passes bytes on, until it is told otherwise.
#[derive(Debug)]
pub(crate) struct Proxy {
    url: String,
    way: Arc<Way>,
}

#[derive(Debug)]
struct Way {
    /// Connections that are there pass nothing on any more, and do not say so.
    is_silent: AtomicBool,
    /// How many times what a client says is still passed on before its connection is cut.
    left: AtomicUsize,
}

impl Proxy {
    /// One before the server of that URL.
    pub(crate) async fn before(url: &str) -> Self {
        let mut url: url::Url = url.parse().unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let way = Arc::new(Way { is_silent: AtomicBool::new(false), left: AtomicUsize::new(usize::MAX) });
        tokio::spawn(serve(listener, server, Arc::clone(&way)));
        Self { url: url.into(), way }
    }

    /// The URL that leads through it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Lets every connection that is there fall silent; later ones are passed on.
    pub(crate) fn silence(&self) {
        self.way.is_silent.store(true, Ordering::SeqCst);
    }

    /// Cuts everything once clients have said so much more.
    pub(crate) fn cut_after(&self, messages: usize) {
        self.way.left.store(messages, Ordering::SeqCst);
    }
}

async fn serve(listener: TcpListener, server: String, way: Arc<Way>) {
    while let Ok((client, _)) = listener.accept().await {
        let was_silent = way.is_silent.load(Ordering::SeqCst);
        let server = TcpStream::connect(&server).await.unwrap();
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::spawn(pass(from_client, to_server, Arc::clone(&way), was_silent, true));
        tokio::spawn(pass(from_server, to_client, Arc::clone(&way), was_silent, false));
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: Arc<Way>,
    was_silent: bool,
    counts: bool,
) {
    let mut bytes = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if !was_silent && way.is_silent.load(Ordering::SeqCst) {
            // Open, and nothing comes of it.
            return std::future::pending().await;
        }
        let count_down = |left: usize| left.checked_sub(usize::from(counts && left != usize::MAX));
        if way.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count_down).is_err() {
            break;
        }
        if to.write_all(&bytes[..length]).await.is_err() {
            break;
        }
    }
}
