//! The shared weights of the user tower.

use super::app::App;
use super::conditional::{Named, digest};
use super::negotiate::takes;
use super::problem::{Details, Problem};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use sottovoce::ids::WeightsVersion;
use sottovoce::protocol::{MEDIA_TYPE, encode};

/// The newest weights as they travel.
#[derive(Clone, Debug)]
pub(super) struct EncodedWeights {
    version: WeightsVersion,
    named: Named,
}

/// The newest weights of the user tower.
#[utoipa::path(get, path = "/v1/tower/weights", tag = "rounds", responses(
    (status = 200, description = "CBOR `TowerWeights`", body = super::router::Cbor, content_type = MEDIA_TYPE, headers(("ETag" = String, description = "\"v<version>-<content>\""))),
    (status = 304, description = "The client holds them already (If-None-Match)"),
    (status = 406, description = "Accept excludes this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The state file is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn weights(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    takes(&headers, MEDIA_TYPE)?;
    Ok(newest(&app).await?.answer(&headers))
}

/// Encoded once a version: a page a second asks, a version a minute comes.
async fn newest(app: &App) -> Result<Named, Problem> {
    let version = app.0.rounds.weights_version().await?;
    let held = app.0.weights.read().ok().and_then(|held| held.clone()).filter(|held| held.version == version);
    if let Some(held) = held {
        return Ok(held.named);
    }
    app.follow().await?; // nobody gets weights whose songs are not there yet
    let weights = app.0.rounds.weights().await?;
    let bytes = encode(&weights);
    // The content belongs to the name: another server's version 3 is not ours, and a browser may have met both.
    let etag = format!("\"v{}-{}\"", weights.version, digest(&bytes, 8));
    let named = Named { bytes: bytes.into(), etag, media_type: MEDIA_TYPE };
    if let Ok(mut held) = app.0.weights.write() {
        *held = Some(EncodedWeights { version: weights.version, named: named.clone() });
    }
    Ok(named)
}
