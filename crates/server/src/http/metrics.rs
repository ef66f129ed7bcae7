//! What is counted, and `/metrics` in the text format of Prometheus.
//!
//! A series is kept for each route of the router, never for an address as it was asked for, so that nobody can make
//! their number grow.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use reelmill_core::ports::Census;
use reelmill_service::Error;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::AnyProblem;
use super::{App, Problem, SignedIn};

/// The upper bounds of the histogram's buckets, in milliseconds.
const BOUNDS_MS: [u64; 9] = [5, 25, 100, 250, 500, 1_000, 5_000, 30_000, 300_000];

/// The counters of this process.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<Series, Histogram>>,
    under_way: AtomicI64,
    grpc: Mutex<BTreeMap<(String, i32), u64>>,
    upload_bytes: AtomicU64,
}

/// What a request is counted under: method, route, status.
type Series = (&'static str, String, u16);

#[derive(Debug, Default, Clone)]
struct Histogram {
    /// Requests at or under each bound.
    within: [u64; BOUNDS_MS.len()],
    count: u64,
    sum: Duration,
}

/// A request that is under way while this is held.
pub(super) struct UnderWay<'a>(&'a Metrics);

impl Metrics {
    pub(super) fn begin(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self)
    }

    pub(super) fn count(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let histogram = requests.entry((name_of(method), route.to_owned(), status)).or_default();
        histogram.count += 1;
        histogram.sum += took;
        for (within, bound_ms) in histogram.within.iter_mut().zip(BOUNDS_MS) {
            *within += u64::from(took <= Duration::from_millis(bound_ms));
        }
    }

    /// Counts an answer by gRPC.
    pub(crate) fn count_grpc(&self, route: &str, code: i32) {
        let mut grpc = self.grpc.lock().unwrap_or_else(PoisonError::into_inner);
        *grpc.entry((route.to_owned(), code)).or_default() += 1;
    }

    /// Counts bytes of media that arrived.
    pub(crate) fn count_upload(&self, bytes: usize) {
        self.upload_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn render(&self, census: Option<Census>, is_paused: Option<bool>) -> String {
        let mut page = String::new();
        self.render_requests(&mut page);
        self.render_grpc(&mut page);
        let under_way = self.under_way.load(Ordering::Relaxed);
        let upload_bytes = self.upload_bytes.load(Ordering::Relaxed);
        head(&mut page, "reelmill_http_requests_under_way", "gauge", "Requests whose answer has not begun.");
        line(&mut page, "reelmill_http_requests_under_way", &[], under_way);
        head(&mut page, "reelmill_upload_bytes_total", "counter", "Bytes of media that arrived.");
        line(&mut page, "reelmill_upload_bytes_total", &[], upload_bytes);
        if let Some(census) = census {
            head(&mut page, "reelmill_jobs", "gauge", "Jobs in the catalog by state.");
            let Census { queued, claimed, done, failed, cancelled } = census;
            for (state, jobs) in [
                ("queued", queued),
                ("running", claimed),
                ("done", done),
                ("failed", failed),
                ("cancelled", cancelled),
            ] {
                line(&mut page, "reelmill_jobs", &[("state", state)], jobs);
            }
        }
        if let Some(is_paused) = is_paused {
            head(
                &mut page,
                "reelmill_queue_paused",
                "gauge",
                "Whether an administrator has stopped jobs from being begun.",
            );
            line(&mut page, "reelmill_queue_paused", &[], u8::from(is_paused));
        }
        head(&mut page, "reelmill_catalog_up", "gauge", "Whether the catalog answered just now.");
        line(&mut page, "reelmill_catalog_up", &[], u8::from(census.is_some()));
        head(&mut page, "reelmill_build_info", "gauge", "Always 1; the labels say what runs.");
        line(&mut page, "reelmill_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        page
    }

    fn render_grpc(&self, page: &mut String) {
        const NAME: &str = "reelmill_grpc_answers_total";
        head(page, NAME, "counter", "Answers by gRPC, by the code in their head.");
        for ((route, code), answers) in &*self.grpc.lock().unwrap_or_else(PoisonError::into_inner) {
            line(page, NAME, &[("route", route), ("code", &code.to_string())], answers);
        }
    }

    fn render_requests(&self, page: &mut String) {
        const NAME: &str = "reelmill_http_request_duration_seconds";
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        head(page, NAME, "histogram", "From a request's head to its answer's head.");
        for ((method, route, status), histogram) in &requests {
            let status = status.to_string();
            let labels = [("method", *method), ("route", route.as_str()), ("status", status.as_str())];
            let bounds = BOUNDS_MS.map(|bound_ms| Duration::from_millis(bound_ms).as_secs_f64().to_string());
            let buckets = bounds.iter().map(String::as_str).zip(histogram.within);
            for (bound, within) in buckets.chain([("+Inf", histogram.count)]) {
                let labels = [labels[0], labels[1], labels[2], ("le", bound)];
                line(page, &format!("{NAME}_bucket"), &labels, within);
            }
            line(page, &format!("{NAME}_sum"), &labels, histogram.sum.as_secs_f64());
            line(page, &format!("{NAME}_count"), &labels, histogram.count);
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(scrape))
}

/// Read the server's figures.
///
/// In the text format of Prometheus. For loopback, peers that the operator allows, and administrators.
#[utoipa::path(
    get, path = "/metrics", tag = "operation", security((), ("bearer" = [])),
    responses((status = 200, description = "The figures.", body = String, content_type = "text/plain"), AnyProblem)
)]
async fn scrape(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let is_trusted = |peer: IpAddr| peer.to_canonical().is_loopback() || (app.settings.metrics_peer)(peer);
    if super::peer::is_forwarded(&parts.headers) || !peer.is_some_and(is_trusted) {
        let SignedIn(caller) = SignedIn::from_request_parts(&mut parts, &app).await?;
        if !caller.is_admin() {
            return Err(Error::forbidden("the figures of the whole server are for administrators").into());
        }
    }
    // The process's own figures are worth most while the catalog is away.
    let census = app.service.census().await.ok();
    let is_paused = app.service.is_paused().await.ok();
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render(census, is_paused)).into_response())
}

fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn head(page: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = write!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

fn line(page: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(page, "{name}{labels} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_in_every_bucket_from_its_own_up() {
        let metrics = Metrics::default();
        metrics.count(&Method::GET, "/v1/jobs", 200, Duration::from_millis(250));
        let page = metrics.render(None, None);
        let bucket = |bound: &str| {
            let start = format!(
                "reelmill_http_request_duration_seconds_bucket{{method=\"GET\",route=\"/v1/jobs\",status=\"200\",le=\"{bound}\"}} "
            );
            page.lines().find_map(|line| line.strip_prefix(&start).map(str::to_owned)).unwrap()
        };
        assert_eq!([bucket("0.1"), bucket("0.25"), bucket("300"), bucket("+Inf")], ["0", "1", "1", "1"]);
        assert!(page.contains("_count{method=\"GET\",route=\"/v1/jobs\",status=\"200\"} 1\n"));
        assert!(page.contains("reelmill_catalog_up 0\n"));
    }

    #[test]
    fn a_method_of_the_clients_own_making_is_no_series() {
        let made_up = Method::from_bytes(b"BREW").unwrap();
        assert_eq!(name_of(&made_up), "other");
    }
}
