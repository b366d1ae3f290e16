//! Two blocks of self-attention over 128 sequences of 50, 64 wide, four maps each; Adam over everything. The loss is over all 3,707 items, or
//! over one negative a step.

use crate::measure::{BATCHES, Settings, measure, uniform};
use crate::peer::{self, Same};
use sottovoce_algebra::{Adam, AdamConfig, Algebra, Attention, Init, Optimiser, Parameters, Part, Pool, Tape, noise};
use std::error::Error;
use std::path::Path;

const SEQUENCES: usize = 128;
const STEPS: usize = 50;
const H: usize = 64;
const HEADS: usize = 2;
const ITEMS: usize = 3706;

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

impl Listening {
    fn new(items: &[u32], next: &[u32], negatives: &[u32]) -> Self {
        let there = |ids: &[u32]| ids.iter().map(|id| f32::from(u8::from(*id > 0))).collect();
        let (seen, weights) = (there(items), there(next));
        Self { items: items.to_vec(), next: next.to_vec(), negatives: negatives.to_vec(), seen, weights }
    }

    fn made_up(batch: u64) -> Self {
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
        let negatives: Vec<u32> = uniform(items.len(), batch ^ 77).map(|u| (u * ITEMS as f32) as u32 + 1).collect();
        Self::new(&items, &next, &negatives)
    }

    fn all(data: Option<&Path>) -> Result<Vec<Self>, Box<dyn Error + Send + Sync>> {
        let Some(data) = data else { return Ok((0..BATCHES as u64).map(Self::made_up).collect()) };
        let of = |name| peer::ids(data, name);
        let (items, next, negatives) = (of("S_seq")?, of("S_pos")?, of("S_neg")?);
        let n = SEQUENCES * STEPS;
        let batches = items.chunks_exact(n).zip(next.chunks_exact(n)).zip(negatives.chunks_exact(n));
        Ok(batches.map(|((items, next), negatives)| Self::new(items, next, negatives)).collect())
    }
}

impl SasRec {
    fn new(parameters: &mut Parameters<f32>) -> Self {
        let mut part = |name: &str, rows, columns| parameters.add(name, rows, columns, Init::Normal(0.1));
        let (items, positions) = (part("E", ITEMS + 1, H), part("P", STEPS, H));
        let mut block = |i: usize| {
            let mut pair = |w: &str, b: &str, rows| (part(&format!("{w}{i}"), rows, H), part(&format!("{b}{i}"), 1, H));
            Block {
                attention: [("Wq", "bq"), ("Wk", "bk"), ("Wv", "bv"), ("Wo", "bo")].map(|(w, b)| pair(w, b, H)),
                forward: [pair("F1", "f1", H), pair("F2", "f2", H)],
                norms: [pair("g1", "a1", 1), pair("g2", "a2", 1)],
            }
        };
        let blocks = [block(0), block(1)];
        let model = Self { items, positions, blocks, last: (part("lnf_g", 1, H), part("lnf_b", 1, H)) };
        for (gain, _) in model.blocks.iter().flat_map(|b| b.norms).chain([model.last]) {
            parameters.part_mut(gain).fill(1.0);
        }
        model
    }

    fn loss<A: Algebra>(&self, a: &mut A, batch: &Listening, full: bool) -> A::Var {
        let table = a.parameter(self.items);
        let positions = a.parameter(self.positions);
        let x = a.gather(table, &batch.items, 1);
        let x = a.affine(x, (H as f32).sqrt(), 0.0);
        let x = a.add_period(x, positions);
        let mut x = a.mask_rows(x, &batch.seen);
        for block in &self.blocks {
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
        let x = norm(a, x, self.last);
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
}

fn map<A: Algebra>(a: &mut A, x: A::Var, (w, b): (Part, Part)) -> A::Var {
    let (w, b) = (a.parameter(w), a.parameter(b));
    a.linear(x, w, Some(b))
}

fn norm<A: Algebra>(a: &mut A, x: A::Var, (gain, bias): (Part, Part)) -> A::Var {
    let (gain, bias) = (a.parameter(gain), a.parameter(bias));
    a.layer_norm(x, gain, bias)
}

pub(crate) fn run(settings: &Settings, full: bool) -> Result<(), Box<dyn Error + Send + Sync>> {
    let op = if full { "sasrec_full" } else { "sasrec_bce" };
    if settings.skips(op) {
        return Ok(());
    }
    let data = settings.data.as_deref();
    let mut parameters = Parameters::<f32>::new(0);
    let model = SasRec::new(&mut parameters);
    let batches = Listening::all(data)?;
    let (pool, mut adam) = (Pool::default(), Adam::new(AdamConfig::default()));
    let mut same = None;
    if let Some(data) = data {
        peer::load(data, "S_", &mut parameters)?;
        let mut tape = Tape::new(&parameters, &pool);
        let loss = model.loss(&mut tape, &batches[0], full);
        let gradients = tape.grad(loss);
        let prefix = format!("S{}_", u8::from(full));
        let first = Same::new(tape.value(loss)[0], peer::numbers(data, &format!("{prefix}loss"))?[0]);
        same = Some(first.with_all(data, &format!("{prefix}g_"), &parameters, &gradients)?);
    }
    measure(settings, op, ("sequences", SEQUENCES), same, |i| {
        let mut tape = Tape::new(&parameters, &pool);
        let loss = model.loss(&mut tape, &batches[i], full);
        let gradients = tape.grad(loss);
        let value = tape.value(loss)[0];
        drop(tape);
        adam.step(&mut parameters, &gradients);
        Ok(value)
    })
}
