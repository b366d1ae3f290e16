//! The server's half of a vertical round: blocks of candidates go out, the summed answer comes in, and both towers take a step (rows F2, F3).
//!
//! Sources: Vepakomma et al., *Split learning for health*, 2018; McMahan et al., AISTATS 2017, §2 (FedSGD: one step on the mean gradient);
//! DP-FedAvg's Gaussian on the sum, McMahan et al., ICLR 2018, Algorithm 1; systematic sampling, Madow, Ann. Math. Statist. 20, 1949.
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
//! Nothing here sees one listener's part: only sums come in. The noise is drawn by the server, for the curve of quality over noise; a
//! round that must not trust its server has every device draw a share of it before the sum.

use super::aggregate::Moments;
use super::{RoundError, ServerOptimiser};
use crate::recall::ItemTower;
use sottovoce::ids::{SongId, WeightsVersion};
use sottovoce::math::Rng;
use sottovoce::protocol::{CandidateBlock, LocalPlan, TowerShape, TowerWeights};

/// One item side: a tower over its songs, and the task of the user tower that ranks them.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The item tower.
    pub tower: ItemTower,
    /// Its songs as devices know them, ascending, by their place in the tower.
    pub songs: Vec<SongId>,
    /// Popularity of each, as the catalogue has it.
    pub popularity: Vec<f32>,
    /// 0 for *complete*, 1 for *like*.
    pub task: u32,
}

/// How vertical rounds run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VerticalConfig {
    /// What devices do; one epoch in one batch is the exact split.
    pub plan: LocalPlan,
    /// The user tower's optimiser.
    pub optimiser: ServerOptimiser,
    /// Candidates of a block; a scenario with no more songs is in it whole.
    pub block: usize,
    /// So many wanted songs behind a cut have to be found.
    pub ahead: u32,
    /// Cuts a pass, at most.
    pub lessons: u32,
    /// `z`; 0 adds none.
    pub noise: f64,
}

/// The user tower's shared weights, the item sides, and the round that is out.
#[derive(Clone, Debug)]
pub struct Vertical {
    config: VerticalConfig,
    weights: TowerWeights,
    moments: Moments,
    scenarios: Vec<Scenario>,
    /// Places in each scenario's tower of the songs that are out.
    out: Vec<Vec<u32>>,
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
        let most = CandidateBlock::MOST as usize;
        let count = f64::from(u32::try_from(scenarios.len()).unwrap_or(u32::MAX));
        setting("scenarios", count, (1..=most).contains(&scenarios.len()), "1 to 4")?;
        for Scenario { tower, songs, popularity, .. } in &scenarios {
            let fits = |what, expected, got| {
                if got == expected { Ok(()) } else { Err(RoundError::Length { what, expected, got }) }
            };
            fits("dimension", weights.shape.dimension as usize, tower.dimension())?;
            fits("songs", tower.songs(), songs.len())?;
            fits("popularity", tower.songs(), popularity.len())?;
        }
        let moments = config.optimiser.initial(weights.values.len());
        let rng = Rng::new(seed).split("vertical");
        Ok(Self { config, weights, moments, scenarios, out: Vec::new(), rng })
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
        &self.scenarios
    }

    /// The blocks of the next round, one a scenario; they are public, and the same for every device.
    pub fn open(&mut self) -> Vec<CandidateBlock> {
        let version = self.weights.version;
        let rng = self.rng.split("blocks").split_at(version.0);
        let Self { config, scenarios, weights, out, .. } = self;
        let count = u32::try_from(scenarios.len()).unwrap_or(u32::MAX);
        out.clear();
        let mut blocks = Vec::with_capacity(scenarios.len());
        for (scenario, index) in scenarios.iter().zip(0u32..) {
            let (places, log_chance) = draw(&scenario.popularity, config.block, &mut rng.split_at(index.into()));
            blocks.push(CandidateBlock {
                weights: version,
                index,
                count,
                task: scenario.task,
                ahead: config.ahead,
                lessons: config.lessons,
                dimension: weights.shape.dimension,
                songs: places.iter().map(|i| scenario.songs[*i as usize]).collect(),
                popularity: places.iter().map(|i| scenario.popularity[*i as usize]).collect(),
                log_chance,
                rows: scenario.tower.embed(&places),
            });
            out.push(places);
        }
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
    #[allow(clippy::cast_possible_truncation, reason = "what trains is f32; what overflows is the error")]
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
        let (shared, mut rest) = mean.split_at(weights.len());
        self.config.optimiser.step(&mut weights, &mut moments, shared)?;
        let rate = f64::from(self.config.plan.learning_rate);
        let d = self.weights.shape.dimension as usize;
        let mut cuts: Vec<Vec<f32>> = Vec::with_capacity(self.out.len());
        for places in &self.out {
            let (part, others) = rest.split_at(places.len() * d);
            rest = others;
            cuts.push(part.iter().map(|delta| (-delta / rate) as f32).collect());
        }
        if let Some(at) = cuts.iter().flatten().position(|g| !g.is_finite()) {
            return Err(RoundError::NotFinite { at });
        }
        for ((scenario, places), cut) in self.scenarios.iter_mut().zip(&self.out).zip(&cuts) {
            scenario.tower.learn(places, cut);
        }
        self.weights.values = weights;
        self.weights.version = WeightsVersion(self.weights.version.0 + 1);
        self.moments = moments;
        self.out.clear();
        Ok(())
    }
}

/// A block of exactly `size` songs, a song with a chance in proportion to `0.1 + popularity`, and the logarithms of the chances (systematic
/// sampling: the chances are exact). All songs where there are no more.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "chances; catalogues have fewer than 2³² songs"
)]
fn draw(popularity: &[f32], size: usize, rng: &mut Rng) -> (Vec<u32>, Vec<f32>) {
    let all = popularity.len();
    if size >= all {
        return ((0..all as u32).collect(), Vec::new());
    }
    let weight = |i: usize| 0.1 + f64::from(popularity[i]);
    // Songs whose chance would be more than one are in for sure, and the others share what is left.
    let mut sure = vec![false; all];
    let chance = loop {
        let left = (size - sure.iter().filter(|s| **s).count()) as f64;
        let total: f64 = (0..all).filter(|i| !sure[*i]).map(weight).sum();
        let over: Vec<usize> = (0..all).filter(|i| !sure[*i] && left * weight(*i) >= total).collect();
        if over.is_empty() {
            break left / total;
        }
        over.into_iter().for_each(|i| sure[i] = true);
    };
    let (mut places, mut chances) = (Vec::with_capacity(size), Vec::with_capacity(size));
    // Kept a hair away from whole numbers, which rounding could otherwise step over.
    let mut reached = 0.0005 + 0.999 * f64::from(rng.uniform());
    for (i, sure) in sure.into_iter().enumerate() {
        let here = if sure { 1.0 } else { chance * weight(i) };
        let before = reached.floor();
        reached += here;
        if reached.floor() > before {
            places.push(i as u32);
            chances.push(here.ln() as f32);
        }
    }
    (places, chances)
}
