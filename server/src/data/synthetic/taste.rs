//! What a listener of the synthetic world likes, and when.

use super::stock::{DIMENSION, Stock, near};
use sottovoce::ids::Millis;
use sottovoce::math::{Real, Rng, axpy, dot, normalize};

const HOUR_MS: u64 = 3_600_000;
/// A song off the hour of its interest, or of the faintest interest, loses so much affinity at most.
const OFF_HOUR: f32 = 0.2;

/// One interest: a direction that drifts, a weight, and hours of the day.
#[derive(Clone, Debug)]
struct Interest {
    from: [f32; DIMENSION],
    to: [f32; DIMENSION],
    /// Its genre at the start and at the end.
    genres: (usize, usize),
    /// Next to the listener's strongest interest, which has 1.
    weight: f32,
    /// The hour it is strongest at, and how far around it it reaches.
    hour: f32,
    width: f32,
}

/// The tastes of one listener.
#[derive(Clone, Debug)]
pub(super) struct Taste {
    interests: Vec<Interest>,
    /// The affinity at which a song is as often finished as skipped.
    pub(super) threshold: f32,
    /// How readily this listener presses the heart.
    pub(super) liking: f32,
    /// How much this listener listens, next to the others.
    pub(super) activity: f32,
}

impl Taste {
    /// Two to four interests, each near an artist of the catalogue and drifting towards another.
    pub(super) fn new(stock: &Stock, rng: &mut Rng) -> Self {
        let mut interests: Vec<Interest> = (0..2 + rng.below(3))
            .map(|_| {
                let home = stock.draw_artist(rng);
                let mut away = stock.draw_artist(rng);
                // Most tastes move within a genre, some leave it.
                for _ in 0..40 {
                    if stock.artist_genre[away] == stock.artist_genre[home] || rng.uniform() < 0.02 {
                        break;
                    }
                    away = stock.draw_artist(rng);
                }
                Interest {
                    from: near(&stock.artist_vectors[home], 0.3, rng),
                    to: near(&stock.artist_vectors[away], 0.3, rng),
                    genres: (stock.artist_genre[home], stock.artist_genre[away]),
                    weight: 0.15 + rng.uniform(),
                    hour: [8.0, 13.0, 18.0, 22.0][rng.below(4) as usize] + 1.5 * rng.normal(),
                    width: 2.0 + 3.0 * rng.uniform(),
                }
            })
            .collect();
        let strongest = interests.iter().map(|i| i.weight).fold(f32::MIN, f32::max);
        interests.iter_mut().for_each(|i| i.weight /= strongest);
        Self {
            interests,
            threshold: 0.5 + 0.08 * rng.normal(),
            liking: 0.4 * rng.uniform(),
            activity: Real::exp(0.8 * rng.normal()),
        }
    }

    /// How much the listener would like to hear a song now, from about −1.2 to 1: the cosine with the nearest interest
    /// as it stands now, less up to 0.2 where that interest is faint or it is not its time of day.
    pub(super) fn affinity(&self, song: &[f32], drifted: f32, hour: f32) -> f32 {
        let scores = self.interests.iter().map(|interest| {
            let mut now = interest.from;
            now.iter_mut().for_each(|x| *x *= 1.0 - drifted);
            axpy(drifted, &interest.to, &mut now);
            normalize(&mut now);
            let presence = 0.5 * (interest.weight + interest.at(hour));
            dot(&now, song) - OFF_HOUR * (1.0 - presence)
        });
        scores.fold(f32::MIN, f32::max)
    }

    /// The genre that a session of this listener turns around, and the hour it starts at.
    pub(super) fn draw_session(&self, drifted: f32, rng: &mut Rng) -> (usize, f32) {
        let total: f32 = self.interests.iter().map(|i| i.weight).sum();
        let mut x = rng.uniform() * total;
        let chosen = self.interests.iter().find(|i| {
            x -= i.weight;
            x < 0.0
        });
        let Some(interest) = chosen.or(self.interests.last()) else {
            return (0, 12.0);
        };
        let genre = if rng.uniform() < drifted { interest.genres.1 } else { interest.genres.0 };
        (genre, (interest.hour + interest.width * rng.normal()).rem_euclid(24.0))
    }
}

impl Interest {
    /// From 0 to 1, by distance around the clock.
    fn at(&self, hour: f32) -> f32 {
        let apart = (hour - self.hour).rem_euclid(24.0);
        let apart = apart.min(24.0 - apart) / self.width;
        Real::exp(-0.5 * apart * apart)
    }
}

/// The hour of the day, from 0 to 24, in a world without time zones.
#[allow(clippy::cast_precision_loss, reason = "milliseconds of a day, shown to the second")]
pub(super) fn hour_of(at: Millis) -> f32 {
    (at.0 % (24 * HOUR_MS)) as f32 / HOUR_MS as f32
}
