//! The item side of vertical rounds: which songs go out as blocks, and the step that each item tower takes along what comes back (rows F2, F3).
//!
//! Source of the draw: systematic sampling, Madow, Ann. Math. Statist. 20, 1949. All of it follows from the towers' state, the version of the
//! weights and a seed, so that whoever ends a round makes the same bytes.

use super::RoundError;
use crate::recall::ItemTower;
use sottovoce::ids::{SongId, WeightsVersion};
use sottovoce::math::Rng;
use sottovoce::protocol::{CandidateBlock, LocalPlan, encode};
use sottovoce::secagg::Digest;

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

/// What a block asks of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRules {
    /// Candidates of a block; a scenario with no more songs is in it whole.
    pub size: usize,
    /// So many wanted songs behind a cut have to be found.
    pub ahead: u32,
    /// Cuts a pass, at most.
    pub lessons: u32,
}

/// How devices train in a vertical round of the exact split: one pass in one batch of step size 1, so that the sum is minus the gradient of the two-tower
/// model.
#[must_use]
pub fn exact_split() -> LocalPlan {
    LocalPlan {
        epochs: 1,
        batch: 4096,
        learning_rate: 1.0,
        negatives: 1, // a block has its own
        max_examples: 4096,
        clip_norm: 1.0,
        proximal: 0.0,
    }
}

/// The item towers of vertical rounds.
#[derive(Clone, Debug)]
pub struct Items {
    rules: BlockRules,
    dimension: usize,
    scenarios: Vec<Scenario>,
    rng: Rng,
}

/// Places in each scenario's tower of the songs that are out.
pub(super) type Places = Vec<Vec<u32>>;

impl Items {
    /// One to four scenarios of one dimension.
    ///
    /// # Errors
    /// [`RoundError::Setting`], [`RoundError::Length`].
    pub fn new(rules: BlockRules, scenarios: Vec<Scenario>, dimension: usize, seed: u64) -> Result<Self, RoundError> {
        let most = CandidateBlock::MOST as usize;
        if !(1..=most).contains(&scenarios.len()) {
            let got = f64::from(u32::try_from(scenarios.len()).unwrap_or(u32::MAX));
            return Err(RoundError::Setting { what: "scenarios", got, expected: "1 to 4" });
        }
        for Scenario { tower, songs, popularity, .. } in &scenarios {
            let fits = |what, expected, got| {
                if got == expected { Ok(()) } else { Err(RoundError::Length { what, expected, got }) }
            };
            fits("dimension", dimension, tower.dimension())?;
            fits("songs", tower.songs(), songs.len())?;
            fits("popularity", tower.songs(), popularity.len())?;
        }
        Ok(Self { rules, dimension, scenarios, rng: Rng::new(seed).split("vertical").split("blocks") })
    }

    /// The item sides.
    #[must_use]
    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    /// How many numbers of an update are about songs.
    #[must_use]
    pub fn length(&self) -> usize {
        self.scenarios.iter().map(|scenario| scenario.tower.songs().min(self.rules.size) * self.dimension).sum()
    }

    /// The embeddings of all songs, by their numbers; zero where a number is no song of theirs.
    #[must_use]
    pub fn rows(&self) -> Vec<f32> {
        let d = self.dimension;
        let last = self.scenarios.iter().filter_map(|scenario| scenario.songs.last()).max();
        let mut rows = vec![0.0; last.map_or(0, |last| (last.0 as usize + 1) * d)];
        for Scenario { tower, songs, .. } in &self.scenarios {
            for (song, row) in songs.iter().zip(tower.index().chunks_exact(d)) {
                rows[song.0 as usize * d..][..d].copy_from_slice(row);
            }
        }
        rows
    }

    /// The blocks of rounds that start from `version`, one a scenario; they are public, and the same for every device.
    #[must_use]
    pub fn blocks(&self, version: WeightsVersion) -> Vec<CandidateBlock> {
        let Self { rules, dimension, scenarios, rng } = self;
        let rng = rng.split_at(version.0);
        let count = u32::try_from(scenarios.len()).unwrap_or(u32::MAX);
        let block = |(scenario, index): (&Scenario, u32)| {
            let (places, log_chance) = draw(&scenario.popularity, rules.size, &mut rng.split_at(index.into()));
            CandidateBlock {
                weights: version,
                index,
                count,
                task: scenario.task,
                ahead: rules.ahead,
                lessons: rules.lessons,
                dimension: u32::try_from(*dimension).unwrap_or(u32::MAX),
                songs: places.iter().map(|i| scenario.songs[*i as usize]).collect(),
                popularity: places.iter().map(|i| scenario.popularity[*i as usize]).collect(),
                log_chance,
                rows: scenario.tower.embed(&places),
            }
        };
        scenarios.iter().zip(0..).map(block).collect()
    }

    /// Where the songs of blocks stand in the towers.
    ///
    /// # Errors
    /// [`RoundError::Damaged`] for blocks of other scenarios.
    pub(super) fn places<'b>(&self, blocks: impl IntoIterator<Item = &'b [SongId]>) -> Result<Places, RoundError> {
        let strange = RoundError::Damaged { what: "a block is of other songs than the server's" };
        let mut blocks = blocks.into_iter();
        let of = |scenario: &Scenario| -> Option<Vec<u32>> {
            let place = |song: &SongId| u32::try_from(scenario.songs.binary_search(song).ok()?).ok();
            blocks.next()?.iter().map(place).collect()
        };
        let places: Option<Places> = self.scenarios.iter().map(of).collect();
        match (places, blocks.next()) {
            (Some(places), None) => Ok(places),
            _ => Err(strange),
        }
    }

    /// The step of every tower along the mean of what devices sent about `places`: `rate` is the devices' step size, which the
    /// mean carries (with one pass and one batch the gradient at the cut is exactly `−mean/rate`). On an error nothing has changed.
    ///
    /// # Errors
    /// [`RoundError::Length`], [`RoundError::NotFinite`].
    #[allow(clippy::cast_possible_truncation, reason = "what trains is f32; what overflows is the error")]
    pub(super) fn learn(&mut self, places: &[Vec<u32>], mean: &[f64], rate: f64) -> Result<(), RoundError> {
        let d = self.dimension;
        let expected = places.iter().map(|places| places.len() * d).sum();
        if mean.len() != expected || places.len() != self.scenarios.len() {
            return Err(RoundError::Length { what: "gradient at the cut", expected, got: mean.len() });
        }
        let cut: Vec<f32> = mean.iter().map(|delta| (-delta / rate) as f32).collect();
        if let Some(at) = cut.iter().position(|g| !g.is_finite()) {
            return Err(RoundError::NotFinite { at });
        }
        let mut rest = &cut[..];
        for (scenario, places) in self.scenarios.iter_mut().zip(places) {
            let (part, others) = rest.split_at(places.len() * d);
            rest = others;
            scenario.tower.learn(places, part);
        }
        Ok(())
    }

    /// Every tower, put away.
    pub(super) fn states(&self) -> Vec<Vec<u8>> {
        self.scenarios.iter().map(|scenario| scenario.tower.state()).collect()
    }

    /// These towers as [`Items::states`] put them away.
    ///
    /// # Errors
    /// [`RoundError::Damaged`].
    pub(super) fn resumed(&self, states: &[Vec<u8>]) -> Result<Self, RoundError> {
        let damaged = RoundError::Damaged { what: "the item towers are of another catalogue, or damaged" };
        let mut items = self.clone();
        if states.len() != items.scenarios.len() {
            return Err(damaged);
        }
        for (scenario, state) in items.scenarios.iter_mut().zip(states) {
            if let Err(error) = scenario.tower.resume(state) {
                tracing::error!(%error, "an item tower");
                return Err(damaged);
            }
        }
        Ok(items)
    }
}

/// A block as it travels, with its name in a round's terms.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sealed {
    pub(super) digest: Digest,
    pub(super) numbers: u32,
    pub(super) bytes: Vec<u8>,
}

impl Sealed {
    pub(super) fn of(block: &CandidateBlock) -> Self {
        let bytes = encode(block);
        let numbers = u32::try_from(block.rows.len()).unwrap_or(u32::MAX);
        Self { digest: Digest::of(&bytes), numbers, bytes }
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
