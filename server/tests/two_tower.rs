//! The two halves of a two-tower model against the whole: derivatives, the exact split, the rounds, and what a second scenario is worth.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "tests"
)]

use sottovoce::client::{Past, Remembered, Resident, train_split};
use sottovoce::ids::{ArtistId, Millis, SongId, WeightsVersion};
use sottovoce::learn::Scratch;
use sottovoce::math::Rng;
use sottovoce::protocol::{Extraction, LocalPlan, TowerShape, TowerWeights};
use sottovoce::session::{Feedback, Impression, ListenEvent};
use sottovoce::tower::{BlockExample, Candidates, Context, SplitTower, Task, UserTower, initial_weights};
use sottovoce_server::catalog::{Song, shards};
use sottovoce_server::data::TwoBusinesses;
use sottovoce_server::federated::{
    BlockRules, RoundError, Scenario, ServerOptimiser, Vertical, VerticalConfig, exact_split,
};
use sottovoce_server::recall::{ItemTower, ItemTowerConfig};
use sottovoce_server::simulate::{Cohorts, Part, SplitWorld, cohort_rounds, published};
use std::collections::HashMap;

const D: usize = 4;
const SONGS: u32 = 14;

fn song(i: u32) -> Song {
    Song {
        id: SongId(i),
        key: i.to_string(),
        title: String::new(),
        artist: ArtistId(i / 3),
        album: None,
        genre: (!i.is_multiple_of(4)).then(|| format!("genre {}", i % 4)),
        language: None,
        attributes: (0..i % 3).map(|a| format!("tag {}", (a + i) % 5)).collect(),
        duration_ms: None,
        url: None,
    }
}

fn items_tower(seed: u64) -> ItemTower {
    let songs: Vec<Song> = (0..SONGS).map(song).collect();
    let mut rng = Rng::new(seed).split("audio");
    let audio: Vec<f32> = (0..SONGS * 2).map(|_| rng.normal()).collect();
    let config = ItemTowerConfig { dimension: D, field: 3, hidden: 5, ..ItemTowerConfig::default() };
    ItemTower::new(&songs, &audio, config, seed).unwrap()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

/// `∂f/∂w` by central differences.
fn differences(weights: &[f64], mut f: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    let mut moved = weights.to_vec();
    (0..weights.len())
        .map(|i| {
            moved[i] = weights[i] + 1e-5;
            let up = f(&moved);
            moved[i] = weights[i] - 1e-5;
            let down = f(&moved);
            moved[i] = weights[i];
            (up - down) / 2e-5
        })
        .collect()
}

#[test]
fn the_item_towers_gradient_equals_central_differences() {
    for seed in 0..3 {
        let tower = items_tower(seed);
        let weights = wide(tower.weights());
        let songs = [0, 3, 4, 8, 13];
        let mut rng = Rng::new(seed).split("cut");
        let cut: Vec<f64> = (0..songs.len() * D).map(|_| f64::from(rng.normal())).collect();
        let pulled = |w: &[f64]| tower.embed_with(w, &songs).iter().zip(&cut).map(|(v, g)| v * g).sum::<f64>();
        let gradient = tower.backward(&weights, &songs, &cut);
        for (i, numeric) in differences(&weights, pulled).into_iter().enumerate() {
            assert!(
                (numeric - gradient[i]).abs() < 1e-6 * (1.0 + numeric.abs()),
                "weight {i}: {} {numeric}",
                gradient[i]
            );
        }
        assert!(tower.index().chunks_exact(D).all(|v| (v.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5));
    }
}

fn past(items: &Resident, songs: &[u32]) -> Past {
    let remembered = |(&song, at): (&u32, u64)| {
        let at = Millis(at * 60_000);
        let impression = Impression { song: SongId(song), slot: 0, at };
        Remembered { event: ListenEvent { impression, feedback: Feedback::Complete, at }, context: Context::default() }
    };
    Past::new(&songs.iter().zip(0..).map(remembered).collect::<Vec<_>>(), items)
}

fn plan() -> LocalPlan {
    LocalPlan { max_examples: 1, clip_norm: 1e6, ..exact_split() }
}

fn vertical(tower: ItemTower, noise: f64, block: usize) -> Vertical {
    let shape = TowerShape {
        dimension: 4,
        attention: 3,
        hidden: 5,
        interests: 2,
        experts: 2,
        extraction: Extraction::Attention,
    };
    let mut values = initial_weights(shape, 1);
    let mut rng = Rng::new(8);
    values.iter_mut().for_each(|w| *w += 0.2 * rng.normal());
    let weights = TowerWeights { version: WeightsVersion(0), shape, values };
    let n = tower.songs();
    let songs = (0..n as u32).map(SongId).collect();
    let popularity = (0..n).map(|i| (i % 5) as f32 / 4.0).collect();
    let scenario = Scenario { tower, songs, popularity, task: 0 };
    let optimiser = ServerOptimiser::fed_adam(0.01);
    let config =
        VerticalConfig { plan: plan(), optimiser, blocks: BlockRules { size: block, ahead: 1, lessons: 64 }, noise };
    Vertical::new(config, weights, vec![scenario], 3).unwrap()
}

/// Exact split learning: what the server works out from the sum of the devices' messages is the gradient of the whole model on the pooled
/// data, of both towers. The whole is differentiated by differences in f64, through code that knows no cut.
#[test]
fn the_federated_sum_is_the_gradient_of_the_central_model() {
    let tower = items_tower(5);
    let mut server = vertical(tower.clone(), 0.0, 100);
    let block = server.open().remove(0);
    let all: Vec<u32> = (0..SONGS).collect();
    let catalogue: Vec<Song> = (0..SONGS).map(song).collect();
    let mut items = Resident::default();
    for shard in shards(&catalogue, &tower.index(), D, &[1; SONGS as usize], 4096).unwrap() {
        items.add(&shard).unwrap();
    }
    let users = UserTower::new(server.shape(), &server.weights().values).unwrap();
    let devices: [&[u32]; 4] = [&[1, 5, 7, 2], &[3, 3, 9], &[13, 0, 4, 6, 8], &[2, 11]];

    // The devices' sum.
    let mut sum = vec![0.0f64; server.length()];
    for songs in devices {
        let blocks = std::slice::from_ref(&block);
        let trained = train_split(&users, &past(&items, songs), &items, blocks, &plan(), Rng::new(1)).unwrap();
        assert_eq!(trained.lessons, 1);
        let update = trained.update.clip(1e6).into_values();
        sum.iter_mut().zip(update).for_each(|(s, u)| *s += f64::from(u));
    }
    let mean: Vec<f64> = sum.iter().map(|s| -s / devices.len() as f64).collect();
    let (shared, cut) = mean.split_at(server.weights().values.len());
    let federated = tower.backward(&wide(tower.weights()), &all, cut);

    // The whole model's loss on the pooled data.
    let pooled = |item: &[f64], user: &[f64], gradient: Option<&mut Vec<f64>>| {
        let mut split = SplitTower::<f64>::new(&users, &[&block.rows]);
        let place = split.block(0).range();
        split.parameters_mut()[place].copy_from_slice(&tower.embed_with(item, &all));
        split.parameters_mut()[..user.len()].copy_from_slice(user);
        let mut sink = vec![0.0; split.parameters().len()];
        let mut total = 0.0;
        for songs in devices {
            let (wanted, heard) = songs.split_last().unwrap();
            let past = past(&items, songs);
            let input = past.input(heard.len(), Context::default());
            let places: Vec<_> = heard.iter().map(|s| Some(split.place(0, *s))).collect();
            let mut barred: Vec<u32> = heard.iter().copied().filter(|s| s != wanted).collect();
            barred.sort_unstable();
            let candidates =
                Candidates { block: 0, task: Task::Complete, popularity: &block.popularity, log_chance: &[] };
            let example = BlockExample { input, places: &places, wanted: &[*wanted], barred: &barred };
            total += split.learn(&candidates, &example, 0.25, &mut Scratch::default(), &mut sink) / 4.0;
        }
        if let Some(gradient) = gradient {
            *gradient = sink;
        }
        total
    };
    let user = wide(&server.weights().values);
    let item = wide(tower.weights());
    let central = differences(&item, |moved| pooled(moved, &user, None));
    let norm = central.iter().map(|g| g * g).sum::<f64>().sqrt();
    assert!(norm > 1e-2);
    for (i, (f, c)) in federated.iter().zip(&central).enumerate() {
        assert!((f - c).abs() < 1e-5 * norm.max(1.0), "item weight {i}: {f} {c}");
    }
    let mut exact = Vec::new();
    pooled(&item, &user, Some(&mut exact));
    for (i, (f, c)) in shared.iter().zip(&exact).enumerate() {
        assert!((f - c).abs() < 1e-5 * (1.0 + c.abs()), "user weight {i}: {f} {c}");
    }

    // And the step is the step: Adam on that gradient.
    let mut twin = tower.clone();
    twin.learn(&all, &cut.iter().map(|g| *g as f32).collect::<Vec<_>>());
    server.close(&sum, devices.len() as u32).unwrap();
    assert_eq!(server.weights().version, WeightsVersion(1));
    let after = server.scenarios()[0].tower.weights();
    assert!(after.iter().zip(twin.weights()).all(|(a, b)| (a - b).abs() < 1e-6));
    assert_ne!(after, tower.weights());
}

#[test]
fn a_round_that_cannot_end_changes_nothing() {
    let mut server = vertical(items_tower(1), 0.0, 100);
    server.open();
    let n = server.length();
    let before = (server.weights().clone(), server.scenarios()[0].tower.weights().to_vec());
    assert!(matches!(server.close(&vec![0.0; n], 0), Err(RoundError::NoUpdates)));
    assert!(matches!(server.close(&vec![0.0; n - 1], 1), Err(RoundError::Length { .. })));
    let mut bad = vec![0.0; n];
    bad[n - 1] = f64::NAN;
    assert!(matches!(server.close(&bad, 1), Err(RoundError::NotFinite { .. })));
    assert_eq!(before, (server.weights().clone(), server.scenarios()[0].tower.weights().to_vec()));
    assert!(server.close(&vec![0.0; n], 1).is_ok());
}

/// As loud as z says: the user tower under FedAvg moves by the noise alone.
#[test]
fn noise_has_the_length_that_was_asked_for() {
    let mut server = vertical(items_tower(1), 2.0, 100);
    let shape = server.shape();
    let rules = VerticalConfig {
        plan: LocalPlan { clip_norm: 0.5, ..plan() },
        optimiser: ServerOptimiser::FedAvg,
        ..*server.config()
    };
    server = Vertical::new(rules, server.weights().clone(), server.scenarios().to_vec(), 4).unwrap();
    server.open();
    let before = server.weights().values.clone();
    server.close(&vec![0.0; server.length()], 10).unwrap();
    let moved: Vec<f64> = server.weights().values.iter().zip(&before).map(|(a, b)| f64::from(a - b)).collect();
    let deviation = (moved.iter().map(|m| m * m).sum::<f64>() / moved.len() as f64).sqrt();
    assert!(
        (deviation / 0.1 - 1.0).abs() < 0.1,
        "zC/n is 2 · 0.5 / 10, got {deviation} over {} of {shape:?}",
        moved.len()
    );
}

#[test]
fn blocks_are_of_one_size_and_tell_their_chances() {
    let songs: Vec<Song> = (0..60).map(song).collect();
    let config = ItemTowerConfig { dimension: D, field: 2, hidden: 2, ..ItemTowerConfig::default() };
    let mut server = vertical(ItemTower::new(&songs, &[], config, 1).unwrap(), 0.0, 20);
    let mut seen = vec![0u32; 60];
    let mut chance = [0.0f32; 60];
    const ROUNDS: u32 = 600;
    for _ in 0..ROUNDS {
        let block = server.open().remove(0);
        assert_eq!((block.songs.len(), block.rows.len(), block.log_chance.len()), (20, 20 * D, 20));
        for (song, ln) in block.songs.iter().zip(&block.log_chance) {
            seen[song.0 as usize] += 1;
            chance[song.0 as usize] = ln.exp();
        }
        server.close(&vec![0.0; server.length()], 1).unwrap();
    }
    for (seen, chance) in seen.iter().zip(chance) {
        let share = f64::from(*seen) / f64::from(ROUNDS);
        assert!((share - f64::from(chance)).abs() < 0.09, "{share} {chance}");
    }
    assert!((chance.iter().sum::<f32>() - 20.0).abs() < 1e-3, "{}", chance.iter().sum::<f32>());
}

#[test]
fn a_checkpoint_brings_the_embeddings_back() {
    let (mut a, mut b) = (items_tower(1), items_tower(2));
    a.learn(&[1, 2], &[0.5; 2 * D]);
    b.resume(&a.state()).unwrap();
    // Audio is the catalogue's, not the weights'.
    let mut c = items_tower(1);
    c.resume(&a.state()).unwrap();
    assert_eq!(c.index(), a.index());
    assert_ne!(b.index(), a.index());
    let larger = ItemTowerConfig { dimension: D, field: 3, hidden: 6, ..ItemTowerConfig::default() };
    let songs: Vec<Song> = (0..SONGS).map(song).collect();
    let larger = ItemTower::new(&songs, &[0.0; 2 * SONGS as usize], larger, 1).unwrap();
    assert!(b.resume(&larger.state()).is_err(), "sizes of another tower");
}

/// NDCG@10 among all songs, of those who are new to them.
fn newcomers(with_partner: bool, seed: u64) -> f64 {
    let shop = TwoBusinesses { seed, ..TwoBusinesses::default() };
    let data = shop.log(with_partner);
    let songs: Vec<String> = (0..shop.first_ware().0).map(|i| i.to_string()).collect();
    let among: HashMap<String, Vec<String>> = data.listeners.iter().map(|key| (key.clone(), songs.clone())).collect();
    let world = SplitWorld::next_song(&data, Part::Test, &among);
    let shape = TowerShape { interests: 1, ..TowerShape::usual(16) };
    let weights = TowerWeights { version: WeightsVersion(0), shape, values: initial_weights(shape, seed) };
    let config = ItemTowerConfig { dimension: 16, learning_rate: 0.02, ..ItemTowerConfig::default() };
    let popularity = world.popularity().unwrap();
    let mut scenarios = Vec::new();
    let cut = shop.first_ware().0 as usize;
    for (range, task) in [(0..cut, 0), (cut..data.songs.len(), 1)].into_iter().take(1 + usize::from(with_partner)) {
        let tower = ItemTower::new(&data.songs[range.clone()], &[], config, seed).unwrap();
        let songs = data.songs[range.clone()].iter().map(|song| song.id).collect();
        scenarios.push(Scenario { tower, songs, popularity: popularity[range].to_vec(), task });
    }
    let optimiser = ServerOptimiser::fed_adam(0.02);
    let plan = LocalPlan { max_examples: 64, clip_norm: 10.0, ..plan() };
    let rules =
        VerticalConfig { plan, optimiser, blocks: BlockRules { size: 4096, ahead: 1, lessons: 16 }, noise: 0.0 };
    let mut server = Vertical::new(rules, weights, scenarios, seed).unwrap();
    cohort_rounds(&mut server, &world, &Cohorts { clients: 60, rounds: 60, seed }, |_, _, _| Ok(())).unwrap();
    let (tower, items) = published(&server, &world).unwrap();
    world.measure_where(&tower, &items, TwoBusinesses::new_to_songs).sampled_ndcg10
}

/// The idea of two scenarios over shared experts: who is new to the songs is not new to the partner.
#[test]
fn a_partners_item_side_helps_newcomers() {
    let mean = |with| (1..=3).map(|seed| newcomers(with, seed)).sum::<f64>() / 3.0;
    let (alone, together) = (mean(false), mean(true));
    println!("NDCG@10 of newcomers: songs alone {alone:.4}, with the partner's side {together:.4}");
    assert!(together > alone + 0.01, "songs alone {alone}, with the partner's side {together}");
}
