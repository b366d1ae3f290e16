//! The public log of the weights, for devices that check what they are given and for whoever watches the server.

use super::app::App;
use super::conditional::Named;
use super::negotiate::takes;
use super::problem::{Details, Problem};
use crate::federated::to_hex;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use serde::Serialize;
use sottovoce::ids::WeightsVersion;
use sottovoce::protocol::SignedRecord;
use utoipa::ToSchema;

/// Records a page.
const PAGE: u32 = 256;
/// A full page never changes: records are only ever added behind it.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// One version of the weights. `bytes` and `signature` are what counts; the rest repeats them for people.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Record {
    /// Which version.
    version: u64,
    /// SHA-256 of the body of `GET /v1/tower/weights`, in hex.
    weights: String,
    /// `hash` of the record before, in hex; zeros for the first.
    previous: String,
    /// The round that it came of; 0: the weights began anew.
    round: u64,
    /// Root of the round's roster, in hex; zeros where it had none.
    roster: String,
    /// ε spent so far, by a listener who was in every round; none where a round was without noise: there is no bound.
    epsilon: Option<f64>,
    /// When it was published, ms since 1970.
    at: u64,
    /// SHA-256 of `bytes`, in hex.
    hash: String,
    /// The signed bytes, in hex.
    bytes: String,
    /// Ed25519 over `bytes`, in hex.
    signature: String,
}

impl From<&SignedRecord> for Record {
    fn from(signed: &SignedRecord) -> Self {
        let record = &signed.record;
        Self {
            version: record.version.0,
            weights: to_hex(&record.weights),
            previous: to_hex(&record.previous),
            round: record.round.0,
            roster: to_hex(&record.roster),
            epsilon: record.epsilon.is_finite().then_some(record.epsilon),
            at: record.at.0,
            hash: to_hex(&record.hash()),
            bytes: to_hex(&record.to_bytes()),
            signature: to_hex(&signed.signature),
        }
    }
}

/// A page of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page {
    /// Oldest first, at most 256.
    records: Vec<Record>,
    /// Where to go on; none where this page is not full yet.
    next: Option<u64>,
}

/// What the log is signed by.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Key {
    /// `Ed25519`.
    algorithm: &'static str,
    /// The public key, in hex.
    key: String,
}

/// The log of all versions of the weights.
#[utoipa::path(get, path = "/v1/log", tag = "log",
    params(("from" = Option<u64>, Query, description = "The first version wanted; 0 without it")),
    responses(
    (status = 200, description = "Oldest first, at most 256; a full page is immutable", body = Page, headers(("ETag" = String, description = "Name of this page"))),
    (status = 304, description = "The client holds this page already (If-None-Match)"),
    (status = 400, description = "Not a version's number", body = Details, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes JSON", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn log(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    takes(&headers, "application/json")?;
    let from = from(query.as_deref().unwrap_or_default())?;
    let signed = app.0.rounds.log(WeightsVersion(from), PAGE).await?;
    let full = signed.len() == PAGE as usize;
    let next = signed.last().filter(|_| full).map(|last| last.record.version.0 + 1);
    let page = Page { records: signed.iter().map(Record::from).collect(), next };
    let mut answer = Named::by_content(json(&page)?, "application/json").answer(&headers);
    if full {
        answer.headers_mut().insert(header::CACHE_CONTROL, FOR_EVER);
    }
    Ok(answer)
}

/// The key that the log is signed by. A device keeps the first one it meets.
#[utoipa::path(get, path = "/v1/log/key", tag = "log", responses(
    (status = 200, description = "The public key", body = Key, headers(("ETag" = String, description = "Name of this key"))),
    (status = 304, description = "The client holds it already (If-None-Match)"),
    (status = 406, description = "Accept excludes JSON", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn key(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    takes(&headers, "application/json")?;
    let key = Key { algorithm: "Ed25519", key: to_hex(app.0.rounds.log_key().as_bytes()) };
    Ok(Named::by_content(json(&key)?, "application/json").answer(&headers))
}

/// `from=N`, or nothing.
fn from(query: &str) -> Result<u64, Problem> {
    let mut from = 0;
    for part in query.split('&').filter(|part| !part.is_empty()) {
        from = part
            .strip_prefix("from=")
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| Problem::malformed("the log is asked for as ?from=VERSION", "GET /v1/log?from=0"))?;
    }
    Ok(from)
}

fn json(body: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(body).map_err(|error| Problem::internal("the answer could not be written", &error))
}
