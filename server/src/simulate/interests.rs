//! What several interests are worth (rows R12, R15–R17): the device's tower with one interest or four, found by attention or by capsules,
//! everything else alike, and the lists of each merged into one order or with an equal quota for each interest.
//!
//! A merged list is by `max_k ⟨q_k, v_i⟩ + p·popularity_i`, as [`evaluate`](super::evaluate) ranks. Under a quota each interest in turn gives its
//! own best song that is not yet there, by `⟨q_k, v_i⟩` alone, until the list is full; the list is then put into the merged order. That is
//! the engine's pool under `quota`, filled up where two interests want the same song.

use super::{CentralConfig, HeldOutPart, Population, evaluate, train_centrally};
use crate::data::{Dataset, ListenerId};
use rayon::prelude::*;
use serde::Serialize;
use sottovoce::client::{Past, Remembered, Resident};
use sottovoce::math::{dot, top_k};
use sottovoce::protocol::{Extraction, TowerShape};
use sottovoce::session::{Impression, ListenEvent};
use sottovoce::tower::{Context, Embedding, UserTower, Utility, initial_weights};
use std::collections::HashSet;

/// A tower to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The name in reports.
    pub name: &'static str,
    /// `K`.
    pub interests: u32,
    /// How they are found.
    pub extraction: Extraction,
}

impl Variant {
    /// One interest, then four by attention and four by capsules.
    pub const ALL: [Self; 3] = [
        Self { name: "one interest", interests: 1, extraction: Extraction::Attention },
        Self { name: "attention", interests: 4, extraction: Extraction::Attention },
        Self { name: "capsules", interests: 4, extraction: Extraction::Capsules },
    ];

    /// The usual tower with these interests.
    #[must_use]
    pub fn shape(self, dimension: u32) -> TowerShape {
        TowerShape { interests: self.interests, extraction: self.extraction, ..TowerShape::usual(dimension) }
    }
}

/// Trains a variant over a population, and keeps the epoch that is best in NDCG@10 of the validation songs: the tower, and the epoch, from 1.
/// `None` where there is no epoch. Calls `after` with each epoch, from 0.
pub fn train_variant(
    variant: Variant,
    population: &Population,
    data: &Dataset,
    config: &CentralConfig,
    mut after: impl FnMut(u32),
) -> Option<(UserTower, u32)> {
    let shape = variant.shape(u32::try_from(population.items.dimension()).ok()?);
    let mut tower = UserTower::new(shape, &initial_weights(shape, config.seed))?;
    let mut best: Option<(f64, UserTower, u32)> = None;
    train_centrally(&mut tower, population, config, |epoch, _, tower| {
        let valid = evaluate(tower, &population.items, data, &population.held_out, HeldOutPart::Valid).ndcg10;
        if best.as_ref().is_none_or(|(most, ..)| valid > *most) {
            best = Some((valid, tower.clone(), epoch + 1));
        }
        after(epoch);
    });
    best.map(|(_, tower, epoch)| (tower, epoch))
}

/// How the interests' songs become one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mix {
    /// By the best of all interests.
    Merged,
    /// As many from each.
    Quota,
}

/// Songs of a page, and songs handed on.
pub const CUTS: [usize; 2] = [20, 200];

/// What one listener is given, and what it is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Whether the held-out song is among the first twenty, and two hundred.
    pub hit: [bool; 2],
    /// `1 / log₂(place + 1)` where it is among the first twenty.
    pub ndcg: f64,
    /// Mean cosine between two of the listener's interests; `None` where there is one.
    pub alike: Option<f64>,
    /// Mean popularity of the first twenty.
    pub popularity: f64,
    /// The slots of the first twenty.
    pub page: Vec<u32>,
}

/// What each listener of whom something is held out is given, by rising listener; `data` is the whole data set, from which histories are read.
#[must_use]
pub fn given(tower: &UserTower, population: &Population, data: &Dataset, part: HeldOutPart, mix: Mix) -> Vec<Given> {
    let items = &population.items;
    let of = |(i, held_out): (usize, &Option<crate::data::HeldOut>)| {
        let held_out = (*held_out)?;
        let log = data.events_of(ListenerId(u32::try_from(i).ok()?));
        let (song, before) = match part {
            HeldOutPart::Valid => (held_out.valid, held_out.before_valid),
            HeldOutPart::Test => (held_out.test, held_out.before_test),
        };
        let remembered = |e: &crate::data::LoggedEvent| Remembered {
            event: ListenEvent {
                impression: Impression { song: e.song, slot: 0, at: e.at },
                feedback: e.feedback,
                at: e.at,
            },
            context: Context::default(),
        };
        let events: Vec<Remembered> = log[..before].iter().map(remembered).collect();
        let past = Past::new(&events, items);
        // What is held out was heard, so the task is hearing alone.
        let utility = Utility { complete: 1.0, like: 0.0, skip: 0.0 };
        let user = tower.embed(&past.input(past.len(), Context::default()), utility);
        let target = items.slot(song)?;
        let heard: HashSet<u32> =
            log[..before].iter().filter_map(|e| items.slot(e.song)).filter(|slot| *slot != target).collect();
        Some(worth(&user, items, &heard, target, mix))
    };
    population.held_out.par_iter().enumerate().filter_map(of).collect()
}

fn worth(user: &Embedding, items: &Resident, heard: &HashSet<u32>, target: u32, mix: Mix) -> Given {
    let [page, deep] = CUTS.map(|n| list(user, items, heard, n, mix));
    let place = page.iter().position(|slot| *slot == target);
    let popularity: f64 = page.iter().map(|slot| f64::from(items.popularity()[*slot as usize])).sum();
    #[allow(clippy::cast_precision_loss, reason = "twenty places")]
    Given {
        hit: [place.is_some(), deep.contains(&target)],
        ndcg: place.map_or(0.0, |place| 1.0 / libm::log2(place as f64 + 2.0)),
        alike: alike(user, items.dimension()),
        popularity: popularity / page.len().max(1) as f64,
        page,
    }
}

/// `n` slots, best first.
fn list(user: &Embedding, items: &Resident, heard: &HashSet<u32>, n: usize, mix: Mix) -> Vec<u32> {
    let d = items.dimension().max(1);
    let mut total = Vec::new();
    items.blocks().dot_max(&user.queries, &mut total);
    for (score, popularity) in total.iter_mut().zip(items.popularity()) {
        *score += user.popularity * popularity;
    }
    let best = |scores: &mut Vec<f32>| {
        heard.iter().for_each(|slot| scores[*slot as usize] = f32::NEG_INFINITY);
        let mut best = Vec::new();
        top_k(scores, n, &mut best);
        best
    };
    if mix == Mix::Merged || user.queries.len() <= d {
        return best(&mut total);
    }
    let own = |query: &[f32]| {
        let mut scores = Vec::new();
        items.blocks().dot_max(query, &mut scores);
        best(&mut scores).into_iter()
    };
    let mut turns: Vec<_> = user.queries.chunks_exact(d).map(own).collect();
    let (mut taken, mut songs) = (HashSet::new(), Vec::with_capacity(n));
    while songs.len() < n {
        let before = songs.len();
        for turn in &mut turns {
            if let Some(slot) = turn.find(|slot| taken.insert(*slot)).filter(|_| songs.len() < n) {
                songs.push(slot);
            }
        }
        if songs.len() == before {
            break;
        }
    }
    songs.sort_by(|a, b| total[*b as usize].total_cmp(&total[*a as usize]).then(a.cmp(b)));
    songs
}

/// The mean over pairs of interests.
fn alike(user: &Embedding, d: usize) -> Option<f64> {
    let interests: Vec<&[f32]> = user.interests.chunks_exact(d.max(1)).collect();
    let cosine = |a: &[f32], b: &[f32]| {
        let lengths = (dot(a, a) * dot(b, b)).sqrt();
        f64::from(if lengths > 0.0 { dot(a, b) / lengths } else { 0.0 })
    };
    let pairs = (0..interests.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    let (sum, n) = pairs.fold((0.0, 0.0), |(sum, n), (a, b)| (sum + cosine(interests[a], interests[b]), n + 1.0));
    (n > 0.0).then(|| sum / n)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::catalog::shards;
    use crate::data::{SyntheticConfig, leave_one_out, synthetic};
    use sottovoce::ids::{ArtistId, SongId};
    use sottovoce::math::quantize_row;
    use sottovoce::protocol::CatalogueShard;

    /// Eight songs: four along the first axis, four along the second, each less than the one before.
    fn items() -> Resident {
        let mut codes = vec![0; 16];
        let rows =
            (0..8u8).map(|i| if i < 4 { [1.0 - 0.1 * f32::from(i), 0.0] } else { [0.0, 0.6 - 0.1 * f32::from(i - 4)] });
        let scales = rows.zip(codes.chunks_exact_mut(2)).map(|(row, codes)| quantize_row(&row, codes)).collect();
        let shard = CatalogueShard {
            dimension: 2,
            songs: (0..8).map(SongId).collect(),
            artists: vec![ArtistId(0); 8],
            popularity: vec![0.5; 8],
            plays: vec![1; 8],
            scales,
            rows: codes,
            ..CatalogueShard::default()
        };
        let mut items = Resident::default();
        items.add(&shard.filled()).unwrap();
        items
    }

    #[test]
    fn a_quota_takes_turns_and_a_merge_takes_the_best() {
        let items = items();
        let axes = vec![1.0, 0.0, 0.0, 1.0];
        let user = Embedding { queries: axes.clone(), interests: axes, popularity: 0.0 };
        let heard = HashSet::from([0]);
        assert_eq!(list(&user, &items, &heard, 4, Mix::Merged), [1, 2, 3, 4]);
        assert_eq!(list(&user, &items, &heard, 4, Mix::Quota), [1, 2, 4, 5]);
        let same = Embedding { queries: vec![1.0, 0.0, 1.0, 0.0], ..user.clone() };
        assert_eq!(
            list(&same, &items, &heard, 3, Mix::Quota),
            [1, 2, 3],
            "two that want the same fill the list together"
        );
        assert_eq!(alike(&user, 2), Some(0.0));
        assert_eq!(alike(&Embedding { interests: vec![1.0, 0.0], ..user }, 2), None);
    }

    #[test]
    fn variants_train_and_answer() {
        let data =
            synthetic(&SyntheticConfig { listeners: 12, songs: 80, artists: 12, events: 900, ..Default::default() });
        let split = leave_one_out(&data);
        let row = |song: &crate::catalog::Song| {
            (0..8).map(|i| if song.artist.0 % 8 == i { 1.0 } else { 0.1 }).collect::<Vec<f32>>()
        };
        let rows: Vec<f32> = data.songs.iter().flat_map(row).collect();
        let population = Population::new(&split, &shards(&data.songs, &rows, 8, &[1; 80], 4096).unwrap(), 1);
        let config = CentralConfig { epochs: 1, negatives: 4, ..CentralConfig::default() };
        for variant in Variant::ALL {
            let (tower, epoch) = train_variant(variant, &population, &data, &config, |_| {}).unwrap();
            assert_eq!((epoch, tower.layout().shape.interests), (1, variant.interests));
            let merged = given(&tower, &population, &data, HeldOutPart::Test, Mix::Merged);
            assert_eq!(merged.len(), split.held_out.iter().flatten().count());
            assert!(merged.iter().all(|g| g.page.len() == 20 && g.hit <= [true, true] && g.hit[0] <= g.hit[1]));
            assert_eq!(merged.iter().any(|g| g.alike.is_some()), variant.interests > 1);
            let quota = given(&tower, &population, &data, HeldOutPart::Test, Mix::Quota);
            assert_eq!(merged == quota, variant.interests == 1);
        }
    }
}
