//! What a vertical round is about: its public blocks of songs, the same for every device.

use super::app::App;
use super::conditional::Named;
use super::negotiate::takes;
use super::problem::{Details, Problem};
use super::rounds::number;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use sottovoce::ids::RoundId;
use sottovoce::protocol::MEDIA_TYPE;

/// The blocks of the round that was last asked about: a cohort asks for them within a minute, and each is megabytes.
pub(super) type Blocks = (RoundId, Vec<Named>);

/// A block of candidates with their present embeddings. Every device of a vertical round fetches all of them, in their order, whatever it heard.
#[utoipa::path(get, path = "/v1/rounds/{round}/blocks/{index}", tag = "secure rounds",
    params(
        ("round" = u64, Path, description = "Which round"),
        ("index" = u32, Path, description = "Which of its blocks, from 0; the offer names each by its hash"),
    ),
    responses(
    (status = 200, description = "CBOR `CandidateBlock`", body = super::router::Cbor, content_type = MEDIA_TYPE, headers(("ETag" = String, description = "Name of this content"))),
    (status = 304, description = "The client holds it already (If-None-Match)"),
    (status = 400, description = "Not a round's number, or not a block's", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "No such round, or it has no such block", body = Details, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 409, description = "The round is over", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn block(
    State(app): State<App>,
    Path((round, index)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    takes(&headers, MEDIA_TYPE)?;
    let round = number(&round)?;
    let index: usize = index
        .parse()
        .map_err(|_| Problem::malformed("a block is named by its number", "GET /v1/rounds/next names them"))?;
    if !app.0.rounds.round(round).await?.state.live() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "other-phase",
            "The round is elsewhere",
            format!("round {round} is over, and its blocks with it"),
            "GET /v1/rounds/next; what the device learnt goes into the next round",
        ));
    }
    let blocks = of(&app, round).await?;
    let missing = || {
        let what = format!("round {round} has {} blocks, numbered from 0", blocks.len());
        Problem::not_found(what, "GET /v1/rounds/next")
    };
    Ok(blocks.get(index).ok_or_else(missing)?.answer(&headers))
}

async fn of(app: &App, round: RoundId) -> Result<Vec<Named>, Problem> {
    let held = app.0.blocks.read().ok().and_then(|held| held.clone()).filter(|(of, _)| *of == round);
    if let Some((_, blocks)) = held {
        return Ok(blocks);
    }
    let blocks = app.0.rounds.blocks(round).await?;
    let blocks: Vec<Named> = blocks.into_iter().map(|block| Named::by_content(block, MEDIA_TYPE)).collect();
    if let (Ok(mut held), false) = (app.0.blocks.write(), blocks.is_empty()) {
        *held = Some((round, blocks.clone()));
    }
    Ok(blocks)
}
