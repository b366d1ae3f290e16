//! Engine errors as JavaScript `Error`s with a stable `code`.

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
        with_code(&error.to_string(), error.code())
    }
}
