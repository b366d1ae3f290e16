//! What JavaScript sees of inner values: plain objects, camel case. One type that can be any of them, and so one serialiser in
//! the page instead of one a type.

use js_sys::{Array, Object};
use serde::ser::{Serialize, SerializeMap, Serializer};
use wasm_bindgen::{JsCast, JsValue};

/// A value on its way to JavaScript.
pub(super) enum View<'a> {
    /// `undefined`; a record leaves the field out.
    Absent,
    Number(f64),
    Flag(bool),
    Text(&'a str),
    List(Vec<View<'a>>),
    Record(Vec<(&'static str, View<'a>)>),
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            View::Absent => s.serialize_unit(),
            View::Number(value) => s.serialize_f64(*value),
            View::Flag(value) => s.serialize_bool(*value),
            View::Text(value) => s.serialize_str(value),
            View::List(values) => s.collect_seq(values),
            View::Record(fields) => {
                let mut record = s.serialize_map(None)?;
                for (name, value) in fields.iter().filter(|(_, value)| !matches!(value, View::Absent)) {
                    record.serialize_entry(name, value)?;
                }
                record.end()
            }
        }
    }
}

impl From<View<'_>> for JsValue {
    fn from(view: View<'_>) -> Self {
        let serializer = serde_wasm_bindgen::Serializer::new().serialize_maps_as_objects(true);
        // Numbers, strings, lists and records of them: serialising cannot fail.
        view.serialize(&serializer).unwrap_or(JsValue::UNDEFINED)
    }
}

/// A list of views.
pub(super) fn list<'a, T>(values: impl IntoIterator<Item = T>, view: impl Fn(T) -> View<'a>) -> View<'a> {
    View::List(values.into_iter().map(view).collect())
}

/// A number that JavaScript can hold: ids, counts and times stay below 2⁵³.
#[allow(clippy::cast_precision_loss, reason = "below 2⁵³")]
pub(super) fn count(value: u64) -> View<'static> {
    View::Number(value as f64)
}

/// A number in single precision.
pub(super) fn number(value: f32) -> View<'static> {
    View::Number(value.into())
}

/// Visits the numeric fields of a plain object; `undefined` fields, and an undefined object, are passed over.
pub(super) fn fields(object: &JsValue, visit: &mut dyn FnMut(&str, f64) -> Result<(), JsValue>) -> Result<(), JsValue> {
    let Some(object) = object.dyn_ref::<Object>() else { return Ok(()) };
    for entry in Object::entries(object).iter() {
        let entry: Array = entry.unchecked_into();
        let (name, value) = (entry.get(0).as_string().unwrap_or_default(), entry.get(1));
        if !value.is_undefined() && !value.is_null() {
            // Booleans are numbers here: `quota: true`.
            let number = value.as_f64().or(value.as_bool().map(f64::from)).unwrap_or(f64::NAN);
            visit(&name, number)?;
        }
    }
    Ok(())
}
