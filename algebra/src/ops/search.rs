//! Which steps of a long history are nearest to a candidate: a choice, through which nothing flows back.

use crate::algebra::Nearest;
use crate::parallel;
use crate::real::Real;
use crate::tape::{Tape, Var};
use rayon::prelude::*;

pub(crate) fn nearest<R: Real>(
    tape: &Tape<'_, R>,
    table: Var,
    rows: &[u32],
    mask: &[f32],
    query: Var,
    keep: usize,
) -> Nearest {
    assert_eq!(table.columns, query.columns, "rows differ in length");
    assert_eq!(rows.len(), mask.len(), "not a mask a row");
    assert!(query.rows > 0 && rows.len().is_multiple_of(query.rows()), "{} rows for {}", rows.len(), query.rows);
    let (k, steps, examples) = (table.columns(), rows.len() / query.rows(), query.rows());
    let (table, queries) = (tape.value(table), tape.value(query));
    let (mut places, mut kept) = (vec![0; examples * keep], vec![0.0; examples * keep]);
    let each = places.par_chunks_exact_mut(keep.max(1)).zip(kept.par_chunks_exact_mut(keep.max(1))).enumerate();
    each.with_min_len(16).for_each_init(Vec::new, |scored, (example, (places, kept))| {
        let range = example * steps..(example + 1) * steps;
        let query = &queries[example * k..][..k];
        scored.clear();
        parallel::vectorize!(|| {
            for (t, (row, mask)) in (0u32..).zip(rows[range.clone()].iter().zip(&mask[range.clone()])) {
                if *mask > 0.0 {
                    scored.push((parallel::dot(query, &table[*row as usize * k..][..k]).to_f32(), t));
                }
            }
        });
        // Nearest first; of equals the later step, which is the newer one.
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1));
        if scored.len() > keep {
            scored.select_nth_unstable_by(keep, order);
            scored.truncate(keep);
        }
        scored.sort_unstable_by_key(|(_, t)| *t);
        for ((place, kept), (_, t)) in places.iter_mut().zip(kept).zip(scored.iter()) {
            (*place, *kept) = (*t, 1.0);
        }
    });
    Nearest { places, mask: kept }
}
