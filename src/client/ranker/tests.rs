//! Ranking alone against the whole engine: the same bytes refused, the same events, the same list.

use super::*;
use crate::client::Recommender;
use crate::ids::ArtistId;
use crate::math::{Rng, normalize, quantize_row};
use crate::protocol::{CatalogueShard, encode};
use crate::session::{Behaviour, Fraction, Impression};
use proptest::prelude::*;

const D: usize = 8;

fn catalogue(songs: u32, artists: u32, boosted: bool, seed: u64) -> CatalogueShard {
    let mut rng = Rng::new(seed);
    let n = songs as usize;
    let mut shard = CatalogueShard {
        dimension: 8,
        songs: (0..songs).map(|i| SongId(2 * i + 1)).collect(),
        artists: (0..songs).map(|_| ArtistId(rng.below(artists))).collect(),
        popularity: (0..songs).map(|_| rng.uniform()).collect(),
        plays: (0..songs).map(|_| rng.below(40)).collect(),
        boosts: if boosted { (0..songs).map(|_| 0.5 + rng.uniform()).collect() } else { vec![] },
        rows: vec![0; D * n],
        ..CatalogueShard::default()
    }
    .filled();
    for codes in shard.rows.chunks_exact_mut(D) {
        let mut row: Vec<f32> = (0..D).map(|_| rng.normal()).collect();
        normalize(&mut row);
        shard.scales.push(quantize_row(&row, codes));
    }
    shard
}

fn event(song: u32, behaviour: u8, at: u64) -> ListenEvent {
    let behaviour = Behaviour::from_u8(behaviour).expect("0 to 4");
    let impression = Impression { song: SongId(song), slot: 0, at: Millis(at) };
    ListenEvent { impression, feedback: behaviour.feedback(Fraction::new(0.1)), at: Millis(at) }
}

fn ranker(shard: &CatalogueShard, config: EngineConfig) -> Ranker {
    let mut ranker = Ranker::new(config);
    assert_eq!(ranker.load_shard(&encode(shard)), Ok(shard.songs.len()));
    ranker
}

fn songs(ranked: &[Ranked]) -> Vec<u32> {
    ranked.iter().map(|r| r.song.0).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// The whole engine has no weights here, so both have popularity, session, exploring and boosts to go by.
    #[test]
    fn the_list_is_that_of_the_whole_engine(
        n in 1u32..120,
        artists in 1u32..12,
        k in 0usize..24,
        (boosted, some) in any::<(bool, bool)>(),
        (gap, no_repeat, pool) in (0usize..6, 1usize..12, 1usize..150),
        diversity in 0f32..1.0,
        events in prop::collection::vec((0u32..120, 0u8..5, 0u64..3_000_000), 0..40),
        seed in any::<u64>(),
    ) {
        let shard = catalogue(n, artists, boosted, seed);
        let config = EngineConfig { artist_gap: gap, no_repeat, pool, diversity, ..EngineConfig::default() };
        let mut small = ranker(&shard, config);
        let mut whole = Recommender::new(config, 1);
        whole.load_shard(&encode(&shard)).expect("a sound shard");
        for (song, behaviour, at) in &events {
            let event = event(2 * (song % n) + 1, *behaviour, *at);
            prop_assert!(small.observe(event));
            whole.observe(event).expect("a resident song");
        }
        // With songs that nobody has, and one twice.
        let candidates: Vec<SongId> = (0..n).chain([0]).map(|i| SongId(3 * i + 1)).collect();
        let candidates = some.then_some(&candidates[..]);
        let got = small.recommend(candidates, k, Millis(3_000_001)).to_vec();
        let want = whole.recommend(candidates, k, Millis(3_000_001));
        prop_assert_eq!(songs(&got), want.songs().map(|s| s.0).collect::<Vec<_>>());
        for (got, want) in got.iter().zip(want.placements()) {
            prop_assert_eq!(got.why, want.why);
            for (a, b) in [(got.session, want.session), (got.popularity, want.popularity), (got.explore, want.explore),
                (got.diversity, want.diversity), (got.forgone, want.forgone), (got.weight, want.weight)] {
                prop_assert_eq!(a.to_bits(), b.to_bits());
            }
            use crate::rerank::RuleNote;
            prop_assert_eq!(got.relaxed, matches!(want.rule, Some(RuleNote::GapRelaxed { .. })));
            prop_assert_eq!(got.passed_over && !got.relaxed, matches!(want.rule, Some(RuleNote::PassedOver { .. })));
        }
    }

    #[test]
    fn undo_is_exact(
        events in prop::collection::vec((0u32..30, 0u8..5, 0u64..3_000_000), 1..40),
        back in 1usize..8,
        no_repeat in 1usize..12,
    ) {
        let shard = catalogue(30, 7, false, 5);
        let config = EngineConfig { no_repeat, ..EngineConfig::default() };
        let (mut all, mut fewer) = (ranker(&shard, config), ranker(&shard, config));
        let back = back.min(events.len());
        for (i, (song, behaviour, at)) in events.iter().enumerate() {
            all.observe(event(2 * song + 1, *behaviour, *at));
            if i < events.len() - back {
                fewer.observe(event(2 * song + 1, *behaviour, *at));
            }
        }
        for (song, ..) in events.iter().rev().take(back) {
            prop_assert_eq!(all.undo(), Some(SongId(2 * song + 1)));
        }
        let now = Millis(3_000_001);
        prop_assert_eq!(all.recommend(None, 12, now), fewer.recommend(None, 12, now));
    }
}

#[test]
fn a_skip_changes_the_next_list() {
    let mut ranker = ranker(&catalogue(60, 12, false, 1), EngineConfig::default());
    let before = songs(ranker.recommend(None, 10, Millis(5)));
    assert!(ranker.observe(event(before[0], Behaviour::Skip as u8, 5)));
    let after = songs(ranker.recommend(None, 10, Millis(5)));
    assert!(!after.contains(&before[0]));
    assert_ne!(after, before[1..]);
}

#[test]
fn a_disliked_song_never_returns_until_it_is_liked() {
    let config = EngineConfig { no_repeat: 1, ..EngineConfig::default() };
    let mut ranker = ranker(&catalogue(40, 12, false, 2), config);
    ranker.observe(event(7, Behaviour::Dislike as u8, 1));
    for song in 0..30 {
        ranker.observe(event(2 * (song % 3) + 9, Behaviour::Complete as u8, 2));
    }
    // Its shard may come again, too.
    ranker.load_shard(&encode(&catalogue(40, 12, false, 2))).expect("a sound shard");
    assert!(!songs(ranker.recommend(None, 40, Millis(3))).contains(&7));
    ranker.observe(event(7, Behaviour::Like as u8, 3));
    ranker.observe(event(9, Behaviour::Complete as u8, 3));
    assert!(songs(ranker.recommend(None, 40, Millis(3))).contains(&7));
}

#[test]
fn the_gap_holds_where_it_can_and_gives_way_where_it_cannot() {
    let mut shard = catalogue(9, 1, false, 4);
    shard.artists = [0, 0, 0, 1, 1, 1, 2, 2, 2].map(ArtistId).to_vec();
    let list = |gap| {
        let config = EngineConfig { artist_gap: gap, ..EngineConfig::default() };
        ranker(&shard, config).recommend(None, 9, Millis(0)).to_vec()
    };
    let artists: Vec<u32> = songs(&list(2)).iter().map(|song| (song - 1) / 2 / 3).collect();
    assert!(artists.windows(3).all(|w| w[0] != w[1] && w[1] != w[2] && w[0] != w[2]), "{artists:?}");
    assert!(list(2).iter().all(|ranked| !ranked.relaxed));
    assert!(list(3).iter().any(|ranked| ranked.relaxed) && list(3).len() == 9);
}

#[test]
fn undo_ends_where_too_little_is_known() {
    let config = EngineConfig { no_repeat: 3, ..EngineConfig::default() };
    let mut ranker = ranker(&catalogue(40, 12, false, 2), config);
    assert_eq!(ranker.undo(), None);
    for song in 0..30 {
        ranker.observe(event(2 * song + 1, Behaviour::Complete as u8, 2));
    }
    let depth = SessionConfig::default().undo_depth;
    assert_eq!((0..40).map_while(|_| ranker.undo()).count(), depth);
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let shard = catalogue(4, 2, false, 1);
    let mut ranker = ranker(&shard, EngineConfig::default());
    let other = CatalogueShard { dimension: 4, rows: vec![1; 16], ..shard.clone() };
    assert_eq!(ranker.load_shard(&encode(&other)), Err(Refused::Dimension));
    let wild = CatalogueShard { songs: [1, 2, 3, u32::MAX].map(SongId).to_vec(), ..shard };
    assert_eq!(ranker.load_shard(&encode(&wild)), Err(Refused::Dimension));
    assert_eq!(ranker.load_shard(&[]), Err(Refused::Malformed));
    assert_eq!(ranker.load_shard(&[0x83, 9]), Err(Refused::Version));
    assert_eq!(ranker.load_shard(&[0x83, 1, 2]), Err(Refused::Kind));
    assert_eq!((ranker.len(), ranker.observe(event(2, 1, 1))), (4, false));
}
