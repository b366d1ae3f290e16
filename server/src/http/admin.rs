//! For whoever runs the server: pausing the rounds, letting the open one go, and how those to come are run. Off unless a token is
//! configured.

use super::admission::bearer;
use super::app::App;
use super::body::read;
use super::problem::{Details, Problem};
use super::rounds::{RoundStatus, number};
use crate::federated::{RoundError, Settings};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use core::fmt;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use utoipa::ToSchema;

/// A shorter token could be guessed.
const SHORTEST: usize = 32;
/// No settings are longer.
const SETTINGS_BYTES: usize = 1024;

/// The operators' tokens. Only their hashes are held, so that they cannot be shown.
#[derive(Clone)]
pub struct AdminTokens(Vec<[u8; 32]>);

impl fmt::Debug for AdminTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AdminTokens({})", self.0.len())
    }
}

impl AdminTokens {
    /// One token a line; several are for the time in which one replaces another.
    ///
    /// # Errors
    /// What is wrong, without the token.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let tokens: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if tokens.is_empty() {
            return Err("there is no token in it; `openssl rand -hex 32` makes one".to_owned());
        }
        if let Some(at) = tokens.iter().position(|token| token.len() < SHORTEST || token.contains(char::is_whitespace))
        {
            return Err(format!("token {} is shorter than {SHORTEST} characters or holds a space", at + 1));
        }
        Ok(Self(tokens.iter().map(|token| Sha256::digest(token).into()).collect()))
    }

    /// Compares with every token, in the same time whichever it is and however much of it is right.
    fn hold(&self, token: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(token).into();
        self.0.iter().fold(Choice::from(0), |found, held| found | held.ct_eq(&given)).into()
    }
}

/// The layer for everything under `/v1/admin`.
pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(tokens) = &app.1.admin else {
        let off = "no operator's token is configured";
        return Problem::not_found(off, "start the server with --admin-token-file").into_response();
    };
    if bearer(request.headers()).is_some_and(|token| tokens.hold(token)) {
        return next.run(request).await;
    }
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "not-authorised",
        "This is for the operator",
        "no operator's token came with the request, or another one",
        "send `Authorization: Bearer TOKEN` with a token of --admin-token-file",
    )
    .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    .into_response()
}

/// How rounds to come are run. What is left out, or null, is as the command line says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// So many updates close a round. 1 to 100000.
    cohort: Option<u32>,
    /// At the deadline so many are enough. 1 to the cohort.
    minimum: Option<u32>,
    /// Milliseconds from a round's opening to its deadline.
    deadline_ms: Option<u64>,
}

/// How rounds to come are run.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InForce {
    /// Counts changes; the ETag is `"s<revision>"`.
    revision: u64,
    /// No round opens, and nobody is invited.
    paused: bool,
    /// So many updates close a round.
    cohort: u32,
    /// At the deadline so many are enough.
    minimum: u32,
    /// Milliseconds from a round's opening to its deadline.
    deadline_ms: u64,
}

/// How rounds to come are run.
#[utoipa::path(get, path = "/v1/admin/settings", tag = "admin", security(("operator" = [])), responses(
    (status = 200, description = "What is in force", body = InForce, headers(("ETag" = String, description = "For If-Match"))),
    (status = 401, description = "No operator's token", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "No operator's token is configured", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn settings(State(app): State<App>) -> Result<Response, Problem> {
    in_force(&app).await
}

/// Changes how rounds to come are run; a round under way keeps its rules.
#[utoipa::path(put, path = "/v1/admin/settings", tag = "admin", security(("operator" = [])),
    params(("If-Match" = Option<String>, Header, description = "Only if nobody has changed them since")),
    request_body(content = Wanted),
    responses(
    (status = 200, description = "In force from the next round on", body = InForce, headers(("ETag" = String, description = "For If-Match"))),
    (status = 400, description = "Not such JSON", body = Details, content_type = "application/problem+json"),
    (status = 401, description = "No operator's token", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "No operator's token is configured", body = Details, content_type = "application/problem+json"),
    (status = 408, description = "The body came too slowly", body = Details, content_type = "application/problem+json"),
    (status = 412, description = "Somebody has changed them since (If-Match)", body = Details, content_type = "application/problem+json"),
    (status = 413, description = "Longer than settings are", body = Details, content_type = "application/problem+json"),
    (status = 422, description = "Out of range", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn change(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let since = headers.get(header::IF_MATCH).map(|tag| {
        let number = tag.to_str().ok().and_then(|tag| tag.strip_prefix("\"s")?.strip_suffix('"')?.parse().ok());
        number.unwrap_or(u64::MAX) // a tag that was never ours matches nothing
    });
    let body = read(&headers, body, SETTINGS_BYTES, "settings").await?;
    let wanted: Wanted = serde_json::from_slice(&body).map_err(|error| {
        Problem::malformed(error.to_string(), "send {\"cohort\": N, \"minimum\": N, \"deadline_ms\": N}, each or none")
    })?;
    let Wanted { cohort, minimum, deadline_ms } = wanted;
    app.0.rounds.change_settings(since, |held| Settings { cohort, minimum, deadline_ms, ..held }).await?;
    tracing::info!("an operator has changed how rounds are run");
    in_force(&app).await
}

/// Pauses the rounds: nobody is invited, the round under way still takes what was trained for it, and none opens after it.
#[utoipa::path(put, path = "/v1/admin/pause", tag = "admin", security(("operator" = [])), responses(
    (status = 200, description = "Paused, now or before", body = InForce),
    (status = 401, description = "No operator's token", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "No operator's token is configured", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn pause(State(app): State<App>) -> Result<Response, Problem> {
    app.0.rounds.change_settings(None, |held| Settings { paused: true, ..held }).await?;
    tracing::info!("an operator has paused the rounds");
    in_force(&app).await
}

/// Goes on with the rounds.
#[utoipa::path(delete, path = "/v1/admin/pause", tag = "admin", security(("operator" = [])), responses(
    (status = 200, description = "Going on, now or before", body = InForce),
    (status = 401, description = "No operator's token", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "No operator's token is configured", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn resume(State(app): State<App>) -> Result<Response, Problem> {
    app.0.rounds.change_settings(None, |held| Settings { paused: false, ..held }).await?;
    tracing::info!("an operator lets the rounds go on");
    in_force(&app).await
}

/// Lets a round go: its updates are forgotten, the weights stay. Safe to send again.
#[utoipa::path(post, path = "/v1/admin/rounds/{round}/abandon", tag = "admin", security(("operator" = [])),
    params(("round" = u64, Path, description = "Which round")),
    responses(
    (status = 200, description = "Abandoned, now or before", body = RoundStatus),
    (status = 400, description = "Not a round's number", body = Details, content_type = "application/problem+json"),
    (status = 401, description = "No operator's token", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "No such round, or no operator's token is configured", body = Details, content_type = "application/problem+json"),
    (status = 409, description = "It has become weights already", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn abandon(State(app): State<App>, Path(round): Path<String>) -> Result<Response, Problem> {
    let round = app.0.rounds.let_go(app.now(), number(&round)?).await?;
    Ok(fresh(Json(RoundStatus::from(round))))
}

async fn in_force(app: &App) -> Result<Response, Problem> {
    let (revision, settings) = app.0.rounds.settings().await?;
    let rules = settings.over(app.0.rounds.config());
    let body = InForce {
        revision,
        paused: settings.paused,
        cohort: rules.cohort,
        minimum: rules.minimum,
        deadline_ms: rules.deadline_ms,
    };
    let mut answer = fresh(Json(body));
    let tag =
        HeaderValue::from_str(&format!("\"s{revision}\"")).map_err(|error| Problem::internal("an ETag", &error))?;
    answer.headers_mut().insert(header::ETAG, tag);
    Ok(answer)
}

fn fresh(body: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// What only an operator is told.
pub(super) fn refusal(error: &RoundError) -> Option<Problem> {
    let text = error.to_string();
    match error {
        RoundError::Setting { .. } => Some(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "setting",
            "A setting is out of range",
            text,
            "send settings within their ranges; null takes the command line's",
        )),
        RoundError::Changed { .. } => Some(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "changed",
            "Somebody has changed the settings since",
            text,
            "GET /v1/admin/settings, look, and send again with its ETag",
        )),
        RoundError::Ended { .. } => Some(Problem::new(
            StatusCode::CONFLICT,
            "ended",
            "The round has become weights already",
            text,
            "GET /v1/rounds for the one under way",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_compared_whole_and_never_shown() {
        let (a, b) = ("a".repeat(32), "b".repeat(40));
        let tokens = AdminTokens::from_text(&format!("{a}\n\n {b} \n")).unwrap();
        assert!(tokens.hold(&a) && tokens.hold(&b));
        assert!(!tokens.hold(&a[1..]) && !tokens.hold(&format!("{a}a")) && !tokens.hold(""));
        assert_eq!(format!("{tokens:?}"), "AdminTokens(2)");
        for wrong in ["", "\n", "short", &format!("{a} {b}")] {
            let error = AdminTokens::from_text(wrong).unwrap_err();
            assert!(!error.contains("aaa"), "{error}");
        }
    }
}
