//! The doors: what devices and members send, and what they are given. How a round moves on is at the end.

use super::tables::{self, Device, Mark, Seat};
use super::together::Desk;
use super::{Phase, Rules, Sum, SumError};
use crate::store::{Isolation, Store, StoreError, Write, retry};
use sottovoce::ids::{Millis, RoundId};
use sottovoce::protocol::{Fate, Message, SplitQuestion, SplitVotes, encode};
use sottovoce::secagg::{
    Committee, Digest, Disclosure, Enlistment, Entry, Error, Identity, Join, PublicKey, Report, Roster, RosterView,
    Split, Terms, Vote,
};
use std::sync::Arc;
use tokio::sync::Mutex;

/// The roster of a round.
type Closed = (RoundId, Arc<Roster>);
/// Who is on it.
type Names = (RoundId, Arc<[PublicKey]>);

/// Secure sums over a store. Cheap to clone; clones share it. Holds nothing that the store does not hold too, but the last closed roster
/// and its names, which anybody can make again.
#[derive(Clone, Debug)]
pub struct Sums {
    pub(super) store: Store,
    server: Identity,
    roster: Arc<Mutex<Option<Closed>>>,
    names: Arc<Mutex<Option<Names>>>,
    pub(super) desk: Arc<Desk>,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It is on disk.
    New,
    /// It was there already, the same bytes.
    Again,
}

impl Sums {
    /// Over a store; `server` signs terms and rosters.
    #[must_use]
    pub fn new(store: Store, server: Identity) -> Self {
        Self { store, server, roster: Arc::default(), names: Arc::default(), desk: Arc::default() }
    }

    /// What devices know the server by.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.server.public()
    }

    /// The newest round, whatever its phase.
    ///
    /// # Errors
    /// [`SumError::Store`], [`SumError::Damaged`], as all that follow.
    pub async fn newest(&self) -> Result<Option<Sum>, SumError> {
        tables::newest(&mut self.store.read().await?).await
    }

    /// One round.
    ///
    /// # Errors
    /// [`SumError::NoSuchRound`].
    pub async fn round(&self, round: RoundId) -> Result<Sum, SumError> {
        tables::sum(&mut self.store.read().await?, round).await?.ok_or(SumError::NoSuchRound { round })
    }

    async fn in_phase(&self, round: RoundId, expected: Phase) -> Result<Sum, SumError> {
        let sum = self.round(round).await?;
        if sum.phase == expected { Ok(sum) } else { Err(SumError::OtherPhase { round, got: sum.phase, expected }) }
    }

    /// Puts a device down for committees; asked again, it was heard of again.
    ///
    /// # Errors
    /// [`SumError::Refused`].
    pub async fn enlist(&self, now: Millis, offer: &Enlistment) -> Result<(), SumError> {
        offer.verify(offer.until)?;
        let body = encode(offer);
        retry(|| async {
            let mut write = self.store.write(Isolation::Swap).await?;
            tables::enlist(&mut write, offer.identity, &body, offer.until, now).await?;
            Ok(write.commit().await?)
        })
        .await
    }

    /// Opens a round under `terms`, whose committee is drawn here: among those who serve in it and were heard of lately, by a hash that
    /// `draw` and their names give. False where the round is open already.
    ///
    /// # Errors
    /// [`SumError::NoCommittee`]; [`SumError::Refused`] for terms outside their ranges.
    pub async fn open(&self, now: Millis, rules: &Rules, terms: Terms, draw: Digest) -> Result<bool, SumError> {
        retry(|| async {
            let mut write = self.store.write(Isolation::Swap).await?;
            let ours = self.open_in(&mut write, now, rules, terms.clone(), draw).await?;
            write.commit().await?;
            Ok(ours)
        })
        .await
    }

    /// [`Sums::open`] in a transaction of the caller's.
    ///
    /// # Errors
    /// As there.
    pub async fn open_in(
        &self,
        write: &mut Write,
        now: Millis,
        rules: &Rules,
        terms: Terms,
        draw: Digest,
    ) -> Result<bool, SumError> {
        let since = Millis(now.0.saturating_sub(rules.absent_ms));
        let enlisted = tables::members(write, terms.round, since).await?;
        let enlisted = enlisted.iter().map(|body| tables::read::<Enlistment>("a member's offer", body));
        let mut enlisted = enlisted.collect::<Result<Vec<_>, _>>()?;
        if enlisted.len() < rules.least_members {
            return Err(SumError::NoCommittee { got: enlisted.len(), least: rules.least_members });
        }
        enlisted.sort_by_cached_key(|member| Digest::of(&[draw.0, member.identity.0].concat()));
        let committee = Committee::of(enlisted.len());
        enlisted.truncate(committee.members as usize);
        let terms = Terms { threshold: committee.threshold, seats: enlisted, ..terms }.sign(&self.server)?;
        let body = encode(&terms);
        let sum = Sum {
            round: terms.terms.round,
            phase: Phase::Joining,
            terms,
            cohort: rules.cohort,
            joined: 0,
            reported: 0,
            beacon: None,
            bitmap: None,
            closes_at: rules.closes_at(Phase::Joining, now),
        };
        tables::open(write, &sum, &body).await
    }

    /// Takes a device into the round.
    ///
    /// # Errors
    /// [`SumError::Refused`], [`SumError::OtherPhase`], [`SumError::Differs`].
    pub async fn join(&self, round: RoundId, join: &Join) -> Result<Taken, SumError> {
        let sum = self.round(round).await?;
        sum.terms.admit(join)?;
        self.put(Device::Joins, round, join.identity, encode(join)).await
    }

    /// Takes a device's report.
    ///
    /// # Errors
    /// [`SumError::Refused`], [`SumError::OtherPhase`], [`SumError::Differs`].
    pub async fn report(&self, round: RoundId, report: &Report) -> Result<Taken, SumError> {
        let sum = self.round(round).await?;
        if !matches!(sum.phase, Phase::Reporting | Phase::Opening) {
            return Err(SumError::OtherPhase { round, got: sum.phase, expected: Phase::Reporting });
        }
        self.roster(&sum).await?.accept(&sum.terms, report)?;
        self.put(Device::Reports, round, report.identity, encode(report)).await
    }

    /// What a device is given of the closed roster.
    ///
    /// # Errors
    /// [`SumError::OtherPhase`] before it is closed and after the round, [`SumError::Refused`] for a device that did not join.
    pub async fn view(&self, round: RoundId, identity: PublicKey) -> Result<RosterView, SumError> {
        let sum = self.in_phase(round, Phase::Reporting).await?;
        let roster = self.roster(&sum).await?;
        let index = roster.index_of(identity);
        let view = index.and_then(|index| roster.view(index, &self.server));
        Ok(view.ok_or(Error::Stranger { what: "the device" })?)
    }

    /// What members are asked to sign.
    ///
    /// # Errors
    /// [`SumError::OtherPhase`].
    pub async fn question(&self, round: RoundId) -> Result<SplitQuestion, SumError> {
        let sum = self.in_phase(round, Phase::Opening).await?;
        let roster = self.roster(&sum).await?;
        let split = split(&sum, &roster)?;
        Ok(SplitQuestion { entries: roster.entries().to_vec(), beacon: roster.beacon(), split })
    }

    /// Takes a member's name under the split. One that signs something else is refused.
    ///
    /// # Errors
    /// [`SumError::Refused`], [`SumError::OtherPhase`], [`SumError::Differs`].
    pub async fn vote(&self, round: RoundId, vote: &Vote) -> Result<Taken, SumError> {
        let sum = self.in_phase(round, Phase::Opening).await?;
        let roster = self.roster(&sum).await?;
        split(&sum, &roster)?.verify(&sum.terms, vote)?;
        self.speak(Seat::Votes, round, vote.seat, &encode(vote), "this member's vote").await
    }

    /// The votes, once they are enough.
    ///
    /// # Errors
    /// [`SumError::OtherPhase`]; [`SumError::Refused`] with [`Error::TooFew`] until then.
    pub async fn votes(&self, round: RoundId) -> Result<SplitVotes, SumError> {
        let sum = self.in_phase(round, Phase::Opening).await?;
        let votes = self.spoken::<Vote>(Seat::Votes, round, "a vote").await?;
        let (got, least) = (u32::try_from(votes.len()).unwrap_or(u32::MAX), sum.terms.terms.threshold);
        if got < least {
            return Err(Error::TooFew { what: "the split's signatures", got, least }.into());
        }
        Ok(SplitVotes { votes })
    }

    /// Takes what a member discloses.
    ///
    /// # Errors
    /// [`SumError::Refused`], [`SumError::OtherPhase`], [`SumError::Differs`].
    pub async fn disclose(&self, round: RoundId, disclosure: &Disclosure) -> Result<Taken, SumError> {
        let sum = self.in_phase(round, Phase::Opening).await?;
        let roster = self.roster(&sum).await?;
        disclosure.check(&sum.terms, &split(&sum, &roster)?)?;
        self.speak(Seat::Disclosures, round, disclosure.seat, &encode(disclosure), "this member's disclosure").await
    }

    async fn speak(
        &self,
        table: Seat,
        round: RoundId,
        seat: u32,
        body: &[u8],
        what: &'static str,
    ) -> Result<Taken, SumError> {
        retry(|| async {
            let mut write = self.store.write(Isolation::Swap).await?;
            if tables::speak(&mut write, table, round, seat, body).await? {
                write.commit().await?;
                return Ok(Taken::New);
            }
            let said = tables::spoken(&mut write, table, round).await?;
            if said.iter().any(|said| said == body) {
                return Ok(Taken::Again);
            }
            drop(write);
            self.in_phase(round, Phase::Opening).await?;
            Err(SumError::Differs { what })
        })
        .await
    }

    pub(super) async fn spoken<M: Message>(
        &self,
        table: Seat,
        round: RoundId,
        what: &'static str,
    ) -> Result<Vec<M>, SumError> {
        let said = tables::spoken(&mut self.store.read().await?, table, round).await?;
        said.iter().map(|body| tables::read(what, body)).collect()
    }

    /// Whether enough members have disclosed that it is worth putting the secrets together.
    ///
    /// # Errors
    /// [`SumError::NoSuchRound`].
    pub async fn answered(&self, round: RoundId) -> Result<bool, SumError> {
        let sum = self.round(round).await?;
        let answers = tables::answers(&mut self.store.read().await?, round).await?;
        Ok(sum.phase == Phase::Opening && answers >= sum.terms.terms.threshold)
    }

    /// Ends a round that has not ended without a sum, in a transaction of the caller's: nothing was disclosed that opens anything, and what
    /// was sent is forgotten.
    ///
    /// # Errors
    /// [`SumError::Store`].
    pub async fn abandon(&self, write: &mut Write, now: Millis, round: RoundId) -> Result<(), SumError> {
        for phase in Phase::ALL.into_iter().filter(|phase| phase.live()) {
            tables::advance(write, round, phase, Phase::Abandoned, now, Mark::None).await?;
        }
        tables::forget(write, round).await
    }

    /// What became of a device's vector: what it asks until it is told *included* or *missed*.
    ///
    /// # Errors
    /// [`SumError::NoSuchRound`]; [`SumError::Refused`] for a device that did not join.
    pub async fn fate(&self, round: RoundId, identity: PublicKey) -> Result<Fate, SumError> {
        let sum = self.round(round).await?;
        let stranger = || SumError::from(Error::Stranger { what: "the device" });
        if sum.phase == Phase::Joining {
            let joined = tables::message(&mut self.store.read().await?, Device::Joins, round, identity).await?;
            return joined.map(|_| Fate::Waiting).ok_or_else(stranger);
        }
        let index = self.names(round).await?.binary_search(&identity).map_err(|_| stranger())?;
        let reported =
            sum.bitmap.as_ref().and_then(|bits| bits.get(index / 8)).is_some_and(|byte| byte >> (index % 8) & 1 == 1);
        Ok(match sum.phase {
            Phase::Summed if reported => Fate::Included,
            Phase::Summed | Phase::Abandoned => Fate::Missed,
            Phase::Opening if !reported => Fate::Missed,
            _ => Fate::Waiting,
        })
    }

    /// Who joined a round that takes no more, in the roster's order. Every device of a round asks for its fate.
    async fn names(&self, round: RoundId) -> Result<Arc<[PublicKey]>, SumError> {
        let mut held = self.names.lock().await;
        if let Some((_, names)) = held.as_ref().filter(|(of, _)| *of == round) {
            return Ok(Arc::clone(names));
        }
        let names: Arc<[PublicKey]> = tables::names(&mut self.store.read().await?, Device::Joins, round).await?.into();
        *held = Some((round, Arc::clone(&names)));
        Ok(names)
    }

    /// The closed roster of a round, made of the joins once a process: of many who ask at once, one makes it.
    pub(super) async fn roster(&self, sum: &Sum) -> Result<Arc<Roster>, SumError> {
        let mut held = self.roster.lock().await;
        if let Some((_, roster)) = held.as_ref().filter(|(round, _)| *round == sum.round) {
            return Ok(Arc::clone(roster));
        }
        let Some(beacon) = sum.beacon else {
            return Err(SumError::OtherPhase { round: sum.round, got: sum.phase, expected: Phase::Reporting });
        };
        let mut entries: Vec<Entry> = Vec::new();
        self.joins(sum.round, |join| entries.push(join.entry())).await?;
        let roster = Arc::new(Roster::close(&sum.terms, entries, beacon)?);
        *held = Some((sum.round, Arc::clone(&roster)));
        Ok(roster)
    }

    /// Every join of a round, in the roster's order, a page at a time.
    pub(super) async fn joins(&self, round: RoundId, mut take: impl FnMut(Join)) -> Result<(), SumError> {
        let mut link = self.store.read().await?;
        let mut after = None;
        loop {
            let page = tables::page(&mut link, Device::Joins, round, after).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(*last);
            for (_, body) in &page {
                take(tables::read("a device's joining", body)?);
            }
        }
    }

    /// Does what is due at `now`, one step at most: closes the roster, settles who reported, or gives a round up. Says which phase has
    /// begun.
    ///
    /// # Errors
    /// [`SumError::Store`], [`SumError::Damaged`].
    pub async fn tick(&self, now: Millis, rules: &Rules) -> Result<Option<Phase>, SumError> {
        let Some(sum) = self.newest().await? else { return Ok(None) };
        let late = now >= sum.closes_at;
        let least = sum.terms.terms.least;
        let to = match sum.phase {
            Phase::Joining if sum.joined >= sum.cohort || (late && sum.joined >= least) => Phase::Reporting,
            Phase::Reporting if sum.reported == sum.joined || (late && sum.reported >= least) => Phase::Opening,
            phase if phase.live() && late => Phase::Abandoned,
            _ => return Ok(None),
        };
        let ours = retry(|| self.advance(now, rules, &sum, to)).await?;
        Ok(ours.then_some(to))
    }

    async fn advance(&self, now: Millis, rules: &Rules, sum: &Sum, to: Phase) -> Result<bool, SumError> {
        let (round, closes_at) = (sum.round, rules.closes_at(to, now));
        let mut write = self.store.write(Isolation::Swap).await?;
        // The row is ours from here to the commit: who wanted to be counted meanwhile finds the phase changed.
        let beacon = if to == Phase::Reporting { Some(beacon()?) } else { None };
        let mark = beacon.as_ref().map_or(Mark::None, Mark::Beacon);
        if !tables::advance(&mut write, round, sum.phase, to, closes_at, mark).await? {
            return Ok(false);
        }
        if to == Phase::Opening {
            let joined = tables::names(&mut write, Device::Joins, round).await?;
            let reported = tables::names(&mut write, Device::Reports, round).await?;
            let bits: Vec<bool> = joined.iter().map(|name| reported.binary_search(name).is_ok()).collect();
            let bitmap: Vec<u8> = bits
                .chunks(8)
                .map(|eight| eight.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit)))
                .collect();
            tables::advance(&mut write, round, to, to, closes_at, Mark::Bitmap(&bitmap)).await?;
        }
        if to == Phase::Abandoned {
            tables::forget(&mut write, round).await?;
        }
        write.commit().await?;
        Ok(true)
    }
}

/// 32 bytes that nobody knew before.
fn beacon() -> Result<Digest, SumError> {
    let mut bytes = [0; 32];
    let none = |error| StoreError::Query(sqlx::Error::Configuration(Box::new(error)));
    getrandom::fill(&mut bytes).map_err(none)?;
    Ok(Digest(bytes))
}

/// Who reported, of a round in which that is settled.
pub(super) fn split(sum: &Sum, roster: &Roster) -> Result<Split, SumError> {
    let count = u32::try_from(roster.entries().len()).unwrap_or(u32::MAX);
    let other = SumError::OtherPhase { round: sum.round, got: sum.phase, expected: Phase::Opening };
    let bitmap = sum.bitmap.clone().ok_or(other)?;
    Ok(Split::from_parts(roster.name(), count, bitmap)?)
}
