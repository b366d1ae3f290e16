//! The question for songs by noised directions: the second and last thing that may leave a device. Of the full engine alone.

use super::codec::{DecodeError, Reader, Writer};
use super::message::{Message, Uplink, invalid, sealed};
use crate::privacy::NoisedEmbedding;

/// What a device asks the server for songs with, where the catalogue is too large to ride along: where its listener's interests point,
/// after noise, and how many songs are wanted. The answer is a [`crate::protocol::CatalogueShard`].
///
/// It can be made from noised directions alone; an interest as it is does not fit in:
///
/// ```compile_fail
/// use sottovoce::{privacy::Interest, protocol::RecallQuery};
/// let query = RecallQuery::new(100, &[Interest::new(vec![1.0])]); // expected `NoisedEmbedding`, found `Interest`
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecallQuery {
    /// How many songs, 1 to [`RecallQuery::MOST_SONGS`].
    songs: u32,
    /// `d`, 1 to 256.
    dimension: u32,
    /// 1 to [`RecallQuery::MOST_DIRECTIONS`] rows of `d` numbers.
    directions: Vec<i8>,
}

impl RecallQuery {
    /// No answer has more songs.
    pub const MOST_SONGS: u32 = 5000;

    /// No question has more directions: as many as a tower has interests.
    pub const MOST_DIRECTIONS: usize = 16;

    /// Only noised directions can become a question. `None` unless there are 1 to [`Self::MOST_DIRECTIONS`] of them, all of one dimension
    /// within 1 to 256, and 1 to [`Self::MOST_SONGS`] songs are asked for.
    #[must_use]
    pub fn new(songs: u32, directions: &[NoisedEmbedding]) -> Option<Self> {
        let d = directions.first()?.codes().len();
        let same = directions.iter().all(|direction| direction.codes().len() == d);
        let directions = directions.iter().flat_map(|direction| direction.codes().iter().copied()).collect();
        let query = Self { songs, dimension: u32::try_from(d).ok()?, directions };
        (same && query.validate().is_ok()).then_some(query)
    }

    /// How many songs are wanted.
    #[must_use]
    pub fn songs(&self) -> u32 {
        self.songs
    }

    /// The songs' dimension.
    #[must_use]
    pub fn dimension(&self) -> u32 {
        self.dimension
    }

    /// The directions, `dimension` numbers each.
    pub fn directions(&self) -> impl ExactSizeIterator<Item = &[i8]> {
        self.directions.chunks_exact(self.dimension.max(1) as usize)
    }
}

impl sealed::Sealed for RecallQuery {}
impl Message for RecallQuery {
    const KIND: u8 = 65;
    const NAME: &'static str = "recall query";

    fn write(&self, w: &mut Writer) {
        w.array(3);
        w.uint(self.songs.into());
        w.uint(self.dimension.into());
        w.tensor(&self.directions);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(3)?;
        Ok(Self { songs: r.narrow()?, dimension: r.narrow()?, directions: r.tensor()? })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        if !(1..=Self::MOST_SONGS).contains(&self.songs) {
            return Err(invalid("songs", "not within 1 to 5000"));
        }
        if self.dimension == 0 || self.dimension > 256 {
            return Err(invalid("dimension", "not within 1 to 256"));
        }
        let d = self.dimension as usize;
        let rows = self.directions.len() / d;
        if !self.directions.len().is_multiple_of(d) || !(1..=Self::MOST_DIRECTIONS).contains(&rows) {
            return Err(invalid("directions", "not 1 to 16 rows of the dimension"));
        }
        if self.directions.contains(&i8::MIN) {
            return Err(invalid("directions", "not within ±127"));
        }
        Ok(())
    }
}
impl Uplink for RecallQuery {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::{Epsilon, Interest, Noise, NoiseKey};
    use crate::protocol::{decode, encode, kind, send};
    use proptest::prelude::*;

    fn directions(n: usize, d: usize) -> Vec<NoisedEmbedding> {
        let mut noise = Noise::new(NoiseKey::new([3; 32]));
        let epsilon = Epsilon::new(10.0).expect("a positive number");
        (0..n).map(|_| Interest::new(vec![0.5; d]).clip(1.0).noised(epsilon, &mut noise)).collect()
    }

    #[test]
    fn a_question_travels_and_weighs_what_it_is() {
        let given = directions(4, 32);
        let query = RecallQuery::new(2000, &given).expect("fits");
        let bytes = send(&query);
        assert_eq!((kind(&bytes), decode::<RecallQuery>(&bytes)), (Ok(RecallQuery::KIND), Ok(query.clone())));
        assert!(query.directions().eq(given.iter().map(NoisedEmbedding::codes)));
        // Envelope 4, list 1, songs 3, dimension 2, head of the tensor 2; a byte a coordinate.
        assert_eq!(bytes.len(), 12 + 4 * 32);
    }

    #[test]
    fn what_does_not_fit_is_no_question() {
        assert_eq!(RecallQuery::new(10, &[]), None);
        assert_eq!(RecallQuery::new(0, &directions(1, 4)), None);
        assert_eq!(RecallQuery::new(5001, &directions(1, 4)), None);
        assert_eq!(RecallQuery::new(10, &directions(17, 4)), None);
        assert_eq!(RecallQuery::new(10, &directions(1, 257)), None);
        assert_eq!(RecallQuery::new(10, &directions(1, 0)), None);
        let mixed = [directions(1, 4), directions(1, 2), directions(1, 6)].concat();
        assert_eq!(RecallQuery::new(10, &mixed), None);
    }

    #[test]
    fn hostile_shapes_are_refused() {
        let read = |songs: u32, dimension: u32, directions: Vec<i8>| {
            decode::<RecallQuery>(&encode(&RecallQuery { songs, dimension, directions }))
        };
        for bad in [
            read(0, 2, vec![1; 2]),
            read(5001, 2, vec![1; 2]),
            read(1, 0, vec![]),
            read(1, 257, vec![1; 257]),
            read(1, 2, vec![]),
            read(1, 2, vec![1; 3]),
            read(1, 2, vec![1; 34]),
            read(1, 2, vec![i8::MIN; 2]),
        ] {
            assert!(matches!(bad, Err(DecodeError::Invalid { .. })), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<RecallQuery>(&bytes);
        }
    }
}
