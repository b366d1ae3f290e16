//! The five-dimension portrait (row U4): how somebody listens, told from their own library alone.
//!
//! | dimension | value |
//! |---|---|
//! | explore | songs heard for the first time, of all plays |
//! | diverse | entropy of the styles heard (of the artists, where styles are not known), as a share of the largest possible |
//! | new songs | plays of songs that came out within two years of the catalogue's newest, of plays with a known year |
//! | niche | 1 − mean popularity of what was played |
//! | unique | distance of the listener's mean song from the crowd's: `(1 − cos) / 2` |
//! | focused | length of the mean of the played songs' unit vectors: 1 is always the same place |
//!
//! Stars cut the value at fixed bounds, because a device knows no other listener: at the quintiles of a population, so that each number of
//! stars belongs to a fifth of it. Figures of `sottovoce-server eval portrait` (seed 2020); `r` is the correlation of two halves of a
//! listener's plays, no song in both, over listeners with twenty plays or more:
//!
//! | dimension | bounds of | r |
//! |---|---|---|
//! | explore | the synthetic world, 368 listeners over eight weeks: no public log has one person's songs, in order, for so long | .70 |
//! | diverse | Last.fm HetRec 2011, 1878 listeners, by an artist's first tag | .67 |
//! | new songs | a guess still: no log at hand has years | – |
//! | niche | Last.fm as S³-Rec cut it, 525 listeners | .86 |
//! | unique | the same | .94 |
//! | focused | the same | .92 |
//!
//! All that could be measured there are stable (r ≥ .6); in the synthetic world *niche* is not (.51, and .73 where favourites are in both
//! halves). *Unique* and *focused* are cosines, and where they lie moves with the catalogue's embeddings (`docs/evaluation.md`): over
//! another catalogue the stars still order listeners, but are no fifths.

use super::{Resident, Tally};
use crate::ids::SongId;
use crate::math::{Real, axpy, dot, norm, normalize};

/// One dimension.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Trait {
    /// In `[0, 1]`.
    pub value: f32,
    /// 1 to 5.
    pub stars: u8,
}

/// All of them; `None` where the library or the catalogue cannot tell.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Portrait {
    /// How much is heard for the first time.
    pub explore: Option<Trait>,
    /// How many kinds of music.
    pub diverse: Option<Trait>,
    /// How much that just came out.
    pub new_songs: Option<Trait>,
    /// How far from what everybody hears.
    pub niche: Option<Trait>,
    /// How far from where everybody stands.
    pub unique: Option<Trait>,
    /// How close together it all lies.
    pub focused: Option<Trait>,
}

/// Where one more star begins.
type Bounds = [f32; 4];
const EXPLORE: Bounds = [0.606, 0.671, 0.722, 0.784];
const DIVERSE: Bounds = [0.209, 0.285, 0.332, 0.369];
const NEW_SONGS: Bounds = [0.05, 0.15, 0.3, 0.5];
const NICHE: Bounds = [0.330, 0.374, 0.411, 0.449];
const UNIQUE: Bounds = [0.050, 0.072, 0.094, 0.119];
const FOCUSED: Bounds = [0.669, 0.700, 0.736, 0.779];

/// From fewer plays nothing is told.
const LEAST_PLAYS: u32 = 10;

impl Portrait {
    /// From a listener's library. Skips and blocks do not count; a like counts as one play where there is none.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts of one listener")]
    pub fn of(library: &[(SongId, Tally)], items: &Resident) -> Self {
        let played: Vec<(usize, f32)> = library
            .iter()
            .filter_map(|(song, tally)| {
                let plays = tally.plays.max(u32::from(tally.liked));
                (plays > 0).then_some((items.slot(*song)? as usize, plays as f32))
            })
            .collect();
        let plays: f32 = played.iter().map(|(_, n)| n).sum();
        if plays < LEAST_PLAYS as f32 {
            return Self::default();
        }
        let rate = |value: f32, bounds: Bounds| {
            let value = value.clamp(0.0, 1.0);
            let stars = bounds.iter().fold(1, |stars, bound| stars + u8::from(value >= *bound));
            Some(Trait { value, stars })
        };
        let mean = |f: &dyn Fn(usize) -> f32| played.iter().map(|&(slot, n)| n * f(slot)).sum::<f32>() / plays;
        let [own, crowd] = [direction(items, played.iter().copied()), crowd(items)];
        Self {
            explore: rate(played.len() as f32 / plays, EXPLORE),
            diverse: diversity(items, &played).and_then(|v| rate(v, DIVERSE)),
            new_songs: new_songs(items, &played).and_then(|v| rate(v, NEW_SONGS)),
            niche: rate(1.0 - mean(&|slot| items.popularity()[slot]), NICHE),
            unique: match (norm(&own) > 0.0, norm(&crowd) > 0.0) {
                (true, true) => rate(0.5 * (1.0 - dot(&own, &crowd) / (norm(&own) * norm(&crowd))), UNIQUE),
                _ => None,
            },
            focused: rate(norm(&own), FOCUSED),
        }
    }
}

/// The mean of unit vectors, each counted so often.
#[allow(clippy::cast_possible_truncation, reason = "slots are u32")]
fn direction(items: &Resident, songs: impl Iterator<Item = (usize, f32)>) -> Vec<f32> {
    let d = items.dimension();
    let (mut sum, mut row, mut all) = (vec![0.0; d], vec![0.0; d], 0.0f32);
    for (slot, n) in songs {
        items.blocks().row(slot as u32, &mut row);
        normalize(&mut row);
        axpy(n, &row, &mut sum);
        all += n;
    }
    crate::math::scale(1.0 / all.max(1.0), &mut sum);
    sum
}

/// Where everybody stands, by how often each song was played.
#[allow(clippy::cast_precision_loss, reason = "a mean needs no 24th bit")]
fn crowd(items: &Resident) -> Vec<f32> {
    direction(items, items.plays().iter().enumerate().map(|(slot, n)| (slot, *n as f32)))
}

/// Entropy over styles, or artists, as a share of the largest that so many plays could have; `None` where only one is possible.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "slots are u32, counts are small")]
fn diversity(items: &Resident, played: &[(usize, f32)]) -> Option<f32> {
    let styled = played.iter().any(|&(slot, _)| items.fields(slot as u32).style > 0);
    let kind = |slot: usize| {
        let fields = items.fields(slot as u32);
        if styled { fields.style.into() } else { fields.artist }
    };
    let mut kinds: Vec<(u32, f32)> = played.iter().map(|&(slot, n)| (kind(slot), n)).filter(|(k, _)| *k > 0).collect();
    kinds.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let all: f32 = kinds.iter().map(|(_, n)| n).sum();
    let entropy: f32 = kinds
        .chunk_by(|a, b| a.0 == b.0)
        .map(|same| same.iter().map(|(_, n)| n).sum::<f32>() / all)
        .map(|p| -p * Real::ln(p))
        .sum();
    let mut catalogue: Vec<u32> = (0..items.len()).map(kind).filter(|k| *k > 0).collect();
    catalogue.sort_unstable();
    catalogue.dedup();
    let most = (catalogue.len() as f32).min(all);
    (most > 1.0).then(|| entropy / Real::ln(most))
}

/// Plays of songs of the catalogue's newest two years, of plays whose song has a year; `None` where hardly any has.
fn new_songs(items: &Resident, played: &[(usize, f32)]) -> Option<f32> {
    let newest = items.years().iter().copied().max().filter(|year| *year > 0)?;
    let (mut dated, mut new, mut all) = (0.0, 0.0, 0.0);
    for &(slot, n) in played {
        let year = items.years()[slot];
        all += n;
        dated += if year > 0 { n } else { 0.0 };
        new += if year > 0 && newest - year < 2 { n } else { 0.0 };
    }
    (dated >= 0.5 * all).then(|| new / dated)
}
