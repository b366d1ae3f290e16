//! A catalogue shard as the bytes it came in: the same message as [`CatalogueShard`], the same refusals, without a codec for messages
//! that ranking alone never meets. `tests.rs` holds the two against each other.

use crate::protocol::{CatalogueShard, MAX_MESSAGE_BYTES, Message, VERSION};

/// Why a shard was refused. The numbers are what JavaScript sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Refused {
    /// Not a message, or one whose parts contradict each other.
    Malformed = 1,
    /// Written by another version of the protocol.
    Version = 2,
    /// Another message than a catalogue shard.
    Kind = 3,
    /// Its dimension is not that of the songs already here, or a song's number is too large.
    Dimension = 4,
    /// Longer than any message.
    TooLong = 5,
}

/// The columns that ranking reads. Numbers are little-endian, as they travel.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    pub(super) dimension: usize,
    pub(super) songs: &'a [[u8; 4]],
    pub(super) artists: &'a [[u8; 4]],
    pub(super) popularity: &'a [[u8; 4]],
    pub(super) plays: &'a [[u8; 4]],
    pub(super) scales: &'a [[u8; 4]],
    pub(super) rows: &'a [u8],
    /// Empty where no song has any.
    pub(super) boosts: &'a [[u8; 4]],
}

impl<'a> Columns<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, Refused> {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return Err(Refused::TooLong);
        }
        let mut items = Items(bytes);
        if items.head(LIST) != Some(3) {
            return Err(Refused::Malformed);
        }
        for (wanted, refused) in [(VERSION, Refused::Version), (CatalogueShard::KIND, Refused::Kind)] {
            let got = items.head(NUMBER).ok_or(Refused::Malformed)?;
            if got != usize::from(wanted) {
                return Err(refused);
            }
        }
        Self::read(&mut items).filter(Columns::sound).ok_or(Refused::Malformed)
    }

    fn read(items: &mut Items<'a>) -> Option<Self> {
        if items.head(LIST)? != 13 {
            return None;
        }
        items.head(NUMBER)?; // which shard
        let dimension = items.head(NUMBER)?;
        let [songs, artists, albums] = [items.words()?, items.words()?, items.words()?];
        for _ in ["styles", "languages", "years"] {
            if items.bytes()?.len() != 2 * songs.len() {
                return None;
            }
        }
        let [popularity, plays, scales] = [items.words()?, items.words()?, items.words()?];
        let (rows, boosts) = (items.bytes()?, items.words()?);
        let even = [artists, albums, popularity, plays, scales].iter().all(|column| column.len() == songs.len())
            && (boosts.is_empty() || boosts.len() == songs.len());
        (even && items.0.is_empty()).then_some(Self {
            dimension,
            songs,
            artists,
            popularity,
            plays,
            scales,
            rows,
            boosts,
        })
    }

    fn sound(&self) -> bool {
        let within = |column: &[[u8; 4]], low: f32, high: f32| {
            column.iter().all(|bytes| (low..=high).contains(&f32::from_le_bytes(*bytes)))
        };
        (1..=256).contains(&self.dimension)
            && self.rows.len() == self.songs.len() * self.dimension
            && self.songs.windows(2).all(|pair| u32::from_le_bytes(pair[0]) < u32::from_le_bytes(pair[1]))
            && within(self.scales, f32::MIN, f32::MAX)
            && within(self.popularity, 0.0, 1.0)
            && within(self.boosts, 0.001, 1000.0)
    }
}

const NUMBER: u8 = 0;
const BYTES: u8 = 2;
const LIST: u8 = 4;

/// CBOR items of the three kinds that a shard has, of known length.
struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    /// The number in an item's head: itself, or the length of what follows.
    fn head(&mut self, kind: u8) -> Option<usize> {
        let (&first, rest) = self.0.split_first()?;
        let short = first & 31;
        if first >> 5 != kind || short > 27 {
            return None;
        }
        let width = if short < 24 { 0 } else { 1 << (short - 24) };
        let (number, rest) = rest.split_at_checked(width)?;
        self.0 = rest;
        if width == 0 {
            return Some(short.into());
        }
        let value = number.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        Some(u32::try_from(value).ok()? as usize)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.head(BYTES)?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A column of numbers of four bytes.
    fn words(&mut self) -> Option<&'a [[u8; 4]]> {
        let (words, rest) = self.bytes()?.as_chunks();
        rest.is_empty().then_some(words)
    }
}
