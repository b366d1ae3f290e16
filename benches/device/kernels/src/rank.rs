//! Scoring resident songs, and writing a slate from candidates.

use super::address;
use sottovoce::math::{ItemBlocks, TopK};
use sottovoce::rerank::{Dpp, DppConfig};
use std::hint::black_box;
use wasm_bindgen::prelude::wasm_bindgen;

/// Resident songs and the best of them for a query.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Scorer {
    items: ItemBlocks,
    row: Vec<f32>,
    query: Vec<f32>,
    scores: Vec<f32>,
    top: TopK,
    best: Vec<u32>,
}

#[wasm_bindgen]
impl Scorer {
    /// No songs yet, of dimension `d`; room for the best `k`.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(d: usize, k: usize) -> Self {
        Self {
            items: ItemBlocks::new(d),
            row: vec![0.0; d],
            query: vec![0.0; d],
            scores: Vec::new(),
            top: TopK::new(),
            best: Vec::with_capacity(k),
        }
    }

    /// Where the page writes the next song before [`Scorer::push`].
    #[must_use]
    pub fn row(&self) -> usize {
        address(&self.row)
    }

    /// Makes that song resident.
    pub fn push(&mut self) {
        self.items.push(&self.row);
    }

    /// Where the page writes the query.
    #[must_use]
    pub fn query(&self) -> usize {
        address(&self.query)
    }

    /// Where the best lie after [`Scorer::best_of`].
    #[must_use]
    pub fn best(&self) -> usize {
        address(&self.best)
    }

    /// The best `k` for the query, best first; how many there are.
    pub fn best_of(&mut self, k: usize) -> usize {
        self.items.best(&self.query, &mut self.top, k, &mut self.best);
        self.best.len()
    }

    /// Only the scan, so many times: its share of what the machine can do.
    pub fn scan(&mut self, times: usize) -> f32 {
        let mut sum = 0.0;
        for _ in 0..times {
            self.items.dot_all(black_box(&self.query), &mut self.scores);
            sum += black_box(&self.scores)[0];
        }
        sum
    }
}

/// Candidates as they come, and the slate that a DPP writes.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Slates {
    d: usize,
    rows: Vec<f32>,
    quality: Vec<f32>,
    top: TopK,
    /// The candidates by falling quality, and these qualities.
    order: Vec<u32>,
    falling: Vec<f32>,
    items: ItemBlocks,
    dpp: Dpp,
    slate: Vec<u32>,
}

#[wasm_bindgen]
impl Slates {
    /// Room for `n` candidates of dimension `d`, and slates of `k`.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(n: usize, d: usize, k: usize) -> Self {
        let mut items = ItemBlocks::new(d);
        items.reserve(n);
        let slate = Vec::with_capacity(k);
        let (rows, quality) = (vec![0.0; n * d], vec![0.0; n]);
        let (order, falling) = (Vec::with_capacity(n), Vec::with_capacity(n));
        Self { d, rows, quality, top: TopK::new(), order, falling, items, dpp: Dpp::default(), slate }
    }

    /// Where the page writes the candidates' vectors, row by row.
    #[must_use]
    pub fn rows(&self) -> usize {
        address(&self.rows)
    }

    /// Where it writes their qualities.
    #[must_use]
    pub fn quality(&self) -> usize {
        address(&self.quality)
    }

    /// Where the slate lies after [`Slates::dpp`].
    #[must_use]
    pub fn slate(&self) -> usize {
        address(&self.slate)
    }

    /// Greedy MAP of the DPP with kernel `q_i·q_j·((1 − ε)·⟨v_i, v_j⟩ + ε·δ_ij)`; how many were chosen.
    pub fn dpp(&mut self, k: usize, ridge: f32) -> usize {
        self.items.reset(self.d);
        // In the order of their quality, as the engine has its pool.
        self.top.select(&self.quality, self.quality.len(), &mut self.order);
        let (rows, d) = (&self.rows, self.d);
        self.items.extend(self.order.iter().map(|i| &rows[*i as usize * d..(*i as usize + 1) * d]));
        self.falling.clear();
        self.falling.extend(self.order.iter().map(|i| self.quality[*i as usize]));
        self.dpp.start(&self.items, &self.falling, DppConfig { similarity: 1.0, ridge, window: None });
        self.slate.clear();
        while self.slate.len() < k
            && let Some(pick) = self.dpp.next(&self.items, &mut |_| true)
        {
            self.slate.push(self.order[pick.candidate]);
        }
        self.slate.len()
    }
}
