//! What parent and child say to each other: a length, a number that the answer repeats, a byte, and the rest. HTTP is tested elsewhere.

use std::io::{Error, ErrorKind, Read, Result, Write};

/// No message is longer.
const MOST: u32 = 1 << 20;
/// A message of nobody: the child has come to the point where it is to die.
pub(crate) const THE_POINT: u32 = u32::MAX;

/// What is asked. Times and rounds are numbers of eight bytes; the rest is as it travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    Enlist = 0,
    /// The round under way, after what is due; nothing where there is none.
    Offer = 1,
    Weights = 2,
    /// Whose name is under terms and log.
    Key = 3,
    Join = 4,
    View = 5,
    Report = 6,
    Question = 7,
    Vote = 8,
    Votes = 9,
    Disclose = 10,
    Tick = 11,
    Fate = 12,
    /// What became of a round, and of how many devices.
    Round = 13,
    /// How many versions there are, all signed and chained, and the ε of the newest.
    Log = 14,
    /// How many points there were in this life.
    Points = 15,
}

impl Ask {
    const ALL: [Self; 16] = [
        Self::Enlist,
        Self::Offer,
        Self::Weights,
        Self::Key,
        Self::Join,
        Self::View,
        Self::Report,
        Self::Question,
        Self::Vote,
        Self::Votes,
        Self::Disclose,
        Self::Tick,
        Self::Fate,
        Self::Round,
        Self::Log,
        Self::Points,
    ];

    pub(crate) fn of(byte: u8) -> Self {
        Self::ALL.into_iter().find(|ask| *ask as u8 == byte).expect("a question")
    }
}

/// How it was answered.
pub(crate) const DONE: u8 = 0;
/// The store does not answer just now.
pub(crate) const LATER: u8 = 1;
pub(crate) const REFUSED: u8 = 2;

pub(crate) fn write(out: &mut impl Write, id: u32, byte: u8, body: &[u8]) -> Result<()> {
    let length = u32::try_from(body.len()).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
    let mut frame = [length.to_le_bytes(), id.to_le_bytes()].concat();
    frame.push(byte);
    frame.extend_from_slice(body);
    out.write_all(&frame)
}

pub(crate) fn read(from: &mut impl Read) -> Result<(u32, u8, Vec<u8>)> {
    let mut head = [0; 9];
    from.read_exact(&mut head)?;
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    if word(0) > MOST {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; word(0) as usize];
    from.read_exact(&mut body)?;
    Ok((word(4), head[8], body))
}

/// Whole numbers, eight bytes each.
pub(crate) fn numbers(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

pub(crate) fn number(body: &[u8], index: usize) -> u64 {
    let (numbers, _) = body.as_chunks::<8>();
    u64::from_le_bytes(numbers[index])
}

/// What became of a round; 0 where it was never opened.
pub(crate) const LIVE: u64 = 1;
pub(crate) const CLOSED: u64 = 2;
pub(crate) const ABANDONED: u64 = 3;
