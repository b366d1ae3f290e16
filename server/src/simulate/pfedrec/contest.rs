//! Everything side by side: the same listeners, held-out songs and drawn negatives, several seeds, each line at the round that is best for
//! choosing.

use super::baseline::{Factors, FactorsConfig, popularity};
use super::client::{LocalConfig, Personal};
use super::rank::{Figures, figures};
use super::round::{Federation, FederationConfig};
use super::world::{Holding, World, WorldError};
use crate::data::Dataset;
use serde::Serialize;

/// A model in the contest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// Songs by how many listeners trained on them.
    Popularity,
    /// Matrix factorisation that sees everybody's log.
    Centralised,
    /// Neither half is personal: federated averaging of all there is.
    Neither,
    /// The score function alone is personal.
    ScoreOnly,
    /// The item rows alone are personal.
    ItemsOnly,
    /// PFedRec.
    Dual,
}

impl Line {
    /// All, from the plainest.
    pub const ALL: [Self; 6] =
        [Self::Popularity, Self::Centralised, Self::Neither, Self::ScoreOnly, Self::ItemsOnly, Self::Dual];

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Popularity => "popularity",
            Self::Centralised => "MF, centralised",
            Self::Neither => "FedAvg, nothing personal",
            Self::ScoreOnly => "personal score function",
            Self::ItemsOnly => "personal item rows",
            Self::Dual => "PFedRec, both",
        }
    }

    fn personal(self) -> Option<Personal> {
        match self {
            Self::Popularity | Self::Centralised => None,
            Self::Neither => Some(Personal { score: false, items: false }),
            Self::ScoreOnly => Some(Personal { score: true, items: false }),
            Self::ItemsOnly => Some(Personal { score: false, items: true }),
            Self::Dual => Some(Personal { score: true, items: true }),
        }
    }
}

/// How the contest goes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ContestConfig {
    /// What is held out.
    pub holding: Holding,
    /// Rounds of the federated lines, and epochs of the centralised one.
    pub rounds: u32,
    /// d.
    pub dimension: usize,
    /// Share of the listeners a round.
    pub share: f32,
    /// What a device does.
    pub local: LocalConfig,
    /// The first seed.
    pub seed: u64,
    /// How many seeds.
    pub seeds: u64,
}

/// A line under one seed.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Outcome {
    /// Which.
    pub line: Line,
    /// The seed.
    pub seed: u64,
    /// The round (or epoch), from 1, whose figures these are: the last of those with the best HR@10 of the songs for choosing.
    pub round: u32,
    /// What it is worth.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What was measured, and over what.
#[derive(Clone, PartialEq, Debug)]
pub struct Contest {
    /// By seed, then line.
    pub outcomes: Vec<Outcome>,
    /// Listeners.
    pub listeners: usize,
    /// Songs.
    pub songs: u32,
    /// Rows, the held-out ones too.
    pub rows: usize,
    /// Listeners who train on their own test song, under the first seed.
    pub leaking: usize,
}

/// Trains and ranks the lines over the seeds; calls `after` at the end of each round.
///
/// # Errors
/// [`WorldError`].
pub fn contest(
    data: &Dataset,
    lines: &[Line],
    config: &ContestConfig,
    mut after: impl FnMut(Line),
) -> Result<Contest, WorldError> {
    let mut outcomes = vec![];
    let first = World::new(data, config.holding, config.seed)?;
    for seed in (0..config.seeds).map(|s| config.seed.wrapping_add(s)) {
        let world = World::new(data, config.holding, seed)?;
        for line in lines {
            let (round, figures) = run(*line, &world, config, seed, &mut || after(*line));
            outcomes.push(Outcome { line: *line, seed, round, figures });
        }
    }
    let World { songs, rows, leaking, ref listeners } = first;
    Ok(Contest { outcomes, listeners: listeners.len(), songs, rows, leaking })
}

fn run(line: Line, world: &World, config: &ContestConfig, seed: u64, after: &mut dyn FnMut()) -> (u32, Figures) {
    let Some(personal) = line.personal() else {
        if line == Line::Popularity {
            let counts = popularity(world);
            let of = |_: usize, songs: &[u32]| songs.iter().map(|song| counts[*song as usize]).collect();
            return (0, figures(world, &of, Some(&|_| counts.clone())));
        }
        let start =
            Factors::new(world, FactorsConfig { dimension: config.dimension, seed, ..FactorsConfig::default() });
        return best(
            start,
            config.rounds,
            after,
            |model| model.epoch(world),
            |model, full| {
                let all = |i: usize| model.logits(i);
                figures(world, &|i, songs| model.logits_of(i, songs), if full { Some(&all) } else { None })
            },
        );
    };
    let ContestConfig { dimension, share, local, rounds, .. } = *config;
    let start = Federation::new(world, FederationConfig { dimension, share, local, personal, seed });
    best(
        start,
        rounds,
        after,
        |model| {
            model.round(world);
        },
        |model, full| {
            let all = |i: usize| model.logits(i);
            figures(world, &|i, songs| model.logits_of(i, songs), if full { Some(&all) } else { None })
        },
    )
}

/// The round that is best for choosing, the last of equals as in the authors' code. All songs are ranked only where a round is better than those before.
fn best<M>(
    mut model: M,
    rounds: u32,
    after: &mut dyn FnMut(),
    mut round: impl FnMut(&mut M),
    measure: impl Fn(&M, bool) -> Figures,
) -> (u32, Figures) {
    let mut best = (0, Figures::default());
    for number in 1..=rounds {
        round(&mut model);
        let now = measure(&model, false);
        if now.valid.hr10 >= best.1.valid.hr10 {
            best = (number, measure(&model, true));
        }
        after();
    }
    best
}
