//! Scores of a ranking model that was trained here (`docs/runs.md`), for whoever ranks on a server.

use super::app::App;
use super::body;
use super::negotiate::takes;
use super::problem::{Details, Problem};
use crate::batches::BatchError;
use crate::runs::{AskError, LiveRanker, Scores};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// At most so many bytes a question: a thousand rows with histories.
const MOST_BYTES: usize = 4 << 20;

/// Rows to be scored.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, reason = "names a schema")]
pub(super) struct RankerQuestion {
    /// For each row every raw column that the model's features read, by its name: a text, a list of texts or a number. 1 to 1000 rows.
    #[schema(value_type = Vec<Object>, example = json!([{ "user": "196", "item": "242", "genres": ["Comedy"], "history": ["1", "50"] }]))]
    rows: Vec<serde_json::Value>,
}

/// How probable everything is, in the rows' order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RankerScores {
    /// Which model answered: all rows of an answer are one model's.
    #[schema(example = "acaf8a69bb15")]
    model: String,
    /// For each row, for each task, its probability.
    #[schema(example = json!([{ "click": 0.61 }]))]
    rows: Vec<BTreeMap<String, f64>>,
}

impl App {
    /// With a ranking model in service.
    #[must_use]
    pub fn ranking(self, ranker: Arc<LiveRanker>) -> Self {
        let _ = self.0.ranker.set(ranker); // what ranks already ranks
        self
    }
}

/// Scores rows with the ranking model in service.
///
/// The model may be replaced at any moment; an answer is wholly of one, which it names.
#[utoipa::path(post, path = "/v1/ranker/scores", tag = "ranker", request_body = RankerQuestion, responses(
    (status = 200, description = "How probable each task is for each row", body = RankerScores),
    (status = 400, description = "The body cannot be read", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "No ranking model is served", body = Details, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes JSON", body = Details, content_type = "application/problem+json"),
    (status = 408, description = "The body did not come in time", body = Details, content_type = "application/problem+json"),
    (status = 413, description = "The body is too long", body = Details, content_type = "application/problem+json"),
    (status = 422, description = "A row has an unknown or missing field, or one of another type", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn scores(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    takes(&headers, "application/json")?;
    let Some(ranker) = app.0.ranker.get() else {
        return Err(Problem::not_found(
            "no ranking model is served here",
            "start the server with --ranker DIR, the folder of a finished run",
        ));
    };
    let serving = ranker.serving();
    let question = body::read(&headers, body, MOST_BYTES, "a question for scores").await?;
    // Milliseconds of arithmetic: not for the threads that wait on sockets.
    let scored = tokio::task::spawn_blocking(move || serving.score(&question)).await;
    let Scores { version, tasks, rows } = match scored {
        Ok(scored) => scored.map_err(refused)?,
        Err(error) => return Err(Problem::internal("the ranking model failed", &error)),
    };
    let named = |row: Vec<f64>| tasks.iter().cloned().zip(row).collect();
    let body = RankerScores { model: version, rows: rows.into_iter().map(named).collect() };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

fn refused(error: AskError) -> Problem {
    const NEXT: &str = "send {\"rows\": [{COLUMN: VALUE, …}]}, as /openapi.json shows it";
    let row = |kind, next| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, kind, "A row does not fit the model", error.to_string(), next)
    };
    match &error {
        AskError::Question { .. } => Problem::malformed(error.to_string(), NEXT),
        AskError::Rows { .. } => row("row-count", "send more questions with fewer rows each"),
        AskError::UnknownField { .. } => row("unknown-field", "leave the field out, or name one that the model reads"),
        AskError::MissingField { .. } => row("missing-field", "add the field; a list may be empty"),
        AskError::WrongType { .. } => row("wrong-field-type", "send the field as the type that is expected"),
        AskError::Batch(BatchError::NonFinite { .. }) => row("no-number", "send a finite number, as in training"),
        _ => Problem::internal("the rows could not be scored", &error),
    }
}
