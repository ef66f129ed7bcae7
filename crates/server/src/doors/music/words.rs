//! The sentences of this door, in Spanish: the contract's own, and ours for what it has no words for.
//!
//! One for each obstacle and each kind of failure; none of them tells a path, an address or a key.

use axum::http::StatusCode;
use reelmill_core::{Failure, FailureKind, Kind, Obstacle};

/// No song was named.
pub(super) const SONG_MISSING: &str = "Falta el parametro 'song'";
/// An operation is asked after by both its ids.
pub(super) const IDS_MISSING: &str = "Faltan los parámetros 'operationID' y/o 'songID'";
/// There is no such operation.
pub(super) const OPERATION_UNKNOWN: &str =
    "error al obtener la operación: resultado de operación no encontrado";
/// It was made.
pub(super) const SUCCESS: &str = "Procesamiento exitoso";
/// It could not be made.
pub(super) const FAILED: &str = "Fallo en el procesamiento después de varios intentos";
/// Everything works.
pub(super) const ALL_HEALTHY: &str = "Todos los servicios son saludables.";
/// Something does not.
pub(super) const SOME_SICK: &str = "Uno o más servicios no están saludables";
/// A service that works.
pub(super) const HEALTHY: &str = "saludable";

/// The process, while it drains.
pub(super) const STOPPING: &str = "indisponible: el proceso se está deteniendo";

/// A service that does not work.
pub(super) const fn sick(is_needed: bool) -> &'static str {
    if is_needed {
        "indisponible: no se puede usar en este momento"
    } else {
        "indisponible: no se puede usar en este momento; las demás operaciones continúan"
    }
}

/// The socket's operation was not named.
pub(super) const OPERATION_MISSING: &str = "Falta el parámetro 'operation_id'";
/// No WebSocket was asked for.
pub(super) const NO_UPGRADE: &str = "Esta dirección solo atiende conexiones WebSocket";
/// As many listen as can.
pub(super) const SOCKETS_FULL: &str = "Hay demasiadas conexiones abiertas; intenta de nuevo más tarde";
/// The library's song was not named.
pub(super) const VIDEO_MISSING: &str = "Falta el parámetro 'video_id'";
/// What is searched for is too short.
pub(super) const TITLE_SHORT: &str = "El parámetro 'title' debe tener al menos 3 bytes";
/// The library has no such song.
pub(super) const VIDEO_UNKNOWN: &str = "No hay ninguna canción con ese 'video_id' en la biblioteca";
/// Somebody ended it.
pub(super) const CANCELLED: &str = "La operación fue cancelada";
/// The result is gone.
pub(super) const DELETED: &str = "El archivo de la canción fue eliminado; pídela de nuevo";

/// What keeps a source from giving its media.
pub(super) const fn of_obstacle(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::NotFound => "No se encontró ninguna canción con ese título o dirección",
        Obstacle::Unsupported => "La dirección no es de una fuente compatible",
        Obstacle::Private => "El video es privado o solo está disponible para miembros",
        Obstacle::AgeRestricted => "El video tiene restricción de edad",
        Obstacle::GeoBlocked => "El video no está disponible en el país del servidor",
        Obstacle::BotCheck => "La fuente pide comprobar que no se trata de un robot; avisa al operador",
        Obstacle::Removed => "El video ya no está disponible en la fuente",
        Obstacle::RateLimited => "La fuente recibió demasiadas peticiones; intenta de nuevo más tarde",
        Obstacle::Live => "El video es una transmisión en vivo; pídelo cuando haya terminado",
        Obstacle::TooLong => "La canción dura más de lo permitido",
        Obstacle::TooLarge => "El archivo de la canción es más grande de lo permitido",
        Obstacle::Playlist => "La dirección es de una lista de reproducción; pide una sola canción",
        Obstacle::Forbidden => "La dirección no está permitida",
        Obstacle::ToolMissing => "Falta un programa para descargar de esa fuente; avisa al operador",
        Obstacle::Quota => "La cuota de la fuente está agotada; intenta de nuevo más tarde",
        Obstacle::BadKey => "La fuente rechazó la clave del servicio; avisa al operador",
        Obstacle::Unreachable => "No se pudo acceder a la fuente; intenta de nuevo más tarde",
    }
}

/// Why a song could not be made.
pub(super) fn of_failure(failure: &Failure) -> &'static str {
    match (failure.obstacle, failure.kind) {
        (Some(obstacle), _) => of_obstacle(obstacle),
        (None, FailureKind::Unsupported) => "El formato del archivo no es compatible",
        (None, FailureKind::Corrupt) => "El archivo descargado está dañado o incompleto",
        (None, FailureKind::Limit) => "El archivo supera un límite del servicio",
        (None, FailureKind::Source) => "La fuente no entregó la canción",
        (None, FailureKind::Timeout) => "La operación no terminó dentro del tiempo permitido",
        (None, FailureKind::Internal) => "Ocurrió un error interno al procesar la canción",
    }
}

/// Why a request is refused.
pub(super) const fn of_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid => {
            "El título o la dirección debe tener de 1 a 2048 bytes, en una sola línea y sin caracteres de control"
        }
        Kind::Unauthenticated => "Se necesita un token o una clave de API válida",
        Kind::Forbidden => "La cuenta no tiene permiso para esta operación",
        Kind::NotFound => OPERATION_UNKNOWN,
        Kind::Conflict => "Alguien lo cambió al mismo tiempo; intenta de nuevo",
        Kind::TooLarge => "La petición es demasiado grande",
        Kind::NotMedia | Kind::Unprocessable => "La petición no se puede procesar",
        Kind::Timeout => "La petición tardó demasiado",
        Kind::Busy | Kind::TooMany => "Hay demasiadas peticiones; intenta de nuevo más tarde",
        Kind::Unavailable => "El servicio no está disponible; intenta de nuevo más tarde",
        Kind::Upstream => "La fuente no respondió como se esperaba",
        Kind::Internal => "Ocurrió un error interno",
    }
}

/// Why a request is refused whose kind is not known any more.
pub(super) fn of_status(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "La petición no es válida",
        StatusCode::UNAUTHORIZED => of_kind(Kind::Unauthenticated),
        StatusCode::FORBIDDEN => of_kind(Kind::Forbidden),
        StatusCode::NOT_FOUND => OPERATION_UNKNOWN,
        StatusCode::SERVICE_UNAVAILABLE => of_kind(Kind::Unavailable),
        _ => of_kind(Kind::Internal),
    }
}
