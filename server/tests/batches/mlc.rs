//! MLc beside the peers' own preparation of it.

use crate::folder;
use sha2::{Digest, Sha256};
use sottovoce_server::batches::{Encoder, LogTable, Part, Values, audit, mlc};
use std::fmt::Write;

/// The text of a row's column, as the peers' preparation writes it.
fn text(table: &LogTable, column: &str, row: u32) -> String {
    let row = row as usize;
    match &table.column(column).unwrap().values {
        Values::Names { names, codes } => names[codes[row] as usize].clone(),
        Values::Lists { names, codes, .. } => {
            codes.get(row).iter().map(|code| names[*code as usize].as_str()).collect::<Vec<_>>().join(" ")
        }
        Values::Numbers(numbers) => numbers[row].to_string(),
    }
}

/// The table that the peers read, byte for byte. The three hashes are of the files that their preparation writes (`sha256sum
/// ml100k_ctr_*.tsv` after `python3 prep.py`): rows, order, split, labels, histories, everything.
#[test]
fn is_the_peers_table_byte_for_byte() {
    let Some(folder) = folder("ml-100k") else { return };
    let mlc = mlc(&folder).unwrap();
    let table = &mlc.table;
    for (part, want) in [
        (Part::Train, "fe1ef0a52dbedf46cec47465e119defadc6709d4fdd8ccbee10076529890714b"),
        (Part::Valid, "5ae7409e2331c34befb4eca9dfb548e7fde8f2c4054ecc9e16272dcac88e1f20"),
        (Part::Test, "9720d19d4d9212279d1232b70d7b5f996e8364c3dbf3bd9292d2850c19297b58"),
    ] {
        let mut file = "user\titem\tage\tgender\tocc\tyear\tgenres\tlabel\tconv\trating\tts\thist\n".to_owned();
        for row in mlc.split.rows(part).unwrap() {
            for column in ["user", "item", "age", "gender", "occupation", "year", "genres"] {
                write!(file, "{}\t", text(table, column, *row)).unwrap();
            }
            for task in ["click", "conv"] {
                write!(file, "{}\t", table.task(task).unwrap().labels[*row as usize]).unwrap();
            }
            let (rating, whole) = (text(table, "rating", *row), text(table, "history", *row));
            // The peers keep the newest 50, which a schema leaves of ours.
            let history = whole.rmatch_indices(' ').nth(49).map_or(&whole[..], |(end, _)| &whole[end + 1..]);
            writeln!(file, "{rating}\t{}\t{history}", table.at()[*row as usize] / 1000).unwrap();
        }
        let hash: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, want, "the {part} part");
    }
}

#[test]
fn encodes_with_the_peers_features() {
    let Some(folder) = folder("ml-100k") else { return };
    let mlc = mlc(&folder).unwrap();
    let encoder = Encoder::fit(mlc.schema, mlc.split.training(&mlc.table).unwrap()).unwrap();
    let parts = [Part::Train, Part::Valid, Part::Test].map(|p| encoder.encode(&mlc.table, &mlc.split, p).unwrap());
    assert_eq!(parts.each_ref().map(|part| part.len()), [79_619, 9_942, 10_439]);
    let yes = |part: usize, task: &str| parts[part].task(task).unwrap().labels.iter().filter(|l| **l > 0.5).count();
    assert_eq!([0, 1, 2].map(|part| yes(part, "click")), [45_602, 4_798, 4_975]);
    assert_eq!([0, 1, 2].map(|part| yes(part, "conv")), [17_611, 1_707, 1_883]);
    // Counted in the peers' files: what stands in the histories, and the items of the training part.
    let train = &parts[0];
    assert_eq!(train.id("user").unwrap().size, 944);
    assert_eq!(train.id("item").unwrap().size, 1_612);
    let [genres, history] = [0, 1].map(|list| train.lists[list].values.total());
    assert_eq!((genres, history), (170_364, 2_376_912));
    audit(train, &parts[2]).unwrap();
}
