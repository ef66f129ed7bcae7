//! The load balancer's question at `/`, which is a page for everybody else.

use axum::extract::Request;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::http::App;

/// Answers `/` to whoever does not name HTML among what they take; all else goes on.
pub(crate) async fn or_success(request: Request, next: Next) -> Response {
    if request.uri().path() != "/" {
        return next.run(request).await;
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = if is_read && !names_html(request.headers()) {
        success().into_response()
    } else {
        next.run(request).await
    };
    response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
    response
}

/// What documents [`or_success`], which is no route of its own.
pub(super) fn document() -> OpenApiRouter<App> {
    #[derive(OpenApi)]
    #[openapi(paths(success))]
    struct Balancer;
    OpenApiRouter::with_openapi(Balancer::openapi())
}

/// Ask whether it serves.
///
/// For load balancers. Who names `text/html` in `Accept`, as browsers do, is shown the page.
#[utoipa::path(
    get, path = "/", tag = "tasks", security(()),
    responses((status = 200, description = "`Success`", body = String, content_type = "text/plain"))
)]
fn success() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")], "Success")
}

fn names_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
    types.any(|essence| essence.trim().eq_ignore_ascii_case("text/html"))
}
