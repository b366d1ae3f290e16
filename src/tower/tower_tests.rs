use super::*;
use crate::math::Rng;
use crate::protocol::Extraction;
use crate::tower::{Context, Fields, Heard};
use proptest::prelude::*;

const fn shape(extraction: Extraction) -> TowerShape {
    TowerShape { dimension: 4, attention: 3, hidden: 5, interests: 3, experts: 2, extraction }
}

const BOTH: [Extraction; 2] = [Extraction::Attention, Extraction::Capsules];

fn songs(count: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| (0..4).map(|_| 2.0 * rng.uniform() - 1.0).collect()).collect()
}

fn ranked<'a>(input: TowerInput<'a>, songs: &'a [f32], popularity: &'a [f32]) -> Example<'a> {
    Example { input, songs, popularity, ranked: true, outcomes: &[] }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn gradient_equals_central_differences(
        seed in 0u64..1000,
        codes in prop::collection::vec(0u8..5, 0..8),
        hour in prop::option::of(0u8..24),
        capsules: bool,
        ranked: bool,
    ) {
        let layout = TowerLayout::new(shape(BOTH[usize::from(capsules)]));
        let mut rng = Rng::new(seed);
        let weights: Vec<f64> = (0..layout.total()).map(|_| f64::from(rng.uniform()) - 0.5).collect();
        let bank = songs(12, seed + 1);
        let heard: Vec<Heard> = codes.iter().zip(0u16..).map(|(&code, i)| Heard {
            fields: Fields { style: i, language: 1, artist: u32::from(i), album: 0 },
            gap: 100 * u32::from(i),
            scene: hour.map(|h| h % 8),
            ..Heard::new(Behaviour::from_u8(code).expect("0 to 4"))
        }).collect();
        let (past, others) = (bank[..codes.len()].concat(), bank[8..].concat());
        let context = Context { hour, ..Context::default() };
        let example = Example {
            input: TowerInput { heard: &heard, songs: &past, context },
            songs: &others,
            popularity: &[0.9, 0.1, 0.4, 0.0],
            ranked,
            outcomes: &[(0, Behaviour::Like), (2, Behaviour::Skip)],
        };
        let mut scratch = Scratch::default();
        let mut gradient = vec![0.0; layout.total()];
        // What routing found counts as given, here as in training.
        let mut routing = Routing::Held(None);
        loss(&layout, &weights, &example, 1.0, &mut scratch, &mut gradient, &mut routing);
        let mut sink = vec![0.0; layout.total()];
        let mut at = |moved: &[f64]| loss(&layout, moved, &example, 1.0, &mut scratch, &mut sink, &mut routing);
        for i in 0..weights.len() {
            let mut moved = weights.clone();
            moved[i] += 1e-6;
            let up = at(&moved);
            moved[i] -= 2e-6;
            let numeric = (up - at(&moved)) / 2e-6;
            prop_assert!((numeric - gradient[i]).abs() < 1e-5 * (1.0 + numeric.abs()), "weight {}: {} vs {}", i, gradient[i], numeric);
        }
    }
}

/// The step that needs no sweep is the sweep's.
#[test]
fn the_personal_gradient_is_the_tapes() {
    for (extraction, ranked) in BOTH.into_iter().flat_map(|e| [(e, true), (e, false)]) {
        let shape = shape(extraction);
        let layout = TowerLayout::new(shape);
        let mut rng = Rng::new(6);
        let weights: Vec<f32> = (0..layout.total()).map(|_| rng.uniform() - 0.4).collect();
        let mut tower = UserTower::new(shape, &weights[..layout.shared()]).expect("same shape");
        tower.weights_mut().copy_from_slice(&weights);
        let bank = songs(20, 5);
        let heard: Vec<Heard> = (0..14u8).map(|i| Heard::new(Behaviour::from_u8(i % 5).expect("0 to 4"))).collect();
        let (past, others) = (bank[..14].concat(), bank[14..].concat());
        let example = Example {
            input: TowerInput { heard: &heard, songs: &past, context: Context::default() },
            songs: &others,
            popularity: &[0.1, 0.9, 0.3, 0.2, 0.0, 1.0],
            ranked,
            outcomes: &[(0, Behaviour::Like), (3, Behaviour::Skip)],
        };
        let mut scratch = Scratch::default();
        let (mut whole, mut own) = (vec![0.0; layout.total()], vec![0.0; 4]);
        tower.learn(&example, 1.0, &mut scratch, &mut whole);
        tower.learn_personal(&example, &mut scratch, &mut vec![], &mut own);
        for (own, whole) in own.iter().zip(&whole[layout.shared()..]) {
            assert!((own - whole).abs() < 1e-5 * (1.0 + whole.abs()), "{extraction:?}: {own} {whole}");
        }
    }
}

#[test]
fn overfits_eight_examples() {
    for extraction in BOTH {
        let shape = shape(extraction);
        let bank = songs(40, 7);
        let mut tower = UserTower::new(shape, &initial_weights(shape, 1)).expect("same shape");
        let heard = [Heard::new(Behaviour::Complete); 3];
        let pasts: Vec<Vec<f32>> = (0..8).map(|i| bank[i * 3..i * 3 + 3].concat()).collect();
        let picks: Vec<Vec<f32>> =
            (0..8).map(|i| (0..4).flat_map(|j| bank[(24 + i * 2 + j * 3) % 40].clone()).collect()).collect();
        let mut scratch = Scratch::default();
        let mut epoch = |tower: &mut UserTower, adam: &mut crate::learn::Adam| {
            let mut gradient = vec![0.0; tower.weights().len()];
            let mut total = 0.0;
            for (past, songs) in pasts.iter().zip(&picks) {
                let input = TowerInput { heard: &heard, songs: past, context: Context::default() };
                total += tower.learn(&ranked(input, songs, &[0.0; 4]), 0.125, &mut scratch, &mut gradient);
            }
            adam.step(tower.weights_mut(), &gradient);
            total / 8.0
        };
        let mut adam = crate::learn::Adam::new(tower.weights().len(), 0.02);
        let before = epoch(&mut tower, &mut adam);
        let after = (0..400).map(|_| epoch(&mut tower, &mut adam)).last().expect("400 epochs");
        assert!(after < 0.15 * before, "{extraction:?}: loss {before} → {after}");
    }
}

#[test]
fn an_empty_past_is_an_embedding_too() {
    for extraction in BOTH {
        let shape = shape(extraction);
        let tower = UserTower::new(shape, &initial_weights(shape, 1)).expect("same shape");
        let embedding =
            tower.embed(&TowerInput { heard: &[], songs: &[], context: Context::default() }, Utility::default());
        assert_eq!(embedding.queries.len(), 4);
        assert!(embedding.queries.iter().all(|v| v.is_finite()));
    }
}

/// What ranking scans with is the sum of the tasks' logits, weighed.
#[test]
fn queries_are_the_weighed_logits() {
    for extraction in BOTH {
        let shape = shape(extraction);
        let layout = TowerLayout::new(shape);
        let mut rng = Rng::new(4);
        let mut weights: Vec<f32> = (0..layout.total()).map(|_| rng.uniform() - 0.3).collect();
        weights[layout.taste.range()].copy_from_slice(&[1.0, 0.8, -0.7]);
        let mut tower = UserTower::new(shape, &weights[..layout.shared()]).expect("same shape");
        tower.weights_mut().copy_from_slice(&weights);
        let bank = songs(20, 9);
        let (heard, past) = ([Heard::new(Behaviour::Complete); 16], bank[..16].concat());
        let input = TowerInput { heard: &heard, songs: &past, context: Context::default() };
        let utility = Utility { complete: 1.0, like: 0.5, skip: 0.4 };
        let embedding = tower.embed(&input, utility);
        let mut scratch = Scratch::default();
        let mut t = Tape::new(tower.weights(), &mut scratch);
        let user = forward(&layout, &mut t, &input, &mut Routing::Anew);
        for song in &bank {
            let var = t.constant(4, song.iter().copied());
            let popularity = t.constant(1, [0.3]);
            let k = nearest(&t, user.interests, var);
            let mut sum = 0.0;
            for (task, weight) in Task::ALL.into_iter().zip(utility.weights()) {
                let logit = logits(&layout, &mut t, &user, k, Target { songs: var, popularity }, task);
                sum += weight * t.value(logit)[0];
            }
            let scanned = embedding.queries.chunks_exact(4).map(|q| crate::math::dot(q, song)).fold(f32::MIN, f32::max)
                + 0.3 * embedding.popularity;
            assert!((sum - scanned).abs() < 1e-4 * (1.0 + sum.abs()), "{extraction:?}: {sum} {scanned}");
        }
    }
}

/// Mean loss after training on cases of (past, wanted song, other song).
type Case = (Vec<(Vec<f32>, Behaviour)>, [Vec<f32>; 2]);
fn trained_loss(shape: TowerShape, cases: &[Case], epochs: u32, keep: impl Fn(Behaviour) -> bool) -> f32 {
    let mut tower = UserTower::new(shape, &initial_weights(shape, 5)).expect("same shape");
    let mut adam = crate::learn::Adam::new(tower.weights().len(), 0.01);
    let mut scratch = Scratch::default();
    let mut last = 0.0;
    let share = 1.0 / cases.len() as f32;
    for _ in 0..epochs {
        let mut gradient = vec![0.0; tower.weights().len()];
        last = 0.0;
        for (past, next) in cases {
            let kept = || past.iter().filter(|(_, b)| keep(*b));
            let heard: Vec<Heard> = kept().map(|(_, b)| Heard::new(*b)).collect();
            let (past, songs): (Vec<f32>, _) = (kept().flat_map(|(v, _)| v.clone()).collect(), next.concat());
            let input = TowerInput { heard: &heard, songs: &past, context: Context::default() };
            last += share * tower.learn(&ranked(input, &songs, &[0.0; 2]), share, &mut scratch, &mut gradient);
        }
        adam.step(tower.weights_mut(), &gradient);
    }
    last
}

/// The idea of signed attention: on a world where the skipped genre must be avoided, hearing the skips beats not hearing them.
#[test]
fn negative_feedback_beats_its_ablation() {
    let mut rng = Rng::new(3);
    // Two genres, opposite on the first axis. The listener completed one song of each and skipped two of one genre; the
    // next song is of the other genre. Without the skips the past says nothing.
    let song = |genre: f32, rng: &mut Rng| vec![genre, 0.3 * (rng.uniform() - 0.5), 0.3 * (rng.uniform() - 0.5), 0.1];
    let cases: Vec<Case> = (0..60)
        .map(|i| {
            let liked = if i % 2 == 0 { 1.0 } else { -1.0 };
            let first = if (i / 2) % 2 == 0 { 1.0 } else { -1.0 }; // the order of the completes tells nothing
            let past = vec![
                (song(first, &mut rng), Behaviour::Complete),
                (song(-first, &mut rng), Behaviour::Complete),
                (song(-liked, &mut rng), Behaviour::Skip),
                (song(-liked, &mut rng), Behaviour::Skip),
            ];
            (past, [song(liked, &mut rng), song(-liked, &mut rng)])
        })
        .collect();
    for extraction in BOTH {
        let with = trained_loss(shape(extraction), &cases, 60, |_| true);
        let without = trained_loss(shape(extraction), &cases, 60, Behaviour::wanted);
        assert!(with < 0.5 * without, "{extraction:?}: loss with skips {with}, without {without}");
    }
}

/// The idea of several interests: who loves two kinds of music that lie apart is badly served by their mean.
#[test]
fn several_interests_beat_one() {
    let mut rng = Rng::new(8);
    let kinds = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.55, 0.55, 0.55, 0.0]];
    let song = |kind: usize, rng: &mut Rng| -> Vec<f32> {
        kinds[kind].iter().map(|x| x + 0.1 * (rng.uniform() - 0.5)).collect()
    };
    // Two of three kinds are loved; the next song is of one of them, the other offer is what lies between all.
    let cases: Vec<Case> = (0..60)
        .map(|i| {
            let (a, b) = (i % 3, (i + 1) % 3);
            let past = (0..8).map(|j| (song(if j % 2 == 0 { a } else { b }, &mut rng), Behaviour::Complete)).collect();
            let next = if i % 2 == 0 { a } else { b };
            (past, [song(next, &mut rng), song(3, &mut rng)])
        })
        .collect();
    for extraction in BOTH {
        let several = trained_loss(TowerShape { interests: 3, ..shape(extraction) }, &cases, 30, |_| true);
        let one = trained_loss(TowerShape { interests: 1, ..shape(extraction) }, &cases, 30, |_| true);
        println!("{extraction:?}: several {several}, one {one}");
        assert!(several < one, "{extraction:?}: loss with several {several}, with one {one}");
    }
}
