//! Anything a server can send down, weights above all; and a contribution after it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sottovoce::client::UpdateKey;
use sottovoce_fuzz::{engine, still_works};

fuzz_target!(|data: &[u8]| {
    let mut engine = engine();
    engine.set_consent(true);
    if engine.receive(data).is_ok() {
        let _ = engine.contribute(UpdateKey([1; 16]));
        still_works(&mut engine);
    }
});
