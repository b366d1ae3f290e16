//! Rounds: the invitation, their state, and the update that a device may send.

use super::app::App;
use super::body::read;
use super::conditional::{Named, digest};
use super::negotiate::{brings_cbor, takes};
use super::problem::{Details, Problem};
use crate::federated::{Coordinator, Invitation, Round, RoundState, parse_key};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sottovoce::ids::RoundId;
use sottovoce::protocol::{MEDIA_TYPE, Receipt, ReceiptStatus, WeightUpdate, decode, encode};
use utoipa::ToSchema;

/// `GET /v1/rounds` tells of so many.
const NEWEST: u32 = 20;
/// Seconds after which it is worth asking again while an operator has paused the rounds.
const PAUSED: u64 = 60;

/// A round as everybody may see it. Times are milliseconds since the Unix epoch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RoundStatus {
    /// Which round.
    round: u64,
    /// `open`, `closing`, `closed` or `abandoned`.
    state: StateName,
    /// Whether updates come masked, so that only their sum can be seen.
    secure: bool,
    /// Of a secure round under way: `joining`, `reporting` or `opening`.
    stage: Option<&'static str>,
    /// Of a secure round under way: devices that have joined.
    joined: Option<u32>,
    /// Of a secure round: the noise multiplier.
    noise: Option<f64>,
    /// Updates counted.
    updates: u32,
    /// So many close it.
    cohort: u32,
    /// When it opened.
    opened_at: u64,
    /// Its deadline.
    closes_at: u64,
    /// When it ended.
    closed_at: Option<u64>,
    /// The weights it starts from.
    weights_from: u64,
    /// The weights it became.
    weights_to: Option<u64>,
    /// `C`, the bound on an update's L2 norm.
    clip_norm: f32,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StateName {
    Open,
    Closing,
    Closed,
    Abandoned,
}

/// The newest rounds.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rounds {
    /// Newest first, at most 20.
    rounds: Vec<RoundStatus>,
}

impl From<Round> for RoundStatus {
    fn from(round: Round) -> Self {
        Self {
            round: round.id.0,
            state: match round.state {
                RoundState::Open => StateName::Open,
                RoundState::Closing => StateName::Closing,
                RoundState::Closed => StateName::Closed,
                RoundState::Abandoned => StateName::Abandoned,
            },
            secure: round.noise.is_some(),
            stage: None,
            joined: None,
            noise: round.noise.map(|noise| noise.multiplier),
            updates: round.updates,
            cohort: round.cohort,
            opened_at: round.opened_at.0,
            closes_at: round.closes_at.0,
            closed_at: round.closed_at.map(|at| at.0),
            weights_from: round.weights_from.0,
            weights_to: round.weights_to.map(|version| version.0),
            clip_norm: round.plan.clip_norm,
        }
    }
}

/// The invitation to the open round.
#[utoipa::path(get, path = "/v1/rounds/next", tag = "rounds", responses(
    (status = 200, description = "CBOR `SecureOffer`, at whatever stage the round is, or `RoundOffer` where rounds are in the open", body = super::router::Cbor, content_type = MEDIA_TYPE, headers(("ETag" = String, description = "Name of this offer"))),
    (status = 204, description = "No round takes updates just now", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 304, description = "The client holds this offer already (If-None-Match)"),
    (status = 406, description = "Accept excludes this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The state file is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn next(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    takes(&headers, MEDIA_TYPE)?;
    let rounds = &app.0.rounds;
    let (kind, round, bytes) = match rounds.invitation(app.now()).await? {
        Some(Invitation::Secure(offer)) => ('s', offer.terms.terms.round, encode(&*offer)),
        Some(Invitation::Open(offer)) => ('r', offer.round, encode(&offer)),
        None => return resting(rounds).await,
    };
    let etag = format!("\"{kind}{round}-{}\"", digest(&bytes, 8));
    Ok(Named { bytes: bytes.into(), etag, media_type: MEDIA_TYPE }.answer(&headers))
}

/// No round just now: when to ask again.
async fn resting(rounds: &Coordinator) -> Result<Response, Problem> {
    let rest = match rounds.settings().await?.1.paused {
        true => PAUSED,
        false => rounds.config().rest_ms.div_ceil(1000).clamp(1, 60),
    };
    Ok((StatusCode::NO_CONTENT, [(header::RETRY_AFTER, HeaderValue::from(rest))]).into_response())
}

/// The newest rounds.
#[utoipa::path(get, path = "/v1/rounds", tag = "rounds", responses(
    (status = 200, description = "Newest first, at most 20", body = Rounds),
    (status = 406, description = "Accept excludes JSON", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The state file is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    takes(&headers, "application/json")?;
    let mut rounds = Vec::new();
    for round in app.0.rounds.rounds(NEWEST).await? {
        rounds.push(standing(&app, round).await?);
    }
    Ok(fresh(Json(Rounds { rounds })))
}

/// One round.
#[utoipa::path(get, path = "/v1/rounds/{round}", tag = "rounds",
    params(("round" = u64, Path, description = "Which round")),
    responses(
    (status = 200, description = "The round", body = RoundStatus),
    (status = 400, description = "Not a round's number", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "No such round", body = Details, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes JSON", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The state file is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn one(
    State(app): State<App>,
    Path(round): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    takes(&headers, "application/json")?;
    let round = app.0.rounds.round(number(&round)?).await?;
    Ok(fresh(Json(standing(&app, round).await?)))
}

/// With what is known of a secure round only while it is under way.
async fn standing(app: &App, round: Round) -> Result<RoundStatus, Problem> {
    let live = round.noise.is_some() && round.state.live();
    let mut status = RoundStatus::from(round);
    if live {
        let sum = app.0.rounds.sums().round(RoundId(status.round)).await?;
        status.stage = Some(sum.phase.name());
        (status.joined, status.updates, status.closes_at) = (Some(sum.joined), sum.reported, sum.closes_at.0);
    }
    Ok(status)
}

/// Gives an update to a round. Sending the same again is safe: it is counted once.
#[utoipa::path(put, path = "/v1/rounds/{round}/updates/{key}", tag = "rounds",
    params(
        ("round" = u64, Path, description = "Which round; as in the offer and in the update"),
        ("key" = String, Path, description = "32 lower-case hex digits, drawn at random for this round"),
    ),
    security((), ("device" = [])),
    request_body(content = super::router::Cbor, content_type = MEDIA_TYPE, description = "CBOR `WeightUpdate`: clipped to the offer's `clip_norm`"),
    responses(
    (status = 200, description = "CBOR `Receipt`: counted before, under the same key", body = super::router::Cbor, content_type = MEDIA_TYPE),
    (status = 201, description = "CBOR `Receipt`: counted, and on disk", body = super::router::Cbor, content_type = MEDIA_TYPE),
    (status = 400, description = "Not a round's number, not a key, or not a CBOR `WeightUpdate`", body = Details, content_type = "application/problem+json"),
    (status = 401, description = "The server admits devices by tokens, and none came, or one that does not hold", body = Details, content_type = "application/problem+json", headers(("WWW-Authenticate" = String, description = "`Bearer`"))),
    (status = 404, description = "No such round", body = Details, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 408, description = "The body came too slowly", body = Details, content_type = "application/problem+json"),
    (status = 409, description = "CBOR `Receipt`: the round is closed, nothing was counted", body = super::router::Cbor, content_type = MEDIA_TYPE),
    (status = 413, description = "Longer than an update for these weights", body = Details, content_type = "application/problem+json"),
    (status = 415, description = "Not this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 422, description = "Wrong length, round or weights version, norm over C, or a key that carries another update", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address or device, or for this round", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The state file is busy; send again", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn update(
    State(app): State<App>,
    Path((round, key)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    takes(&headers, MEDIA_TYPE)?;
    brings_cbor(&headers)?;
    let round = number(&round)?;
    let key = parse_key(&key)?;
    app.admit(&headers)?;
    app.0.limits.update_of(round)?;
    let update: WeightUpdate =
        decode(&read(&headers, body, app.0.limits.update_bytes, "an update for these weights").await?)?;
    let receipt = app.0.rounds.accept(app.now(), round, key, &update).await?;
    let status = match receipt.status {
        ReceiptStatus::Accepted => StatusCode::CREATED,
        ReceiptStatus::AlreadyCounted => StatusCode::OK,
        ReceiptStatus::RoundClosed => StatusCode::CONFLICT,
    };
    Ok((status, [(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "no-store")], encode::<Receipt>(&receipt))
        .into_response())
}

pub(super) fn number(round: &str) -> Result<RoundId, Problem> {
    let wrong = |_| Problem::malformed("a round is named by its number", "GET /v1/rounds/next");
    round.parse().map(RoundId).map_err(wrong)
}

fn fresh(body: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], body).into_response()
}
