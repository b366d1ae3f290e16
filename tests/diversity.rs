//! The DPP against its baseline on a synthetic world: at the same mean distance within a slate it gives up less relevance than MMR
//! does. By the distance to the nearest neighbour MMR leads on such worlds; row Z3's claim on real data is still to be shown.

use sottovoce::ids::{ArtistId, SongId};
use sottovoce::math::{ItemBlocks, Rng, axpy, dot, normalize};
use sottovoce::rerank::{Before, Candidates, Method, RerankConfig, Reranker, Slate};

const SONGS: u16 = 500;
const STYLES: usize = 20;
const D: usize = 32;
const SLATE: usize = 20;

/// Songs around twenty styles, and a listener who likes three of them.
struct World {
    items: ItemBlocks,
    relevance: Vec<f32>,
}

fn world(seed: u64) -> World {
    let mut rng = Rng::new(seed);
    let mut near = |centre: &[f32], spread: f32| {
        let mut v: Vec<f32> = centre.iter().map(|x| x + spread * rng.normal()).collect();
        normalize(&mut v);
        v
    };
    let styles: Vec<Vec<f32>> = (0..STYLES).map(|_| near(&[0.0; D], 1.0)).collect();
    let mut listener = vec![0.0; D];
    for (style, weight) in styles.iter().zip([1.0, 0.8, 0.6]) {
        axpy(weight, style, &mut listener);
    }
    normalize(&mut listener);
    let songs: Vec<Vec<f32>> = (0..usize::from(SONGS)).map(|i| near(&styles[i % STYLES], 0.12)).collect();
    let mut items = ItemBlocks::new(D);
    let relevance = songs
        .iter()
        .map(|v| {
            items.push(v);
            dot(&listener, v) + 0.1 * rng.normal()
        })
        .collect();
    World { items, relevance }
}

/// Mean relevance, and mean of `1 − cosine` over all pairs, of a slate.
fn measure(world: &World, method: Method, diversity: f32) -> (f32, f32) {
    let songs: Vec<SongId> = (0..u32::from(SONGS)).map(SongId).collect();
    let artists: Vec<ArtistId> = (0..u32::from(SONGS)).map(ArtistId).collect();
    let candidates = Candidates::new(&world.items, &songs, &artists, &world.relevance);
    let config = RerankConfig { method, diversity, ..RerankConfig::default() };
    let mut slate = Slate::default();
    Reranker::default().rerank(&config, &candidates, Before::default(), SLATE, &mut |_| false, &mut slate);
    let (mut a, mut b, mut distance, mut pairs) = (vec![0.0; D], vec![0.0; D], 0.0, 0.0f32);
    for p in slate.placements() {
        for q in slate.placements().iter().filter(|q| q.slot > p.slot) {
            world.items.row(p.candidate, &mut a);
            world.items.row(q.candidate, &mut b);
            distance += 1.0 - dot(&a, &b);
            pairs += 1.0;
        }
    }
    (slate.placements().iter().map(|p| p.relevance).sum::<f32>() / slate.len() as f32, distance / pairs)
}

/// Relevance and difference for each of twenty settings, averaged over the worlds.
fn frontier(worlds: &[World], method: Method) -> Vec<(f32, f32)> {
    (0..20u8)
        .map(|step| {
            let points = worlds.iter().map(|world| measure(world, method, f32::from(step) / 20.0));
            let (r, d) = points.fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
            (r / worlds.len() as f32, d / worlds.len() as f32)
        })
        .collect()
}

/// The relevance where the frontier reaches this difference, between settings by a straight line.
fn relevance_at(frontier: &[(f32, f32)], difference: f32) -> f32 {
    let pair = frontier.windows(2).find(|w| w[0].1 <= difference && difference <= w[1].1).expect("within the range");
    let t = (difference - pair[0].1) / (pair[1].1 - pair[0].1);
    pair[0].0 + t * (pair[1].0 - pair[0].0)
}

#[test]
fn the_dpp_gives_up_less_relevance_than_mmr_for_the_same_difference() {
    let worlds: Vec<World> = (0..30).map(world).collect();
    let (dpp, mmr) = (frontier(&worlds, Method::Dpp), frontier(&worlds, Method::Mmr));
    for difference in [0.6, 0.65, 0.7, 0.8, 0.9, 0.95, 1.0] {
        let (dpp, mmr) = (relevance_at(&dpp, difference), relevance_at(&mmr, difference));
        println!("mean distance {difference}: relevance {dpp:.4} by DPP, {mmr:.4} by MMR");
        assert!(dpp > mmr);
    }
}
