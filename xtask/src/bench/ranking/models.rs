//! Whole models on real impressions: processor time an epoch and the area on the test part, beside the package that has the same model.

use super::run::BENCH;
use super::scripts::Scripts;
use super::{child, sample};
use crate::bench::line::{Measured, Peer};
use crate::bench::{Run, bars};
use crate::run::{run as run_command, say};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The first seed; the others follow.
pub(super) const SEED: u64 = 2020;
/// Below the peer's mean by no more than this is equal.
const EQUAL: f64 = 0.001;

/// A model of `configs`, and the model of `ctr.py` that it stands beside.
struct Model {
    op: &'static str,
    /// Its settings' file.
    config: &'static str,
    peer: (&'static str, &'static str),
    what: What,
    /// The peer's names for the areas, in the order of our tasks.
    areas: &'static [&'static str],
}

/// What the time is of.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Epoch,
    Fit,
}

const MODELS: [Model; 8] = [
    deepctr("deepfm", "DeepFM", &["test_auc"]),
    deepctr("dcn", "DCN", &["test_auc"]),
    deepctr("autoint", "AutoInt", &["test_auc"]),
    deepctr("din", "DIN", &["test_auc"]),
    deepctr("esmm", "ESMM", &["ctr_auc", "ctcvr_auc"]),
    deepctr("mmoe", "MMOE", &["ctr_auc", "ctcvr_auc"]),
    Model { op: "lr", config: "lr", peer: ("sklearn", "LR"), what: What::Fit, areas: &["test_auc"] },
    Model { op: "trees", config: "gbdt", peer: ("lightgbm", "LGB"), what: What::Fit, areas: &["test_auc"] },
];
/// Ours on KuaiRand.
const KUAIRAND: [&str; 5] = ["esmm", "mmoe", "cgc", "ple", "shared_bottom"];
/// What smoothed log-odds come to there, and how far above that a model has to be.
const FLOOR: [(&str, f64); 3] = [("click", 0.7244), ("long_view", 0.7183), ("complete", 0.7907)];
const ABOVE: f64 = 0.01;
pub(super) const AREA: &str = "AUC on the test part";
/// With `--quick`.
const QUICK: [&str; 2] = ["deepfm", "lr"];

const fn deepctr(op: &'static str, model: &'static str, areas: &'static [&'static str]) -> Model {
    Model { op, config: op, peer: ("deepctr-torch", model), what: What::Epoch, areas }
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|model| model.op).chain(["kuairand"])
}

pub(super) fn run(workspace: &Workspace, how: &Run, peers: Option<&Scripts>) -> Result<Vec<Measured>> {
    let quick = |op: &str| !how.quick || how.only.is_some() || QUICK.contains(&op);
    let chosen: Vec<&Model> = MODELS.iter().filter(|model| how.wants(model.op) && quick(model.op)).collect();
    let kuairand = how.wants("kuairand") && quick("kuairand");
    if chosen.is_empty() && !kuairand {
        return Ok(Vec::new());
    }
    let trainer = Trainer::ready(workspace)?;
    let mut lines = Vec::new();
    for model in chosen {
        lines.push(match trainer.config(model.config)? {
            None => missing(model.op, model.unit(), &format!("configs/{}.toml", model.config)),
            Some(config) => beside(&trainer, model, &config, how.seeds(), peers)?,
        });
    }
    if kuairand {
        lines.extend(on_kuairand(&trainer, how.seeds())?);
    }
    Ok(lines)
}

impl Model {
    fn unit(&self) -> &'static str {
        match self.what {
            What::Epoch => "CPU s an epoch",
            What::Fit => "CPU s a fit",
        }
    }
}

/// An operation that cannot be measured yet, and what it waits for.
pub(super) fn missing(op: &str, unit: &str, what: &str) -> Measured {
    say(&format!("bench ranking: {op} is left out: there is no {what}"));
    let more = Map::from_iter([("missing".to_owned(), json!(what))]);
    Measured { bench: BENCH, op: op.to_owned(), unit: unit.to_owned(), more, ..Measured::default() }
}

/// One seed of ours and one of the peer's, in turn.
fn beside(
    trainer: &Trainer,
    model: &Model,
    config: &toml::Table,
    seeds: u64,
    peers: Option<&Scripts>,
) -> Result<Measured> {
    let (mut own, mut theirs): (Vec<Seed>, Vec<Seed>) = (Vec::new(), Vec::new());
    let mut version = None;
    for seed in SEED..SEED + seeds {
        say(&format!("bench ranking: {}, seed {seed}", model.op));
        own.push(trainer.seed(model.op, config, seed)?);
        if let Some(peers) = peers {
            let (found, clock) = theirs_of(peers, model, seed)?;
            version = clock;
            theirs.push(found);
        }
    }
    let time = |seeds: &[Seed]| seeds.iter().map(|seed| seed.time(model.what)).collect::<Vec<f64>>();
    let mut more = Map::new();
    more.insert("auc".to_owned(), areas(&own, model.areas.len()));
    more.insert("epochs".to_owned(), sample::of(&own.iter().map(|seed| seed.epochs).collect::<Vec<_>>()));
    more.insert("peak_rss_mb".to_owned(), json!(peak(&own)));
    let name = model.peer.0;
    let bar = if theirs.is_empty() { None } else { bars::bar(model.op, Some(name)) };
    let peer = (!theirs.is_empty()).then(|| Peer { name: name.to_owned(), version, samples: time(&theirs) });
    let (op, unit) = (model.op.to_owned(), model.unit().to_owned());
    let mut line = Measured { bench: BENCH, op, unit, own: time(&own), peer, bar, more };
    if !theirs.is_empty() {
        let equal = (0..model.areas.len()).all(|task| {
            let mean = |seeds: &[Seed]| sample::moments(&at(seeds, task)).map_or(f64::NAN, |(mean, _)| mean);
            mean(&own) >= mean(&theirs) - EQUAL
        });
        line.more.insert("peer_auc".to_owned(), areas(&theirs, model.areas.len()));
        line.more.insert("peer_peak_rss_mb".to_owned(), json!(peak(&theirs)));
        line.more.insert("auc_equal_or_better".to_owned(), json!(equal));
        // Speed at another quality is none.
        if line.json()["holds"] == true && !equal {
            line.more.insert("holds".to_owned(), json!(false));
        }
    }
    Ok(line)
}

/// What a seed of the peer's came to.
fn theirs_of(peers: &Scripts, model: &Model, seed: u64) -> Result<(Seed, Option<String>)> {
    let kind = if model.what == What::Epoch { "epochs" } else { "whole" };
    let (figures, clock) = peers.model(kind, model.peer.1, seed)?;
    let number = |value: &Value| value.as_f64().with_context(|| format!("no number in {figures} {clock}"));
    let areas = model.areas.iter().map(|key| number(&figures[*key])).collect::<Result<_>>()?;
    let (epoch_cpu_s, epochs) = match model.what {
        What::Epoch => (number(&clock["epoch_cpu_s"])?, number(&clock["epochs"])?),
        // `ctr.py` reads the clock of processor time around its fit.
        What::Fit => (number(&figures["fit_s"])?, 1.0),
    };
    let package = match model.peer.0 {
        "deepctr-torch" => "deepctr_torch",
        other => other,
    };
    let version = clock["versions"][package].as_str().map(str::to_owned);
    Ok((Seed { areas, epoch_cpu_s, epochs, peak_mb: number(&clock["peak_rss_mb"])? }, version))
}

/// Models of several tasks on a table that no peer's script reads: each task's areas beside what smoothed log-odds of listener, video and tab
/// come to.
fn on_kuairand(trainer: &Trainer, seeds: u64) -> Result<Vec<Measured>> {
    let mut lines = Vec::new();
    for model in KUAIRAND {
        let name = format!("kuairand_{model}");
        let Some(config) = trainer.config(&name)? else {
            lines.push(missing(&name, AREA, &format!("configs/{name}.toml")));
            continue;
        };
        let tasks: Vec<String> = config["train"]["tasks"].clone().try_into()?;
        let mut own = Vec::new();
        for seed in SEED..SEED + seeds {
            own.push(trainer.one(&name, &config, seed)?);
        }
        for (place, task) in tasks.iter().enumerate() {
            let areas = at(&own, place);
            let mut more = Map::from_iter([("auc".to_owned(), sample::of(&areas))]);
            if let (Some((_, floor)), Some((mean, _))) =
                (FLOOR.iter().find(|(known, _)| known == task), sample::moments(&areas))
            {
                more.insert("floor".to_owned(), json!(floor));
                more.insert("above".to_owned(), json!(sample::round(mean - floor)));
                more.insert("holds".to_owned(), json!(mean - floor >= ABOVE));
            }
            more.insert("epochs".to_owned(), sample::of(&own.iter().map(|seed| seed.epochs).collect::<Vec<_>>()));
            more.insert("peak_rss_mb".to_owned(), json!(peak(&own)));
            let (op, unit) = (format!("{name} {task}"), AREA.to_owned());
            lines.push(Measured { bench: BENCH, op, unit, own: areas, more, ..Measured::default() });
        }
    }
    Ok(lines)
}

/// What a seed came to.
#[derive(Clone, Debug)]
pub(super) struct Seed {
    /// On the test part, a task each.
    pub(super) areas: Vec<f64>,
    epoch_cpu_s: f64,
    epochs: f64,
    peak_mb: f64,
}

impl Seed {
    fn time(&self, what: What) -> f64 {
        match what {
            What::Epoch => self.epoch_cpu_s,
            What::Fit => self.epoch_cpu_s * self.epochs,
        }
    }
}

fn at(seeds: &[Seed], task: usize) -> Vec<f64> {
    seeds.iter().filter_map(|seed| seed.areas.get(task).copied()).collect()
}

fn areas(seeds: &[Seed], tasks: usize) -> Value {
    if tasks == 1 { sample::of(&at(seeds, 0)) } else { (0..tasks).map(|task| sample::of(&at(seeds, task))).collect() }
}

fn peak(seeds: &[Seed]) -> f64 {
    seeds.iter().map(|seed| seed.peak_mb).fold(0.0, f64::max).round()
}

/// `sottovoce-server train ranker`, on one thread as the peers are.
pub(super) struct Trainer {
    program: PathBuf,
    configs: PathBuf,
    data: PathBuf,
    scratch: PathBuf,
}

impl Trainer {
    pub(super) fn ready(workspace: &Workspace) -> Result<Self> {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&workspace.root);
        run_command(cargo.args(["build", "--quiet", "--release", "--package", "sottovoce-server"]))?;
        let program =
            workspace.target.join("release").join(format!("sottovoce-server{}", std::env::consts::EXE_SUFFIX));
        let scratch = workspace.scratch("ranking");
        crate::workspace::make_folder(&scratch)?;
        let (configs, data) = (workspace.root.join("configs"), workspace.root.join("../shared/data"));
        Ok(Self { program, configs, data, scratch })
    }

    /// The settings of a model; none where it is not there yet.
    pub(super) fn config(&self, name: &str) -> Result<Option<toml::Table>> {
        let path = self.configs.join(format!("{name}.toml"));
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(text.parse().with_context(|| format!("{} is no TOML", path.display()))?))
    }

    /// A seed, and what one of its epochs costs: the run beside the same run that ends after its first, so that reading the data and measuring
    /// the test part are in neither.
    fn seed(&self, op: &str, config: &toml::Table, seed: u64) -> Result<Seed> {
        let whole = self.one(op, config, seed)?;
        let mut short = config.clone();
        if config["model"]["name"].as_str() == Some("trees") {
            return self.fit(op, short, whole, seed);
        }
        train_of(&mut short).insert("epochs".to_owned(), 1.into());
        let once = self.one(op, &short, seed)?;
        let further = whole.epochs - once.epochs;
        let epoch_cpu_s = (whole.epoch_cpu_s - once.epoch_cpu_s) / further;
        anyhow::ensure!(further > 0.0 && epoch_cpu_s > 0.0, "{op}: {further} epochs took {epoch_cpu_s} s each");
        Ok(Seed { epoch_cpu_s, ..whole })
    }

    /// The same for trees: beside a run that grows one.
    fn fit(&self, op: &str, mut short: toml::Table, whole: Seed, seed: u64) -> Result<Seed> {
        if let Some(model) = short.get_mut("model").and_then(toml::Value::as_table_mut) {
            model.insert("trees".to_owned(), 1.into());
        }
        let once = self.one(op, &short, seed)?;
        Ok(Seed { epoch_cpu_s: whole.epoch_cpu_s - once.epoch_cpu_s, epochs: 1.0, ..whole })
    }

    /// One run; `epoch_cpu_s` is all that it took.
    pub(super) fn one(&self, op: &str, config: &toml::Table, seed: u64) -> Result<Seed> {
        let mut config = config.clone();
        train_of(&mut config).insert("seed".to_owned(), i64::try_from(seed)?.into());
        let folder = match config.get("table").and_then(toml::Value::as_str) {
            Some("kuairand") => "kuairand-pure-late",
            _ => "ml-100k",
        };
        let run = self.scratch.join(format!("{op}-{seed}"));
        let file = self.scratch.join(format!("{op}.toml"));
        std::fs::write(&file, config.to_string()).with_context(|| format!("cannot write {}", file.display()))?;
        let mut command = Command::new(&self.program);
        command.args(["train", "ranker", "--json", "--again", "--run"]).arg(&run).arg("--config").arg(&file);
        command.arg("--data").arg(self.folder(folder)?);
        let spent = child::run(command.env("RAYON_NUM_THREADS", "1"))?;
        let line = spent
            .said
            .lines()
            .find_map(|line| serde_json::from_str::<Value>(line).ok().filter(|line| line["best"].is_number()));
        let line = line.with_context(|| format!("no seed in {}", spent.said))?;
        let areas: Vec<f64> =
            line["test_auc"].as_array().context("no areas")?.iter().filter_map(Value::as_f64).collect();
        // Seen at once, and not only when all is over.
        say(&format!("bench ranking: {op}, seed {seed}: AUC {areas:?}, {:.1} s of processor", spent.cpu_s));
        let epochs = line["epochs"].as_f64().unwrap_or(1.0);
        Ok(Seed { areas, epoch_cpu_s: spent.cpu_s, epochs, peak_mb: spent.peak_mb })
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder: &Path = &self.data.join(name);
        anyhow::ensure!(folder.exists(), "there is no {}; next: bench ranking --only ctr_step", folder.display());
        Ok(folder.to_owned())
    }
}

fn train_of(config: &mut toml::Table) -> &mut toml::Table {
    let train = config.entry("train").or_insert_with(|| toml::Table::new().into());
    if !train.is_table() {
        *train = toml::Table::new().into();
    }
    match train {
        toml::Value::Table(table) => table,
        _ => unreachable!("it was just made a table"),
    }
}
