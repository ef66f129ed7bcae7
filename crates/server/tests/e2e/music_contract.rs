//! The music bot's contract, row by row: each exchange is kept as a snapshot, to the byte.

use std::fmt::Write as _;
use std::net::TcpStream;

use serde_json::Value;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::client::{Answer, Request};
use crate::exchange::Exchanges;
use crate::fountain::Fountain;
use crate::mill::{Mill, Site, until};
use crate::music::{self, Song, await_end, await_success, encoded, site, start};
use crate::session::Session;

/// Sends a request of this machine's, without a token.
fn send(mill: &Mill, method: &str, target: &str) -> Answer {
    Request::new(mill.address(), method, target).get()
}

/// Has what differs from run to run shown as words.
struct Table {
    exchanges: Exchanges,
}

impl Table {
    fn new(mill: &Mill, fountain: &Fountain, site: &Site) -> Self {
        let mut exchanges = Exchanges::of("music-bot");
        exchanges.word(fountain.host(), "fountain");
        exchanges.word(encoded(&fountain.host()), "fountain");
        exchanges.word(mill.address().to_string(), "mill");
        exchanges.word(site.data_dir().to_str().unwrap(), "data folder");
        Self { exchanges }
    }

    fn know(&mut self, song: &Song, name: &str) {
        self.exchanges.word(&song.operation, &format!("operation of {name}"));
        self.exchanges.word(&song.id, &format!("id of {name}"));
    }

    fn know_text(&mut self, value: &Value, word: &str) {
        self.exchanges.word(value.as_str().unwrap(), word);
    }

    fn row(&mut self, row: &str, mill: &Mill, method: &str, target: &str) {
        self.keep(row, &format!("{method} {target}"), send(mill, method, target));
    }

    /// Keeps an exchange without its length, which goes with the names of this run.
    fn keep(&mut self, row: &str, request: &str, answer: Answer) -> Vec<u8> {
        let mut text = format!("{request}\n\n{}\n", answer.status);
        for name in
            ["cache-control", "content-type", "retry-after", "www-authenticate", "x-content-type-options"]
        {
            if let Some(value) = answer.header(name) {
                writeln!(text, "{name}: {value}").unwrap();
            }
        }
        let body = answer.bytes();
        let told: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some(operation) = told["operation_id"].as_str() {
            self.exchanges.word(operation, "operation");
        }
        writeln!(text, "\n{}", String::from_utf8_lossy(&body)).unwrap();
        self.exchanges.keep_text(row, &text);
        body
    }
}

pub(crate) fn every_row_of_the_contract_is_answered_to_the_letter() {
    let fountain = Fountain::start();
    let site = site(&fountain);
    let mill = site.start();
    let mut table = Table::new(&mill, &fountain, &site);
    let session = mill.sign_in();

    let slow = fountain.url("/slow/song.wav?seconds=2");
    let song = start(&mill, &slow);
    table.know(&song, "the song");
    let asked = format!("operation_id={}&song_id={}", song.operation, song.id);
    for (row, path) in [
        ("status_while_it_goes_on", "/api/audio/status"),
        ("v1_status_while_it_goes_on", "/api/v1/audio/status"),
        ("v1_operation_while_it_goes_on", "/api/v1/operations/status"),
    ] {
        table.row(row, &mill, "GET", &format!("{path}?{asked}"));
    }
    fountain.open();
    let last = await_success(&mill, &song);
    know_result(&mut table, &mill, &session, &song, &last);
    table.row("status_of_a_success", &mill, "GET", &format!("/api/audio/status?{asked}"));
    table.row("v1_media", &mill, "GET", &format!("/api/v1/media?video_id={}", song.id));
    table.row("v1_media_search", &mill, "GET", "/api/v1/media/search?title=SON");
    follow(&table, &mill, &song);

    for (row, path) in [("start", "/api/audio/start"), ("v1_start", "/api/v1/audio/start")] {
        let target = format!("{path}?song={}", encoded(&slow));
        let answer = send(&mill, "POST", &target);
        let kept = table.keep(row, &format!("POST {target}"), answer);
        let body: Value = serde_json::from_slice(&kept).unwrap();
        assert_eq!(body["song_id"], song.id.as_str());
    }

    let missing = start(&mill, &fountain.url("/missing.wav"));
    table.know(&missing, "the missing");
    let failed = await_end(&mill, &missing);
    table.know_text(&failed["status"]["processing_date"], "date");
    let asked = format!("operation_id={}&song_id={}", missing.operation, missing.id);
    table.row("status_of_a_failure", &mill, "GET", &format!("/api/audio/status?{asked}"));

    refusals(&mut table, &mill, &song);
    health(&mut table, &mill);
    session.expect_no_leftovers(&site.objects());
    mill.stop();
}

fn know_result(table: &mut Table, mill: &Mill, session: &Session, song: &Song, last: &Value) {
    table.know_text(&last["status"]["processing_date"], "date");
    let library = send(mill, "GET", &format!("/api/v1/media?video_id={}", song.id)).expect(200);
    for date in ["created_at", "updated_at"] {
        table.know_text(&library["data"][date], date);
    }
    let size = &library["data"]["file_data"]["file_size"];
    table.exchanges.word(format!("\"file_size\":{size}"), "file_size");
    table.know_text(&session.all("/v1/jobs")[0]["output"]["id"], "output");
}

fn follow(table: &Table, mill: &Mill, song: &Song) {
    let url = format!("ws://{}/api/audio/ws?operation_id={}", mill.address(), song.operation);
    let stream = TcpStream::connect(mill.address()).unwrap();
    let (mut socket, answer) = tungstenite::client(url, stream).unwrap();
    let mut text =
        format!("GET /api/audio/ws?operation_id={}\n\n{}\n", song.operation, answer.status().as_u16());
    loop {
        match socket.read().unwrap() {
            Message::Text(message) => writeln!(text, "\n{message}").unwrap(),
            Message::Close(frame) => {
                let frame = frame.unwrap();
                writeln!(text, "\nclose {} {}", u16::from(frame.code), frame.reason).unwrap();
                break;
            }
            _ => {}
        }
    }
    table.exchanges.keep_text("ws_of_a_success", &text);
}

fn refusals(table: &mut Table, mill: &Mill, song: &Song) {
    let Song { operation, id } = song;
    let fresh = "0193a1b2-0000-7000-8000-000000000001";
    for (row, method, target) in [
        ("start_without_a_song", "POST", "/api/audio/start".to_owned()),
        ("v1_start_without_a_song", "POST", "/api/v1/audio/start?song=".to_owned()),
        ("start_of_what_is_not_found", "POST", "/api/audio/start?song=nothing".to_owned()),
        (
            "start_of_no_supported_address",
            "POST",
            format!("/api/audio/start?song={}", encoded("ftp://example.org/a.mp3")),
        ),
        (
            "start_of_a_playlist",
            "POST",
            format!("/api/audio/start?song={}", encoded("https://www.youtube.com/playlist?list=PL1")),
        ),
        ("start_where_the_quota_is_used_up", "POST", "/api/audio/start?song=quota".to_owned()),
        ("start_where_the_key_is_wrong", "POST", "/api/audio/start?song=badkey".to_owned()),
        ("start_where_the_source_is_down", "POST", "/api/audio/start?song=trouble".to_owned()),
        ("status_without_ids", "GET", "/api/audio/status".to_owned()),
        ("status_without_a_song", "GET", format!("/api/audio/status?operation_id={operation}")),
        ("status_without_an_operation", "GET", format!("/api/v1/operations/status?song_id={id}")),
        ("status_of_nothing", "GET", format!("/api/audio/status?operation_id={fresh}&song_id={id}")),
        (
            "status_of_another_song",
            "GET",
            format!("/api/audio/status?operation_id={operation}&song_id=another"),
        ),
        ("v1_media_without_an_id", "GET", "/api/v1/media".to_owned()),
        ("v1_media_of_nobody", "GET", "/api/v1/media?video_id=nobody".to_owned()),
        ("v1_media_search_too_short", "GET", "/api/v1/media/search?title=ab".to_owned()),
        ("v1_media_search_without_a_match", "GET", "/api/v1/media/search?title=xyz".to_owned()),
        ("ws_without_an_operation", "GET", "/api/audio/ws".to_owned()),
        ("ws_of_nothing", "GET", format!("/api/audio/ws?operation_id={fresh}")),
        ("ws_without_an_upgrade", "GET", format!("/api/audio/ws?operation_id={operation}")),
    ] {
        table.row(row, mill, method, &target);
    }
    let target = "/api/audio/start?song=nothing";
    let forwarded = || Request::new(mill.address(), "POST", target).header("x-forwarded-for", "192.0.2.7");
    let shown = format!("POST {target}\nX-Forwarded-For: 192.0.2.7");
    table.keep("start_without_a_token_from_elsewhere", &shown, forwarded().get());
    let shown = format!("GET /api/v1/media?video_id={id}\nX-Forwarded-For: 192.0.2.7");
    let library = format!("/api/v1/media?video_id={id}");
    let answer = Request::new(mill.address(), "GET", &library).header("x-forwarded-for", "192.0.2.7").get();
    table.keep("v1_media_without_a_token_from_elsewhere", &shown, answer);
}

fn health(table: &mut Table, mill: &Mill) {
    // The first look after the start may still find the source being looked for.
    until("every part is well", std::time::Duration::from_mins(1), || {
        let answer = send(mill, "GET", "/api/health").expect(200);
        (answer["status"] == "Todos los servicios son saludables.").then_some(())
    });
    table.row("health", mill, "GET", "/api/health");
    table.row("v1_health", mill, "GET", "/api/v1/health");
}

pub(crate) fn the_websocket_tells_each_change_and_closes_behind_the_last() {
    let fountain = Fountain::start();
    let site = site(&fountain);
    let mill = site.start();
    let song = start(&mill, &fountain.url("/slow/song.wav?seconds=20"));
    let url = format!("ws://{}/api/audio/ws?operation_id={}", mill.address(), song.operation);
    let (mut socket, _) = tungstenite::client(url, TcpStream::connect(mill.address()).unwrap()).unwrap();
    let mut told: Vec<Value> = Vec::new();
    let closed = loop {
        match socket.read().unwrap() {
            Message::Text(message) => told.push(serde_json::from_str(&message).unwrap()),
            Message::Close(frame) => break u16::from(frame.unwrap().code),
            _ => {}
        }
        if told.last().is_some_and(|message| message["progress"].as_f64().unwrap() > 0.3) {
            fountain.open();
        }
    };
    assert_eq!(closed, 1000);
    assert_eq!(told[0]["status"]["status"], "iniciando");
    let last = told.last().unwrap();
    assert_eq!((&last["status"]["status"], last["progress"].as_f64()), (&"success".into(), Some(1.0)));
    let progress: Vec<f64> = told.iter().map(|message| message["progress"].as_f64().unwrap()).collect();
    assert!(progress.is_sorted(), "{progress:?}");
    assert_eq!(last["status"], music::status(&mill, &song)["status"]);
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}

pub(crate) fn the_contracts_variables_count_as_a_whole_set_alone() {
    let site = Site::new();
    let set = [
        ("BUCKET_NAME", "songs"),
        ("REGION", "us-east-1"),
        ("YOUTUBE_API_KEY", "a-secret-key"),
        ("DYNAMODB_TABLE_NAME_SONGS", "Songs"),
        ("DYNAMODB_TABLE_NAME_OPERATION", "Operations"),
        ("ACCESS_KEY", "AKIA-secret"),
        ("SECRET_KEY", "wJalr-secret"),
        ("JWT_SECRET", "a secret of at least thirty-two bytes"),
    ];
    let served = site.command().envs(set).output().unwrap();
    let said = String::from_utf8_lossy(&served.stderr).into_owned();
    assert_eq!(served.status.code(), Some(1), "{said}");
    assert!(said.contains("DynamoDB"), "{said}");
    assert!(!said.contains("secret-key") && !said.contains("AKIA") && !said.contains("wJalr"), "{said}");

    let site = set[2..].iter().fold(site, |site, (name, value)| site.variable(name, value));
    let mill = site.start();
    until("it warns", std::time::Duration::from_secs(20), || {
        mill.said().contains("BUCKET_NAME, REGION").then_some(())
    });
    mill.sign_in().expect_no_leftovers(&site.objects());
    mill.stop();
}
