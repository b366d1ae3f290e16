//! A DeepFM trained on a planted world, on whatever device burn finds, and beside it on the tape: steps a second, and the loss at the end.
//!
//! The world: six fields, labels that depend on which values of two fields meet, and on nothing else; one seed, one world.
//!
//! ```sh
//! cargo run --example deepfm                                  # the processor
//! cargo run --example deepfm --features gpu -- --json         # Vulkan, Metal or DirectX 12
//! cargo run --example deepfm --features cuda -- --json        # NVIDIA
//! cargo run --example deepfm -- --steps 200 --batch 4096 --seed 2
//! ```

#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "counts of an example are small")]

use burn::tensor::Device;
use sottovoce_algebra::{Adam, AdamConfig, Algebra, Init, Optimiser as _, Parameters, Part, Pool, Tape, noise};
use sottovoce_burn::{Graph, Weights};
use std::time::Instant;

const FIELDS: usize = 6;
const VALUES: u32 = 50;
const K: usize = 16;
const HIDDEN: [usize; 2] = [128, 64];

/// DeepFM (Guo et al., IJCAI 2017, eqs. 1–4), written once over any algebra.
struct Model {
    singles: Part,
    embeddings: Part,
    layers: Vec<(Part, Part)>,
}

impl Model {
    fn new(parameters: &mut Parameters<f32>) -> Self {
        let rows = FIELDS * VALUES as usize;
        let singles = parameters.add("w", rows, 1, Init::Constant(0.0));
        let embeddings = parameters.add("v", rows, K, Init::Normal(0.01));
        let sizes = [FIELDS * K, HIDDEN[0], HIDDEN[1], 1];
        let mut layer = |(i, size): (usize, &[usize])| {
            let w = parameters.add(&format!("layer {i} w"), size[0], size[1], Init::He);
            (w, parameters.add(&format!("layer {i} b"), 1, size[1], Init::Constant(0.0)))
        };
        let layers = sizes.windows(2).enumerate().map(&mut layer).collect();
        Self { singles, embeddings, layers }
    }

    fn loss<A: Algebra>(&self, a: &mut A, ids: &[u32], labels: &[f32]) -> A::Var {
        let (singles, embeddings) = (a.parameter(self.singles), a.parameter(self.embeddings));
        let first = a.gather(singles, ids, FIELDS);
        let first = a.sum_columns(first);
        let fields = a.gather(embeddings, ids, FIELDS);
        let pairs = a.fm(fields, FIELDS);
        let mut deep = fields;
        for (i, (w, b)) in self.layers.iter().enumerate() {
            let (w, b) = (a.parameter(*w), a.parameter(*b));
            deep = a.linear(deep, w, Some(b));
            if i + 1 < self.layers.len() {
                deep = a.relu(deep);
            }
        }
        let logits = a.add(first, pairs);
        let logits = a.add(logits, deep);
        a.binary_cross_entropy(logits, labels, None)
    }
}

/// One batch of the world: whoever likes what goes with what, nine times in ten.
fn batch(seed: u64, step: u64, rows: usize) -> (Vec<u32>, Vec<f32>) {
    let (mut ids, mut labels) = (Vec::with_capacity(rows * FIELDS), Vec::with_capacity(rows));
    let seed = noise::bits(seed, step);
    for row in 0..rows as u64 {
        let place = row * (FIELDS as u64 + 1);
        let drawn: Vec<u32> =
            (place..).take(FIELDS).map(|p| (noise::bits(seed, p) % u64::from(VALUES)) as u32).collect();
        let meet = (drawn[0] + drawn[1]).is_multiple_of(2) == (drawn[2] + drawn[3]).is_multiple_of(3);
        let says = meet == (noise::uniform(seed, place + FIELDS as u64) < 0.9);
        ids.extend((0u32..).zip(drawn).map(|(field, value)| field * VALUES + value));
        labels.push(f32::from(u8::from(says)));
    }
    (ids, labels)
}

/// What training came to.
struct Found {
    steps_a_second: f64,
    first: f32,
    last: f32,
}

/// Takes steps, of which the first tenth is not timed: devices compile what they run.
fn train(steps: u64, mut step: impl FnMut(u64) -> f32) -> Found {
    let warm = steps / 10;
    let (mut first, mut last, mut begun) = (f32::NAN, f32::NAN, Instant::now());
    for t in 0..steps {
        if t == warm {
            begun = Instant::now();
        }
        last = step(t);
        if t == 0 {
            first = last;
        }
    }
    Found { steps_a_second: (steps - warm) as f64 / begun.elapsed().as_secs_f64(), first, last }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| given.iter().position(|a| a == name).and_then(|i| given.get(i + 1));
    let number = |name: &str, default: u64| value(name).map_or(Ok(default), |n| n.parse());
    let (steps, rows, seed) = (number("--steps", 100)?.max(1), number("--batch", 1024)? as usize, number("--seed", 1)?);
    let config = AdamConfig { rate: 0.01, ..AdamConfig::default() };
    let mut parameters = Parameters::new(seed);
    let model = Model::new(&mut parameters);

    let device = Device::default();
    let (mut weights, mut adam) = (Weights::new(&parameters, &device), sottovoce_burn::Adam::new(config));
    let burn = train(steps, |t| {
        let (ids, labels) = batch(seed, t, rows);
        let mut graph = Graph::new(&weights);
        let loss = model.loss(&mut graph, &ids, &labels);
        let gradients = graph.grad(loss);
        // Reading the loss waits for the device, so that a step is a step.
        let loss = graph.numbers(loss)[0];
        adam.step(&mut weights, &gradients);
        loss
    });

    let (pool, mut adam) = (Pool::default(), Adam::new(config));
    let tape = train(steps, |t| {
        let (ids, labels) = batch(seed, t, rows);
        let mut tape = Tape::new(&parameters, &pool);
        let loss = model.loss(&mut tape, &ids, &labels);
        let (gradients, loss) = (tape.grad(loss), tape.value(loss)[0]);
        drop(tape);
        adam.step(&mut parameters, &gradients);
        loss
    });

    for (on, found) in [(format!("burn on {device:?}"), burn), ("tape".to_owned(), tape)] {
        let Found { steps_a_second, first, last } = found;
        if given.iter().any(|a| a == "--json") {
            let line = serde_json::json!({
                "on": on, "steps": steps, "batch": rows, "steps_per_second": steps_a_second, "first_loss": first, "last_loss": last,
            });
            println!("{line}");
        } else {
            println!("{on}: {steps_a_second:.1} steps/s of {rows} rows, loss {first:.4} → {last:.4}");
        }
    }
    Ok(())
}
