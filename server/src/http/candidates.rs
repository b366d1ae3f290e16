//! Candidates by the server's channels, for clients without an engine of their own.

use super::app::App;
use super::negotiate::takes;
use super::problem::{Details, Problem};
use crate::recall::Merged;
use crate::registry::Channels;
use crate::stage::{Candidate, Query};
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sottovoce::ids::SongId;
use utoipa::ToSchema;

/// At most so many candidates an answer.
const MOST_CANDIDATES: usize = 1000;
/// At most so many seeds a question.
const MOST_SEEDS: usize = 100;

/// Whatever can propose candidates.
pub trait CandidateSource: Send + Sync {
    /// At most `query.k` candidates, by falling score, without repeats, without seeds. Without seeds: the popular.
    fn candidates(&self, query: &Query) -> Vec<Merged>;
}

impl CandidateSource for Channels {
    fn candidates(&self, query: &Query) -> Vec<Merged> {
        if query.seeds.is_empty() {
            // A question that says nothing has one answer, and the merge gives that channel no weight.
            let [popular, ..] = self.channels();
            let alone = |c: Candidate| Merged { song: c.song, score: c.score, channels: vec![popular.name()] };
            return popular.recall(query).into_iter().map(alone).collect();
        }
        self.funnel().run(query).0
    }
}

/// The candidates.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Candidates {
    /// By falling score.
    candidates: Vec<CandidateEntry>,
}

/// One candidate.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CandidateEntry {
    /// Which song.
    song: u32,
    /// The merge's score; comparable within this answer only.
    score: f32,
    /// The channels that proposed it.
    #[schema(example = json!(["item_cf", "song2vec"]))]
    channels: Vec<&'static str>,
}

/// Candidates by the server's channels.
///
/// A seed tells the server that song, so the player never sends one: it recalls on the device. This address is for clients
/// without an engine, and for what is public anyway (`popular`, a song's page).
#[utoipa::path(get, path = "/v1/candidates", tag = "candidates",
    params(
        ("k" = Option<u32>, Query, description = "How many, 1 to 1000; 100 where not given"),
        ("seed" = Option<Vec<u32>>, Query, style = Form, explode, description = "Songs to start from, at most 100; tells the server these songs"),
    ),
    responses(
    (status = 200, description = "Candidates by falling score", body = Candidates),
    (status = 400, description = "The question cannot be read", body = Details, content_type = "application/problem+json"),
    (status = 404, description = "A seed is not in the catalogue", body = Details, content_type = "application/problem+json"),
    (status = 406, description = "Accept excludes JSON", body = Details, content_type = "application/problem+json"),
    (status = 429, description = "Too many requests from this address", body = Details, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
))]
pub(super) async fn candidates(
    State(app): State<App>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    takes(&headers, "application/json")?;
    let query = question(raw.as_deref().unwrap_or(""))?;
    let songs = app.catalogue().songs();
    if let Some((unknown, _)) = query.seeds.iter().find(|(song, _)| song.0 as usize >= songs) {
        return Err(Problem::not_found(
            format!("there is no song {unknown}; ids go from 0 to {}", songs.saturating_sub(1)),
            "GET /v1/catalogue",
        ));
    }
    // A scan over the catalogue is milliseconds of arithmetic: not for the threads that wait on sockets.
    let found = tokio::task::spawn_blocking(move || app.0.candidates.candidates(&query)).await.map_err(|error| {
        tracing::error!(%error, "candidates");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The server failed",
            "a channel failed; the server's log says why",
            "ask again without this seed",
        )
    })?;
    let entry = |p: Merged| CandidateEntry { song: p.song.0, score: p.score, channels: p.channels };
    let body = Candidates { candidates: found.into_iter().map(entry).collect() };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

fn question(raw: &str) -> Result<Query, Problem> {
    const NEXT: &str = "GET /v1/candidates?k=100&seed=12&seed=40";
    let mut query = Query { k: 100, ..Query::default() };
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (name, value.parse::<u32>()) {
            ("k", Ok(k)) if (1..=MOST_CANDIDATES).contains(&(k as usize)) => query.k = k as usize,
            ("seed", Ok(song)) if query.seeds.len() < MOST_SEEDS => query.seeds.push((SongId(song), 1.0)),
            ("k", _) => return Err(Problem::malformed(format!("k is a number from 1 to {MOST_CANDIDATES}"), NEXT)),
            ("seed", _) => {
                return Err(Problem::malformed(format!("a seed is a song's id, at most {MOST_SEEDS} of them"), NEXT));
            }
            _ => {
                let name: String = name.chars().take(40).collect();
                return Err(Problem::malformed(format!("unknown parameter `{name}`, expected `k` or `seed`"), NEXT));
            }
        }
    }
    query.exclude = query.seeds.iter().map(|(song, _)| *song).collect(); // whoever asks has them already
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn questions_are_read_or_refused() {
        let query = question("k=7&seed=12&seed=40").map_err(|_| ()).unwrap();
        assert_eq!((query.k, query.seeds), (7, vec![(SongId(12), 1.0), (SongId(40), 1.0)]));
        assert_eq!(question("").map_err(|_| ()).unwrap().k, 100);
        for bad in ["k=0", "k=1001", "k", "seed=-1", "seed=x", "seeds=1", "k=10;seed=2"] {
            assert!(question(bad).is_err(), "{bad}");
        }
        assert!(question(&"seed=1&".repeat(101)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_question_or_a_problem(raw in ".{0,80}") {
            if let Ok(query) = question(&raw) {
                prop_assert!((1..=MOST_CANDIDATES).contains(&query.k));
            }
        }
    }
}
