//! Every request seen once from the outside: its id, its figures, its panic, and the cause where it failed.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::{Instrument, error, info_span, warn};
use uuid::Uuid;

use super::problem::Cause;
use super::{App, Problem};

/// Gives the request its id, counts it, and logs why it failed where the fault is ours.
pub(super) async fn observe(
    State(app): State<App>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let id = Uuid::new_v4().simple().to_string();
    let method = request.method().clone();
    let route = matched.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let span = info_span!("request", request.id = %id, http.method = %method, http.route = %route);

    let under_way = app.metrics.begin();
    let answered = or_panic(next.run(request)).instrument(span.clone()).await;
    drop(under_way);
    let mut response = answered.unwrap_or_else(IntoResponse::into_response);

    let status = response.status().as_u16();
    app.metrics.count(&method, &route, status, began.elapsed());
    let cause = response.extensions_mut().remove::<Cause>().map(|Cause(cause)| cause);
    match (status, cause) {
        (500, cause) => error!(parent: &span, http.status = status, cause, "a request failed"),
        (501.., cause) => warn!(parent: &span, http.status = status, cause, "a request was not served"),
        (_, Some(cause)) => warn!(parent: &span, http.status = status, cause, "a request was refused"),
        (_, None) => {}
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// What `work` gives; a panic inside is a problem like any other fault of ours.
pub async fn or_panic<T>(work: impl Future<Output = T>) -> Result<T, Problem> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .map_err(|payload| Problem::internal(format!("a handler panicked: {}", said(&*payload))))
}

fn said(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}
