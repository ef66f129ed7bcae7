//! The music bot's contract, row by row and error by error.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use reelmill::http::{Settings, Trust};
use reelmill_core::ports::{ByteStream, Handout, JobFilter, ObjectWriter, Objects, ObjectsError, PageQuery};
use reelmill_core::{Key, Role};
use serde_json::{Value, json};

use crate::mill::{Answer, Ask, Mill};
use crate::spring::OBSTACLES;

const HERE: &str = "127.0.0.1:50000";

/// What songs become here: a format whose files are small and made quickly.
pub(crate) fn settings() -> Settings {
    Settings { audio_profile: "flac".to_owned(), ..Settings::default() }
}

pub(crate) async fn turning() -> Mill {
    Mill::with(settings(), true).await
}

impl Answer {
    /// Checks that it is JSON as this contract has it.
    #[track_caller]
    fn contract(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/json; charset=utf-8");
        self.json()
    }
}

fn encoded(text: &str) -> String {
    text.bytes().flat_map(|byte| format!("%{byte:02x}").into_bytes()).map(char::from).collect()
}

/// Asks for a song; the ids of the operation and the song.
pub(crate) async fn start(mill: &Mill, song: &str) -> (String, String) {
    let path = format!("/api/audio/start?song={}", encoded(song));
    let started = mill.call(Ask::post(&path).peer(HERE)).await.contract(200);
    assert_eq!(started.as_object().unwrap().len(), 2, "{started}");
    let id = |name: &str| started[name].as_str().unwrap().to_owned();
    (id("operation_id"), id("song_id"))
}

async fn status(mill: &Mill, (operation, song): &(String, String)) -> Value {
    let path = format!("/api/audio/status?operation_id={operation}&song_id={song}");
    mill.call(Ask::get(&path).peer(HERE)).await.contract(200)
}

/// The status once it is the last.
async fn ended(mill: &Mill, ids: &(String, String)) -> Value {
    loop {
        let answer = status(mill, ids).await;
        if answer["status"]["status"] != "iniciando" {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_song_is_begun_at_once_and_its_status_tells_where_it_is() {
    let mill = turning().await;
    let ids = start(&mill, "slow song").await;
    let begun = status(&mill, &ids).await;
    let expected = json!({"status": {
        "id": ids.0, "song_id": ids.1, "status": "iniciando", "message": "", "data": "", "processing_date": "",
        "success": false, "attempts": 0, "failures": 0
    }});
    assert_eq!(begun, expected);

    mill.spring.is_let_go.store(true, Ordering::Relaxed);
    let done = ended(&mill, &ids).await;
    let job = one_job(&mill).await;
    let outputs = mill.catalog.outputs_of(job.media_id.unwrap()).await.unwrap();
    let uri = format!("memory:/audio/The%20slow%20song-{}.flac", outputs[0].id);
    let date = job.finished_at().unwrap().to_string();
    let expected = json!({"status": {
        "id": ids.0, "song_id": ids.1, "status": "success", "message": "Procesamiento exitoso",
        "data": format!("Archivo guardado en S3: {uri}"), "processing_date": date, "success": true, "attempts": 1,
        "failures": 0
    }});
    assert_eq!(done, expected);
    mill.stop().await;
}

pub(crate) async fn one_job(mill: &Mill) -> reelmill_core::Job {
    let query = PageQuery { limit: 10, after: None };
    let mut jobs = mill.catalog.jobs(JobFilter::default(), query).await.unwrap().items;
    assert_eq!(jobs.len(), 1);
    jobs.remove(0)
}

#[tokio::test]
async fn the_same_calls_are_under_api_v1() {
    let mill = turning().await;
    let started = mill.call(Ask::post("/api/v1/audio/start?song=tune").peer(HERE)).await.contract(200);
    let ids = ["operation_id", "song_id"].map(|name| started[name].as_str().unwrap().to_owned());
    let ids = (ids[0].clone(), ids[1].clone());
    let last = ended(&mill, &ids).await;
    for path in ["/api/v1/audio/status", "/api/v1/operations/status"] {
        let path = format!("{path}?operation_id={}&song_id={}", ids.0, ids.1);
        assert_eq!(mill.call(Ask::get(&path).peer(HERE)).await.contract(200), last);
        let missing = path.split_once('?').unwrap().0;
        let said = mill.call(Ask::get(missing).peer(HERE)).await.contract(400);
        assert_eq!(said, json!({"error": "Faltan los parámetros 'operationID' y/o 'songID'"}));
    }
    let health = mill.call(Ask::get("/api/health")).await.contract(200);
    assert_eq!(mill.call(Ask::get("/api/v1/health")).await.contract(200), health);
    mill.stop().await;
}

#[tokio::test]
async fn what_is_missing_is_told_in_the_contracts_words() {
    let mill = Mill::with(settings(), false).await;
    for path in [
        "/api/audio/start",
        "/api/audio/start?song=",
        "/api/audio/start?song=%20",
        "/api/audio/start?title=x",
    ] {
        let said = mill.call(Ask::post(path).peer(HERE)).await.contract(400);
        assert_eq!(said, json!({"error": "Falta el parametro 'song'"}), "{path}");
    }
    let ids = start(&mill, "song").await;
    for query in [
        String::new(),
        format!("operation_id={}", ids.0),
        format!("song_id={}", ids.1),
        "operation_id=&song_id=".to_owned(),
    ] {
        let said = mill.call(Ask::get(&format!("/api/audio/status?{query}")).peer(HERE)).await.contract(400);
        assert_eq!(said, json!({"error": "Faltan los parámetros 'operationID' y/o 'songID'"}), "{query}");
    }
    for (operation, song) in
        [(ids.0.as_str(), "another"), ("0193a1b2-0000-7000-8000-000000000001", &ids.1), ("no id", &ids.1)]
    {
        let path = format!("/api/audio/status?operation_id={}&song_id={song}", encoded(operation));
        let said = mill.call(Ask::get(&path).peer(HERE)).await.contract(404);
        let expected = "error al obtener la operación: resultado de operación no encontrado";
        assert_eq!(said, json!({"error": expected}));
    }
    for song in ["two\nlines".to_owned(), "x".repeat(2049)] {
        let path = format!("/api/audio/start?song={}", encoded(&song));
        let said = mill.call(Ask::post(&path).peer(HERE)).await.contract(400);
        assert!(said["error"].as_str().unwrap().contains("2048 bytes"), "{said}");
    }
    let twice = mill.call(Ask::post("/api/audio/start?song=a&song=b").peer(HERE)).await.contract(400);
    assert_eq!(twice, json!({"error": "La petición no es válida"}));
}

#[tokio::test]
async fn every_obstacle_has_its_status_and_its_sentence() {
    let mill = Mill::with(settings(), false).await;
    let mut said = Vec::new();
    for (word, _) in OBSTACLES {
        let path = format!("/api/audio/start?song=blocked%20{word}");
        let answer = mill.call(Ask::post(&path).peer(HERE)).await;
        let body = answer.contract(answer.status.as_u16());
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        let retry = answer.headers.get("retry-after").map_or("", |_| ", Retry-After");
        said.push(format!("{word}: {}{retry} {}", answer.status.as_u16(), body["error"].as_str().unwrap()));
    }
    insta::assert_snapshot!(said.join("\n"));
    mill.is_empty().await;
}

#[tokio::test]
async fn a_song_that_cannot_be_fetched_is_failed_with_its_reason_beside() {
    let mill = turning().await;
    let ids = start(&mill, "broken private").await;
    let failed = ended(&mill, &ids).await;
    let date = one_job(&mill).await.finished_at().unwrap().to_string();
    let expected = json!({
        "operation_id": ids.0, "error": "El video es privado o solo está disponible para miembros",
        "status": {
            "id": ids.0, "song_id": ids.1, "status": "failed",
            "message": "Fallo en el procesamiento después de varios intentos", "data": "Fallos: 1",
            "processing_date": date, "success": false, "attempts": 1, "failures": 1
        }
    });
    assert_eq!(failed, expected);
    mill.is_settled().await;

    let ids = start(&mill, "broken unreachable").await;
    let failed = ended(&mill, &ids).await;
    assert_eq!((&failed["status"]["data"], &failed["status"]["attempts"]), (&json!("Fallos: 3"), &json!(3)));
    let ids = start(&mill, "rubbish").await;
    let failed = ended(&mill, &ids).await;
    assert_eq!(failed["error"], "El formato del archivo no es compatible", "{failed}");
    mill.is_settled().await;
    mill.stop().await;
}

#[tokio::test]
async fn a_song_that_was_cancelled_or_deleted_is_failed() {
    let mill = turning().await;
    let admin = mill.account("root", Role::Admin).await;
    let ids = start(&mill, "slow song").await;
    let job = one_job(&mill).await;
    mill.call(Ask::post(&format!("/v1/jobs/{}/cancel", job.id)).bearer(&admin)).await;
    let cancelled = ended(&mill, &ids).await;
    assert_eq!(cancelled["error"], "La operación fue cancelada", "{cancelled}");
    mill.is_settled().await;

    mill.spring.is_let_go.store(true, Ordering::Relaxed);
    let ids = start(&mill, "slow song").await;
    assert_eq!(ended(&mill, &ids).await["status"]["success"], true);
    let song = mill.catalog.song_by_source(&ids.1).await.unwrap().unwrap();
    let media = mill.catalog.job(song.job).await.unwrap().unwrap().media_id.unwrap();
    assert_eq!(mill.call(Ask::delete(&format!("/v1/media/{media}")).bearer(&admin)).await.status, 204);
    let deleted = status(&mill, &ids).await;
    assert_eq!(deleted["error"], "El archivo de la canción fue eliminado; pídela de nuevo", "{deleted}");
    assert_eq!(deleted["status"]["data"], "Fallos: 0");
    assert!(deleted["status"]["processing_date"].as_str().unwrap().ends_with('Z'), "{deleted}");
    // Asked for again, it is made again.
    let again = start(&mill, "slow song").await;
    assert_eq!(ended(&mill, &again).await["status"]["success"], true);
    mill.stop().await;
}

#[tokio::test]
async fn only_programs_on_this_machine_call_without_a_token() {
    let mill = Mill::with(settings(), false).await;
    let token = mill.member("ann").await;
    let guest = mill.account("eve", Role::Guest).await;
    let key = mill.call(Ask::post("/v1/keys").bearer(&token).json(&json!({"name": "bot"}))).await.json();
    let cookie = format!("reelmill_session={token}");
    let ask = || Ask::post("/api/audio/start?song=song");
    for (what, asked) in [
        ("no peer", ask()),
        ("another machine", ask().peer("192.0.2.7:5")),
        ("a proxy here", ask().peer(HERE).header("x-forwarded-for", "127.0.0.1")),
        ("a proxy here", ask().peer(HERE).header("forwarded", "for=127.0.0.1")),
        ("a wrong token", ask().peer(HERE).bearer("nonsense")),
        ("another scheme", ask().peer(HERE).basic("ann", crate::mill::PASSWORD)),
        (
            "a cookie",
            ask().peer("192.0.2.7:5").header("cookie", &cookie).header("sec-fetch-site", "same-origin"),
        ),
    ] {
        let answer = mill.call(asked).await;
        assert_eq!(
            answer.contract(401),
            json!({"error": "Se necesita un token o una clave de API válida"}),
            "{what}"
        );
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    for token in [token.as_str(), key["key"].as_str().or(key["secret"].as_str()).unwrap()] {
        mill.call(ask().peer("192.0.2.7:5").bearer(token)).await.contract(200);
    }
    let said = mill.call(ask().peer(HERE).bearer(&guest)).await.contract(403);
    assert_eq!(said, json!({"error": "La cuenta no tiene permiso para esta operación"}));

    let closed = Mill::with(Settings { audio_trust: Trust::Nobody, ..settings() }, false).await;
    for path in [
        "/api/audio/status?operation_id=x&song_id=y",
        "/api/v1/media?video_id=x",
        "/api/v1/media/search?title=abc",
    ] {
        assert_eq!(closed.call(Ask::get(path).peer(HERE)).await.status, 401, "{path}");
    }
    assert_eq!(closed.call(Ask::get("/api/health")).await.status, 200);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_start_a_song() {
    let mill = Mill::with(settings(), false).await;
    let foreign = Ask::post("/api/audio/start?song=song").peer(HERE).header("origin", "https://evil.example");
    mill.call(foreign).await.problem(403, "foreign-origin");
    mill.is_empty().await;
}

#[tokio::test]
async fn the_library_is_looked_up_by_id_and_by_title() {
    let mill = turning().await;
    let ids = start(&mill, "Slow Song").await;
    let by_id = format!("/api/v1/media?video_id={}", ids.1);
    let before = mill.call(Ask::get(&by_id).peer(HERE)).await.contract(200);
    assert_eq!(before["data"]["status"], "iniciando", "{before}");
    assert_eq!(before["data"]["processing_date"], "0001-01-01T00:00:00Z");
    mill.spring.is_let_go.store(true, Ordering::Relaxed);
    ended(&mill, &ids).await;
    start(&mill, "Slow Song").await;

    let found = mill.call(Ask::get(&by_id).peer(HERE)).await.contract(200);
    let song = mill.catalog.song_by_source(&ids.1).await.unwrap().unwrap();
    let job = one_job(&mill).await;
    let output = mill.catalog.outputs_of(job.media_id.unwrap()).await.unwrap().remove(0);
    let expected = json!({"data": {
        "video_id": ids.1, "title_lower": "the slow song", "status": "success", "message": "Procesamiento exitoso",
        "metadata": {
            "title": "The Slow Song", "duration_ms": 500, "url": song.found.url,
            "thumbnail_url": "https://spring.example/picture.jpg", "platform": "Youtube"
        },
        "file_data": {
            "file_path": format!("memory:/audio/The%20Slow%20Song-{}.flac", output.id),
            "file_size": output.size_bytes.to_string(), "file_type": "audio/flac"
        },
        "processing_date": job.finished_at().unwrap().to_string(), "success": true, "attempts": 1, "failures": 0,
        "created_at": song.created_at.to_string(), "updated_at": song.updated_at.to_string(), "play_count": 1
    }, "success": true});
    assert_eq!(found, expected);

    for title in ["the", "THE%20SLOW", "the%20slow%20song"] {
        let path = format!("/api/v1/media/search?title={title}");
        let list = mill.call(Ask::get(&path).peer(HERE)).await.contract(200);
        assert_eq!(list, json!({"data": [found["data"]], "success": true}), "{title}");
    }
    let none = mill.call(Ask::get("/api/v1/media/search?title=xyz").peer(HERE)).await.contract(200);
    assert_eq!(none, json!({"data": [], "success": true}));
    // Two letters, three bytes.
    assert_eq!(mill.call(Ask::get("/api/v1/media/search?title=%C3%B1a").peer(HERE)).await.status, 200);
    mill.stop().await;
}

#[tokio::test]
async fn the_library_refuses_in_its_own_shape() {
    let mill = Mill::with(settings(), false).await;
    let refused = |code: &str, message: &str, id: &str| json!({"error": {"code": code, "message": message, "video_id": id}, "success": false});
    let asked = |path: &str| mill.call(Ask::get(path).peer(HERE));
    let said = asked("/api/v1/media?video_id=nobody").await.contract(404);
    let unknown = "No hay ninguna canción con ese 'video_id' en la biblioteca";
    assert_eq!(said, refused("media_not_found", unknown, "nobody"));
    for path in ["/api/v1/media", "/api/v1/media?video_id="] {
        let said = asked(path).await.contract(400);
        assert_eq!(said, refused("invalid_request", "Falta el parámetro 'video_id'", ""));
    }
    for path in
        ["/api/v1/media/search", "/api/v1/media/search?title=ab", "/api/v1/media/search?title=%20a%20"]
    {
        let said = asked(path).await.contract(400);
        assert_eq!(said, refused("invalid_request", "El parámetro 'title' debe tener al menos 3 bytes", ""));
    }
    let said = mill.call(Ask::get("/api/v1/media?video_id=x")).await.contract(401);
    assert_eq!(said, refused("unauthenticated", "Se necesita un token o una clave de API válida", ""));
}

#[tokio::test]
async fn health_names_every_part_and_the_sick_one_among_them() {
    let mill = Mill::with(settings(), false).await;
    let parts = ["catalog", "doorbell", "notifier", "objects", "process", "source"];
    let mut services: Value = parts
        .iter()
        .map(|part| ((*part).to_owned(), "saludable".into()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let whole = mill.call(Ask::get("/api/health")).await.contract(200);
    assert_eq!(whole, json!({"services": services, "status": "Todos los servicios son saludables."}));

    let degraded = Mill::with(settings(), false).await;
    degraded.spring.is_sick.store(true, Ordering::Relaxed);
    let said = degraded.call(Ask::get("/api/health")).await.contract(200);
    services["source"] =
        "indisponible: no se puede usar en este momento; las demás operaciones continúan".into();
    let sick = "Uno o más servicios no están saludables";
    assert_eq!(said, json!({"services": services, "status": sick}));

    let storeless = Mill::on_store(settings(), false, Arc::new(NoStore)).await;
    let said = storeless.call(Ask::get("/api/health")).await.contract(503);
    assert_eq!(said["services"]["objects"], "indisponible: no se puede usar en este momento");
    assert_eq!(said["status"], sick);

    mill.app.draining.cancel();
    let said = mill.call(Ask::get("/api/v1/health")).await.contract(503);
    assert_eq!(said["services"]["process"], "indisponible: el proceso se está deteniendo");
}

/// A store that is down, and says where it is.
struct NoStore;

fn down<T>() -> Result<T, ObjectsError> {
    Err(ObjectsError::Unavailable("cannot reach 10.0.0.5".into()))
}

#[async_trait]
impl Objects for NoStore {
    async fn create(&self, _: &Key) -> Result<Box<dyn ObjectWriter>, ObjectsError> {
        down()
    }

    async fn size(&self, _: &Key) -> Result<u64, ObjectsError> {
        down()
    }

    async fn read(&self, _: &Key, _: Range<u64>) -> Result<ByteStream, ObjectsError> {
        down()
    }

    async fn presign(&self, _: &Key, _: &Handout<'_>) -> Result<Option<String>, ObjectsError> {
        down()
    }

    fn uri(&self, key: &Key) -> String {
        key.to_string()
    }

    async fn delete(&self, _: &Key) -> Result<(), ObjectsError> {
        down()
    }

    async fn check(&self) -> Result<(), ObjectsError> {
        down()
    }
}

#[tokio::test]
async fn the_configured_bit_rate_is_for_songs_that_cannot_be_copied() {
    let of = async |audio_bitrate_kbps| {
        let settings =
            Settings { audio_profile: "dca".to_owned(), audio_bitrate_kbps, ..Settings::default() };
        let mill = Mill::with(settings, false).await;
        start(&mill, "song").await;
        let job = one_job(&mill).await;
        (job.profile.settings.bitrate_kbps, job.profile.settings.copy, job.overrides.bitrate_kbps)
    };
    assert_eq!(of(64).await, (Some(64), Some(true), None));
    assert_eq!(of(96).await, (Some(96), Some(true), Some(96)));
}
