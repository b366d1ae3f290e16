//! Lists of several towers side by side: what each is worth, and how sure the differences are.

use super::{Given, Mix};
use crate::eval::{Bootstrap, Interval, Segment, weighted_mean};
use serde::Serialize;
use std::collections::HashSet;

/// One way to make lists, over all seeds.
#[derive(Clone, Debug)]
pub struct Way {
    /// The tower's name.
    pub name: &'static str,
    /// How its interests' songs become one list.
    pub mix: Mix,
    /// By seed, what each listener is given, the same listeners in the same order.
    pub seeds: Vec<Vec<Given>>,
}

/// What a way is worth: means over seeds, and over listeners where it is not of the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worth {
    /// The tower's name.
    pub tower: &'static str,
    /// How lists are mixed.
    pub mix: Mix,
    /// Share of listeners with the held-out song among the first twenty.
    #[serde(rename = "hr@20")]
    pub hr20: Interval,
    /// Among the first two hundred.
    #[serde(rename = "hr@200")]
    pub hr200: Interval,
    /// `1 / log₂(place + 1)`, places up to twenty.
    #[serde(rename = "ndcg@20")]
    pub ndcg20: Interval,
    /// Mean cosine between two interests of a listener; `None` where there is one.
    pub alike: Option<Interval>,
    /// Mean popularity of the first twenty.
    pub popularity: Interval,
    /// Share of the catalogue in anybody's first twenty.
    #[serde(rename = "coverage@20")]
    pub coverage: f64,
    /// The same of the tail.
    #[serde(rename = "tail_coverage@20")]
    pub tail: f64,
    /// By seed: HR@20, HR@200, NDCG@20.
    pub by_seed: Vec<[f64; 3]>,
}

/// The first way against the second, on the same listeners and seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    /// Who.
    pub of: (&'static str, Mix),
    /// Against whom.
    pub against: (&'static str, Mix),
    /// Differences.
    #[serde(rename = "hr@20")]
    pub hr20: Interval,
    /// Of HR@200.
    #[serde(rename = "hr@200")]
    pub hr200: Interval,
    /// Of NDCG@20.
    #[serde(rename = "ndcg@20")]
    pub ndcg20: Interval,
    /// Of popularity.
    pub popularity: Interval,
    /// Of HR@20, as a share of the second's.
    #[serde(rename = "hr@20_share")]
    pub hr20_share: Interval,
    /// Of coverage, likewise; the interval is centred on the value.
    pub coverage_share: Interval,
    /// Of the tail's coverage, as coverage's.
    pub tail_share: Interval,
}

/// HR@20, HR@200, NDCG@20, likeness, popularity, coverage, tail's coverage.
const FIGURES: usize = 7;

/// Adds up the ways, and sets pairs of them (by place) against each other. `segments` has one entry a slot. Every way has the same
/// listeners.
#[must_use]
pub fn compare(
    ways: &[Way],
    pairs: &[(usize, usize)],
    segments: &[Segment],
    draws: u64,
    seed: u64,
) -> (Vec<Worth>, Vec<Gap>) {
    let listeners = ways.iter().flat_map(|w| &w.seeds).map(Vec::len).min().unwrap_or(0);
    let columns: Vec<[Vec<Option<f64>>; 5]> = ways.iter().map(|way| columns(way, listeners)).collect();
    let drawn = Bootstrap::run(listeners, draws, seed, &|weights| {
        let of = |(way, columns): (&Way, &[Vec<Option<f64>>; 5])| {
            let covered = covered(way, segments, weights);
            let means = columns.each_ref().map(|column| weighted_mean(column, weights));
            means.into_iter().chain(covered).collect::<Vec<f64>>()
        };
        ways.iter().zip(&columns).flat_map(of).collect()
    });
    let worth = |(w, way): (usize, &Way)| {
        let figure = |f: usize| drawn.interval(FIGURES * w + f);
        Worth {
            tower: way.name,
            mix: way.mix,
            hr20: figure(0),
            hr200: figure(1),
            ndcg20: figure(2),
            alike: columns[w][3].iter().any(Option::is_some).then(|| figure(3)),
            popularity: figure(4),
            coverage: figure(5).value,
            tail: figure(6).value,
            by_seed: way.seeds.iter().map(|given| means(given)).collect(),
        }
    };
    let gap = |&(a, b): &(usize, usize)| {
        let difference = |f: usize| drawn.difference(FIGURES * a + f, FIGURES * b + f);
        let share = |f: usize| {
            drawn.of(|all| {
                let (a, b) = (all[FIGURES * a + f], all[FIGURES * b + f]);
                if b > 0.0 { a / b - 1.0 } else { 0.0 }
            })
        };
        // In a draw about a third of the listeners are missing, and fewer lists cover less: the spread of the draws counts, not their place.
        let centred = |f: usize| {
            let Interval { value, low, high } = share(f);
            Interval { value, low: value - (high - low) / 2.0, high: value + (high - low) / 2.0 }
        };
        let named = |w: usize| (ways[w].name, ways[w].mix);
        Gap {
            of: named(a),
            against: named(b),
            hr20: difference(0),
            hr200: difference(1),
            ndcg20: difference(2),
            popularity: difference(4),
            hr20_share: share(0),
            coverage_share: centred(5),
            tail_share: centred(6),
        }
    };
    (ways.iter().enumerate().map(worth).collect(), pairs.iter().map(gap).collect())
}

/// What each listener has of the first five figures, averaged over seeds.
fn columns(way: &Way, listeners: usize) -> [Vec<Option<f64>>; 5] {
    let figures: [fn(&Given) -> Option<f64>; 5] = [
        |g| Some(f64::from(u8::from(g.hit[0]))),
        |g| Some(f64::from(u8::from(g.hit[1]))),
        |g| Some(g.ndcg),
        |g| g.alike,
        |g| Some(g.popularity),
    ];
    figures.map(|figure| {
        let of = |i: usize| -> Option<f64> {
            let values: Vec<f64> = way.seeds.iter().filter_map(|seed| figure(&seed[i])).collect();
            #[allow(clippy::cast_precision_loss, reason = "a handful of seeds")]
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        (0..listeners).map(of).collect()
    })
}

#[allow(clippy::cast_precision_loss, reason = "fewer than 2⁵³ listeners")]
fn means(given: &[Given]) -> [f64; 3] {
    let mean = |f: &dyn Fn(&Given) -> f64| given.iter().map(f).sum::<f64>() / given.len().max(1) as f64;
    [mean(&|g| f64::from(u8::from(g.hit[0]))), mean(&|g| f64::from(u8::from(g.hit[1]))), mean(&|g| g.ndcg)]
}

/// Coverage of all and of the tail by whoever was drawn, averaged over seeds.
#[allow(clippy::cast_precision_loss, reason = "counts of songs")]
fn covered(way: &Way, segments: &[Segment], weights: &[f64]) -> [f64; 2] {
    let tail = segments.iter().filter(|s| **s == Segment::Tail).count();
    let mut sums = [0.0; 2];
    for seed in &way.seeds {
        let drawn = seed.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
        let listed: HashSet<u32> = drawn.flat_map(|(given, _)| &given.page).copied().collect();
        let of_tail = listed.iter().filter(|slot| segments[**slot as usize] == Segment::Tail).count();
        sums[0] += listed.len() as f64 / segments.len().max(1) as f64;
        sums[1] += of_tail as f64 / tail.max(1) as f64;
    }
    sums.map(|sum| sum / way.seeds.len().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(hit: bool, page: &[u32]) -> Given {
        Given { hit: [hit, true], ndcg: 0.5, alike: Some(0.2), popularity: 0.3, page: page.to_vec() }
    }

    #[test]
    fn shares_are_of_the_second() {
        let merged = Way {
            name: "attention",
            mix: Mix::Merged,
            seeds: vec![vec![given(true, &[0, 1]), given(false, &[0, 1]), given(true, &[0, 2])]],
        };
        let quota = Way {
            name: "attention",
            mix: Mix::Quota,
            seeds: vec![vec![given(true, &[0, 2]), given(false, &[1, 3]), given(false, &[0, 3])]],
        };
        let segments = [Segment::Head, Segment::Mid, Segment::Tail, Segment::Tail];
        let (worth, gaps) = compare(&[merged, quota], &[(1, 0)], &segments, 100, 1);
        assert!((worth[0].hr20.value - 2.0 / 3.0).abs() < 1e-12 && (worth[0].coverage - 0.75).abs() < 1e-12);
        assert!((worth[0].tail - 0.5).abs() < 1e-12 && (worth[1].tail - 1.0).abs() < 1e-12);
        let gap = &gaps[0];
        assert!((gap.tail_share.value - 1.0).abs() < 1e-12 && (gap.hr20_share.value + 0.5).abs() < 1e-12);
        assert!((gap.hr20.value + 1.0 / 3.0).abs() < 1e-12 && gap.hr200.value.abs() < 1e-12);
    }
}
