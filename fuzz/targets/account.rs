//! A stored account of what rounds have cost: refused, or read, written again as it was, and never cheaper than before after one more round.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sottovoce::privacy::accountant::Account;
use sottovoce::privacy::{Grid, NoisePlan};

fuzz_target!(|data: &[u8]| {
    let Ok(mut account) = Account::from_bytes(data) else { return };
    assert_eq!(account.to_bytes(), data, "an account changes by being read");
    let (before, budget) = (account.spent(), account.budget());
    assert!(before.epsilon >= 0.0, "{before:?}");
    let plan = NoisePlan::new(2.0, 1.0, 10, Grid::new(256).expect("a grid"), 100).expect("a plan");
    match account.charge(plan) {
        Ok(pending) => {
            let after = account.spent().epsilon;
            assert!(after <= budget.epsilon() && after >= before.epsilon * (1.0 - 1e-9), "{after} after {before:?}");
            pending.recorded(&account.to_bytes()).expect("what was charged is what is stored");
        }
        Err(_) => assert_eq!(account.to_bytes(), data, "a refused charge left a trace"),
    }
});
