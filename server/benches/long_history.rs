//! What a step of training costs by the length of the history, one JSON line a length: `cargo bench -p sottovoce-server --bench
//! long_history`, one thread. Every row has its history in full: 50 steps that are all attended to, 1,000 of which the 50 nearest are (SIM's
//! soft search), 1,000 that are all attended to. The three are measured in turn.

use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use sottovoce::math::Rng;
use sottovoce_algebra::{Adam, AdamConfig, Algebra, Optimiser, Parameters, Pool, Tape};
use sottovoce_server::batches::{Batch, Batches, Columns, IdColumn, ListColumn, Ragged, TableHash, TaskColumn};
use sottovoce_server::layers::Pass;
use sottovoce_server::rank::{Answer, Din, DinConfig, Ranker};
use std::error::Error;

const ROWS: usize = 1024;
const ITEMS: u32 = 100_000;
const SAMPLES: usize = 9;

/// Processor time of this process, in seconds.
#[allow(clippy::cast_precision_loss, reason = "nanoseconds of a second")]
fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

/// A batch's worth of rows with histories of this length.
fn columns(steps: usize) -> Columns {
    let mut rng = Rng::new(7);
    let mut id = |name: &str, size: u32| IdColumn {
        name: name.into(),
        size,
        values: (0..ROWS).map(|_| rng.below(size)).collect(),
    };
    let ids =
        vec![id("user", 50_000), id("item", ITEMS), id("age", 10), id("country", 60), id("device", 20), id("hour", 24)];
    let mut values = Ragged::default();
    for _ in 0..ROWS {
        values.push(&(0..steps).map(|_| 1 + rng.below(ITEMS - 1)).collect::<Vec<_>>());
    }
    let history = ListColumn {
        name: "history".into(),
        size: ITEMS,
        bound: u32::try_from(steps).unwrap_or(u32::MAX),
        ordered: true,
        shares: Some("item".into()),
        names: vec![],
        values,
    };
    let labels = (0..ROWS).map(|_| f32::from(u8::from(rng.uniform() < 0.3))).collect();
    Columns {
        table: TableHash([0; 32]),
        part: None,
        rows: (0..).take(ROWS).collect(),
        listeners: vec![0; ROWS],
        at: vec![0; ROWS],
        ids,
        dense: vec![],
        lists: vec![history],
        tasks: vec![TaskColumn { name: "click".into(), labels, weights: vec![1.0; ROWS] }],
    }
}

/// A model in training on one batch.
struct Learning {
    name: &'static str,
    columns: Columns,
    model: Din,
    parameters: Parameters<f32>,
    adam: Adam<f32>,
    pool: Pool<f32>,
    seconds: Vec<f64>,
}

impl Learning {
    fn new(name: &'static str, steps: usize, nearest: Option<usize>) -> Result<Self, Box<dyn Error>> {
        let (columns, mut parameters) = (columns(steps), Parameters::new(1));
        let model = Din::new(&columns, &DinConfig { nearest, ..DinConfig::default() }, &mut parameters)?;
        let (adam, pool) = (Adam::new(AdamConfig::default()), Pool::default());
        Ok(Self { name, columns, model, parameters, adam, pool, seconds: Vec::new() })
    }

    /// A step, from cutting the batch to moving the weights.
    fn step(&mut self) -> Result<(), Box<dyn Error>> {
        let began = cpu();
        let mut batch = Batch::default();
        Batches::in_order(&self.columns, ROWS)?.next_into(&mut batch);
        let mut tape = Tape::new(&self.parameters, &self.pool);
        let forward = self.model.forward(&mut tape, &batch, Pass::Train { seed: 1 });
        let Some(Answer::Logit(logit)) = forward.answers.first() else { return Err("one answer".into()) };
        let loss = tape.binary_cross_entropy(*logit, &batch.tasks[0].labels, None);
        let gradients = tape.grad(loss);
        drop(tape);
        self.adam.step(&mut self.parameters, &gradients);
        self.seconds.push(cpu() - began);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    let mut all = [
        Learning::new("50, all attended to", 50, None)?,
        Learning::new("1000, the nearest 50", 1000, Some(50))?,
        Learning::new("1000, all attended to", 1000, None)?,
    ];
    for sample in 0..=SAMPLES {
        for learning in &mut all {
            learning.step()?;
            if sample == 0 {
                learning.seconds.clear(); // memory that nobody has touched yet
            }
        }
    }
    let median = |seconds: &[f64]| {
        let mut sorted = seconds.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    let short = median(&all[0].seconds);
    for learning in &all {
        let (own, least) = (median(&learning.seconds), learning.seconds.iter().copied().fold(f64::INFINITY, f64::min));
        println!(
            "{}",
            json!({
                "bench": "long_history", "history": learning.name, "rows": ROWS, "cpu_ms_a_step": own * 1e3,
                "least_ms": least * 1e3, "times_50": own / short,
            })
        );
    }
    Ok(())
}
