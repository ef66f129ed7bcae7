//! The notifiers of this build.

use futures_util::FutureExt;
use reelmill_conformance::{Backend, Place};
use reelmill_core::ports::Notifier;

/// Each notifier; one that needs a server is tried where a variable names it.
pub(super) fn backends() -> Vec<Backend<dyn Notifier>> {
    vec![
        #[cfg(feature = "notifier-log")]
        Backend {
            name: "log",
            is_durable: false,
            fresh: Ok(|| {
                Place::new(|| async { reelmill_backends::notifier::open("log:").await.unwrap() }.boxed())
            }),
        },
        #[cfg(feature = "notifier-smtp")]
        Backend { name: "smtp", is_durable: false, fresh: smtp::fresh() },
    ]
}

#[cfg(feature = "notifier-smtp")]
mod smtp {
    use futures_util::FutureExt;
    use reelmill_conformance::Place;
    use reelmill_core::ports::Notifier;

    const VARIABLE: &str = "REELMILL_TEST_MAIL";

    pub(super) fn fresh() -> Result<fn() -> Place<dyn Notifier>, String> {
        match std::env::var(VARIABLE) {
            Ok(_) => Ok(|| Place::new(|| async { open().await }.boxed())),
            Err(_) => Err(format!("{VARIABLE} is not set: no mail server here")),
        }
    }

    async fn open() -> std::sync::Arc<dyn Notifier> {
        let control = std::env::var(VARIABLE).unwrap();
        let port = plain_port(control.trim_start_matches("http://"));
        let url = format!("smtp://127.0.0.1:{port}/?from=mill@mill.example&tls=none");
        reelmill_backends::notifier::open(&url).await.unwrap()
    }

    /// The port that asks for nothing, as the server's control says it.
    fn plain_port(control: &str) -> u64 {
        use std::io::{Read as _, Write as _};

        let mut stream = std::net::TcpStream::connect(control).unwrap();
        write!(stream, "GET / HTTP/1.0\r\nHost: {control}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let (_, rest) = body.split_once("\"plain\": ").unwrap();
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    }
}
