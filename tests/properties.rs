//! What holds for every slate, whatever comes in: hostile numbers, copies, one artist, more slots than songs.

#![allow(clippy::cast_possible_truncation, reason = "small counts")]

use proptest::prelude::*;
use sottovoce::ids::{ArtistId, Millis, SongId};
use sottovoce::math::{ItemBlocks, Rng, TopK, normalize};
use sottovoce::rerank::{
    Before, Candidates, Classes, DppConfig, Method, RerankConfig, Reranker, RuleConfig, RuleNote, Slate, Why,
};
use sottovoce::session::{Feedback, Fraction, Impression, ListenEvent, Session, SessionConfig};

/// A value that is mostly ordinary.
fn value() -> impl Strategy<Value = f32> {
    prop_oneof![
        20 => -2f32..2.0,
        2 => Just(0.5f32),
        1 => Just(f32::NAN),
        1 => Just(f32::INFINITY),
        1 => Just(f32::NEG_INFINITY),
        1 => Just(1e30f32),
        1 => Just(-1e30f32),
        1 => Just(1e-40f32),
    ]
}

#[derive(Debug)]
struct World {
    items: ItemBlocks,
    songs: Vec<SongId>,
    artists: Vec<ArtistId>,
    columns: [Vec<f32>; 4],
    weights: Vec<f32>,
    /// A class, and a tag in each of two columns, of every candidate.
    kinds: [Vec<u16>; 3],
    prior: f32,
    before: Vec<ArtistId>,
    k: usize,
    config: RerankConfig,
}

prop_compose! {
    fn config()(
        method in prop_oneof![Just(Method::Dpp), Just(Method::Mmr), Just(Method::Ssd)],
        diversity in prop_oneof![4 => 0f32..=1.0, 1 => Just(f32::NAN), 1 => Just(-3f32), 1 => Just(7f32)],
        similarity in prop_oneof![4 => 0f32..=1.0, 1 => Just(f32::NAN)],
        ridge in prop_oneof![4 => 0f32..=1.0, 1 => Just(f32::NAN)],
        window in prop_oneof![Just(None), (0usize..6).prop_map(Some)],
        artist_gap in prop_oneof![8 => 0u32..5, 1 => Just(u32::MAX)],
        max_per_artist in prop_oneof![2 => Just(None), 1 => (0u32..4).prop_map(Some)],
        max_per_tag in prop_oneof![2 => Just(None), 1 => (0u32..4).prop_map(Some)],
        ssd_volume in any::<bool>(),
    ) -> RerankConfig {
        RerankConfig {
            method,
            diversity,
            dpp: DppConfig { similarity, ridge, window },
            rules: RuleConfig { artist_gap, max_per_artist, max_per_tag },
            ssd_volume,
            ..RerankConfig::default()
        }
    }
}

prop_compose! {
    fn world()(
        d in 1usize..12,
        candidates in prop::collection::vec((0u32..60, [value(), value(), value(), value()], 0u8..20), 0..50),
        pool in 1u32..12,
        before in prop::collection::vec(0u32..12, 0..6),
        k in 0usize..40,
        config in config(),
        weights in prop_oneof![Just(vec![]), prop::collection::vec(value(), 50)],
        prior in value(),
        seed in any::<u64>(),
    ) -> World {
        let mut rng = Rng::new(seed);
        let mut items = ItemBlocks::new(d);
        let mut kind = || candidates.iter().map(|_| [0, 1, 2, 3, u16::MAX][rng.below(5) as usize]).collect();
        let mut world = World {
            kinds: [kind(), kind(), kind()],
            weights,
            prior,
            songs: candidates.iter().map(|c| SongId(c.0)).collect(),
            artists: candidates.iter().map(|c| ArtistId(c.0 % pool)).collect(),
            columns: [0, 1, 2, 3].map(|j| candidates.iter().map(|c| c.1[j]).collect()),
            before: before.into_iter().map(ArtistId).collect(),
            items: ItemBlocks::default(),
            k,
            config,
        };
        for (_, _, kind) in &candidates {
            let mut row: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
            match kind {
                0 => row[0] = f32::NAN,
                1 => row[0] = f32::INFINITY,
                2 => row.fill(0.0),
                3 => row.fill(1e20),
                4..8 => row = vec![1.0 / (d as f32).sqrt(); d],
                _ => drop(normalize(&mut row)),
            }
            items.push(&row);
        }
        world.items = items;
        world
    }
}

impl World {
    fn candidates(&self) -> Candidates<'_> {
        let [relevance, session, popularity, explore] = &self.columns;
        Candidates {
            session,
            popularity,
            explore,
            ..Candidates::new(&self.items, &self.songs, &self.artists, relevance)
        }
    }

    fn slate(&self, reranker: &mut Reranker) -> Slate {
        let mut slate = Slate::default();
        let before = Before { artists: &self.before, vectors: &[] };
        let forbidden = &mut |song: SongId| song.0 % 10 == 3;
        let [style, first, second] = &self.kinds;
        let (classes, tags) = ([Classes { of: style, prior: self.prior }], [first.as_slice(), second.as_slice()]);
        let candidates = Candidates { weights: &self.weights, classes: &classes, tags: &tags, ..self.candidates() };
        reranker.rerank(&self.config, &candidates, before, self.k, forbidden, &mut slate);
        slate
    }

    fn tagged(&self, candidate: u32, tag: u16) -> bool {
        self.kinds[1..].iter().any(|column| column[candidate as usize] == tag)
    }
}

/// The bits of everything in a place: song, slot, numbers, reason.
type Bits = (u32, u16, [u32; 5], Why, Option<RuleNote>);

fn bits(slate: &Slate) -> Vec<Bits> {
    let numbers = |p: &sottovoce::rerank::Placement| {
        [p.relevance, p.session, p.popularity, p.explore, p.diversity].map(f32::to_bits)
    };
    slate.placements().iter().map(|p| (p.song.0, p.slot, numbers(p), p.why, p.rule)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_slate_keeps_the_rules(world in world()) {
        let slate = world.slate(&mut Reranker::default());
        prop_assert!(slate.len() <= world.k && slate.missing() == world.k - slate.len());
        let mut line = world.before.clone();
        for (slot, p) in slate.placements().iter().enumerate() {
            let i = p.candidate as usize;
            prop_assert_eq!(usize::from(p.slot), slot);
            // The slate is made of the candidates, and of none twice.
            prop_assert_eq!(world.songs[i], p.song);
            prop_assert_eq!(slate.songs().filter(|s| *s == p.song).count(), 1);
            // What is forbidden, and what is no number, never comes.
            prop_assert!(p.song.0 % 10 != 3);
            prop_assert!(p.score().is_finite() && p.relevance.is_finite() && p.diversity.is_finite());
            // The artist gap, read off the line of artists: kept, or said not to be.
            let between = line.iter().rev().position(|a| *a == world.artists[i]);
            let wanted = world.config.rules.artist_gap;
            let broken = between.map(|b| b as u32).filter(|b| *b < wanted);
            let said = match p.rule {
                Some(RuleNote::GapRelaxed { kept, wanted: w }) => {
                    prop_assert_eq!(w, wanted);
                    Some(kept)
                }
                _ => None,
            };
            prop_assert_eq!(said, broken);
            line.push(world.artists[i]);
            let by_artist = slate.placements()[..=slot].iter().filter(|q| world.artists[q.candidate as usize] == world.artists[i]);
            prop_assert!(by_artist.count() <= world.config.rules.max_per_artist.unwrap_or(u32::MAX) as usize);
        }
        for tag in 0..4 {
            let tagged = slate.placements().iter().filter(|p| world.tagged(p.candidate, tag)).count();
            prop_assert!(tagged <= world.config.rules.max_per_tag.unwrap_or(u32::MAX) as usize);
        }
    }

    #[test]
    fn used_storage_leaves_no_trace(first in world(), second in world()) {
        let mut used = Reranker::default();
        used.rerank(&first.config, &first.candidates(), Before::default(), first.k, &mut |_| false, &mut Slate::default());
        prop_assert_eq!(bits(&second.slate(&mut used)), bits(&second.slate(&mut Reranker::default())));
    }

    #[test]
    fn a_disliked_song_never_comes_back(
        songs in 2u32..30,
        events in prop::collection::vec((0u32..30, 0u8..3), 1..200),
        seed in any::<u64>(),
    ) {
        let mut rng = Rng::new(seed);
        let mut items = ItemBlocks::new(4);
        let mut rows = Vec::new();
        for _ in 0..songs {
            let mut row: Vec<f32> = (0..4).map(|_| rng.normal()).collect();
            normalize(&mut row);
            items.push(&row);
            rows.push(row);
        }
        let ids: Vec<SongId> = (0..songs).map(SongId).collect();
        let artists: Vec<ArtistId> = (0..songs).map(ArtistId).collect();
        let mut session = Session::new(4, SessionConfig { history: 4, ..SessionConfig::default() });
        let mut disliked = vec![];
        let (mut taste, mut scores, mut reranker, mut slate) = (vec![], vec![], Reranker::default(), Slate::default());
        for (i, (song, kind)) in events.into_iter().enumerate() {
            let song = song % songs;
            let at = Millis(i as u64 * 180_000);
            let feedback = match kind {
                0 => Feedback::Dislike,
                1 => Feedback::Complete,
                _ => Feedback::Skip { heard: Fraction::new(0.1) },
            };
            let event = ListenEvent { impression: Impression { song: SongId(song), slot: 0, at }, feedback, at };
            session.push(event, &rows[song as usize], ArtistId(song));
            if kind == 0 {
                disliked.push(SongId(song));
            }
            session.score_into(&items, at, &mut taste, &mut scores);
            let candidates = Candidates::new(&items, &ids, &artists, &scores);
            let config = RerankConfig::default();
            reranker.rerank(&config, &candidates, Before::default(), 40, &mut |s| session.disliked(s), &mut slate);
            prop_assert!(!slate.songs().any(|s| disliked.contains(&s)));
            let mut distinct = disliked.clone();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert_eq!(slate.len(), songs as usize - distinct.len());
        }
    }

    #[test]
    fn the_best_are_the_best(scores in prop::collection::vec(value(), 0..400), k in 0usize..50) {
        let mut best = vec![];
        TopK::new().select(&scores, k, &mut best);
        let numbers = scores.iter().filter(|s| **s > f32::NEG_INFINITY).count();
        prop_assert_eq!(best.len(), k.min(numbers));
        let comes_before = |a: u32, b: u32| {
            let (x, y) = (scores[a as usize], scores[b as usize]);
            x > y || (x >= y && a < b)
        };
        prop_assert!(best.is_sorted_by(|a, b| comes_before(*a, *b)));
        if let Some(last) = best.last() {
            let last = scores[*last as usize];
            prop_assert!(scores.iter().enumerate().all(|(i, s)| s.is_nan() || *s <= last || best.contains(&(i as u32))));
        }
    }
}
