//! The doors of a secure round: what devices and members of the committee send, and what they are given. `federated::secure` decides; here
//! messages get addresses, and refusals a status.

use super::app::App;
use super::body::read;
use super::negotiate::{brings_cbor, takes};
use super::problem::{Details, Problem};
use super::rounds::number;
use crate::federated::from_hex;
use crate::federated::secure::{Sum, SumError, Taken};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sottovoce::protocol::{MEDIA_TYPE, Message, Outcome, decode, encode};
use sottovoce::secagg::{Disclosure, Enlistment, Error, Join, PublicKey, Report, Vote};

/// Seconds after which a device asks again for what is not there yet. Its own jitter spreads the crowd.
const SOON: u64 = 2;
/// An offer to serve, a vote, the frame around a longer message.
const SMALL: usize = 1024;
/// No committee is larger; a device seals 96 bytes for each member.
const SEATS: usize = 255;

/// Puts a device down for committees. Sent again, it is heard of again: who was not for a while gets no seat.
#[utoipa::path(put, path = "/v1/members/{identity}", tag = "secure rounds",
    params(("identity" = String, Path, description = "64 lower-case hex digits: its Ed25519 key")),
    security((), ("device" = [])),
    request_body(content = super::router::Cbor, content_type = MEDIA_TYPE, description = "CBOR `Enlistment`"),
    responses(
    (status = 201, description = "It is on disk"),
    (status = 400, description = "Not a key, or not a CBOR `Enlistment`", body = Details, content_type = "application/problem+json"),
    (status = 401, description = "The server admits devices by tokens, and none came, or one that does not hold", body = Details, content_type = "application/problem+json", headers(("WWW-Authenticate" = String, description = "`Bearer`"))),
    (status = 408, description = "The body came too slowly", body = Details, content_type = "application/problem+json"),
    (status = 413, description = "Longer than an offer to serve", body = Details, content_type = "application/problem+json"),
    (status = 415, description = "Not this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 422, description = "Another's key, or a signature that does not hold", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address or device", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy; send again", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn enlist(
    State(app): State<App>,
    Path(identity): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let identity = key(&identity)?;
    app.admit(&headers)?;
    let offer: Enlistment = message(&headers, body, SMALL, "an offer to serve").await?;
    same("member", identity, offer.identity)?;
    app.0.rounds.sums().enlist(app.now(), &offer).await?;
    Ok(StatusCode::CREATED.into_response())
}

/// Takes a device into the round. Sending the same again is safe.
#[utoipa::path(put, path = "/v1/rounds/{round}/joins/{identity}", tag = "secure rounds",
    params(
        ("round" = u64, Path, description = "Which round"),
        ("identity" = String, Path, description = "64 lower-case hex digits: the device's key for this round"),
    ),
    security((), ("device" = [])),
    request_body(content = super::router::Cbor, content_type = MEDIA_TYPE, description = "CBOR `Join`"),
    responses(
    (status = 200, description = "It was there already, the same bytes"),
    (status = 201, description = "It is on disk, and the roster will hold it"),
    (status = 400, description = "Not a round's number, not a key, or not a CBOR `Join`", body = Details, content_type = "application/problem+json"),
    (status = 401, description = "The server admits devices by tokens, and none came, or one that does not hold", body = Details, content_type = "application/problem+json", headers(("WWW-Authenticate" = String, description = "`Bearer`"))),
    (status = 404, description = "No such round", body = Details, content_type = "application/problem+json"),
    (status = 408, description = "The body came too slowly", body = Details, content_type = "application/problem+json"),
    (status = 409, description = "The roster is closed, or full", body = Details, content_type = "application/problem+json"),
    (status = 413, description = "Longer than a joining", body = Details, content_type = "application/problem+json"),
    (status = 415, description = "Not this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 422, description = "Not what the protocol calls for, or another message under this key", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address or device, or for this round", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy; send again", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn join(
    State(app): State<App>,
    Path((round, identity)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (round, identity) = (number(&round)?, key(&identity)?);
    app.admit(&headers)?;
    app.0.limits.update_of(round)?;
    let join: Join = message(&headers, body, SEATS * 96 + SMALL, "a joining").await?;
    same("device", identity, join.identity)?;
    let taken = app.0.rounds.sums().join(round, &join).await?;
    app.tick_soon();
    Ok(answer(taken))
}

/// What a device is given of the closed roster: its place, its neighbours, and the proofs of both.
#[utoipa::path(get, path = "/v1/rounds/{round}/rosters/{identity}", tag = "secure rounds",
    params(
        ("round" = u64, Path, description = "Which round"),
        ("identity" = String, Path, description = "64 lower-case hex digits: the device's key for this round"),
    ),
    responses(
    (status = 200, description = "CBOR `RosterView`", body = super::router::Cbor, content_type = MEDIA_TYPE),
    (status = 204, description = "The roster is not closed yet", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 400, description = "Not a round's number, or not a key", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "No such round", body = Details, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 409, description = "The round takes no reports any more", body = Details, content_type = "application/problem+json"),
    (status = 422, description = "The device did not join", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn roster(
    State(app): State<App>,
    Path((round, identity)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    takes(&headers, MEDIA_TYPE)?;
    let (round, identity) = (number(&round)?, key(&identity)?);
    given(app.0.rounds.sums().view(round, identity).await)
}

/// Takes a masked report. Sending the same again is safe; after it the device may go.
#[utoipa::path(put, path = "/v1/rounds/{round}/reports/{identity}", tag = "secure rounds",
    params(
        ("round" = u64, Path, description = "Which round"),
        ("identity" = String, Path, description = "64 lower-case hex digits: the device's key for this round"),
    ),
    security((), ("device" = [])),
    request_body(content = super::router::Cbor, content_type = MEDIA_TYPE, description = "CBOR `Report`"),
    responses(
    (status = 200, description = "It was there already, the same bytes"),
    (status = 201, description = "It is on disk"),
    (status = 400, description = "Not a round's number, not a key, or not a CBOR `Report`", body = Details, content_type = "application/problem+json"),
    (status = 401, description = "The server admits devices by tokens, and none came, or one that does not hold", body = Details, content_type = "application/problem+json", headers(("WWW-Authenticate" = String, description = "`Bearer`"))),
    (status = 404, description = "No such round", body = Details, content_type = "application/problem+json"),
    (status = 408, description = "The body came too slowly", body = Details, content_type = "application/problem+json"),
    (status = 409, description = "The round takes no reports, or none any more", body = Details, content_type = "application/problem+json"),
    (status = 413, description = "Longer than a report of this round", body = Details, content_type = "application/problem+json"),
    (status = 415, description = "Not this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 422, description = "Not what the protocol calls for, or another report under this key", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address or device, or for this round", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy; send again", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn report(
    State(app): State<App>,
    Path((round, identity)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (round, identity) = (number(&round)?, key(&identity)?);
    app.admit(&headers)?;
    app.0.limits.update_of(round)?;
    let Sum { terms, .. } = app.0.rounds.sums().round(round).await?;
    let limit = terms.terms.ring.packed_len(terms.terms.dimension as usize) + SMALL;
    let report: Report = message(&headers, body, limit, "a report of this round").await?;
    same("device", identity, report.identity)?;
    let taken = app.0.rounds.sums().report(round, &report).await?;
    app.tick_soon();
    Ok(answer(taken))
}

/// What became of a device's report: a device asks until it is told that it is in the sum, or that it is not.
#[utoipa::path(get, path = "/v1/rounds/{round}/outcomes/{identity}", tag = "secure rounds",
    params(
        ("round" = u64, Path, description = "Which round"),
        ("identity" = String, Path, description = "64 lower-case hex digits: the device's key for that round"),
    ),
    responses(
    (status = 200, description = "CBOR `Outcome`", body = super::router::Cbor, content_type = MEDIA_TYPE),
    (status = 400, description = "Not a round's number, or not a key", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "No such round", body = Details, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 422, description = "The device did not join", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn outcome(
    State(app): State<App>,
    Path((round, identity)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    takes(&headers, MEDIA_TYPE)?;
    let (round, identity) = (number(&round)?, key(&identity)?);
    let fate = app.0.rounds.sums().fate(round, identity).await?;
    given(Ok(Outcome { round, fate }))
}

/// What members of the committee are asked to sign: the whole roster, and who of it reported.
#[utoipa::path(get, path = "/v1/rounds/{round}/split", tag = "secure rounds",
    params(("round" = u64, Path, description = "Which round")),
    responses(
    (status = 200, description = "CBOR `SplitQuestion`", body = super::router::Cbor, content_type = MEDIA_TYPE),
    (status = 204, description = "Who reported is not settled yet", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 400, description = "Not a round's number", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "No such round", body = Details, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 409, description = "The round is over", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn split(
    State(app): State<App>,
    Path(round): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    takes(&headers, MEDIA_TYPE)?;
    given(app.0.rounds.sums().question(number(&round)?).await)
}

/// Takes a member's name under the split.
#[utoipa::path(put, path = "/v1/rounds/{round}/votes/{seat}", tag = "secure rounds",
    params(
        ("round" = u64, Path, description = "Which round"),
        ("seat" = u32, Path, description = "The member's seat in the terms, from 0"),
    ),
    request_body(content = super::router::Cbor, content_type = MEDIA_TYPE, description = "CBOR `Vote`"),
    responses(
    (status = 200, description = "It was there already, the same bytes"),
    (status = 201, description = "It is on disk"),
    (status = 400, description = "Not a round's number, not a seat, or not a CBOR `Vote`", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "No such round", body = Details, content_type = "application/problem+json"),
    (status = 408, description = "The body came too slowly", body = Details, content_type = "application/problem+json"),
    (status = 409, description = "The round is not being opened", body = Details, content_type = "application/problem+json"),
    (status = 413, description = "Longer than a vote", body = Details, content_type = "application/problem+json"),
    (status = 415, description = "Not this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 422, description = "Another split, another's seat, or a signature that does not hold", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy; send again", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn vote(
    State(app): State<App>,
    Path((round, seat)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (round, seat) = (number(&round)?, place(&seat)?);
    let vote: Vote = message(&headers, body, SMALL, "a vote").await?;
    same("seat", seat, vote.seat)?;
    Ok(answer(app.0.rounds.sums().vote(round, &vote).await?))
}

/// Who signed the split, once they are enough.
#[utoipa::path(get, path = "/v1/rounds/{round}/votes", tag = "secure rounds",
    params(("round" = u64, Path, description = "Which round")),
    responses(
    (status = 200, description = "CBOR `SplitVotes`", body = super::router::Cbor, content_type = MEDIA_TYPE),
    (status = 204, description = "Not enough of them yet", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 400, description = "Not a round's number", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "No such round", body = Details, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 409, description = "The round is over", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn votes(
    State(app): State<App>,
    Path(round): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    takes(&headers, MEDIA_TYPE)?;
    match app.0.rounds.sums().votes(number(&round)?).await {
        Err(SumError::Refused(Error::TooFew { .. })) => Ok(later()),
        other => given(other),
    }
}

/// Takes what a member discloses: one key a device, which opens either its own mask or its pairwise ones.
#[utoipa::path(put, path = "/v1/rounds/{round}/disclosures/{seat}", tag = "secure rounds",
    params(
        ("round" = u64, Path, description = "Which round"),
        ("seat" = u32, Path, description = "The member's seat in the terms, from 0"),
    ),
    request_body(content = super::router::Cbor, content_type = MEDIA_TYPE, description = "CBOR `Disclosure`"),
    responses(
    (status = 200, description = "It was there already, the same bytes"),
    (status = 201, description = "It is on disk"),
    (status = 400, description = "Not a round's number, not a seat, or not a CBOR `Disclosure`", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "No such round", body = Details, content_type = "application/problem+json"),
    (status = 408, description = "The body came too slowly", body = Details, content_type = "application/problem+json"),
    (status = 409, description = "The round is not being opened", body = Details, content_type = "application/problem+json"),
    (status = 413, description = "Longer than a disclosure for this roster", body = Details, content_type = "application/problem+json"),
    (status = 415, description = "Not this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 422, description = "For another split, from another's seat, or a signature that does not hold", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    (status = 503, description = "The store is busy; send again", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn disclose(
    State(app): State<App>,
    Path((round, seat)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (round, seat) = (number(&round)?, place(&seat)?);
    let Sum { joined, .. } = app.0.rounds.sums().round(round).await?;
    let limit = joined as usize * 32 + SMALL;
    let disclosure: Disclosure = message(&headers, body, limit, "a disclosure for this roster").await?;
    same("seat", seat, disclosure.seat)?;
    let taken = app.0.rounds.sums().disclose(round, &disclosure).await?;
    app.tick_soon();
    Ok(answer(taken))
}

async fn message<M: Message>(headers: &HeaderMap, body: Body, limit: usize, what: &str) -> Result<M, Problem> {
    brings_cbor(headers)?;
    Ok(decode(&read(headers, body, limit, what).await?)?)
}

fn key(text: &str) -> Result<PublicKey, Problem> {
    let wrong = || Problem::malformed("a key is 64 lower-case hex digits", "write the 32 bytes of the Ed25519 key so");
    from_hex(text).map(PublicKey).ok_or_else(wrong)
}

fn place(text: &str) -> Result<u32, Problem> {
    text.parse().map_err(|_| Problem::malformed("a seat is named by its number", "look for your key in the terms"))
}

/// The address and the message must speak of the same one.
fn same<T: PartialEq>(what: &'static str, address: T, message: T) -> Result<(), Problem> {
    if address == message {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "other-sender",
        "The message is another's",
        format!("the {what} of the address is not that of the message"),
        "send it to the address that it names",
    ))
}

fn answer(taken: Taken) -> Response {
    let status = match taken {
        Taken::New => StatusCode::CREATED,
        Taken::Again => StatusCode::OK,
    };
    (status, [(header::CACHE_CONTROL, "no-store")]).into_response()
}

/// What is there, or a wait for what is not there yet.
fn given<M: Message>(message: Result<M, SumError>) -> Result<Response, Problem> {
    match message {
        Ok(message) => {
            Ok(([(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "no-store")], encode(&message))
                .into_response())
        }
        Err(SumError::OtherPhase { got, expected, .. }) if got < expected => Ok(later()),
        Err(error) => Err(error.into()),
    }
}

fn later() -> Response {
    (StatusCode::NO_CONTENT, [(header::RETRY_AFTER, HeaderValue::from(SOON))]).into_response()
}

impl From<SumError> for Problem {
    fn from(error: SumError) -> Self {
        match error {
            SumError::NoSuchRound { .. } => Self::not_found(error.to_string(), "GET /v1/rounds/next"),
            SumError::OtherPhase { .. } => Self::new(
                StatusCode::CONFLICT,
                "other-phase",
                "The round is elsewhere",
                error.to_string(),
                "GET /v1/rounds/next; what the device learnt goes into the next round",
            ),
            SumError::Refused(_) | SumError::Differs { .. } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "refused",
                "The message is not what the protocol calls for",
                error.to_string(),
                "drop this round and take part in the next; docs/secagg.md says what each message must be",
            ),
            SumError::Store(error) => crate::federated::RoundError::State(error).into(),
            error => Self::internal("a secure round could not be read or written", &error),
        }
    }
}
