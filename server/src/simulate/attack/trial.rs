//! The attacks against item-embedding updates of a federated round, and how often each is right.
//!
//! Two questions are asked of a cohort. *Membership*: does it hold a listener u with song i in the past, or in u's place a listener v without it? *Label*:
//! does it hold u who heard i, or v who drew i as a negative? Both cohorts are alike but for that one place and the song is the same, so what
//! is popular, and what the others of the cohort did, answers nothing; it is the question that differential privacy bounds. An area of ½ is a guess.
//!
//! Shadow devices for the likelihood ratio are another cohort of the same round, whose pasts the attacker is granted.

use super::suspect::{Shadow, direction, norms};
use crate::eval::{EvalError, auc};
use crate::simulate::pfedrec::{Client, Federation, World};
use serde::Serialize;
use sottovoce::math::{Rng, norm, scale};

/// What reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// One device's clipped update, as without a secure sum.
    Update,
    /// The sum over the cohort.
    Sum,
    /// That sum with Gaussian noise.
    NoisedSum {
        /// Its deviation in each coordinate, in clipping norms.
        sigma: f64,
    },
    /// One device's masked report: uniform in the ring, whatever is under the mask.
    Masked,
}

/// How a trial goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrialConfig {
    /// Devices of the attacked cohort; as many others are shadows.
    pub cohort: usize,
    /// L2 bound of each update.
    pub clip: f32,
    /// Songs asked about of each device.
    pub questions: usize,
    /// Cohorts, questions, noise and masks are drawn from it.
    pub seed: u64,
}

impl Default for TrialConfig {
    fn default() -> Self {
        Self { cohort: 100, clip: 1.0, questions: 20, seed: 0 }
    }
}

/// Areas under the ROC curve by attack.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Areas {
    /// Length of the song's row.
    pub norm: f64,
    /// The row along the direction that rows share.
    pub projection: f64,
    /// Likelihood ratio of both under shadow devices.
    pub ratio: f64,
}

impl Areas {
    /// The strongest attack.
    #[must_use]
    pub fn best(&self) -> f64 {
        self.norm.max(self.projection).max(self.ratio)
    }
}

/// What a view gives away.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Leak {
    /// The view.
    pub view: View,
    /// Is the song in this listener's past?
    pub membership: Areas,
    /// Was the sampled song heard?
    pub label: Areas,
    /// Songs asked about, each once with either answer: of membership, of labels.
    pub questions: [usize; 2],
}

/// What a device would send, its rows clipped as a whole; and who it is.
struct Device {
    songs: Vec<u32>,
    rows: Vec<f32>,
    direction: Vec<f64>,
    past: Vec<u32>,
}

impl Device {
    fn new(client: &Client, past: &[u32], handed_out: &[f32], clip: f32) -> Self {
        let d = client.score.w.len();
        let mut rows = client.rows.clone();
        for (song, row) in client.songs.iter().zip(rows.chunks_exact_mut(d)) {
            row.iter_mut().zip(&handed_out[*song as usize * d..]).for_each(|(tuned, given)| *tuned -= given);
        }
        let length = norm(&rows);
        if length > clip {
            scale(clip / length, &mut rows);
        }
        let mut past = past.to_vec();
        past.sort_unstable();
        past.dedup();
        Self { songs: client.songs.clone(), direction: direction(&rows, d), rows, past }
    }

    fn row(&self, song: u32, d: usize) -> Option<&[f32]> {
        self.songs.binary_search(&song).ok().map(|at| &self.rows[at * d..][..d])
    }

    fn heard(&self, song: u32) -> bool {
        self.past.binary_search(&song).is_ok()
    }
}

/// A cohort, and devices that can stand in for one of its members.
struct Cohort {
    members: Vec<Device>,
    stands_in: Vec<Device>,
    /// m × d.
    sum: Vec<f32>,
    d: usize,
}

/// Attacks the last round of a federation whose devices all took part in it.
///
/// # Errors
/// [`EvalError`]: a row that is not finite.
pub fn trial(world: &World, federation: &Federation, view: View, config: &TrialConfig) -> Result<Leak, EvalError> {
    let rng = Rng::new(config.seed).split("attack");
    let mut order: Vec<usize> = (0..world.listeners.len()).collect();
    rng.split("cohorts").shuffle(&mut order);
    let n = config.cohort.min(order.len() / 4);
    let (cohorts, rest) = order.split_at(2 * n);
    let (half, other_half) = rest.split_at(rest.len() / 2);
    let side = |members: &[usize], stands_in: &[usize], label: &str| {
        let cohort = Cohort::new(world, federation, members, stands_in, config.clip);
        cohort.features(view, config, &mut rng.split(label))
    };
    let (asked, known) = (side(&cohorts[..n], half, "attacked"), side(&cohorts[n..], other_half, "shadows"));
    let [membership, label] = [0, 1].map(|kind| areas(&asked[kind], &known[kind]));
    let questions = [0, 1].map(|kind: usize| asked[kind].len() / 2);
    Ok(Leak { view, membership: membership?, label: label?, questions })
}

/// The features of a song's row, and whether the hypothesis holds.
type Seen = ([f64; 2], bool);

impl Cohort {
    fn new(world: &World, federation: &Federation, members: &[usize], stands_in: &[usize], clip: f32) -> Self {
        let device =
            |i: &usize| Device::new(&federation.clients[*i], &world.listeners[*i].train, &federation.handed_out, clip);
        let members: Vec<Device> = members.iter().map(device).collect();
        let d = federation.clients.first().map_or(1, |client| client.score.w.len());
        let mut sum = vec![0.0f32; federation.handed_out.len()];
        for member in &members {
            for (song, row) in member.songs.iter().zip(member.rows.chunks_exact(d)) {
                sum[*song as usize * d..][..d].iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
            }
        }
        Self { members, stands_in: stands_in.iter().map(device).collect(), sum, d }
    }

    /// For membership and label: each song as it looks with the member in the cohort, and with another in the member's place.
    fn features(&self, view: View, config: &TrialConfig, rng: &mut Rng) -> [Vec<Seen>; 2] {
        let shared = match view {
            View::NoisedSum { sigma } => {
                let mut noised = self.sum.clone();
                noised.iter_mut().for_each(|v| *v += noise(sigma, config.clip, rng));
                direction(&noised, self.d)
            }
            _ => direction(&self.sum, self.d),
        };
        let mut found = [vec![], vec![]];
        for member in &self.members {
            let mut songs = member.past.clone();
            rng.shuffle(&mut songs);
            songs.truncate(config.questions);
            for song in songs {
                let kinds: [&dyn Fn(&Device) -> bool; 2] =
                    [&|v| !v.heard(song), &|v| !v.heard(song) && v.row(song, self.d).is_some()];
                for (found, fits) in found.iter_mut().zip(kinds) {
                    let fitting: Vec<&Device> = self.stands_in.iter().filter(|v| fits(v)).collect();
                    let pick = rng.below(u32::try_from(fitting.len()).unwrap_or(u32::MAX)) as usize;
                    let Some(other) = fitting.get(pick) else { continue };
                    for (seen, answer) in [(member, true), (*other, false)] {
                        found.push((self.look(song, member, seen, &shared, view, config, rng), answer));
                    }
                }
            }
        }
        found
    }

    /// A song's row where `present` stands in `member`'s place.
    #[allow(clippy::too_many_arguments, reason = "what is looked at, and how")]
    fn look(
        &self,
        song: u32,
        member: &Device,
        present: &Device,
        shared: &[f64],
        view: View,
        config: &TrialConfig,
        rng: &mut Rng,
    ) -> [f64; 2] {
        let own = |device: &Device| device.row(song, self.d).map_or_else(|| vec![0.0; self.d], <[f32]>::to_vec);
        let swapped = || {
            let rows = self.sum[song as usize * self.d..][..self.d].iter().zip(own(member)).zip(own(present));
            rows.map(|((sum, gone), come)| sum - gone + come)
        };
        let (row, u): (Vec<f32>, &[f64]) = match view {
            View::Update => (own(present), &present.direction),
            View::Sum => (swapped().collect(), shared),
            View::NoisedSum { sigma } => (swapped().map(|v| v + noise(sigma, config.clip, rng)).collect(), shared),
            View::Masked => (own(present).iter().map(|v| wrapped(*v, config.clip, rng)).collect(), shared),
        };
        [norms(&row, self.d)[0], row.iter().zip(u).map(|(v, u)| f64::from(*v) * u).sum()]
    }
}

#[allow(clippy::cast_possible_truncation, reason = "noise in f32")]
pub(super) fn noise(sigma: f64, clip: f32, rng: &mut Rng) -> f32 {
    sigma as f32 * clip * rng.normal()
}

/// A value under a mask: plus a uniform number, modulo the ring, of which [−clip, clip) is the whole.
pub(super) fn wrapped(value: f32, clip: f32, rng: &mut Rng) -> f32 {
    let ring = 2.0 * clip;
    (value + clip + ring * rng.uniform()).rem_euclid(ring) - clip
}

fn areas(asked: &[Seen], known: &[Seen]) -> Result<Areas, EvalError> {
    let labels: Vec<bool> = asked.iter().map(|(_, answer)| *answer).collect();
    let area = |score: &dyn Fn(&[f64; 2]) -> f64| {
        let scores: Vec<f64> = asked.iter().map(|(features, _)| score(features)).collect();
        auc(&scores, &labels)
    };
    let known: Vec<(Vec<f64>, bool)> = known.iter().map(|(features, answer)| (features.to_vec(), *answer)).collect();
    let shadow = Shadow::fit(&known);
    Ok(Areas {
        norm: area(&|f| f[0])?,
        projection: area(&|f| f[1])?,
        ratio: area(&|f| shadow.as_ref().map_or(0.0, |shadow| shadow.ratio(f)))?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::data::{SyntheticConfig, synthetic};
    use crate::simulate::pfedrec::{FederationConfig, Holding};

    #[test]
    fn an_update_tells_and_what_the_server_sees_does_not() {
        let config = SyntheticConfig { listeners: 240, songs: 600, artists: 60, events: 9_000, ..Default::default() };
        let world = World::new(&synthetic(&config), Holding::Clean, 1).unwrap();
        let mut federation = Federation::new(&world, FederationConfig { dimension: 8, ..Default::default() });
        (0..5).for_each(|_| assert!(federation.round(&world).is_finite()));
        let config = TrialConfig { cohort: 60, ..TrialConfig::default() };
        let leak = |view| {
            let leak = trial(&world, &federation, view, &config).unwrap();
            println!("{leak:?}");
            leak
        };
        let open = leak(View::Update);
        assert!(open.membership.best() > 0.9 && open.label.best() > 0.9, "the attack must be able to succeed");
        assert!(leak(View::Sum).membership.best() > 0.55, "a sum alone is no protection of rare songs");
        for hidden in [leak(View::NoisedSum { sigma: 1.0 }), leak(View::Masked)] {
            assert!(hidden.membership.best() <= 0.55 && hidden.label.best() <= 0.55);
            assert!(hidden.questions.iter().all(|n| *n > 300));
        }
    }
}
