//! Group commit: what many devices send at once is written in one transaction, and each is told after the commit what became of its own.
//!
//! A commit makes the disk wait once, however much it holds: one a message is a few hundred a second, one for all that wait thousands.
//! Nobody waits for company, there is no timer and no task that must be kept alive: whoever comes lays its message down and asks for the
//! pen; who gets it writes for all who wait by then. Meanwhile others come, and so a busy store makes its own batches.

use super::sums::{Sums, Taken};
use super::tables::{self, Device, Room};
use super::{Phase, SumError};
use crate::store::{Isolation, StoreError, retry};
use sottovoce::ids::RoundId;
use sottovoce::secagg::PublicKey;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// A transaction takes no more once it holds so many bytes: what waits lies in memory.
const BYTES: usize = 32 << 20;

type Verdict = Result<Taken, SumError>;

/// Where messages wait, and the pen.
#[derive(Default)]
pub(super) struct Desk {
    waiting: Mutex<VecDeque<Letter>>,
    pen: Arc<tokio::sync::Mutex<()>>,
}

impl core::fmt::Debug for Desk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Desk(..)") // what devices sent lies here
    }
}

/// A message on its way into the store.
pub(super) struct Letter {
    table: Device,
    round: RoundId,
    of: PublicKey,
    body: Vec<u8>,
    tell: oneshot::Sender<Verdict>,
}

impl Letter {
    pub(super) fn new(
        table: Device,
        round: RoundId,
        of: PublicKey,
        body: Vec<u8>,
    ) -> (Self, oneshot::Receiver<Verdict>) {
        let (tell, told) = oneshot::channel();
        (Self { table, round, of, body, tell }, told)
    }
}

impl Desk {
    fn lay(&self, letter: Letter) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(letter);
    }

    /// The oldest that wait. Whose sender has gone away was acknowledged to nobody, and is sent again.
    fn take(&self) -> Vec<Letter> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while bytes < BYTES {
            let Some(letter) = waiting.pop_front() else { break };
            if !letter.tell.is_closed() {
                bytes += letter.body.len();
                batch.push(letter);
            }
        }
        batch
    }
}

impl Sums {
    /// Writes and counts in one transaction, together with whatever else waits: what is acknowledged is counted, what is counted will be
    /// in the roster or in the sum.
    pub(super) async fn put(&self, table: Device, round: RoundId, of: PublicKey, body: Vec<u8>) -> Verdict {
        let (letter, mut told) = Letter::new(table, round, of, body);
        self.desk.lay(letter);
        loop {
            tokio::select! {
                biased; // who has been told leaves the pen to others
                verdict = &mut told => {
                    return verdict.unwrap_or(Err(StoreError::Query(sqlx::Error::WorkerCrashed).into()));
                }
                pen = Arc::clone(&self.desk.pen).lock_owned() => {
                    let (this, batch) = (self.clone(), self.desk.take());
                    // A task of its own: who asked may go away, and what others wait for is in the batch.
                    tokio::spawn(async move {
                        this.write_together(batch).await;
                        drop(pen);
                    });
                }
            }
        }
    }

    /// Where the whole fails, each is tried by itself: what is wrong with one is no reason to refuse another. A store that does not answer
    /// at all is not asked once for each.
    async fn write_together(&self, batch: Vec<Letter>) {
        match retry(|| self.write_once(&batch)).await {
            Ok(verdicts) => batch.into_iter().zip(verdicts).for_each(|(letter, verdict)| tell(letter, verdict)),
            Err(SumError::Store(error)) if error.busy() => {
                let error = Arc::new(error);
                batch.into_iter().for_each(|letter| tell(letter, Err(StoreError::Together(Arc::clone(&error)).into())));
            }
            Err(error) => match <[Letter; 1]>::try_from(batch) {
                Ok([letter]) => tell(letter, Err(error)),
                Err(batch) => {
                    for letter in batch {
                        let alone = retry(|| self.write_once(std::slice::from_ref(&letter))).await;
                        let verdict = alone.and_then(|mut one| one.pop().unwrap_or(Err(no_such(letter.round))));
                        tell(letter, verdict);
                    }
                }
            },
        }
    }

    /// One transaction; a verdict for each letter, which stands once this returns. An error: none was written.
    pub(super) async fn write_once(&self, letters: &[Letter]) -> Result<Vec<Verdict>, SumError> {
        let mut write = self.store.write(Isolation::Swap).await?;
        // The rounds' rows are ours from here to the commit, in one order for all: nobody moves a round on while it is written into.
        let mut rooms: BTreeMap<RoundId, Option<Room>> = letters.iter().map(|letter| (letter.round, None)).collect();
        for (round, room) in &mut rooms {
            *room = tables::hold(&mut write, *round).await?;
        }
        let mut verdicts = Vec::with_capacity(letters.len());
        for Letter { table, round, of, body, .. } in letters {
            let Some(Some(room)) = rooms.get_mut(round) else {
                verdicts.push(Err(no_such(*round)));
                continue;
            };
            if room.takes(*table) && tables::insert(&mut write, *table, *round, *of, body).await? {
                room.count(*table);
                verdicts.push(Ok(Taken::New));
                continue;
            }
            verdicts.push(match tables::message(&mut write, *table, *round, *of).await? {
                Some(Some(stored)) if stored != *body => Err(SumError::Differs { what: table.what() }),
                Some(_) => Ok(Taken::Again),
                None => Err(SumError::OtherPhase { round: *round, got: room.phase, expected: table.phase() }),
            });
        }
        for (round, room) in &rooms {
            for table in [Device::Joins, Device::Reports] {
                if let Some(new @ 1..) = room.as_ref().map(|room| room.added(table)) {
                    tables::count(&mut write, table, *round, new).await?;
                }
            }
        }
        write.commit().await?;
        Ok(verdicts)
    }
}

fn no_such(round: RoundId) -> SumError {
    SumError::NoSuchRound { round }
}

/// Whoever is gone will ask again, and is told the same then.
fn tell(letter: Letter, verdict: Verdict) {
    let _ = letter.tell.send(verdict);
}

impl Device {
    /// What an error calls it.
    fn what(self) -> &'static str {
        match self {
            Self::Joins => "this device's joining",
            Self::Reports => "this device's report",
        }
    }

    /// When it is taken.
    fn phase(self) -> Phase {
        match self {
            Self::Joins => Phase::Joining,
            Self::Reports => Phase::Reporting,
        }
    }
}

impl Room {
    fn takes(&self, table: Device) -> bool {
        self.phase == table.phase() && (table == Device::Reports || self.joined + self.new[0] < self.cohort)
    }

    fn count(&mut self, table: Device) {
        self.new[usize::from(table == Device::Reports)] += 1;
    }

    fn added(&self, table: Device) -> u32 {
        self.new[usize::from(table == Device::Reports)]
    }
}
