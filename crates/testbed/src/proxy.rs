//! A TCP proxy that does what networks do, on demand.
//!
//! It runs on a thread and a runtime of its own, so that a test may block or drive its own runtime as it likes. Every
//! fault is in force when the call that asks for it returns.

mod connection;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use connection::{End, Passage};
use rules::Rules;

/// A listener on a port of 127.0.0.1 whose connections go on to a target, through whatever faults are in force.
#[derive(Debug)]
pub struct Proxy {
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Listens; none while connections are refused.
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    rules: watch::Sender<Rules>,
    open: Mutex<HashMap<u64, Open>>,
    connections: AtomicU64,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
}

/// The two ends by which a connection is held.
#[derive(Debug)]
struct Open {
    /// Ends it.
    end: oneshot::Sender<End>,
    /// Disconnected when it is over.
    over: mpsc::Receiver<()>,
}

impl Proxy {
    /// Listens on a free port, without faults, for connections to `target`.
    pub fn start(target: SocketAddr) -> io::Result<Self> {
        let port = crate::port::free(1)?[0];
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("fault-proxy")
            .enable_all()
            .build()?;
        let shared = Shared {
            target,
            rules: watch::Sender::new(Rules::default()),
            open: Mutex::default(),
            connections: AtomicU64::default(),
            bytes_up: AtomicU64::default(),
            bytes_down: AtomicU64::default(),
        };
        let proxy = Self {
            runtime: Some(runtime),
            shared: Arc::new(shared),
            address: (Ipv4Addr::LOCALHOST, port).into(),
            acceptor: Mutex::default(),
        };
        proxy.listen()?;
        Ok(proxy)
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of [`address`](Self::address).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Ends every fault. Bytes that a stall held back go on; connections that were ended stay ended.
    pub fn clean(&self) -> io::Result<()> {
        self.shared.rules.send_replace(Rules::default());
        self.listen()
    }

    /// Lets each byte arrive so much later: `up` on its way to the target, `down` on its way back.
    pub fn delay(&self, up: Duration, down: Duration) {
        self.shared.rules.send_modify(|rules| (rules.delay_up, rules.delay_down) = (up, down));
    }

    /// Lets so many bytes a second pass in each direction of each connection.
    pub fn throttle(&self, bytes_per_second: u64) {
        self.shared.rules.send_modify(|rules| rules.bytes_per_second = Some(bytes_per_second.max(1)));
    }

    /// Lets nothing pass and closes nothing, as a network does that swallows packets: old connections fall silent,
    /// new ones are accepted and hear nothing. What was sent is delivered when the stall ends.
    pub fn stall(&self) {
        self.shared.rules.send_modify(|rules| rules.is_stalled = true);
    }

    /// Closes every open connection, both ends. Later ones are let be.
    pub fn cut(&self) {
        self.end_all(End::Close);
    }

    /// Resets every open connection, both ends: whoever reads or writes gets an error. Later ones are let be.
    pub fn reset(&self) {
        self.end_all(End::Reset);
    }

    /// Closes each connection, open or to come, once so many bytes of it have passed, both directions counted.
    pub fn cut_after(&self, bytes: u64) {
        self.shared.rules.send_modify(|rules| rules.cut_after = Some((bytes, End::Close)));
    }

    /// As [`cut_after`](Self::cut_after), with a reset.
    pub fn reset_after(&self, bytes: u64) {
        self.shared.rules.send_modify(|rules| rules.cut_after = Some((bytes, End::Reset)));
    }

    /// Closes the listener: who connects is refused. Open connections are let be.
    pub fn refuse(&self) {
        if let Some(acceptor) = locked(&self.acceptor).take() {
            acceptor.abort();
            let (gone, wait) = mpsc::channel::<()>();
            self.runtime().spawn(async move {
                // It was aborted, so this is an error, and its listener is closed.
                let _ = acceptor.await;
                drop(gone);
            });
            let _ = wait.recv();
        }
    }

    /// How many connections were accepted since the start.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How many connections are open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        locked(&self.shared.open).len()
    }

    /// How many bytes have passed to the target since the start.
    #[must_use]
    pub fn bytes_up(&self) -> u64 {
        self.shared.bytes_up.load(Ordering::Relaxed)
    }

    /// How many bytes have passed from the target since the start.
    #[must_use]
    pub fn bytes_down(&self) -> u64 {
        self.shared.bytes_down.load(Ordering::Relaxed)
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is taken by the drop alone")
    }

    /// Listens, unless it does.
    fn listen(&self) -> io::Result<()> {
        let mut acceptor = locked(&self.acceptor);
        if acceptor.is_none() {
            let listener = std::net::TcpListener::bind(self.address)?;
            listener.set_nonblocking(true)?;
            let _within = self.runtime().enter();
            let listener = TcpListener::from_std(listener)?;
            *acceptor = Some(tokio::spawn(accept(listener, Arc::clone(&self.shared))));
        }
        Ok(())
    }

    fn end_all(&self, end: End) {
        let open: Vec<Open> = locked(&self.shared.open).drain().map(|(_, open)| open).collect();
        let ending: Vec<mpsc::Receiver<()>> = open
            .into_iter()
            .map(|open| {
                // One that is just over does not listen any more.
                let _ = open.end.send(end);
                open.over
            })
            .collect();
        for over in ending {
            let _ = over.recv();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for it is not allowed where another runtime runs this.
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // Out of descriptors, say: the client waits in the backlog.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let number = shared.connections.fetch_add(1, Ordering::Relaxed);
        let (end, ended) = oneshot::channel();
        let (running, over) = mpsc::channel();
        locked(&shared.open).insert(number, Open { end, over });
        let passage = Passage { client, shared: Arc::clone(&shared), number };
        tokio::spawn(async move {
            passage.run(ended).await;
            drop(running);
        });
    }
}

/// The map of open connections is as good after a panic as before.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
