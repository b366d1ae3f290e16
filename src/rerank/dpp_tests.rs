//! The fast greedy against determinants taken in f64, step by step along its own choices.

use super::*;
use crate::math::{Rng, axpy, normalize};
use nalgebra::DMatrix;

/// Candidates first, then what was played before them: `quality.len()` of the rows are candidates.
struct World {
    rows: Vec<Vec<f32>>,
    quality: Vec<f32>,
    /// The class of each candidate in each column, and the column's prior.
    classes: Vec<(Vec<u16>, f32)>,
    items: ItemBlocks,
}

/// Vectors of `d` coordinates that span `rank` dimensions at most, with qualities around 1. Every fifth is a copy, every
/// thirtieth is zero.
fn world_of(rng: &mut Rng, n: usize, d: usize, rank: usize) -> World {
    let mut row = || -> Vec<f32> { (0..d).map(|i| if i < rank { rng.normal() } else { 0.0 }).collect() };
    let basis: Vec<Vec<f32>> = (0..rank).map(|_| row()).collect();
    let (mut rows, mut quality): (Vec<Vec<f32>>, Vec<f32>) = (vec![], vec![]);
    for i in 0..n as u32 {
        let kind = rng.below(30);
        quality.push(libm::expf(0.5 * rng.normal()));
        let row = match kind {
            0..6 if i > 0 => {
                let of = rng.below(i) as usize;
                // Every third copy is as good as what it copies: nobody can tell them apart.
                quality[i as usize] = if kind < 2 { quality[of] } else { quality[i as usize] };
                rows[of].clone()
            }
            6 => vec![0.0; d],
            _ => {
                let mut row = vec![0.0; d];
                basis.iter().for_each(|b| axpy(rng.normal(), b, &mut row));
                normalize(&mut row);
                row
            }
        };
        rows.push(row);
    }
    let mut items = ItemBlocks::new(d);
    for row in &rows {
        items.push(row);
    }
    World { rows, quality, classes: vec![], items }
}

fn world(rng: &mut Rng, n: usize, d: usize) -> World {
    world_of(rng, n, d, d)
}

impl World {
    /// One or two columns of few classes, some songs without one.
    fn classify(&mut self, rng: &mut Rng) {
        let n = self.quality.len();
        self.classes = (0..=rng.below(2))
            .map(|_| {
                let class = |rng: &mut Rng| if rng.below(5) == 0 { Classes::NONE } else { rng.below(4) as u16 };
                ((0..n).map(|_| class(rng)).collect(), [0.1, 0.5, 2.0][rng.below(3) as usize])
            })
            .collect();
    }

    fn dpp(&self, config: DppConfig) -> Dpp {
        let classes: Vec<Classes<'_>> = self.classes.iter().map(|(of, prior)| Classes { of, prior: *prior }).collect();
        let mut dpp = Dpp::default();
        dpp.start_with(&self.items, &classes, &self.quality, config);
        self.rows[self.quality.len()..].iter().for_each(|played| dpp.condition(&self.items, played));
        dpp
    }

    /// `L` in f64, from the definition.
    fn kernel(&self, config: DppConfig) -> DMatrix<f64> {
        let (alpha, ridge) = (f64::from(config.similarity), f64::from(config.ridge));
        let all: f64 = self.classes.iter().map(|(_, prior)| f64::from(*prior)).sum();
        let quality = |i: usize| self.quality.get(i).map_or(1.0, |q| f64::from(*q));
        DMatrix::from_fn(self.rows.len(), self.rows.len(), |i, j| {
            let inner: f64 = self.rows[i].iter().zip(&self.rows[j]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let shared = |of: &[u16]| of.get(i).is_some_and(|c| *c != Classes::NONE && of.get(j) == Some(c));
            let prior = self.classes.iter().filter(|(of, _)| i == j || shared(of)).map(|(_, prior)| f64::from(*prior));
            let s = (alpha * inner + 1.0 - alpha + prior.sum::<f64>()) / (1.0 + all);
            quality(i) * ((1.0 - ridge) * s + if i == j { ridge } else { 0.0 }) * quality(j)
        })
    }
}

/// Two gains closer than this are the same gain: f32 carries seven digits, and a step adds a few roundings to each.
const SAME: f64 = 1e-5;

/// How far a run agrees with the oracle.
#[derive(Clone, Copy, Default)]
struct Agreement {
    /// Worst relative difference of a gain.
    worst: f64,
    /// Steps whose best gain was alone, so that the choice had to be that one.
    clear: u32,
    /// Steps where it was not, so that the choice had to be one of the best.
    tied: u32,
}

impl Agreement {
    fn with(self, other: Self) -> Self {
        Self { worst: self.worst.max(other.worst), clear: self.clear + other.clear, tied: self.tied + other.tied }
    }
}

/// Follows the fast greedy and asks determinants (nalgebra, f64) at each step whether its choice was the best: exactly the
/// oracle's where no other gain is within [`SAME`] of it, and one of those within it where there are several.
fn follow(world: &World, config: DppConfig, k: usize, case: usize) -> Agreement {
    let mut dpp = world.dpp(config);
    let kernel = world.kernel(config);
    let n = world.quality.len();
    let minor = |of: &[usize]| kernel.select_rows(of).select_columns(of).determinant();
    let (mut line, mut agreement): (Vec<usize>, Agreement) = ((n..world.rows.len()).collect(), Agreement::default());
    for _ in 0..k {
        let pick = dpp.next(&world.items, &mut |_| true).unwrap();
        assert!(!line.contains(&pick.candidate));
        let window = config.window.unwrap_or(usize::MAX).min(line.len());
        let recent = &line[line.len() - window..];
        let before = minor(recent);
        let gain = |i: usize| minor(&[recent, &[i]].concat()) / before;
        let mine = gain(pick.candidate);
        agreement.worst = agreement.worst.max((f64::from(pick.gain) / mine - 1.0).abs());
        let mut gains: Vec<(f64, usize)> = (0..n).filter(|i| !line.contains(i)).map(|i| (gain(i), i)).collect();
        gains.sort_by(|a, b| b.0.total_cmp(&a.0));
        if gains.len() < 2 || gains[0].0 > gains[1].0 * (1.0 + SAME) {
            assert_eq!(pick.candidate, gains[0].1, "case {case}: {gains:?}");
            agreement.clear += 1;
        } else {
            assert!(mine >= gains[0].0 * (1.0 - SAME), "case {case}: {mine} < {:?}", gains[0]);
            agreement.tied += 1;
        }
        line.push(pick.candidate);
    }
    agreement
}

/// Random sizes; `k` beyond the rank `d + 1` in most of them, every third set of low rank, every other one with classes, some
/// after songs that were just played.
fn many(cases: usize, seed: u64, configure: impl Fn(&mut Rng) -> DppConfig) -> Agreement {
    let mut rng = Rng::new(seed);
    let mut agreement = Agreement::default();
    for case in 0..cases {
        let (n, d) = (2 + rng.below(18) as usize, 1 + rng.below(8) as usize);
        let rank = if case % 3 == 0 { d.min(2) } else { d };
        let played = if case % 4 == 0 { 1 + rng.below(3) as usize } else { 0 };
        let mut world = world_of(&mut rng, n + played, d, rank);
        // The last ones are not candidates: they were played.
        world.quality.truncate(n);
        if case % 2 == 0 {
            world.classify(&mut rng);
        }
        let config = configure(&mut rng);
        let k = 1 + rng.below(n.min(9) as u32) as usize;
        agreement = agreement.with(follow(&world, config, k, case));
    }
    agreement
}

#[test]
fn ten_thousand_kernels_agree_with_determinants() {
    let Agreement { worst, clear, tied } = many(10_000, 1, |rng| DppConfig {
        similarity: [0.5, 0.9, 1.0][rng.below(3) as usize],
        ridge: [0.02, 0.05, 0.2, 0.5][rng.below(4) as usize],
        window: None,
    });
    println!("10000 kernels, {} choices: {clear} clear, {tied} tied; worst gain off by {worst:e}", clear + tied);
    assert!(worst < 2e-4 && clear > 9 * tied);
}

#[test]
fn windows_agree_with_determinants_of_the_window() {
    let Agreement { worst, clear, tied } = many(3_000, 2, |rng| DppConfig {
        similarity: 0.5,
        ridge: [0.05, 0.2][rng.below(2) as usize],
        window: Some(1 + rng.below(4) as usize),
    });
    println!("windowed: {clear} clear, {tied} tied; worst gain off by {worst:e}");
    assert!(worst < 2e-4 && clear > 9 * tied);
}

#[test]
fn a_window_as_long_as_the_slate_changes_nothing() {
    let mut rng = Rng::new(3);
    let world = world(&mut rng, 200, 16);
    let run = |window| {
        let mut dpp = Dpp::default();
        dpp.start(&world.items, &world.quality, DppConfig { window, ..DppConfig::default() });
        (0..30).map(|_| dpp.next(&world.items, &mut |_| true).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(run(None), run(Some(30)));
    assert_ne!(run(None), run(Some(3)));
}

#[test]
fn a_long_window_run_keeps_its_digits() {
    let mut rng = Rng::new(4);
    let world = world(&mut rng, 120, 12);
    let config = DppConfig { window: Some(5), ..DppConfig::default() };
    assert!(follow(&world, config, 60, 0).worst < 1e-3);
}

#[test]
fn all_the_same_song_is_still_ordered_by_quality() {
    let mut items = ItemBlocks::new(4);
    for _ in 0..20 {
        items.push(&[0.5; 4]);
    }
    let quality: Vec<f32> = (0..20u8).map(|i| 1.0 + f32::from(i)).collect();
    let mut dpp = Dpp::default();
    dpp.start(&items, &quality, DppConfig::default());
    let order: Vec<usize> = (0..20).map(|_| dpp.next(&items, &mut |_| true).unwrap().candidate).collect();
    assert_eq!(order, (0..20).rev().collect::<Vec<_>>());
    assert_eq!(dpp.next(&items, &mut |_| true), None);
}

#[test]
fn what_is_no_number_is_never_chosen() {
    let mut items = ItemBlocks::new(2);
    for row in [[1.0, 0.0], [f32::NAN, 0.0], [0.0, 1.0], [0.6, 0.8], [1.0, 0.0]] {
        items.push(&row);
    }
    let mut dpp = Dpp::default();
    dpp.start(&items, &[f32::NAN, 5.0, 1.0, 0.0, f32::INFINITY], DppConfig::default());
    dpp.condition(&items, &[f32::NAN, 1.0]);
    let picks: Vec<usize> = (0..5).map_while(|_| dpp.next(&items, &mut |_| true)).map(|p| p.candidate).collect();
    assert_eq!(picks, [2]);
}

#[test]
fn what_was_just_played_counts_as_chosen() {
    let mut items = ItemBlocks::new(2);
    items.push(&[1.0, 0.0]);
    items.push(&[0.0, 1.0]);
    let mut dpp = Dpp::default();
    dpp.start(&items, &[1.0, 0.9], DppConfig::default());
    dpp.condition(&items, &[1.0, 0.0]);
    let pick = dpp.next(&items, &mut |_| true).unwrap();
    assert_eq!(pick.candidate, 1);
    assert!(pick.novelty > 0.7 && pick.novelty < 0.8, "1 − (½·(1 − ε))² and ε: {}", pick.novelty);
}

/// A window that is never full forgets nothing and lets every block meet every column: the choices of the lazy form have to be its own,
/// to the last bit, whatever the rules refuse.
#[test]
fn lazily_is_exactly_the_same() {
    let mut rng = Rng::new(12);
    for case in 0..400 {
        let (n, d) = (1 + rng.below(120) as usize, 1 + rng.below(9) as usize);
        let world = world(&mut rng, n, d);
        let class: Vec<u16> = (0..n).map(|_| [0, 1, 2, Classes::NONE][rng.below(4) as usize]).collect();
        let classes = [Classes { of: &class, prior: 0.3 }];
        let classes = if case % 2 == 0 { &classes[..] } else { &[] };
        let mut quality = world.quality.clone();
        if case % 3 == 0 {
            quality.sort_by(|a, b| b.total_cmp(a));
        }
        let (mut lazy, mut whole) = (Dpp::default(), Dpp::default());
        let window = DppConfig { window: Some(n + 1), ..DppConfig::default() };
        if case % 5 == 0 {
            // So far apart that the unit moves on again and again.
            quality.iter_mut().for_each(|q| *q *= 30.0);
            lazy.start_by_log(&world.items, classes, &quality, DppConfig::default());
            whole.start_by_log(&world.items, classes, &quality, window);
        } else {
            lazy.start_with(&world.items, classes, &quality, DppConfig::default());
            whole.start_with(&world.items, classes, &quality, window);
        }
        for step in 0..n {
            let refused: Vec<bool> = (0..n).map(|_| rng.below(4) == 0).collect();
            let [a, b] = [&mut lazy, &mut whole].map(|dpp| dpp.next(&world.items, &mut |i| !refused[i]));
            assert_eq!(a, b, "case {case}, step {step}");
        }
    }
}

#[test]
fn storage_is_used_again() {
    let mut rng = Rng::new(5);
    let world = world(&mut rng, 100, 8);
    let mut dpp = Dpp::default();
    let run = |dpp: &mut Dpp| {
        dpp.start(&world.items, &world.quality, DppConfig { window: Some(4), ..DppConfig::default() });
        assert_eq!((0..20).map_while(|_| dpp.next(&world.items, &mut |_| true)).count(), 20);
        (dpp.w.as_ptr(), dpp.left.as_ptr(), dpp.cholesky.as_ptr(), dpp.dots.as_ptr(), dpp.column.as_ptr())
    };
    assert_eq!(run(&mut dpp), run(&mut dpp));
}

#[test]
fn the_bend_keeps_order_and_bounds() {
    let mut last = 1.0;
    for i in 0..2000u16 {
        let y = bounded(-f32::from(i) / 4.0);
        assert!(y < last && y > -40.0);
        last = y;
    }
}
