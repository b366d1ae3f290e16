//! For whoever runs the server: health, metrics, one log line a request.

use super::app::App;
use super::problem::{Details, Problem};
use crate::federated::RoundState;
use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use std::sync::OnceLock;
use std::time::Instant;
use utoipa::ToSchema;

/// That the server is well, and what it serves.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
    /// The server's version.
    version: &'static str,
    /// Songs in the catalogue.
    songs: usize,
    /// Version of the newest weights.
    weights: u64,
}

/// That the server is well.
#[utoipa::path(get, path = "/health", tag = "operations", responses(
    (status = 200, description = "It answers, and so does its state file", body = Health),
    (status = 503, description = "The state file is busy", body = Details, content_type = "application/problem+json"),
))]
pub(super) async fn health(State(app): State<App>) -> Result<Response, Problem> {
    let weights = app.0.rounds.weights_version().await?.0;
    let body = Health { status: "ok", version: env!("CARGO_PKG_VERSION"), songs: app.catalogue().songs(), weights };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// Counters and timings, in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses(
    (status = 200, description = "Prometheus text, format 0.0.4", body = String, content_type = "text/plain"),
    (status = 503, description = "The state file is busy", body = Details, content_type = "application/problem+json"),
))]
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    if let Some(round) = app.0.rounds.rounds(1).await?.pop() {
        let open = round.state == RoundState::Open;
        ::metrics::gauge!("sottovoce_round_updates").set(if open { f64::from(round.updates) } else { 0.0 });
        ::metrics::gauge!("sottovoce_round_cohort").set(f64::from(round.cohort));
        #[allow(clippy::cast_precision_loss, reason = "exact up to 2⁵³ versions")]
        ::metrics::gauge!("sottovoce_weights_version").set(app.0.rounds.weights_version().await?.0 as f64);
    }
    let text =
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    Ok((text, app.0.prometheus.render()).into_response())
}

/// The process has one recorder, whatever number of servers it runs.
pub(super) fn recorder() -> PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
            let builder = PrometheusBuilder::new();
            let recorder = match builder.set_buckets(&buckets) {
                Ok(builder) => builder.build_recorder(),
                Err(_) => PrometheusBuilder::new().build_recorder(), // only an empty list of buckets is an error
            };
            let handle = recorder.handle();
            if ::metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("another metrics recorder is installed; /metrics will stay empty");
            }
            describe();
            handle
        })
        .clone()
}

fn describe() {
    ::metrics::describe_counter!("sottovoce_http_requests_total", "Requests answered, by method, route and status.");
    ::metrics::describe_histogram!("sottovoce_http_request_seconds", "Time to answer, by route.");
    ::metrics::describe_counter!("sottovoce_updates_total", "Updates counted.");
    ::metrics::describe_counter!("sottovoce_rounds_total", "Rounds ended, by how.");
    ::metrics::describe_counter!("sottovoce_store_retries_total", "Transactions begun again after losing to another.");
    ::metrics::describe_gauge!("sottovoce_round_updates", "Updates counted in the open round.");
    ::metrics::describe_gauge!("sottovoce_round_cohort", "Updates that close the open round.");
    ::metrics::describe_gauge!("sottovoce_weights_version", "Version of the newest weights.");
}

/// One line a request, by route: no address, no query, no key, no body.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("(file)", |path| path.as_str()).to_owned();
    let response = next.run(request).await;
    let (status, took) = (response.status(), start.elapsed());
    let method = if method.as_str().len() <= 7 { method.as_str().to_owned() } else { "(other)".to_owned() }; // labels stay few
    ::metrics::counter!("sottovoce_http_requests_total", "method" => method.clone(), "route" => route.clone(), "status" => status.as_u16().to_string()).increment(1);
    ::metrics::histogram!("sottovoce_http_request_seconds", "route" => route.clone()).record(took.as_secs_f64());
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if status >= StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(%method, %route, status = status.as_u16(), ms, "request");
    } else {
        tracing::debug!(%method, %route, status = status.as_u16(), ms, "request");
    }
    response
}
