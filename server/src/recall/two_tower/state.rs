//! An item tower put away and taken up again: between two rounds it lives in the store, and whoever ends the next one has to take the same step.

use super::ItemTower;
use crate::recall::RecallError;
use minicbor::{Decoder, Encoder};
use sottovoce::learn::Adam;

/// A change of layout raises it.
const VERSION: u32 = 1;

impl ItemTower {
    /// Starts every song at a given embedding: `rows` has `d` numbers for each; a song whose row is zero stays where its draw fell. The fields
    /// begin to speak with the first step.
    ///
    /// # Errors
    /// [`RecallError::Config`] where they are not as many, or not finite.
    #[allow(clippy::cast_precision_loss, reason = "for the message only")]
    pub fn starting_at(mut self, rows: &[f32]) -> Result<Self, RecallError> {
        let d = self.config.dimension;
        if rows.len() != self.songs * d || rows.iter().any(|x| !x.is_finite()) {
            let got = rows.len() as f64;
            return Err(RecallError::Config { field: "two_tower.rows", got, expected: "d finite numbers a song" });
        }
        for (own, row) in self.weights[self.places.id.range()].chunks_exact_mut(d).zip(rows.chunks_exact(d)) {
            // A length of zero has no direction, and no gradient.
            if row.iter().any(|x| x.abs() > 1e-6) {
                own.copy_from_slice(row);
            }
        }
        // `W₂ = 0`: the straight path alone, until the first gradient.
        self.weights[self.places.outer.range()].fill(0.0);
        self.adam = Adam::new(self.weights.len(), self.config.learning_rate);
        Ok(self)
    }

    /// Weights and the optimiser's memory, as bytes.
    #[must_use]
    pub fn state(&self) -> Vec<u8> {
        let (first, second, decayed) = self.adam.memory();
        let mut state = Vec::with_capacity(12 * self.weights.len() + 64);
        let written = write(&mut Encoder::new(&mut state), decayed, [&self.weights, first, second]);
        debug_assert!(written.is_ok(), "a vector takes all that is written");
        state
    }

    /// This tower, over the same songs and of the same sizes, as [`ItemTower::state`] put it away.
    ///
    /// # Errors
    /// [`RecallError::Artefact`]; the tower is unchanged then.
    pub fn resume(&mut self, state: &[u8]) -> Result<(), RecallError> {
        let mut d = Decoder::new(state);
        if (d.array().map_err(broken)?, d.u32().map_err(broken)?) != (Some(6), VERSION) {
            return Err(broken("an item tower of another version"));
        }
        let decayed = (f32::from_bits(d.u32().map_err(broken)?), f32::from_bits(d.u32().map_err(broken)?));
        let mut numbers = || numbers(d.bytes().map_err(broken)?, self.places.len);
        let (weights, first, second) = (numbers()?, numbers()?, numbers()?);
        let within = [decayed.0, decayed.1].iter().all(|x| (0.0..=1.0).contains(x));
        if d.position() != state.len() || !within {
            return Err(broken("bytes behind its end, or a memory that cannot be"));
        }
        self.adam =
            Adam::resume(self.config.learning_rate, first, second, decayed).ok_or_else(|| broken("its memory"))?;
        self.weights = weights;
        Ok(())
    }
}

fn write(
    e: &mut Encoder<&mut Vec<u8>>,
    decayed: (f32, f32),
    tables: [&[f32]; 3],
) -> Result<(), minicbor::encode::Error<core::convert::Infallible>> {
    e.array(6)?.u32(VERSION)?.u32(decayed.0.to_bits())?.u32(decayed.1.to_bits())?;
    for table in tables {
        e.bytes(&bytes(table))?;
    }
    Ok(())
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn numbers(bytes: &[u8], expected: usize) -> Result<Vec<f32>, RecallError> {
    let (chunks, rest) = bytes.as_chunks::<4>();
    let values: Vec<f32> = chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
    if values.len() != expected || !rest.is_empty() || values.iter().any(|v| !v.is_finite()) {
        return Err(broken("an item tower over other songs, of other sizes, or not finite"));
    }
    Ok(values)
}

fn broken(detail: impl ToString) -> RecallError {
    RecallError::Artefact { detail: detail.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Song;
    use crate::recall::ItemTowerConfig;
    use sottovoce::ids::{ArtistId, SongId};

    const D: usize = 3;

    fn tower() -> ItemTower {
        let song = |i: u32| Song {
            id: SongId(i),
            key: i.to_string(),
            title: String::new(),
            artist: ArtistId(i / 2),
            album: None,
            genre: Some(format!("genre {}", i % 3)),
            language: None,
            attributes: vec![],
            duration_ms: None,
            url: None,
        };
        let songs: Vec<Song> = (0..7).map(song).collect();
        let config = ItemTowerConfig { dimension: D, field: 2, hidden: 4, ..ItemTowerConfig::default() };
        ItemTower::new(&songs, &[], config, 5).unwrap()
    }

    fn cut(step: usize) -> Vec<f32> {
        (0..4 * D).map(|i| ((i * 7 + step * 3) % 11) as f32 / 11.0 - 0.5).collect()
    }

    #[test]
    fn one_that_was_put_away_takes_the_same_steps() {
        let (mut whole, mut parts) = (tower(), tower());
        for step in 0..4 {
            whole.learn(&[0, 2, 5, 6], &cut(step));
            let mut next = tower();
            next.resume(&parts.state()).unwrap();
            next.learn(&[0, 2, 5, 6], &cut(step));
            parts = next;
        }
        assert_eq!(whole.state(), parts.state());
        assert_eq!(whole.index(), parts.index());
    }

    #[test]
    fn it_starts_where_it_is_told_and_its_fields_learn_all_the_same() {
        let mut rows: Vec<f32> = (0..7 * D).map(|i| (i % 5) as f32 - 1.5).collect();
        rows[..D].fill(0.0);
        let mut started = tower().starting_at(&rows).unwrap();
        assert!((started.embed(&[0]).iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5, "a draw of its own");
        for (got, row) in started.index().chunks_exact(D).zip(rows.chunks_exact(D)).skip(1) {
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            assert!(got.iter().zip(row).all(|(got, x)| (got - x / length).abs() < 1e-6), "{got:?} {row:?}");
        }
        // Song 1 is in no block, and shares artist and genre with songs that are.
        let before = started.embed(&[1]);
        for step in 0..3 {
            started.learn(&[0, 2, 4], &cut(step)[..3 * D]);
        }
        assert_ne!(before, started.embed(&[1]));
        for bad in [rows[1..].to_vec(), vec![f32::NAN; 7 * D]] {
            assert!(matches!(tower().starting_at(&bad), Err(RecallError::Config { .. })));
        }
    }

    #[test]
    fn a_damaged_state_is_refused_and_changes_nothing() {
        let mut learned = tower();
        learned.learn(&[1, 3], &cut(0)[..2 * D]);
        let state = learned.state();
        let before = learned.index();
        for end in 0..state.len() {
            assert!(learned.resume(&state[..end]).is_err(), "{end}");
        }
        let mut longer = state.clone();
        longer.push(0);
        assert!(learned.resume(&longer).is_err());
        let mut other = state.clone();
        other[1] = 2; // the version
        assert!(learned.resume(&other).is_err());
        assert_eq!(learned.index(), before);
    }
}
