//! The channel `spectral`: the listener as a signal on the graph of who heard what, with its noise filtered out.
//!
//! Papers: Cremonesi, Koren, Turrin, "Performance of recommender algorithms on top-N recommendation tasks", RecSys 2010, §3.2
//! (PureSVD); Shen et al., "How Powerful is Graph Convolution for Recommendation?", CIKM 2021, §4.2 (GF-CF's ideal low-pass
//! filter, <https://arxiv.org/abs/2108.07567>); Halko, Martinsson, Tropp, "Finding Structure with Randomness", SIAM Review 2011,
//! Alg. 4.4 and 5.1 (how the vectors are found).
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | R | taste | listeners × songs | `ln(1 + plays)` |
//! | D_U, D_I | `d_u`, `d_i` | | sums of R's rows and columns |
//! | R̃ = D_U^{−½} R D_I^{−a} | weights of a pair | listeners × songs | `a` is `damping`; GF-CF has ½ |
//! | Ū | `basis` | songs × rank | R̃'s first right singular vectors: the slowest frequencies of the songs' graph |
//! | r_u D_I^{−a} Ū Ūᵀ D_I^{a} | `queries`, `answers` | songs × rank, twice | the filter, split: `Σ_s taste(s)·queries[s]` meets `answers[c]` |
//!
//! Kept: the ideal filter, which needs no training of listeners: a listener never seen before is filtered like any other, from
//! the seeds alone. Left out: GF-CF's linear part (it is `item_cf`'s own business), and its fixed exponent: with less damping
//! than ½ songs of few listeners are not blown up.

use super::select::tastes;
use super::{ExactIndex, Interactions, RecallError, taste};
use crate::data::ListenerId;
use crate::progress::{Progress, Report};
use crate::stage::{Candidate, Query, Recall};
use nalgebra::{Cholesky, DMatrix, SymmetricEigen};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sottovoce::ids::SongId;
use sottovoce::math::{Rng, axpy};

/// What the filter can be told. Defaults: see `docs/recall.md` for how they were chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectralConfig {
    /// Frequencies let through, 1 to 1024 (GF-CF 256; PureSVD 50 to 300).
    pub rank: usize,
    /// a, 0 to 1: how much a song's popularity is taken out before filtering (GF-CF ½).
    pub damping: f64,
    /// Times the matrix is applied to and fro while the vectors are sought, at least 1.
    pub iterations: u32,
}

impl Default for SpectralConfig {
    fn default() -> Self {
        Self { rank: 128, damping: 0.3, iterations: 6 }
    }
}

/// A fitted filter.
#[derive(Clone, Debug)]
pub struct Spectral {
    rank: usize,
    /// `D_I^{−a} Ū`, songs × rank.
    queries: Vec<f32>,
    /// `D_I^{a} Ū`, songs × rank.
    answers: Vec<f32>,
    index: ExactIndex,
}

/// Columns beyond `rank` that are carried along while the vectors are sought (Halko: 5 to 10).
const OVERSAMPLING: usize = 10;
/// Rows that are summed up by one thread; fixed, so that the order of summation is.
const CHUNK: usize = 512;

impl Spectral {
    /// Finds the filter; the same for any number of threads.
    ///
    /// # Errors
    /// [`RecallError::Config`]; [`RecallError::Spectrum`] where the matrix has no usable spectrum.
    pub fn fit(
        interactions: &Interactions,
        config: &SpectralConfig,
        seed: u64,
        report: Report<'_>,
    ) -> Result<Self, RecallError> {
        config.check()?;
        let matrix = Normalised::of(interactions, config.damping);
        let (songs, listeners) = (interactions.songs(), interactions.listeners());
        let width = (config.rank + OVERSAMPLING).min(songs).min(listeners).max(1);
        let rank = config.rank.min(width);
        let total = u64::from(config.iterations) + 1;
        let mut rng = Rng::new(seed).split("spectral");
        let mut basis: Vec<f64> = (0..songs * width).map(|_| f64::from(rng.normal())).collect();
        for done in 0..config.iterations {
            basis = matrix.back(&matrix.forth(&basis, width), width);
            orthonormalise(&mut basis, width)?;
            report(Progress { step: "spectral", done: u64::from(done) + 1, total });
        }
        // Rayleigh–Ritz: the best directions inside the subspace that was found.
        let inner = gram(&matrix.forth(&basis, width), width);
        if inner.iter().any(|x| !x.is_finite()) {
            return Err(RecallError::Spectrum { what: "the subspace" });
        }
        let eigen = SymmetricEigen::new(inner);
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]).then(a.cmp(b)));
        let turn = DMatrix::from_fn(width, rank, |i, j| eigen.eigenvectors[(i, order[j])]);
        let basis = multiply(&basis, width, &turn);

        let mut queries = vec![0.0f32; songs * rank];
        let mut answers = vec![0.0f32; songs * rank];
        #[allow(clippy::cast_possible_truncation, reason = "scores need no more than f32")]
        for (song, damped) in matrix.damped.iter().enumerate().filter(|(_, damped)| **damped > 0.0) {
            for place in song * rank..(song + 1) * rank {
                queries[place] = (basis[place] / damped) as f32;
                answers[place] = (basis[place] * damped) as f32;
            }
        }
        report(Progress { step: "spectral", done: total, total });
        Self::from_tables(rank, queries, answers)
    }

    /// From its two tables.
    ///
    /// # Errors
    /// [`RecallError::Spectrum`] where they are not finite, [`RecallError::Artefact`] where they do not fit.
    pub(crate) fn from_tables(rank: usize, queries: Vec<f32>, answers: Vec<f32>) -> Result<Self, RecallError> {
        if rank == 0 || queries.len() != answers.len() || !queries.len().is_multiple_of(rank) {
            return Err(RecallError::Artefact { detail: "spectral: the tables do not fit".into() });
        }
        if queries.iter().chain(&answers).any(|x| !x.is_finite()) {
            return Err(RecallError::Spectrum { what: "the filter" });
        }
        let index = ExactIndex::new(rank, &answers);
        Ok(Self { rank, queries, answers, index })
    }

    /// Frequencies let through, the table of the seeds' side, and that of the candidates' side.
    pub(crate) fn tables(&self) -> (usize, &[f32], &[f32]) {
        (self.rank, &self.queries, &self.answers)
    }
}

impl SpectralConfig {
    #[allow(clippy::cast_precision_loss, reason = "for the message only")]
    fn check(&self) -> Result<(), RecallError> {
        let fail = |field, got, expected| Err(RecallError::Config { field, got, expected });
        match self {
            c if c.rank == 0 || c.rank > 1024 => fail("spectral.rank", c.rank as f64, "1 to 1024"),
            c if !(0.0..=1.0).contains(&c.damping) => fail("spectral.damping", c.damping, "0 to 1"),
            c if c.iterations == 0 => fail("spectral.iterations", 0.0, "at least 1"),
            _ => Ok(()),
        }
    }
}

impl Recall for Spectral {
    fn name(&self) -> &'static str {
        "spectral"
    }

    fn recall(&self, query: &Query) -> Vec<Candidate> {
        let mut signal = vec![0.0f32; self.rank];
        let mut heard = false;
        for (song, taste) in tastes(query, self.index.songs()) {
            axpy(taste, &self.queries[song * self.rank..][..self.rank], &mut signal);
            heard = true;
        }
        if heard { self.index.search(&signal, query) } else { Vec::new() }
    }
}

/// R̃, by rows and by columns, and the D_I^a of each song (0 where nobody heard it).
struct Normalised {
    rows: Vec<Vec<(usize, f64)>>,
    columns: Vec<Vec<(usize, f64)>>,
    damped: Vec<f64>,
}

impl Normalised {
    fn of(interactions: &Interactions, damping: f64) -> Self {
        let weight = |plays: &f32| f64::from(taste(*plays));
        let listeners = (0u32..).take(interactions.listeners()).map(ListenerId);
        let songs = (0u32..).take(interactions.songs()).map(SongId);
        let of_listener: Vec<f64> = listeners
            .clone()
            .map(|u| interactions.heard_by(u).iter().map(|(_, plays)| weight(plays)).sum::<f64>().sqrt())
            .collect();
        let damped: Vec<f64> = songs
            .clone()
            .map(|i| interactions.listeners_of(i).iter().map(|(_, plays)| weight(plays)).sum::<f64>())
            .map(|sum| if sum > 0.0 { libm::pow(sum, damping) } else { 0.0 })
            .collect();
        let value = |u: usize, i: usize, plays: &f32| weight(plays) / (of_listener[u] * damped[i]);
        let rows = listeners
            .map(|u| {
                let pair = |(i, plays): &(u32, f32)| (*i as usize, value(u.0 as usize, *i as usize, plays));
                interactions.heard_by(u).iter().map(pair).collect()
            })
            .collect();
        let columns = songs
            .map(|i| {
                let pair = |(u, plays): &(u32, f32)| (*u as usize, value(*u as usize, i.0 as usize, plays));
                interactions.listeners_of(i).iter().map(pair).collect()
            })
            .collect();
        Self { rows, columns, damped }
    }

    /// R̃·X for songs × width.
    fn forth(&self, x: &[f64], width: usize) -> Vec<f64> {
        apply(&self.rows, x, width)
    }

    /// R̃ᵀ·X for listeners × width.
    fn back(&self, x: &[f64], width: usize) -> Vec<f64> {
        apply(&self.columns, x, width)
    }
}

fn apply(rows: &[Vec<(usize, f64)>], x: &[f64], width: usize) -> Vec<f64> {
    let mut out = vec![0.0f64; rows.len() * width];
    out.par_chunks_mut(width).zip(rows).for_each(|(out, row)| {
        for (place, value) in row {
            for (out, x) in out.iter_mut().zip(&x[place * width..][..width]) {
                *out += value * x;
            }
        }
    });
    out
}

/// XᵀX, the chunks' sums added up in their order.
fn gram(x: &[f64], width: usize) -> DMatrix<f64> {
    let parts: Vec<Vec<f64>> = x
        .par_chunks(CHUNK * width)
        .map(|chunk| {
            let mut sum = vec![0.0; width * width];
            for row in chunk.chunks_exact(width) {
                for (i, value) in row.iter().enumerate() {
                    // The lower triangle of a symmetric matrix.
                    for (sum, other) in sum[i * width..=i * width + i].iter_mut().zip(row) {
                        *sum += value * other;
                    }
                }
            }
            sum
        })
        .collect();
    let mut sum = vec![0.0; width * width];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    DMatrix::from_fn(width, width, |i, j| sum[i.max(j) * width + i.min(j)])
}

/// X·M, X being rows × width.
fn multiply(x: &[f64], width: usize, m: &DMatrix<f64>) -> Vec<f64> {
    let columns = m.ncols();
    let rows: Vec<Vec<f64>> = m.row_iter().map(|row| row.iter().copied().collect()).collect();
    let mut out = vec![0.0f64; x.len() / width * columns];
    out.par_chunks_mut(columns).zip(x.par_chunks(width)).for_each(|(out, x)| {
        for (value, row) in x.iter().zip(&rows) {
            for (out, m) in out.iter_mut().zip(row) {
                *out += value * m;
            }
        }
    });
    out
}

/// Makes the columns of X orthonormal: X ← X·L^{−ᵀ} with XᵀX = L·Lᵀ. Twice, because once leaves an error of the square of X's
/// condition.
fn orthonormalise(x: &mut Vec<f64>, width: usize) -> Result<(), RecallError> {
    for _ in 0..2 {
        let mut square = gram(x, width);
        // Fewer directions than columns: what is left of the rest is noise, and must not break the factorisation.
        let lift = square.trace() * 1e-14 + f64::MIN_POSITIVE;
        for i in 0..width {
            square[(i, i)] += lift;
        }
        let broken = RecallError::Spectrum { what: "the subspace" };
        let factor = Cholesky::new(square).ok_or_else(|| broken.clone())?.unpack();
        let inverse = factor.try_inverse().ok_or(broken)?;
        *x = multiply(x, width, &inverse.transpose());
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "tests")]
mod tests {
    use super::super::interactions::tests::totals;
    use super::*;
    use crate::progress::quiet;

    /// Two tastes of 12 songs; each listener hears a random 5 of one, and song 24 is heard by all.
    fn two_tastes() -> Interactions {
        let mut rng = Rng::new(4);
        let mut plays = Vec::new();
        for listener in 0..60 {
            let mut songs: Vec<u32> = (0..5).map(|_| listener % 2 * 12 + rng.below(12)).collect();
            songs.push(24);
            songs.sort_unstable();
            songs.dedup();
            plays.extend(songs.into_iter().map(|song| (listener, song, 1 + rng.below(5))));
        }
        Interactions::of(&totals(26, 60, &plays))
    }

    #[test]
    fn the_vectors_are_the_singular_vectors() {
        let matrix = Normalised::of(&two_tastes(), 0.5);
        let config = SpectralConfig { rank: 5, damping: 0.5, iterations: 30 };
        let fitted = Spectral::fit(&two_tastes(), &config, 1, &quiet).unwrap();
        // Dense, by nalgebra.
        let dense =
            DMatrix::from_fn(60, 26, |u, i| matrix.rows[u].iter().find(|(s, _)| *s == i).map_or(0.0, |(_, v)| *v));
        let svd = dense.svd(false, true);
        let v = svd.v_t.unwrap();
        let mut order: Vec<usize> = (0..26).collect();
        order.sort_by(|a, b| svd.singular_values[*b].total_cmp(&svd.singular_values[*a]));
        for a in 0..25 {
            for b in 0..25 {
                let exact: f64 = order[..5].iter().map(|j| v[(*j, a)] * v[(*j, b)]).sum::<f64>() / matrix.damped[a]
                    * matrix.damped[b];
                let got: f64 =
                    (0..5).map(|j| f64::from(fitted.queries[a * 5 + j]) * f64::from(fitted.answers[b * 5 + j])).sum();
                assert!((exact - got).abs() < 1e-4, "{a}, {b}: {exact} against {got}");
            }
        }
    }

    #[test]
    fn the_filter_completes_a_taste_where_the_raw_signal_cannot() {
        let channel =
            Spectral::fit(&two_tastes(), &SpectralConfig { rank: 2, ..SpectralConfig::default() }, 1, &quiet).unwrap();
        let seeds = vec![(SongId(0), 2.0), (SongId(1), 1.0)];
        let query = Query { exclude: vec![SongId(0), SongId(1), SongId(24)], seeds, k: 10 };
        let found = channel.recall(&query);
        assert!(found.iter().all(|c| c.song.0 < 12), "the ten other songs of the taste come first: {found:?}");
        assert!(
            channel.recall(&Query { k: 26, ..query }).iter().all(|c| c.song.0 != 25),
            "a song nobody heard is not proposed"
        );
        assert!(channel.recall(&Query { k: 3, ..Query::default() }).is_empty());
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_and_small_worlds_are_no_trouble() {
        let fit =
            |matrix: &Interactions, seed| Spectral::fit(matrix, &SpectralConfig::default(), seed, &quiet).unwrap();
        let (a, b) = (fit(&two_tastes(), 1), fit(&two_tastes(), 1));
        assert!(a.queries.iter().zip(&b.queries).all(|(x, y)| x.to_bits() == y.to_bits()));
        // Wider than the matrix has rank, and a listener without songs.
        let tiny = Interactions::of(&totals(3, 3, &[(0, 0, 1), (0, 1, 1), (2, 1, 4)]));
        let found = fit(&tiny, 1).recall(&Query { seeds: vec![(SongId(0), 1.0)], exclude: vec![SongId(0)], k: 3 });
        assert_eq!(found[0].song, SongId(1));
    }

    #[test]
    fn nonsense_is_refused() {
        for config in [
            SpectralConfig { rank: 0, ..SpectralConfig::default() },
            SpectralConfig { damping: -0.1, ..SpectralConfig::default() },
            SpectralConfig { iterations: 0, ..SpectralConfig::default() },
        ] {
            assert!(matches!(Spectral::fit(&two_tastes(), &config, 1, &quiet), Err(RecallError::Config { .. })));
        }
        assert!(Spectral::from_tables(2, vec![0.0; 4], vec![0.0; 6]).is_err());
        assert!(Spectral::from_tables(2, vec![f32::NAN; 4], vec![0.0; 4]).is_err());
    }
}
