//! Events become lessons, lessons become a gradient (row W2). The loss and its labels never leave this room; what leaves it is a
//! [`Gradient`], which is not a message either.

use super::Resident;
use crate::learn::sgd;
use crate::math::Rng;
use crate::privacy::Gradient;
use crate::protocol::LocalPlan;
use crate::session::{Behaviour, ListenEvent};
use crate::tower::{Context, Example, Heard, TowerInput, UserTower};

/// An event and the surroundings in which it happened.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Remembered {
    /// What happened.
    pub event: ListenEvent,
    /// Where and when.
    pub context: Context,
}

/// At most so many songs that were skipped shortly before are set against the one that was finished.
const SKIPS: usize = 4;

/// The remembered past with its embeddings: what lessons are cut from.
#[derive(Debug)]
pub struct Past {
    dimension: usize,
    rows: Vec<f32>,
    slots: Vec<u32>,
    behaviours: Vec<Behaviour>,
    contexts: Vec<Context>,
}

impl Past {
    /// Looks up the embeddings; events of songs that are not resident are left out.
    #[must_use]
    pub fn new(events: &[Remembered], items: &Resident) -> Self {
        let dimension = items.dimension();
        let mut past =
            Self { dimension, rows: Vec::new(), slots: Vec::new(), behaviours: Vec::new(), contexts: Vec::new() };
        for Remembered { event, context } in events {
            if let Some(slot) = items.slot(event.impression.song) {
                let start = past.rows.len();
                past.rows.resize(start + dimension, 0.0);
                items.blocks().row(slot, &mut past.rows[start..]);
                past.slots.push(slot);
                past.behaviours.push(event.feedback.behaviour());
                past.contexts.push(*context);
            }
        }
        past
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True before the first event of a resident song.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The past as the tower sees it, oldest first.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard<'_>> {
        self.rows.chunks_exact(self.dimension.max(1)).zip(&self.behaviours).map(|(v, &b)| Heard::new(v, b)).collect()
    }

    /// Where a lesson can be cut: after at least one event, at a song that was finished or liked; the newest `most`.
    #[must_use]
    pub fn lessons(&self, most: usize) -> Vec<usize> {
        let all: Vec<usize> = (1..self.len()).filter(|&i| self.wanted(i)).collect();
        all[all.len().saturating_sub(most)..].to_vec()
    }

    fn wanted(&self, i: usize) -> bool {
        matches!(self.behaviours[i], Behaviour::Complete | Behaviour::Like)
    }

    /// The slots of a lesson at `i`: the wanted song, then skips shortly before it, then `negatives` sampled songs.
    fn slots_of(&self, i: usize, negatives: usize, items: &Resident, rng: &mut Rng) -> Vec<u32> {
        let wanted = self.slots[i];
        let mut slots = vec![wanted];
        let skipped = (0..i).rev().take(2 * SKIPS).filter(|&j| !self.wanted(j)).map(|j| self.slots[j]);
        slots.extend(skipped.filter(|&s| s != wanted).take(SKIPS));
        let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        slots.extend((0..negatives).map(|_| rng.below(count)).filter(|&s| s != wanted));
        slots
    }

    /// Cuts the lesson at `i` and adds `scale` times its gradient (`tower.weights().len()` numbers). Returns its loss.
    pub fn learn(
        &self,
        i: usize,
        tower: &UserTower,
        negatives: Negatives<'_>,
        rng: &mut Rng,
        scale: f32,
        gradient: &mut [f32],
    ) -> f32 {
        let Negatives { items, count } = negatives;
        let slots = self.slots_of(i, count, items, rng);
        let d = self.dimension;
        let mut rows = vec![0.0; slots.len() * d];
        for (slot, row) in slots.iter().zip(rows.chunks_exact_mut(d)) {
            items.blocks().row(*slot, row);
        }
        let songs: Vec<&[f32]> = rows.chunks_exact(d).collect();
        let popularity: Vec<f32> = slots.iter().map(|&s| items.popularity()[s as usize]).collect();
        let input = TowerInput { history: &self.heard()[..i], context: self.contexts[i] };
        tower.learn(&Example { input, songs: &songs, popularity: &popularity }, scale, gradient)
    }
}

/// Songs that stand for all that was not heard: so many, drawn evenly from the resident ones.
#[derive(Clone, Copy, Debug)]
pub struct Negatives<'a> {
    /// Where they are drawn from.
    pub items: &'a Resident,
    /// How many.
    pub count: usize,
}

/// What local training gave.
#[derive(Debug)]
pub struct Trained {
    /// Local weights minus the round's, shared part only.
    pub update: Gradient,
    /// From how many lessons.
    pub lessons: usize,
    /// Mean loss of the first pass, before and while it learned.
    pub loss: f32,
}

/// Trains the shared weights on a past, by local SGD (McMahan et al., *FedAvg*, AISTATS 2017, Algorithm 1, `ClientUpdate`).
/// `None` if there is nothing to learn from.
#[must_use]
pub fn train(tower: &UserTower, past: &Past, items: &Resident, plan: &LocalPlan, mut rng: Rng) -> Option<Trained> {
    let mut lessons = past.lessons(plan.max_examples as usize);
    if lessons.is_empty() || items.len() < 2 {
        return None;
    }
    let negatives = Negatives { items, count: plan.negatives as usize };
    let mut local = tower.clone();
    let shared = tower.shared().len();
    let mut gradient = vec![0.0; tower.weights().len()];
    let mut first_pass = 0.0;
    for epoch in 0..plan.epochs {
        rng.shuffle(&mut lessons);
        for batch in lessons.chunks(plan.batch as usize) {
            gradient.fill(0.0);
            #[allow(clippy::cast_precision_loss, reason = "a batch has at most 4096 lessons")]
            let scale = 1.0 / batch.len() as f32;
            for &i in batch {
                let loss = past.learn(i, &local, negatives, &mut rng, scale, &mut gradient);
                first_pass += if epoch == 0 { loss } else { 0.0 };
            }
            sgd(&mut local.weights_mut()[..shared], &gradient[..shared], plan.learning_rate);
        }
    }
    let update = local.shared().iter().zip(tower.shared()).map(|(l, g)| l - g).collect();
    #[allow(clippy::cast_precision_loss, reason = "at most 4096 lessons")]
    let loss = first_pass / lessons.len() as f32;
    Some(Trained { update: Gradient::new(update), lessons: lessons.len(), loss })
}

/// One step on the personal weights from the newest event: towards a song that was wanted, or away from one that was left (set
/// against the last wanted one). These weights never leave.
pub(super) fn personal_step(tower: &mut UserTower, past: &Past, items: &Resident, learning_rate: f32, rng: &mut Rng) {
    const NEGATIVES: usize = 8;
    let Some(newest) = past.len().checked_sub(1).filter(|&n| n > 0 && items.len() > 1) else { return };
    let mut gradient = vec![0.0; tower.weights().len()];
    if past.wanted(newest) {
        past.learn(newest, tower, Negatives { items, count: NEGATIVES }, rng, 1.0, &mut gradient);
    } else {
        let heard = past.heard();
        let Some(last) = (0..newest).rev().find(|&i| past.wanted(i)) else { return };
        let songs = [heard[last].song, heard[newest].song];
        let popularity = [last, newest].map(|i| items.popularity()[past.slots[i] as usize]);
        let input = TowerInput { history: &heard[..newest], context: past.contexts[newest] };
        tower.learn(&Example { input, songs: &songs, popularity: &popularity }, 1.0, &mut gradient);
    }
    let shared = tower.shared().len();
    sgd(&mut tower.weights_mut()[shared..], &gradient[shared..], learning_rate);
}
