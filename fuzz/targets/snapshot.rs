//! A snapshot that somebody changed: refused, and the present state kept; or taken, and the engine works.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sottovoce_fuzz::{engine, snapshot, still_works};

fuzz_target!(|data: &[u8]| {
    let mut engine = engine();
    let before = engine.snapshot();
    assert!(engine.restore(data).is_err() || data == before);
    match engine.restore(&snapshot(data)) {
        Ok(()) => still_works(&mut engine),
        Err(_) => assert_eq!(engine.snapshot(), before, "a refused snapshot left a trace"),
    }
});
