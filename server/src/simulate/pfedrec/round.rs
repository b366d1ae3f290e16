//! The server of PFedRec (Algorithm 1): hand out the item embeddings, average what comes back. Of a device it sees its item rows (under a
//! secure sum only their total) and never the score function, unless the ablation without that half asks for it.

use super::client::{Client, LocalConfig, Personal, Score};
use super::world::World;
use rayon::prelude::*;
use sottovoce::math::Rng;

/// How rounds go.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FederationConfig {
    /// d.
    pub dimension: usize,
    /// Share of the listeners in each round, all where it is 1.
    pub share: f32,
    /// What each does.
    pub local: LocalConfig,
    /// What each keeps to itself.
    pub personal: Personal,
    /// Start, samples and cohorts are drawn from it.
    pub seed: u64,
}

impl Default for FederationConfig {
    fn default() -> Self {
        let personal = Personal { score: true, items: true };
        Self { dimension: 32, share: 1.0, local: LocalConfig::default(), personal, seed: 0 }
    }
}

/// The server's table, and every device's own state.
#[derive(Clone, Debug)]
pub struct Federation {
    /// By listener of the world.
    pub clients: Vec<Client>,
    /// The averaged item embeddings, m × d.
    pub items: Vec<f32>,
    /// The table that the last round began with: what a device's tuned rows lie upon.
    pub handed_out: Vec<f32>,
    config: FederationConfig,
    rounds: u64,
}

/// Devices whose rows are in memory at once, beside their own state.
const BLOCK: usize = 64;

impl Federation {
    /// Before the first round: normal item rows, one score function for all.
    #[must_use]
    pub fn new(world: &World, config: FederationConfig) -> Self {
        let mut rng = Rng::new(config.seed).split("pfedrec start");
        let score = Score::random(config.dimension, &mut rng);
        let items: Vec<f32> = (0..world.songs as usize * config.dimension).map(|_| rng.normal()).collect();
        let clients = vec![Client::new(score); world.listeners.len()];
        Self { clients, handed_out: items.clone(), items, config, rounds: 0 }
    }

    /// One round over a drawn cohort; the mean of the devices' losses.
    ///
    /// The averages are sums in the order of the listeners, so the threads that trained them leave no trace in the bits.
    pub fn round(&mut self, world: &World) -> f64 {
        let round = Rng::new(self.config.seed).split("pfedrec rounds").split_at(self.rounds);
        self.rounds += 1;
        let cohort = self.cohort(&mut round.split("cohort"));
        self.handed_out.copy_from_slice(&self.items);
        let d = self.config.dimension;
        let (table, local) = (&self.handed_out, &self.config.local);
        let mut sum = vec![0.0f32; table.len()];
        let (mut mean, mut loss) = (Score { w: vec![0.0; d], b: 0.0 }, 0.0);
        for block in cohort.chunks(BLOCK) {
            let trained: Vec<(Client, f64)> = block
                .par_iter()
                .map(|i| {
                    let mut client = Client::new(self.clients[*i].score.clone());
                    let mut rng = round.split_at(*i as u64);
                    let loss = client.train(&world.listeners[*i], table, local, &mut rng);
                    (client, loss)
                })
                .collect();
            for (i, (client, own)) in block.iter().zip(trained) {
                for (song, row) in client.songs.iter().zip(client.rows.chunks_exact(d)) {
                    let at = *song as usize * d;
                    let rows = sum[at..at + d].iter_mut().zip(row).zip(&table[at..at + d]);
                    rows.for_each(|((sum, tuned), handed_out)| *sum += tuned - handed_out);
                }
                mean.w.iter_mut().zip(&client.score.w).for_each(|(mean, w)| *mean += w);
                mean.b += client.score.b;
                loss += own;
                self.clients[*i] = client;
            }
        }
        #[allow(clippy::cast_precision_loss, reason = "fewer than 2²⁴ listeners")]
        let part = 1.0 / cohort.len().max(1) as f32;
        self.items.iter_mut().zip(sum).for_each(|(item, sum)| *item += part * sum);
        if !self.config.personal.score {
            mean.w.iter_mut().for_each(|w| *w *= part);
            mean.b *= part;
            self.clients.iter_mut().for_each(|client| client.score.clone_from(&mean));
        }
        #[allow(clippy::cast_precision_loss, reason = "counts of listeners")]
        (loss / cohort.len().max(1) as f64)
    }

    fn cohort(&self, rng: &mut Rng) -> Vec<usize> {
        let n = self.clients.len();
        let mut cohort: Vec<usize> = (0..n).collect();
        if self.config.share < 1.0 {
            rng.shuffle(&mut cohort);
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share of n"
            )]
            cohort.truncate(((self.config.share * n as f32) as usize).max(1));
            cohort.sort_unstable();
        }
        cohort
    }

    /// The logits of all songs on one device, by what its halves see.
    #[must_use]
    pub fn logits(&self, client: usize) -> Vec<f32> {
        let (client, d) = (&self.clients[client], self.config.dimension);
        let table = if self.config.personal.items { &self.handed_out } else { &self.items };
        let mut logits: Vec<f32> = table.chunks_exact(d).map(|row| client.score.logit(row)).collect();
        if self.config.personal.items {
            for (song, row) in client.songs.iter().zip(client.rows.chunks_exact(d)) {
                logits[*song as usize] = client.score.logit(row);
            }
        }
        logits
    }

    /// The logits of some songs, as [`Federation::logits`] has them.
    #[must_use]
    pub fn logits_of(&self, client: usize, songs: &[u32]) -> Vec<f32> {
        let (client, d) = (&self.clients[client], self.config.dimension);
        let shared = |song: u32| &self.items[song as usize * d..][..d];
        let row =
            |song: u32| if self.config.personal.items { client.row(song, &self.handed_out) } else { shared(song) };
        songs.iter().map(|song| client.score.logit(row(*song))).collect()
    }
}
