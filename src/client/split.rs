//! A lesson over a public block (rows F2, W2): the loss and its labels stay in this room, and what leaves it is one [`Gradient`], the
//! shared user tower's part followed by the cut layer's, as long for whoever heard one song as for whoever heard a thousand.
//!
//! With one pass and one batch the update is `−η` times the exact gradient of the two-tower model ([`crate::tower::SplitTower`]), and the server
//! that propagates the sum back through its item tower takes the very step of a central training (FedSGD; McMahan et al., AISTATS 2017,
//! §2). With more passes the block's embeddings move on the device between them, and what is sent is how far they went: FedAvg of both
//! halves, cheaper a round, no longer exact.

use super::{Past, Resident, Trained};
use crate::learn::{Part, Scratch, proximal, sgd};
use crate::math::Rng;
use crate::privacy::Gradient;
use crate::protocol::{CandidateBlock, LocalPlan};
use crate::session::Behaviour;
use crate::tower::{BlockExample, Candidates, SplitTower, Task, UserTower};

/// A block as one device reads it: which candidate each resident song is.
#[derive(Clone, Debug)]
pub struct OpenBlock<'a> {
    message: &'a CandidateBlock,
    /// Candidate + 1 by slot; 0 = not in the block.
    candidates: Vec<u32>,
}

impl<'a> OpenBlock<'a> {
    /// Looks up the resident songs of a block.
    #[must_use]
    pub fn new(message: &'a CandidateBlock, items: &Resident) -> Self {
        let mut candidates = vec![0; items.len()];
        for (song, place) in message.songs.iter().zip(1..) {
            if let Some(slot) = items.slot(*song) {
                candidates[slot as usize] = place;
            }
        }
        Self { message, candidates }
    }

    fn candidate(&self, slot: u32) -> Option<u32> {
        self.candidates.get(slot as usize).and_then(|c| c.checked_sub(1))
    }

    fn task(&self) -> Task {
        if self.message.task == Task::Like as u32 { Task::Like } else { Task::Complete }
    }

    /// Whether what became of a song is what this block's task looks for.
    fn wants(&self, behaviour: Behaviour) -> bool {
        match self.task() {
            Task::Like => behaviour == Behaviour::Like,
            _ => behaviour.wanted(),
        }
    }
}

/// The songs of one lesson over blocks; storage that is used again.
#[derive(Clone, Debug, Default)]
pub struct BlockLesson {
    scratch: Scratch<f32>,
    places: Vec<Option<Part>>,
    wanted: Vec<u32>,
    barred: Vec<u32>,
}

impl Past {
    /// Where a lesson over this block can be cut: after at least one event, with a candidate to be found behind it; the newest `most`.
    #[must_use]
    pub fn block_lessons(&self, block: &OpenBlock<'_>, most: usize) -> Vec<usize> {
        let found = |&i: &usize| block.wants(self.behaviour(i)) && block.candidate(self.slot(i)).is_some();
        let all: Vec<usize> = (1..self.len()).filter(found).collect();
        all[all.len().saturating_sub(most)..].to_vec()
    }

    /// Cuts the past at `i` and adds `scale` times the gradient of finding what was wanted from there on, among the candidates of
    /// `blocks[which]`, to `gradient` (as long as the parameters of `tower`). Returns the loss.
    #[allow(clippy::too_many_arguments, reason = "every input is explicit; a trainer has them all at hand")]
    pub fn learn_block(
        &self,
        i: usize,
        tower: &SplitTower<f32>,
        blocks: &[OpenBlock<'_>],
        which: usize,
        scale: f32,
        lesson: &mut BlockLesson,
        gradient: &mut [f32],
    ) -> f32 {
        let block = &blocks[which];
        let BlockLesson { scratch, places, wanted, barred } = lesson;
        let input = self.input(i, self.context(i));
        let heard = || (i - input.heard.len()..i).map(|j| self.slot(j));
        let place =
            |slot: u32| blocks.iter().enumerate().find_map(|(b, open)| Some(tower.place(b, open.candidate(slot)?)));
        places.clear();
        places.extend(heard().map(place));
        let ahead = (i..self.len()).filter(|&j| block.wants(self.behaviour(j)));
        wanted.clear();
        wanted.extend(ahead.filter_map(|j| block.candidate(self.slot(j))).take(block.message.ahead as usize));
        wanted.sort_unstable();
        wanted.dedup();
        barred.clear();
        barred.extend(heard().filter_map(|slot| block.candidate(slot)).filter(|c| wanted.binary_search(c).is_err()));
        let CandidateBlock { popularity, log_chance, .. } = block.message;
        let candidates = Candidates { block: which, task: block.task(), popularity, log_chance };
        let example = BlockExample { input, places, wanted, barred };
        tower.learn(&candidates, &example, scale, scratch, gradient)
    }
}

/// Trains the shared weights and the blocks' embeddings on a past, by local SGD as [`super::train`]; the update is `Δ shared ‖ Δ V₀ ‖ Δ V₁ …`. `None` if
/// no block has anything to learn.
///
/// Every pass draws at most [`CandidateBlock::lessons`] cuts of the newest [`LocalPlan::max_examples`]. One pass whose cuts fit into one batch is
/// the exact split.
#[must_use]
pub fn train_split(
    tower: &UserTower,
    past: &Past,
    items: &Resident,
    blocks: &[CandidateBlock],
    plan: &LocalPlan,
    mut rng: Rng,
) -> Option<Trained> {
    let open: Vec<OpenBlock<'_>> = blocks.iter().map(|block| OpenBlock::new(block, items)).collect();
    let cuts: Vec<Vec<usize>> = open.iter().map(|b| past.block_lessons(b, plan.max_examples as usize)).collect();
    if cuts.iter().all(Vec::is_empty) {
        return None;
    }
    let rows: Vec<&[f32]> = blocks.iter().map(|block| &block.rows[..]).collect();
    let mut local = SplitTower::new(tower, &rows);
    let before = local.parameters().to_vec();
    let mut gradient = vec![0.0; before.len()];
    let mut lesson = BlockLesson::default();
    let (mut first_pass, mut drawn) = (0.0, 0);
    for epoch in 0..plan.epochs {
        let mut lessons: Vec<(usize, usize)> = Vec::new();
        for (which, (cuts, block)) in cuts.iter().zip(blocks).enumerate() {
            let mut cuts = cuts.clone();
            rng.shuffle(&mut cuts);
            lessons.extend(cuts.into_iter().take(block.lessons as usize).map(|i| (which, i)));
        }
        rng.shuffle(&mut lessons);
        for batch in lessons.chunks(plan.batch as usize) {
            gradient.fill(0.0);
            #[allow(clippy::cast_precision_loss, reason = "a batch has at most 4096 lessons")]
            let scale = 1.0 / batch.len() as f32;
            for &(which, i) in batch {
                let loss = past.learn_block(i, &local, &open, which, scale, &mut lesson, &mut gradient);
                first_pass += if epoch == 0 { loss } else { 0.0 };
            }
            gradient[tower.layout().personal.range()].fill(0.0);
            if plan.proximal > 0.0 {
                proximal(&mut gradient, local.parameters(), &before, plan.proximal);
            }
            sgd(local.parameters_mut(), &gradient, plan.learning_rate);
        }
        drawn = if epoch == 0 { lessons.len() } else { drawn };
    }
    let moved: Vec<f32> = local.parameters().iter().zip(&before).map(|(after, before)| after - before).collect();
    #[allow(clippy::cast_precision_loss, reason = "at most 4 × 4096 lessons")]
    let loss = first_pass / drawn as f32;
    Some(Trained { update: Gradient::new(local.travelling(&moved)), lessons: drawn, loss })
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
