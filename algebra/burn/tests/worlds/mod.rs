//! Small worlds as columns: fields and tags, or a candidate and a past.

#![allow(dead_code, clippy::cast_possible_truncation, reason = "each test file takes what it needs; small numbers")]

use sottovoce::math::Rng;
use sottovoce_server::batches::{Batch, Batches, Columns, IdColumn, ListColumn, Part, Ragged, TableHash, TaskColumn};

const ITEMS: u32 = 12;
const LENGTH: u32 = 6;

fn part(ids: Vec<IdColumn>, lists: Vec<ListColumn>, tasks: Vec<TaskColumn>) -> Columns {
    let rows = tasks[0].labels.len();
    let table = TableHash([0; 32]);
    let (rows, listeners, at) = ((0..rows as u32).collect(), vec![0; rows], vec![0; rows]);
    Columns { table, part: Some(Part::Train), rows, listeners, at, ids, dense: vec![], lists, tasks }
}

fn task(name: &str, rows: usize, rng: &mut Rng) -> TaskColumn {
    let labels = (0..rows).map(|_| (rng.below(2)) as f32).collect();
    // A third of the rows has no label.
    let weights = (0..rows).map(|_| if rng.below(3) == 0 { 0.0 } else { 1.0 + rng.uniform() }).collect();
    TaskColumn { name: name.into(), labels, weights }
}

/// Three fields, a list of tags that may be empty, two tasks.
pub fn fields(rows: usize, seed: u64) -> Columns {
    let mut rng = Rng::new(seed);
    let sizes = [8, 5, 3];
    let ids = sizes.iter().enumerate().map(|(i, size)| IdColumn {
        name: format!("field {i}"),
        size: *size,
        values: (0..rows).map(|_| rng.below(*size)).collect(),
    });
    let ids = ids.collect();
    let mut values = Ragged::default();
    for _ in 0..rows {
        let entries: Vec<u32> = (0..rng.below(4)).map(|_| 1 + rng.below(4)).collect();
        values.push(&entries);
    }
    let tags =
        ListColumn { name: "tags".into(), size: 5, bound: 4, ordered: false, shares: None, names: vec![], values };
    let tasks = ["click", "like"].map(|name| task(name, rows, &mut rng));
    part(ids, vec![tags], tasks.into())
}

/// A candidate and a past of items, behaviours, gaps and sittings; every fifth row has none.
pub fn pasts(rows: usize, seed: u64) -> Columns {
    let mut rng = Rng::new(seed);
    let mut lists: [Ragged; 4] = Default::default();
    let mut items = Vec::new();
    for row in 0..rows {
        let length = if row % 5 == 4 { 0 } else { 1 + rng.below(LENGTH) };
        let mut drawn = |size: u32| (0..length).map(|_| 1 + rng.below(size)).collect::<Vec<u32>>();
        let (met, behaviours, gaps) = (drawn(ITEMS), drawn(2), drawn(3));
        let sittings: Vec<u32> = (0..length).rev().map(|back| 1 + back / 3).collect();
        lists.iter_mut().zip([met, behaviours, gaps, sittings]).for_each(|(list, entries)| list.push(&entries));
        items.push(1 + rng.below(ITEMS));
    }
    let names = ["recent", "recent_behaviour", "recent_gap", "recent_sitting"];
    let list = |((name, size), values): ((&str, u32), Ragged)| ListColumn {
        name: name.into(),
        size,
        bound: LENGTH,
        ordered: true,
        shares: (name == "recent").then(|| "item".into()),
        names: if name == "recent_behaviour" { vec!["liked".into(), "skipped".into()] } else { vec![] },
        values,
    };
    let item = IdColumn { name: "item".into(), size: ITEMS + 1, values: items };
    let lists = names.into_iter().zip([ITEMS + 1, 3, 4, 5]).zip(lists).map(list).collect();
    let click = task("click", rows, &mut rng);
    part(vec![item], lists, vec![click])
}

/// All rows as one batch.
pub fn whole(columns: &Columns) -> Batch {
    let mut batch = Batch::default();
    assert!(Batches::in_order(columns, columns.len()).is_ok_and(|mut b| b.next_into(&mut batch)), "no batch");
    batch
}
