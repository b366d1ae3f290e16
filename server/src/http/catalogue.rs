//! The catalogue, cut into shards that a browser caches: names and pictures of songs as JSON, embeddings as int8 CBOR.

use super::app::{App, HttpError};
use super::conditional::Named;
use super::negotiate::takes;
use super::problem::Problem;
use crate::catalog::Song;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use sottovoce::ids::SongId;
use sottovoce::math::quantize_row;
use sottovoce::protocol::{CatalogueShard, MEDIA_TYPE, encode};
use utoipa::ToSchema;

/// Songs of one shard, at most.
pub const SHARD_SONGS: usize = 4096;

const JSON: &str = "application/json";

/// The catalogue as it travels; built once, when the server starts.
#[derive(Clone, Debug)]
pub struct Catalogue {
    songs: usize,
    manifest: Named,
    shards: Vec<Shard>,
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
    dimension: usize,
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
    /// Cuts a catalogue into shards. `embeddings` holds `songs × dimension` values, row by row; `popularity` one value a song,
    /// within `[0, 1]`.
    ///
    /// # Errors
    /// [`HttpError::Columns`], [`HttpError::Dimension`].
    pub fn build(
        name: &str,
        songs: &[Song],
        artists: &[String],
        embeddings: &[f32],
        dimension: usize,
        popularity: &[f32],
    ) -> Result<Self, HttpError> {
        if !(1..=256).contains(&dimension) {
            return Err(HttpError::Dimension { got: dimension });
        }
        let fits = |what, got, expected| {
            if got == expected { Ok(()) } else { Err(HttpError::Columns { what, got, songs: songs.len(), dimension }) }
        };
        fits("embeddings", embeddings.len(), songs.len() * dimension)?;
        fits("popularity", popularity.len(), songs.len())?;
        let mut shards = Vec::with_capacity(songs.len().div_ceil(SHARD_SONGS));
        let mut entries = Vec::with_capacity(shards.capacity());
        let columns = songs
            .chunks(SHARD_SONGS)
            .zip(embeddings.chunks(SHARD_SONGS * dimension))
            .zip(popularity.chunks(SHARD_SONGS))
            .enumerate();
        for (index, ((songs, rows), popularity)) in columns {
            let embeddings = Named::by_content(encode(&shard(index, songs, rows, dimension, popularity)), MEDIA_TYPE);
            entries.push(ShardEntry {
                index,
                songs: songs.len(),
                bytes: embeddings.bytes.len(),
                etag: embeddings.etag.clone(),
                metadata: format!("/v1/catalogue/shards/{index}/songs"),
                embeddings: format!("/v1/catalogue/shards/{index}/embeddings"),
            });
            shards.push(Shard { songs: json(&described(songs, artists, popularity)), embeddings });
        }
        let manifest = json(&Manifest { name: name.to_owned(), songs: songs.len(), dimension, shards: entries });
        Ok(Self { songs: songs.len(), manifest, shards })
    }

    /// Songs in all shards.
    #[must_use]
    pub fn songs(&self) -> usize {
        self.songs
    }

    fn shard(&self, index: &str) -> Result<&Shard, Problem> {
        index.parse::<usize>().ok().and_then(|index| self.shards.get(index)).ok_or_else(|| {
            Problem::not_found(format!("the catalogue has {} shards, numbered from 0", self.shards.len()), "GET /v1/catalogue")
        })
    }
}

fn shard(index: usize, songs: &[Song], rows: &[f32], dimension: usize, popularity: &[f32]) -> CatalogueShard {
    let mut codes = vec![0; rows.len()];
    let scales = rows.chunks(dimension).zip(codes.chunks_mut(dimension)).map(|(row, codes)| quantize_row(row, codes)).collect();
    let within = |p: &f32| if p.is_finite() { p.clamp(0.0, 1.0) } else { 0.0 };
    CatalogueShard {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        dimension: u32::try_from(dimension).unwrap_or(u32::MAX), // both far below: ids are u32, the dimension was checked
        songs: songs.iter().map(|song| SongId(song.id.0)).collect(),
        artists: songs.iter().map(|song| song.artist).collect(),
        popularity: popularity.iter().map(within).collect(),
        scales,
        rows: codes,
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
    (status = 406, description = "Accept excludes JSON", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn manifest(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    takes(&headers, JSON)?;
    Ok(app.0.catalogue.manifest.answer(&headers))
}

/// A shard's songs: titles, artists and what else is known of them.
#[utoipa::path(get, path = "/v1/catalogue/shards/{index}/songs", tag = "catalogue",
    params(("index" = u32, Path, description = "Which shard, from 0")),
    responses(
    (status = 200, description = "The songs of the shard, ascending by id", body = Vec<SongEntry>, headers(("ETag" = String, description = "Name of this content"))),
    (status = 304, description = "The client holds it already (If-None-Match)"),
    (status = 404, description = "No such shard", body = Problem, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes JSON", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn songs(State(app): State<App>, Path(index): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    takes(&headers, JSON)?;
    Ok(app.0.catalogue.shard(&index)?.songs.answer(&headers))
}

/// A shard's embeddings: int8 rows with a scale each, as CBOR `CatalogueShard`.
#[utoipa::path(get, path = "/v1/catalogue/shards/{index}/embeddings", tag = "catalogue",
    params(("index" = u32, Path, description = "Which shard, from 0")),
    responses(
    (status = 200, description = "CBOR `CatalogueShard`", body = super::router::Cbor, content_type = MEDIA_TYPE, headers(("ETag" = String, description = "Name of this content"))),
    (status = 304, description = "The client holds it already (If-None-Match)"),
    (status = 404, description = "No such shard", body = Problem, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes this version of the protocol", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn embeddings(
    State(app): State<App>,
    Path(index): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    takes(&headers, MEDIA_TYPE)?;
    Ok(app.0.catalogue.shard(&index)?.embeddings.answer(&headers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sottovoce::ids::ArtistId;
    use sottovoce::protocol::decode;

    pub(crate) fn song(id: u32) -> Song {
        Song {
            id: SongId(id),
            key: id.to_string(),
            title: format!("Song {id}"),
            artist: ArtistId(0),
            album: None,
            genre: Some("folk".into()),
            language: None,
            attributes: vec![],
            duration_ms: None,
            url: None,
        }
    }

    #[test]
    fn shards_hold_every_song_once_and_near_what_it_was() {
        let (n, d) = (SHARD_SONGS + 3, 3);
        let songs: Vec<Song> = (0..n).map(|i| song(u32::try_from(i).unwrap())).collect();
        let rows: Vec<f32> = (0..n * d).map(|i| ((i * 37 % 101) as f32 / 50.0) - 1.0).collect();
        let catalogue = Catalogue::build("test", &songs, &["A".into()], &rows, d, &vec![0.5; n]).unwrap();
        assert_eq!((catalogue.songs(), catalogue.shards.len()), (n, 2));
        let mut next = 0;
        for (index, shard) in catalogue.shards.iter().enumerate() {
            let shard: CatalogueShard = decode(&shard.embeddings.bytes).unwrap();
            assert_eq!(shard.index as usize, index);
            for (i, song) in shard.songs.iter().enumerate() {
                assert_eq!(song.0, next);
                for k in 0..d {
                    let back = f32::from(shard.rows[i * d + k]) * shard.scales[i];
                    assert!((back - rows[next as usize * d + k]).abs() <= shard.scales[i] * 0.5001);
                }
                next += 1;
            }
        }
        assert_eq!(next as usize, n);
    }

    #[test]
    fn columns_that_do_not_fit_are_named() {
        let build = |rows: &[f32], d| Catalogue::build("test", &[song(0)], &[], rows, d, &[0.5]);
        assert!(matches!(build(&[0.0; 3], 2), Err(HttpError::Columns { what: "embeddings", got: 3, .. })));
        assert!(matches!(build(&[0.0; 300], 300), Err(HttpError::Dimension { got: 300 })));
        assert!(Catalogue::build("empty", &[], &[], &[], 8, &[]).is_ok());
    }
}
