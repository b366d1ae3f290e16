//! Devices that lie in vertical rounds, to bring one song before everybody's ears, and what a server can do that sees nothing but sums of cohorts.
//!
//! A round's devices are dealt at random into cohorts. An honest one trains with the page's own engine; a liar sends any vector of norm at most `C`
//! that it likes, in the same whole steps of the same grid ([`Attack`]). Each cohort's sum is what a secure sum would open; the
//! [`Defence`] joins them into the step that both towers take.
//!
//! Sources: Rong et al., *FedRecAttack*, ICDE 2022, and Zhang et al., *PipAttack*, WSDM 2022 (a target's row moved towards what users look
//! for, boosted); Wang et al., *Attack of the Tails*, NeurIPS 2020 (hiding within honest norms).
//! On the sphere the mean of all interests is a poor place: nobody's first songs are there. The liars climb to a better one among their own listeners'
//! interests every round, and stay by it.

use super::SplitWorld;
use super::meeting::{Answer, Meeting, Turns};
use super::shares::Shares;
use super::vertical::{Cohorts, GRAIN, TrainError, resident};
use crate::federated::{Cohort, Combination, Vertical, bound_pull, bound_rows, combine, outliers};
use rayon::prelude::*;
use sottovoce::ids::SongId;
use sottovoce::math::{Rng, axpy, dot, norm, normalize, top_k};
use sottovoce::privacy::accountant::Budget;
use sottovoce::privacy::{Grid, NoisePlan};
use sottovoce::tower::{Context, Utility};
use std::collections::HashSet;

/// Steps of the grid within the clip norm; no figure here moves with a finer one.
const STEPS: f32 = 2048.0;

/// What a liar sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attack {
    /// All of `C` on the target's row, to where it would be shown to most of the liars' own listeners: a sample of everybody.
    Boost,
    /// Its own honest update with the target's row, along the same direction, as long as its longest other row.
    Hide,
}

/// Who lies, for which song.
#[derive(Clone, Debug)]
pub struct Liars {
    /// The devices.
    pub devices: HashSet<usize>,
    /// What is to be shown to everybody.
    pub target: SongId,
    /// What they send.
    pub attack: Attack,
    /// So many rounds they are honest. A song that is pushed from the first one on is pushed to where interests were before anything was learned, and ever
    /// slower to move.
    pub honest: u32,
}

impl Liars {
    /// A share of a world's devices, drawn; they lie from the first round on.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of the devices"
    )]
    pub fn draw(world: &SplitWorld, share: f64, target: SongId, attack: Attack, seed: u64) -> Self {
        let mut order: Vec<usize> = (0..world.logs.len()).collect();
        Rng::new(seed).split("liars").shuffle(&mut order);
        order.truncate((share.clamp(0.0, 1.0) * order.len() as f64).round() as usize);
        Self { devices: order.into_iter().collect(), target, attack, honest: 0 }
    }
}

/// How rows of songs are kept short, before cohorts are joined.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Bound {
    /// Not at all.
    None,
    /// No longer than all but this share of the rows that moved in any cohort ([`bound_rows`]).
    Longest(f64),
    /// Pulled at no more than so many times what songs about as popular are ([`bound_pull`]).
    Popular(f64),
}

/// How the cohorts of a round become one step.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Defence {
    /// Of the user tower's part.
    pub tower: Combination,
    /// Of the songs' rows.
    pub rows: Combination,
    /// Leaves out cohorts whose sum is far longer than the others'.
    pub screen: bool,
    /// Of the songs' rows, first.
    pub bound: Bound,
}

impl Defence {
    /// The plain mean.
    pub const NONE: Self =
        Self { tower: Combination::Mean, rows: Combination::Mean, screen: false, bound: Bound::None };
    /// A bound on rows by popularity. It does not hold on public data, and costs: docs/poisoning.md has its figures.
    pub const BEST: Self =
        Self { tower: Combination::GeometricMedian, rows: Combination::Mean, screen: true, bound: Bound::Popular(1.5) };
}

/// What one round did.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Poisoned {
    /// Cohorts.
    pub cohorts: usize,
    /// Those with a liar inside.
    pub bad: usize,
    /// Those left out for their length.
    pub outliers: usize,
    /// Rows that were shortened.
    pub bounded: usize,
    /// Share of the liars' own listeners who would be shown the song where they push it.
    pub hoped: f64,
    /// Cosine between there and where it is.
    pub reached: f32,
}

/// Runs rounds of `cohorts.clients` devices, dealt into cohorts of `size`, liars among them. Only sums of cohorts reach the server's half.
/// Calls `after` with each round, from 1.
///
/// # Errors
/// [`TrainError`].
pub fn poisoned_rounds(
    server: &mut Vertical,
    world: &SplitWorld,
    cohorts: &Cohorts,
    size: usize,
    liars: Option<&Liars>,
    defence: &Defence,
    mut after: impl FnMut(u32, &Vertical, Poisoned) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let rng = Rng::new(cohorts.seed).split("cohorts");
    let mut turns = Turns::of(world.logs.len());
    let mut items = resident(server, world)?;
    let mut aimed: Option<Vec<f32>> = None;
    let c = server.config().plan.clip_norm;
    let grid = Grid::new(whole(STEPS / c))?;
    for number in 1..=cohorts.rounds {
        let rng = rng.split_at(number.into());
        // Whose turn it is comes in random order: dealing them off in runs is dealing at random.
        let devices = turns.next(cohorts.clients, &rng);
        let meeting = Meeting::open(server, world, &mut items, number, devices.len(), rng)?;
        // Noise is another simulation's: without it a share is an exact rounding to the grid.
        let n_min = u32::try_from(size).unwrap_or(u32::MAX);
        let plan = NoisePlan::new(0.0, c, n_min, grid, meeting.length())?;
        let mut shares = Shares::new(plan, Budget::new(f64::INFINITY, 0.5)?, world.logs.len(), cohorts.seed);
        let lie = liars.filter(|liars| number > liars.honest).map(|liars| Lie::new(liars, &meeting, aimed.as_ref()));
        aimed = lie.as_ref().map(|lie| lie.towards.clone());
        let mut seats = Vec::with_capacity(devices.len());
        for device in devices {
            seats.extend(shares.charge(device)?.map(|charged| (device, charged)));
        }
        let dealt: Vec<Vec<_>> = {
            let mut seats = seats.into_iter().peekable();
            std::iter::from_fn(|| seats.peek().is_some().then(|| seats.by_ref().take(size.max(1)).collect())).collect()
        };
        let one = |seats: Vec<_>| -> Result<(Cohort, bool), TrainError> {
            let mut cohort = Cohort { sum: vec![0; meeting.length()], members: 0 };
            let mut bad = false;
            for (device, charged) in seats {
                let own = || Ok::<_, TrainError>(meeting.answer(device)?.map(|Answer { values, .. }| values));
                let sent = match &lie {
                    Some(lie) if lie.liars.devices.contains(&device) => {
                        bad = true;
                        Some(lie.update(own()?, c))
                    }
                    _ => own()?,
                };
                let Some(sent) = sent else { continue };
                let steps = shares.noised(sent, charged, number, device)?;
                cohort.sum.iter_mut().zip(steps).for_each(|(sum, steps)| *sum += i64::from(steps));
                cohort.members += 1;
            }
            Ok((cohort, bad))
        };
        let summed: Vec<(Cohort, bool)> =
            dealt.into_par_iter().with_max_len(GRAIN.div_ceil(size.max(1))).map(one).collect::<Result<_, _>>()?;
        let bad = summed.iter().filter(|(_, bad)| *bad).count();
        let sums: Vec<Cohort> = summed.into_iter().map(|(cohort, _)| cohort).filter(|c| c.members > 0).collect();
        let (hoped, reached) = lie.as_ref().map_or((0.0, 0.0), |lie| (lie.hoped, lie.reached));
        let told = Poisoned { cohorts: sums.len(), bad, hoped, reached, ..Poisoned::default() };
        let (step, count, told) = join(sums, world, &meeting, defence, told)?;
        if count > 0 {
            let total = f64::from(count) / f64::from(grid.steps());
            let sum: Vec<f64> = step.into_iter().map(|mean| mean * total).collect();
            server.close(&sum, count)?;
        }
        after(number, server, told)?;
    }
    Ok(())
}

/// The mean update of the round's members, as the defence has it, in steps of the grid; and how many members it stands for.
fn join(
    mut sums: Vec<Cohort>,
    world: &SplitWorld,
    meeting: &Meeting<'_>,
    defence: &Defence,
    mut told: Poisoned,
) -> Result<(Vec<f64>, u32, Poisoned), TrainError> {
    if defence.screen {
        let out = outliers(&sums);
        told.outliers = out.len();
        let mut place = 0..;
        sums.retain(|_| !place.next().is_some_and(|at| out.contains(&at)));
    }
    let members = sums.iter().map(|cohort| cohort.members).sum();
    if sums.is_empty() {
        return Ok((Vec::new(), 0, told));
    }
    let d = meeting.tower().layout().dimension();
    let block = &meeting.blocks()[0];
    let rows = meeting.length() - block.songs.len() * d;
    let mut songs: Vec<Cohort> =
        sums.iter_mut().map(|c| Cohort { sum: c.sum.split_off(rows), members: c.members }).collect();
    told.bounded = match defence.bound {
        Bound::None => 0,
        Bound::Longest(share) => bound_rows(&mut songs, d, share),
        Bound::Popular(slack) => {
            let plays: Vec<u32> = block.songs.iter().map(|song| world.plays[song.0 as usize]).collect();
            bound_pull(&mut songs, d, &plays, slack)
        }
    };
    let mut step = combine(&sums, defence.tower, false)?.step;
    step.extend(combine(&songs, defence.rows, false)?.step);
    Ok((step, members, told))
}

/// What the liars of one round agree on.
struct Lie<'a> {
    liars: &'a Liars,
    /// Where the target's row begins in an update; `None` where the block leaves it out.
    at: Option<usize>,
    /// Where rows begin.
    rows: usize,
    length: usize,
    /// Unit length: where the target would be shown to most of them.
    towards: Vec<f32>,
    /// At most unit length: which way the target has to go, less far the nearer it is. All of the norm until the end would throw the song past its place, and with
    /// it whatever the item tower shares among songs.
    pull: Vec<f32>,
    hoped: f64,
    reached: f32,
}

/// One interest of a liar's own listener.
struct Voter {
    /// In units of logits.
    query: Vec<f32>,
    /// So much has to come of the inner product with a song as popular as the target for it to be among the first.
    needs: f32,
}

/// The places of a slate that the liars aim at.
const SLATE: usize = 20;

fn voters(meeting: &Meeting<'_>, device: usize, lift: f32) -> Vec<Voter> {
    let d = meeting.tower().layout().dimension();
    let block = &meeting.blocks()[0];
    let past = meeting.past(device);
    let input = past.input(past.len(), Context::default());
    let user = meeting.tower().embed(&input, Utility { complete: 1.0, like: 0.0, skip: 0.0 });
    let score = |(row, popularity): (&[f32], &f32)| {
        let best = user.queries.chunks_exact(d).map(|query| dot(query, row)).fold(f32::NEG_INFINITY, f32::max);
        best + user.popularity * popularity
    };
    let mut scores: Vec<f32> = block.rows.chunks_exact(d).zip(&block.popularity).map(score).collect();
    for (song, score) in block.songs.iter().zip(&mut scores) {
        if meeting.knows(device, *song) {
            *score = f32::NEG_INFINITY;
        }
    }
    let mut first = Vec::new();
    top_k(&scores, SLATE, &mut first);
    let last = first.last().map_or(0.0, |place| scores[*place as usize]);
    let needs = last - user.popularity * lift;
    user.queries.chunks_exact(d).map(|query| Voter { query: query.to_vec(), needs }).collect()
}

/// Liars pull with all they have until the song is so near, one over this, to its place.
const GAIN: f32 = 3.0;

/// How much better another place has to be for the liars to move: a song that is pulled here and there ends up nowhere.
const WORTH_MOVING: f64 = 1.5;

/// The unit vector at which most voters would be shown the target, counted softly: uphill from where the liars aimed before, from where the target is, and from
/// means of neighbouring interests.
fn aim(voters: &[Voter], now: &[f32], before: Option<&Vec<f32>>, d: usize) -> Vec<f32> {
    let unit = |voter: &Voter| {
        let mut u = voter.query.clone();
        normalize(&mut u);
        u
    };
    let units: Vec<Vec<f32>> = voters.iter().map(unit).collect();
    let means = |centre: &Vec<f32>| {
        let mut near: Vec<&Vec<f32>> = units.iter().collect();
        near.sort_by(|a, b| dot(b, centre).total_cmp(&dot(a, centre)));
        [1, 5, 10, 20, 40, usize::MAX].map(|k| {
            let mut mean = vec![0.0; d];
            near.iter().take(k).for_each(|u| mean.iter_mut().zip(*u).for_each(|(m, u)| *m += u));
            normalize(&mut mean);
            (shown(voters, &mean).0, mean)
        })
    };
    let mut starts: Vec<(f64, Vec<f32>)> = units.par_iter().flat_map_iter(means).collect();
    starts.sort_by(|a, b| b.0.total_cmp(&a.0));
    starts.truncate(8);
    starts.extend(before.map(|before| (0.0, before.clone())));
    starts.push((0.0, now.to_vec()));
    let climbed = |(_, start): (f64, Vec<f32>)| climb(voters, start);
    let best = starts.into_iter().map(climbed).max_by(|a, b| a.0.total_cmp(&b.0));
    let kept = before.map(|before| (shown(voters, before).0, before.clone()));
    match (kept, best) {
        (Some(kept), Some(best)) if best.0 > WORTH_MOVING * kept.0 => best.1,
        (Some((_, kept)), _) => kept,
        (None, Some((_, best))) => best,
        (None, None) => now.to_vec(),
    }
}

/// How many voters would be shown a song that lies here, softly, and which way there are more.
fn shown(voters: &[Voter], place: &[f32]) -> (f64, Vec<f32>) {
    /// A voter is half shown at the edge, and hardly at all a few of these below it, in lengths of its query. A softer count would send the song to where
    /// nearly everybody nearly sees it, which is nobody.
    const SOFT: f32 = 0.01;
    let mut uphill = vec![0.0; place.len()];
    let mut total = 0.0;
    for Voter { query, needs } in voters {
        let soft = SOFT * norm(query).max(f32::MIN_POSITIVE);
        let share = 1.0 / (1.0 + libm::expf((needs - dot(query, place)) / soft));
        total += f64::from(share);
        axpy(share * (1.0 - share) / soft, query, &mut uphill);
    }
    (total, uphill)
}

fn climb(voters: &[Voter], mut place: Vec<f32>) -> (f64, Vec<f32>) {
    const STEP: f32 = 0.05;
    let mut best = (shown(voters, &place).0, place.clone());
    for _ in 0..40 {
        let (_, mut uphill) = shown(voters, &place);
        if !normalize(&mut uphill) {
            break;
        }
        axpy(STEP, &uphill, &mut place);
        normalize(&mut place);
        let total = shown(voters, &place).0;
        if total > best.0 {
            best = (total, place.clone());
        }
    }
    best
}

impl<'a> Lie<'a> {
    fn new(liars: &'a Liars, meeting: &Meeting<'_>, before: Option<&Vec<f32>>) -> Self {
        let d = meeting.tower().layout().dimension();
        let block = &meeting.blocks()[0];
        let rows = meeting.length() - block.songs.len() * d;
        let at = block.songs.iter().position(|song| *song == liars.target).map(|place| rows + place * d);
        let mut devices: Vec<usize> = liars.devices.iter().copied().collect();
        devices.sort_unstable();
        let target = block.songs.iter().position(|song| *song == liars.target);
        let lift = target.map_or(0.0, |place| block.popularity[place]);
        let voters: Vec<Voter> = devices.par_iter().flat_map_iter(|device| voters(meeting, *device, lift)).collect();
        let now = target.map_or_else(|| vec![0.0; d], |place| block.rows[place * d..][..d].to_vec());
        let towards = aim(&voters, &now, before, d);
        let seen = voters.iter().filter(|voter| dot(&voter.query, &towards) > voter.needs).count();
        #[allow(clippy::cast_precision_loss, reason = "a few hundred voters")]
        let hoped = seen as f64 / voters.len().max(1) as f64;
        let reached = dot(&now, &towards);
        let mut pull: Vec<f32> = towards.iter().zip(&now).map(|(to, from)| GAIN * (to - from)).collect();
        if norm(&pull) > 1.0 {
            normalize(&mut pull);
        }
        Self { liars, at, rows, length: meeting.length(), towards, pull, hoped, reached }
    }

    /// A vector of norm at most `c`; what is longer is clipped like anybody's.
    fn update(&self, own: Option<Vec<f32>>, c: f32) -> Vec<f32> {
        let d = self.towards.len();
        let mut sent = own.unwrap_or_else(|| vec![0.0; self.length]);
        let Some(at) = self.at else { return sent };
        let far = match self.liars.attack {
            Attack::Boost => {
                sent.fill(0.0);
                // A hair inside, so that clipping again leaves it.
                c * (1.0 - 1e-6)
            }
            Attack::Hide => sent[self.rows..].chunks_exact(d).map(norm).fold(0.0, f32::max),
        };
        sent[at..at + d].iter_mut().zip(&self.pull).for_each(|(v, u)| *v = far * u);
        sent
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and the grid checks its range")]
fn whole(steps: f32) -> u32 {
    steps.round() as u32
}

/// The song with so many songs that are played more.
#[must_use]
pub fn ranked(world: &SplitWorld, rank: usize) -> Option<SongId> {
    let mut order: Vec<(std::cmp::Reverse<u32>, SongId)> =
        world.songs.iter().map(|song| (std::cmp::Reverse(world.plays[song.id.0 as usize]), song.id)).collect();
    order.sort_unstable();
    order.get(rank).map(|(_, song)| *song)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
#[path = "poison_tests.rs"]
mod tests;
