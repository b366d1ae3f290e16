//! What a device trains in one round, whether its update goes out in the open or into a sum that nobody can open: the same lessons, the
//! same random numbers, the same bits.

use super::learn::{Trained, train};
#[cfg(feature = "secagg")]
use super::split::OpenBlock;
#[cfg(feature = "full")]
use super::split::train_split;
use super::{Error, Past, Resident};
use crate::ids::{RoundId, WeightsVersion};
use crate::math::Rng;
#[cfg(feature = "full")]
use crate::protocol::CandidateBlock;
use crate::protocol::LocalPlan;
use crate::tower::UserTower;

/// Round, weights, plan, and the blocks that have come.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Course {
    round: RoundId,
    weights: WeightsVersion,
    plan: LocalPlan,
    /// Those of a vertical round, in their order; empty in a horizontal one.
    #[cfg(feature = "full")]
    blocks: Vec<CandidateBlock>,
}

impl Course {
    pub(super) fn new(round: RoundId, weights: WeightsVersion, plan: LocalPlan) -> Self {
        Self {
            round,
            weights,
            plan,
            #[cfg(feature = "full")]
            blocks: Vec::new(),
        }
    }

    /// Takes the next block.
    #[cfg(feature = "full")]
    pub(super) fn take_block(&mut self, block: CandidateBlock) -> Result<(), Error> {
        if block.weights != self.weights {
            return Err(Error::WeightsVersion { needed: self.weights, held: Some(block.weights) });
        }
        if block.index as usize != self.blocks.len() || self.blocks.iter().any(|held| held.count != block.count) {
            return Err(Error::Block { next: self.blocks.len(), got: block.index as usize });
        }
        self.blocks.push(block);
        Ok(())
    }

    #[cfg(feature = "full")]
    pub(super) fn blocks(&self) -> &[CandidateBlock] {
        &self.blocks
    }

    /// Whether there is anything to learn, without learning it.
    #[cfg(feature = "secagg")]
    pub(super) fn teaches(&self, past: &Past, items: &Resident) -> bool {
        let most = self.plan.max_examples as usize;
        if self.blocks.is_empty() {
            return items.len() > 1 && !past.lessons(most).is_empty();
        }
        self.blocks.iter().any(|block| !past.block_lessons(&OpenBlock::new(block, items), most).is_empty())
    }

    /// Trains on the past with what `rng` gives for this round. `Ok(None)`: nothing to learn from.
    pub(super) fn train(
        &self,
        tower: &UserTower,
        held: WeightsVersion,
        past: &Past,
        items: &Resident,
        rng: &Rng,
    ) -> Result<Option<Trained>, Error> {
        if held != self.weights {
            return Err(Error::WeightsVersion { needed: self.weights, held: Some(held) });
        }
        let rng = rng.split("round").split_at(self.round.0);
        #[cfg(feature = "full")]
        if let Some(CandidateBlock { count, .. }) = self.blocks.first() {
            if self.blocks.len() < *count as usize {
                return Err(Error::Block { next: self.blocks.len(), got: *count as usize });
            }
            let d = tower.layout().dimension();
            if let Some(other) = self.blocks.iter().find(|block| block.dimension as usize != d) {
                return Err(Error::WeightsDimension { weights: d, songs: other.dimension as usize });
            }
            return Ok(train_split(tower, past, items, &self.blocks, &self.plan, rng));
        }
        Ok(train(tower, past, items, &self.plan, rng))
    }
}
