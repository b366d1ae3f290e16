//! The ladder of models on a world whose odds are known: `cargo bench -p sottovoce-server --bench planted_ladder -- --seeds 5`, one JSON line
//! a model and seed, and one for the odds themselves, which no model passes.
//!
//! Five fields whose values have hidden vectors of four numbers. A row's log-odds are a first order, for each pair of fields `v_iᵀ K_ij v_j`
//! with a kernel of that pair's own (what KFM says of interactions; FM and NFM know the identity alone), and products of three fields, which
//! no pair knows. The settings are those of `configs`, as they are for MovieLens: nothing is fitted to this world.

#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a bench's own small numbers")]

use serde_json::json;
use sottovoce::math::Rng;
use sottovoce_algebra::Parameters;
use sottovoce_server::batches::{Columns, IdColumn, Part, TableHash, TaskColumn};
use sottovoce_server::eval::auc;
use sottovoce_server::registry::RankSpec;
use sottovoce_server::train::{TrainConfig, Trainer};
use std::error::Error;
use std::path::Path;

const SIZES: [u32; 5] = [300, 300, 60, 24, 12];
const DIMENSIONS: usize = 4;
/// Of training, validation and test.
const ROWS: [usize; 3] = [200_000, 30_000, 100_000];
const USUAL: f32 = -0.8;
/// Standard deviations of the three parts of the log-odds.
const FIRST: f32 = 0.5;
const PAIRS: f32 = 1.0;
const TRIPLES: f32 = 0.5;
/// From the lowest rung.
const LADDER: [&str; 6] = ["deepfm", "deepnfm", "kfm", "kfm_cross", "kfm_autoint", "deepbitint"];
/// As `xtask` counts them.
const SEED: u64 = 2020;

type Vector = [f32; DIMENSIONS];

/// What labels follow.
struct World {
    /// A number and a vector for each value of each field.
    fields: Vec<Vec<(f32, Vector)>>,
    /// One for each pair of fields, in their order.
    kernels: Vec<[Vector; DIMENSIONS]>,
}

impl World {
    fn new(rng: &mut Rng) -> Self {
        let fields =
            SIZES.map(|size| (0..size).map(|_| (rng.normal(), [(); DIMENSIONS].map(|()| rng.normal()))).collect());
        let pairs = SIZES.len() * (SIZES.len() - 1) / 2;
        let kernels = (0..pairs).map(|_| [(); DIMENSIONS].map(|()| [(); DIMENSIONS].map(|()| rng.normal()))).collect();
        Self { fields: fields.to_vec(), kernels }
    }

    fn odds(&self, row: &[u32]) -> f32 {
        let values: Vec<(f32, Vector)> = self.fields.iter().zip(row).map(|(field, id)| field[*id as usize]).collect();
        let n = values.len();
        let (mut pairs, mut triples, mut kernels) = (0.0, 0.0, self.kernels.iter());
        for i in 0..n {
            for j in i + 1..n {
                let (a, b) = (values[i].1, values[j].1);
                let kernel = kernels.next().expect("one for each pair");
                pairs += kernel.iter().zip(a).map(|(k, a)| a * dot(k, &b)).sum::<f32>();
                for c in &values[j + 1..] {
                    triples += (0..DIMENSIONS).map(|d| a[d] * b[d] * c.1[d]).sum::<f32>();
                }
            }
        }
        // Sums of so many products of independent numbers of deviation 1.
        let (d, pair) = (DIMENSIONS as f32, self.kernels.len() as f32);
        let triple = (n * (n - 1) * (n - 2) / 6) as f32;
        let first: f32 = values.iter().map(|(number, _)| number).sum();
        USUAL
            + FIRST * first / (n as f32).sqrt()
            + PAIRS * pairs / (pair * d * d).sqrt()
            + TRIPLES * triples / (triple * d).sqrt()
    }

    /// Rows, and what their labels were drawn from.
    fn rows(&self, rows: usize, part: Part, rng: &mut Rng) -> (Columns, Vec<f64>) {
        let (mut ids, mut labels, mut odds) = (SIZES.map(|_| Vec::with_capacity(rows)), vec![], vec![]);
        for _ in 0..rows {
            let row = SIZES.map(|size| rng.below(size));
            let logit = self.odds(&row);
            ids.iter_mut().zip(row).for_each(|(column, id)| column.push(id));
            labels.push(f32::from(u8::from(rng.uniform() < 1.0 / (1.0 + (-logit).exp()))));
            odds.push(f64::from(logit));
        }
        let id = |(i, values)| IdColumn { name: format!("field {i}"), size: SIZES[i], values };
        let columns = Columns {
            table: TableHash([0; 32]),
            part: Some(part),
            rows: (0..rows as u32).collect(),
            listeners: vec![0; rows],
            at: vec![0; rows],
            ids: ids.into_iter().enumerate().map(id).collect(),
            dense: vec![],
            lists: vec![],
            tasks: vec![TaskColumn { name: "click".into(), labels, weights: vec![1.0; rows] }],
        };
        (columns, odds)
    }
}

fn dot(a: &Vector, b: &Vector) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A rung's model and how it is trained.
fn settings(name: &str) -> Result<(RankSpec, TrainConfig), Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs").join(format!("{name}.toml"));
    let file: toml::Table = std::fs::read_to_string(&path)?.parse()?;
    Ok((file["model"].clone().try_into()?, file["train"].clone().try_into()?))
}

fn main() -> Result<(), Box<dyn Error>> {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    let arguments: Vec<String> = std::env::args().collect();
    let said = arguments.iter().position(|argument| argument == "--seeds").and_then(|at| arguments.get(at + 1));
    let seeds: u64 = said.map_or(Ok(5), |seeds| seeds.parse())?;
    for seed in SEED..SEED + seeds {
        let mut rng = Rng::new(seed).split("planted ladder");
        let world = World::new(&mut rng);
        let parts = [Part::Train, Part::Valid, Part::Test];
        let [(train, _), (valid, _), (test, odds)] = [0, 1, 2].map(|i| world.rows(ROWS[i], parts[i], &mut rng));
        let clicked: Vec<bool> = test.tasks[0].labels.iter().map(|label| *label > 0.0).collect();
        let truth = auc(&odds, &clicked)?;
        println!("{}", json!({ "bench": "planted_ladder", "model": "truth", "seed": seed, "auc": truth }));
        for name in LADDER {
            let (spec, config) = settings(name)?;
            // Nobody here stops because time is up.
            let config = TrainConfig { seed, epochs: 60, ..config };
            let mut parameters = Parameters::new(seed);
            let model = spec.build(&train, &mut parameters)?;
            let trained = Trainer::new(config.clone(), &*model, parameters).run(&train, &valid, |_| ())?;
            let found = trained.measure(&*model, &test, &config)?[0].auc;
            let (best, epochs) = (trained.best, trained.epochs.len());
            let line = json!({
                "bench": "planted_ladder", "model": name, "seed": seed, "auc": found, "best": best, "epochs": epochs,
            });
            println!("{line}");
        }
    }
    Ok(())
}
