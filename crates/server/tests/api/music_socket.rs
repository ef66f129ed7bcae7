//! An operation followed by WebSocket, on real connections.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use reelmill::http::{Settings, Trust, serve};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use crate::mill::Mill;
use crate::music::{one_job, settings, start};

struct Served {
    mill: Mill,
    address: SocketAddr,
}

type Socket = WebSocketStream<TcpStream>;

impl Served {
    async fn new(settings: Settings) -> Self {
        let mill = Mill::with(settings, true).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, mill.router.clone(), CancellationToken::new()));
        Self { mill, address }
    }

    async fn open(&self, path: &str, headers: &[(&'static str, &str)]) -> Result<(Socket, Response), Error> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        tokio_tungstenite::client_async(request, stream).await
    }

    async fn follow(&self, operation: &str) -> Socket {
        self.open(&format!("/api/audio/ws?operation_id={operation}"), &[]).await.unwrap().0
    }

    /// The status and body of an opening that must be refused.
    async fn refused(&self, path: &str, headers: &[(&'static str, &str)]) -> (u16, Value) {
        match self.open(path, headers).await {
            Err(Error::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                (answer.status().as_u16(), serde_json::from_slice(body).unwrap_or_default())
            }
            other => panic!("{other:?}"),
        }
    }
}

/// What comes next; `Err` is how it was closed.
async fn next(socket: &mut Socket) -> Result<Value, (u16, String)> {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return Ok(serde_json::from_str(&text).unwrap()),
            Message::Close(frame) => {
                let frame = frame.unwrap();
                return Err((u16::from(frame.code), frame.reason.to_string()));
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_client_is_told_at_once_at_each_change_and_at_the_end() {
    let served = Served::new(settings()).await;
    let ids = start(&served.mill, "slow song").await;
    let mut socket = served.follow(&ids.0).await;
    let mut told = vec![next(&mut socket).await.unwrap()];
    let first = &told[0];
    assert_eq!((&first["status"]["status"], &first["status"]["id"]), (&json!("iniciando"), &json!(ids.0)));
    assert_eq!(first.as_object().unwrap().len(), 2, "{first}");
    while told.last().unwrap()["progress"] != 0.35 {
        told.push(next(&mut socket).await.unwrap());
    }
    served.mill.spring.is_let_go.store(true, Ordering::Relaxed);
    let closed = loop {
        match next(&mut socket).await {
            Ok(message) => told.push(message),
            Err(closed) => break closed,
        }
    };
    assert_eq!(closed.0, u16::from(CloseCode::Normal));
    let last = told.last().unwrap();
    assert_eq!((&last["status"]["status"], &last["progress"]), (&json!("success"), &json!(1.0)), "{last}");
    let progress: Vec<f64> = told.iter().map(|message| message["progress"].as_f64().unwrap()).collect();
    assert!(progress.is_sorted(), "{progress:?}");
    assert!(told.windows(2).all(|pair| pair[0] != pair[1]), "the same twice: {told:?}");

    let mut late = served.follow(&ids.0).await;
    assert_eq!(&next(&mut late).await.unwrap(), last);
    assert_eq!(next(&mut late).await.unwrap_err().0, 1000);
    served.mill.stop().await;
}

#[tokio::test]
async fn a_failure_is_the_last_message_and_says_why() {
    let served = Served::new(settings()).await;
    let ids = start(&served.mill, "broken removed").await;
    let mut socket = served.follow(&ids.0).await;
    let mut last = Value::Null;
    while let Ok(message) = next(&mut socket).await {
        last = message;
    }
    assert_eq!(last["error"], "El video ya no está disponible en la fuente", "{last}");
    assert_eq!((&last["operation_id"], &last["status"]["success"]), (&json!(ids.0), &json!(false)));
    served.mill.stop().await;
}

#[tokio::test]
async fn no_more_than_four_messages_come_in_a_second() {
    let served = Served::new(settings()).await;
    let ids = start(&served.mill, "slow song").await;
    let mut socket = served.follow(&ids.0).await;
    let mut came = Vec::new();
    next(&mut socket).await.unwrap();
    came.push(Instant::now());
    served.mill.spring.is_let_go.store(true, Ordering::Relaxed);
    while next(&mut socket).await.is_ok() {
        came.push(Instant::now());
    }
    assert!(came.len() >= 2);
    for pair in came.windows(2) {
        // The network may delay one and not the next.
        assert!(pair[1] - pair[0] > Duration::from_millis(200), "{came:?}");
    }
    served.mill.stop().await;
}

#[tokio::test]
async fn a_stop_ends_every_socket_with_its_own_code() {
    let served = Served::new(settings()).await;
    let ids = start(&served.mill, "slow song").await;
    let mut socket = served.follow(&ids.0).await;
    next(&mut socket).await.unwrap();
    served.mill.app.draining.cancel();
    let closed = loop {
        if let Err(closed) = next(&mut socket).await {
            break closed;
        }
    };
    assert_eq!(closed, (1001, "el proceso se está deteniendo".to_owned()));
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place_and_harms_nothing() {
    let served = Served::new(settings()).await;
    let ids = start(&served.mill, "slow song").await;
    for _ in 0..600 {
        let mut socket = served.follow(&ids.0).await;
        socket.close(None).await.unwrap();
        while socket.next().await.is_some_and(|left| left.is_ok()) {}
    }
    served.mill.spring.is_let_go.store(true, Ordering::Relaxed);
    let mut socket = served.follow(&ids.0).await;
    let mut last = Value::Null;
    while let Ok(message) = next(&mut socket).await {
        last = message;
    }
    assert_eq!(last["status"]["success"], true, "{last}");
    served.mill.stop().await;
}

#[tokio::test]
async fn as_many_follow_as_there_is_room_for() {
    let served = Served::new(settings()).await;
    let ids = start(&served.mill, "slow song").await;
    let mut open = Vec::new();
    for _ in 0..512 {
        open.push(served.follow(&ids.0).await);
    }
    let (status, body) = served.refused(&format!("/api/v1/audio/ws?operation_id={}", ids.0), &[]).await;
    assert_eq!(status, 503, "{body}");
    drop(open);
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_connection() {
    let served = Served::new(settings()).await;
    let ids = start(&served.mill, "slow song").await;
    let mut socket = served.follow(&ids.0).await;
    next(&mut socket).await.unwrap();
    socket.send(Message::text("x".repeat(5000))).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        assert!(!matches!(message, Message::Text(_)), "{message:?}");
    }
}

#[tokio::test]
async fn who_follows_proves_it_by_header_or_protocol() {
    let served = Served::new(Settings { audio_trust: Trust::Nobody, ..settings() }).await;
    let token = served.mill.member("ann").await;
    let path = {
        let ask = crate::mill::Ask::post("/api/audio/start?song=slow").bearer(&token);
        let started = served.mill.call(ask).await.json();
        format!("/api/audio/ws?operation_id={}", started["operation_id"].as_str().unwrap())
    };
    let bearer = format!("Bearer {token}");
    let (_, answer) = served.open(&path, &[("authorization", &bearer)]).await.unwrap();
    assert!(!answer.headers().contains_key("sec-websocket-protocol"));
    let protocols = format!("reelmill.bearer, {token}");
    let (_, answer) = served.open(&path, &[("sec-websocket-protocol", &protocols)]).await.unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], "reelmill.bearer");

    let cookie = format!("reelmill_session={token}");
    let in_address = format!("{path}&token={token}");
    for (path, headers) in [
        (&path, vec![]),
        (&path, vec![("authorization", "Bearer nonsense")]),
        (&path, vec![("sec-websocket-protocol", "reelmill.bearer, nonsense")]),
        (&path, vec![("cookie", cookie.as_str())]),
        (&in_address, vec![]),
    ] {
        let (status, body) = served.refused(path, &headers).await;
        assert_eq!(status, 401, "{headers:?}");
        assert_eq!(body, json!({"error": "Se necesita un token o una clave de API válida"}));
    }
}

#[tokio::test]
async fn an_opening_that_is_wrong_is_refused_in_words() {
    let served = Served::new(settings()).await;
    let ids = start(&served.mill, "slow song").await;
    let missing = json!({"error": "Falta el parámetro 'operation_id'"});
    assert_eq!(served.refused("/api/audio/ws", &[]).await, (400, missing));
    let unknown = json!({"error": "error al obtener la operación: resultado de operación no encontrado"});
    for id in ["0193a1b2-0000-7000-8000-000000000001", "x"] {
        assert_eq!(
            served.refused(&format!("/api/audio/ws?operation_id={id}"), &[]).await,
            (404, unknown.clone())
        );
    }
    let path = format!("/api/audio/ws?operation_id={}", ids.0);
    let (status, body) = served.refused(&path, &[("origin", "https://evil.example")]).await;
    assert_eq!((status, &body["type"]), (403, &json!("/problems/foreign-origin")));
    let plain = crate::mill::Ask::get(&path).peer("127.0.0.1:5");
    let answer = served.mill.call(plain).await;
    assert_eq!(answer.json(), json!({"error": "Esta dirección solo atiende conexiones WebSocket"}));
    assert!(answer.status.is_client_error(), "{answer:?}");
    assert_eq!(one_job(&served.mill).await.attempt, 1);
}
