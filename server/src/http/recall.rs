//! Songs for devices that ask with a noised question instead of holding the catalogue. Nothing of a body is kept or logged, and an answer
//! depends on the body alone: who asks plays no part.

use super::app::App;
use super::body::read;
use super::negotiate::{brings_cbor, takes};
use super::problem::{Details, Problem};
use crate::recall::NoisedRecall;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sottovoce::protocol::{CatalogueShard, MEDIA_TYPE, RecallQuery, decode, encode};

const JSON: &str = "application/json";

/// Room for the CBOR around a question's directions.
const ENVELOPE_BYTES: usize = 64;

/// The catalogue, made ready for questions. Made when the first one comes: a server whose listeners hold the catalogue never pays for it.
#[derive(Debug)]
pub(super) struct Asked {
    recall: NoisedRecall,
    /// One JSON object a song.
    entries: Vec<String>,
}

impl Asked {
    /// From the files as they travel: embeddings and song lists, shard by shard.
    pub(super) fn of<'a>(files: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let (mut shards, mut entries) = (vec![], vec![]);
        for (embeddings, songs) in files {
            let shard = decode::<CatalogueShard>(embeddings).map_err(|error| error.to_string());
            let songs = serde_json::from_slice::<Vec<serde_json::Value>>(songs).map_err(|error| error.to_string());
            match (shard, songs) {
                (Ok(shard), Ok(songs)) if shard.songs.len() == songs.len() => {
                    entries.extend(songs.iter().map(ToString::to_string));
                    shards.push(shard);
                }
                // This process wrote both files; a shard that it cannot read cannot be asked for, the others can.
                (shard, songs) => tracing::error!(?shard, ?songs, "a shard is left out of recall"),
            }
        }
        Self { recall: NoisedRecall::new(shards), entries }
    }

    fn titles(&self, places: &[u32]) -> String {
        let entries: Vec<&str> =
            places.iter().filter_map(|place| self.entries.get(*place as usize)).map(String::as_str).collect();
        format!("[{}]", entries.join(","))
    }
}

/// Songs near noised directions.
///
/// For each direction the best songs by inner product, an equal share for each, without repeats. The rows are those of the catalogue's
/// shards. The same body gives the same answer; nothing of it is kept.
#[utoipa::path(post, path = "/v1/recall", tag = "recall",
    request_body(content = super::router::Cbor, content_type = MEDIA_TYPE, description = "CBOR `RecallQuery`: noised directions, and how many songs"),
    responses(
    (status = 200, description = "CBOR `CatalogueShard` of at most so many songs, ascending by id", body = super::router::Cbor, content_type = MEDIA_TYPE),
    (status = 400, description = "Not a CBOR `RecallQuery`", body = Details, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 408, description = "The body came too slowly", body = Details, content_type = "application/problem+json"),
    (status = 413, description = "Longer than a question to this catalogue", body = Details, content_type = "application/problem+json"),
    (status = 415, description = "Not this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 422, description = "The songs are of another dimension", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn recall(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    takes(&headers, MEDIA_TYPE)?;
    let query = question(&app, &headers, body).await?;
    let bytes = search(app, query, |asked, places| encode(&asked.recall.shard(places))).await?;
    Ok(fresh(MEDIA_TYPE, bytes))
}

/// Titles and artists of the songs that the same body is answered with.
///
/// Asked with the very bytes that went to `/v1/recall`, so that titles tell the server nothing new: neither ids in an address nor which of the
/// songs were of interest.
#[utoipa::path(post, path = "/v1/recall/songs", tag = "recall",
    request_body(content = super::router::Cbor, content_type = MEDIA_TYPE, description = "The CBOR `RecallQuery` that was sent to `/v1/recall`"),
    responses(
    (status = 200, description = "The songs of that answer, ascending by id", body = Vec<super::catalogue::SongEntry>),
    (status = 400, description = "Not a CBOR `RecallQuery`", body = Details, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes JSON", body = Details, content_type = "application/problem+json"),
    (status = 408, description = "The body came too slowly", body = Details, content_type = "application/problem+json"),
    (status = 413, description = "Longer than a question to this catalogue", body = Details, content_type = "application/problem+json"),
    (status = 415, description = "Not this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 422, description = "The songs are of another dimension", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn songs(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    takes(&headers, JSON)?;
    let query = question(&app, &headers, body).await?;
    let text = search(app, query, Asked::titles).await?;
    Ok(fresh(JSON, text.into_bytes()))
}

async fn question(app: &App, headers: &HeaderMap, body: Body) -> Result<RecallQuery, Problem> {
    brings_cbor(headers)?;
    let dimension = app.catalogue().dimension();
    let limit = RecallQuery::MOST_DIRECTIONS * dimension as usize + ENVELOPE_BYTES;
    let query: RecallQuery = decode(&read(headers, body, limit, "a question to this catalogue").await?)?;
    if query.dimension() == dimension {
        return Ok(query);
    }
    Err(Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "wrong-dimension",
        "The question does not fit the songs",
        format!("the question has dimension {}, the songs have {dimension}", query.dimension()),
        "GET /v1/tower/weights, and ask from them",
    ))
}

/// A scan over the catalogue is milliseconds of arithmetic: not for the threads that wait on sockets.
async fn search<T: Send + 'static>(
    app: App,
    query: RecallQuery,
    answer: impl FnOnce(&Asked, &[u32]) -> T + Send + 'static,
) -> Result<T, Problem> {
    let work = move || {
        let catalogue = app.catalogue();
        let asked = catalogue.asked();
        answer(asked, &asked.recall.places(&query))
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "recall");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The server failed",
            "the search failed; the server's log says why",
            "send the same bytes again later",
        )
    })
}

/// An answer belongs to one listener: no cache keeps it.
fn fresh(media_type: &'static str, bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "no-store")], bytes).into_response()
}
