//! What parent and child say to each other: a length, a number that the answer repeats, a byte, and the rest. HTTP is tested elsewhere.

use std::io::{Error, ErrorKind, Read, Result, Write};

/// No message is longer.
const MOST: u32 = 1 << 20;
/// A message of nobody: the child has come to the point where it is to die.
pub(crate) const THE_POINT: u32 = u32::MAX;

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    /// The newest round and its phase.
    Where = 0,
    Enlist = 1,
    Open = 2,
    Terms = 3,
    Join = 4,
    View = 5,
    Report = 6,
    Tick = 7,
    Question = 8,
    Vote = 9,
    Votes = 10,
    Disclose = 11,
    /// Open the sum, add it to the model.
    Sum = 12,
    Fate = 13,
    /// The model after a round, and of how many devices its sum was.
    Model = 14,
    /// How many points there were.
    Points = 15,
}

impl Ask {
    const ALL: [Self; 16] = [
        Self::Where,
        Self::Enlist,
        Self::Open,
        Self::Terms,
        Self::Join,
        Self::View,
        Self::Report,
        Self::Tick,
        Self::Question,
        Self::Vote,
        Self::Votes,
        Self::Disclose,
        Self::Sum,
        Self::Fate,
        Self::Model,
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
