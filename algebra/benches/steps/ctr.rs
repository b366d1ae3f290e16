//! A click model on 2,048 rows of 20 fields: gather, FM, crosses, MLP, gradient, Adam for what is dense, row-wise Adagrad for what is sparse.

use crate::measure::{BATCHES, Settings, measure, uniform};
use crate::peer::{self, Same};
use sottovoce_algebra::{
    Adam, AdamConfig, Algebra, EmbeddingTable, Init, Optimiser, Parameters, Part, Pool, RowOptimiser, TableConfig, Tape,
};
use std::error::Error;
use std::path::Path;

const ROWS: usize = 2048;
const FIELDS: usize = 20;
const K: usize = 16;
/// A field's ids.
const IDS: f32 = 10_000.0;

struct Batch {
    ids: Vec<u64>,
    labels: Vec<f32>,
}

/// Popular ids first, 10,000 a field.
fn clicks(batch: u64) -> Batch {
    let ids = uniform(ROWS * FIELDS, batch).enumerate();
    let ids = ids.map(|(i, u)| (u * u * u * IDS) as u64 + (i % FIELDS) as u64 * IDS as u64).collect();
    Batch { ids, labels: uniform(ROWS, 100 + batch).map(|u| f32::from(u8::from(u < 0.3))).collect() }
}

fn batches(data: Option<&Path>) -> Result<Vec<Batch>, Box<dyn Error + Send + Sync>> {
    let Some(data) = data else { return Ok((0..BATCHES as u64).map(clicks).collect()) };
    let (ids, labels) = (peer::ids(data, "A_ids")?, peer::numbers(data, "A_y")?);
    let batches = ids.chunks_exact(ROWS * FIELDS).zip(labels.chunks_exact(ROWS));
    Ok(batches
        .map(|(ids, labels)| Batch { ids: ids.iter().map(|id| u64::from(*id)).collect(), labels: labels.to_vec() })
        .collect())
}

struct Model {
    layers: [(Part, Part); 3],
    crosses: [(Part, Part); 3],
    of_cross: Part,
}

impl Model {
    fn new(parameters: &mut Parameters<f32>) -> Self {
        let d = FIELDS * K;
        let mut part = |name: &str, rows, columns| parameters.add(name, rows, columns, Init::Normal(0.05));
        let layers = [
            (part("W1", d, 128), part("b1", 1, 128)),
            (part("W2", 128, 64), part("b2", 1, 64)),
            (part("W3", 64, 1), part("b3", 1, 1)),
        ];
        let crosses =
            [("cw.0", "cb.0"), ("cw.1", "cb.1"), ("cw.2", "cb.2")].map(|(w, b)| (part(w, 1, d), part(b, 1, d)));
        Self { layers, crosses, of_cross: part("wc", d, 1) }
    }

    /// FM, three cross layers and an MLP of 128 and 64 over 20 embeddings of 16; the mean cross-entropy.
    fn loss<A: Algebra>(&self, a: &mut A, x: A::Var, linear: A::Var, labels: &[f32]) -> A::Var {
        let fm = a.fm(x, FIELDS);
        let mut crossed = x;
        for (w, b) in self.crosses {
            let (w, b) = (a.parameter(w), a.parameter(b));
            crossed = a.cross(x, crossed, w, b);
        }
        let of_cross = a.parameter(self.of_cross);
        let crossed = a.linear(crossed, of_cross, None);
        let mut h = x;
        for (i, (w, b)) in self.layers.into_iter().enumerate() {
            let (w, b) = (a.parameter(w), a.parameter(b));
            h = a.linear(h, w, Some(b));
            if i < 2 {
                h = a.relu(h);
            }
        }
        let singles = a.sum_columns(linear);
        let sum = a.add(fm, singles);
        let sum = a.add(sum, crossed);
        let logits = a.add(sum, h);
        a.binary_cross_entropy(logits, labels, None)
    }
}

/// The first batch with the peer's embeddings.
fn same(
    data: &Path,
    model: &Model,
    parameters: &Parameters<f32>,
    batch: &Batch,
) -> Result<Same, Box<dyn Error + Send + Sync>> {
    let (vectors, singles) = (peer::numbers(data, "A_emb")?, peer::numbers(data, "A_lin")?);
    let of_vectors: Vec<f32> = batch.ids.iter().flat_map(|id| &vectors[*id as usize * K..][..K]).copied().collect();
    let of_singles: Vec<f32> = batch.ids.iter().map(|id| singles[*id as usize]).collect();
    let pool = Pool::default();
    let mut tape = Tape::new(parameters, &pool);
    let (x, linear) = (tape.leaf(FIELDS * K, &of_vectors), tape.leaf(FIELDS, &of_singles));
    let loss = model.loss(&mut tape, x, linear, &batch.labels);
    let gradients = tape.grad(loss);
    let same = Same::new(tape.value(loss)[0], peer::numbers(data, "A_loss")?[0]);
    let same = same.with_all(data, "A_g_", parameters, &gradients)?;
    let of = |x| gradients.of(x).ok_or("no gradient of the embeddings");
    same.with(of(x)?, &peer::numbers(data, "A_g_e")?)?.with(of(linear)?, &peer::numbers(data, "A_g_lin")?)
}

pub(crate) fn run(settings: &Settings) -> Result<(), Box<dyn Error + Send + Sync>> {
    const OP: &str = "ctr_step";
    if settings.skips(OP) {
        return Ok(());
    }
    let data = settings.data.as_deref();
    let mut parameters = Parameters::<f32>::new(0);
    let model = Model::new(&mut parameters);
    let batches = batches(data)?;
    let mut found = None;
    if let Some(data) = data {
        peer::load(data, "A_", &mut parameters)?;
        found = Some(same(data, &model, &parameters, &batches[0])?);
    }
    let table = |columns| TableConfig {
        init: Init::Normal(0.05),
        ..TableConfig::new(columns, RowOptimiser::row_adagrad(0.05))
    };
    let (mut vectors, mut singles) = (EmbeddingTable::new(table(K))?, EmbeddingTable::new(table(1))?);
    // Every id has its row before anything is timed, as the peer's has.
    let all: Vec<u64> = (0..(FIELDS as f32 * IDS) as u64).collect();
    vectors.pull(&all, 0);
    singles.pull(&all, 0);
    let (pool, mut adam) = (Pool::default(), Adam::new(AdamConfig::default()));
    let mut now = 0;
    measure(settings, OP, ("examples", ROWS), found, |i| {
        let Batch { ids, labels } = &batches[i];
        now += 1;
        let (of_vectors, of_singles) = (vectors.pull(ids, now), singles.pull(ids, now));
        let mut tape = Tape::new(&parameters, &pool);
        let (v, w) = (tape.leaf(K, of_vectors.rows()), tape.leaf(1, of_singles.rows()));
        let (x, linear) = (tape.gather(v, of_vectors.places(), FIELDS), tape.gather(w, of_singles.places(), FIELDS));
        let loss = model.loss(&mut tape, x, linear, labels);
        let gradients = tape.grad(loss);
        let value = tape.value(loss)[0];
        drop(tape);
        adam.step(&mut parameters, &gradients);
        if let (Some(v), Some(w)) = (gradients.of(v), gradients.of(w)) {
            vectors.push(&of_vectors, v)?;
            singles.push(&of_singles, w)?;
        }
        Ok(value)
    })
}
