//! Forward and backward of 32 × 64 through 64 and 32: what a step costs beside its arithmetic.

use crate::measure::{Settings, measure, uniform};
use crate::peer::{self, Same};
use sottovoce_algebra::{Algebra, Init, Parameters, Pool, Tape};
use std::error::Error;

/// What `torch_steps.py` prints as its loss, to five digits; it writes no gradients of this one.
const PEERS_LOSS: f32 = 1.23962;

pub(crate) fn run(settings: &Settings) -> Result<(), Box<dyn Error + Send + Sync>> {
    const OP: &str = "tiny_mlp";
    if settings.skips(OP) {
        return Ok(());
    }
    let mut parameters = Parameters::<f32>::new(0);
    let mut part = |name: &str, rows, columns| parameters.add(name, rows, columns, Init::Normal(0.1));
    let all = [part("W1", 64, 64), part("b1", 1, 64), part("W2", 64, 32), part("b2", 1, 32)];
    let (mut x, mut targets): (Vec<f32>, Vec<f32>) = (uniform(32 * 64, 1).collect(), uniform(32 * 32, 2).collect());
    let data = settings.data.as_deref();
    if let Some(data) = data {
        peer::load(data, "C_", &mut parameters)?;
        (x, targets) = (peer::numbers(data, "C_x")?, peer::numbers(data, "C_t")?);
    }
    let pool = Pool::default();
    let step = || {
        let mut tape = Tape::new(&parameters, &pool);
        let [w1, b1, w2, b2] = all.map(|p| tape.parameter(p));
        let input = tape.input(64, &x);
        let h = tape.linear(input, w1, Some(b1));
        let h = tape.relu(h);
        let y = tape.linear(h, w2, Some(b2));
        let loss = tape.squared_error(y, &targets, None);
        let gradients = tape.grad(loss);
        std::hint::black_box(gradients.part(all[0]));
        tape.value(loss)[0]
    };
    let same = data.map(|_| Same::new(step(), PEERS_LOSS));
    measure(settings, OP, ("steps", 1), same, |_| Ok(step()))
}
