//! The OpenAPI document: collected from the handlers themselves, so that it cannot say what they do not do.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema, openapi};
use utoipa_axum::router::OpenApiRouter;

use super::App;
use super::problem::ProblemBody;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Reelmill",
        description = "Media in, converted media out. JSON in snake_case; times are RFC 3339 in UTC, durations \
            `*_ms`, sizes `*_bytes`, ids opaque. Every error is a problem document (RFC 9457), and its `type` is a \
            page of this server that explains it."
    ),
    components(schemas(ProblemBody)),
    security(("bearer" = []), ("cookie" = [])),
    tags(
        (name = "session", description = "Signing in and out, and keys for programs."),
        (name = "media", description = "Originals: taken in, listed, read by range, deleted."),
        (name = "uploads", description = "Originals that may be taken up again where they were cut: tus 1.0."),
        (name = "jobs", description = "Conversions: asked for, followed, steered."),
        (name = "outputs", description = "Results."),
        (name = "webhooks", description = "Programs that are told when jobs end, as Standard Webhooks has it."),
        (name = "conversion", description = "What can be made, and small files made at once."),
        (name = "videos", description = "What is published: everybody watches."),
        (name = "converter", description = "The contract of an mp4 to mp3 converter: plain text, and `Authorization` alone proves who calls."),
        (name = "tasks", description = "The contract of a conversion service: accounts of one's own, tasks by number, and `Authorization` alone proves who calls. An error is `{\"error\": …}`."),
        (name = "music", description = "The contract of a music bot's audio service: songs by title or address, in Spanish."),
        (name = "video", description = "The contract of a video site: what is published, for everybody; `Authorization` alone proves who changes it."),
        (name = "operation", description = "For load balancers, orchestrators and monitoring."),
    ),
    modifiers(&Security)
)]
struct Base;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let components = document.components.get_or_insert_with(openapi::Components::new);
        let scheme = |http| SecurityScheme::Http(Http::new(http));
        components.add_security_scheme("bearer", scheme(HttpAuthScheme::Bearer));
        components.add_security_scheme("basic", scheme(HttpAuthScheme::Basic));
        let cookie = ApiKey::Cookie(ApiKeyValue::new("reelmill_session"));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

/// Any error, as every call answers it.
pub(super) struct AnyProblem;

impl IntoResponses for AnyProblem {
    fn responses() -> std::collections::BTreeMap<String, openapi::RefOr<openapi::response::Response>> {
        let schema = openapi::Ref::from_schema_name(ProblemBody::name());
        let content = openapi::ContentBuilder::new().schema(Some(schema)).build();
        let response = openapi::ResponseBuilder::new()
            .description("What went wrong, as a problem document.")
            .content("application/problem+json", content)
            .build();
        [("default".to_owned(), response.into())].into()
    }
}

/// The routes, and the document of them as JSON.
pub(super) fn split(routes: OpenApiRouter<App>) -> (Router<App>, String) {
    let (served, document) = OpenApiRouter::with_openapi(Base::openapi()).merge(routes).split_for_parts();
    (served, document.to_pretty_json().unwrap_or_default())
}

pub(super) fn answer(document: &str) -> Response {
    ([(CONTENT_TYPE, "application/json")], document.to_owned()).into_response()
}
