//! The catalogue, cut into shards that a browser caches: names and pictures of songs as JSON, embeddings as int8 CBOR.

use super::app::App;
use super::conditional::{Named, digest};
use super::negotiate::takes;
use super::problem::{Details, Problem};
use super::recall::Asked;
use crate::catalog::Song;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use sottovoce::protocol::{CatalogueShard, MEDIA_TYPE, encode};
use std::sync::{Arc, OnceLock};
use utoipa::ToSchema;

const JSON: &str = "application/json";

/// The catalogue as it travels; built when the server starts, and anew where rounds move the songs ([`super::App::following`]).
#[derive(Clone, Debug)]
pub struct Catalogue {
    songs: usize,
    fingerprint: String,
    manifest: Named,
    shards: Vec<Shard>,
    dimension: u32,
    asked: Arc<OnceLock<Asked>>,
}

#[derive(Clone, Debug)]
struct Shard {
    songs: Named,
    embeddings: Named,
}

/// What there is to download.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Manifest {
    /// The catalogue's name.
    name: String,
    /// Songs in all shards.
    songs: usize,
    /// Dimension of the embeddings.
    dimension: u32,
    /// The shards, in the order of their songs' ids.
    shards: Vec<ShardEntry>,
}

/// One shard of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShardEntry {
    /// Which shard, from 0.
    index: usize,
    /// Songs in it.
    songs: usize,
    /// Bytes of its embeddings.
    bytes: usize,
    /// ETag of its embeddings.
    etag: String,
    /// Address of its songs' names.
    #[schema(example = "/v1/catalogue/shards/0/songs")]
    metadata: String,
    /// Address of its embeddings.
    #[schema(example = "/v1/catalogue/shards/0/embeddings")]
    embeddings: String,
}

/// A song as the player shows it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SongEntry<'a> {
    /// Id in this catalogue.
    id: u32,
    /// Title.
    title: &'a str,
    /// Artist's name.
    artist: &'a str,
    /// Artist's id.
    artist_id: u32,
    /// Album, where known.
    album: Option<&'a str>,
    /// Genre, where known.
    genre: Option<&'a str>,
    /// Language, where known.
    language: Option<&'a str>,
    /// Length in milliseconds, where known.
    duration_ms: Option<u32>,
    /// Where its audio lies, where the catalogue has it.
    url: Option<&'a str>,
    /// Popularity within `[0, 1]`.
    popularity: f32,
}

impl Catalogue {
    /// Encodes a catalogue that [`crate::catalog::shards`] cut: `shards` hold all of `songs`, in order.
    #[must_use]
    pub fn build(name: &str, songs: &[Song], artists: &[String], shards: &[CatalogueShard]) -> Self {
        let mut rest = songs;
        let mut entries = Vec::with_capacity(shards.len());
        let mut encoded = Vec::with_capacity(shards.len());
        for (index, shard) in shards.iter().enumerate() {
            let (songs, after) = rest.split_at(shard.songs.len().min(rest.len()));
            rest = after;
            let embeddings = Named::by_content(encode(shard), MEDIA_TYPE);
            entries.push(ShardEntry {
                index,
                songs: songs.len(),
                bytes: embeddings.bytes.len(),
                etag: embeddings.etag.clone(),
                metadata: format!("/v1/catalogue/shards/{index}/songs"),
                embeddings: format!("/v1/catalogue/shards/{index}/embeddings"),
            });
            encoded.push(Shard { songs: json(&described(songs, artists, &shard.popularity)), embeddings });
        }
        let etags: String = entries.iter().map(|entry| entry.etag.as_str()).collect();
        let dimension = shards.first().map_or(0, |shard| shard.dimension);
        let manifest = json(&Manifest { name: name.to_owned(), songs: songs.len(), dimension, shards: entries });
        Self {
            songs: songs.len(),
            fingerprint: digest(etags.as_bytes(), 16),
            manifest,
            shards: encoded,
            dimension,
            asked: Arc::default(),
        }
    }

    /// A hash of all embeddings: weights that were trained over others mean nothing here.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Songs in all shards.
    #[must_use]
    pub fn songs(&self) -> usize {
        self.songs
    }

    /// Dimension of the embeddings; 0 for a catalogue without songs.
    pub(super) fn dimension(&self) -> u32 {
        self.dimension
    }

    /// The catalogue, ready for questions. The first call takes a while.
    pub(super) fn asked(&self) -> &Asked {
        let files = || self.shards.iter().map(|shard| (&shard.embeddings.bytes[..], &shard.songs.bytes[..]));
        self.asked.get_or_init(|| Asked::of(files()))
    }

    fn shard(&self, index: &str) -> Result<&Shard, Problem> {
        index.parse::<usize>().ok().and_then(|index| self.shards.get(index)).ok_or_else(|| {
            Problem::not_found(
                format!("the catalogue has {} shards, numbered from 0", self.shards.len()),
                "GET /v1/catalogue",
            )
        })
    }
}

fn described<'a>(songs: &'a [Song], artists: &'a [String], popularity: &[f32]) -> Vec<SongEntry<'a>> {
    let artist = |song: &Song| artists.get(song.artist.0 as usize).map_or("", String::as_str);
    let entry = |(song, popularity): (&'a Song, &f32)| SongEntry {
        id: song.id.0,
        title: &song.title,
        artist: artist(song),
        artist_id: song.artist.0,
        album: song.album.as_deref(),
        genre: song.genre.as_deref(),
        language: song.language.as_deref(),
        duration_ms: song.duration_ms,
        url: song.url.as_deref(),
        popularity: *popularity,
    };
    songs.iter().zip(popularity).map(entry).collect()
}

fn json<T: Serialize>(value: &T) -> Named {
    // Structs of strings and numbers always serialise; a float that is not finite becomes null.
    Named::by_content(serde_json::to_vec(value).unwrap_or_default(), JSON)
}

/// What there is to download.
#[utoipa::path(get, path = "/v1/catalogue", tag = "catalogue", responses(
    (status = 200, description = "The shards of the catalogue", body = Manifest, headers(("ETag" = String, description = "Name of this content"))),
    (status = 304, description = "The client holds it already (If-None-Match)"),
    (status = 406, description = "Accept excludes JSON", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn manifest(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    takes(&headers, JSON)?;
    Ok(app.catalogue().manifest.answer(&headers))
}

/// A shard's songs: titles, artists and what else is known of them.
#[utoipa::path(get, path = "/v1/catalogue/shards/{index}/songs", tag = "catalogue",
    params(("index" = u32, Path, description = "Which shard, from 0")),
    responses(
    (status = 200, description = "The songs of the shard, ascending by id", body = Vec<SongEntry>, headers(("ETag" = String, description = "Name of this content"))),
    (status = 304, description = "The client holds it already (If-None-Match)"),
    (status = 404, description = "No such shard", body = Details, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes JSON", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn songs(
    State(app): State<App>,
    Path(index): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    takes(&headers, JSON)?;
    Ok(app.catalogue().shard(&index)?.songs.answer(&headers))
}

/// A shard's embeddings: int8 rows with a scale each, as CBOR `CatalogueShard`.
#[utoipa::path(get, path = "/v1/catalogue/shards/{index}/embeddings", tag = "catalogue",
    params(("index" = u32, Path, description = "Which shard, from 0")),
    responses(
    (status = 200, description = "CBOR `CatalogueShard`", body = super::router::Cbor, content_type = MEDIA_TYPE, headers(("ETag" = String, description = "Name of this content"))),
    (status = 304, description = "The client holds it already (If-None-Match)"),
    (status = 404, description = "No such shard", body = Details, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes this version of the protocol", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn embeddings(
    State(app): State<App>,
    Path(index): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    takes(&headers, MEDIA_TYPE)?;
    Ok(app.catalogue().shard(&index)?.embeddings.answer(&headers))
}
