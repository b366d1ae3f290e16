//! One list of several channels' (row R19): union, repeats joined, scores fused, a share kept for each channel.
//!
//! Channels' scores do not compare: counts, sums of cosines, inner products. Two ways to fuse them:
//!
//! - `scores`: a channel's scores are divided by its best one, so that 1 is the channel's favourite; a song's score is the
//!   weighted sum over the channels that proposed it. Keeps how sure a channel is.
//! - `ranks`: reciprocal rank fusion, `Σ weight / (60 + rank)` (Cormack, Clarke, Büttcher, SIGIR 2009). Looks at places only.
//!
//! A fused list goes to what most channels agree on. One listener has many moods, and a channel may be the only one that knows
//! one of them; so each channel's best songs have a share of the places for sure, whatever their fused score. Inside the list
//! the order is by fused score.

use super::RecallError;
use crate::stage::Candidate;
use serde::{Deserialize, Serialize};
use sottovoce::ids::SongId;
use std::collections::{BTreeMap, HashMap};

/// How scores of several channels become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fusion {
    /// Weighted sum of scores, each channel's best at 1.
    Scores,
    /// Weighted reciprocal ranks.
    Ranks,
}

/// A channel's part in the merge.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelShare {
    /// How much its scores count, 0 or more.
    pub weight: f32,
    /// The share of the merged list that its best songs have for sure, 0 to 1, rounded down to whole places.
    #[serde(default)]
    pub quota: f32,
}

/// What the merge can be told. Defaults: see `docs/recall.md` for how they were chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MergeConfig {
    /// How scores are fused.
    pub fusion: Fusion,
    /// Candidates asked of each channel, at least 1; where more are asked of the merge, as many as that.
    pub depth: usize,
    /// Each channel's part, by its name. A channel that is not named here has none.
    pub channels: BTreeMap<String, ChannelShare>,
}

impl Default for MergeConfig {
    fn default() -> Self {
        let share = |name: &str, weight| (name.to_owned(), ChannelShare { weight, quota: 0.0 });
        Self {
            fusion: Fusion::Scores,
            depth: 500,
            channels: [share("popular", 0.0), share("item_cf", 0.5), share("song2vec", 0.05), share("spectral", 1.0)]
                .into(),
        }
    }
}

/// A song of the merged list.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// Which song.
    pub song: SongId,
    /// The fused score; comparable within one list only.
    pub score: f32,
    /// The channels that proposed it, in the funnel's order.
    pub channels: Vec<&'static str>,
}

/// A checked configuration, ready to merge.
#[derive(Clone, Debug, PartialEq)]
pub struct Merge {
    config: MergeConfig,
}

impl Merge {
    /// Checks the configuration. `known` are the names of the channels there are.
    ///
    /// # Errors
    /// [`RecallError::UnknownChannel`] and [`RecallError::Config`].
    pub fn new(config: MergeConfig, known: &[&str]) -> Result<Self, RecallError> {
        let fail = |field, got, expected| Err(RecallError::Config { field, got, expected });
        if config.depth == 0 {
            return fail("merge.depth", 0.0, "at least 1");
        }
        for (name, share) in &config.channels {
            if !known.contains(&name.as_str()) {
                return Err(RecallError::UnknownChannel { name: name.clone(), known: known.join(", ") });
            }
            if !(share.weight >= 0.0 && share.weight.is_finite()) {
                return fail("merge.channels.*.weight", f64::from(share.weight), "0 or more");
            }
            if !(0.0..=1.0).contains(&share.quota) {
                return fail("merge.channels.*.quota", f64::from(share.quota), "0 to 1");
            }
        }
        let quotas: f32 = config.channels.values().map(|share| share.quota).sum();
        if quotas > 1.0 {
            return fail("the sum of merge.channels.*.quota", f64::from(quotas), "at most 1");
        }
        Ok(Self { config })
    }

    /// What it was made from.
    #[must_use]
    pub fn config(&self) -> &MergeConfig {
        &self.config
    }

    /// How many candidates to ask of a channel for a list of `k`; 0 of one that has no part.
    #[must_use]
    pub fn depth(&self, channel: &str, k: usize) -> usize {
        let takes_part = self.share(channel).is_some_and(|share| share.weight > 0.0 || share.quota > 0.0);
        if takes_part { self.config.depth.max(k) } else { 0 }
    }

    fn share(&self, channel: &str) -> Option<ChannelShare> {
        self.config.channels.get(channel).copied()
    }

    /// The best `k` of all lists, and how many different songs there were. Each list is one channel's answer, as [`crate::stage::Recall`] promises it: by falling score.
    /// Equal fused scores are ordered by song.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks below 2²⁴; a share of k places is below k"
    )]
    pub fn merge(&self, lists: &[(&'static str, Vec<Candidate>)], k: usize) -> (Vec<Merged>, usize) {
        let mut places: HashMap<SongId, usize> = HashMap::new();
        let mut merged: Vec<(Merged, bool)> = Vec::new();
        for (name, list) in lists {
            let Some(share) = self.share(name) else { continue };
            let best = list.first().map_or(0.0, |c| c.score);
            let kept = (share.quota * k as f32) as usize;
            for (rank, candidate) in list.iter().enumerate() {
                let score = match self.config.fusion {
                    // A channel whose best score is not positive has no opinion that could be scaled.
                    Fusion::Scores if best > 0.0 => share.weight * (candidate.score / best).max(0.0),
                    Fusion::Scores => 0.0,
                    Fusion::Ranks => share.weight / (60.0 + (rank + 1) as f32),
                };
                let place = *places.entry(candidate.song).or_insert_with(|| {
                    merged.push((Merged { song: candidate.song, score: 0.0, channels: Vec::new() }, false));
                    merged.len() - 1
                });
                let (song, sure) = &mut merged[place];
                song.score += score;
                song.channels.push(name);
                *sure |= rank < kept;
            }
        }
        let different = merged.len();
        // Those with a place for sure first, then the best of the rest; then all by score.
        let by_score = |a: &Merged, b: &Merged| b.score.total_cmp(&a.score).then(a.song.cmp(&b.song));
        merged.sort_by(|(a, sure_a), (b, sure_b)| sure_b.cmp(sure_a).then(by_score(a, b)));
        merged.truncate(k);
        let mut merged: Vec<Merged> = merged.into_iter().map(|(song, _)| song).collect();
        merged.sort_by(by_score);
        (merged, different)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp, clippy::cast_precision_loss, reason = "tests compare exact values")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(songs: &[(u32, f32)]) -> Vec<Candidate> {
        songs.iter().map(|(song, score)| Candidate { song: SongId(*song), score: *score }).collect()
    }

    fn merge(fusion: Fusion, shares: &[(&str, f32, f32)]) -> Merge {
        let channels = shares
            .iter()
            .map(|(name, weight, quota)| ((*name).to_owned(), ChannelShare { weight: *weight, quota: *quota }));
        Merge::new(MergeConfig { fusion, depth: 10, channels: channels.collect() }, &["a", "b"]).unwrap()
    }

    fn songs(merged: &[Merged]) -> Vec<u32> {
        merged.iter().map(|m| m.song.0).collect()
    }

    #[test]
    fn what_two_channels_agree_on_comes_first() {
        let lists = [("a", list(&[(1, 10.0), (2, 9.0)])), ("b", list(&[(3, 0.5), (2, 0.4)]))];
        for fusion in [Fusion::Scores, Fusion::Ranks] {
            let merged = merge(fusion, &[("a", 1.0, 0.0), ("b", 1.0, 0.0)]).merge(&lists, 3).0;
            assert_eq!(songs(&merged), [2, 1, 3]);
            assert_eq!(merged[0].channels, ["a", "b"]);
        }
        // By scores: 2 has 0.9 + 0.8 of its channels' best.
        let merged = merge(Fusion::Scores, &[("a", 1.0, 0.0), ("b", 1.0, 0.0)]).merge(&lists, 1).0;
        assert!((merged[0].score - 1.7).abs() < 1e-6);
    }

    #[test]
    fn a_quota_keeps_a_weak_channels_best() {
        let lists = [("a", list(&[(1, 1.0), (2, 0.9), (3, 0.8), (4, 0.7)])), ("b", list(&[(9, 1.0), (8, 0.9)]))];
        let without = merge(Fusion::Scores, &[("a", 1.0, 0.0), ("b", 0.1, 0.0)]).merge(&lists, 4).0;
        assert_eq!(songs(&without), [1, 2, 3, 4]);
        let with = merge(Fusion::Scores, &[("a", 1.0, 0.0), ("b", 0.1, 0.25)]).merge(&lists, 4).0;
        assert_eq!(songs(&with), [1, 2, 3, 9]);
        assert_eq!(
            merge(Fusion::Scores, &[("a", 1.0, 0.0)]).merge(&lists, 9).0.len(),
            4,
            "a channel without a part has none"
        );
    }

    #[test]
    fn depth_follows_k_and_channels_without_a_part_are_not_asked() {
        let merge = merge(Fusion::Ranks, &[("a", 1.0, 0.0), ("b", 0.0, 0.0)]);
        assert_eq!(
            (merge.depth("a", 3), merge.depth("a", 30), merge.depth("b", 3), merge.depth("c", 3)),
            (10, 30, 0, 0)
        );
    }

    #[test]
    fn nonsense_is_refused() {
        let config = |name: &str, weight, quota| MergeConfig {
            channels: [(name.to_owned(), ChannelShare { weight, quota })].into(),
            ..MergeConfig::default()
        };
        let error = Merge::new(config("itemcf", 1.0, 0.0), &["a", "b"]).unwrap_err().to_string();
        assert!(error.contains("itemcf") && error.contains("a, b"), "{error}");
        for bad in
            [config("a", -1.0, 0.0), config("a", f32::NAN, 0.0), config("a", 1.0, 1.1), config("a", 1.0, f32::NAN)]
        {
            assert!(matches!(Merge::new(bad, &["a"]), Err(RecallError::Config { .. })));
        }
        assert!(Merge::new(MergeConfig { depth: 0, ..MergeConfig::default() }, &["a"]).is_err());
    }

    proptest! {
        #[test]
        fn no_repeats_falling_scores_and_nothing_from_nowhere(
            a in prop::collection::btree_map(0u32..50, -1f32..1.0, 0..20),
            b in prop::collection::btree_map(0u32..50, 0f32..1.0, 0..20),
            k in 0usize..60, quota in 0f32..0.5, ranks in any::<bool>(),
        ) {
            let sorted = |map: std::collections::BTreeMap<u32, f32>| {
                let mut pairs: Vec<(u32, f32)> = map.into_iter().collect();
                pairs.sort_by(|x, y| y.1.total_cmp(&x.1).then(x.0.cmp(&y.0)));
                list(&pairs)
            };
            let lists = [("a", sorted(a)), ("b", sorted(b))];
            let fusion = if ranks { Fusion::Ranks } else { Fusion::Scores };
            let (merged, different) = merge(fusion, &[("a", 1.0, quota), ("b", 0.5, quota)]).merge(&lists, k);
            let mut seen = songs(&merged);
            let union: std::collections::BTreeSet<u32> =
                lists.iter().flat_map(|(_, list)| list.iter().map(|c| c.song.0)).collect();
            prop_assert_eq!((merged.len(), different), (k.min(union.len()), union.len()));
            prop_assert!(merged.windows(2).all(|w| w[0].score >= w[1].score));
            prop_assert!(seen.iter().all(|song| union.contains(song)));
            seen.sort_unstable();
            seen.dedup();
            prop_assert_eq!(seen.len(), merged.len());
            for (_, list) in &lists {
                #[allow(clippy::cast_possible_truncation, reason = "a share of a small count")]
                for candidate in list.iter().take((quota * k as f32) as usize) {
                    prop_assert!(merged.iter().any(|m| m.song == candidate.song));
                }
            }
        }
    }
}
