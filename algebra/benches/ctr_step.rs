//! What a step of training costs, on the shapes of `shared/peers/training/torch_steps.py`: one line an op, JSON with `--json`.
//!
//! `cargo bench -p sottovoce-algebra --bench ctr_step -- --json [--threads N] [--only OP]`. Times are medians and tenths of steps over
//! eight batches in turn; `cpu_s` is processor time of the whole process a step.

#![allow(missing_docs, clippy::cast_possible_truncation, reason = "ids of a benchmark are small")]

use rustix::time::{ClockId, clock_gettime};
use sottovoce_algebra::{
    Adam, AdamConfig, Algebra, Attention, EmbeddingTable, Init, LocalServer, Optimiser, ParameterServer, Parameters,
    Part, Pool, RowOptimiser, TableConfig, TableError, Tape, noise,
};
use std::time::Instant;

const B: usize = 2048;
const FIELDS: usize = 20;
const K: usize = 16;
const IDS: f32 = 10_000.0;
const BATCHES: u64 = 8;
const SEQUENCES: usize = 128;
const STEPS: usize = 50;
const H: usize = 64;
const HEADS: usize = 2;
const ITEMS: usize = 3706;

struct Arguments {
    json: bool,
    only: Option<String>,
    seconds: f64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| given.iter().position(|a| a == name).and_then(|i| given.get(i + 1)).cloned();
    let threads = value("--threads").map_or(Ok(0), |t| t.parse())?;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let arguments = Arguments {
        json: given.iter().any(|a| a == "--json"),
        only: value("--only"),
        seconds: value("--seconds").map_or(Ok(2.0), |t| t.parse())?,
    };
    // Inside the threads: a step that began outside would hand over and wait at every operation.
    threads.install(|| {
        ctr(&arguments)?;
        sequences(&arguments, true)?;
        sequences(&arguments, false)?;
        tiny(&arguments)?;
        updates(&arguments)
    })?;
    Ok(())
}

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Runs steps for a while and says what they cost; `units` are done in each.
fn measure(
    arguments: &Arguments,
    op: &str,
    unit: &str,
    units: usize,
    mut step: impl FnMut(u64) -> Result<f32, TableError>,
) -> Result<(), TableError> {
    if arguments.only.as_ref().is_some_and(|only| only != op) {
        return Ok(());
    }
    let mut first = 0.0;
    for i in 0..BATCHES {
        let loss = step(i)?;
        first = if i == 0 { loss } else { first };
    }
    let (mut times, start, start_cpu, mut loss) = (Vec::new(), Instant::now(), cpu(), 0.0);
    while start.elapsed().as_secs_f64() < arguments.seconds {
        let begin = Instant::now();
        loss = step(times.len() as u64 % BATCHES)?;
        times.push(begin.elapsed().as_secs_f64());
    }
    let cpu = (cpu() - start_cpu) / times.len() as f64;
    times.sort_by(f64::total_cmp);
    let at = |tenth: usize| times[(times.len() - 1) * tenth / 10];
    let (low, median, high) = (at(1), at(5), at(9));
    let (rate, a_core) = (units as f64 / median, units as f64 / cpu);
    let threads = rayon::current_num_threads();
    if arguments.json {
        println!(
            "{{\"bench\":\"training\",\"op\":\"{op}\",\"unit\":\"{unit}/s\",\"own\":{rate:.0},\"a_cpu_second\":{a_core:.0},\"step_ms\":{:.4},\
             \"spread_ms\":[{:.4},{:.4}],\"cpu_ms\":{:.4},\"threads\":{threads},\"first_loss\":{first},\"loss\":{loss}}}",
            1e3 * median,
            1e3 * low,
            1e3 * high,
            1e3 * cpu,
        );
    } else {
        println!(
            "{op:<18} {rate:>12.0} {unit}/s  {:>9.4} ms a step ({:.4} to {:.4}), {:.4} ms of CPU, {threads} threads, loss {first:.5} to {loss:.5}",
            1e3 * median,
            1e3 * low,
            1e3 * high,
            1e3 * cpu,
        );
    }
    Ok(())
}

fn uniform(n: usize, seed: u64) -> impl Iterator<Item = f32> {
    (0u64..).take(n).map(move |i| noise::uniform(seed, i))
}

/// The ids of a batch: popular ones first, 10,000 a field.
fn clicks(batch: u64) -> (Vec<u64>, Vec<f32>) {
    let ids = uniform(B * FIELDS, batch).enumerate();
    let ids = ids.map(|(i, u)| (u * u * u * IDS) as u64 + (i % FIELDS) as u64 * IDS as u64).collect();
    (ids, uniform(B, 100 + batch).map(|u| f32::from(u8::from(u < 0.3))).collect())
}

struct Ctr {
    layers: [(Part, Part); 3],
    crosses: [(Part, Part); 3],
    of_cross: Part,
}

/// FM, three cross layers and an MLP of 128 and 64 over 20 embeddings of 16.
fn deep<A: Algebra>(a: &mut A, model: &Ctr, x: A::Var, linear: A::Var, labels: &[f32]) -> A::Var {
    let fm = a.fm(x, FIELDS);
    let mut crossed = x;
    for (w, b) in model.crosses {
        let (w, b) = (a.parameter(w), a.parameter(b));
        crossed = a.cross(x, crossed, w, b);
    }
    let of_cross = a.parameter(model.of_cross);
    let crossed = a.linear(crossed, of_cross, None);
    let mut h = x;
    for (i, (w, b)) in model.layers.into_iter().enumerate() {
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

/// Gather, model, gradient, Adam for what is dense, row-wise Adagrad for what is sparse.
fn ctr(arguments: &Arguments) -> Result<(), TableError> {
    let mut parameters = Parameters::<f32>::new(0);
    let d = FIELDS * K;
    let mut part = |rows, columns| parameters.add("", rows, columns, Init::Normal(0.05));
    let layers = [(part(d, 128), part(1, 128)), (part(128, 64), part(1, 64)), (part(64, 1), part(1, 1))];
    let crosses = [(part(1, d), part(1, d)), (part(1, d), part(1, d)), (part(1, d), part(1, d))];
    let model = Ctr { layers, crosses, of_cross: part(d, 1) };
    let table = |columns| TableConfig {
        init: Init::Normal(0.05),
        ..TableConfig::new(columns, RowOptimiser::row_adagrad(0.05))
    };
    let (mut vectors, mut singles) = (EmbeddingTable::new(table(K))?, EmbeddingTable::new(table(1))?);
    let batches: Vec<_> = (0..BATCHES).map(clicks).collect();
    let (pool, mut adam) = (Pool::default(), Adam::new(AdamConfig::default()));
    let mut now = 0;
    measure(arguments, "ctr_step", "examples", B, |i| {
        let (ids, labels) = &batches[i as usize];
        now += 1;
        let (of_vectors, of_singles) = (vectors.pull(ids, now), singles.pull(ids, now));
        let mut tape = Tape::new(&parameters, &pool);
        let (v, w) = (tape.leaf(K, of_vectors.rows()), tape.leaf(1, of_singles.rows()));
        let (x, linear) = (tape.gather(v, of_vectors.places(), FIELDS), tape.gather(w, of_singles.places(), FIELDS));
        let loss = deep(&mut tape, &model, x, linear, labels);
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

struct Block {
    attention: [(Part, Part); 4],
    forward: [(Part, Part); 2],
    norms: [(Part, Part); 2],
}

struct SasRec {
    items: Part,
    positions: Part,
    blocks: [Block; 2],
    last: (Part, Part),
}

/// A batch of listening: items so far padded in front, the next ones, negatives, and where there is one.
struct Listening {
    items: Vec<u32>,
    next: Vec<u32>,
    negatives: Vec<u32>,
    seen: Vec<f32>,
    weights: Vec<f32>,
}

fn listening(batch: u64) -> Listening {
    let mut items = vec![0u32; SEQUENCES * STEPS];
    let mut next = items.clone();
    for sequence in 0..SEQUENCES {
        let seed = noise::bits(batch, sequence as u64);
        let length = 10 + (noise::bits(seed, 0) % (STEPS as u64 - 9)) as usize;
        let song = |t: usize| (noise::uniform(seed, t as u64 + 1).powi(2) * ITEMS as f32) as u32 + 1;
        for t in STEPS - length..STEPS {
            items[sequence * STEPS + t] = song(t);
            next[sequence * STEPS + t] = song(t + 1);
        }
    }
    let negatives = uniform(items.len(), batch ^ 77).map(|u| (u * ITEMS as f32) as u32 + 1).collect();
    let seen: Vec<f32> = items.iter().map(|i| f32::from(u8::from(*i > 0))).collect();
    Listening { items, next, negatives, weights: seen.clone(), seen }
}

fn sasrec<A: Algebra>(a: &mut A, model: &SasRec, batch: &Listening, full: bool) -> A::Var {
    let table = a.parameter(model.items);
    let positions = a.parameter(model.positions);
    let x = a.gather(table, &batch.items, 1);
    let x = a.affine(x, (H as f32).sqrt(), 0.0);
    let x = a.add_period(x, positions);
    let mut x = a.mask_rows(x, &batch.seen);
    let map = |a: &mut A, x, (w, b): (Part, Part)| {
        let (w, b) = (a.parameter(w), a.parameter(b));
        a.linear(x, w, Some(b))
    };
    let norm = |a: &mut A, x, (gain, bias): (Part, Part)| {
        let (gain, bias) = (a.parameter(gain), a.parameter(bias));
        a.layer_norm(x, gain, bias)
    };
    for block in &model.blocks {
        let normed = norm(a, x, block.norms[0]);
        let [q, k, v] = [0, 1, 2].map(|i| map(a, normed, block.attention[i]));
        let mixed = a.attention(q, k, v, Attention { causal: true, ..Attention::over(STEPS, HEADS) });
        let mixed = map(a, mixed, block.attention[3]);
        let y = a.add(normed, mixed);
        let z = norm(a, y, block.norms[1]);
        let f = map(a, z, block.forward[0]);
        let f = a.relu(f);
        let f = map(a, f, block.forward[1]);
        let y = a.add(z, f);
        x = a.mask_rows(y, &batch.seen);
    }
    let x = norm(a, x, model.last);
    if full {
        return a.softmax_cross_entropy(x, table, &batch.next, Some(&batch.weights));
    }
    let [positive, negative] = [&batch.next, &batch.negatives].map(|ids| {
        let items = a.gather(table, ids, 1);
        a.row_dot(x, items)
    });
    let n = batch.weights.len();
    let one = a.binary_cross_entropy(positive, &vec![1.0; n], Some(&batch.weights));
    let two = a.binary_cross_entropy(negative, &vec![0.0; n], Some(&batch.weights));
    a.add(one, two)
}

/// Two blocks of self-attention over 128 sequences of 50, 64 wide; Adam over everything.
fn sequences(arguments: &Arguments, full: bool) -> Result<(), TableError> {
    let mut parameters = Parameters::<f32>::new(0);
    let mut part = |rows, columns| parameters.add("", rows, columns, Init::Normal(0.1));
    let (items, positions) = (part(ITEMS + 1, H), part(STEPS, H));
    let mut pair = |rows| (part(rows, H), part(1, H));
    let mut block = || Block {
        attention: [pair(H), pair(H), pair(H), pair(H)],
        forward: [pair(H), pair(H)],
        norms: [pair(1), pair(1)],
    };
    let blocks = [block(), block()];
    let model = SasRec { items, positions, blocks, last: pair(1) };
    for (gain, _) in model.blocks.iter().flat_map(|b| b.norms).chain([model.last]) {
        parameters.part_mut(gain).fill(1.0);
    }
    let batches: Vec<_> = (0..BATCHES).map(listening).collect();
    let (pool, mut adam) = (Pool::default(), Adam::new(AdamConfig::default()));
    let op = if full { "sasrec_full" } else { "sasrec_bce" };
    measure(arguments, op, "sequences", SEQUENCES, |i| {
        let mut tape = Tape::new(&parameters, &pool);
        let loss = sasrec(&mut tape, &model, &batches[i as usize], full);
        let gradients = tape.grad(loss);
        let value = tape.value(loss)[0];
        drop(tape);
        adam.step(&mut parameters, &gradients);
        Ok(value)
    })
}

/// Forward and backward of 32 × 64 through 64 and 32: what a step costs beside its arithmetic.
fn tiny(arguments: &Arguments) -> Result<(), TableError> {
    let mut parameters = Parameters::<f32>::new(0);
    let mut part = |rows, columns| parameters.add("", rows, columns, Init::Normal(0.1));
    let (w1, b1, w2, b2) = (part(64, 64), part(1, 64), part(64, 32), part(1, 32));
    let (x, targets): (Vec<f32>, Vec<f32>) = (uniform(32 * 64, 1).collect(), uniform(32 * 32, 2).collect());
    let pool = Pool::default();
    measure(arguments, "tiny_mlp", "steps", 1, |_| {
        let mut tape = Tape::new(&parameters, &pool);
        let [w1, b1, w2, b2] = [w1, b1, w2, b2].map(|p| tape.parameter(p));
        let input = tape.input(64, &x);
        let h = tape.linear(input, w1, Some(b1));
        let h = tape.relu(h);
        let y = tape.linear(h, w2, Some(b2));
        let loss = tape.squared_error(y, &targets, None);
        let gradients = tape.grad(loss);
        std::hint::black_box(gradients.part(self::first(&parameters)));
        Ok(tape.value(loss)[0])
    })
}

fn first(parameters: &Parameters<f32>) -> Part {
    parameters.parts().map(|(_, part)| part).next().unwrap_or_else(|| unreachable!("the model has parameters"))
}

/// Pull, and push a gradient for every id: rows of 16 under each optimiser.
fn updates(arguments: &Arguments) -> Result<(), TableError> {
    let optimisers = [
        ("embedding_updates", RowOptimiser::adagrad(0.05)),
        ("ftrl_updates", RowOptimiser::ftrl(0.1, 1.0, 1.0, 1.0)),
        ("adam_updates", RowOptimiser::adam(0.001)),
    ];
    let batches: Vec<_> = (0..BATCHES).map(|b| clicks(b).0).collect();
    for (op, optimiser) in optimisers {
        let mut table = EmbeddingTable::new(TableConfig::new(K, optimiser))?;
        // Rows that move are counted, not ids that are asked for.
        let (mut now, moved) = (0, table.pull(&batches[0], 0).len());
        measure(arguments, op, "updates", moved, |i| {
            now += 1;
            let rows = table.pull(&batches[i as usize], now);
            let gradient: Vec<f32> = rows.rows().iter().map(|v| 0.1 * v + 0.01).collect();
            table.push(&rows, &gradient)?;
            Ok(rows.rows()[0])
        })?;
    }
    through_shares(arguments, &batches)
}

/// The same through a parameter server: four shares pulled and pushed at once. Rows that move are counted: what shares have in common
/// moves once.
fn through_shares(arguments: &Arguments, batches: &[Vec<u64>]) -> Result<(), TableError> {
    let mut server = LocalServer::new(TableConfig::new(K, RowOptimiser::adagrad(0.05)))?;
    let mut distinct = batches[0].clone();
    distinct.sort_unstable();
    distinct.dedup();
    measure(arguments, "server_updates", "updates", distinct.len(), |i| {
        let ids = &batches[i as usize];
        let shares: Vec<&[u64]> = ids.chunks(ids.len() / 4).collect();
        let lent = server.pull(server.step() + 1, &shares)?;
        let gradients: Vec<Vec<f32>> =
            lent.iter().map(|rows| rows.rows().iter().map(|v| 0.1 * v + 0.01).collect()).collect();
        server.push(&lent, &gradients.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        Ok(lent[0].rows()[0])
    })
}
