//! Ladders of models that are said to rise step by step, on MovieLens, the same seeds for all: what each step brings, seed by seed, with an
//! interval. A step reproduces where the whole interval is above zero.

use super::models::{AREA, SEED, Trainer};
use super::run::BENCH;
use super::sample;
use crate::bench::Run;
use crate::bench::line::Measured;
use crate::workspace::Workspace;
use anyhow::Result;
use serde_json::{Map, json};

/// From the lowest; the words, and the settings' file.
type Ladder = (&'static str, &'static [(&'static str, &'static str)]);
const LADDERS: [Ladder; 2] = [
    (
        "ladder",
        &[
            ("DeepFM", "deepfm"),
            ("DeepNFM", "deepnfm"),
            ("DeepKFM", "kfm"),
            ("+ Cross", "kfm_cross"),
            ("+ AutoInt", "kfm_autoint"),
            ("+ DeepBitInt", "deepbitint"),
        ],
    ),
    (
        "histories",
        &[
            ("none", "no_history"),
            ("mean", "mean_behaviours"),
            ("DIN", "din_behaviours"),
            ("DIEN", "dien"),
            ("sessions", "sessions"),
        ],
    ),
];

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    LADDERS.iter().map(|(name, _)| *name)
}

pub(super) fn run(workspace: &Workspace, how: &Run) -> Result<Vec<Measured>> {
    let mut lines = Vec::new();
    for (name, steps) in LADDERS {
        // A step of one seed says nothing.
        if how.wants(name) && how.seeds() > 1 {
            lines.extend(climb(&Trainer::ready(workspace)?, name, steps, how.seeds())?);
        }
    }
    Ok(lines)
}

fn climb(trainer: &Trainer, name: &str, steps: &[(&str, &str)], seeds: u64) -> Result<Vec<Measured>> {
    let mut lines = Vec::new();
    let mut below: Option<(&str, Vec<f64>)> = None;
    for (word, file) in steps {
        let (op, unit) = (format!("{name} {word}"), AREA);
        let Some(config) = trainer.config(file)? else {
            lines.push(super::models::missing(&op, unit, &format!("configs/{file}.toml")));
            continue;
        };
        let mut areas = Vec::new();
        for seed in SEED..SEED + seeds {
            areas.extend(trainer.one(&format!("{name}-{file}"), &config, seed)?.areas.first());
        }
        let mut more = Map::from_iter([("auc".to_owned(), sample::of(&areas))]);
        if let Some((under, lower)) = &below {
            let steps: Vec<f64> = areas.iter().zip(lower).map(|(a, b)| a - b).collect();
            more.insert("step_from".to_owned(), json!(under));
            more.insert("step".to_owned(), sample::of(&steps));
            if let Some((mean, half)) = sample::moments(&steps).map(|(mean, _)| mean).zip(sample::half_width(&steps)) {
                let interval = [mean - half, mean + half].map(sample::round);
                more.insert("step_interval".to_owned(), json!(interval));
                more.insert("reproduces".to_owned(), json!(interval[0] > 0.0));
            }
        }
        let unit = unit.to_owned();
        lines.push(Measured { bench: BENCH, op, unit, own: areas.clone(), more, ..Measured::default() });
        below = Some((word, areas));
    }
    Ok(lines)
}
