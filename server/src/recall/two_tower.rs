//! The item half of a two-tower model: what the catalogue says of a song goes in, its embedding comes out; and back, from the gradient at the
//! embedding (the cut layer) to the tower's own weights (row F2).
//!
//! Sources: Huang et al., *Learning Deep Structured Semantic Models* (DSSM), CIKM 2013, §3; Yi et al., *Sampling-Bias-Corrected Neural
//! Modeling*, RecSys 2019, §3 (fields side by side, normalised output); He et al., CVPR 2016 (the straight path past the layers);
//! Vepakomma et al., *Split learning for health*, 2018; Adam, Kingma & Ba, ICLR 2015.
//!
//! | here | shape | meaning |
//! |---|---|---|
//! | `e_id` | d | the song's own entry: what no field says |
//! | `e_f` | w | mean of the entries of field `f`'s values (artist, album, genre, language, attributes; hashed beyond a field's size), zero where unknown |
//! | `a` | A | audio numbers, where the catalogue has them |
//! | `x = [e_1; …; e_F; a]` | Fw + A | the fields side by side |
//! | `h = relu(W₁ x + b₁)` | h | |
//! | `r = e_id + W₂ h` | d | the straight path for the song itself |
//! | `v = r / ‖r‖` | d | the embedding that is published |
//!
//! `∂L/∂r = (g − ⟨g, v⟩ v)/‖r‖` for `g = ∂L/∂v`; the rest is the tape's sweep. A song that nobody has heard yet has its fields' embedding: its
//! `e_id` starts at a tenth of the length of the others' and is moved by its gradients alone. Left out: DSSM's letter trigrams and its
//! three layers.

use super::RecallError;
use crate::catalog::Song;
use rayon::prelude::*;
use sottovoce::learn::{Adam, Layout, Number, Part, Scratch, Tape};
use sottovoce::math::Rng;
use std::collections::HashMap;
use std::sync::Arc;

mod state;

/// Songs of one tape.
const CHUNK: usize = 512;

/// Sizes of an item tower, and how it learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ItemTowerConfig {
    /// `d`: as the user tower's.
    pub dimension: usize,
    /// `w`: of each field's entries.
    pub field: usize,
    /// `h`.
    pub hidden: usize,
    /// A field has at most so many entries; more values share them.
    pub entries: usize,
    /// Adam's step size.
    pub learning_rate: f32,
    /// How far weights are drawn to zero with every step, as a share of the step size (Loshchilov & Hutter, ICLR 2019, Algorithm 2).
    pub decay: f32,
}

impl Default for ItemTowerConfig {
    fn default() -> Self {
        Self { dimension: 64, field: 16, hidden: 64, entries: 20_000, learning_rate: 5e-3, decay: 0.0 }
    }
}

/// What an item tower is made over: the numbers of each song's field values, by field.
#[derive(Clone, Debug, PartialEq)]
struct Fields {
    /// Entries of each field in use.
    sizes: Vec<u32>,
    /// `values[field][song]`.
    values: Vec<Vec<Vec<u32>>>,
    /// `songs × A`.
    audio: Vec<f32>,
}

/// Where each weight lies.
#[derive(Clone, Debug, PartialEq)]
struct Places {
    id: Part,
    tables: Vec<Part>,
    inner: Part,
    inner_bias: Part,
    outer: Part,
    len: usize,
}

/// The tower over the songs of one catalogue, with the memory of its optimiser.
#[derive(Clone, Debug)]
pub struct ItemTower {
    config: ItemTowerConfig,
    /// The same for every step of a tower: many hold it.
    fields: Arc<Fields>,
    places: Places,
    songs: usize,
    weights: Vec<f32>,
    adam: Adam,
}

impl ItemTower {
    /// A tower that has learned nothing yet. `audio` holds `A` numbers a song, row by row, or nothing.
    ///
    /// # Errors
    /// [`RecallError::Config`].
    #[allow(clippy::cast_possible_truncation, reason = "sizes are checked, catalogues have fewer than 2³² songs")]
    #[allow(clippy::cast_precision_loss, reason = "sizes, for a bound and a message")]
    pub fn new(songs: &[Song], audio: &[f32], config: ItemTowerConfig, seed: u64) -> Result<Self, RecallError> {
        let fail = |field, got, expected| Err(RecallError::Config { field, got, expected });
        let ItemTowerConfig { dimension: d, field: w, hidden: h, entries, learning_rate, decay } = config;
        for (name, size) in [("two_tower.dimension", d), ("two_tower.field", w), ("two_tower.hidden", h)] {
            if !(1..=256).contains(&size) {
                return fail(name, size as f64, "1 to 256");
            }
        }
        if !(2..=1 << 20).contains(&entries) {
            return fail("two_tower.entries", entries as f64, "2 to 2²⁰");
        }
        if !(learning_rate > 0.0 && learning_rate.is_finite()) {
            return fail("two_tower.learning_rate", learning_rate.into(), "a positive number");
        }
        if !(0.0..=1.0).contains(&decay) {
            return fail("two_tower.decay", decay.into(), "0 to 1");
        }
        if songs.is_empty() || !audio.len().is_multiple_of(songs.len()) || audio.iter().any(|a| !a.is_finite()) {
            return fail("two_tower.audio", audio.len() as f64, "as many finite numbers for each of at least one song");
        }
        let fields = Fields::of(songs, audio, entries);
        let columns = audio.len() / songs.len();
        let mut layout = Layout::default();
        let id = layout.matrix(d as u32, songs.len() as u32);
        let tables: Vec<Part> = fields.sizes.iter().map(|size| layout.matrix(w as u32, *size)).collect();
        let inner = layout.matrix(h as u32, (tables.len() * w + columns) as u32);
        let inner_bias = layout.vector(h as u32);
        let outer = layout.matrix(d as u32, h as u32);
        let places = Places { id, tables, inner, inner_bias, outer, len: layout.len() };

        let mut weights = vec![0.0f32; places.len];
        let rng = Rng::new(seed).split("item tower");
        let mut fill = |part: Part, spread: f32, name: &str| {
            let mut rng = rng.split(name);
            weights[part.range()].iter_mut().for_each(|w| *w = spread * rng.normal());
        };
        // With fields to speak for a song its own entry starts small; without any it is all there is.
        let own = if fields.sizes.is_empty() && columns == 0 { 1.0 } else { 0.1 };
        fill(places.id, own / (d as f32).sqrt(), "id");
        for (table, i) in places.tables.iter().zip(0u32..) {
            fill(*table, 1.0, &format!("field {i}"));
        }
        fill(places.inner, (2.0 / (places.inner.columns.max(1) as f32)).sqrt(), "inner");
        fill(places.outer, (1.0 / h as f32 / d as f32).sqrt(), "outer");
        let adam = Adam::new(places.len, learning_rate);
        Ok(Self { config, fields: Arc::new(fields), places, songs: songs.len(), weights, adam })
    }

    /// `d`.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.config.dimension
    }

    /// How many songs it embeds.
    #[must_use]
    pub fn songs(&self) -> usize {
        self.songs
    }

    /// All weights; [`ItemTower::state`] is what a checkpoint keeps.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The embeddings of some songs, row by row.
    ///
    /// # Panics
    /// If there is no such song.
    #[must_use]
    pub fn embed(&self, songs: &[u32]) -> Vec<f32> {
        self.embed_with(&self.weights, songs)
    }

    /// The embeddings of the whole catalogue: the item index, made offline.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "catalogues have fewer than 2³² songs")]
    pub fn index(&self) -> Vec<f32> {
        self.embed(&(0..self.songs as u32).collect::<Vec<_>>())
    }

    /// As [`ItemTower::embed`] with other weights, in any precision: what derivatives are checked on.
    #[must_use]
    pub fn embed_with<R: Number + Send + Sync>(&self, weights: &[R], songs: &[u32]) -> Vec<R> {
        let parts: Vec<Vec<R>> = songs
            .par_chunks(CHUNK)
            .map(|songs| {
                let mut scratch = Scratch::default();
                let mut t = Tape::new(weights, &mut scratch);
                let raw = self.raw(&mut t, songs);
                let mut rows = t.value(raw).to_vec();
                rows.chunks_exact_mut(self.config.dimension).for_each(|row| {
                    let length = length(row);
                    row.iter_mut().for_each(|v| *v /= length);
                });
                rows
            })
            .collect();
        parts.concat()
    }

    /// The gradient of the tower's weights, from that of some songs' embeddings (`songs × d`): the other half of the split.
    ///
    /// # Panics
    /// If there is no such song, or not `d` numbers for each.
    #[must_use]
    pub fn backward<R: Number + Send + Sync>(&self, weights: &[R], songs: &[u32], cut: &[R]) -> Vec<R> {
        let d = self.config.dimension;
        assert_eq!(cut.len(), songs.len() * d, "not d numbers for each song");
        let parts: Vec<Vec<R>> = songs
            .par_chunks(CHUNK)
            .zip(cut.par_chunks(CHUNK * d))
            .map(|(songs, cut)| {
                let mut scratch = Scratch::default();
                let mut t = Tape::new(weights, &mut scratch);
                let raw = self.raw(&mut t, songs);
                let mut pull = cut.to_vec();
                for (g, r) in pull.chunks_exact_mut(d).zip(t.value(raw).chunks_exact(d)) {
                    let length = length(r);
                    let along = R::dot(g, r) / (length * length);
                    g.iter_mut().zip(r).for_each(|(g, r)| *g = (*g - along * *r) / length);
                }
                // The derivative of ⟨r, pull⟩ is what the chain rule wants.
                let pull = t.constant(songs.len() * d, pull);
                let inner = t.scores(raw.reshape(songs.len() * d), pull);
                let mut gradient = vec![R::ZERO; weights.len()];
                t.backward(inner, R::ONE, &mut gradient);
                gradient
            })
            .collect();
        let mut sum = vec![R::ZERO; weights.len()];
        for part in parts {
            sum.iter_mut().zip(part).for_each(|(sum, g)| *sum += g);
        }
        sum
    }

    /// One step of Adam against the gradient at the cut.
    ///
    /// # Panics
    /// As [`ItemTower::backward`].
    pub fn learn(&mut self, songs: &[u32], cut: &[f32]) {
        let gradient = self.backward(&self.weights, songs, cut);
        let keep = 1.0 - self.config.learning_rate * self.config.decay;
        self.weights.iter_mut().for_each(|w| *w *= keep);
        self.adam.step(&mut self.weights, &gradient);
    }

    /// `r` of some songs.
    fn raw<R: Number>(&self, t: &mut Tape<'_, R>, songs: &[u32]) -> sottovoce::learn::Var {
        let ItemTowerConfig { dimension: d, field: w, .. } = self.config;
        let Places { id, tables, inner, inner_bias, outer, .. } = &self.places;
        let rows = songs.len();
        let nothing = t.zeros(rows * d).reshape(d);
        let own = t.lookup(nothing, songs.iter().enumerate().map(|(row, song)| (row, id.column(*song))));
        let mut x = Vec::with_capacity(tables.len() + 1);
        for (table, values) in tables.iter().zip(&self.fields.values) {
            let zeros = t.zeros(rows * w).reshape(w);
            let named = songs
                .iter()
                .enumerate()
                .flat_map(|(row, song)| values[*song as usize].iter().map(move |value| (row, table.column(*value))));
            let sum = t.lookup(zeros, named);
            // Of several values the mean, scaled so that its spread is that of one.
            let share = |song: &u32| R::from_f64(1.0 / (values[*song as usize].len().max(1) as f64).sqrt());
            let shares = songs.iter().flat_map(|song| core::iter::repeat_n(share(song), w));
            let shares = t.constant(w, shares.collect::<Vec<R>>());
            x.push(t.multiply(sum, shares));
        }
        let columns = self.fields.audio.len() / self.songs;
        if columns > 0 {
            let row = |song: &u32| &self.fields.audio[*song as usize * columns..][..columns];
            x.push(t.rows(columns, songs.iter().map(row)));
        }
        if x.is_empty() {
            return own;
        }
        let x = t.concat(&x);
        let h = t.linear(*inner, Some(*inner_bias), x);
        let h = t.relu(h);
        let said = t.linear(*outer, None, h);
        t.add(own, said)
    }
}

/// `‖r‖`, and a little where there is nothing.
fn length<R: Number>(row: &[R]) -> R {
    (R::dot(row, row) + R::from_f64(1e-12)).sqrt()
}

impl Fields {
    fn of(songs: &[Song], audio: &[f32], entries: usize) -> Self {
        let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<String>>();
        let artists = songs.iter().map(|song| vec![song.artist.0.to_string()]).collect();
        let columns: [Vec<Vec<String>>; 5] = [
            artists,
            songs.iter().map(|song| one(&song.album)).collect(),
            songs.iter().map(|song| one(&song.genre)).collect(),
            songs.iter().map(|song| one(&song.language)).collect(),
            songs.iter().map(|song| song.attributes.clone()).collect(),
        ];
        let (mut sizes, mut values) = (Vec::new(), Vec::new());
        for column in columns {
            let mut numbers: HashMap<String, u32> = HashMap::new();
            let mut number = |name: String| {
                let next = u32::try_from(numbers.len() % entries).unwrap_or(0);
                *numbers.entry(name).or_insert(next)
            };
            let named: Vec<Vec<u32>> =
                column.into_iter().map(|names| names.into_iter().map(&mut number).collect()).collect();
            // A field that tells all songs apart says what the song's own entry says; one that tells none apart says nothing.
            let distinct = numbers.len();
            if distinct > 1 && distinct < songs.len() {
                sizes.push(u32::try_from(distinct.min(entries)).unwrap_or(u32::MAX));
                values.push(named);
            }
        }
        Self { sizes, values, audio: audio.to_vec() }
    }
}
