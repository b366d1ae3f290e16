use super::*;
use crate::privacy::Grid;
use crate::privacy::accountant::gaussian;
use proptest::prelude::*;

fn plan(z: f64) -> NoisePlan {
    NoisePlan::new(z, 1.0, 100, Grid::new(1 << 10).unwrap(), 100_000).unwrap()
}

fn account(epsilon: f64) -> Account {
    Account::new(Budget::new(epsilon, 1e-6).unwrap())
}

/// One round by the plan, written down.
fn round(account: &mut Account, z: f64) -> Result<Charged, Error> {
    let pending = account.charge(plan(z))?;
    let stored = pending.bytes().to_vec();
    pending.recorded(&stored)
}

#[test]
fn rounds_are_charged_until_the_budget_is_exhausted() {
    let mut account = account(4.0);
    let planned = account.rounds_left(&plan(8.0).release());
    assert!(planned > 10, "{planned}");
    for n in 1..=planned {
        let _ = round(&mut account, 8.0).unwrap();
        assert_eq!(account.spent().rounds, n);
    }
    assert!(account.spent().epsilon <= 4.0);
    let before = account.clone();
    let refused = round(&mut account, 8.0).unwrap_err();
    assert!(matches!(refused, Error::Exhausted { after, .. } if after > 4.0), "{refused}");
    assert_eq!(account, before);
    assert_eq!(account.rounds_left(&plan(8.0).release()), 0);
    // A round with more noise still fits, by what was left.
    assert_eq!(account.after(&plan(70.0).release(), 1).epsilon <= 4.0, round(&mut account, 70.0).is_ok());
    // Never less than the exact mechanism loses.
    let exact = gaussian::epsilon((planned as f64).sqrt() / 8.0, 1e-6);
    assert!(
        before.spent().epsilon >= exact && before.spent().epsilon < 1.15 * exact,
        "{} for {exact}",
        before.spent().epsilon
    );
}

#[test]
fn what_the_next_round_would_cost_is_what_it_costs() {
    let mut account = account(20.0);
    for z in [2.0, 5.0, 1.0] {
        let next = account.after(&plan(z).release(), 1);
        let _ = round(&mut account, z).unwrap();
        assert_eq!(account.spent(), next);
    }
}

#[test]
fn a_charge_that_was_written_down_is_still_good_after_a_reload() {
    let mut account = account(20.0);
    let none = account.unused(plan(2.0), &account.to_bytes());
    assert!(matches!(none, Err(Error::Account { .. })), "nothing was charged");
    let stored = account.charge(plan(2.0)).unwrap().bytes().to_vec();
    let reloaded = Account::from_bytes(&stored).unwrap();
    assert_eq!(reloaded.unused(plan(2.0), &stored).unwrap().plan(), &plan(2.0));
    assert_eq!(reloaded.spent().rounds, 1, "and is not charged again");
    assert!(matches!(reloaded.unused(plan(1.0), &stored), Err(Error::Account { .. })), "less was paid than that costs");
    assert!(matches!(reloaded.unused(plan(2.0), &stored[1..]), Err(Error::NotRecorded { .. })));
}

#[test]
fn another_budget_does_not_change_what_was_spent() {
    let mut account = account(20.0);
    let _ = round(&mut account, 2.0).unwrap();
    let spent = account.spent().epsilon;
    account.set_budget(Budget::new(1.0, 1e-6).unwrap());
    assert_eq!(account.spent().epsilon, spent);
    assert!(matches!(round(&mut account, 8.0), Err(Error::Exhausted { .. })));
    account.set_budget(Budget::default());
    assert!(round(&mut account, 8.0).is_ok());
}

#[test]
fn a_charge_that_is_not_in_the_store_buys_nothing() {
    let mut account = account(8.0);
    let before = account.to_bytes();
    let pending = account.charge(plan(4.0)).unwrap();
    assert_eq!(
        pending.recorded(&before).unwrap_err(),
        Error::NotRecorded { expected: Account::BYTES, found: Account::BYTES }
    );
    assert_eq!(account.spent().rounds, 1, "spent all the same");
    let pending = account.charge(plan(4.0)).unwrap();
    assert!(pending.recorded(&[]).is_err());
}

#[test]
fn no_noise_is_for_those_who_say_that_it_costs_everything() {
    assert!(matches!(round(&mut account(1e9), 0.0), Err(Error::Exhausted { after, .. }) if after.is_infinite()));
    let mut open = account(f64::INFINITY);
    let charged = round(&mut open, 0.0).unwrap();
    assert_eq!(charged.plan().per_client(), None);
    assert_eq!(open.spent().epsilon, f64::INFINITY);
    assert_eq!(Account::from_bytes(&open.to_bytes()), Ok(open));
}

#[test]
fn sampling_is_cheaper_and_no_probability_is_refused() {
    let (mut known, mut hidden) = (account(50.0), account(50.0));
    let _ = known.charge(plan(2.0)).unwrap();
    let _ = hidden.charge_sampled(plan(2.0), 0.05).unwrap();
    assert!(hidden.spent().epsilon < 0.5 * known.spent().epsilon);
    for q in [0.0, -0.1, 1.1, f64::NAN] {
        assert!(matches!(hidden.charge_sampled(plan(2.0), q), Err(Error::OutOfRange { .. })));
    }
}

#[test]
fn the_residue_of_the_tables_is_charged() {
    let with = |residue: Residue| {
        let release = Release { residue, ..Release::continuous(4.0, 1.0) };
        account(50.0).after(&release, 10).epsilon
    };
    let (none, little) = (with(Residue::default()), with(plan(4.0).release().residue));
    assert!(little >= none && little < none + 1e-9, "{none}, {little}");
    let much = with(Residue { log_ratio: 0.01, tail: 0.0 });
    assert!(much > none + 0.2 && much < none + 0.25, "2·10·0.01, and δ is less: {much} after {none}");
    assert!(with(Residue { log_ratio: 0.0, tail: 1e-11 }) > none);
    assert_eq!(with(Residue { log_ratio: 0.0, tail: 1e-6 }), f64::INFINITY);
}

#[test]
fn bytes_that_are_no_account_are_refused() {
    let mut account = account(3.0);
    let _ = round(&mut account, 3.0);
    let good = account.to_bytes();
    assert_eq!(good.len(), Account::BYTES);
    assert_eq!(Account::from_bytes(&good), Ok(account));
    let with = |at: usize, value: f64| {
        let mut bytes = good.clone();
        bytes[1 + 8 * at..9 + 8 * at].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    let mut version = good.clone();
    version[0] = 9;
    let none_at_all = with(2, 0.0); // no rounds, but cost
    let bad = [
        vec![],
        version,
        good[..good.len() - 1].to_vec(),
        with(0, -1.0),
        with(1, 0.0),
        with(1, 1.0),
        with(3, f64::NAN),
        with(4, -1.0),
        with(5, -0.1),
        with(40, f64::NAN),
        none_at_all,
    ];
    for bytes in bad {
        assert!(
            matches!(Account::from_bytes(&bytes), Err(Error::Account { .. })),
            "{:?}",
            &bytes[..bytes.len().min(50)]
        );
    }
}

#[test]
fn a_budget_is_above_nothing_and_below_everything() {
    for (epsilon, delta) in [(0.0, 1e-6), (-1.0, 1e-6), (f64::NAN, 1e-6), (1.0, 0.0), (1.0, 1.0), (1.0, f64::NAN)] {
        assert!(matches!(Budget::new(epsilon, delta), Err(Error::OutOfRange { .. })), "{epsilon}, {delta}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_an_account_or_an_error(bytes in prop::collection::vec(any::<u8>(), Account::BYTES), cut in 0..=Account::BYTES) {
        let mut bytes = bytes;
        bytes[0] = VERSION;
        if let Ok(account) = Account::from_bytes(&bytes) {
            prop_assert_eq!(account.to_bytes(), bytes.clone());
            prop_assert!(account.spent().epsilon >= 0.0);
        }
        prop_assert!(cut == Account::BYTES || Account::from_bytes(&bytes[..cut]).is_err());
    }

    #[test]
    fn more_rounds_never_cost_less(zs in prop::collection::vec(1f64..50.0, 1..6)) {
        let (mut account, mut before) = (account(f64::INFINITY), 0.0);
        for z in zs {
            let _ = round(&mut account, z).unwrap();
            prop_assert!(account.spent().epsilon >= before);
            before = account.spent().epsilon;
            prop_assert_eq!(Account::from_bytes(&account.to_bytes()), Ok(account.clone()));
        }
    }
}
