//! Ladders of models that are said to rise step by step, the same seeds for all: what each step brings, seed by seed, with an interval. A step
//! reproduces where the whole interval is above zero. On MovieLens, and one of them on a world whose odds are known
//! (`server/benches/planted_ladder.rs`).

use super::models::{AREA, SEED, Trainer};
use super::run::BENCH;
use super::sample;
use super::steps::cargo_bench;
use crate::bench::Run;
use crate::bench::line::Measured;
use crate::run::{result_of, say};
use crate::workspace::Workspace;
use anyhow::Result;
use serde_json::{Map, Value, json};

/// From the lowest; the words, and the settings' file.
type Ladder = (&'static str, &'static [(&'static str, &'static str)]);
const INTERACTIONS: Ladder = (
    "ladder",
    &[
        ("DeepFM", "deepfm"),
        ("DeepNFM", "deepnfm"),
        ("DeepKFM", "kfm"),
        ("+ Cross", "kfm_cross"),
        ("+ AutoInt", "kfm_autoint"),
        ("+ DeepBitInt", "deepbitint"),
    ],
);
const LADDERS: [Ladder; 2] = [
    INTERACTIONS,
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

/// The first ladder again, where it is known what there is to be found.
const PLANTED: &str = "planted_ladder";

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    LADDERS.iter().map(|(name, _)| *name).chain([PLANTED])
}

pub(super) fn run(workspace: &Workspace, how: &Run) -> Result<Vec<Measured>> {
    let mut lines = Vec::new();
    // A step of one seed says nothing.
    if how.seeds() < 2 {
        return Ok(lines);
    }
    for (name, steps) in LADDERS {
        if how.wants(name) {
            let trainer = Trainer::ready(workspace)?;
            lines.extend(climb(name, steps, |file| trained(&trainer, name, file, how.seeds()))?);
        }
    }
    if how.wants(PLANTED) {
        lines.extend(planted(workspace, how.seeds())?);
    }
    Ok(lines)
}

/// The areas of every seed; none where the model is not there yet.
fn trained(trainer: &Trainer, ladder: &str, file: &str, seeds: u64) -> Result<Option<Vec<f64>>> {
    let Some(config) = trainer.config(file)? else { return Ok(None) };
    let mut areas = Vec::new();
    for seed in SEED..SEED + seeds {
        areas.extend(trainer.one(&format!("{ladder}-{file}"), &config, seed)?.areas.first());
    }
    Ok(Some(areas))
}

/// Under its first rung stands what the odds themselves come to.
fn planted(workspace: &Workspace, seeds: u64) -> Result<Vec<Measured>> {
    say("bench ranking: the ladder on a planted world");
    let mut bench = cargo_bench(workspace, "sottovoce-server", PLANTED);
    let said = result_of(bench.args(["--seeds", &seeds.to_string()]))?;
    let found: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |model: &str| -> Vec<f64> {
        found.iter().filter(|line| line["model"] == model).filter_map(|line| line["auc"].as_f64()).collect()
    };
    let mut lines = climb(PLANTED, INTERACTIONS.1, |file| Ok(Some(of(file)).filter(|areas| !areas.is_empty())))?;
    if let Some(first) = lines.first_mut() {
        first.more.insert("truth".to_owned(), sample::of(&of("truth")));
    }
    Ok(lines)
}

fn climb(
    name: &str,
    steps: &[(&str, &str)],
    mut areas_of: impl FnMut(&str) -> Result<Option<Vec<f64>>>,
) -> Result<Vec<Measured>> {
    let mut lines = Vec::new();
    let mut below: Option<(&str, Vec<f64>)> = None;
    for (word, file) in steps {
        let (op, unit) = (format!("{name} {word}"), AREA);
        let Some(areas) = areas_of(file)? else {
            lines.push(super::models::missing(&op, unit, &format!("configs/{file}.toml")));
            continue;
        };
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
