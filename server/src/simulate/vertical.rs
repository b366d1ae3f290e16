//! Vertical rounds over a population, and the centrally trained twin. Both halves of both are the same code: a device's gradient comes from
//! [`sottovoce::client`], the step from [`Vertical::close`]; they differ in whose lessons are summed, and in what crosses the wire.

use super::SplitWorld;
use super::meeting::{Answer, Meeting, Turns};
use super::shares::Shares;
use crate::catalog::ShardError;
use crate::federated::{RobustError, RoundError, Vertical};
use rayon::prelude::*;
use sottovoce::client::{self, BlockLesson, OpenBlock, Past, Resident};
use sottovoce::math::Rng;
use sottovoce::privacy::{self, accountant::Charged};
use sottovoce::protocol::DecodeError;
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
    /// A plan for noise, or a charge.
    #[error(transparent)]
    Noise(#[from] privacy::Error),
    /// Cohorts that cannot be combined.
    #[error(transparent)]
    Combine(#[from] RobustError),
    /// A score that is no number.
    #[error(transparent)]
    Measure(#[from] crate::eval::EvalError),
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
pub(super) fn tower(server: &Vertical) -> Result<UserTower, TrainError> {
    UserTower::new(server.shape(), &server.weights().values).ok_or(TrainError::Shape)
}

/// What devices hold once the newest embeddings are published. With several scenarios the catalogue is all of theirs.
pub(super) fn resident(server: &Vertical, world: &SplitWorld) -> Result<Resident, TrainError> {
    let d = server.shape().dimension as usize;
    let mut rows = server.rows();
    rows.resize(world.songs.len() * d, 0.0); // the last songs may be in no scenario
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
    after: impl FnMut(u32, &Vertical, RoundCost) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    rounds(server, world, cohorts, after, |meeting, _, listeners| {
        let part = |listeners: &[usize]| -> Result<(Vec<f64>, RoundCost), TrainError> {
            let (mut sum, mut cost) = nothing(meeting);
            for &listener in listeners {
                let Some(Answer { values, bytes }) = meeting.answer(listener)? else { continue };
                sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
                cost = RoundCost { updates: cost.updates + 1, up: bytes, ..cost };
            }
            Ok((sum, cost))
        };
        listeners.par_chunks(GRAIN).map(part).collect()
    })
}

/// As [`cohort_rounds`] where every device adds its share of the noise, by its own account: `n_min` of the plan have to be left of a round, or
/// nothing is learned from it. A device that has nothing to learn from sends noise all the same, since who sends is known.
///
/// # Errors
/// [`TrainError`].
pub fn noised_rounds(
    server: &mut Vertical,
    world: &SplitWorld,
    cohorts: &Cohorts,
    shares: &mut Shares,
    after: impl FnMut(u32, &Vertical, RoundCost) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let scale = 1.0 / f64::from(shares.plan().grid().steps());
    let n_min = shares.plan().n_min();
    rounds(server, world, cohorts, after, |meeting, round, listeners| {
        let mut seats = Vec::with_capacity(listeners.len());
        for &listener in listeners {
            seats.extend(shares.charge(listener)?.map(|charged| (listener, charged)));
        }
        if seats.len() < n_min as usize {
            return Ok(vec![nothing(meeting)]);
        }
        let part = |seats: Vec<(usize, Charged)>| -> Result<(Vec<f64>, RoundCost), TrainError> {
            let (mut sum, mut cost) = nothing(meeting);
            for (listener, charged) in seats {
                let sent = meeting.answer(listener)?;
                let bytes = sent.as_ref().map_or(cost.up, |sent| sent.bytes);
                let values = sent.map_or_else(|| vec![0.0; meeting.length()], |sent| sent.values);
                let noised = shares.noised(values, charged, round, listener)?;
                sum.iter_mut().zip(noised).for_each(|(sum, steps)| *sum += scale * f64::from(steps));
                cost = RoundCost { updates: cost.updates + 1, up: bytes, ..cost };
            }
            Ok((sum, cost))
        };
        seats.into_par_iter().chunks(GRAIN).map(part).collect()
    })
}

type Parts = Vec<(Vec<f64>, RoundCost)>;

fn nothing(meeting: &Meeting<'_>) -> (Vec<f64>, RoundCost) {
    (vec![0.0; meeting.length()], RoundCost { down: meeting.down(), ..RoundCost::default() })
}

fn rounds(
    server: &mut Vertical,
    world: &SplitWorld,
    cohorts: &Cohorts,
    mut after: impl FnMut(u32, &Vertical, RoundCost) -> Result<(), TrainError>,
    mut parts: impl FnMut(&Meeting<'_>, u32, &[usize]) -> Result<Parts, TrainError>,
) -> Result<(), TrainError> {
    let rng = Rng::new(cohorts.seed).split("cohorts");
    let mut turns = Turns::of(world.logs.len());
    let mut items = resident(server, world)?;
    for number in 1..=cohorts.rounds {
        let rng = rng.split_at(number.into());
        let cohort = turns.next(cohorts.clients, &rng);
        let meeting = Meeting::open(server, world, &mut items, number, cohort.len(), rng)?;
        let (mut sum, mut cost) = nothing(&meeting);
        for (part, of) in parts(&meeting, number, &cohort)? {
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            cost = RoundCost { updates: cost.updates + of.updates, up: cost.up.max(of.up), ..cost };
        }
        if cost.updates > 0 {
            server.close(&sum, cost.updates)?;
        }
        after(number, server, cost)?;
    }
    Ok(())
}

/// Devices, or lessons, that one worker sums up; fixed, so that sums do not depend on the number of workers.
pub(super) const GRAIN: usize = 16;

/// How the twin is trained.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pooled {
    /// Lessons of a step.
    pub batch: usize,
    /// Passes over everyone.
    pub passes: u32,
    /// What counts alike in a step.
    pub alike: Alike,
    /// Seed of orders and cuts.
    pub seed: u64,
}

/// What every step of the twin weighs alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alike {
    /// Every lesson: who heard more says more.
    Lessons,
    /// Every device, as rounds do: a lesson counts by one over its device's lessons.
    Devices,
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
        let mut own = vec![0u32; pasts.len()];
        for (which, block) in blocks.iter().enumerate() {
            let open = OpenBlock::new(block, &items);
            for (listener, past) in pasts.iter().enumerate() {
                let mut cuts = past.block_lessons(&open, plan.max_examples as usize);
                rng.split("cuts").split_at(listener as u64).shuffle(&mut cuts);
                let before = lessons.len();
                lessons.extend(cuts.into_iter().take(block.lessons as usize).map(|i| (listener, which, i)));
                own[listener] += u32::try_from(lessons.len() - before).unwrap_or(u32::MAX);
            }
        }
        // The mean over lessons of these weights is one, so that steps are as long either way.
        #[allow(clippy::cast_precision_loss, reason = "counts of lessons")]
        let each = lessons.len() as f32 / own.iter().filter(|n| **n > 0).count().max(1) as f32;
        #[allow(clippy::cast_precision_loss, reason = "counts of lessons")]
        let weight = |listener: usize| match pooled.alike {
            Alike::Lessons => 1.0,
            Alike::Devices => each / own[listener] as f32,
        };
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
                            let scale = weight(listener);
                            loss +=
                                scale * past.learn_block(i, &split, &open, which, scale, &mut lesson, &mut gradient);
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
