//! Which two towers vertical rounds train, over what data: the options that `simulate vertical`, `simulate poison` and `eval leakage --rounds-of vertical`
//! have in common.

use crate::data::{self, Clock, SyntheticConfig, fixed_split, synthetic};
use crate::federated::{BlockRules, Scenario, ServerOptimiser, Vertical, VerticalConfig, exact_split};
use crate::recall::{ItemTower, ItemTowerConfig};
use crate::simulate::{Part, SplitWorld};
use anyhow::bail;
use sottovoce::ids::WeightsVersion;
use sottovoce::protocol::{LocalPlan, TowerShape, TowerWeights};
use sottovoce::tower::initial_weights;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Towers {
    /// Cuts of each past, a pass [default: 16 in sequences, 2 in totals]
    #[arg(long, value_name = "N")]
    pub(super) lessons: Option<u32>,
    /// So many songs behind a cut have to be found [default: 1 in sequences, all in totals]
    #[arg(long, value_name = "N")]
    pub(super) ahead: Option<u32>,
    /// Passes over a device's own cuts a round; 1 is the exact split
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) local_epochs: u32,
    /// Candidates of a block; a smaller catalogue is in it whole
    #[arg(long, value_name = "N", default_value_t = 16_384)]
    pub(super) block: usize,
    /// Dimension of both towers' embeddings
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(super) dimension: u32,
    /// Interests of a listener, at most
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) interests: u32,
    /// Step size of the user tower's FedAdam
    #[arg(long, default_value_t = 0.01)]
    pub(super) user_rate: f64,
    /// Step size of the item tower's Adam
    #[arg(long, default_value_t = 0.01)]
    pub(super) item_rate: f32,
    /// Weight decay of the item tower, as a share of its step size
    #[arg(long, default_value_t = 0.0)]
    pub(super) decay: f32,
    /// Bound on the L2 norm of an update, both halves together
    #[arg(long, default_value_t = 1.0)]
    pub(super) clip_norm: f32,
    /// Train without the item fields: the songs' own entries alone
    #[arg(long)]
    pub(super) bare: bool,
}

impl Towers {
    /// One catalogue, one scenario. `noise` is what the server's half adds to sums.
    pub(super) fn server(&self, world: &SplitWorld, noise: f64, seed: u64) -> anyhow::Result<Vertical> {
        let d = self.dimension;
        let shape = TowerShape { interests: self.interests, ..TowerShape::usual(d) };
        let weights = TowerWeights { version: WeightsVersion(0), shape, values: initial_weights(shape, seed) };
        let config = ItemTowerConfig {
            dimension: d as usize,
            learning_rate: self.item_rate,
            decay: self.decay,
            ..ItemTowerConfig::default()
        };
        let mut songs = world.songs.clone();
        if self.bare {
            for song in &mut songs {
                (song.album, song.genre, song.language) = (None, None, None);
                (song.artist, song.attributes) = (sottovoce::ids::ArtistId(song.id.0), Vec::new());
            }
        }
        let tower = ItemTower::new(&songs, &[], config, seed)?;
        let scenario = Scenario {
            tower,
            songs: world.songs.iter().map(|song| song.id).collect(),
            popularity: world.popularity()?,
            task: 0,
        };
        let rules = VerticalConfig {
            plan: LocalPlan { epochs: self.local_epochs, clip_norm: self.clip_norm, ..exact_split() },
            optimiser: ServerOptimiser::fed_adam(self.user_rate),
            blocks: BlockRules {
                size: self.block,
                ahead: self.ahead.unwrap_or(if world.ordered { 1 } else { u32::MAX }),
                lessons: self.lessons.unwrap_or(if world.ordered { 16 } else { 2 }),
            },
            noise,
        };
        Ok(Vertical::new(rules, weights, vec![scenario], seed)?)
    }
}

/// The world of a data set, or a synthetic one, and its name.
pub(super) fn world(path: Option<&Path>, part: Part, seed: u64) -> anyhow::Result<(SplitWorld, String)> {
    let Some(path) = path else {
        let config = SyntheticConfig { listeners: 300, songs: 600, artists: 80, events: 20_000, ..Default::default() };
        let data = synthetic(&config);
        return Ok((SplitWorld::next_song(&data, part, &HashMap::new()), data.name));
    };
    if let Some(split) = fixed_split(path)? {
        return Ok((SplitWorld::fixed(&split, part, seed), split.train.name));
    }
    let data = data::open(path)?;
    if data.clock == Clock::None {
        bail!("{} tells no order of listening and has no published split (data1.txt beside test1.txt)", data.name);
    }
    let samples = data::samples(path)?;
    Ok((SplitWorld::next_song(&data, part, &samples), data.name))
}

/// What a folder is called.
pub(super) fn name(path: Option<&PathBuf>) -> String {
    path.and_then(|path| path.file_name()).map_or("synthetic".into(), |name| name.to_string_lossy().into_owned())
}

/// Mean and standard deviation (of the sample).
#[allow(clippy::cast_precision_loss, reason = "a handful of seeds")]
pub(super) fn moments(values: impl ExactSizeIterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let squares: f64 = values.map(|v| (v - mean) * (v - mean)).sum();
    (mean, if n > 1.0 { (squares / (n - 1.0)).sqrt() } else { 0.0 })
}

pub(super) fn round4(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
