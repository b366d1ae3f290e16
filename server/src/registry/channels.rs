//! The names of the recall channels: which there are, how they are fitted together, and how they are kept.

use crate::config::ChannelConfig;
use crate::data::Dataset;
use crate::embed::{Corpus, Song2Vec, SongEmbeddings};
use crate::funnel::Funnel;
use crate::progress::Report;
use crate::recall::{Interactions, ItemCf, Merge, Popular, RecallError, Song2VecRecall, Spectral};
use crate::stage::Recall;

/// All recall channels, fitted on one data set, and their merge.
#[derive(Clone, Debug)]
pub struct Channels {
    config: ChannelConfig,
    popular: Popular,
    item_cf: ItemCf,
    song2vec: Song2VecRecall,
    spectral: Spectral,
    merge: Merge,
}

impl Channels {
    /// The channels' names, in the order in which the funnel asks them.
    pub const NAMES: [&'static str; 4] = ["popular", "item_cf", "song2vec", "spectral"];

    /// Fits every channel. The same data, configuration and seed give the same channels, on any number of threads.
    ///
    /// # Errors
    /// A configuration out of range, or data that hold nothing to learn from.
    pub fn fit(dataset: &Dataset, config: &ChannelConfig, seed: u64, report: Report<'_>) -> Result<Self, RecallError> {
        let merge = Merge::new(config.merge.clone(), &Self::NAMES)?;
        let interactions = Interactions::of(dataset);
        if interactions.pairs() == 0 {
            return Err(RecallError::NothingHeard { name: dataset.name.clone() });
        }
        let popular = Popular::fit(&interactions);
        // song2vec trains on one thread by design; the others use what is left.
        let (embeddings, others) = rayon::join(
            || -> Result<SongEmbeddings, RecallError> {
                let model = Song2Vec::train(&Corpus::of(dataset), &config.song2vec, seed, report)?;
                let mut embeddings = model.embeddings()?;
                embeddings.fill_from_catalogue(dataset);
                Ok(embeddings)
            },
            || -> Result<(ItemCf, Spectral), RecallError> {
                let item_cf = ItemCf::fit(&interactions, &config.item_cf, report)?;
                Ok((item_cf, Spectral::fit(&interactions, &config.spectral, seed, report)?))
            },
        );
        let (item_cf, spectral) = others?;
        let song2vec = Song2VecRecall::new(embeddings?, popular.listeners(), &config.song2vec_recall)?;
        Ok(Self { config: config.clone(), popular, item_cf, song2vec, spectral, merge })
    }

    /// The channels, in the order of [`Channels::NAMES`].
    #[must_use]
    pub fn channels(&self) -> [&dyn Recall; 4] {
        [&self.popular, &self.item_cf, &self.song2vec, &self.spectral]
    }

    /// The funnel over these channels.
    #[must_use]
    pub fn funnel(&self) -> Funnel<'_> {
        Funnel::new(self.channels().to_vec(), &self.merge)
    }

    /// One unit row a song: what the catalogue's shards carry to the devices.
    #[must_use]
    pub fn song_embeddings(&self) -> &SongEmbeddings {
        self.song2vec.embeddings()
    }

    /// How many listeners each song has.
    #[must_use]
    pub fn popularity(&self) -> &[f32] {
        self.popular.listeners()
    }

    /// How many songs the channels know.
    #[must_use]
    pub fn songs(&self) -> usize {
        self.popularity().len()
    }

    /// What they were fitted with.
    #[must_use]
    pub fn config(&self) -> &ChannelConfig {
        &self.config
    }

    /// The merge alone, for those who have the channels' lists already.
    #[must_use]
    pub fn merge(&self) -> &Merge {
        &self.merge
    }

    /// The version of [`Channels::to_bytes`]. A change of layout raises it.
    pub const VERSION: u32 = 1;
    /// The name under which a state file keeps them.
    pub const ARTEFACT: &'static str = "channels";

    /// All of it as bytes (CBOR, tables as little-endian byte strings), for the state file.
    ///
    /// # Errors
    /// [`RecallError::Artefact`], if the configuration cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecallError> {
        let config = serde_json::to_string(&self.config).map_err(broken)?;
        let embeddings = self.song_embeddings();
        let (rank, queries, answers) = self.spectral.tables();
        let mut out = Vec::new();
        let mut e = minicbor::Encoder::new(&mut out);
        e.array(9).map_err(broken)?.str(&config).map_err(broken)?;
        e.bytes(&f32_bytes(self.popularity())).map_err(broken)?;
        e.bytes(&u32_bytes(&self.item_cf.ends)).map_err(broken)?;
        e.bytes(&u32_bytes(&self.item_cf.songs)).map_err(broken)?;
        e.bytes(&f32_bytes(&self.item_cf.weights)).map_err(broken)?;
        e.u64(embeddings.dimension as u64).map_err(broken)?.bytes(&f32_bytes(&embeddings.rows)).map_err(broken)?;
        e.bytes(&f32_bytes(queries)).map_err(broken)?.bytes(&f32_bytes(answers)).map_err(broken)?;
        debug_assert!(queries.len() == self.songs() * rank);
        Ok(out)
    }

    /// Reads what [`Channels::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`RecallError::Artefact`] for bytes of another layout, damaged bytes, or tables that contradict each other.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecallError> {
        let mut d = minicbor::Decoder::new(bytes);
        if d.array().map_err(broken)? != Some(9) {
            return Err(broken("not an array of nine"));
        }
        let config: ChannelConfig = serde_json::from_str(d.str().map_err(broken)?).map_err(broken)?;
        let popular = Popular::from_counts(f32s(d.bytes().map_err(broken)?)?);
        let songs = popular.listeners().len();
        let item_cf = ItemCf {
            ends: u32s(d.bytes().map_err(broken)?)?,
            songs: u32s(d.bytes().map_err(broken)?)?,
            weights: f32s(d.bytes().map_err(broken)?)?,
        };
        item_cf.check(songs)?;
        let dimension = usize::try_from(d.u64().map_err(broken)?).map_err(broken)?;
        let embeddings = SongEmbeddings { dimension, rows: f32s(d.bytes().map_err(broken)?)? };
        if dimension == 0 || embeddings.rows.len() != songs.saturating_mul(dimension) {
            return Err(broken("embeddings of another catalogue"));
        }
        let queries = f32s(d.bytes().map_err(broken)?)?;
        let answers = f32s(d.bytes().map_err(broken)?)?;
        let rank = queries.len().checked_div(songs).unwrap_or(0);
        if queries.len() != rank * songs || d.position() != bytes.len() {
            return Err(broken("a filter of another catalogue, or bytes after the end"));
        }
        if popular.listeners().iter().chain(&embeddings.rows).any(|x| !x.is_finite()) {
            return Err(broken("a number that is not finite"));
        }
        let merge = Merge::new(config.merge.clone(), &Self::NAMES)?;
        let song2vec = Song2VecRecall::new(embeddings, popular.listeners(), &config.song2vec_recall)?;
        Ok(Self { spectral: Spectral::from_tables(rank, queries, answers)?, config, popular, item_cf, song2vec, merge })
    }
}

fn broken(detail: impl ToString) -> RecallError {
    RecallError::Artefact { detail: detail.to_string() }
}

fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn u32_bytes(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn u32s(bytes: &[u8]) -> Result<Vec<u32>, RecallError> {
    match bytes.as_chunks::<4>() {
        (chunks, []) => Ok(chunks.iter().map(|c| u32::from_le_bytes(*c)).collect()),
        _ => Err(broken("a table that ends inside a number")),
    }
}

fn f32s(bytes: &[u8]) -> Result<Vec<f32>, RecallError> {
    Ok(u32s(bytes)?.into_iter().map(f32::from_bits).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::data::{SyntheticConfig, synthetic};
    use crate::embed::Song2VecConfig;
    use crate::progress::quiet;
    use crate::recall::SpectralConfig;
    use crate::stage::Query;
    use sottovoce::ids::SongId;

    fn small() -> (Dataset, ChannelConfig) {
        let world =
            SyntheticConfig { listeners: 60, songs: 200, artists: 30, events: 3000, ..SyntheticConfig::default() };
        let config = ChannelConfig {
            song2vec: Song2VecConfig { dimension: 16, epochs: 3, ..Song2VecConfig::default() },
            spectral: SpectralConfig { rank: 12, ..SpectralConfig::default() },
            ..ChannelConfig::default()
        };
        (synthetic(&world), config)
    }

    #[test]
    fn fitting_twice_and_reading_back_give_the_same_answers() {
        let (dataset, config) = small();
        let fit = || Channels::fit(&dataset, &config, 7, &quiet).unwrap();
        let channels = fit();
        let bytes = channels.to_bytes().unwrap();
        assert_eq!(bytes, fit().to_bytes().unwrap());
        let back = Channels::from_bytes(&bytes).unwrap();
        assert_eq!(bytes, back.to_bytes().unwrap());
        let query = Query { seeds: vec![(SongId(3), 2.0), (SongId(11), 1.0)], exclude: vec![SongId(3)], k: 25 };
        assert_eq!(channels.funnel().run(&query).0, back.funnel().run(&query).0);
        assert_eq!(channels.songs(), 200);
        assert_eq!(channels.song_embeddings().rows.len(), 200 * 16);
        assert!(channels.channels().iter().map(|c| c.name()).eq(Channels::NAMES));
    }

    #[test]
    fn damaged_bytes_are_an_error_and_never_a_panic() {
        let (dataset, config) = small();
        let bytes = Channels::fit(&dataset, &config, 7, &quiet).unwrap().to_bytes().unwrap();
        for cut in (0..bytes.len()).step_by(bytes.len() / 97) {
            assert!(matches!(Channels::from_bytes(&bytes[..cut]), Err(RecallError::Artefact { .. })), "{cut}");
        }
        let mut rng = sottovoce::math::Rng::new(1);
        for _ in 0..200 {
            let mut damaged = bytes.clone();
            let place = rng.below(u32::try_from(bytes.len()).unwrap()) as usize;
            damaged[place] ^= 1 << rng.below(8);
            // A flipped bit inside a weight is another weight; what is read must still answer.
            if let Ok(channels) = Channels::from_bytes(&damaged) {
                let query = Query { seeds: vec![(SongId(3), 1.0)], exclude: vec![], k: 5 };
                assert!(channels.funnel().run(&query).0.len() <= 5);
            }
        }
    }

    #[test]
    fn a_log_of_dislikes_teaches_nothing() {
        let (mut dataset, config) = small();
        dataset.events.iter_mut().for_each(|e| e.feedback = sottovoce::session::Feedback::Dislike);
        assert!(matches!(Channels::fit(&dataset, &config, 7, &quiet), Err(RecallError::NothingHeard { .. })));
    }
}
