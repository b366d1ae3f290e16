//! The traits of the funnel. A request flows `Recall → merge → slate`; pre-rank and rank join between when they are built.

use sottovoce::ids::SongId;

/// What a request asks for. Every field is public knowledge or given by the caller on purpose: a device's history never is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Songs to start from, with a weight each (play counts, or 1).
    pub seeds: Vec<(SongId, f32)>,
    /// Songs never to return.
    pub exclude: Vec<SongId>,
    /// How many candidates.
    pub k: usize,
}

/// A song a channel proposes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Which song.
    pub song: SongId,
    /// The channel's own score; comparable within a channel only.
    pub score: f32,
}

/// One recall channel, already fitted. Answers are sorted by falling score, ties by rising song id, without repeats, without
/// `exclude`, at most `k`.
pub trait Recall: Send + Sync {
    /// The channel's name as configs and reports use it (`popular`, `item_cf`, `song2vec`).
    fn name(&self) -> &'static str;

    /// The candidates for a query.
    fn recall(&self, query: &Query) -> Vec<Candidate>;
}
