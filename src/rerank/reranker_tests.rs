//! What a slate is made of, and why.

use super::*;
use crate::math::{Rng, normalize};
use crate::rerank::Infeasible;

struct World {
    items: ItemBlocks,
    songs: Vec<SongId>,
    artists: Vec<ArtistId>,
    relevance: Vec<f32>,
}

fn world(n: u32, d: usize, artists: u32, seed: u64) -> World {
    let mut rng = Rng::new(seed);
    let mut items = ItemBlocks::new(d);
    for _ in 0..n {
        let mut v: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
        normalize(&mut v);
        items.push(&v);
    }
    World {
        items,
        songs: (0..n).map(SongId).collect(),
        artists: (0..n).map(|_| ArtistId(rng.below(artists))).collect(),
        relevance: (0..n).map(|_| rng.uniform()).collect(),
    }
}

impl World {
    fn candidates(&self) -> Candidates<'_> {
        Candidates::new(&self.items, &self.songs, &self.artists, &self.relevance)
    }

    fn slate(&self, config: &RerankConfig, k: usize) -> Slate {
        let mut slate = Slate::default();
        Reranker::default().rerank(config, &self.candidates(), Before::default(), k, &mut |_| false, &mut slate);
        slate
    }
}

#[test]
fn relevance_alone_is_the_order_of_relevance() {
    let world = world(300, 8, 300, 1);
    let mut want: Vec<u32> = (0..300).collect();
    want.sort_by(|a, b| world.relevance[*b as usize].total_cmp(&world.relevance[*a as usize]));
    for method in [Method::Dpp, Method::Mmr, Method::Ssd] {
        let config = RerankConfig {
            method,
            diversity: 0.0,
            dpp: DppConfig { ridge: 1.0, ..DppConfig::default() },
            rules: RuleConfig { artist_gap: 0, ..RuleConfig::default() },
            ..RerankConfig::default()
        };
        let slate = world.slate(&config, 300);
        assert!(slate.songs().map(|s| s.0).eq(want.iter().copied()), "{method:?}");
    }
}

#[test]
fn more_diversity_means_less_likeness_and_less_relevance() {
    let world = world(400, 8, 400, 2);
    for method in [Method::Dpp, Method::Mmr, Method::Ssd] {
        let measure = |diversity: f32| {
            // Eight dimensions: a longer window of SSD would span them all, and leave relevance alone.
            let window = (method == Method::Ssd).then_some(4);
            let dpp = DppConfig { window, ..DppConfig::default() };
            let slate = world.slate(&RerankConfig { method, diversity, dpp, ..RerankConfig::default() }, 20);
            let (mut a, mut b) = (vec![0.0; 8], vec![0.0; 8]);
            let mut likeness = 0.0;
            for p in slate.placements() {
                for q in slate.placements().iter().filter(|q| q.slot > p.slot) {
                    world.items.row(p.candidate, &mut a);
                    world.items.row(q.candidate, &mut b);
                    likeness += crate::math::dot(&a, &b);
                }
            }
            (likeness, slate.placements().iter().map(|p| p.relevance).sum::<f32>())
        };
        let (plain, some, much) = (measure(0.0), measure(0.4), measure(0.9));
        assert!(plain.0 > some.0 && some.0 > much.0, "{method:?}: {plain:?} {some:?} {much:?}");
        assert!(plain.1 > some.1 && some.1 > much.1, "{method:?}: {plain:?} {some:?} {much:?}");
    }
}

#[test]
fn the_reason_is_what_lifted_it() {
    let mut world = world(50, 4, 50, 3);
    world.relevance.fill(0.1);
    let mut session = vec![0.0; 50];
    session[7] = 0.9;
    let mut popularity = vec![0.1; 50];
    popularity[8] = 1.0;
    let mut explore = vec![0.0; 50];
    explore[9] = 0.7;
    world.relevance[10] = 0.6;
    let candidates = Candidates { session: &session, popularity: &popularity, explore: &explore, ..world.candidates() };
    let config = RerankConfig { popularity_weight: 0.8, diversity: 0.05, ..RerankConfig::default() };
    let mut slate = Slate::default();
    Reranker::default().rerank(&config, &candidates, Before::default(), 4, &mut |_| false, &mut slate);
    let mut reasons: Vec<(u32, Why)> = slate.placements().iter().map(|p| (p.song.0, p.why)).collect();
    reasons.sort_by_key(|r| r.0);
    assert_eq!(reasons, [(7, Why::ThisSession), (8, Why::Popular), (9, Why::Fresh), (10, Why::Taste)]);
}

#[test]
fn a_copy_of_the_best_gives_way_to_something_else() {
    let mut items = ItemBlocks::new(2);
    for v in [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]] {
        items.push(&v);
    }
    let world = World {
        items,
        songs: vec![SongId(0), SongId(1), SongId(2)],
        artists: (0..3).map(ArtistId).collect(),
        relevance: vec![0.9, 0.9, 0.5],
    };
    let slate = world.slate(&RerankConfig { diversity: 0.5, ..RerankConfig::default() }, 3);
    assert!(slate.songs().map(|s| s.0).eq([0, 2, 1]));
    assert_eq!(slate.placements()[1].why, Why::Variety);
    assert!(slate.placements()[2].diversity < 0.2);
}

#[test]
fn only_one_artist_is_noted_and_not_refused() {
    let world = world(10, 4, 1, 4);
    let slate = world.slate(&RerankConfig::default(), 10);
    assert_eq!((slate.len(), slate.missing()), (10, 0));
    assert_eq!(slate.placements()[0].rule, None);
    assert!(slate.placements()[1..].iter().all(|p| p.rule == Some(RuleNote::GapRelaxed { kept: 0, wanted: 2 })));
}

#[test]
fn exposure_rises_with_the_weight() {
    // Half the songs are instrumental; what their share of the slots is, over many worlds, for each weight on them.
    for method in [Method::Dpp, Method::Mmr, Method::Ssd] {
        let share = |w: f32| {
            let (mut instrumental, mut slots) = (0.0f32, 0.0f32);
            for seed in 0..60 {
                let world = world(120, 8, 120, seed);
                let weights: Vec<f32> = (0..120).map(|i| if i % 2 == 0 { w } else { 1.0 }).collect();
                let candidates = Candidates { weights: &weights, ..world.candidates() };
                let config = RerankConfig { method, ..RerankConfig::default() };
                let mut slate = Slate::default();
                Reranker::default().rerank(&config, &candidates, Before::default(), 15, &mut |_| false, &mut slate);
                for p in slate.placements() {
                    assert!((p.weight - weights[p.candidate as usize]).abs() < 1e-9);
                    instrumental += if p.candidate % 2 == 0 { 1.0 } else { 0.0 };
                    slots += 1.0;
                }
            }
            instrumental / slots
        };
        let shares: Vec<f32> = [0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5].map(share).to_vec();
        println!("{method:?}: {shares:?}");
        assert!(shares.is_sorted_by(|a, b| a < b), "{method:?}: {shares:?}");
        assert!((shares[3] - 0.5).abs() < 0.1, "{method:?}: a weight of one is none: {shares:?}");
    }
}

#[test]
fn weights_of_one_change_nothing_and_bad_ones_keep_out() {
    let world = world(60, 6, 60, 5);
    for method in [Method::Dpp, Method::Mmr, Method::Ssd] {
        let config = RerankConfig { method, ..RerankConfig::default() };
        let slate = |weights: &[f32]| {
            let candidates = Candidates { weights, ..world.candidates() };
            let mut slate = Slate::default();
            Reranker::default().rerank(&config, &candidates, Before::default(), 60, &mut |_| false, &mut slate);
            slate.songs().collect::<Vec<_>>()
        };
        assert_eq!(slate(&[]), slate(&[1.0; 60]));
        let bad = [0.0, -1.0, f32::NAN, f32::INFINITY];
        let left = slate(&bad);
        assert_eq!(left.len(), 56);
        assert!(left.iter().all(|song| song.0 >= 4));
    }
}

#[test]
fn what_the_service_brought_forward_says_so() {
    let mut world = world(40, 6, 40, 6);
    world.relevance.fill(0.5);
    world.relevance[0] = -0.3;
    let weights: Vec<f32> = (0..40).map(|i| if i == 0 { 50.0 } else { 1.0 }).collect();
    let candidates = Candidates { weights: &weights, ..world.candidates() };
    let mut slate = Slate::default();
    Reranker::default().rerank(&RerankConfig::default(), &candidates, Before::default(), 5, &mut |_| false, &mut slate);
    let first = slate.placements()[0];
    assert_eq!((first.song, first.why), (SongId(0), Why::Boosted));
    assert!((first.forgone - 0.8).abs() < 1e-6);
}

#[test]
fn a_prior_keeps_a_class_apart() {
    // Sixty songs of six styles; a prior on the style spreads the slate over more of them.
    for method in [Method::Dpp, Method::Mmr, Method::Ssd] {
        let styles = |prior: f32| {
            let mut total = 0;
            for seed in 0..40 {
                let mut world = world(60, 8, 60, seed);
                let style: Vec<u16> = (0..60).map(|i| (i % 6) as u16).collect();
                // The listener prefers one style.
                world.relevance.iter_mut().step_by(6).for_each(|r| *r += 0.5);
                let classes = [Classes { of: &style, prior }];
                let candidates = Candidates { classes: &classes, ..world.candidates() };
                let config = RerankConfig { method, ..RerankConfig::default() };
                let mut slate = Slate::default();
                Reranker::default().rerank(&config, &candidates, Before::default(), 8, &mut |_| false, &mut slate);
                let mut seen: Vec<u16> = slate.placements().iter().map(|p| style[p.candidate as usize]).collect();
                seen.sort_unstable();
                seen.dedup();
                total += seen.len();
            }
            total
        };
        let (none, some, much) = (styles(0.0), styles(0.5), styles(3.0));
        println!("{method:?}: {none} {some} {much} styles in 40 slates of 8");
        assert!(none < some && some < much, "{method:?}: {none} {some} {much}");
    }
}

#[test]
fn tags_are_capped_and_shortness_is_proved() {
    let world = world(30, 6, 30, 7);
    let tags: Vec<u16> = (0..30).map(|i| if i < 25 { 1 } else { u16::MAX }).collect();
    let columns = [tags.as_slice()];
    let candidates = Candidates { tags: &columns, ..world.candidates() };
    let rules = RuleConfig { max_per_tag: Some(4), ..RuleConfig::default() };
    for method in [Method::Dpp, Method::Mmr, Method::Ssd] {
        let config = RerankConfig { method, rules, ..RerankConfig::default() };
        let mut slate = Slate::default();
        Reranker::default().rerank(&config, &candidates, Before::default(), 20, &mut |_| false, &mut slate);
        assert_eq!((slate.len(), slate.missing()), (9, 11));
        assert_eq!(slate.placements().iter().filter(|p| tags[p.candidate as usize] == 1).count(), 4);
        let why = Infeasible::Tag { tag: 1, songs: 25, cap: 4, others: 5, slots: 10 };
        assert_eq!((slate.too_few(), slate.too_close()), (Some(why), None));
    }
}

#[test]
fn storage_is_used_again() {
    let world = world(200, 8, 20, 8);
    let tags: Vec<u16> = (0..200).map(|i| (i % 9) as u16).collect();
    let weights = vec![1.5; 200];
    let columns = [tags.as_slice()];
    let classes = [Classes { of: &tags, prior: 0.3 }];
    let candidates = Candidates { weights: &weights, classes: &classes, tags: &columns, ..world.candidates() };
    let rules = RuleConfig { artist_gap: 2, max_per_artist: Some(3), max_per_tag: Some(5) };
    for method in [Method::Dpp, Method::Mmr, Method::Ssd] {
        let config = RerankConfig { method, rules, ..RerankConfig::default() };
        let (mut reranker, mut slate) = (Reranker::default(), Slate::default());
        let mut run = || {
            reranker.rerank(&config, &candidates, Before::default(), 20, &mut |_| false, &mut slate);
            assert_eq!(slate.len(), 20);
            let own = [&reranker.score, &reranker.merit, &reranker.open, &reranker.norms].map(|v| v.as_ptr());
            (own, slate.placements().as_ptr(), reranker.rules.storage())
        };
        assert_eq!(run(), run(), "{method:?}");
    }
}

#[test]
fn little_diversity_is_nearly_relevance_also_far_below_the_best() {
    // One song is liked far more than all others, which spread over thirty units: without moving on, all of them would look alike
    // to f32, and diversity alone would choose among them.
    let mut world = world(200, 8, 200, 9);
    for (i, r) in world.relevance.iter_mut().enumerate() {
        *r = if i == 0 { 90.0 } else { 0.15 * (200 - i) as f32 };
    }
    let rules = RuleConfig { artist_gap: 0, ..RuleConfig::default() };
    let slate = world.slate(&RerankConfig { diversity: 0.0, rules, ..RerankConfig::default() }, 40);
    assert!(slate.songs().map(|s| s.0).eq(0..40), "{:?}", slate.songs().collect::<Vec<_>>());
}
