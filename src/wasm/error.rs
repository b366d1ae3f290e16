//! Engine errors as JavaScript `Error`s with a stable `code`, and numbers as `found` and `expected`.

use crate::client::Error;
use js_sys::Reflect;
use wasm_bindgen::JsValue;

/// An `Error` with this code.
pub(super) fn with_code(message: &str, code: &str) -> JsValue {
    let error = js_sys::Error::new(message);
    // Setting a property of a fresh Error cannot fail.
    let _ = Reflect::set(&error, &"code".into(), &code.into());
    error.into()
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
