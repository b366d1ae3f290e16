//! Inverted file: the catalogue in cells of like songs, of which a query looks into the nearest only (row W11).
//!
//! Source: Sivic & Zisserman, *Video Google*, ICCV 2003; Jégou et al., *Product quantization*, TPAMI 2011, §4 (the inverted file; rows
//! are kept whole here, as bytes). Cells come from Lloyd's k-means on a sample (Lloyd 1982), with the seeding of a plain draw:
//! on 10⁴ to 10⁶ song vectors k-means++ costs more than it gives.

use super::int8_blocks::Query;
use super::{Int8Blocks, ItemBlocks, LANES, Leaders, Rng};

/// How cells are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IvfConfig {
    /// How many cells; 0 is `√n`, which balances finding cells and looking into them.
    pub cells: usize,
    /// Songs drawn for k-means, a cell.
    pub sample: usize,
    /// Turns of k-means.
    pub turns: usize,
}

impl Default for IvfConfig {
    fn default() -> Self {
        Self { cells: 0, sample: 32, turns: 6 }
    }
}

/// Items by cell. Every cell begins a block, so that it is scanned like a catalogue of its own.
#[derive(Clone, Debug, Default)]
pub struct Ivf {
    centres: ItemBlocks,
    /// The first block of every cell, and the end.
    starts: Vec<u32>,
    /// Which item lies where; `u32::MAX` in lanes that are empty.
    slots: Vec<u32>,
    items: Int8Blocks,
}

/// What a search works in; its storage is used again.
#[derive(Clone, Debug, Default)]
pub struct Search {
    query: Query,
    cells: Vec<f32>,
    order: Vec<u32>,
    leaders: Leaders,
    scores: Vec<[f32; LANES]>,
}

impl Ivf {
    /// Sorts `items` into cells. All randomness comes from `rng`.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "slots are u32")]
    pub fn build(items: &Int8Blocks, config: IvfConfig, rng: &mut Rng) -> Self {
        let (n, d) = (items.len(), items.dimension());
        if n == 0 || d == 0 {
            return Self::default();
        }
        let cells = if config.cells == 0 { n.isqrt() } else { config.cells }.clamp(1, n);
        let sampled = (cells * config.sample.max(1)).min(n);
        let sample: Vec<u32> = (0..sampled).map(|_| rng.below(n as u32)).collect();
        let mut centres = ItemBlocks::new(d);
        items.gather(&sample[..cells], &mut centres);
        let mut half_norms = vec![];
        let mut row = vec![0.0; d];
        let mut near = Nearest::default();
        for _ in 0..config.turns {
            half(&centres, &mut half_norms);
            let mut sums = vec![0.0f32; cells * d];
            let mut counts = vec![0.0f32; cells];
            for slot in &sample {
                items.row(*slot, &mut row);
                let cell = near.of(&centres, &half_norms, &row);
                super::axpy(1.0, &row, &mut sums[cell * d..(cell + 1) * d]);
                counts[cell] += 1.0;
            }
            for (cell, (sum, count)) in sums.chunks_exact_mut(d).zip(&counts).enumerate() {
                // A cell that lost all its songs begins again at one drawn anew.
                if *count > 0.0 {
                    super::scale(1.0 / count, sum);
                } else {
                    items.row(sample[rng.below(sampled as u32) as usize], sum);
                }
                centres.set(cell as u32, sum);
            }
        }
        half(&centres, &mut half_norms);

        let mut of_cell: Vec<Vec<u32>> = vec![vec![]; cells];
        for slot in 0..n as u32 {
            items.row(slot, &mut row);
            of_cell[near.of(&centres, &half_norms, &row)].push(slot);
        }
        let mut ivf = Self { centres, items: Int8Blocks::new(d), ..Self::default() };
        ivf.items.reserve(n + cells * LANES / 2);
        let mut codes = vec![0; d];
        for songs in &of_cell {
            ivf.starts.push((ivf.slots.len() / LANES) as u32);
            for slot in songs {
                let scale = items.codes(*slot, &mut codes);
                ivf.items.push(&codes, scale);
                ivf.slots.push(*slot);
            }
            ivf.items.fill_block();
            ivf.slots.resize(ivf.slots.len().next_multiple_of(LANES), u32::MAX);
        }
        ivf.starts.push((ivf.slots.len() / LANES) as u32);
        ivf
    }

    /// How many cells there are.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.centres.len()
    }

    /// The `k` items whose inner product with `query` is largest among those in the `probes` most promising cells, best first.
    /// With all cells probed the search is exact.
    #[allow(clippy::cast_possible_truncation, reason = "blocks are fewer than slots, which are u32")]
    pub fn search(&self, query: &[f32], probes: usize, k: usize, s: &mut Search, out: &mut Vec<u32>) {
        self.centres.dot_all(query, &mut s.cells);
        s.leaders.start(probes);
        s.leaders.offer(&s.cells, 0);
        s.leaders.finish(&mut s.order);
        self.items.query(query, &mut s.query);
        s.leaders.start(k);
        // Cells come in the order of promise, so equal scores are not in the order of slots: places of the reordered catalogue are.
        s.order.sort_unstable();
        for cell in &s.order {
            let (first, end) = (self.starts[*cell as usize] as usize, self.starts[*cell as usize + 1] as usize);
            s.scores.resize(end - first, [0.0; LANES]);
            self.items.score(&s.query, first, &mut s.scores);
            // The empty lanes are at the end.
            let used = self.slots[first * LANES..end * LANES].partition_point(|slot| *slot != u32::MAX);
            s.leaders.offer(&s.scores.as_flattened()[..used], (first * LANES) as u32);
        }
        s.leaders.finish(out);
        out.iter_mut().for_each(|place| *place = self.slots[*place as usize]);
    }
}

fn half(centres: &ItemBlocks, out: &mut Vec<f32>) {
    centres.squared_norms(out);
    super::scale(0.5, out);
}

/// The nearest centre by distance: the largest `⟨v, c⟩ − ‖c‖²/2`.
#[derive(Default)]
struct Nearest(Vec<f32>);

impl Nearest {
    fn of(&mut self, centres: &ItemBlocks, half_norms: &[f32], row: &[f32]) -> usize {
        centres.dot_all(row, &mut self.0);
        let (mut best, mut most) = (0, f32::NEG_INFINITY);
        for (i, (dot, half)) in self.0.iter().zip(half_norms).enumerate() {
            if dot - half > most {
                (best, most) = (i, dot - half);
            }
        }
        best
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small counts")]
mod tests {
    use super::*;
    use crate::math::{normalize, quantize_row, top_k};

    /// Songs around a few hundred centres, as catalogues are.
    fn world(n: usize, d: usize) -> (Int8Blocks, Vec<Vec<f32>>) {
        let mut rng = Rng::new(3);
        let centres: Vec<Vec<f32>> = (0..200).map(|_| (0..d).map(|_| rng.normal()).collect()).collect();
        let mut items = Int8Blocks::new(d);
        let rows = (0..n)
            .map(|_| {
                let centre = &centres[rng.below(200) as usize];
                let mut row: Vec<f32> = centre.iter().map(|c| c + 0.6 * rng.normal()).collect();
                normalize(&mut row);
                let mut codes = vec![0; d];
                let scale = quantize_row(&row, &mut codes);
                items.push(&codes, scale);
                row
            })
            .collect();
        (items, rows)
    }

    #[test]
    fn all_cells_are_exact_and_a_few_find_most() {
        let (items, rows) = world(20_000, 32);
        let ivf = Ivf::build(&items, IvfConfig::default(), &mut Rng::new(1));
        let (mut search, mut found, mut exact) = (Search::default(), vec![], vec![]);
        let mut hits = 0;
        for query in rows.iter().step_by(1000) {
            let mut scores = vec![];
            items.dot_max(query, &mut scores);
            ivf.search(query, ivf.cells(), 100, &mut search, &mut found);
            top_k(&scores, 100, &mut exact);
            let by_score = |slots: &[u32]| slots.iter().map(|s| scores[*s as usize]).collect::<Vec<_>>();
            assert_eq!(by_score(&found), by_score(&exact), "the same scores in the same order");
            let plain: Vec<f32> = rows.iter().map(|r| crate::math::dot(r, query)).collect();
            top_k(&plain, 100, &mut exact);
            ivf.search(query, ivf.cells() / 8, 200, &mut search, &mut found);
            hits += exact.iter().filter(|s| found.contains(s)).count();
        }
        assert!(hits >= 1900, "{hits} of 2000");
    }

    #[test]
    fn nothing_and_one() {
        let mut search = Search::default();
        let mut out = vec![1];
        Ivf::build(&Int8Blocks::new(4), IvfConfig::default(), &mut Rng::new(1)).search(
            &[0.0; 4],
            3,
            3,
            &mut search,
            &mut out,
        );
        assert!(out.is_empty());
        let mut one = Int8Blocks::new(2);
        one.push(&[1, 2], 1.0);
        Ivf::build(&one, IvfConfig::default(), &mut Rng::new(1)).search(&[1.0, 0.0], 3, 3, &mut search, &mut out);
        assert_eq!(out, [0]);
    }
}
