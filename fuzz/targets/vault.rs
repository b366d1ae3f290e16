//! A vault that somebody changed, and invitations to secure rounds: refused, the budget then spent; or taken, and the engine goes on from it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sottovoce::ids::Millis;
use sottovoce::protocol::{SecureOffer, decode, encode};
use sottovoce_fuzz::{engine, sealed, still_works, unpredictable};

fuzz_target!(|data: &[u8]| {
    if let Ok(offer) = decode::<SecureOffer>(data) {
        let bytes = encode(&offer);
        assert_eq!(encode(&decode::<SecureOffer>(&bytes).expect("its own message")), bytes, "{offer:?}");
        assert!(offer.noise_plan().is_ok());
    }
    let mut engine = engine();
    engine.set_consent(true);
    let vault = sealed(data);
    match engine.restore_vault(&vault) {
        Ok(()) => {
            let kept = engine.vault();
            engine.restore_vault(&kept).expect("its own vault");
            assert_eq!(engine.vault(), kept, "a vault changes by being read");
            let mut rng = unpredictable();
            for second in 0..4 {
                let now = Millis(1_000_000 * second);
                let errand = engine.round_errand(now, &mut rng).expect("an errand or none");
                assert_eq!(engine.round_errand(now, &mut rng).expect("the same"), errand);
                // Whatever it asked for, this is no good answer.
                let _ = engine.round_answer(200, data, now);
                let _ = engine.round_kept(data);
                let _ = engine.round_stream(data);
            }
            let _ = (engine.round_state(), engine.explain_upload());
        }
        Err(_) => {
            let state = engine.round_state();
            assert!(state.spent.epsilon >= state.budget.epsilon(), "what cannot be read cost nothing");
        }
    }
    still_works(&mut engine);
});
