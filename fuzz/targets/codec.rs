//! Every message: what is read is written again as it was understood.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sottovoce::protocol::{
    CatalogueShard, Message, Outcome, RecallQuery, Receipt, RoundOffer, SecureOffer, TowerWeights, WeightUpdate,
    decode, encode, kind,
};
use std::fmt::Debug;

fuzz_target!(init: sottovoce_fuzz::seeds::write_if_asked(), |data: &[u8]| {
    let _ = kind(data);
    reads::<CatalogueShard>(data);
    reads::<TowerWeights>(data);
    reads::<RoundOffer>(data);
    reads::<Receipt>(data);
    reads::<WeightUpdate>(data);
    reads::<RecallQuery>(data);
    reads::<SecureOffer>(data);
    reads::<Outcome>(data);
});

fn reads<M: Message + Debug>(data: &[u8]) {
    let Ok(message) = decode::<M>(data) else { return };
    let bytes = encode(&message);
    let again = decode::<M>(&bytes).expect("its own message");
    assert_eq!(encode(&again), bytes, "{message:?}");
}
