//! The engine as wasm in a headless browser: the recorded bits, and the door to JavaScript.

#![cfg(target_arch = "wasm32")]

#[path = "parity/cases.rs"]
mod cases;

use js_sys::{Object, Reflect};
use sottovoce::ids::{ArtistId, SongId};
use sottovoce::protocol::{CatalogueShard, encode};
use sottovoce::wasm::Recommender;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

fn shard() -> Vec<u8> {
    let shard = CatalogueShard {
        index: 0,
        dimension: 2,
        songs: (0..8).map(SongId).collect(),
        artists: (0..8).map(ArtistId).collect(),
        popularity: vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
        plays: vec![5; 8],
        scales: vec![1.0 / 127.0; 8],
        rows: vec![127, 0, 0, 127, -127, 0, 0, -127, 90, 90, -90, 90, 90, -90, -90, -90],
        ..CatalogueShard::default()
    };
    encode(&shard.filled())
}

fn engine() -> Recommender {
    let mut engine = Recommender::new(JsValue::UNDEFINED, 1).expect("defaults");
    assert_eq!(engine.load_shard(&shard()).expect("a good shard"), 8);
    engine
}

fn recommend(engine: &mut Recommender, k: usize, now: f64) -> Vec<u32> {
    engine.recommend(None, k, now, JsValue::UNDEFINED).expect("no options, no mistake")
}

fn code(error: &JsValue) -> String {
    Reflect::get(error, &"code".into()).ok().and_then(|c| c.as_string()).unwrap_or_default()
}

#[wasm_bindgen_test]
fn bits_in_the_browser_are_the_recorded_ones() {
    assert_eq!(cases::results(), cases::recorded());
}

#[wasm_bindgen_test]
fn a_skip_through_the_door_changes_the_queue() {
    let mut engine = engine();
    let before = recommend(&mut engine, 4, 0.0);
    assert_eq!(before.len(), 4);
    engine.observe(before[0], 0, 0.0, 1.0, 0, 0.02).expect("a resident song");
    let after = recommend(&mut engine, 4, 2.0);
    assert!(!after.contains(&before[0]));
    assert_eq!(engine.seen(), 1.0);
    assert_eq!(engine.undo(), Some(before[0]));
    assert_eq!(recommend(&mut engine, 4, 2.0), before);
}

#[wasm_bindgen_test]
fn errors_are_errors_with_codes() {
    let mut engine = engine();
    assert_eq!(code(&engine.load_shard(&[1, 2, 3]).unwrap_err()), "decode/malformed");
    assert_eq!(code(&engine.observe(99, 0, 0.0, 0.0, 1, 1.0).unwrap_err()), "song/unknown");
    assert_eq!(code(&engine.observe(1, 0, 0.0, 0.0, 9, 1.0).unwrap_err()), "event/behaviour");
    assert_eq!(code(&engine.contribute().unwrap_err()), "consent/off");
    assert_eq!(code(&engine.restore(&[0; 64]).unwrap_err()), "snapshot/damaged");
    let config = Object::new();
    Reflect::set(&config, &"artist_gap".into(), &3.into()).expect("a fresh object");
    assert_eq!(code(&Recommender::new(config.into(), 1).map(|_| ()).unwrap_err()), "config/invalid");
}

#[wasm_bindgen_test]
fn state_survives_and_can_be_erased() {
    let mut engine = engine();
    let fresh = engine.snapshot();
    engine.observe(3, 0, 0.0, 1.0, 2, 1.0).expect("a resident song");
    engine.set_consent(true);
    let bytes = engine.snapshot();
    let mut again = self::engine();
    again.restore(&bytes).expect("a good snapshot");
    assert!(again.consent());
    assert_eq!(again.recommend(None, 4, 9.0), recommend(&mut engine, 4, 9.0));
    let exported = again.export_data();
    let heard = Reflect::get(&exported, &"heard".into()).expect("an object");
    assert_eq!(heard.as_f64(), Some(1.0));
    again.delete_data();
    assert_eq!(again.snapshot(), fresh);
}

#[wasm_bindgen_test]
fn every_song_of_a_slate_says_why_it_is_there() {
    let mut engine = engine();
    let slate = recommend(&mut engine, 3, 0.0);
    let reasons = js_sys::Array::from(&engine.explain());
    assert_eq!(reasons.length(), 3);
    for (song, reason) in slate.iter().zip(reasons.iter()) {
        let of = |name: &str| Reflect::get(&reason, &name.into()).expect("an object");
        assert_eq!(of("song").as_f64(), Some(f64::from(*song)));
        assert!(of("text").as_string().is_some_and(|t| !t.is_empty()));
    }
}
