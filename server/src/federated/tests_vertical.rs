//! Vertical rounds of a live coordinator, over both databases: what it publishes must be what [`Vertical`] makes of the plain sum, to the bit, and
//! whoever dies in between.

use super::tests::initial;
use super::tests_secure::{World, lives, secure};
use super::*;
use crate::catalog::Song;
use crate::recall::{ItemTower, ItemTowerConfig};
use crate::store::Store;
use crate::store::testing::{Db, on_both};
use sottovoce::ids::{ArtistId, Millis, RoundId, SongId, WeightsVersion};
use sottovoce::protocol::{CandidateBlock, decode, verify};
use sottovoce::secagg::Digest;

on_both!(
    what_is_published_is_the_step_of_the_plain_sum,
    a_fault_at_any_point_ends_in_the_same_songs,
    another_start_begins_anew,
);

/// The embeddings' dimension is the weights'.
const D: usize = 2;
const SONGS: u32 = 9;
const BLOCKS: BlockRules = BlockRules { size: 5, ahead: 1, lessons: 4 };
const SEED: u64 = 11;

fn scenario() -> Scenario {
    let song = |i: u32| Song {
        id: SongId(10 + i),
        key: i.to_string(),
        title: String::new(),
        artist: ArtistId(i / 3),
        album: None,
        genre: Some(format!("genre {}", i % 2)),
        language: None,
        attributes: vec![],
        duration_ms: None,
        url: None,
    };
    let songs: Vec<Song> = (0..SONGS).map(song).collect();
    let config = ItemTowerConfig { dimension: D, field: 2, hidden: 3, ..ItemTowerConfig::default() };
    Scenario {
        tower: ItemTower::new(&songs, &[], config, 3).unwrap(),
        songs: songs.iter().map(|song| song.id).collect(),
        popularity: (0..SONGS).map(|i| i as f32 / SONGS as f32).collect(),
        task: 0,
    }
}

fn items() -> Items {
    Items::new(BLOCKS, vec![scenario()], D, SEED).unwrap()
}

async fn open(store: Store, config: CoordinatorConfig) -> Result<Coordinator, RoundError> {
    Coordinator::open_vertical(store, config, initial(), items(), None).await
}

/// The half that experiments hold in memory, after the plain sums of these rounds.
fn twin(world: &World, config: &CoordinatorConfig, rounds: &[(RoundId, Vec<u8>)]) -> Vertical {
    let rules = VerticalConfig { plan: config.plan, optimiser: config.optimiser, blocks: BLOCKS, noise: 0.0 };
    let mut twin = Vertical::new(rules, initial(), vec![scenario()], SEED).unwrap();
    for (round, devices) in rounds {
        twin.open();
        let sum: Vec<f64> = world.sum(*round, devices).iter().map(|steps| f64::from(*steps) / 1024.0).collect();
        twin.close(&sum, u32::try_from(devices.len()).unwrap()).unwrap();
    }
    twin
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

async fn assert_published(c: &Coordinator, twin: &Vertical) {
    assert_eq!(bits(&c.weights().await.unwrap().values), bits(&twin.weights().values));
    let (version, rows) = c.embeddings().await.unwrap().unwrap();
    assert_eq!(version, twin.weights().version);
    assert_eq!(bits(&rows), bits(&twin.rows()));
}

async fn what_is_published_is_the_step_of_the_plain_sum(db: Db) {
    let rules = secure(0.5);
    let c = open(db.store().await, rules.clone()).await.unwrap();
    let mut world = World::new();
    assert_published(&c, &twin(&world, &rules, &[])).await;
    world.enlist(&c, 1).await.unwrap();

    // What is offered names the blocks, and what is fetched is what was named.
    let offer = c.secure_offer(Millis(1)).await.unwrap().unwrap();
    let blocks = c.blocks(RoundId(1)).await.unwrap();
    assert_eq!(offer.blocks, blocks.iter().map(|bytes| Digest::of(bytes)).collect::<Vec<_>>());
    let block: CandidateBlock = decode(&blocks[0]).unwrap();
    assert_eq!(vec![block.clone()], twin(&world, &rules, &[]).open());
    assert_eq!(offer.terms.terms.dimension as usize, initial().values.len() + BLOCKS.size * D);
    let before = c.embeddings().await.unwrap().unwrap().1;

    assert!(world.go_on(&c, 2, &[0, 1, 2, 3]).await.unwrap());
    let mut rounds = vec![(RoundId(1), vec![0, 1, 2, 3])];
    assert_published(&c, &twin(&world, &rules, &rounds)).await;
    assert!(c.blocks(RoundId(1)).await.unwrap().is_empty(), "its blocks are over with the round");
    let after = c.embeddings().await.unwrap().unwrap().1;
    for song in 10..10 + SONGS as usize {
        // Songs that were in no block move with their artist and genre.
        assert_ne!(before[song * D..][..D], after[song * D..][..D], "song {song}");
    }

    // Another process over the same store goes on, with other blocks of the same size.
    let c = open(db.store().await, rules.clone()).await.unwrap();
    world.enlist(&c, 3).await.unwrap();
    let next: CandidateBlock = decode(&c.blocks(RoundId(2)).await.unwrap()[0]).unwrap();
    assert_ne!(next.songs, block.songs);
    assert!(world.go_on(&c, 4, &[0, 1, 2, 3]).await.unwrap());
    rounds.push((RoundId(2), vec![0, 1, 2, 3]));
    assert_published(&c, &twin(&world, &rules, &rounds)).await;
    verify(&c.log(WeightsVersion(0), 10).await.unwrap(), None, &c.log_key()).unwrap();

    let open_rounds = CoordinatorConfig { secure: None, ..rules };
    let refused = open(db.store().await, open_rounds).await.unwrap_err();
    assert!(matches!(refused, RoundError::Setting { what: "vertical rounds without `secure`", .. }), "{refused}");
}

async fn a_fault_at_any_point_ends_in_the_same_songs(db: Db) {
    let rules = secure(0.0);
    let whole = open(db.store().await, rules.clone()).await.unwrap();
    let mut world = World::new();
    let included = lives(&db, &mut world, &whole, |store| open(store, rules.clone())).await;
    assert_published(&whole, &twin(&world, &rules, &included)).await;
}

/// A horizontal server over the same store starts the weights anew, and a vertical one after it the songs too.
async fn another_start_begins_anew(db: Db) {
    let vertical = CoordinatorConfig { basis: "vertical".into(), ..secure(0.0) };
    let mut world = World::new();
    let c = open(db.store().await, vertical.clone()).await.unwrap();
    assert!(world.go_on(&c, 1, &[0, 1, 2, 3]).await.unwrap());
    let horizontal = Coordinator::open(db.store().await, secure(0.0), initial()).await.unwrap();
    assert_eq!(horizontal.weights_version().await.unwrap(), WeightsVersion(2));
    assert_eq!(horizontal.embeddings().await.unwrap(), None);
    assert_eq!(horizontal.tick(Millis(2)).await.unwrap(), Some(Transition::Abandoned(RoundId(2))));
    let offer = horizontal.secure_offer(Millis(3)).await.unwrap().unwrap();
    assert_eq!((offer.terms.terms.dimension as usize, offer.blocks), (initial().values.len(), vec![]));
    let again = open(db.store().await, vertical).await.unwrap();
    let (version, rows) = again.embeddings().await.unwrap().unwrap();
    assert_eq!((version, rows), (WeightsVersion(3), items().rows()));
}
