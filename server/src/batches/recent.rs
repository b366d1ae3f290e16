//! What a listener met before each impression: the items, what came of them, how long ago, and how many sittings ago. Four lists of one
//! length, which a sequence model reads side by side (rows T4–T6).

use super::{Ragged, RawColumn, Values};
use std::sync::Arc;

/// So much quiet ends a sitting (ms): the half hour of web analytics.
const SITTING: u64 = 30 * 60 * 1000;
/// Sittings further back are one.
const SITTINGS: u64 = 9;
/// Gaps are told apart by powers of two of minutes, up to this one: two years.
const GAPS: u32 = 20;

/// One impression and what came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Met {
    pub(super) listener: u32,
    pub(super) item: u32,
    /// Its place among the behaviours' names.
    pub(super) behaviour: u32,
    pub(super) at: u64,
}

/// The columns `recent`, `recent_behaviour`, `recent_gap` and `recent_sitting`: for every event the newest `most` before it of the same listener,
/// oldest first. Events are sorted by listener, then by their order in time.
pub(super) fn recent(events: &[Met], most: usize, items: &Arc<Vec<String>>, behaviours: &[&str]) -> [RawColumn; 4] {
    let mut lists: [Ragged; 4] = Default::default();
    let mut latest = Vec::with_capacity(events.len());
    for own in events.chunk_by(|a, b| a.listener == b.listener) {
        let mut sittings: Vec<u64> = Vec::with_capacity(own.len());
        for (i, event) in own.iter().enumerate() {
            let quiet = i > 0 && event.at - own[i - 1].at > SITTING;
            sittings.push(sittings.last().copied().unwrap_or(0) + u64::from(quiet));
        }
        for (i, now) in own.iter().enumerate() {
            let range = i.saturating_sub(most)..i;
            let before = &own[range.clone()];
            latest.push(before.last().map_or(0, |event| event.at));
            let mut push = |list: usize, of: &dyn Fn(usize) -> u32| {
                lists[list].push(&range.clone().map(of).collect::<Vec<u32>>());
            };
            push(0, &|j| own[j].item);
            push(1, &|j| own[j].behaviour);
            push(2, &|j| gap(now.at - own[j].at));
            push(3, &|j| u32::try_from((sittings[i] - sittings[j]).min(SITTINGS)).unwrap_or(0));
        }
    }
    let numbers = |most: u64| Arc::new((0..=most).map(|n| n.to_string()).collect::<Vec<String>>());
    let names = [
        items.clone(),
        Arc::new(behaviours.iter().map(|name| (*name).to_owned()).collect()),
        numbers(GAPS.into()),
        numbers(SITTINGS),
    ];
    let labels = ["recent", "recent_behaviour", "recent_gap", "recent_sitting"];
    let mut columns = labels.into_iter().zip(names).zip(lists).map(|((label, names), codes)| {
        RawColumn::known_before(label, Values::Lists { names, codes, latest: Some(latest.clone()) })
    });
    std::array::from_fn(|_| columns.next().unwrap_or_else(|| unreachable!("four lists")))
}

/// `⌊log₂(1 + minutes)⌋`.
fn gap(ms: u64) -> u32 {
    (1 + ms / 60_000).ilog2().min(GAPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_before_and_with_its_distance() {
        let met = |listener, item, behaviour, minutes: u64| Met { listener, item, behaviour, at: minutes * 60_000 };
        let events = [met(0, 5, 1, 100), met(0, 6, 0, 103), met(0, 7, 1, 500), met(1, 5, 0, 0), met(0, 8, 0, 1)];
        let items = Arc::new((0..9).map(|n| n.to_string()).collect());
        let columns = recent(&events, 2, &items, &["skip", "play"]);
        let rows: Vec<Vec<Vec<u32>>> = columns
            .iter()
            .map(|column| match &column.values {
                Values::Lists { codes, .. } => (0..codes.len()).map(|row| codes.get(row).to_vec()).collect(),
                _ => vec![],
            })
            .collect();
        // Items, behaviours, ⌊log₂(1 + minutes)⌋, sittings: of the third event of listener 0.
        assert_eq!(rows.iter().map(|list| list[2].clone()).collect::<Vec<_>>(), [[5, 6], [1, 0], [8, 8], [1, 1]]);
        assert_eq!(rows.iter().map(|list| list[1].clone()).collect::<Vec<_>>(), [[5], [1], [2], [0]]);
        // Another listener's past is not one's own, and a run of one's own begins anew.
        assert!([0, 3, 4].iter().all(|row| rows.iter().all(|list| list[*row].is_empty())));
    }
}
