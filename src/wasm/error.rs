//! Engine errors as JavaScript `Error`s with a stable `code`, and numbers as `found` and `expected`.

use crate::client::{ConfigError, Error};
use js_sys::Reflect;
use wasm_bindgen::JsValue;

/// An `Error` with this code.
pub(super) fn with_code(message: &str, code: &str) -> JsValue {
    let error = js_sys::Error::new(message);
    // Setting a property of a fresh Error cannot fail.
    let _ = Reflect::set(&error, &"code".into(), &code.into());
    error.into()
}

/// A setting that was refused: which one as `setting`, its range as `low` and `high`.
pub(super) fn setting(name: &str, error: ConfigError) -> JsValue {
    let thrown = with_code(
        match error {
            ConfigError::Range { .. } => "a setting is out of its range",
            _ => "there is no such setting",
        },
        "config/invalid",
    );
    let set = |key: &str, value: JsValue| {
        // As above.
        let _ = Reflect::set(&thrown, &key.into(), &value);
    };
    set("setting", name.into());
    if let ConfigError::Range { low, high } = error {
        set("low", low.into());
        set("high", high.into());
    }
    thrown
}

impl From<Error> for JsValue {
    fn from(error: Error) -> Self {
        let thrown = with_code(error.brief(), error.code());
        #[allow(clippy::cast_precision_loss, reason = "for people to read")]
        for (name, number) in ["found", "expected"].into_iter().zip(error.numbers()) {
            if let Some(number) = number {
                // As above.
                let _ = Reflect::set(&thrown, &name.into(), &(number as f64).into());
            }
        }
        thrown
    }
}
