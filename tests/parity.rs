//! The same bits natively and as wasm in node; `tests/browser.rs` runs the same cases in Chromium (row W1).
//! After a change that means to change bits: `SOTTOVOCE_BLESS=1 cargo test --test parity`.

#[path = "parity/cases.rs"]
mod cases;

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn native_bits_are_the_recorded_ones() {
    let results = cases::results();
    if std::env::var_os("SOTTOVOCE_BLESS").is_some() {
        let cases: Vec<_> =
            results.iter().map(|(name, bits)| serde_json::json!({ "name": name, "bits": bits })).collect();
        let text = serde_json::to_string_pretty(&serde_json::json!({ "cases": cases })).expect("plain values");
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/device.json"), text + "\n")
            .expect("a writable tree");
        return;
    }
    assert_eq!(results, cases::recorded());
}

#[cfg(target_arch = "wasm32")]
#[wasm_bindgen_test::wasm_bindgen_test]
fn bits_in_node_are_the_recorded_ones() {
    assert_eq!(cases::results(), cases::recorded());
}
