//! A trainer between two steps, as bytes: whoever goes on from them ends with the bits of a run that nobody stopped.
//!
//! In the [`Seal`]: as JSON what is small ([`Head`]), then the weights, Adam's two moments of each, and the weights of the best epoch so far, as
//! little-endian `f32`. Random numbers need no place here: they follow from the seed, the epoch and the step.

use super::sealed::{Fields, Seal, SealError, put_json, put_reals};
use super::trainer::{Best, Way};
use super::{Balanced, Trainer};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::Parameters;

/// The kind of file.
pub(super) const CHECKPOINT: Seal = Seal { name: "checkpoint", magic: *b"sv-check", version: 1 };

/// A matrix by its name and shape: weights of another model are not taken for ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Rows.
    pub rows: u32,
    /// Columns.
    pub columns: u32,
}

/// All matrices of some weights.
#[must_use]
pub fn named(parameters: &Parameters<f32>) -> Vec<Named> {
    let one = |(name, part): (&str, sottovoce_algebra::Part)| Named {
        name: name.to_owned(),
        rows: part.rows,
        columns: part.columns,
    };
    parameters.parts().map(one).collect()
}

/// That weights are of these matrices.
///
/// # Errors
/// [`SealError::Content`] with the first that differs.
pub fn same(held: &[Named], parameters: &Parameters<f32>) -> Result<(), SealError> {
    let ours = named(parameters);
    let shown = |n: Option<&Named>| n.map_or("nothing".to_owned(), |n| format!("{} {}×{}", n.name, n.rows, n.columns));
    let differs = (0..held.len().max(ours.len())).find(|i| held.get(*i) != ours.get(*i));
    differs.map_or(Ok(()), |i| {
        let detail = format!("it holds {} where the model has {}", shown(held.get(i)), shown(ours.get(i)));
        Err(SealError::Content { detail })
    })
}

/// What is small.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// What it was trained on and how, as [`Trainer::identity`] has it.
    identity: String,
    parts: Vec<Named>,
    way: Way,
    /// The best epoch, and its figure; its weights come last.
    best: Option<(u64, f64)>,
    balanced: Balanced,
    /// Steps of each part, as Adam counts them; empty before the first.
    steps: Vec<i32>,
}

impl Head {
    /// That its numbers can be those of a training over so many rows: what follows counts on from them.
    fn check(&self, rows: usize) -> Result<(), SealError> {
        let over = self.way.epochs.len() as u64;
        let fits = [
            ("an epoch that does not follow those before it", self.way.place.epoch == over),
            ("a place beyond the rows", self.way.place.position <= rows as u64),
            ("more steps than rows", u64::from(self.way.steps) <= self.way.place.position),
            ("a best epoch that there was not", self.best.is_none_or(|(epoch, _)| epoch <= over)),
            ("steps of parts that there are not", self.steps.len() <= self.parts.len()),
            ("steps beyond counting", self.steps.iter().all(|steps| (0..i32::MAX / 2).contains(steps))),
        ];
        let wrong = fits.into_iter().find(|(_, fits)| !fits);
        wrong.map_or(Ok(()), |(what, _)| Err(SealError::Content { detail: what.to_owned() }))
    }
}

impl Trainer<'_> {
    /// Everything that the rest of the training follows from.
    ///
    /// # Errors
    /// [`SealError::Content`] for numbers that are none.
    pub(super) fn checkpoint(&mut self, identity: &str) -> Result<Vec<u8>, SealError> {
        let best = self.best.as_ref().map(|best| (best.epoch, best.figure));
        let mut payload = Vec::with_capacity(16 * self.parameters.len() + 4096);
        let (first, second, steps) = self.adam.state_mut();
        let head = Head {
            identity: identity.to_owned(),
            parts: named(&self.parameters),
            way: self.way.clone(),
            best,
            balanced: self.balanced.clone(),
            steps: steps.clone(),
        };
        put_json(&mut payload, &head)?;
        put_reals(&mut payload, self.parameters.values());
        put_reals(&mut payload, first);
        put_reals(&mut payload, second);
        if let Some(best) = &self.best {
            put_reals(&mut payload, &best.values);
        }
        Ok(CHECKPOINT.close(&payload))
    }

    /// Goes on from there. Nothing changes where it is refused.
    pub(super) fn restore(&mut self, identity: &str, rows: usize, bytes: &[u8]) -> Result<(), SealError> {
        let mut fields = Fields(CHECKPOINT.open(bytes)?);
        let head: Head = fields.json()?;
        if head.identity != identity {
            let detail = "it is of other settings or other data".to_owned();
            return Err(SealError::Content { detail });
        }
        same(&head.parts, &self.parameters)?;
        head.check(rows)?;
        let all = self.parameters.len();
        let weights = fields.reals(all)?;
        // Before the first step there are no moments.
        let moments = if head.steps.is_empty() { 0 } else { all };
        let (first, second) = (fields.reals(moments)?, fields.reals(moments)?);
        let best = match head.best {
            Some((epoch, figure)) => Some(Best { epoch, figure, values: fields.reals(all)? }),
            None => None,
        };
        fields.end()?;
        self.parameters.values_mut().copy_from_slice(&weights);
        let held = self.adam.state_mut();
        (*held.0, *held.1, *held.2) = (first, second, head.steps);
        (self.way, self.best, self.balanced) = (head.way, best, head.balanced);
        Ok(())
    }
}
