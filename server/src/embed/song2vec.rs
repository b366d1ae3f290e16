//! song2vec: skip-gram with negative sampling over lists of songs (row R5).
//!
//! Papers: Mikolov, Sutskever, Chen, Corrado, Dean, "Distributed Representations of Words and Phrases and their
//! Compositionality", NIPS 2013, §2 (<https://arxiv.org/abs/1310.4546>); Barkan, Koenigstein, "Item2Vec", MLSP 2016
//! (<https://arxiv.org/abs/1603.04259>), for lists without an order; Caselles-Dupré, Lesaint, Royo-Letelier, "Word2vec applied
//! to Recommendation: Hyperparameters Matter", RecSys 2018 (<https://arxiv.org/abs/1804.04212>), for which settings matter in
//! music.
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | c, w | `truth`, `inputs` | song numbers | the song in the middle of a window, and the songs near it from which it is predicted |
//! | v_w, v′_c | `vectors[w]`, `contexts[c]` | d | the vector that is kept, and the one it is trained against |
//! | k | `negatives` | | songs drawn at random to stand against the true one |
//! | P_n(w) ∝ count^α | [`NoiseTable`], `noise_exponent` | songs | what they are drawn from |
//! | t | `subsample` | | share of the log above which a song is passed over now and then |
//! | c (§2) | `window` | | how far away a song still counts as near |
//!
//! Eq. 4, summed over all pairs: `log σ(v′_c·v_w) + Σ_k E[log σ(−v′_k·v_w)]`, by stochastic gradient ascent with a rate that
//! falls in a straight line. As in word2vec.c the song in the middle is what is predicted. A window's pairs are one step and
//! share their `k` negatives (Ji, Satish, Li, Dubey, "Parallelizing Word2Vec in Shared and Distributed Memory", 2016,
//! <https://arxiv.org/abs/1604.04661>): the expectation is that of Eq. 4, and a step touches a sixth of the rows.
//!
//! Kept: the shrinking window (its reach is drawn from 1 to `window` for each centre), subsampling, the noise exponent as a
//! free number below 0 too (Caselles-Dupré found −0.5 best for next-song, 0.75 is the original's), bags (Barkan): where the
//! order means nothing the list is shuffled in each epoch, so that a window is a sample of the bag.
//! Left out: hierarchical softmax, phrases, CBOW; and racing threads (Hogwild), because the same seed must give the same bits:
//! training runs on one thread, in the order of the lists, and its speed comes from the kernel.

use super::kernel::{LANES, MAX_INPUTS, MAX_TARGETS, Row, Scratch};
use super::{Corpus, EmbedError, NoiseTable, SongEmbeddings};
use crate::progress::{Progress, Report};
use pulp::{Arch, Simd, WithSimd};
use serde::{Deserialize, Serialize};
use sottovoce::math::Rng;

/// What song2vec can be told. Defaults: see `docs/recall.md` for how they were chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Song2VecConfig {
    /// d, coordinates in a vector, 1 to 256 (papers: 100 to 300 for words; 50 to 200 for songs).
    pub dimension: usize,
    /// Songs to each side that may count as near, at least 1 (Mikolov 5; Caselles-Dupré 3 to 7).
    pub window: u32,
    /// k, negatives a window, 1 to 31 (Mikolov: 5 to 20 for small data).
    pub negatives: usize,
    /// Times that the lists are gone through, at least 1 (gensim 5; Caselles-Dupré up to 150, and it matters).
    pub epochs: u32,
    /// The first step's size (gensim and Mikolov .025).
    pub learning_rate: f32,
    /// The last step's size (gensim .0001).
    pub min_learning_rate: f32,
    /// α of P_n ∝ count^α, −2 to 2 (Mikolov .75; Caselles-Dupré −.5 for music).
    pub noise_exponent: f32,
    /// t: a song with share f of the log is kept with probability √(t/f) + t/f; 0 keeps all (Mikolov 1e−5 to 1e−3).
    pub subsample: f64,
}

impl Default for Song2VecConfig {
    fn default() -> Self {
        Self {
            dimension: 64,
            window: 5,
            negatives: 5,
            epochs: 20,
            learning_rate: 0.025,
            min_learning_rate: 0.0001,
            noise_exponent: 0.75,
            subsample: 0.0,
        }
    }
}

impl Song2VecConfig {
    fn check(&self) -> Result<(), EmbedError> {
        let fail = |field, got, expected| Err(EmbedError::Config { field, got, expected });
        #[allow(clippy::cast_precision_loss, reason = "for the message only")]
        match self {
            c if c.dimension == 0 || c.dimension > 256 => fail("song2vec.dimension", c.dimension as f64, "1 to 256"),
            c if c.window == 0 => fail("song2vec.window", 0.0, "at least 1"),
            c if c.negatives == 0 || c.negatives >= MAX_TARGETS => {
                fail("song2vec.negatives", c.negatives as f64, "1 to 31")
            }
            c if c.epochs == 0 => fail("song2vec.epochs", 0.0, "at least 1"),
            c if !(c.learning_rate > 0.0 && c.learning_rate <= 1.0) => {
                fail("song2vec.learning_rate", f64::from(c.learning_rate), "above 0, at most 1")
            }
            c if !(c.min_learning_rate >= 0.0 && c.min_learning_rate <= c.learning_rate) => {
                fail("song2vec.min_learning_rate", f64::from(c.min_learning_rate), "0 to song2vec.learning_rate")
            }
            c if !(-2.0..=2.0).contains(&c.noise_exponent) => {
                fail("song2vec.noise_exponent", f64::from(c.noise_exponent), "-2 to 2")
            }
            c if !(c.subsample >= 0.0 && c.subsample.is_finite()) => {
                fail("song2vec.subsample", c.subsample, "0 or more")
            }
            _ => Ok(()),
        }
    }
}

/// A trained model: both tables, `songs × d`, not normalised. Songs in no list have zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct Song2Vec {
    /// d.
    pub dimension: usize,
    /// v, one row a song.
    pub vectors: Vec<f32>,
    /// v′, one row a song.
    pub contexts: Vec<f32>,
    /// Songs of the lists gone through, all epochs together, those passed over by subsampling too.
    pub tokens: u64,
}

impl Song2Vec {
    /// Trains on the lists. The same corpus, configuration and seed give the same bits.
    ///
    /// # Errors
    /// A configuration out of range, lists with no two songs together, or numbers that ran off to infinity.
    pub fn train(corpus: &Corpus, config: &Song2VecConfig, seed: u64, report: Report<'_>) -> Result<Self, EmbedError> {
        config.check()?;
        if !corpus.lists().any(|list| list.len() > 1) {
            return Err(EmbedError::NothingToLearn);
        }
        // Rows are padded with zeros to whole blocks, which stay zero; the compiler unrolls each width.
        match config.dimension.div_ceil(LANES) {
            1 => Trainer::<1>::run(corpus, config, seed, report),
            2 => Trainer::<2>::run(corpus, config, seed, report),
            3 => Trainer::<3>::run(corpus, config, seed, report),
            4 => Trainer::<4>::run(corpus, config, seed, report),
            5..=8 => Trainer::<8>::run(corpus, config, seed, report),
            _ => Trainer::<16>::run(corpus, config, seed, report),
        }
    }

    /// The v of every song, as units.
    ///
    /// # Errors
    /// [`EmbedError::ShapeMismatch`], if the tables were changed by hand.
    pub fn embeddings(&self) -> Result<SongEmbeddings, EmbedError> {
        SongEmbeddings::new(self.dimension, self.vectors.clone())
    }
}

/// The songs that occur, most heard first: rows that are needed often lie close together, and songs never heard take no room.
struct Vocabulary {
    /// The song of each row.
    songs: Vec<u32>,
    /// How often each row's song occurs.
    counts: Vec<u32>,
    /// The lists, in rows.
    corpus: Corpus,
}

impl Vocabulary {
    fn of(corpus: &Corpus) -> Self {
        let counts = corpus.counts();
        let mut songs: Vec<u32> =
            (0u32..).zip(&counts).filter(|(_, count)| **count > 0).map(|(song, _)| song).collect();
        songs.sort_by_key(|song| (u32::MAX - counts[*song as usize], *song));
        let mut rows = vec![0u32; corpus.songs];
        for (row, song) in (0u32..).zip(&songs) {
            rows[*song as usize] = row;
        }
        let mut mapped = corpus.clone();
        mapped.tokens.iter_mut().for_each(|token| *token = rows[*token as usize]);
        Self { counts: songs.iter().map(|song| counts[*song as usize]).collect(), songs, corpus: mapped }
    }
}

/// The state of training at rows of `16·B` coordinates.
struct Trainer<'a, const B: usize> {
    config: &'a Song2VecConfig,
    ordered: bool,
    noise: NoiseTable,
    /// The probability to keep a song, for each; empty where all are kept.
    keep: Vec<f32>,
    vectors: Vec<Row<B>>,
    contexts: Vec<Row<B>>,
    rng: Rng,
    done: u64,
    total: u64,
    /// The list at hand, after shuffling and subsampling.
    list: Vec<u32>,
    /// Negatives drawn for the list at hand, `k` a step.
    negatives: Vec<u32>,
    scratch: Scratch<B>,
}

impl<'a, const B: usize> Trainer<'a, B> {
    fn run(corpus: &Corpus, config: &'a Song2VecConfig, seed: u64, report: Report<'_>) -> Result<Song2Vec, EmbedError> {
        let vocabulary = Vocabulary::of(corpus);
        let mut trainer = Self::new(&vocabulary, config, corpus.ordered, seed);
        let arch = Arch::new();
        let lists: Vec<&[u32]> = vocabulary.corpus.lists().collect();
        for epoch in 1..=config.epochs {
            for lists in lists.chunks(1024) {
                arch.dispatch(Lists { trainer: &mut trainer, lists });
                report(Progress { step: "song2vec", done: trainer.done, total: trainer.total });
            }
            for (what, table) in [("a song vector", &trainer.vectors), ("a context vector", &trainer.contexts)] {
                if table.iter().flatten().flatten().any(|x| !x.is_finite()) {
                    return Err(EmbedError::Diverged { what, epoch, learning_rate: config.learning_rate });
                }
            }
        }
        let d = config.dimension;
        let by_song = |rows: &[Row<B>]| -> Vec<f32> {
            let mut out = vec![0.0; corpus.songs * d];
            for (row, song) in rows.iter().zip(&vocabulary.songs) {
                out[*song as usize * d..][..d].copy_from_slice(&row.as_flattened()[..d]);
            }
            out
        };
        let (vectors, contexts) = (by_song(&trainer.vectors), by_song(&trainer.contexts));
        Ok(Song2Vec { dimension: d, vectors, contexts, tokens: trainer.done })
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "probabilities; dimension ≤ 256")]
    fn new(vocabulary: &Vocabulary, config: &'a Song2VecConfig, ordered: bool, seed: u64) -> Self {
        let tokens = vocabulary.corpus.tokens.len();
        let keep = |count: &u32| {
            let share = config.subsample * tokens as f64 / f64::from(*count);
            (share.sqrt() + share).min(1.0) as f32
        };
        let counts = &vocabulary.counts;
        let rng = Rng::new(seed).split("song2vec");
        let mut start = rng.split("init");
        let mut vectors = vec![[[0.0; LANES]; B]; counts.len()];
        for row in &mut vectors {
            for x in &mut row.as_flattened_mut()[..config.dimension] {
                *x = (start.uniform() - 0.5) / config.dimension as f32;
            }
        }
        Self {
            config,
            ordered,
            noise: NoiseTable::new(counts, config.noise_exponent),
            keep: if config.subsample > 0.0 { counts.iter().map(keep).collect() } else { Vec::new() },
            vectors,
            contexts: vec![[[0.0; LANES]; B]; counts.len()],
            rng: rng.split("steps"),
            done: 0,
            total: tokens as u64 * u64::from(config.epochs),
            list: Vec::new(),
            negatives: Vec::new(),
            scratch: Scratch::new(),
        }
    }

    #[inline(always)]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "lists are below 2³², rates are f32"
    )]
    fn learn<S: Simd>(&mut self, simd: S, list: &[u32]) {
        let progress = self.done as f32 / self.total as f32;
        let rate = (self.config.learning_rate * (1.0 - progress)).max(self.config.min_learning_rate);
        self.done += list.len() as u64;
        self.list.clear();
        if self.keep.is_empty() {
            self.list.extend_from_slice(list);
        } else {
            for song in list {
                if self.rng.uniform() < self.keep[*song as usize] {
                    self.list.push(*song);
                }
            }
        }
        if !self.ordered {
            for last in (1..self.list.len()).rev() {
                let other = self.rng.below(last as u32 + 1) as usize;
                self.list.swap(last, other);
            }
        }
        // All negatives of the list at once: their draws wait for memory together.
        self.negatives.clear();
        let k = self.config.negatives;
        let steps = self.list.len() * (2 * self.config.window as usize + 1).div_ceil(MAX_INPUTS);
        for _ in 0..steps * k {
            self.negatives.push(self.noise.draw(&mut self.rng));
        }
        let mut drawn = 0;
        let mut targets = [0u32; MAX_TARGETS];
        let targets = &mut targets[..=k];
        for (place, truth) in self.list.iter().enumerate() {
            let reach = 1 + self.rng.below(self.config.window) as usize;
            let from = place.saturating_sub(reach);
            let to = (place + reach + 1).min(self.list.len());
            // Sixteen at most in one step; a wider window takes several, with negatives of their own.
            for near in self.list[from..to].chunks(MAX_INPUTS) {
                let mut inputs = [0u32; MAX_INPUTS];
                let mut count = 0;
                for song in near {
                    // The middle itself, and the same song again: a song is not near itself.
                    inputs[count] = *song;
                    count += usize::from(song != truth);
                }
                if count == 0 {
                    continue;
                }
                targets[0] = *truth;
                targets[1..].copy_from_slice(&self.negatives[drawn..][..k]);
                drawn += k;
                self.scratch.step(simd, &mut self.vectors, &mut self.contexts, &inputs[..count], targets, rate);
            }
        }
    }
}

/// A run of lists, for `pulp` to compile at each vector width.
struct Lists<'t, 'a, const B: usize> {
    trainer: &'t mut Trainer<'a, B>,
    lists: &'t [&'t [u32]],
}

impl<const B: usize> WithSimd for Lists<'_, '_, B> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for list in self.lists {
            self.trainer.learn(simd, list);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "tests")]
mod tests {
    use super::*;
    use crate::progress::quiet;
    use sottovoce::ids::SongId;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// `clusters` tastes of `size` songs each; a list stays in one. Inside a taste, song `i` is heard ∝ 1/(i+1).
    fn planted(clusters: u32, size: u32, lists: u32, length: u32, ordered: bool, seed: u64) -> Corpus {
        let mut rng = Rng::new(seed);
        let harmonic: Vec<f64> = (1..=size).map(|i| 1.0 / f64::from(i)).collect();
        let total: f64 = harmonic.iter().sum();
        let lists: Vec<Vec<u32>> = (0..lists)
            .map(|i| {
                let mut draw = || {
                    let mut u = rng.uniform_f64() * total;
                    let place = harmonic.iter().position(|w| {
                        u -= w;
                        u <= 0.0
                    });
                    (i % clusters) * size + u32::try_from(place.unwrap_or(0)).unwrap()
                };
                (0..length).map(|_| draw()).collect()
            })
            .collect();
        Corpus::from_lists((clusters * size) as usize, &lists, ordered)
    }

    /// The share of the `n` nearest neighbours that are of the same taste.
    fn purity(model: &Song2Vec, size: u32, n: usize) -> f64 {
        let units = model.embeddings().unwrap();
        let songs = u32::try_from(units.songs()).unwrap();
        let mut same = 0usize;
        for a in 0..songs {
            let mut others: Vec<(f32, u32)> =
                (0..songs).filter(|b| *b != a).map(|b| (units.cosine(SongId(a), SongId(b)), b)).collect();
            others.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
            same += others[..n].iter().filter(|(_, b)| b / size == a / size).count();
        }
        same as f64 / (songs as usize * n) as f64
    }

    fn small() -> Song2VecConfig {
        Song2VecConfig { dimension: 16, epochs: 15, ..Song2VecConfig::default() }
    }

    #[test]
    fn planted_tastes_are_found_and_training_and_noise_earn_their_keep() {
        for ordered in [true, false] {
            let corpus = planted(8, 20, 800, 12, ordered, 1);
            let train = |config: &Song2VecConfig| purity(&Song2Vec::train(&corpus, config, 5, &quiet).unwrap(), 20, 10);
            let trained = train(&small());
            // The ablation: a rate so small that the rows stay where chance put them.
            let untrained = train(&Song2VecConfig { learning_rate: 1e-9, min_learning_rate: 0.0, ..small() });
            assert!(trained > 0.95, "purity {trained}");
            assert!(untrained < 0.2, "purity without training {untrained}");
        }
    }

    #[test]
    fn without_negatives_that_oppose_it_everything_falls_together() {
        // Noise that always draws the one most heard song teaches next to nothing apart from "not that one".
        let corpus = planted(8, 20, 400, 12, true, 2);
        let good =
            purity(&Song2Vec::train(&corpus, &Song2VecConfig { negatives: 5, ..small() }, 5, &quiet).unwrap(), 20, 10);
        let mut heavy = corpus.clone();
        // A ninth "taste" of one song heard more than all else together: with α = 2 it is nearly every negative.
        heavy.songs += 1;
        let loud = u32::try_from(corpus.songs).unwrap();
        heavy.tokens.extend(vec![loud; corpus.tokens.len() * 30]);
        heavy.ends.push(heavy.tokens.len());
        let config = Song2VecConfig { noise_exponent: 2.0, ..small() };
        let flat = Song2Vec::train(&heavy, &config, 5, &quiet).unwrap();
        let units = SongEmbeddings::new(16, flat.vectors[..corpus.songs * 16].to_vec()).unwrap();
        let mean = |pairs: &dyn Fn(u32, u32) -> bool| {
            let mut sum = (0.0f64, 0u32);
            for a in 0..160u32 {
                for b in (a + 1)..160 {
                    if pairs(a, b) {
                        sum = (sum.0 + f64::from(units.cosine(SongId(a), SongId(b))), sum.1 + 1);
                    }
                }
            }
            sum.0 / f64::from(sum.1)
        };
        assert!(mean(&|a, b| a / 20 != b / 20) > 0.5, "strangers stay together");
        assert!(good > 0.95, "with real negatives they part: {good}");
    }

    #[test]
    fn overfits_a_toy() {
        // Songs 0 and 1 always together, 2 and 3 always together.
        let lists: Vec<Vec<u32>> = (0..200).map(|i| if i % 2 == 0 { vec![0, 1] } else { vec![2, 3] }).collect();
        let corpus = Corpus::from_lists(5, &lists, true);
        let config = Song2VecConfig { dimension: 8, epochs: 60, learning_rate: 0.1, noise_exponent: 0.0, ..small() };
        let model = Song2Vec::train(&corpus, &config, 1, &quiet).unwrap();
        let product =
            |a: usize, b: usize| sottovoce::math::dot(&model.vectors[a * 8..][..8], &model.contexts[b * 8..][..8]);
        assert!(product(0, 1) > 1.0 && product(2, 3) > 1.0, "{} {}", product(0, 1), product(2, 3));
        assert!(product(0, 3) < -1.0 && product(2, 1) < -1.0, "{} {}", product(0, 3), product(2, 1));
        // A song in no list has no direction, and no NaN.
        assert!(model.embeddings().unwrap().row(SongId(4)).iter().all(|x| x.abs() <= 0.0));
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_and_progress_reaches_its_end() {
        let corpus = planted(4, 10, 100, 8, false, 3);
        let last = AtomicU64::new(0);
        let report = |p: Progress| last.store(p.done * 1000 / p.total, Ordering::Relaxed);
        for dimension in [1, 16, 17, 40, 64, 100, 200] {
            let config = Song2VecConfig { dimension, epochs: 2, subsample: 0.01, ..small() };
            let train = |seed| Song2Vec::train(&corpus, &config, seed, &report).unwrap();
            let (a, b) = (train(9), train(9));
            assert!(a.vectors.iter().zip(&b.vectors).all(|(x, y)| x.to_bits() == y.to_bits()));
            assert_ne!(a.vectors, train(10).vectors);
            assert_eq!((a.vectors.len(), a.tokens), (40 * dimension, 1600));
        }
        assert_eq!(last.into_inner(), 1000);
    }

    #[test]
    fn what_cannot_be_trained_says_why() {
        let alone = Corpus::from_lists(3, &[vec![0], vec![1], vec![]], true);
        assert_eq!(Song2Vec::train(&alone, &small(), 1, &quiet), Err(EmbedError::NothingToLearn));
        let corpus = Corpus::from_lists(3, &[vec![0, 1]], true);
        for config in [
            Song2VecConfig { dimension: 257, ..small() },
            Song2VecConfig { window: 0, ..small() },
            Song2VecConfig { negatives: 32, ..small() },
            Song2VecConfig { epochs: 0, ..small() },
            Song2VecConfig { learning_rate: f32::NAN, ..small() },
            Song2VecConfig { min_learning_rate: 1.0, ..small() },
            Song2VecConfig { noise_exponent: 3.0, ..small() },
            Song2VecConfig { subsample: -1.0, ..small() },
        ] {
            assert!(matches!(Song2Vec::train(&corpus, &config, 1, &quiet), Err(EmbedError::Config { .. })));
        }
    }
}
