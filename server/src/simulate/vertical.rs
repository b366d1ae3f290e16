//! Vertical rounds over a population, and the centrally trained twin. Both halves of both are the same code: a device's gradient comes from
//! [`sottovoce::client`], the step from [`Vertical::close`]; they differ in whose lessons are summed, and in what crosses the wire.

use super::SplitWorld;
use crate::catalog::ShardError;
use crate::federated::{RoundError, Vertical};
use rayon::prelude::*;
use sottovoce::client::{self, BlockLesson, Invited, OpenBlock, Outgoing, Past, Resident, UpdateKey};
use sottovoce::ids::{Millis, RoundId};
use sottovoce::math::Rng;
use sottovoce::protocol::{CandidateBlock, DecodeError, RoundOffer, WeightUpdate, decode, encode};
use sottovoce::tower::{SplitTower, UserTower};

/// Why training stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The server's half.
    #[error(transparent)]
    Round(#[from] RoundError),
    /// A device.
    #[error("a simulated device refused what the server sent: {0}")]
    Device(#[from] client::Error),
    /// A device's message that the server cannot read.
    #[error("the server cannot read what a simulated device sent: {0}")]
    Message(#[from] DecodeError),
    /// The catalogue.
    #[error(transparent)]
    Shards(#[from] ShardError),
    /// The weights do not fit their shape.
    #[error("the user tower's weights do not fit its shape")]
    Shape,
}

/// Who takes part.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cohorts {
    /// Devices of a round.
    pub clients: usize,
    /// How many rounds.
    pub rounds: u32,
    /// Seed of cohorts, orders and cuts.
    pub seed: u64,
}

/// What a round cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RoundCost {
    /// Updates that were summed.
    pub updates: u32,
    /// Bytes of one.
    pub up: usize,
    /// Bytes that each device fetched for it: weights and blocks.
    pub down: usize,
}

/// The user tower of the round that is out.
fn tower(server: &Vertical) -> Result<UserTower, TrainError> {
    UserTower::new(server.shape(), &server.weights().values).ok_or(TrainError::Shape)
}

/// What devices hold once the newest embeddings are published. With several scenarios the catalogue is all of theirs.
fn resident(server: &Vertical, world: &SplitWorld) -> Result<Resident, TrainError> {
    let d = server.shape().dimension as usize;
    let mut rows = vec![0.0; world.songs.len() * d];
    for scenario in server.scenarios() {
        for (song, row) in scenario.songs.iter().zip(scenario.tower.index().chunks_exact(d)) {
            rows[song.0 as usize * d..][..d].copy_from_slice(row);
        }
    }
    Ok(world.items(&rows)?)
}

/// Runs rounds: every device of a cohort gets the offer, the weights and the blocks, trains with the device's own code, and sends the
/// bytes that a page would send; only their sum reaches the server's half. Calls `after` with each round's number, from 1.
///
/// # Errors
/// [`TrainError`].
pub fn cohort_rounds(
    server: &mut Vertical,
    world: &SplitWorld,
    cohorts: &Cohorts,
    mut after: impl FnMut(u32, &Vertical, RoundCost) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let rng = Rng::new(cohorts.seed).split("cohorts");
    let mut order: Vec<usize> = Vec::new();
    let mut items = resident(server, world)?;
    for number in 1..=cohorts.rounds {
        let rng = rng.split_at(number.into());
        // Everyone once before anyone twice, in a new order each time.
        let mut cohort = Vec::with_capacity(cohorts.clients);
        while cohort.len() < cohorts.clients.min(world.logs.len()) {
            if order.is_empty() {
                order.extend(0..world.logs.len());
                rng.split("order").shuffle(&mut order);
            }
            cohort.extend(order.pop().filter(|listener| !cohort.contains(listener)));
        }
        let blocks = server.open();
        if blocks.iter().any(|block| !block.log_chance.is_empty()) {
            items = resident(server, world)?;
        }
        let (tower, weights) = (tower(server)?, server.weights().version);
        let offer = RoundOffer {
            round: RoundId(number.into()),
            weights,
            plan: server.config().plan,
            cohort: u32::try_from(cohort.len()).unwrap_or(u32::MAX),
            closes_at: Millis(u64::MAX),
        };
        let mut invited = Invited::new(offer);
        let mut down = encode(server.weights()).len();
        for block in blocks {
            let bytes = encode(&block);
            down += bytes.len();
            invited.take_block(decode::<CandidateBlock>(&bytes)?)?;
        }
        let length = server.length();
        let part = |listeners: &[usize]| -> Result<(Vec<f64>, RoundCost), TrainError> {
            let (mut sum, mut cost) = (vec![0.0; length], RoundCost { down, ..RoundCost::default() });
            for &listener in listeners {
                let mut rng = rng.split("device").split_at(listener as u64);
                let past = world.past(listener, &items, &mut rng);
                let key = UpdateKey([0; 16]);
                let sent = invited.contribute(&tower, weights, &past, &items, &rng, key)?;
                let Some((Outgoing { bytes, .. }, _)) = sent else { continue };
                let update: WeightUpdate = decode(&bytes)?;
                if update.values().len() != length {
                    return Err(
                        RoundError::Length { what: "update", expected: length, got: update.values().len() }.into()
                    );
                }
                sum.iter_mut().zip(update.values()).for_each(|(sum, value)| *sum += f64::from(*value));
                cost = RoundCost { updates: cost.updates + 1, up: bytes.len(), ..cost };
            }
            Ok((sum, cost))
        };
        let parts: Vec<(Vec<f64>, RoundCost)> = cohort.par_chunks(GRAIN).map(part).collect::<Result<_, _>>()?;
        let (mut sum, mut cost) = (vec![0.0; length], RoundCost::default());
        for (part, of) in parts {
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            cost = RoundCost { updates: cost.updates + of.updates, up: cost.up.max(of.up), down };
        }
        if cost.updates > 0 {
            server.close(&sum, cost.updates)?;
        }
        after(number, server, cost)?;
    }
    Ok(())
}

/// Devices, or lessons, that one worker sums up; fixed, so that sums do not depend on the number of workers.
const GRAIN: usize = 16;

/// How the twin is trained.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pooled {
    /// Lessons of a step.
    pub batch: usize,
    /// Passes over everyone.
    pub passes: u32,
    /// Seed of orders and cuts.
    pub seed: u64,
}

/// Trains where all pasts lie in one place: lessons of everyone, pooled and shuffled, a step a batch. Draws as many cuts of each past a
/// pass as a round does. Nothing is clipped. Calls `after` with each pass, from 1.
///
/// # Errors
/// [`TrainError`].
pub fn pooled_steps(
    server: &mut Vertical,
    world: &SplitWorld,
    pooled: &Pooled,
    mut after: impl FnMut(u32, f32, &Vertical) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let rng = Rng::new(pooled.seed).split("pooled");
    let plan = server.config().plan;
    for pass in 1..=pooled.passes {
        let rng = rng.split_at(pass.into());
        let items = resident(server, world)?;
        let pasts: Vec<Past> =
            (0..world.logs.len()).map(|l| world.past(l, &items, &mut rng.split("past").split_at(l as u64))).collect();
        let mut blocks = server.open();
        let mut lessons: Vec<(usize, usize, usize)> = Vec::new();
        for (which, block) in blocks.iter().enumerate() {
            let open = OpenBlock::new(block, &items);
            for (listener, past) in pasts.iter().enumerate() {
                let mut cuts = past.block_lessons(&open, plan.max_examples as usize);
                rng.split("cuts").split_at(listener as u64).shuffle(&mut cuts);
                lessons.extend(cuts.into_iter().take(block.lessons as usize).map(|i| (listener, which, i)));
            }
        }
        rng.split("order").shuffle(&mut lessons);
        let mut total = 0.0;
        for batch in lessons.chunks(pooled.batch.max(1)) {
            let open: Vec<OpenBlock<'_>> = blocks.iter().map(|block| OpenBlock::new(block, &items)).collect();
            let rows: Vec<&[f32]> = blocks.iter().map(|block| &block.rows[..]).collect();
            let split = SplitTower::new(&tower(server)?, &rows);
            let parts: Vec<(f32, Vec<f32>)> = batch
                .par_chunks(GRAIN)
                .map(|lessons| {
                    let (mut loss, mut lesson) = (0.0, BlockLesson::default());
                    let mut gradient = vec![0.0; split.parameters().len()];
                    for &(listener, which, i) in lessons {
                        // A block that is drawn anew may hold nothing of what lies behind this cut.
                        if pasts[listener].block_lessons(&open[which], usize::MAX).binary_search(&i).is_ok() {
                            let past = &pasts[listener];
                            loss += past.learn_block(i, &split, &open, which, 1.0, &mut lesson, &mut gradient);
                        }
                    }
                    (loss, split.travelling(&gradient))
                })
                .collect();
            let mut sum = vec![0.0f64; server.length()];
            for (loss, part) in parts {
                total += loss;
                // The update of one pass and one batch: against the gradient, as long as the step size says.
                let rate = f64::from(plan.learning_rate);
                sum.iter_mut().zip(part).for_each(|(sum, g)| *sum -= rate * f64::from(g));
            }
            server.close(&sum, u32::try_from(batch.len()).unwrap_or(u32::MAX))?;
            blocks = server.open();
        }
        #[allow(clippy::cast_precision_loss, reason = "for reading")]
        after(pass, total / lessons.len().max(1) as f32, server)?;
    }
    Ok(())
}

/// The newest user tower, and the songs as devices hold them after publishing.
///
/// # Errors
/// [`TrainError`].
pub fn published(server: &Vertical, world: &SplitWorld) -> Result<(UserTower, Resident), TrainError> {
    Ok((tower(server)?, resident(server, world)?))
}
