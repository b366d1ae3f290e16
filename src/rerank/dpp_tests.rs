//! The fast greedy against determinants taken in f64, step by step along its own choices.

use super::*;
use crate::math::{Rng, normalize};

struct World {
    rows: Vec<Vec<f32>>,
    quality: Vec<f32>,
    items: ItemBlocks,
}

/// Unit vectors, some of them copies of others, with qualities around 1.
fn world(rng: &mut Rng, n: usize, d: usize) -> World {
    let mut rows: Vec<Vec<f32>> = Vec::new();
    for i in 0..n as u32 {
        let row = if i > 0 && rng.below(5) == 0 {
            rows[rng.below(i) as usize].clone()
        } else {
            let mut row: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
            normalize(&mut row);
            row
        };
        rows.push(row);
    }
    let quality = (0..n).map(|_| libm::expf(0.5 * rng.normal())).collect();
    let mut items = ItemBlocks::new(d);
    for row in &rows {
        items.push(row);
    }
    World { rows, quality, items }
}

/// `L_ij` in f64, from the definition.
fn kernel(world: &World, config: DppConfig, i: usize, j: usize) -> f64 {
    let (alpha, ridge) = (f64::from(config.similarity), f64::from(config.ridge));
    let inner: f64 = world.rows[i].iter().zip(&world.rows[j]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    let s = (1.0 - ridge) * (alpha * inner + 1.0 - alpha) + if i == j { ridge } else { 0.0 };
    f64::from(world.quality[i]) * s * f64::from(world.quality[j])
}

/// Determinant by elimination with row exchanges.
fn determinant(mut m: Vec<Vec<f64>>) -> f64 {
    let n = m.len();
    let mut product = 1.0;
    for k in 0..n {
        let pivot = (k..n).max_by(|a, b| m[*a][k].abs().total_cmp(&m[*b][k].abs())).unwrap();
        if pivot != k {
            m.swap(pivot, k);
            product = -product;
        }
        if m[k][k].abs() < 1e-300 {
            return 0.0;
        }
        product *= m[k][k];
        for i in k + 1..n {
            let factor = m[i][k] / m[k][k];
            let (above, below) = m.split_at_mut(i);
            for (x, y) in below[0][k..].iter_mut().zip(&above[k][k..]) {
                *x -= factor * y;
            }
        }
    }
    product
}

fn minor(world: &World, config: DppConfig, chosen: &[usize]) -> f64 {
    determinant(chosen.iter().map(|i| chosen.iter().map(|j| kernel(world, config, *i, *j)).collect()).collect())
}

/// Follows the fast greedy and asks the oracle at each step whether its choice was the best. Answers the worst relative
/// difference of a gain.
fn follow(world: &World, config: DppConfig, k: usize, case: usize) -> f64 {
    let mut dpp = Dpp::default();
    dpp.start(&world.items, &world.quality, config);
    let n = world.rows.len();
    let (mut chosen, mut worst): (Vec<usize>, f64) = (vec![], 0.0);
    for _ in 0..k {
        let pick = dpp.next(&world.items, &mut |_| true).unwrap();
        assert!(!chosen.contains(&pick.candidate));
        let window = config.window.unwrap_or(usize::MAX).min(chosen.len());
        let recent = &chosen[chosen.len() - window..];
        let before = minor(world, config, recent);
        let gain = |i: usize| {
            let mut with = recent.to_vec();
            with.push(i);
            minor(world, config, &with) / before
        };
        let mine = gain(pick.candidate);
        worst = worst.max((f64::from(pick.gain) / mine - 1.0).abs());
        let mut gains: Vec<(f64, usize)> = (0..n).filter(|i| !chosen.contains(i)).map(|i| (gain(i), i)).collect();
        gains.sort_by(|a, b| b.0.total_cmp(&a.0));
        if gains.len() < 2 || gains[0].0 > gains[1].0 * (1.0 + 1e-5) {
            assert_eq!(pick.candidate, gains[0].1, "case {case}: {gains:?}");
        } else {
            assert!(mine >= gains[0].0 * (1.0 - 1e-5), "case {case}: {mine} < {:?}", gains[0]);
        }
        chosen.push(pick.candidate);
    }
    worst
}

/// Random sizes; `k` beyond the rank `d + 1` in most of them.
fn many(cases: usize, seed: u64, configure: impl Fn(&mut Rng) -> DppConfig) -> f64 {
    let mut rng = Rng::new(seed);
    let mut worst = 0.0f64;
    for case in 0..cases {
        let (n, d) = (2 + rng.below(18) as usize, 1 + rng.below(8) as usize);
        let world = world(&mut rng, n, d);
        let config = configure(&mut rng);
        let k = 1 + rng.below(n.min(9) as u32) as usize;
        worst = worst.max(follow(&world, config, k, case));
    }
    worst
}

#[test]
fn ten_thousand_kernels_agree_with_determinants() {
    let worst = many(10_000, 1, |rng| DppConfig {
        similarity: [0.5, 0.9, 1.0][rng.below(3) as usize],
        ridge: [0.02, 0.05, 0.2, 0.5][rng.below(4) as usize],
        window: None,
    });
    println!("worst relative difference of a gain: {worst:e}");
    assert!(worst < 2e-4);
}

#[test]
fn windows_agree_with_determinants_of_the_window() {
    let worst = many(3_000, 2, |rng| DppConfig {
        similarity: 0.5,
        ridge: [0.05, 0.2][rng.below(2) as usize],
        window: Some(1 + rng.below(4) as usize),
    });
    println!("worst relative difference of a gain, windowed: {worst:e}");
    assert!(worst < 2e-4);
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
    assert!(follow(&world, config, 60, 0) < 1e-3);
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
