//! Events become lessons, lessons become a gradient (row W2). The loss and its labels never leave this room; what leaves it is a
//! [`Gradient`], which is not a message either.

use super::{Past, Resident};
use crate::learn::{Scratch, proximal, sgd};
use crate::math::Rng;
use crate::privacy::Gradient;
use crate::protocol::LocalPlan;
use crate::session::Behaviour;
use crate::tower::{Example, UserTower};

/// At most so many songs that were left shortly before are set against the one that was finished.
const SKIPS: usize = 4;

/// Songs that stand for all that was not heard: so many, drawn evenly from the resident ones.
#[derive(Clone, Copy, Debug)]
pub struct Negatives<'a> {
    /// Where they are drawn from.
    pub items: &'a Resident,
    /// How many.
    pub count: usize,
}

/// The songs of one lesson; storage that is used again.
#[derive(Clone, Debug, Default)]
pub struct Lesson {
    scratch: Scratch<f32>,
    slots: Vec<u32>,
    rows: Vec<f32>,
    popularity: Vec<f32>,
}

impl Past {
    /// Where a lesson can be cut: at anything but a song that was only shown, after at least one event; the newest `most`.
    #[must_use]
    pub fn lessons(&self, most: usize) -> Vec<usize> {
        let all: Vec<usize> = (1..self.len()).filter(|&i| self.behaviour(i) != Behaviour::Ignore).collect();
        all[all.len().saturating_sub(most)..].to_vec()
    }

    /// Cuts the lesson at `i` and adds `scale` times its gradient (`tower.weights().len()` numbers). Returns its loss.
    ///
    /// A song that was wanted is ranked above songs left shortly before and songs drawn; whatever it was, the tasks *like* and *skip*
    /// learn its outcome.
    #[allow(clippy::too_many_arguments, reason = "every input is explicit; a trainer has them all at hand")]
    pub fn learn(
        &self,
        i: usize,
        tower: &UserTower,
        negatives: Negatives<'_>,
        rng: &mut Rng,
        scale: f32,
        lesson: &mut Lesson,
        gradient: &mut [f32],
    ) -> f32 {
        let Negatives { items, count } = negatives;
        let ranked = self.behaviour(i).wanted();
        self.choose(i, if ranked { Some((items, count)) } else { None }, rng, &mut lesson.slots);
        let outcome = [(0, self.behaviour(i))];
        lesson.give(self, i, items, ranked, &outcome, |example, scratch| tower.learn(example, scale, scratch, gradient))
    }

    /// The slots of the lesson at `i`: its own song; and, to rank it above, songs left shortly before and so many drawn.
    fn choose(&self, i: usize, others: Option<(&Resident, usize)>, rng: &mut Rng, slots: &mut Vec<u32>) {
        let this = self.slot(i);
        slots.clear();
        slots.push(this);
        if let Some((items, count)) = others {
            let left = (0..i).rev().take(2 * SKIPS).filter(|&j| !self.behaviour(j).wanted()).map(|j| self.slot(j));
            slots.extend(left.filter(|&s| s != this).take(SKIPS));
            let all = u32::try_from(items.len()).unwrap_or(u32::MAX);
            slots.extend((0..count).map(|_| rng.below(all)).filter(|&s| s != this));
        }
    }
}

impl Lesson {
    /// Hands the lesson of `past` at `i`, about the songs in `slots`, to `teach`.
    fn give<T>(
        &mut self,
        past: &Past,
        i: usize,
        items: &Resident,
        ranked: bool,
        outcomes: &[(usize, Behaviour)],
        teach: impl FnOnce(&Example<'_>, &mut Scratch<f32>) -> T,
    ) -> T {
        let Self { scratch, slots, rows, popularity } = self;
        let d = items.dimension();
        rows.clear();
        rows.resize(slots.len() * d, 0.0);
        for (slot, row) in slots.iter().zip(rows.chunks_exact_mut(d.max(1))) {
            items.blocks().row(*slot, row);
        }
        popularity.clear();
        popularity.extend(slots.iter().map(|&s| items.popularity()[s as usize]));
        let input = past.input(i, past.context(i));
        teach(&Example { input, songs: rows, popularity, ranked, outcomes }, scratch)
    }
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

/// Trains the shared weights on a past, by local SGD (McMahan et al., *FedAvg*, AISTATS 2017, Algorithm 1, `ClientUpdate`), drawn back to the
/// round's weights where the plan says so (FedProx).
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
    let mut lesson = Lesson::default();
    let mut first_pass = 0.0;
    for epoch in 0..plan.epochs {
        rng.shuffle(&mut lessons);
        for batch in lessons.chunks(plan.batch as usize) {
            gradient.fill(0.0);
            #[allow(clippy::cast_precision_loss, reason = "a batch has at most 4096 lessons")]
            let scale = 1.0 / batch.len() as f32;
            for &i in batch {
                let loss = past.learn(i, &local, negatives, &mut rng, scale, &mut lesson, &mut gradient);
                first_pass += if epoch == 0 { loss } else { 0.0 };
            }
            if plan.proximal > 0.0 {
                proximal(&mut gradient[..shared], local.shared(), tower.shared(), plan.proximal);
            }
            sgd(&mut local.weights_mut()[..shared], &gradient[..shared], plan.learning_rate);
        }
    }
    let update = local.shared().iter().zip(tower.shared()).map(|(l, g)| l - g).collect();
    #[allow(clippy::cast_precision_loss, reason = "at most 4096 lessons")]
    let loss = first_pass / lessons.len() as f32;
    Some(Trained { update: Gradient::new(update), lessons: lessons.len(), loss })
}

/// No coordinate of a personal gradient is longer, over weights and songs that were trained: rows have length about 1.
const LONGEST_STEP: f32 = 1e6;

/// What a step on the personal weights works in.
#[derive(Clone, Debug, Default)]
pub(super) struct PersonalStep {
    lesson: Lesson,
    chances: Vec<f32>,
    gradient: Vec<f32>,
}

impl PersonalStep {
    /// One step on the personal weights from the newest event: towards a song that was wanted, or away from one that was left (set
    /// against the last wanted one). These weights never leave.
    pub(super) fn take(
        &mut self,
        tower: &mut UserTower,
        past: &Past,
        items: &Resident,
        learning_rate: f32,
        rng: &mut Rng,
    ) {
        const NEGATIVES: usize = 8;
        let Some(newest) = past.len().checked_sub(1).filter(|&n| n > 0 && items.len() > 1) else { return };
        let behaviour = past.behaviour(newest);
        if behaviour == Behaviour::Ignore {
            return;
        }
        let Self { lesson, chances, gradient } = self;
        let outcome = if behaviour.wanted() {
            past.choose(newest, Some((items, NEGATIVES)), rng, &mut lesson.slots);
            (0, behaviour)
        } else {
            let Some(last) = (0..newest).rev().find(|&i| past.behaviour(i).wanted()) else { return };
            lesson.slots.clear();
            lesson.slots.extend([past.slot(last), past.slot(newest)]);
            (1, behaviour)
        };
        gradient.clear();
        gradient.resize(items.dimension(), 0.0);
        lesson.give(past, newest, items, true, &[outcome], |example, scratch| {
            tower.learn_personal(example, scratch, chances, gradient);
        });
        // Hostile weights or songs can make a step that is no number, and one is enough: what is kept of the listener could not be read
        // again. NaN is not below the bound.
        if gradient.iter().all(|g| g.abs() < LONGEST_STEP) {
            let shared = tower.shared().len();
            sgd(&mut tower.weights_mut()[shared..], gradient, learning_rate);
        }
    }
}
