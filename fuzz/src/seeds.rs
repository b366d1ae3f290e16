//! Writes good inputs for every target: `seeds FOLDER` makes `FOLDER/<target>/…`.

use sottovoce::client::UpdateKey;
use sottovoce::ids::RoundId;
use sottovoce::protocol::{Receipt, ReceiptStatus, encode};
use sottovoce_fuzz::{engine, offer, shard, unwrapped, weights};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("no folder; next: cargo xtask fuzz")?;
    let write = |target: &str, name: &str, bytes: &[u8]| -> std::io::Result<()> {
        let folder = Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)
    };
    let receipt = Receipt { round: RoundId(1), status: ReceiptStatus::Accepted };
    let mut engine = engine();
    write("snapshot", "before", &unwrapped(&engine.snapshot()))?;
    engine.set_consent(true);
    engine.receive(&encode(&offer()))?;
    engine.contribute(UpdateKey([7; 16]))?;
    engine.less_of(0);
    write("snapshot", "after", &unwrapped(&engine.snapshot()))?;
    let update = engine.outbox().map(|outgoing| outgoing.bytes.clone()).unwrap_or_default();
    for (name, bytes) in [
        ("shard", encode(&shard())),
        ("weights", encode(&weights())),
        ("offer", encode(&offer())),
        ("receipt", encode(&receipt)),
        ("update", update),
    ] {
        write("codec", name, &bytes)?;
        write(if name == "shard" { "shard" } else { "weights" }, name, &bytes)?;
    }
    Ok(())
}
