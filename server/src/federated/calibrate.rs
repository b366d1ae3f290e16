//! How much noise a budget asks for: the least `z` at which so many rounds cost no more than `ε` at `δ`, by the accountant that devices keep
//! themselves. What it finds is a plan; each device still charges its own account before it adds any noise.

use sottovoce::privacy::accountant::{Account, Budget};
use sottovoce::privacy::{Error, NoisePlan};

/// Halvings of the bracket in `ln z`: from eight decades to a millionth.
const STEPS: usize = 28;

/// The plan with the least noise by which a listener can be in `rounds` rounds for this budget. `plan` makes one of a noise multiplier; a budget of `ε = ∞`
/// needs none.
///
/// # Errors
/// Whatever `plan` answers where the budget needs more noise than it can make, and [`Error::Exhausted`] where even 100 times the sensitivity is too little.
///
/// # Example
/// ```
/// use sottovoce::privacy::{Grid, NoisePlan, accountant::Budget};
/// use sottovoce_server::federated::calibrate;
/// let grid = Grid::new(1 << 10)?;
/// let plan = calibrate(Budget::new(8.0, 1e-6)?, 10, |z| NoisePlan::new(z, 1.0, 1000, grid, 50_000))?;
/// // `10 / (2 z²)` of Rényi divergence an order, turned into ε at δ.
/// assert!((2.17..2.19).contains(&plan.noise_multiplier()));
/// # Ok::<(), sottovoce::privacy::Error>(())
/// ```
pub fn calibrate(
    budget: Budget,
    rounds: u64,
    plan: impl Fn(f64) -> Result<NoisePlan, Error>,
) -> Result<NoisePlan, Error> {
    if budget.epsilon().is_infinite() || rounds == 0 {
        return plan(0.0);
    }
    let cost = |plan: &NoisePlan| Account::new(budget).after(&plan.release(), rounds).epsilon;
    let (mut low, mut high) = (libm::log(0.01), libm::log(100.0));
    let mut found = plan(libm::exp(high));
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        match plan(libm::exp(middle)) {
            Ok(noised) if cost(&noised) <= budget.epsilon() => (high, found) = (middle, Ok(noised)),
            // Too much for the sampler's table: what is asked for, if it can be had, is below.
            Err(Error::NoiseWidth { hint: "fewer", .. }) => high = middle,
            // Too little for the budget, or for whole numbers.
            Ok(_) | Err(Error::NoiseWidth { .. }) => low = middle,
            Err(error) => return Err(error),
        }
    }
    let found = found?;
    let after = cost(&found);
    if after <= budget.epsilon() { Ok(found) } else { Err(Error::Exhausted { after, budget: budget.epsilon() }) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use sottovoce::privacy::Grid;

    fn plan(z: f64) -> Result<NoisePlan, Error> {
        NoisePlan::new(z, 1.0, 1000, Grid::new(2048).unwrap(), 60_000)
    }

    #[test]
    fn the_plan_affords_just_these_rounds() {
        let mut before = f64::INFINITY;
        for epsilon in [1.0, 2.0, 4.0, 8.0] {
            let budget = Budget::new(epsilon, 1e-6).unwrap();
            let found = calibrate(budget, 20, plan).unwrap();
            let z = found.noise_multiplier();
            assert!(z < before, "a larger budget needs less noise");
            before = z;
            let mut account = Account::new(budget);
            for round in 0..20 {
                assert!(account.charge(found).is_ok(), "round {round} of ε = {epsilon}");
            }
            assert!(account.spent().epsilon > 0.999 * epsilon && account.charge(found).is_err());
        }
        assert!(calibrate(Budget::new(f64::INFINITY, 1e-6).unwrap(), 20, plan).unwrap().per_client().is_none());
    }

    #[test]
    fn what_no_noise_affords_is_said() {
        let tight = Budget::new(1e-4, 1e-6).unwrap();
        assert!(calibrate(tight, 1000, plan).is_err());
        let bad = |z| NoisePlan::new(z, -1.0, 1000, Grid::new(2048)?, 60_000);
        assert!(matches!(calibrate(tight, 1, bad), Err(Error::OutOfRange { .. })));
    }
}
