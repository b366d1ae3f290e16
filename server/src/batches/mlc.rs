//! MLc: MovieLens-100K as a table of clicks and conversions, row for row as the peers that it is measured beside have it.
//!
//! | column | what |
//! |---|---|
//! | task `click` | the rating is 4 or 5 |
//! | task `conv` | the rating is 5 |
//! | `user`, `age`, `gender`, `occupation` | of the user |
//! | `item`, `year`, `genres` | of the item; a year that is not known is 0 |
//! | `history` | up to 1,000 items that the user rated 4 or 5 before, in the user's own order, oldest first; the schema keeps the newest 50, as the peers have it |
//! | `recent`, `recent_behaviour`, `recent_gap`, `recent_sitting` | the newest 50 items rated before, whatever the rating, in the same order; `5`, `4`, `3` or `low`; how long ago; how many sittings ago |
//! | `rating` | known only afterwards |
//!
//! A user's rows are in order of time, then item. The first 80 % of them (rounded down) are for training, up to 90 % for validation, the
//! rest for the test. Rows of a user that bear the same second are in the order of their items, and a history may hold one of them: that
//! is how the peers have it.
//!
//! Source: Harper & Konstan, *The MovieLens Datasets*, TiiS 5(4), 2015.

use super::recent::{Met, recent};
use super::source::{Prepared, Side, each_row, needed, number};
use super::{BatchError, Dictionary, LogTable, Ragged, RawColumn, RawTask, Schema, Split, Values};
use crate::data::Style;
use std::path::Path;

/// So many items of a history are kept; a schema that asks for fewer gets the newest.
const HISTORY: usize = 1000;
/// The same of what was met whatever came of it, which is four lists.
const RECENT: usize = 50;

struct Rated {
    user: u32,
    item: u32,
    /// The item's own number: ties of one second go by it.
    number: u32,
    /// Seconds.
    at: u64,
    stars: u8,
}

/// Reads a folder of RecBole's atomic files of MovieLens-100K.
///
/// # Errors
/// [`BatchError::Data`]: a file that is missing, or a row that is bad, with file, line and column.
///
/// # Example
/// ```no_run
/// use sottovoce_server::batches::{Encoder, Part, mlc};
/// let mlc = mlc("../shared/data/ml-100k".as_ref())?;
/// let encoder = Encoder::fit(mlc.schema, mlc.split.training(&mlc.table)?)?;
/// assert_eq!(encoder.encode(&mlc.table, &mlc.split, Part::Test)?.len(), 10_439);
/// # Ok::<(), sottovoce_server::batches::BatchError>(())
/// ```
pub fn mlc(folder: &Path) -> Result<Prepared, BatchError> {
    let file = |ending: &str| needed(folder, &format!("ml-100k.{ending}"), "atomic");
    let user_side = Side::read(&file("user")?, Style::Tabs, "user_id", ["age", "gender", "occupation"])?;
    let item_side = Side::read(&file("item")?, Style::Tabs, "item_id", ["release_year", "class"])?;
    let (mut users, mut items, mut rated) = (Dictionary::default(), Dictionary::default(), Vec::new());
    let names = ["user_id", "item_id", "rating", "timestamp"];
    each_row(&file("inter")?, Style::Tabs, names, |row, [user, item, rating, timestamp]| {
        let stars: f64 = number(row, rating, "a rating from 1 to 5")?;
        let at: f64 = number(row, timestamp, "seconds since 1970")?;
        if !(1.0..=5.0).contains(&stars) || !(0.0..1e11).contains(&at) {
            return Err(row.bad(Some(rating), "a rating from 1 to 5, and a time in seconds"));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "both are bounded above")]
        rated.push(Rated {
            user: users.code(row.needed(user, "a user's id")?),
            item: items.code(row.needed(item, "an item's id")?),
            number: number(row, item, "an item's number")?,
            at: at as u64,
            stars: stars as u8,
        });
        Ok(())
    })?;
    let (users, items) = (users.into_names(), items.into_names());
    let by_number: Vec<u32> = users.iter().map(|user| user.parse().unwrap_or(u32::MAX)).collect();
    rated.sort_by_key(|r| (by_number[r.user as usize], r.at, r.number, r.stars));

    let mut history = Ragged::default();
    for user in rated.chunk_by(|a, b| a.user == b.user) {
        let mut liked: Vec<u32> = Vec::new();
        for r in user {
            history.push(&liked[liked.len().saturating_sub(HISTORY)..]);
            if r.stars >= 4 {
                liked.push(r.item);
            }
        }
    }
    let user_codes: Vec<u32> = rated.iter().map(|r| r.user).collect();
    let item_codes: Vec<u32> = rated.iter().map(|r| r.item).collect();
    let mut columns = user_side.columns(3, &users, &user_codes);
    columns.push(years(&item_side, &items, &item_codes));
    columns.push(genres(&item_side, &items, &item_codes));
    columns
        .push(RawColumn::known_before("history", Values::Lists { names: items.clone(), codes: history, latest: None }));
    let met =
        |r: &Rated| Met { listener: r.user, item: r.item, behaviour: 5 - u32::from(r.stars.max(2)), at: r.at * 1000 };
    columns.extend(recent(&rated.iter().map(met).collect::<Vec<_>>(), RECENT, &items, &["5", "4", "3", "low"]));
    columns.push(RawColumn::known_before("item", Values::Names { names: items, codes: item_codes }));
    columns.push(RawColumn::known_before("user", Values::Names { names: users, codes: user_codes.clone() }));
    columns.push(RawColumn::known_after("rating", Values::Numbers(rated.iter().map(|r| f64::from(r.stars)).collect())));
    let task = |name: &str, least: u8| RawTask {
        name: name.to_owned(),
        labels: rated.iter().map(|r| f32::from(u8::from(r.stars >= least))).collect(),
        weights: vec![],
    };
    let at = rated.iter().map(|r| r.at * 1000).collect();
    let table = LogTable::new("mlc", user_codes, at, columns, vec![task("click", 4), task("conv", 5)])?;
    let split = Split::by_listener(&table, 0.8, 0.9);
    Ok(Prepared { table, schema: Schema::from_toml(include_str!("mlc.toml"))?, split })
}

fn years(side: &Side<2>, items: &[String], codes: &[u32]) -> RawColumn {
    let year = |item: &String| match side.text(0, item) {
        "" => "0".to_owned(),
        year => year.to_owned(),
    };
    let years: Vec<String> = items.iter().map(year).collect();
    RawColumn::known_before("year", Values::names(codes.iter().map(|code| &years[*code as usize])))
}

fn genres(side: &Side<2>, items: &[String], codes: &[u32]) -> RawColumn {
    let mut names = Dictionary::default();
    let of_item: Vec<Vec<u32>> = items
        .iter()
        .map(|item| side.text(1, item).split_whitespace().map(|genre| names.code(genre)).collect())
        .collect();
    let mut lists = Ragged::default();
    codes.iter().for_each(|code| lists.push(&of_item[*code as usize]));
    RawColumn::known_before("genres", Values::Lists { names: names.into_names(), codes: lists, latest: None })
}
