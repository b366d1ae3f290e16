//! Rows as hashes: of encoded columns, and of lines of text.
//!
//! A hash is of the feature and of its value together, so that all features share one table; nothing is kept of a value but its hash, and
//! there is no vocabulary to build or to ship. What collides shares a weight.
//!
//! Source: Weinberger et al., *Feature Hashing for Large Scale Multitask Learning*, ICML 2009, §2; here without the sign, as in McMahan et
//! al. 2013.

use super::RankError;
use crate::batches::Columns;
use crate::layers::Lists;
use sottovoce::math::mix;
use sottovoce_algebra::SparseRows;
use std::io::Read;

/// Text is read in pieces of so many bytes; no line is longer.
const PIECE: usize = 1 << 20;
/// A word may be read across the end of a line: so many zeros, and more, stand behind the last one.
const WORD: usize = 8;

/// What a feature's hashes begin with: of its name, so that the order of columns says nothing.
fn seed_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| fold(hash ^ u64::from(byte)))
}

/// One multiplication, both halves of it.
#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "both halves are meant")]
fn fold(x: u64) -> u64 {
    let product = u128::from(x) * 0x9e37_79b9_7f4a_7c15;
    product as u64 ^ (product >> 64) as u64
}

#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "a hash of 32 bits")]
fn hash(seed: u64, value: u64) -> u32 {
    mix(seed ^ value) as u32
}

/// The values of one feature.
#[derive(Clone, Copy, Debug)]
enum Field {
    Id(usize),
    List(usize),
}

/// Makes hashes of the rows of columns that have the same features.
#[derive(Clone, Debug)]
pub(super) struct ColumnHasher {
    ids: Vec<u64>,
    lists: Vec<(usize, u64)>,
    dense: Vec<u64>,
    crosses: Vec<([Field; 2], u64)>,
}

impl ColumnHasher {
    pub(super) fn new(columns: &Columns, lists: Lists, crosses: &[[String; 2]]) -> Result<Self, RankError> {
        let field = |name: &String| {
            let id = columns.ids.iter().position(|c| c.name == *name).map(Field::Id);
            id.or_else(|| columns.lists.iter().position(|c| c.name == *name).map(Field::List)).ok_or_else(|| {
                let names =
                    columns.ids.iter().map(|c| c.name.as_str()).chain(columns.lists.iter().map(|c| c.name.as_str()));
                RankError::Feature { feature: name.clone(), known: names.collect::<Vec<_>>().join(", ") }
            })
        };
        let cross = |[a, b]: &[String; 2]| Ok(([field(a)?, field(b)?], fold(seed_of(a) ^ seed_of(b).rotate_left(32))));
        let kept = columns.lists.iter().enumerate().filter(|(_, list)| !list.ordered || lists == Lists::All);
        Ok(Self {
            ids: columns.ids.iter().map(|c| seed_of(&c.name)).collect(),
            lists: kept.map(|(place, list)| (place, seed_of(&list.name))).collect(),
            dense: columns.dense.iter().map(|c| seed_of(&c.name)).collect(),
            crosses: crosses.iter().map(cross).collect::<Result<_, RankError>>()?,
        })
    }

    /// Adds the features of a row; it does not end it.
    pub(super) fn add(&self, columns: &Columns, row: usize, rows: &mut SparseRows) {
        for (seed, column) in self.ids.iter().zip(&columns.ids) {
            rows.add(hash(*seed, u64::from(column.values[row])));
        }
        for (place, seed) in &self.lists {
            columns.lists[*place].values.get(row).iter().for_each(|id| rows.add(hash(*seed, u64::from(*id))));
        }
        for ([a, b], seed) in &self.crosses {
            for a in of(columns, *a, row) {
                of(columns, *b, row).iter().for_each(|b| rows.add(hash(*seed, u64::from(*a) << 32 | u64::from(*b))));
            }
        }
        for (seed, column) in self.dense.iter().zip(&columns.dense) {
            rows.add_valued(hash(*seed, 0), column.values[row]);
        }
    }
}

fn of(columns: &Columns, field: Field, row: usize) -> &[u32] {
    match field {
        Field::Id(place) => std::slice::from_ref(&columns.ids[place].values[row]),
        Field::List(place) => columns.lists[place].values.get(row),
    }
}

/// Lines of values between tabs, the label first: `1⇥de⇥premium⇥⇥17`. A value is text whatever it looks like, what is empty is missing,
/// and the feature is the number of its column.
///
/// # Example
/// ```
/// use sottovoce_algebra::SparseRows;
/// use sottovoce_server::rank::TextRows;
/// let mut rows = SparseRows::default();
/// let mut text = TextRows::new("1\tde\t\t17\n0\tfr\tfree\t17\n".as_bytes());
/// assert_eq!(text.fill(&mut rows, 1_000)?, 2);
/// assert_eq!((rows.features(0).len(), rows.features(1).len()), (2, 3));
/// assert_eq!(rows.features(0)[1], rows.features(1)[2], "17 in the third column");
/// # Ok::<(), sottovoce_server::rank::RankError>(())
/// ```
#[derive(Debug)]
pub struct TextRows<R> {
    source: R,
    /// What was read and not yet parsed lies from `from` to `to`; zeros behind it.
    bytes: Vec<u8>,
    from: usize,
    to: usize,
    ended: bool,
    line: u64,
    seeds: Vec<u64>,
}

impl<R: Read> TextRows<R> {
    /// Over any text; it reads in large pieces and needs no buffer around it.
    pub fn new(source: R) -> Self {
        Self { source, bytes: vec![0; PIECE + 2 * WORD], from: 0, to: 0, ended: false, line: 0, seeds: Vec::new() }
    }

    /// How many lines have been read.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.line
    }

    /// Appends the next rows, `most` at most; how many. None: the text has ended.
    ///
    /// # Errors
    /// [`RankError::Row`] with the line: a label that is neither 0 nor 1, a line too long, a control byte; [`RankError::Read`].
    pub fn fill(&mut self, rows: &mut SparseRows, most: usize) -> Result<usize, RankError> {
        let mut added = 0;
        while added < most {
            let whole = self.bytes[self.from..self.to].contains(&b'\n');
            if !whole && !self.ended {
                self.read_more()?;
                continue;
            }
            if self.from == self.to {
                break;
            }
            // As many lines as there are whole: one search for newlines a piece is enough.
            while added < most && self.from < self.to {
                let Some(end) = self.parse(rows)? else { break };
                self.from = end;
                added += 1;
            }
        }
        Ok(added)
    }

    fn read_more(&mut self) -> Result<(), RankError> {
        self.bytes.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        if self.to == PIECE {
            return Err(self.bad(0, "a line of fewer than 2²⁰ bytes"));
        }
        match self.source.read(&mut self.bytes[self.to..PIECE]) {
            Ok(0) => {
                self.ended = true;
                // The last line may want its newline; there is room for it, and the zeros behind end it otherwise.
                if self.from < self.to && self.bytes[self.to - 1] != b'\n' {
                    self.bytes[self.to] = b'\n';
                    self.to += 1;
                }
            }
            Ok(read) => self.to += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => return Err(RankError::Read { line: self.line, source }),
        }
        self.bytes[self.to..].get_mut(..WORD).unwrap_or_default().fill(0);
        Ok(())
    }

    /// One line; where the next begins, or `None` where this one has no end yet.
    #[inline]
    fn parse(&mut self, rows: &mut SparseRows) -> Result<Option<usize>, RankError> {
        let label = match self.bytes[self.from..self.to] {
            [digit @ (b'0' | b'1'), b'\t' | b'\n' | b'\r', ..] => f32::from(digit - b'0'),
            [b'0' | b'1'] | [] => return Ok(None),
            _ => return Err(self.bad(self.from, "a label, 0 or 1, and a tab")),
        };
        let (mut at, mut column) = (self.from + 1, 0);
        while self.bytes[at] == b'\t' {
            at += 1;
            if column == self.seeds.len() {
                self.seeds.push(mix(column as u64 + 1));
            }
            let begin = at;
            let (hash, end) = token(&self.bytes, at, self.seeds[column]);
            at = end;
            if end >= self.to {
                rows.drop_begun();
                return Ok(None);
            }
            if end > begin {
                rows.add(hash);
            }
            column += 1;
        }
        at += usize::from(self.bytes[at] == b'\r');
        if at >= self.to {
            rows.drop_begun();
            return Ok(None);
        }
        if self.bytes[at] != b'\n' {
            rows.drop_begun();
            return Err(self.bad(at, "a tab or the end of the line"));
        }
        self.line += 1;
        rows.end(label, 1.0)?;
        Ok(Some(at + 1))
    }

    fn bad(&self, at: usize, expected: &'static str) -> RankError {
        let rest = &self.bytes[at..self.to.min(at + 24)];
        RankError::Row { line: self.line + 1, expected, found: String::from_utf8_lossy(rest).into_owned() }
    }
}

/// The hash of a value and where it ends: eight bytes at a time, up to a byte below 14, which are tabs, ends of lines and their like.
///
/// Source of the test for small bytes: Anderson, *Bit Twiddling Hacks*, "Determine if a word has a byte less than n"; its lowest bit is
/// right, and no other is looked at.
#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "a hash of 32 bits")]
fn token(bytes: &[u8], mut at: usize, seed: u64) -> (u32, usize) {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    let mut hash = seed;
    loop {
        let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<WORD>()) else {
            return (hash as u32, bytes.len() - 1);
        };
        let word = u64::from_le_bytes(*word);
        let small = word.wrapping_sub(EACH * 14) & !word & (EACH * 128);
        if small == 0 {
            hash = fold(hash ^ word);
            at += WORD;
            continue;
        }
        let len = small.trailing_zeros() / 8;
        let last = word & ((1 << (8 * len)) - 1);
        // How many bytes the last word has tells "a" from "a\0".
        return ((fold(hash ^ last ^ u64::from(len) << 56) >> 16) as u32, at + len as usize);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives its bytes a few at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let n = self.1.min(self.0.len()).min(to.len());
            to[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn parsed(text: &[u8], piece: usize, most: usize) -> Result<Vec<(Vec<u32>, f32)>, RankError> {
        let (mut text, mut rows) = (TextRows::new(Slow(text, piece)), SparseRows::default());
        while text.fill(&mut rows, most)? > 0 {}
        Ok((0..rows.len()).map(|i| (rows.features(i).to_vec(), rows.labels()[i])).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However the text arrives and however its lines end, a value is hashed alike: of its bytes and its column alone.
        #[test]
        fn a_hash_is_of_column_and_value(
            rows in prop::collection::vec((any::<bool>(), prop::collection::vec("[ -~é]{0,20}", 0..6)), 0..20),
            piece in 1usize..50, most in 1usize..9, windows in any::<bool>(), ends in any::<bool>(),
        ) {
            let lines = rows.iter().map(|(label, values)| {
                [vec![u8::from(*label).to_string()], values.clone()].concat().join("\t")
            });
            let end = if windows { "\r\n" } else { "\n" };
            let mut text = lines.collect::<Vec<_>>().join(end);
            if ends && !text.is_empty() { text.push_str(end) }
            let got = parsed(text.as_bytes(), piece, most).unwrap();
            prop_assert_eq!(got.len(), rows.len());
            for ((features, label), (want, values)) in got.iter().zip(&rows) {
                prop_assert_eq!(*label > 0.5, *want);
                let alone = values.iter().enumerate().filter(|(_, v)| !v.is_empty()).map(|(column, value)| {
                    parsed(format!("0{}{value}", "\t".repeat(column + 1)).as_bytes(), 1000, 1).unwrap()[0].0[0]
                });
                prop_assert_eq!(features, &alone.collect::<Vec<_>>());
            }
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(prop_oneof![Just(b'0'), Just(b'\t'), Just(b'\n'), any::<u8>()], 0..200), piece in 1usize..50) {
            drop(parsed(&bytes, piece, 7));
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, line) in
            [("1\ta\n2\tb\n", 2), ("\n", 1), ("1\ta\n0\tb\x01c\td\n", 2), ("1\ta\rb\n", 1), ("0\n10\n", 2)]
        {
            match parsed(text.as_bytes(), 3, 100) {
                Err(RankError::Row { line: got, .. }) => assert_eq!(got, line, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
        let long = format!("1\t{}", "x".repeat(PIECE + 10));
        assert!(matches!(parsed(long.as_bytes(), PIECE, 10), Err(RankError::Row { line: 1, .. })));
    }

    #[test]
    fn hashes_spread() {
        let text: String = (0..50_000).map(|i| format!("1\t{i}\t{i}\n")).collect();
        let rows = parsed(text.as_bytes(), 1 << 16, 1 << 16).unwrap();
        for bits in [12, 20, 27] {
            let mut slots: Vec<u32> = rows.iter().flat_map(|(f, _)| f).map(|h| h & ((1 << bits) - 1)).collect();
            slots.sort_unstable();
            slots.dedup();
            let places = f64::from(1u32 << bits);
            let expected = places * (1.0 - (-100_000.0 / places).exp());
            assert!((slots.len() as f64 / expected - 1.0).abs() < 0.01, "{bits} bits: {} of {expected}", slots.len());
        }
    }
}
