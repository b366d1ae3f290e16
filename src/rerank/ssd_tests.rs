//! The residual lengths against Gram–Schmidt written out in f64 as the paper has it: every candidate's vector rewritten at each
//! step, projections kept and given back when the window slides.

use super::*;
use crate::math::{Rng, normalize};
use nalgebra::{DMatrix, DVector};

struct World {
    rows: Vec<Vec<f32>>,
    relevance: Vec<f32>,
    class: Vec<u16>,
    prior: f32,
    items: ItemBlocks,
}

fn world(rng: &mut Rng, n: usize, d: usize) -> World {
    let mut rows: Vec<Vec<f32>> = Vec::new();
    for i in 0..n as u32 {
        let mut row: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
        normalize(&mut row);
        rows.push(if i > 0 && rng.below(6) == 0 { rows[rng.below(i) as usize].clone() } else { row });
    }
    let mut items = ItemBlocks::new(d);
    for row in &rows {
        items.push(row);
    }
    let class = (0..n).map(|_| [0, 1, 2, Classes::NONE][rng.below(4) as usize]).collect();
    World { rows, relevance: (0..n).map(|_| rng.normal()).collect(), class, prior: 0.0, items }
}

impl World {
    /// `φ` as a column each, with a coordinate for every class and one for every song without.
    fn features(&self, alpha: f64) -> DMatrix<f64> {
        let (n, d) = (self.rows.len(), self.rows[0].len());
        let prior = f64::from(self.prior);
        let mut phi = DMatrix::zeros(d + 4 + n, n);
        for (i, row) in self.rows.iter().enumerate() {
            for (j, x) in row.iter().enumerate() {
                phi[(j, i)] = (alpha / (1.0 + prior)).sqrt() * f64::from(*x);
            }
            phi[(d, i)] = ((1.0 - alpha) / (1.0 + prior)).sqrt();
            let at = if self.class[i] == Classes::NONE { d + 4 + i } else { d + 1 + usize::from(self.class[i]) };
            phi[(at, i)] = (prior / (1.0 + prior)).sqrt();
        }
        phi
    }
}

/// Follows the fast form. Answers how many choices were clear and how many tied.
fn follow(world: &World, config: SsdConfig, k: usize, case: usize) -> (u32, u32) {
    let mut ssd = Ssd::default();
    ssd.start_with(&world.items, &[Classes { of: &world.class, prior: world.prior }], &world.relevance, config);
    let (n, gamma) = (world.rows.len(), f64::from(config.gamma));
    let mut residual = world.features(f64::from(config.similarity));
    // Of each song in the window: what it added, its length, and every candidate's projection on it.
    let mut window: Vec<(DVector<f64>, f64, Vec<f64>)> = vec![];
    let (mut chosen, mut clear, mut tied): (Vec<usize>, u32, u32) = (vec![], 0, 0);
    for _ in 0..k {
        let pick = ssd.next(&world.items, &mut |_| true).unwrap();
        let volume: f64 = if config.volume { window.iter().map(|(_, length, _)| length).product() } else { 1.0 };
        let value = |i: usize| f64::from(world.relevance[i]) + gamma * volume * residual.column(i).norm();
        // Squared lengths are off by some 4e-6 at most after a few steps of f32: lengths by its root where nothing is left.
        let blur = |length: f64| (4e-6 / length.max(1e-12)).min(2e-3);
        let product = |of: &dyn Fn(f64) -> f64| window.iter().map(|(_, length, _)| of(*length)).product::<f64>();
        let volume_off = if config.volume { product(&|l| l + blur(l)) - volume } else { 0.0 };
        let off = |i: usize| {
            let length = residual.column(i).norm();
            1e-5 + gamma * ((volume + volume_off) * blur(length) + volume_off * length)
        };
        let mut values: Vec<(f64, usize)> = (0..n).filter(|i| !chosen.contains(i)).map(|i| (value(i), i)).collect();
        values.sort_by(|a, b| b.0.total_cmp(&a.0));
        assert!(!chosen.contains(&pick.candidate));
        let same = off(pick.candidate) + off(values[0].1);
        assert!((f64::from(pick.gain) - value(pick.candidate)).abs() < off(pick.candidate), "case {case}: {pick:?}");
        if values.len() < 2 || values[0].0 - values[1].0 > off(values[0].1) + off(values[1].1) {
            assert_eq!(pick.candidate, values[0].1, "case {case}: {values:?}");
            clear += 1;
        } else {
            assert!(value(pick.candidate) >= values[0].0 - same, "case {case}");
            tied += 1;
        }
        chosen.push(pick.candidate);
        if config.window.is_some_and(|w| window.len() >= w) {
            let (q, _, projections) = window.remove(0);
            for (i, projection) in projections.into_iter().enumerate() {
                residual.column_mut(i).axpy(projection, &q, 1.0);
            }
        }
        let q = residual.column(pick.candidate).clone_owned();
        let squared = q.norm_squared();
        let flat = squared < FLAT;
        let project = |i: usize| if flat { 0.0 } else { residual.column(i).dot(&q) / squared };
        let projections: Vec<f64> = (0..n).map(project).collect();
        for (i, projection) in projections.iter().enumerate() {
            residual.column_mut(i).axpy(-projection, &q, 1.0);
        }
        window.push((q, if flat { 0.0 } else { squared.sqrt() }, projections));
    }
    (clear, tied)
}

#[test]
fn equals_gram_schmidt_of_the_paper() {
    let mut rng = Rng::new(1);
    let (mut clear, mut tied) = (0, 0);
    for case in 0..3000 {
        let (n, d) = (2 + rng.below(20) as usize, 1 + rng.below(8) as usize);
        let mut world = world(&mut rng, n, d);
        world.prior = [0.0, 0.5][case % 2];
        let config = SsdConfig {
            gamma: [0.0, 0.1, 1.0, 5.0][rng.below(4) as usize],
            window: [None, Some(1), Some(2), Some(4)][rng.below(4) as usize],
            volume: rng.below(2) == 0,
            similarity: [0.5, 1.0][rng.below(2) as usize],
        };
        let (c, t) = follow(&world, config, n, case);
        (clear, tied) = (clear + c, tied + t);
    }
    println!("3000 sets: {clear} choices clear, {tied} tied");
    assert!(clear > 5 * tied);
}

#[test]
fn a_long_feed_keeps_its_digits() {
    let mut rng = Rng::new(6);
    let mut world = world(&mut rng, 400, 12);
    world.prior = 0.5;
    for volume in [true, false] {
        let config = SsdConfig { gamma: 1.0, window: Some(5), volume, similarity: 0.5 };
        let (clear, tied) = follow(&world, config, 390, 0);
        assert!(clear > 9 * tied, "{clear} clear, {tied} tied");
    }
}

#[test]
fn the_window_forgets() {
    // Two directions, a copy of each. With a window of one, a copy of the song before last is as new as ever.
    let mut items = ItemBlocks::new(2);
    for row in [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]] {
        items.push(&row);
    }
    let run = |window| {
        let mut ssd = Ssd::default();
        let config = SsdConfig { gamma: 1.0, window, similarity: 1.0, volume: false };
        ssd.start(&items, &[0.3, 0.2, 0.1, 0.0], config);
        (0..4).map(|_| ssd.next(&items, &mut |_| true).unwrap()).collect::<Vec<_>>()
    };
    let picks = |run: &[Pick]| run.iter().map(|p| p.candidate).collect::<Vec<_>>();
    let (all, one) = (run(None), run(Some(1)));
    assert_eq!((picks(&all), picks(&one)), (vec![0, 1, 2, 3], vec![0, 1, 2, 3]));
    assert!(all[2].novelty < 1e-6 && (one[2].novelty - 1.0).abs() < 1e-6);
}

#[test]
fn what_is_no_number_is_never_chosen() {
    let mut items = ItemBlocks::new(1);
    for row in [[1.0], [f32::NAN], [1.0], [1e30]] {
        items.push(&row);
    }
    let mut ssd = Ssd::default();
    ssd.start(&items, &[f32::NAN, 5.0, 1.0, 9.0], SsdConfig { gamma: f32::NAN, ..SsdConfig::default() });
    ssd.condition(&items, &[f32::INFINITY]);
    let picks: Vec<usize> = (0..4).map_while(|_| ssd.next(&items, &mut |_| true)).map(|p| p.candidate).collect();
    assert_eq!(picks, [2]);
}

#[test]
fn what_was_just_played_counts_as_chosen() {
    let mut items = ItemBlocks::new(2);
    items.push(&[1.0, 0.0]);
    items.push(&[0.0, 1.0]);
    let mut ssd = Ssd::default();
    ssd.start(&items, &[0.5, 0.4], SsdConfig { gamma: 1.0, ..SsdConfig::default() });
    ssd.condition(&items, &[1.0, 0.0]);
    assert_eq!(ssd.next(&items, &mut |_| true).unwrap().candidate, 1);
}

#[test]
fn storage_is_used_again() {
    let mut rng = Rng::new(5);
    let world = world(&mut rng, 100, 8);
    let mut ssd = Ssd::default();
    let run = |ssd: &mut Ssd| {
        ssd.start(&world.items, &world.relevance, SsdConfig { window: Some(4), ..SsdConfig::default() });
        assert_eq!((0..20).map_while(|_| ssd.next(&world.items, &mut |_| true)).count(), 20);
        (ssd.basis.as_ptr(), ssd.left.as_ptr(), ssd.lengths.as_ptr(), ssd.dots.as_ptr(), ssd.column.as_ptr())
    };
    assert_eq!(run(&mut ssd), run(&mut ssd));
}
