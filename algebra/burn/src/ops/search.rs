//! Which steps are nearest: a choice, made on the processor.

use sottovoce_algebra::Nearest;

/// Of each example's `steps` scores the `keep` largest that the mask keeps, in the order of steps.
pub(crate) fn nearest(scores: &[f32], mask: &[f32], steps: usize, keep: usize, examples: usize) -> Nearest {
    let (mut places, mut kept) = (vec![0; examples * keep], vec![0.0; examples * keep]);
    let each = scores.chunks_exact(steps.max(1)).zip(mask.chunks_exact(steps.max(1)));
    for (example, (scores, mask)) in each.enumerate() {
        let scored = (0u32..).zip(scores).zip(mask).filter(|(_, mask)| **mask > 0.0);
        let mut scored: Vec<(u32, f32)> = scored.map(|((t, score), _)| (t, *score)).collect();
        // Nearest first; of equals the later step, which is the newer one.
        scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
        scored.truncate(keep);
        scored.sort_by_key(|(t, _)| *t);
        for (i, (t, _)) in scored.iter().enumerate() {
            (places[example * keep + i], kept[example * keep + i]) = (*t, 1.0);
        }
    }
    Nearest { places, mask: kept }
}
