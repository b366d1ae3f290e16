//! One vertical round as simulated devices meet it: who is asked, what the server put on the wire, and what each device's own engine
//! answers. What becomes of the answers (a plain sum, shares of noise, cohorts with liars among them) is the caller's.

use super::SplitWorld;
use super::vertical::{TrainError, resident, tower};
use crate::federated::{RoundError, Vertical};
use sottovoce::client::{Invited, Outgoing, Past, Resident, UpdateKey};
use sottovoce::ids::{Millis, RoundId, SongId, WeightsVersion};
use sottovoce::math::Rng;
use sottovoce::protocol::{CandidateBlock, RoundOffer, WeightUpdate, decode, encode};
use sottovoce::tower::UserTower;

/// Whose turn it is: everyone once before anyone twice, in a new order each time.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    everyone: usize,
    order: Vec<usize>,
}

impl Turns {
    pub(super) fn of(everyone: usize) -> Self {
        Self { everyone, order: Vec::new() }
    }

    /// The devices of the next round.
    pub(super) fn next(&mut self, clients: usize, rng: &Rng) -> Vec<usize> {
        let mut cohort = Vec::with_capacity(clients);
        while cohort.len() < clients.min(self.everyone) {
            if self.order.is_empty() {
                self.order.extend(0..self.everyone);
                rng.split("order").shuffle(&mut self.order);
            }
            cohort.extend(self.order.pop().filter(|listener| !cohort.contains(listener)));
        }
        cohort
    }
}

/// A round that is out, read back from its bytes.
#[derive(Debug)]
pub(super) struct Meeting<'a> {
    world: &'a SplitWorld,
    items: &'a Resident,
    invited: Invited,
    tower: UserTower,
    weights: WeightsVersion,
    length: usize,
    down: usize,
    rng: Rng,
}

/// What one device sent.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The clipped update.
    pub(super) values: Vec<f32>,
    /// As so many bytes.
    pub(super) bytes: usize,
}

impl<'a> Meeting<'a> {
    /// Opens the next round of `server` and hands it to devices that hold `items`, which are published anew where a block leaves songs out.
    pub(super) fn open(
        server: &mut Vertical,
        world: &'a SplitWorld,
        items: &'a mut Resident,
        number: u32,
        clients: usize,
        rng: Rng,
    ) -> Result<Self, TrainError> {
        let blocks = server.open();
        if blocks.iter().any(|block| !block.log_chance.is_empty()) {
            *items = resident(server, world)?;
        }
        let weights = server.weights().version;
        let offer = RoundOffer {
            round: RoundId(number.into()),
            weights,
            plan: server.config().plan,
            cohort: u32::try_from(clients).unwrap_or(u32::MAX),
            closes_at: Millis(u64::MAX),
        };
        let mut invited = Invited::new(offer);
        let mut down = encode(server.weights()).len();
        for block in blocks {
            let bytes = encode(&block);
            down += bytes.len();
            invited.take_block(decode::<CandidateBlock>(&bytes)?)?;
        }
        Ok(Self { world, items, invited, tower: tower(server)?, weights, length: server.length(), down, rng })
    }

    /// Numbers of an update.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Bytes that each device fetched.
    pub(super) fn down(&self) -> usize {
        self.down
    }

    /// The user tower that is out.
    pub(super) fn tower(&self) -> &UserTower {
        &self.tower
    }

    /// The blocks that are out.
    pub(super) fn blocks(&self) -> &[CandidateBlock] {
        self.invited.blocks()
    }

    /// Whether a listener heard this song.
    pub(super) fn knows(&self, listener: usize, song: SongId) -> bool {
        self.world.logs[listener].iter().any(|event| event.event.impression.song == song)
    }

    /// What a device holds of its listener.
    pub(super) fn past(&self, listener: usize) -> Past {
        self.world.past(listener, self.items, &mut self.rng.split("device").split_at(listener as u64))
    }

    /// Lets a device train and send; `None` where there is nothing to learn from.
    pub(super) fn answer(&self, listener: usize) -> Result<Option<Answer>, TrainError> {
        let mut rng = self.rng.split("device").split_at(listener as u64);
        let past = self.world.past(listener, self.items, &mut rng);
        let key = UpdateKey([0; 16]);
        let sent = self.invited.contribute(&self.tower, self.weights, &past, self.items, &rng, key)?;
        let Some((Outgoing { bytes, .. }, _)) = sent else { return Ok(None) };
        let update: WeightUpdate = decode(&bytes)?;
        let values = update.values();
        if values.len() != self.length {
            return Err(RoundError::Length { what: "update", expected: self.length, got: values.len() }.into());
        }
        Ok(Some(Answer { values: values.to_vec(), bytes: bytes.len() }))
    }
}
