//! Good inputs for every target, to begin with.

use crate::{engine, offer, shard, unwrapped, weights};
use sottovoce::client::{AskConfig, UpdateKey};
use sottovoce::ids::{Millis, RoundId};
use sottovoce::privacy::accountant::{Account, Budget};
use sottovoce::privacy::{Grid, NoiseKey, NoisePlan};
use sottovoce::protocol::{Receipt, ReceiptStatus, encode};
use std::error::Error;
use std::path::Path;

/// Of a vault: magic, format, checksum.
const HEADER: usize = 13;

/// Where `$SEEDS` names a folder, makes `$SEEDS/<target>/…` and ends the process. A target does this and not a program of its own: all that
/// is compiled with coverage counters has to be linked with the fuzzer.
pub fn write_if_asked() {
    if let Some(folder) = std::env::var_os("SEEDS") {
        let written = write(Path::new(&folder));
        if let Err(error) = &written {
            eprintln!("seeds in {}: {error}", folder.display());
        }
        std::process::exit(i32::from(written.is_err()));
    }
}

fn write(folder: &Path) -> Result<(), Box<dyn Error>> {
    let write = |target: &str, name: &str, bytes: &[u8]| -> std::io::Result<()> {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)
    };
    let mut account = Account::new(Budget::new(8.0, 1e-6)?);
    write("account", "new", &account.to_bytes())?;
    let pending = account.charge(NoisePlan::new(2.0, 1.0, 10, Grid::new(256)?, 100)?)?;
    write("account", "charged", pending.bytes())?;
    let receipt = Receipt { round: RoundId(1), status: ReceiptStatus::Accepted };
    let mut engine = engine();
    write("snapshot", "before", &unwrapped(&engine.snapshot()))?;
    engine.set_consent(true);
    engine.receive(&encode(&offer()))?;
    engine.contribute(UpdateKey([7; 16]))?;
    engine.less_of(0);
    write("snapshot", "after", &unwrapped(&engine.snapshot()))?;
    let update = engine.outbox().map(|outgoing| outgoing.bytes.clone()).unwrap_or_default();
    engine.set_recall_consent(true);
    let question = engine.ask_recall(&AskConfig::default(), NoiseKey::new([7; 32]), Millis(0))?;
    let question = question.map(<[u8]>::to_vec).unwrap_or_default();
    for (name, bytes) in [
        ("shard", encode(&shard())),
        ("weights", encode(&weights())),
        ("offer", encode(&offer())),
        ("receipt", encode(&receipt)),
        ("update", update),
        ("question", question),
    ] {
        write("codec", name, &bytes)?;
        write(if name == "shard" { "shard" } else { "weights" }, name, &bytes)?;
    }
    for (name, bytes) in crate::round::round()?.messages {
        write("secagg", name, &bytes)?;
    }
    let (offer, vaults) = crate::vaults::vaults()?;
    write("codec", "secure-offer", &offer)?;
    write("vault", "offer", &offer)?;
    for (name, vault) in vaults {
        write("vault", &name, &vault[HEADER..])?;
    }
    Ok(())
}
