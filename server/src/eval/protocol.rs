//! What is held out, and what may be known when it is asked for.

use super::EvalError;
use crate::data::{Clock, Dataset, ListenerId, LoggedEvent, leave_one_out};
use rand_mt::Mt;
use sottovoce::ids::SongId;
use sottovoce::math::Rng;
use std::collections::{HashMap, HashSet};

/// How a log is split.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// For logs of totals: of each listener's songs a random fifth is held out, drawn by numpy's `RandomState(seed)`, listeners
    /// by rising number of the source, songs in the source's order. The catalogue minus what is left is ranked.
    RandomFifth,
    /// For logs with an order: each listener's last finished song is held out, and the one before it for validation. What is
    /// left is trained on; the query is the listener's history up to the held-out song.
    LeaveOneOut,
}

/// Which part is held out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holdout {
    /// What figures are reported on.
    Test,
    /// A part of what would be trained on: what settings are chosen on. The test part is not touched.
    Validation,
}

/// One question with its answer held out.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Whose.
    pub listener: ListenerId,
    /// Songs that may be known, with their plays.
    pub seeds: Vec<(SongId, f32)>,
    /// Songs that are not to be proposed.
    pub exclude: Vec<SongId>,
    /// The songs to find.
    pub held_out: Vec<SongId>,
}

/// A data set without what is held out, and the questions.
#[derive(Clone, Debug)]
pub struct Split {
    /// To fit on.
    pub train: Dataset,
    /// By rising listener; listeners with nothing held out have none.
    pub cases: Vec<Case>,
}

/// So many of a listener's last events are a sequence's seeds, and each weighs this much less than the one after it.
const RECENT: (usize, f32) = (50, 0.9);

impl Protocol {
    /// The protocol that fits what is known of a log's times.
    #[must_use]
    pub fn of(dataset: &Dataset) -> Self {
        if dataset.clock == Clock::None { Self::RandomFifth } else { Self::LeaveOneOut }
    }

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RandomFifth => "random-fifth",
            Self::LeaveOneOut => "leave-one-out",
        }
    }

    /// Splits a data set.
    ///
    /// # Errors
    /// [`EvalError::NothingHeldOut`].
    pub fn split(self, dataset: &Dataset, holdout: Holdout, seed: u32) -> Result<Split, EvalError> {
        let split = match (self, holdout) {
            (Self::RandomFifth, Holdout::Test) => random_fifth(dataset, seed),
            // Of what the test leaves, another fifth, by another stream.
            (Self::RandomFifth, Holdout::Validation) => {
                random_fifth(&random_fifth(dataset, seed).train, seed.wrapping_add(1))
            }
            (Self::LeaveOneOut, _) => last_song(dataset, holdout),
        };
        if split.cases.is_empty() { Err(EvalError::NothingHeldOut) } else { Ok(split) }
    }
}

impl Split {
    /// Keeps at most `most` questions, drawn by the seed; their order stays.
    pub fn sample(&mut self, most: usize, seed: u64) {
        let mut rng = Rng::new(seed).split("cases");
        let mut left = self.cases.len();
        let mut wanted = most;
        // Selection sampling: each question is kept with the share that is still wanted of those still left.
        self.cases.retain(|_| {
            let keep = (rng.below(u32::try_from(left).unwrap_or(u32::MAX)) as usize) < wanted;
            left -= 1;
            wanted -= usize::from(keep);
            keep
        });
    }
}

/// `numpy.random.RandomState(seed).permutation(n)`, one call after the other: Fisher–Yates from the end, each index drawn by
/// rejection from masked 32-bit words (numpy's `random_interval`). Frozen by numpy's own promise, so published splits can be
/// drawn again.
struct LegacyPermutations(Mt);

impl LegacyPermutations {
    fn new(seed: u32) -> Self {
        Self(Mt::new(seed))
    }

    fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for last in (1..n).rev() {
            let other = self.up_to(u32::try_from(last).unwrap_or(u32::MAX));
            order.swap(last, other as usize);
        }
        order
    }

    fn up_to(&mut self, max: u32) -> u32 {
        let mask = u32::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
        loop {
            let value = self.0.next_u32() & mask;
            if value <= max {
                return value;
            }
        }
    }
}

fn random_fifth(dataset: &Dataset, seed: u32) -> Split {
    let mut order: Vec<usize> = (0..dataset.listeners.len()).collect();
    let numbers: Option<Vec<u64>> = dataset.listeners.iter().map(|key| key.parse().ok()).collect();
    if let Some(numbers) = numbers {
        order.sort_by_key(|i| numbers[*i]);
    }
    let mut random = LegacyPermutations::new(seed);
    let mut held_out: Vec<HashSet<SongId>> = vec![HashSet::new(); dataset.listeners.len()];
    let mut cases = Vec::new();
    for i in order {
        let listener = ListenerId(u32::try_from(i).unwrap_or(u32::MAX));
        let liked = plays(dataset.events_of(listener));
        let permutation = random.permutation(liked.len());
        let (out, kept) = permutation.split_at(liked.len() / 5);
        if out.is_empty() {
            continue;
        }
        held_out[i] = out.iter().map(|place| liked[*place].0).collect();
        let mut kept = kept.to_vec();
        kept.sort_unstable();
        let seeds: Vec<(SongId, f32)> = kept.iter().map(|place| liked[*place]).collect();
        let exclude = seeds.iter().map(|(song, _)| *song).collect();
        cases.push(Case { listener, seeds, exclude, held_out: out.iter().map(|place| liked[*place].0).collect() });
    }
    cases.sort_by_key(|case| case.listener);
    let train = |e: &&LoggedEvent| !held_out[e.listener.0 as usize].contains(&e.song);
    let events = dataset.events.iter().filter(train).copied().collect();
    Split { train: Dataset { events, ..dataset.clone() }, cases }
}

/// The songs that were liked or heard to a good end, in order of their first such event, with all their plays.
#[allow(clippy::cast_precision_loss, reason = "play counts beyond 2²⁴ may be rounded")]
fn plays(events: &[LoggedEvent]) -> Vec<(SongId, f32)> {
    let mut places: HashMap<SongId, usize> = HashMap::new();
    let mut songs: Vec<(SongId, f32)> = Vec::new();
    for event in events.iter().filter(|e| e.feedback.reward() > 0.0) {
        let place = *places.entry(event.song).or_insert_with(|| {
            songs.push((event.song, 0.0));
            songs.len() - 1
        });
        songs[place].1 += event.plays as f32;
    }
    songs
}

fn last_song(dataset: &Dataset, holdout: Holdout) -> Split {
    let parts = leave_one_out(dataset);
    let mut cases = Vec::new();
    let mut repeats = false;
    for (listener, held_out) in (0u32..).map(ListenerId).zip(&parts.held_out) {
        let Some(held_out) = held_out else { continue };
        let (song, before) = match holdout {
            Holdout::Test => (held_out.test, held_out.before_test),
            Holdout::Validation => (held_out.valid, held_out.before_valid),
        };
        let history = &dataset.events_of(listener)[..before];
        let heard: Vec<SongId> = plays(history).iter().map(|(song, _)| *song).collect();
        repeats |= heard.contains(&song);
        cases.push(Case { listener, seeds: recent(history), exclude: heard, held_out: vec![song] });
    }
    // Where songs are heard again, what was heard may be the answer.
    if repeats {
        cases.iter_mut().for_each(|case| case.exclude.clear());
    }
    Split { train: parts.train, cases }
}

/// The last events as seeds; a song heard several times has its latest weight and a little more.
fn recent(history: &[LoggedEvent]) -> Vec<(SongId, f32)> {
    let mut weights: HashMap<SongId, f32> = HashMap::new();
    let mut weight = 1.0;
    for event in history.iter().rev().filter(|e| e.feedback.reward() > 0.0).take(RECENT.0) {
        *weights.entry(event.song).or_default() += weight;
        weight *= RECENT.1;
    }
    let mut seeds: Vec<(SongId, f32)> = weights.into_iter().collect();
    seeds.sort_by_key(|(song, _)| *song);
    seeds
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests")]
mod tests {
    use super::*;
    use crate::data::{SyntheticConfig, synthetic};

    #[test]
    fn permutations_are_numpys() {
        // numpy.random.RandomState(2020).permutation(n), a fresh one for each; numpy 2.3.
        assert_eq!(LegacyPermutations::new(2020).permutation(5), [3, 1, 2, 4, 0]);
        assert_eq!(LegacyPermutations::new(2020).permutation(10), [2, 4, 9, 1, 5, 7, 6, 3, 8, 0]);
        let fifty = [
            25, 13, 26, 37, 41, 19, 12, 0, 16, 45, 40, 18, 34, 43, 17, 36, 2, 30, 14, 23, 4, 22, 31, 21, 38, 39, 35,
            15, 42, 1, 33, 6, 48, 20, 28, 5, 44, 11, 9, 10, 24, 49, 29, 7, 46, 27, 47, 3, 8, 32,
        ];
        assert_eq!(LegacyPermutations::new(2020).permutation(50), fifty);
        // Three in a row from one state, and the next number after them.
        let mut random = LegacyPermutations::new(2020);
        let three: Vec<Vec<usize>> = (0..3).map(|_| random.permutation(7)).collect();
        assert_eq!(three, [vec![5, 4, 1, 2, 3, 6, 0], vec![1, 2, 3, 4, 6, 5, 0], vec![6, 0, 2, 4, 5, 3, 1]]);
        let mut random = LegacyPermutations::new(1);
        assert_eq!((random.permutation(1), random.permutation(6)), (vec![0], vec![2, 1, 4, 0, 3, 5]));
    }

    fn world() -> Dataset {
        synthetic(&SyntheticConfig {
            listeners: 40,
            songs: 120,
            artists: 20,
            events: 2000,
            ..SyntheticConfig::default()
        })
    }

    #[test]
    fn a_fifth_is_held_out_and_nothing_of_it_is_left() {
        let totals = Dataset { clock: Clock::None, ..world() };
        assert_eq!(Protocol::of(&totals), Protocol::RandomFifth);
        let split = |holdout| Protocol::RandomFifth.split(&totals, holdout, 2020).unwrap();
        let (test, valid) = (split(Holdout::Test), split(Holdout::Validation));
        for case in &test.cases {
            let all = plays(totals.events_of(case.listener));
            assert_eq!(case.held_out.len(), all.len() / 5);
            assert_eq!(case.seeds.len() + case.held_out.len(), all.len());
            assert!(case.held_out.iter().all(|song| !case.exclude.contains(song)));
            assert!(test.train.events_of(case.listener).iter().all(|e| !case.held_out.contains(&e.song)));
            // The validation neither trains on the test's songs nor asks for them.
            assert!(valid.train.events_of(case.listener).iter().all(|e| !case.held_out.contains(&e.song)));
            for other in valid.cases.iter().filter(|c| c.listener == case.listener) {
                assert!(other.held_out.iter().chain(&other.exclude).all(|song| !case.held_out.contains(song)));
            }
        }
        assert_eq!(test.cases, split(Holdout::Test).cases);
    }

    #[test]
    fn listeners_are_drawn_by_their_number_in_the_source() {
        let totals = |keys: [&str; 2]| {
            let mut world = Dataset { clock: Clock::None, ..world() };
            world.events.retain(|e| e.listener.0 < 2);
            world.listeners = keys.map(str::to_owned).to_vec();
            random_fifth(&world, 2020).cases
        };
        assert_eq!(totals(["2", "10"]), totals(["a", "b"]), "rising numbers, and names as they come");
        assert_ne!(totals(["10", "2"]), totals(["a", "b"]), "the second listener draws first");
    }

    #[test]
    fn the_last_song_is_held_out_and_the_history_goes_up_to_it() {
        let world = world();
        assert_eq!(Protocol::of(&world), Protocol::LeaveOneOut);
        let test = Protocol::LeaveOneOut.split(&world, Holdout::Test, 0).unwrap();
        let valid = Protocol::LeaveOneOut.split(&world, Holdout::Validation, 0).unwrap();
        assert_eq!(test.train.events, valid.train.events);
        assert_eq!(test.cases.len(), valid.cases.len());
        for (test, valid) in test.cases.iter().zip(&valid.cases) {
            assert_eq!((test.held_out.len(), valid.held_out.len()), (1, 1));
            // For the test, the validation's song is history, with the full weight of the latest.
            let latest = test.seeds.iter().find(|(song, _)| *song == valid.held_out[0]).unwrap();
            assert!(latest.1 >= 1.0);
            assert!(test.seeds.len() <= RECENT.0);
        }
    }

    #[test]
    fn a_sample_keeps_the_order_and_the_number() {
        let mut split = Protocol::LeaveOneOut.split(&world(), Holdout::Test, 0).unwrap();
        let all = split.cases.clone();
        split.sample(7, 3);
        assert_eq!(split.cases.len(), 7);
        assert!(
            split.cases.is_sorted_by_key(|case| case.listener) && split.cases.iter().all(|case| all.contains(case))
        );
        split.sample(100, 3);
        assert_eq!(split.cases.len(), 7);
    }

    #[test]
    fn a_log_of_single_songs_has_nothing_to_hold_out() {
        let mut world = world();
        world.events.dedup_by_key(|e| e.listener);
        for protocol in [Protocol::RandomFifth, Protocol::LeaveOneOut] {
            assert_eq!(protocol.split(&world, Holdout::Test, 0).unwrap_err(), EvalError::NothingHeldOut);
        }
    }
}
