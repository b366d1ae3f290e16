//! Listeners and held-out songs for measuring a two-tower model, in the protocol of whoever published the split: songs to be found
//! among all songs, or among ninety-nine others.

use crate::catalog::{SHARD_SONGS, ShardError, Song, shards};
use crate::data::{Dataset, FixedSplit, ListenerId, LoggedEvent, leave_one_out};
use rayon::prelude::*;
use serde::Serialize;
use sottovoce::client::{Past, Remembered, Resident};
use sottovoce::ids::SongId;
use sottovoce::math::{Rng, top_k};
use sottovoce::session::{Impression, ListenEvent};
use sottovoce::tower::{Context, UserTower, Utility};

/// What is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// For choosing settings.
    Valid,
    /// For reporting.
    Test,
    /// For reporting where training stops by validation: the test's questions, beside those of the validation, on what leaves both out.
    Stopped,
}

/// One question: what was heard, and what has to be found.
#[derive(Clone, Debug)]
struct Case {
    listener: usize,
    events: Vec<Remembered>,
    held_out: Vec<SongId>,
    /// The others of a sampled ranking.
    among: Vec<SongId>,
}

/// Everyone's training past, and the questions.
#[derive(Clone, Debug)]
pub struct SplitWorld {
    /// The catalogue.
    pub songs: Vec<Song>,
    /// How often each song is in the training part.
    pub plays: Vec<u32>,
    /// What each device remembers.
    pub logs: Vec<Vec<Remembered>>,
    /// Whether the order means anything; where not, a device meets its past in a new order every round.
    pub ordered: bool,
    /// Places of the list that is measured.
    pub cut: usize,
    cases: Vec<Case>,
    /// The questions that say when to stop.
    choosing: Vec<Case>,
}

/// Mean quality over questions.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Worth {
    /// NDCG at the world's cut, all songs ranked.
    pub ndcg: f64,
    /// Share of questions with a hit.
    pub hr: f64,
    /// Share of the held-out songs that are found.
    pub recall: f64,
    /// NDCG@10 among the sampled others; NaN-free: 0 where there are none.
    pub sampled_ndcg10: f64,
    /// HR@10 among the sampled others.
    pub sampled_hr10: f64,
    /// How many questions.
    pub cases: usize,
}

fn remembered(event: &LoggedEvent) -> Remembered {
    let impression = Impression { song: event.song, slot: 0, at: event.at };
    Remembered {
        event: ListenEvent { impression, feedback: event.feedback, at: event.at },
        context: Context::default(),
    }
}

impl SplitWorld {
    /// Each listener's last finished song, among all and among `samples` where there are any (by listener key).
    #[must_use]
    pub fn next_song(data: &Dataset, part: Part, samples: &std::collections::HashMap<String, Vec<String>>) -> Self {
        // Training leaves both held-out songs out, whichever is asked for.
        let split = leave_one_out(data);
        let by_key: std::collections::HashMap<&str, SongId> = data.songs.iter().map(|s| (&s.key[..], s.id)).collect();
        let case = |part: Part, listener: usize, held: &Option<crate::data::HeldOut>| {
            let held = (*held)?;
            let log = data.events_of(ListenerId(u32::try_from(listener).ok()?));
            let (song, before) = match part {
                Part::Valid => (held.valid, held.before_valid),
                Part::Test | Part::Stopped => (held.test, held.before_test),
            };
            let others = samples.get(&data.listeners[listener]).into_iter().flatten();
            let among = others.filter_map(|key| by_key.get(&key[..]).copied()).collect();
            let events = log[..before].iter().map(remembered).collect();
            Some(Case { listener, events, held_out: vec![song], among })
        };
        let cases = |part| (0..).zip(&split.held_out).filter_map(|(i, held)| case(part, i, held)).collect();
        let choosing = if part == Part::Stopped { cases(Part::Valid) } else { Vec::new() };
        Self { choosing, ..Self::of(&split.train, cases(part), true, 10) }
    }

    /// A published split of unordered totals. For choosing settings, a tenth of each listener's training songs is held out instead; for stopping,
    /// that tenth is not trained on either, and is part of what is known when the test's questions are asked.
    #[must_use]
    pub fn fixed(split: &FixedSplit, part: Part, seed: u64) -> Self {
        let mut train = split.train.clone();
        let mut chosen = vec![Vec::new(); split.test.len()];
        if part != Part::Test {
            let rng = Rng::new(seed).split("validation");
            let mut kept = Vec::new();
            for (held, listener) in chosen.iter_mut().zip(0u32..) {
                let mut log = split.train.events_of(ListenerId(listener)).to_vec();
                rng.split_at(listener.into()).shuffle(&mut log);
                let out = log.len() / 10;
                *held = log[..out].iter().map(|e| e.song).collect();
                kept.extend_from_slice(&log[out..]);
            }
            train.events = kept;
        }
        let cases = |known: &Dataset, held_out: &[Vec<SongId>]| -> Vec<Case> {
            let asked = held_out.iter().zip(0u32..).filter(|(held, _)| !held.is_empty());
            let case = |(held, listener): (&Vec<SongId>, u32)| {
                let events = known.events_of(ListenerId(listener)).iter().map(remembered).collect();
                Case { listener: listener as usize, events, held_out: held.clone(), among: Vec::new() }
            };
            asked.map(case).collect()
        };
        let (asked, choosing) = match part {
            Part::Test => (cases(&train, &split.test), Vec::new()),
            Part::Valid => (cases(&train, &chosen), Vec::new()),
            Part::Stopped => (cases(&split.train, &split.test), cases(&train, &chosen)),
        };
        Self { choosing, ..Self::of(&train, asked, false, 20) }
    }

    fn of(train: &Dataset, cases: Vec<Case>, ordered: bool, cut: usize) -> Self {
        let mut plays = vec![0; train.songs.len()];
        train.events.iter().for_each(|event| plays[event.song.0 as usize] += 1);
        let listeners = (0..train.listeners.len()).filter_map(|i| u32::try_from(i).ok());
        let logs = listeners.map(|i| train.events_of(ListenerId(i)).iter().map(remembered).collect()).collect();
        Self { songs: train.songs.clone(), plays, logs, ordered, cut, cases, choosing: Vec::new() }
    }

    /// Popularity of each song, as a catalogue has it.
    ///
    /// # Errors
    /// [`ShardError`].
    pub fn popularity(&self) -> Result<Vec<f32>, ShardError> {
        let rows = vec![0.0; self.songs.len()];
        let shards = shards(&self.songs, &rows, 1, &self.plays, SHARD_SONGS)?;
        Ok(shards.into_iter().flat_map(|shard| shard.popularity).collect())
    }

    /// The songs as devices hold them once these embeddings are published.
    ///
    /// # Errors
    /// [`ShardError`].
    pub fn items(&self, rows: &[f32]) -> Result<Resident, ShardError> {
        let mut items = Resident::default();
        for shard in shards(&self.songs, rows, rows.len() / self.songs.len().max(1), &self.plays, SHARD_SONGS)? {
            items.add(&shard);
        }
        Ok(items)
    }

    /// The past of one device, in an order drawn by `rng` where the log tells none.
    #[must_use]
    pub fn past(&self, listener: usize, items: &Resident, rng: &mut Rng) -> Past {
        if self.ordered {
            return Past::new(&self.logs[listener], items);
        }
        let mut log = self.logs[listener].clone();
        rng.shuffle(&mut log);
        Past::new(&log, items)
    }

    /// What a tower's lists are worth, over songs as devices hold them.
    #[must_use]
    pub fn measure(&self, tower: &UserTower, items: &Resident) -> Worth {
        self.measure_where(tower, items, |_| true)
    }

    /// The same on the questions that say when to stop; all zero where the world has none.
    #[must_use]
    pub fn choose(&self, tower: &UserTower, items: &Resident) -> Worth {
        self.worth(tower, items, &self.choosing, |_| true)
    }

    /// As [`SplitWorld::measure`], of the listeners that `wanted` says.
    #[must_use]
    pub fn measure_where(&self, tower: &UserTower, items: &Resident, wanted: impl Fn(usize) -> bool + Sync) -> Worth {
        self.worth(tower, items, &self.cases, wanted)
    }

    /// Share of the listeners who do not know this song, of those that `wanted` says, whose first `k` songs hold it.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts of listeners")]
    pub fn exposure(
        &self,
        tower: &UserTower,
        items: &Resident,
        song: SongId,
        k: usize,
        wanted: impl Fn(usize) -> bool + Sync,
    ) -> f64 {
        let knows = |case: &Case| case.events.iter().any(|event| event.event.impression.song == song);
        let shown = |case: &Case| {
            let mut best = Vec::new();
            top_k(&scores(case, tower, items, &[]), k, &mut best);
            best.iter().any(|slot| items.song(*slot) == song)
        };
        let asked: Vec<&Case> = self.cases.iter().filter(|case| wanted(case.listener) && !knows(case)).collect();
        asked.par_iter().filter(|case| shown(case)).count() as f64 / asked.len().max(1) as f64
    }

    #[allow(clippy::cast_precision_loss, reason = "counts of songs and listeners")]
    fn worth(
        &self,
        tower: &UserTower,
        items: &Resident,
        cases: &[Case],
        wanted: impl Fn(usize) -> bool + Sync,
    ) -> Worth {
        let worths: Vec<Worth> = cases
            .par_iter()
            .filter(|case| wanted(case.listener))
            .map(|case| {
                let target = |song: &SongId| case.held_out.contains(song);
                let slot = |song: SongId| items.slot(song).map(|s| s as usize);
                let scores = scores(case, tower, items, &case.held_out);
                let mut best = Vec::new();
                top_k(&scores, self.cut, &mut best);
                let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
                let hits = best.iter().enumerate().filter(|(_, slot)| target(&items.song(**slot)));
                let (found, gained) = hits.fold((0.0, 0.0), |(n, g), (place, _)| (n + 1.0, g + gain(place)));
                let ideal: f64 = (0..self.cut.min(case.held_out.len())).map(gain).sum();
                let mut worth = Worth {
                    ndcg: gained / ideal,
                    hr: f64::from(u8::from(found > 0.0)),
                    recall: found / case.held_out.len() as f64,
                    ..Worth::default()
                };
                if let (Some(own), false) = (slot(case.held_out[0]), case.among.is_empty()) {
                    // A tie counts as lost.
                    let others = case.among.iter().filter_map(|song| slot(*song)).filter(|other| *other != own);
                    let rank = others.filter(|other| scores[*other] >= scores[own]).count();
                    if rank < 10 {
                        (worth.sampled_hr10, worth.sampled_ndcg10) = (1.0, gain(rank));
                    }
                }
                worth
            })
            .collect();
        let n = worths.len().max(1) as f64;
        let mean = |of: fn(&Worth) -> f64| worths.iter().map(of).sum::<f64>() / n;
        Worth {
            ndcg: mean(|w| w.ndcg),
            hr: mean(|w| w.hr),
            recall: mean(|w| w.recall),
            sampled_ndcg10: mean(|w| w.sampled_ndcg10),
            sampled_hr10: mean(|w| w.sampled_hr10),
            cases: worths.len(),
        }
    }
}

/// What a tower thinks of every song, those heard left out but for `kept`.
fn scores(case: &Case, tower: &UserTower, items: &Resident, kept: &[SongId]) -> Vec<f32> {
    let past = Past::new(&case.events, items);
    let user =
        tower.embed(&past.input(past.len(), Context::default()), Utility { complete: 1.0, like: 0.0, skip: 0.0 });
    let mut scores = Vec::new();
    items.blocks().dot_max(&user.queries, &mut scores);
    scores.iter_mut().zip(items.popularity()).for_each(|(s, p)| *s += user.popularity * p);
    for event in &case.events {
        let song = event.event.impression.song;
        if let Some(slot) = items.slot(song).filter(|_| !kept.contains(&song)) {
            scores[slot as usize] = f32::NEG_INFINITY;
        }
    }
    scores
}
