//! What a vault is, and what it is not: a budget that begins anew.

use super::world::{Reloads, World};
use super::*;
use crate::client::{EngineConfig, Error, Recommender};
use crate::protocol::Stage;
use proptest::prelude::*;

/// A vault of every phase.
fn vaults() -> Vec<Vec<u8>> {
    let mut world = World::new(3, true);
    let mut vaults: Vec<Vec<u8>> = Vec::new();
    let mut phases = Vec::new();
    let mut look = |world: &mut World| {
        for _ in 0..25 {
            let now = world.now;
            for page in &mut world.pages {
                while page.step(&mut world.server, now) {
                    if !phases.contains(&page.state().phase) {
                        phases.push(page.state().phase);
                        vaults.push(page.engine.vault());
                    }
                }
            }
            world.now.0 += 1_000;
        }
    };
    look(&mut world);
    world.server.open(5, 3, |_| ());
    look(&mut world);
    world.server.close_joins();
    look(&mut world);
    assert_eq!(world.server.live().unwrap().offer.stage, Stage::Reporting);
    assert_eq!(phases.len(), 7, "{phases:?}");
    vaults
}

#[test]
fn one_flipped_bit_in_a_vault_is_noticed_and_the_budget_counts_as_spent() {
    for vault in vaults() {
        let mut engine = Recommender::new(EngineConfig::default(), 1);
        assert_eq!(engine.restore_vault(&vault), Ok(()));
        for i in (0..vault.len()).step_by(1 + vault.len() / 200) {
            let mut bad = vault.clone();
            bad[i] ^= 1 << (i % 8);
            let mut engine = Recommender::new(EngineConfig::default(), 1);
            let error = engine.restore_vault(&bad);
            assert!(matches!(error, Err(Error::Vault { .. } | Error::VaultVersion { .. })), "byte {i}: {error:?}");
            let state = engine.round_state();
            assert!(state.spent.epsilon >= state.budget.epsilon());
            // And stays so.
            let mut again = Recommender::new(EngineConfig::default(), 1);
            again.restore_vault(&engine.vault()).unwrap();
            assert!(again.round_state().spent.epsilon >= again.round_state().budget.epsilon());
        }
    }
}

#[test]
fn a_vault_of_a_later_build_is_not_written_over() {
    let mut world = World::new(1, false);
    let mut later = world.pages[0].engine.vault();
    later[4] += 1;
    let refused = world.pages[0].engine.restore_vault(&later);
    assert_eq!(refused, Err(Error::VaultVersion { got: 2, newest: 1 }));
    assert_eq!(world.pages[0].errand(world.now), None);
    let state = world.pages[0].state();
    assert_eq!((state.why, state.retry_at), (Some(Why::AccountLost), None));
}

#[test]
fn a_device_without_its_account_joins_nothing() {
    let mut world = World::new(3, false);
    assert!(world.pages[0].engine.restore_vault(b"SOTK").is_err());
    world.run(15, Reloads::Always);
    world.server.open(5, 3, |_| ());
    world.run(25, Reloads::Always);
    assert_eq!(world.server.live().unwrap().joins.len(), 2);
    world.run(15, Reloads::Never);
    assert_eq!(world.pages[0].state().why, Some(Why::AccountLost));
}

#[test]
fn nothing_secret_prints() {
    for vault in vaults() {
        let mut engine = Recommender::new(EngineConfig::default(), 1);
        engine.restore_vault(&vault).unwrap();
        let printed = format!("{:?}", engine.secure);
        assert!(printed.len() < 60_000 || !printed.contains("clipped: ["), "{printed}");
        assert!(!printed.contains("values: ["));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_vaults_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut engine = Recommender::new(EngineConfig::default(), 1);
        prop_assert!(engine.restore_vault(&body).is_err());
        // … nor with a valid header in front.
        let mut framed = b"SOTK\x01".to_vec();
        framed.extend_from_slice(&crate::client::store::fnv1a(&body).to_le_bytes());
        framed.extend_from_slice(&body);
        let _ = engine.restore_vault(&framed);
    }
}
