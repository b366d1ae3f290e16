//! Private recall: the catalogue as bytes on the device, and the best of it for a query that never leaves.

use super::address;
use sottovoce::math::{Int8Blocks, ItemBlocks, Ivf, IvfConfig, Rng, Search, TopK, normalize, quantize_row};
use wasm_bindgen::prelude::wasm_bindgen;

/// Songs gather around so many centres, as genres do.
const CENTRES: u32 = 2000;
/// How far songs lie from their centre, in every coordinate; centres lie 1 from the origin.
const SPREAD: f32 = 0.6;
/// One of a listener's interests is the mean of so many songs, of which the last is of another centre than the rest.
const INTEREST: usize = 3;

/// A made-up catalogue, as numbers and as bytes.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Recall {
    exact: ItemBlocks,
    bytes: Int8Blocks,
    cells: Option<Ivf>,
    queries: Vec<Vec<f32>>,
    scores: Vec<f32>,
    top: TopK,
    search: Search,
    best: Vec<u32>,
}

#[wasm_bindgen]
impl Recall {
    /// `n` songs of dimension `d`, and so many queries.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(n: usize, d: usize, queries: usize, k: usize) -> Self {
        let mut rng = Rng::new(2003);
        let centres: Vec<Vec<f32>> = (0..CENTRES).map(|_| normals(d, &mut rng)).collect();
        let (mut exact, mut bytes) = (ItemBlocks::new(d), Int8Blocks::new(d));
        exact.reserve(n);
        bytes.reserve(n);
        let (mut row, mut codes) = (vec![0.0; d], vec![0; d]);
        for _ in 0..n {
            around(&centres[rng.below(CENTRES) as usize], &mut row, &mut rng);
            let scale = quantize_row(&row, &mut codes);
            exact.push(&row);
            bytes.push(&codes, scale);
        }
        let queries = (0..queries).map(|_| {
            let mut sum = vec![0.0; d];
            let mut centre = rng.below(CENTRES);
            for song in 1..=INTEREST {
                if song == INTEREST {
                    centre = rng.below(CENTRES);
                }
                around(&centres[centre as usize], &mut row, &mut rng);
                sum.iter_mut().zip(&row).for_each(|(sum, x)| *sum += x);
            }
            normalize(&mut sum);
            sum
        });
        let queries = queries.collect();
        Self {
            exact,
            bytes,
            cells: None,
            queries,
            scores: Vec::new(),
            top: TopK::new(),
            search: Search::default(),
            best: Vec::with_capacity(k),
        }
    }

    /// Sorts the catalogue into cells; how many there are.
    pub fn sort(&mut self) -> usize {
        let cells = Ivf::build(&self.bytes, IvfConfig::default(), &mut Rng::new(2011));
        self.cells.insert(cells).cells()
    }

    /// Where the answers lie: song numbers, best first.
    #[must_use]
    pub fn best(&self) -> usize {
        address(&self.best)
    }

    /// The best `k` by an exact search in f32; how many.
    pub fn exactly(&mut self, query: usize, k: usize) -> usize {
        self.exact.best(&self.queries[query], &mut self.top, k, &mut self.best);
        self.best.len()
    }

    /// The best `k` of all bytes; how many.
    pub fn among_all(&mut self, query: usize, k: usize) -> usize {
        self.bytes.dot_all(&self.queries[query], &mut self.scores);
        self.top.select(&self.scores, k, &mut self.best);
        self.best.len()
    }

    /// The best `k` in the most promising cells; how many, none before [`Recall::sort`].
    pub fn among_cells(&mut self, query: usize, probes: usize, k: usize) -> usize {
        let Some(cells) = &self.cells else { return 0 };
        cells.search(&self.queries[query], probes, k, &mut self.search, &mut self.best);
        self.best.len()
    }
}

fn normals(d: usize, rng: &mut Rng) -> Vec<f32> {
    (0..d).map(|_| rng.normal()).collect()
}

/// A song near a centre, of length 1.
fn around(centre: &[f32], row: &mut [f32], rng: &mut Rng) {
    row.iter_mut().zip(centre).for_each(|(x, c)| *x = c + SPREAD * rng.normal());
    normalize(row);
}
