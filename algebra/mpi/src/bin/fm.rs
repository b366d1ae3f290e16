//! A factorisation machine whose rows are spread over the ranks of an MPI job, on a small planted world. Prints one line a step: the
//! loss, and its bits. They are the same for 1, 2 or 4 ranks, and for `--local`, which has no MPI in it.
//!
//! ```sh
//! cargo build -p sottovoce-mpi --features openmpi
//! mpirun --allow-run-as-root --oversubscribe -n 2 target/debug/mpi-fm
//! target/debug/mpi-fm --local
//! ```

use mpi::traits::{Communicator, CommunicatorCollectives};
use sottovoce_algebra::{
    Algebra, Lent, LocalServer, ParameterServer, Parameters, Pool, RowOptimiser, TableConfig, Tape, noise,
};
use sottovoce_mpi::MpiServer;
use std::error::Error;
use std::ops::Range;

/// A batch is always four shares, whoever takes them.
const SHARES: u64 = 4;
const ROWS: u64 = 64;
const FIELDS: usize = 5;
const VALUES: u64 = 12;
const K: usize = 8;
const STEPS: u64 = 60;

/// The ids and labels of a share: pairs of fields attract or repel each other.
fn share(step: u64, share: u64) -> (Vec<u64>, Vec<f32>) {
    let (mut ids, mut labels) = (Vec::new(), Vec::new());
    for row in 0..ROWS {
        let seed = noise::bits(noise::bits(step, share), row);
        let values: Vec<u64> =
            (0..FIELDS as u64).map(|field| field * VALUES + noise::bits(seed, field) % VALUES).collect();
        let side = |id: u64| if noise::bits(77, id).is_multiple_of(2) { 1.0 } else { -1.0 };
        let odds: f32 = values.array_windows().map(|[a, b]| side(*a) * side(*b)).sum();
        labels.push(f32::from(u8::from(noise::uniform(seed, 99) < 1.0 / (1.0 + (-odds).exp()))));
        ids.extend(values);
    }
    (ids, labels)
}

fn tables() -> [TableConfig; 2] {
    let of = |columns| TableConfig { seed: 3, ..TableConfig::new(columns, RowOptimiser::adagrad(0.1)) };
    [of(K), of(1)]
}

/// Learns, and says what each step's loss was. `mine` are the shares that this process takes; `gather` has the losses of all shares in
/// their order from those of these.
fn train<P: ParameterServer>(
    [vectors, singles]: [&mut P; 2],
    mine: Range<u64>,
    gather: impl Fn(&[f32]) -> Vec<f32>,
) -> Result<Vec<f32>, Box<dyn Error>>
where
    P::Error: 'static,
{
    let (parameters, pool) = (Parameters::<f32>::new(0), Pool::default());
    let mut curve = Vec::new();
    for step in 1..=STEPS {
        let batch: Vec<_> = mine.clone().map(|i| share(step, i)).collect();
        let ids: Vec<&[u64]> = batch.iter().map(|(ids, _)| ids.as_slice()).collect();
        let (of_vectors, of_singles) = (vectors.pull(step, &ids)?, singles.pull(step, &ids)?);
        let (mut losses, mut gradients) = (Vec::new(), [Vec::new(), Vec::new()]);
        for (i, (_, labels)) in batch.iter().enumerate() {
            let mut tape = Tape::new(&parameters, &pool);
            let (v, w) = (tape.leaf(K, of_vectors[i].rows()), tape.leaf(1, of_singles[i].rows()));
            let x = tape.gather(v, of_vectors[i].places(), FIELDS);
            let linear = tape.gather(w, of_singles[i].places(), FIELDS);
            let (pairs, first) = (tape.fm(x, FIELDS), tape.sum_columns(linear));
            let logits = tape.add(pairs, first);
            let mean = tape.binary_cross_entropy(logits, labels, None);
            let loss = tape.affine(mean, 1.0 / SHARES as f32, 0.0);
            let slopes = tape.grad(loss);
            losses.push(tape.value(loss)[0]);
            for (to, leaf) in gradients.iter_mut().zip([v, w]) {
                to.push(slopes.of(leaf).map(<[f32]>::to_vec).unwrap_or_default());
            }
        }
        let [of_v, of_w] = gradients.each_ref().map(|g| g.iter().map(Vec::as_slice).collect::<Vec<_>>());
        vectors.push(&of_vectors, &of_v)?;
        singles.push(&of_singles, &of_w)?;
        curve.push(gather(&losses).iter().sum());
    }
    Ok(curve)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (curve, speaks) = if std::env::args().any(|a| a == "--local") {
        let [vectors, singles] = tables();
        let (mut vectors, mut singles) = (LocalServer::new(vectors)?, LocalServer::new(singles)?);
        (train([&mut vectors, &mut singles], 0..SHARES, <[f32]>::to_vec)?, true)
    } else {
        let universe = mpi::initialize().ok_or("MPI was initialised before")?;
        let world = universe.world();
        let (rank, ranks) = (u64::try_from(world.rank())?, u64::try_from(world.size())?);
        if !SHARES.is_multiple_of(ranks) {
            return Err(format!("{ranks} ranks cannot share {SHARES} shares; run 1, 2 or 4").into());
        }
        let (each, in_all) = (SHARES / ranks, usize::try_from(ranks)?);
        let [vectors, singles] = tables();
        let mut vectors = MpiServer::new(world.duplicate(), vectors)?;
        let mut singles = MpiServer::new(world.duplicate(), singles)?;
        let gather = |own: &[f32]| {
            let mut all = vec![0.0; own.len() * in_all];
            world.all_gather_into(own, &mut all[..]);
            all
        };
        let curve = train([&mut vectors, &mut singles], rank * each..(rank + 1) * each, gather)?;
        eprintln!("rank {rank} of {ranks} owns {} of the rows", vectors.own().table().len());
        (curve, rank == 0)
    };
    if speaks {
        (1..).zip(curve).for_each(|(step, loss): (u64, f32)| println!("{step} {loss:.6} {:08x}", loss.to_bits()));
    }
    Ok(())
}
