//! What a slate costs. One JSON object a line: the median of many runs and the first and ninth decile around it.
//!
//! `cargo bench --bench rerank` · the peer of `dpp` is the textbook form of the same greedy (Chen et al. 2018, algorithm 1:
//! a growing vector `c_i` an item), on the same vectors, runs interleaved, its picks compared.

use sottovoce::ids::{ArtistId, SongId};
use sottovoce::math::{ItemBlocks, Rng, TopK, dot, normalize};
use sottovoce::rerank::{Before, Candidates, Dpp, DppConfig, RerankConfig, Reranker, Slate};
use std::hint::black_box;
use std::time::Instant;

struct World {
    rows: Vec<Vec<f32>>,
    items: ItemBlocks,
    quality: Vec<f32>,
}

fn world(n: usize, d: usize) -> World {
    let mut rng = Rng::new(2020);
    let mut items = ItemBlocks::new(d);
    let rows: Vec<Vec<f32>> = (0..n)
        .map(|_| {
            let mut row: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
            normalize(&mut row);
            items.push(&row);
            row
        })
        .collect();
    let quality = (0..n).map(|_| libm_exp(0.3 * rng.normal())).collect();
    World { rows, items, quality }
}

fn libm_exp(x: f32) -> f32 {
    sottovoce::math::Real::exp(x)
}

/// Chen et al. 2018, algorithm 1, with kernel entries computed where they are needed.
fn textbook(world: &World, config: DppConfig, k: usize) -> Vec<usize> {
    let n = world.rows.len();
    let (alpha, ridge) = (config.similarity, config.ridge);
    let mut c: Vec<Vec<f32>> = vec![Vec::with_capacity(k); n];
    let mut d2: Vec<f32> = vec![1.0; n];
    let mut open = vec![true; n];
    let mut picks = Vec::new();
    while picks.len() < k {
        let mut best: Option<(usize, f32)> = None;
        for i in (0..n).filter(|i| open[*i]) {
            let gain = world.quality[i] * world.quality[i] * d2[i];
            if best.is_none_or(|b| gain > b.1) {
                best = Some((i, gain));
            }
        }
        let Some((j, _)) = best else { break };
        open[j] = false;
        picks.push(j);
        let (cj, dj) = (c[j].clone(), d2[j].sqrt());
        for i in (0..n).filter(|i| open[*i]) {
            let s = (1.0 - ridge) * (alpha * dot(&world.rows[i], &world.rows[j]) + 1.0 - alpha);
            let e = (s - dot(&c[i], &cj)) / dj;
            c[i].push(e);
            d2[i] = (d2[i] - e * e).max(ridge);
        }
    }
    picks
}

/// Milliseconds of each run, interleaved; sorted.
fn time(runs: usize, works: &mut [&mut dyn FnMut()]) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::with_capacity(runs); works.len()];
    for run in 0..runs + 3 {
        for (work, times) in works.iter_mut().zip(&mut times) {
            let start = Instant::now();
            work();
            if run >= 3 {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    times.iter_mut().for_each(|t| t.sort_by(f64::total_cmp));
    times
}

fn at(times: &[f64], tenths: usize) -> f64 {
    times[(times.len() - 1) * tenths / 10]
}

fn line(op: &str, own: &[f64], peer: Option<(&str, &[f64])>) {
    let peer = peer.map_or(String::new(), |(name, times)| {
        let (value, ratio) = (at(times, 5), at(times, 5) / at(own, 5));
        format!(
            ",\"peer\":\"{name}\",\"peer_value\":{value:.4},\"ratio\":{ratio:.2},\"bar\":1,\"holds\":{}",
            ratio > 1.0
        )
    });
    let (median, low, high) = (at(own, 5), at(own, 1), at(own, 9));
    println!(
        "{{\"bench\":\"rerank\",\"op\":\"{op}\",\"unit\":\"ms\",\"own\":{median:.4},\"spread\":[{low:.4},{high:.4}]{peer}}}"
    );
}

fn dpp(n: usize, k: usize, d: usize, runs: usize) {
    let world = world(n, d);
    let config = DppConfig::default();
    let mut dpp = Dpp::default();
    let mut own = || -> Vec<usize> {
        dpp.start(&world.items, &world.quality, config);
        (0..k).map_while(|_| dpp.next(&world.items, &mut |_| true)).map(|p| p.candidate).collect()
    };
    assert_eq!(own(), textbook(&world, config, k), "both forms choose the same songs");
    let times = time(runs, &mut [&mut || drop(black_box(own())), &mut || drop(black_box(textbook(&world, config, k)))]);
    line(&format!("dpp {n} to {k}, d {d}"), &times[0], Some(("textbook form", &times[1])));
}

/// A whole re-ranking: 10,000 resident songs scored, 500 kept, a slate of 30 with rules and reasons.
fn funnel(resident: usize, pool: usize, k: usize, d: usize, artists: u32) {
    let world = world(resident, d);
    let mut rng = Rng::new(7);
    let songs: Vec<SongId> = (0u32..).map(SongId).take(resident).collect();
    let artist_of: Vec<ArtistId> = (0..resident).map(|_| ArtistId(rng.below(artists))).collect();
    let user: Vec<f32> = world.rows[17].clone();
    let taste: Vec<f32> = world.rows[23].iter().map(|x| 0.5 * x).collect();
    let (mut relevance, mut session, mut sum, mut top) = (vec![], vec![], vec![], vec![]);
    let (mut select, mut pooled) = (TopK::new(), ItemBlocks::new(d));
    let (mut reranker, mut slate, config) = (Reranker::default(), Slate::default(), RerankConfig::default());
    let mut parts: Vec<Vec<f64>> = vec![vec![]; 5];
    for run in 0..300 {
        let t0 = Instant::now();
        world.items.dot_all(&user, &mut relevance);
        world.items.dot_all(&taste, &mut session);
        let t1 = Instant::now();
        sum.clear();
        sum.extend(relevance.iter().zip(&session).map(|(r, s)| r + s));
        select.select(&sum, pool, &mut top);
        let t2 = Instant::now();
        world.items.gather(&top, &mut pooled);
        let t3 = Instant::now();
        let of = |values: &[f32]| -> Vec<f32> { top.iter().map(|i| values[*i as usize]).collect() };
        let (songs, artists) = (
            top.iter().map(|i| songs[*i as usize]).collect::<Vec<_>>(),
            top.iter().map(|i| artist_of[*i as usize]).collect::<Vec<_>>(),
        );
        let (relevance, session) = (of(&relevance), of(&session));
        let candidates = Candidates { session: &session, ..Candidates::new(&pooled, &songs, &artists, &relevance) };
        reranker.rerank(&config, &candidates, Before::default(), k, &mut |_| false, &mut slate);
        let t4 = Instant::now();
        assert_eq!(black_box(&slate).len(), k.min(pool));
        if run >= 20 {
            for (part, (from, to)) in parts.iter_mut().zip([(t0, t1), (t1, t2), (t2, t3), (t3, t4), (t0, t4)]) {
                part.push((to - from).as_secs_f64() * 1e3);
            }
        }
    }
    let names = ["two scores", "top", "gather", "slate", "all"];
    for (name, part) in names.iter().zip(&mut parts) {
        part.sort_by(f64::total_cmp);
        line(&format!("funnel {resident} to {pool} to {k}, d {d}, {artists} artists: {name}"), part, None);
    }
}

fn main() {
    dpp(500, 30, 64, 400);
    dpp(1000, 20, 64, 300);
    dpp(5000, 50, 64, 40);
    funnel(10_000, 500, 30, 64, 2000);
    funnel(10_000, 500, 30, 64, 12);
    funnel(10_000, 500, 30, 32, 2000);
}
