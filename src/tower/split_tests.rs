use super::*;
use crate::math::Rng;
use crate::protocol::{Extraction, TowerShape};
use crate::session::Behaviour;
use crate::tower::{Context, Heard, initial_weights};
use proptest::prelude::*;

const BLOCK: usize = 9;

fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| 2.0 * rng.uniform() - 1.0).collect()
}

fn towers(capsules: bool, seed: u64) -> UserTower {
    let extraction = if capsules { Extraction::Capsules } else { Extraction::Attention };
    let shape = TowerShape { dimension: 4, attention: 3, hidden: 5, interests: 3, experts: 2, extraction };
    let mut tower = UserTower::new(shape, &initial_weights(shape, seed)).expect("same shape");
    tower.weights_mut().iter_mut().zip(numbers(10_000, seed + 1)).for_each(|(w, by)| *w += 0.5 * by);
    tower
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Of the tower's weights and of two blocks' embeddings, those of the past among them.
    #[test]
    fn gradient_equals_central_differences(
        seed in 0u64..1000,
        codes in prop::collection::vec(0u8..5, 1..8),
        wanted in prop::collection::btree_set(0u32..9, 1..4),
        barred in prop::collection::btree_set(0u32..9, 0..3),
        capsules: bool,
        sampled: bool,
        second: bool,
        like: bool,
    ) {
        let (rows, others) = (numbers(BLOCK * 4, seed + 2), numbers(3 * 4, seed + 3));
        let mut both = [&rows[..], &others[..]];
        both.rotate_left(usize::from(second));
        let mut split = SplitTower::<f64>::new(&towers(capsules, seed), &both);
        let (block, other) = if second { (1, 0) } else { (0, 1) };
        let heard: Vec<Heard> = codes.iter().map(|&c| Heard::new(Behaviour::from_u8(c).expect("0 to 4"))).collect();
        let resident = numbers(heard.len() * 4, seed + 4);
        // Every third song of the past is resident alone, the others lie in the blocks.
        let places: Vec<Option<Part>> = (0u32..8).take(heard.len()).map(|i| match i % 3 {
            0 => None,
            1 => Some(split.place(block, i)),
            _ => Some(split.place(other, i % 3)),
        }).collect();
        let wanted: Vec<u32> = wanted.into_iter().collect();
        let barred: Vec<u32> = barred.into_iter().filter(|i| !wanted.contains(i)).collect();
        let (popularity, chances): (Vec<f32>, Vec<f32>) = numbers(BLOCK, seed + 5).iter().map(|x| (x.abs(), -x.abs())).unzip();
        let task = if like { Task::Like } else { Task::Complete };
        let candidates = Candidates { block, task, popularity: &popularity, log_chance: if sampled { &chances } else { &[] } };
        let input = TowerInput { heard: &heard, songs: &resident, context: Context::default() };
        let example = BlockExample { input, places: &places, wanted: &wanted, barred: &barred };
        let mut scratch = Scratch::default();
        let mut gradient = vec![0.0; split.parameters().len()];
        let mut routing = Routing::Held(None);
        split.loss(&candidates, &example, 1.0, &mut scratch, &mut gradient, &mut routing);
        let mut sink = vec![0.0; gradient.len()];
        for (i, exact) in gradient.iter().enumerate() {
            let mut at = |to: f64| {
                let before = split.parameters()[i];
                split.parameters_mut()[i] += to;
                let loss = split.loss(&candidates, &example, 1.0, &mut scratch, &mut sink, &mut routing);
                split.parameters_mut()[i] = before;
                loss
            };
            let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
            prop_assert!((numeric - exact).abs() < 1e-5 * (1.0 + numeric.abs()), "parameter {}: {} vs {}", i, exact, numeric);
        }
    }
}

/// What crosses the cut is dense: a candidate that was neither heard nor wanted has its numbers too, and a barred one has
/// what rounds to nothing, of the same length.
#[test]
fn the_cut_is_as_long_whatever_was_heard() {
    let rows = numbers(BLOCK * 4, 1);
    let split = SplitTower::<f32>::new(&towers(true, 2), &[&rows]);
    let popularity = [0.5; BLOCK];
    let candidates = Candidates { block: 0, task: Task::Complete, popularity: &popularity, log_chance: &[] };
    let lengths: Vec<usize> = (1..7)
        .map(|n| {
            let (heard, songs) = (vec![Heard::new(Behaviour::Complete); n], numbers(n * 4, 3));
            let input = TowerInput { heard: &heard, songs: &songs, context: Context::default() };
            let example = BlockExample { input, places: &vec![None; n], wanted: &[2], barred: &[5] };
            let mut gradient = vec![0.0; split.parameters().len()];
            split.learn(&candidates, &example, 1.0, &mut Scratch::default(), &mut gradient);
            let cut = &gradient[split.block(0).range()];
            for (i, row) in cut.chunks_exact(4).enumerate() {
                assert_eq!(row.iter().all(|g| g.abs() < 1e-30), i == 5, "candidate {i}: {row:?}");
            }
            split.travelling(&gradient).len()
        })
        .collect();
    assert!(lengths.iter().all(|l| *l == split.layout().shared() + BLOCK * 4), "{lengths:?}");
}
