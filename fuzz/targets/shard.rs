//! A shard of the catalogue from a hostile server, into an engine that is in use, and into an empty one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sottovoce::client::{EngineConfig, Recommender};
use sottovoce_fuzz::{engine, still_works};

fuzz_target!(|data: &[u8]| {
    let mut engine = engine();
    if engine.load_shard(data).is_ok() {
        still_works(&mut engine);
    }
    let mut fresh = Recommender::new(EngineConfig { pool: 16, ..EngineConfig::default() }, 7);
    if fresh.load_shard(data).is_ok() {
        fresh.index();
        still_works(&mut fresh);
    }
});
