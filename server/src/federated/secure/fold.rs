//! Opening: the reports added up one page at a time, the masks that are left taken out on all cores. Reads only; whole numbers, so whoever
//! does it comes to the same sum, in whatever order.

use super::sums::split;
use super::tables::{self, Device, Mark, Seat};
use super::{Phase, Sum, SumError, Sums};
use crate::store::{StoreError, Write};
use rayon::prelude::*;
use sottovoce::ids::{Millis, RoundId};
use sottovoce::secagg::{Digest, Disclosure, Error, Join, MaskJob, PublicKey, Report, Ring, Unmasking, Vote};

/// The sum of a round.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    /// Of which round.
    pub round: RoundId,
    /// `d` whole numbers.
    pub sum: Vec<i32>,
    /// Of so many devices.
    pub devices: u32,
    /// `n_min`, for which their noise was made.
    pub least: u32,
    /// Root of the roster.
    pub roster: Digest,
}

impl Sums {
    /// The sum, once enough members have disclosed; `None` until then. Memory: `d` numbers a core, a page of reports, the joins.
    ///
    /// # Errors
    /// [`SumError::OtherPhase`]; [`SumError::Refused`] with [`Error::Shares`] where a device dealt false shares: this sum never opens.
    pub async fn opened(&self, round: RoundId) -> Result<Option<Opened>, SumError> {
        let sum = self.round(round).await?;
        if sum.phase != Phase::Opening {
            return Err(SumError::OtherPhase { round, got: sum.phase, expected: Phase::Opening });
        }
        let Some(jobs) = self.jobs(&sum).await? else { return Ok(None) };
        let ring = sum.terms.terms.ring;
        let mut link = self.store.read().await?;
        let (mut after, mut devices) = (None, 0);
        let start: Vec<u32> = vec![0; sum.terms.terms.dimension as usize];
        // A page is added up, on other threads than those that answer, while the next is read.
        let mut adding = tokio::task::spawn_blocking(move || Ok(start));
        let total = loop {
            let page = tables::page(&mut link, Device::Reports, round, after).await?;
            let total = adding.await.map_err(crashed)??;
            let Some((last, _)) = page.last() else { break total };
            after = Some(*last);
            devices += u32::try_from(page.len()).unwrap_or(u32::MAX);
            adding = tokio::task::spawn_blocking(move || add(&page, ring, total));
        };
        drop(link);
        let total = tokio::task::spawn_blocking(move || unmask(&jobs, ring, total)).await.map_err(crashed)??;
        let roster = self.roster(&sum).await?.root();
        Ok(Some(Opened { round, sum: ring.centred(&total), devices, least: sum.terms.terms.least, roster }))
    }

    /// The masks that are left, or `None` while too few members have disclosed.
    async fn jobs(&self, sum: &Sum) -> Result<Option<Vec<MaskJob>>, SumError> {
        let roster = self.roster(sum).await?;
        let split = split(sum, &roster)?;
        let votes = self.spoken::<Vote>(Seat::Votes, sum.round, "a vote").await?;
        let disclosures = self.spoken::<Disclosure>(Seat::Disclosures, sum.round, "a disclosure").await?;
        if disclosures.len() < sum.terms.terms.threshold as usize {
            return Ok(None);
        }
        let mut joins: Vec<Join> = Vec::with_capacity(roster.entries().len());
        self.joins(sum.round, |join| joins.push(join)).await?;
        let mut unmasking = match Unmasking::new(&sum.terms, &roster, &split, &votes) {
            Err(Error::TooFew { .. }) => return Ok(None),
            other => other?,
        };
        for disclosure in &disclosures {
            unmasking.disclose(disclosure, joins.iter())?;
            if unmasking.ready() {
                break; // the others could only say the same
            }
        }
        if unmasking.ready() { Ok(Some(unmasking.jobs()?)) } else { Ok(None) }
    }

    /// Ends a round whose sum was taken out, in the transaction of what became of it. False where another coordinator was first: then
    /// nothing of that transaction may be committed.
    ///
    /// # Errors
    /// [`SumError::Store`].
    pub async fn finish(&self, write: &mut Write, now: Millis, round: RoundId) -> Result<bool, SumError> {
        if !tables::advance(write, round, Phase::Opening, Phase::Summed, now, Mark::None).await? {
            return Ok(false);
        }
        tables::forget(write, round).await?;
        Ok(true)
    }
}

/// Adds what one page of reports holds.
fn add(page: &[(PublicKey, Vec<u8>)], ring: Ring, total: Vec<u32>) -> Result<Vec<u32>, SumError> {
    spread(page, total, |(_, body), part| {
        let report: Report = tables::read("a report", body)?;
        Ok(ring.add_packed(&report.body, part)?)
    })
}

/// Takes the masks out that are left.
fn unmask(jobs: &[MaskJob], ring: Ring, total: Vec<u32>) -> Result<Vec<u32>, SumError> {
    spread(jobs, total, |job, part| Ok(job.apply(ring, part)?))
}

/// Each core works into zeros of its own; the parts add up to the same whatever the number of cores.
fn spread<T: Sync>(
    all: &[T],
    mut total: Vec<u32>,
    work: impl Fn(&T, &mut [u32]) -> Result<(), SumError> + Sync,
) -> Result<Vec<u32>, SumError> {
    let d = total.len();
    let share = all.len().div_ceil(rayon::current_num_threads()).max(1);
    let parts: Vec<Vec<u32>> = all
        .par_chunks(share)
        .map(|some| {
            let mut part = vec![0; d];
            some.iter().try_for_each(|one| work(one, &mut part)).map(|()| part)
        })
        .collect::<Result<_, SumError>>()?;
    for part in parts {
        total.iter_mut().zip(part).for_each(|(t, p)| *t = t.wrapping_add(p));
    }
    Ok(total)
}

fn crashed(_: tokio::task::JoinError) -> SumError {
    StoreError::Query(sqlx::Error::WorkerCrashed).into()
}
