//! Held-out quality of the user tower: every song of the catalogue ranked, those heard before left out, never sampled
//! (Krichene & Rendle, *On Sampled Metrics for Item Recommendation*, KDD 2020).

use crate::data::{Dataset, HeldOut, ListenerId};
use rayon::prelude::*;
use serde::Serialize;
use sottovoce::client::{Past, Remembered, Resident};
use sottovoce::session::{Impression, ListenEvent};
use sottovoce::tower::{Context, UserTower, Utility};

/// Which of the two held-out songs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeldOutPart {
    /// For choosing.
    Valid,
    /// For reporting.
    Test,
}

/// Mean quality over listeners with a held-out song.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Quality {
    /// Share of listeners whose song is among the first ten.
    #[serde(rename = "hr@10")]
    pub hr10: f64,
    /// `1 / log₂(rank + 1)` for ranks up to ten, else 0.
    #[serde(rename = "ndcg@10")]
    pub ndcg10: f64,
    /// Over so many listeners.
    pub listeners: usize,
}

/// Ranks each listener's held-out song. `data` is the whole data set, from which the histories are read.
#[must_use]
pub fn evaluate(
    tower: &UserTower,
    items: &Resident,
    data: &Dataset,
    held_out: &[Option<HeldOut>],
    part: HeldOutPart,
) -> Quality {
    let ranks: Vec<f64> = held_out
        .par_iter()
        .enumerate()
        .filter_map(|(i, held_out)| {
            let held_out = (*held_out)?;
            let log = data.events_of(ListenerId(u32::try_from(i).ok()?));
            let (song, before) = match part {
                HeldOutPart::Valid => (held_out.valid, held_out.before_valid),
                HeldOutPart::Test => (held_out.test, held_out.before_test),
            };
            let events: Vec<Remembered> = log[..before]
                .iter()
                .map(|e| Remembered {
                    event: ListenEvent {
                        impression: Impression { song: e.song, slot: 0, at: e.at },
                        feedback: e.feedback,
                        at: e.at,
                    },
                    context: Context::default(),
                })
                .collect();
            let past = Past::new(&events, items);
            let input = past.input(past.len(), Context::default());
            // What is held out was heard, so the task is hearing alone.
            let user = tower.embed(&input, Utility { complete: 1.0, like: 0.0, skip: 0.0 });
            let mut scores = Vec::new();
            items.blocks().dot_max(&user.queries, &mut scores);
            for (score, popularity) in scores.iter_mut().zip(items.popularity()) {
                *score += user.popularity * popularity;
            }
            let target = items.slot(song)? as usize;
            let heard = log[..before].iter().filter_map(|e| items.slot(e.song)).map(|s| s as usize);
            for slot in heard.filter(|&s| s != target) {
                scores[slot] = f32::NEG_INFINITY;
            }
            Some(rank(&scores, target))
        })
        .collect();
    let n = ranks.len().max(1);
    #[allow(clippy::cast_precision_loss, reason = "fewer than 2⁵³ listeners")]
    let mean = |f: &dyn Fn(f64) -> f64| ranks.iter().map(|&r| f(r)).sum::<f64>() / n as f64;
    Quality {
        hr10: mean(&|r| if r <= 10.0 { 1.0 } else { 0.0 }),
        ndcg10: mean(&|r| if r <= 10.0 { 1.0 / (r + 1.0).log2() } else { 0.0 }),
        listeners: ranks.len(),
    }
}

/// 1 + songs that score higher + half of those that score the same: ties help nobody.
#[allow(clippy::cast_precision_loss, reason = "catalogues have fewer than 2⁵³ songs")]
fn rank(scores: &[f32], target: usize) -> f64 {
    let own = scores[target];
    if own.is_nan() {
        return scores.len() as f64;
    }
    let higher = scores.iter().filter(|s| **s > own).count();
    let ties = scores.iter().filter(|s| s.total_cmp(&own).is_eq()).count().saturating_sub(1);
    1.0 + higher as f64 + ties as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_places_and_nan_is_last() {
        for (scores, target) in [(&[3.0, 2.0, 1.0][..], 1), (&[1.0, 1.0, 1.0], 0), (&[f32::NAN, 0.0], 0)] {
            assert!((rank(scores, target) - 2.0).abs() < 1e-12, "{scores:?}");
        }
    }
}
