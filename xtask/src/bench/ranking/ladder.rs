//! The ladder of models that is said to rise step by step, on MovieLens, the same seeds for all: what each step brings, seed by seed, with an
//! interval. A step reproduces where the whole interval is above zero.

use super::models::Trainer;
use super::run::BENCH;
use super::sample;
use crate::bench::Run;
use crate::bench::line::Measured;
use crate::run::say;
use crate::workspace::Workspace;
use anyhow::Result;
use serde_json::{Map, json};

pub(super) const NAME: &str = "ladder";
/// From the lowest; the words, and the settings' file.
const STEPS: [(&str, &str); 6] = [
    ("DeepFM", "deepfm"),
    ("DeepNFM", "deepnfm"),
    ("DeepKFM", "kfm"),
    ("+ Cross", "kfm_cross"),
    ("+ AutoInt", "kfm_autoint"),
    ("+ DeepBitInt", "deepbitint"),
];

pub(super) fn run(workspace: &Workspace, how: &Run) -> Result<Vec<Measured>> {
    // A step of one seed says nothing.
    if !how.wants(NAME) || how.seeds() < 2 {
        return Ok(Vec::new());
    }
    let trainer = Trainer::ready(workspace)?;
    let mut lines = Vec::new();
    let mut below: Option<(&str, Vec<f64>)> = None;
    for (word, file) in STEPS {
        let op = format!("ladder {word}");
        let unit = "AUC on the test part";
        let Some(config) = trainer.config(file)? else {
            lines.push(super::models::missing(&op, unit, &format!("configs/{file}.toml")));
            continue;
        };
        let mut areas = Vec::new();
        for seed in 2020..2020 + how.seeds() {
            say(&format!("bench ranking: the ladder, {word}, seed {seed}"));
            areas.extend(trainer.one(&format!("ladder-{file}"), &config, seed)?.areas.first());
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
