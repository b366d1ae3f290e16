//! The world: its listeners listen, and would react to any song.

use super::config::SyntheticConfig;
use super::stock::Stock;
use super::taste::{Taste, hour_of};
use crate::catalog::Graph;
use crate::data::{Clock, Dataset, ListenerId, LoggedEvent};
use sottovoce::ids::{Millis, SongId};
use sottovoce::math::{Real, Rng, sigmoid};
use sottovoce::session::{Feedback, Fraction};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
/// How sharply affinity decides between skip and completion, and the noise on top (both in logits).
const SHARPNESS: f32 = 7.0;
const NOISE: f32 = 0.5;
/// How often a session returns to a song that the listener finished before.
const REPEATS: f32 = 0.22;
/// A listener picks among so many songs, this sharply.
const CHOICES: (usize, f32) = (5, 5.0);

/// A synthetic world: the log that it left, and the tastes behind it.
#[derive(Clone, Debug)]
pub struct World {
    config: SyntheticConfig,
    stock: Stock,
    tastes: Vec<Taste>,
    dataset: Dataset,
}

/// The log of a synthetic world. Use [`World`] where the tastes are wanted too.
///
/// # Example
/// ```
/// use sottovoce_server::data::{SyntheticConfig, synthetic};
/// let small = SyntheticConfig { listeners: 10, songs: 100, events: 500, ..SyntheticConfig::default() };
/// assert_eq!(synthetic(&small), synthetic(&small));
/// ```
#[must_use]
pub fn synthetic(config: &SyntheticConfig) -> Dataset {
    World::new(config).dataset
}

impl World {
    /// Midnight of Monday, 7 September 2026, when every synthetic log begins.
    pub const START: Millis = Millis(20_703 * DAY_MS);

    /// Makes the catalogue, then the listeners, then lets each of them listen.
    #[must_use]
    pub fn new(config: &SyntheticConfig) -> Self {
        let stock = Stock::new(config);
        let rng = Rng::new(config.seed);
        let people = rng.split("people");
        let tastes: Vec<Taste> =
            (0..config.listeners).map(|i| Taste::new(&stock, &mut people.split_at(i.into()))).collect();
        let dataset = Dataset {
            name: "synthetic".to_owned(),
            songs: stock.songs.clone(),
            artists: stock.artists.clone(),
            listeners: (1..=config.listeners).map(|n| format!("listener-{n:03}")).collect(),
            events: Vec::new(),
            clock: Clock::Real,
            graph: Graph::default(),
            friends: Vec::new(),
        };
        let mut world = Self { config: config.clone(), stock, tastes, dataset };
        let listening = rng.split("listening");
        let total: f32 = world.tastes.iter().map(|t| t.activity).sum();
        let mut events = Vec::with_capacity(config.events as usize);
        for id in 0..config.listeners {
            let taste = &world.tastes[id as usize];
            let share = whole(f64::from(config.events) * f64::from(taste.activity / total)).max(8);
            world.listen(ListenerId(id), share, &mut listening.split_at(id.into()), &mut events);
        }
        world.dataset.events = events;
        world
    }

    /// The catalogue and the log.
    #[must_use]
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The moment after which nothing was logged and no interest drifts further.
    #[must_use]
    pub fn end(&self) -> Millis {
        Millis(Self::START.0 + u64::from(self.config.days.max(1)) * DAY_MS)
    }

    /// How much a listener would like to hear a song at a time, from about −1.2 to 1. The hour of the day matters, and
    /// how far the listener's interests have drifted by then.
    ///
    /// # Panics
    /// Where the world has no such listener or song.
    #[must_use]
    pub fn affinity(&self, listener: ListenerId, song: SongId, at: Millis) -> f32 {
        let taste = &self.tastes[listener.0 as usize];
        taste.affinity(self.stock.vector(song), self.drifted(at), hour_of(at))
    }

    /// What a listener does with a song that is put before them: finishes it with a probability that is logistic in the
    /// affinity, with noise; sometimes a heart after a finished one, a ban after a skipped one.
    ///
    /// # Panics
    /// As [`World::affinity`].
    pub fn react(&self, listener: ListenerId, song: SongId, at: Millis, rng: &mut Rng) -> Feedback {
        let taste = &self.tastes[listener.0 as usize];
        let affinity = self.affinity(listener, song, at);
        let p = sigmoid(SHARPNESS * (affinity - taste.threshold) + NOISE * rng.normal());
        if rng.uniform() < p {
            let heart = taste.liking * sigmoid(10.0 * (affinity - 0.7));
            if rng.uniform() < heart { Feedback::Like } else { Feedback::Complete }
        } else if rng.uniform() < 0.03 * (1.0 - p) {
            Feedback::Dislike
        } else {
            // The less it fits, the sooner it is left.
            Feedback::Skip { heard: Fraction::new(rng.uniform() * (0.1 + 0.8 * p)) }
        }
    }

    /// How far interests have drifted, from 0 at the start to 1 at the end and after.
    #[allow(clippy::cast_precision_loss, reason = "a share of the log's weeks")]
    fn drifted(&self, at: Millis) -> f32 {
        let span = self.end().since(Self::START) as f32;
        (at.since(Self::START) as f32 / span).clamp(0.0, 1.0)
    }

    /// One listener's log: sessions at their hours, each around one interest.
    fn listen(&self, listener: ListenerId, events: u32, rng: &mut Rng, log: &mut Vec<LoggedEvent>) {
        let taste = &self.tastes[listener.0 as usize];
        let days = self.config.days.max(1);
        let mut sessions: Vec<(u64, usize, u32)> = Vec::new();
        let mut left = events;
        while left > 0 {
            let songs = (4 + rng.below(9) + rng.below(9)).min(left);
            let day = rng.below(days);
            let start = Self::START.0 + u64::from(day) * DAY_MS;
            let (genre, hour) = taste.draw_session(self.drifted(Millis(start)), rng);
            sessions.push((start + u64::from(whole(f64::from(hour) * 3_600_000.0)), genre, songs));
            left -= songs;
        }
        sessions.sort_unstable();
        let mut shelf: Vec<SongId> = Vec::new();
        let mut now = 0;
        for (session, (start, genre, songs)) in (0u32..).zip(sessions) {
            // Nobody hears two sessions at once; the pause keeps them two.
            now = start.max(now + 31 * MINUTE_MS);
            let mut heard: Vec<SongId> = Vec::new();
            for _ in 0..songs {
                let song = self.choose(listener, genre, Millis(now), &shelf, &heard, rng);
                heard.push(song);
                let feedback = self.react(listener, song, Millis(now), rng);
                let there = self.stock.songs[song.0 as usize].duration_ms.unwrap_or(0);
                let played = match feedback {
                    Feedback::Skip { heard } => whole(f64::from(heard.get()) * f64::from(there)),
                    Feedback::Dislike => there / 20,
                    _ => there,
                };
                if matches!(feedback, Feedback::Complete | Feedback::Like) && !shelf.contains(&song) {
                    shelf.push(song);
                }
                log.push(LoggedEvent {
                    listener,
                    song,
                    at: Millis(now),
                    feedback,
                    plays: 1,
                    played: Some((played, there)),
                    session,
                });
                now += u64::from(played) + 500 + u64::from(rng.below(3_000));
            }
        }
    }

    /// A song that the session has not had: an old favourite, or the best-liked of a few that come along.
    fn choose(
        &self,
        listener: ListenerId,
        genre: usize,
        now: Millis,
        shelf: &[SongId],
        heard: &[SongId],
        rng: &mut Rng,
    ) -> SongId {
        let again = !shelf.is_empty() && rng.uniform() < REPEATS;
        let mut best = (f32::MIN, None);
        for _ in 0..CHOICES.0 {
            let song = if again {
                shelf[rng.below(u32::try_from(shelf.len()).unwrap_or(u32::MAX)) as usize]
            } else {
                let around = (rng.uniform() < 0.75).then_some(genre);
                self.stock.draw_song(around, rng)
            };
            // The largest of scores with Gumbel noise is a draw from their softmax.
            let gumbel = -Real::ln(-Real::ln(rng.uniform().max(1e-7)));
            let score = CHOICES.1 * self.affinity(listener, song, now) + gumbel;
            if score > best.0 && !heard.contains(&song) {
                best = (score, Some(song));
            }
        }
        best.1.unwrap_or_else(|| self.stock.draw_song(None, rng))
    }
}

/// Down to a whole number; negative ones become 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn whole(value: f64) -> u32 {
    value as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use sottovoce::session::Behaviour;

    fn small() -> SyntheticConfig {
        SyntheticConfig { listeners: 60, songs: 600, artists: 60, events: 9_000, ..SyntheticConfig::default() }
    }

    #[test]
    fn the_same_seed_gives_the_same_world_and_another_seed_another() {
        assert_eq!(synthetic(&small()), synthetic(&small()));
        assert_ne!(synthetic(&small()).events, synthetic(&SyntheticConfig { seed: 1, ..small() }).events);
    }

    #[test]
    fn the_log_keeps_the_rules_of_a_data_set() {
        let data = synthetic(&small());
        assert!(data.events.is_sorted_by_key(|e| (e.listener, e.at)));
        assert!(data.songs.iter().zip(0..).all(|(song, i)| song.id == SongId(i)));
        assert_eq!(data.listeners.len(), 60);
        assert!(data.events.len().abs_diff(9_000) < 100, "{}", data.events.len());
        for pair in data.events.windows(2).filter(|pair| pair[0].listener == pair[1].listener) {
            let apart = pair[1].at.since(pair[0].at) > 30 * MINUTE_MS;
            assert_eq!(apart, pair[1].session != pair[0].session, "a gap of 30 minutes is a new session: {pair:?}");
        }
    }

    #[test]
    fn liked_songs_are_finished_and_others_skipped() {
        let world = World::new(&small());
        let mut finished = [(0u32, 0u32); 3];
        let mut counts = [0u32; Behaviour::COUNT];
        for event in &world.dataset().events {
            let affinity = world.affinity(event.listener, event.song, event.at);
            let bucket = if affinity < 0.3 {
                0
            } else if affinity < 0.6 {
                1
            } else {
                2
            };
            let done = matches!(event.feedback, Feedback::Complete | Feedback::Like);
            finished[bucket].0 += u32::from(done);
            finished[bucket].1 += 1;
            counts[event.feedback.behaviour() as usize] += 1;
        }
        let rate = finished.map(|(done, all)| f64::from(done) / f64::from(all));
        assert!(rate[0] < 0.25 && rate[2] > 0.7 && rate[1] > rate[0] && rate[1] < rate[2], "{rate:?}");
        // The log holds what was played: songs that were only shown leave no line in it.
        for behaviour in Behaviour::ALL {
            assert_eq!(counts[behaviour as usize] > 0, behaviour != Behaviour::Ignore, "{behaviour:?} in {counts:?}");
        }
    }

    #[test]
    fn interests_drift_and_keep_hours() {
        let world = World::new(&small());
        let (mut by_day, mut by_hour) = (0.0f32, 0.0f32);
        for listener in (0..60).map(ListenerId) {
            for song in (0..600).step_by(40).map(SongId) {
                let at = |ms| world.affinity(listener, song, Millis(ms));
                let start = World::START.0 + 8 * 60 * MINUTE_MS;
                by_day = by_day.max((at(start) - at(start + 55 * DAY_MS)).abs());
                by_hour = by_hour.max((at(start) - at(start + 12 * 60 * MINUTE_MS)).abs());
            }
        }
        assert!(by_day > 0.3 && by_hour > 0.05, "{by_day} {by_hour}");
    }

    #[test]
    fn tiny_and_odd_worlds_stand() {
        for (listeners, songs, artists, days) in [(0, 0, 0, 0), (1, 1, 9, 1), (3, 2, 1, 0)] {
            let config = SyntheticConfig { listeners, songs, artists, days, events: 20, seed: 5 };
            let data = synthetic(&config);
            assert_eq!(data.songs.len(), songs.max(1) as usize);
            assert!(data.events.len() >= 8 * listeners as usize);
        }
    }
}
