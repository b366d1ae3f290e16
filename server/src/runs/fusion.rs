//! All tasks' probabilities as one score: weights from the validation part, their worth on the test part (row Y6).

use super::{Fusion, RunError};
use crate::batches::Columns;
use crate::rank::{Judged, Utility, UtilityError};

/// The first so many rows of a listener count.
const FIRST: usize = 10;

/// Tunes on one part and measures on another; absent where nothing came true.
///
/// # Errors
/// [`RunError::Utility`].
pub(super) fn fusion(
    tasks: &[String],
    (validation, tuned_on): (&Columns, &[Vec<f64>]),
    (test, measured_on): (&Columns, &[Vec<f64>]),
) -> Result<Option<Fusion>, RunError> {
    let values = |columns: &Columns| -> Vec<f64> {
        let of =
            |row: usize| tasks.iter().filter_map(|task| columns.task(task)).map(|t| f64::from(t.labels[row])).sum();
        (0..columns.len()).map(of).collect()
    };
    let (worth, worth_of_test) = (values(validation), values(test));
    let judged = Judged { probabilities: tuned_on, values: &worth, listeners: &validation.listeners };
    let utility = match Utility::tune(FIRST, judged) {
        Err(UtilityError::Worthless) => return Ok(None),
        tuned => tuned?,
    };
    let judged = Judged { probabilities: measured_on, values: &worth_of_test, listeners: &test.listeners };
    let alone = |task: usize| {
        let weights = (0..tasks.len()).map(|t| f64::from(u8::from(t == task))).collect();
        Utility { weights }.value_at(FIRST, judged)
    };
    let alone = (0..tasks.len()).map(alone).collect::<Result<Vec<f64>, UtilityError>>()?;
    Ok(Some(Fusion { value_at_10: utility.value_at(FIRST, judged)?, utility, alone }))
}
