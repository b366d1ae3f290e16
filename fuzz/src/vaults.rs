//! A vault of every phase of a small secure round with fixed seeds, and the invitation to it.

use crate::{engine, unpredictable, weights};
use rand_core::SeedableRng as _;
use sottovoce::client::secure::Errand;
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::protocol::{LocalPlan, NoiseTerms, SecureOffer, Stage, decode, encode, weights_hash};
use sottovoce::secagg::{Digest, Identity, Join, Joining, Member, Odds, Policy, Prg, Ring, Roster, Terms};
use std::error::Error;

/// The encoded invitation, and the vaults by the errand they were taken at.
///
/// # Errors
/// None, with these seeds.
pub fn vaults() -> Result<(Vec<u8>, Vec<(String, Vec<u8>)>), Box<dyn Error>> {
    let mut rng = chacha20::ChaCha20Rng::from_seed([5; 32]);
    let server = Identity::from_seed([1; 32]);
    let plan = LocalPlan { epochs: 1, batch: 2, learning_rate: 0.1, negatives: 2, max_examples: 4, clip_norm: 1.0, proximal: 0.0 };
    let noise = NoiseTerms { multiplier: 1.0, steps: 1 << 10 };
    let model = SecureOffer::model(weights_hash(&weights()), &plan, &noise, &[]);
    let terms = Terms {
        round: RoundId(2),
        weights: WeightsVersion(1),
        model,
        record: Digest::default(),
        dimension: u32::try_from(weights().values.len())?,
        ring: Ring::new(24)?,
        prg: Prg::Aes128Ctr,
        least: 2,
        degree: 2,
        threshold: 3,
        seats: (0..3).map(|_| Member::new(&mut rng).enlist(RoundId(2))).collect(),
    };
    let terms = terms.sign(&server)?;
    let stage = Stage::Joining;
    let offer = SecureOffer { stage, closes_at: Millis(9), cohort: 2, plan, noise, blocks: Vec::new(), terms };
    let policy =
        Policy { server: server.public(), least: 2, seats: 3, odds: Odds::default(), last_round: None, seen: None };
    let (_, other) = Joining::new(offer.terms.clone(), policy, model)?.join(&mut rng)?;
    let mut roster: Option<Roster> = None;
    let mut engine = engine();
    engine.set_consent(true);
    engine.trust_server(server.public())?;
    let (mut vaults, mut rng) = (Vec::new(), unpredictable());
    for minute in 0..40 {
        let now = Millis(60_000 * minute);
        let Some(errand) = engine.round_errand(now, &mut rng)? else { continue };
        vaults.push((format!("{minute:02}"), engine.vault()));
        match errand {
            Errand::Keep { bytes } => engine.round_kept(&bytes)?,
            Errand::Mask { .. } => engine.round_stream(&[])?,
            Errand::Put { body, .. } => {
                if let Ok(join) = decode::<Join>(&body) {
                    let entries = vec![offer.terms.admit(&join)?, other.entry()];
                    let closed = Roster::close(&offer.terms, entries, Digest::of(b"beacon"))?;
                    roster = Some(closed);
                }
                engine.round_answer(201, &[], now)?;
            }
            Errand::Get { path, .. } if path.ends_with("next") => engine.round_answer(200, &encode(&offer), now)?,
            Errand::Get { path, .. } => {
                let place = roster.as_ref().and_then(|roster| {
                    let other = roster.index_of(other.identity)?;
                    roster.view(1 - other, &server)
                });
                match place.filter(|_| path.contains("rosters")) {
                    Some(view) => engine.round_answer(200, &encode(&view), now)?,
                    None => engine.round_answer(204, &[], now)?,
                }
            }
        }
    }
    vaults.dedup_by(|a, b| a.1 == b.1);
    Ok((encode(&offer), vaults))
}
