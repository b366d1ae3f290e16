//! The server's half of a vertical round: blocks of candidates go out, the summed answer comes in, and both towers take a step (rows F2, F3).
//!
//! Sources: Vepakomma et al., *Split learning for health*, 2018; McMahan et al., AISTATS 2017, §2 (FedSGD: one step on the mean gradient);
//! DP-FedAvg's Gaussian on the sum, McMahan et al., ICLR 2018, Algorithm 1.
//!
//! | here | shape | meaning |
//! |---|---|---|
//! | `θ` | P | shared weights of the user tower |
//! | `V_s = item_s(φ_s)` rows of its block | B_s × d | what goes out for scenario `s` |
//! | `Σ Δ = Σ_i clip_C(Δθ_i ‖ ΔV_0,i ‖ ΔV_1,i …)` | P + Σ B_s d | all that comes in |
//! | `z` | 1 | noise multiplier: `N(0, (zC)²)` is added to every coordinate of the sum |
//! | `−(1/nη) Σ ΔV_s` | B_s × d | the mean gradient at the cut, with one local pass exactly `∂L/∂V_s` |
//! | `φ_s ← Adam(φ_s, (∂V_s/∂φ_s)ᵀ ∂L/∂V_s)` | | [`ItemTower::learn`] |
//!
//! Nothing here sees one listener's part: only sums come in. This is the half that experiments hold in memory, and the noise is drawn here, for the
//! curve of quality over noise. A round that must not trust its server has every device draw a share of it before the sum, and keeps its
//! towers in the store ([`super::Coordinator::open_vertical`]); both take the steps of [`Items`].

use super::aggregate::Moments;
use super::items::Places;
use super::{BlockRules, Items, RoundError, Scenario, ServerOptimiser};
use sottovoce::ids::WeightsVersion;
use sottovoce::math::Rng;
use sottovoce::protocol::{CandidateBlock, LocalPlan, TowerShape, TowerWeights};

/// How vertical rounds run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VerticalConfig {
    /// What devices do; one epoch in one batch is the exact split.
    pub plan: LocalPlan,
    /// The user tower's optimiser.
    pub optimiser: ServerOptimiser,
    /// What goes out.
    pub blocks: BlockRules,
    /// `z`; 0 adds none.
    pub noise: f64,
}

/// The user tower's shared weights, the item sides, and the round that is out.
#[derive(Clone, Debug)]
pub struct Vertical {
    config: VerticalConfig,
    weights: TowerWeights,
    moments: Moments,
    items: Items,
    /// Where the songs that are out stand in the towers.
    out: Places,
    rng: Rng,
}

impl Vertical {
    /// Begins with these weights.
    ///
    /// # Errors
    /// [`RoundError::Setting`], [`RoundError::Length`].
    pub fn new(
        config: VerticalConfig,
        weights: TowerWeights,
        scenarios: Vec<Scenario>,
        seed: u64,
    ) -> Result<Self, RoundError> {
        config.optimiser.validate()?;
        let setting = |what, got, holds: bool, expected| {
            if holds { Ok(()) } else { Err(RoundError::Setting { what, got, expected }) }
        };
        setting("noise", config.noise, config.noise >= 0.0 && config.noise.is_finite(), "a number from 0")?;
        let items = Items::new(config.blocks, scenarios, weights.shape.dimension as usize, seed)?;
        let moments = config.optimiser.initial(weights.values.len());
        let rng = Rng::new(seed).split("vertical");
        Ok(Self { config, weights, moments, items, out: Vec::new(), rng })
    }

    /// The rules.
    #[must_use]
    pub fn config(&self) -> &VerticalConfig {
        &self.config
    }

    /// The shared weights now.
    #[must_use]
    pub fn weights(&self) -> &TowerWeights {
        &self.weights
    }

    /// The user tower's sizes.
    #[must_use]
    pub fn shape(&self) -> TowerShape {
        self.weights.shape
    }

    /// The item sides.
    #[must_use]
    pub fn scenarios(&self) -> &[Scenario] {
        self.items.scenarios()
    }

    /// The embeddings of all songs, by their numbers.
    #[must_use]
    pub fn rows(&self) -> Vec<f32> {
        self.items.rows()
    }

    /// The blocks of the next round, one a scenario; they are public, and the same for every device.
    pub fn open(&mut self) -> Vec<CandidateBlock> {
        let blocks = self.items.blocks(self.weights.version);
        self.out = self.items.places(blocks.iter().map(|block| &block.songs[..])).unwrap_or_default();
        blocks
    }

    /// How many numbers an update of the round that is out has.
    #[must_use]
    pub fn length(&self) -> usize {
        let d = self.weights.shape.dimension as usize;
        self.weights.values.len() + self.out.iter().map(|places| places.len() * d).sum::<usize>()
    }

    /// Ends the round that is out: `sum` is that of `count` updates. The weights become the next version, and so do the embeddings. On an
    /// error nothing has changed.
    ///
    /// # Errors
    /// [`RoundError::NoUpdates`], [`RoundError::Length`], [`RoundError::NotFinite`].
    pub fn close(&mut self, sum: &[f64], count: u32) -> Result<(), RoundError> {
        if count == 0 {
            return Err(RoundError::NoUpdates);
        }
        if sum.len() != self.length() {
            return Err(RoundError::Length { what: "sum", expected: self.length(), got: sum.len() });
        }
        let spread = self.config.noise * f64::from(self.config.plan.clip_norm);
        let mut rng = self.rng.split("noise").split_at(self.weights.version.0);
        let mut mean: Vec<f64> = sum.iter().map(|s| s / f64::from(count)).collect();
        if spread > 0.0 {
            mean.iter_mut().for_each(|m| *m += spread * f64::from(rng.normal()) / f64::from(count));
        }
        let (mut weights, mut moments) = (self.weights.values.clone(), self.moments.clone());
        let (shared, cut) = mean.split_at(weights.len());
        self.config.optimiser.step(&mut weights, &mut moments, shared)?;
        self.items.learn(&self.out, cut, self.config.plan.learning_rate.into())?;
        self.weights.values = weights;
        self.weights.version = WeightsVersion(self.weights.version.0 + 1);
        self.moments = moments;
        self.out.clear();
        Ok(())
    }
}
