//! What JavaScript sees of the engine's inner values: plain objects, camel case.

use crate::client::{Received, Recommender};
use crate::privacy::Direction;
use crate::protocol::ReceiptStatus;
use crate::session::Feedback;
use js_sys::{Array, Object};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::{JsCast, JsValue};

/// As a plain object: numbers for u64, `undefined` for absent.
pub(super) fn to_js<T: Serialize>(value: &T) -> JsValue {
    // These views hold numbers, strings and lists only; serialising them cannot fail.
    value.serialize(&Serializer::new()).unwrap_or(JsValue::UNDEFINED)
}

/// Visits the numeric fields of a plain object; `undefined` fields, and an undefined object, are passed over.
pub(super) fn fields(object: &JsValue, mut visit: impl FnMut(&str, f64) -> Result<(), JsValue>) -> Result<(), JsValue> {
    let Some(object) = object.dyn_ref::<Object>() else { return Ok(()) };
    for entry in Object::entries(object).iter() {
        let entry: Array = entry.unchecked_into();
        let (name, value) = (entry.get(0).as_string().unwrap_or_default(), entry.get(1));
        if !value.is_undefined() && !value.is_null() {
            visit(&name, value.as_f64().unwrap_or(f64::NAN))?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum ReceivedView {
    Weights { version: f64 },
    Offer { round: f64, weights: f64, cohort: u32, closes_at: f64, clip_norm: f32 },
    Receipt { round: f64, status: &'static str },
}

#[allow(clippy::cast_precision_loss, reason = "ids and times stay below 2⁵³")]
impl From<Received> for ReceivedView {
    fn from(received: Received) -> Self {
        match received {
            Received::Weights(version) => Self::Weights { version: version.0 as f64 },
            Received::Offer(offer) => Self::Offer {
                round: offer.round.0 as f64,
                weights: offer.weights.0 as f64,
                cohort: offer.cohort,
                closes_at: offer.closes_at.0 as f64,
                clip_norm: offer.plan.clip_norm,
            },
            Received::Receipt(receipt) => Self::Receipt {
                round: receipt.round.0 as f64,
                status: match receipt.status {
                    ReceiptStatus::Accepted => "accepted",
                    ReceiptStatus::AlreadyCounted => "already-counted",
                    ReceiptStatus::RoundClosed => "round-closed",
                },
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LedgerView<'a> {
    sent_messages: f64,
    sent_bytes: f64,
    entries: Vec<EntryView<'a>>,
}

#[derive(Serialize)]
struct EntryView<'a> {
    at: f64,
    direction: &'static str,
    message: &'a str,
    bytes: u32,
    meaning: &'a str,
}

#[allow(clippy::cast_precision_loss, reason = "totals and times stay below 2⁵³")]
impl<'a> From<&'a crate::privacy::Ledger> for LedgerView<'a> {
    fn from(ledger: &'a crate::privacy::Ledger) -> Self {
        Self {
            sent_messages: ledger.sent_messages() as f64,
            sent_bytes: ledger.sent_bytes() as f64,
            entries: ledger
                .entries()
                .iter()
                .map(|e| EntryView {
                    at: e.at.0 as f64,
                    direction: if e.direction == Direction::Up { "up" } else { "down" },
                    message: &e.message,
                    bytes: e.bytes,
                    meaning: &e.meaning,
                })
                .collect(),
        }
    }
}

/// One remembered event, for the listener's own eyes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventView {
    song: u32,
    slot: u16,
    shown_at: f64,
    at: f64,
    behaviour: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    heard: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hour: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weekday: Option<u8>,
}

#[allow(clippy::cast_precision_loss, reason = "times stay below 2⁵³")]
pub(super) fn history(engine: &Recommender) -> Vec<EventView> {
    let view = |r: &crate::client::Remembered| EventView {
        song: r.event.impression.song.0,
        slot: r.event.impression.slot,
        shown_at: r.event.impression.at.0 as f64,
        at: r.event.at.0 as f64,
        behaviour: r.event.feedback.behaviour() as u8,
        heard: if let Feedback::Skip { heard } = r.event.feedback { Some(heard.get()) } else { None },
        hour: r.context.hour,
        weekday: r.context.weekday,
    };
    engine.history().iter().map(view).collect()
}

/// Everything the engine knows of the listener.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExportView<'a> {
    format: u8,
    consent: bool,
    heard: f64,
    history: Vec<EventView>,
    weights_version: Option<f64>,
    personal_weights: &'a [f32],
    ledger: LedgerView<'a>,
}

#[allow(clippy::cast_precision_loss, reason = "counts stay below 2⁵³")]
pub(super) fn export(engine: &Recommender) -> ExportView<'_> {
    ExportView {
        format: 1,
        consent: engine.consent(),
        heard: engine.heard() as f64,
        history: history(engine),
        weights_version: engine.weights_version().map(|v| v.0 as f64),
        personal_weights: engine.tower().map_or(&[], |t| t.personal()),
        ledger: engine.ledger().into(),
    }
}

/// Why one song of the slate is there.
#[derive(Serialize)]
struct PlacementView {
    song: u32,
    slot: u16,
    relevance: f32,
    session: f32,
    popularity: f32,
    explore: f32,
    diversity: f32,
    why: &'static str,
    text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
}

pub(super) fn explain(slate: &crate::rerank::Slate) -> JsValue {
    use crate::rerank::{RuleNote, Why};
    let view = |p: &crate::rerank::Placement| PlacementView {
        song: p.song.0,
        slot: p.slot,
        relevance: p.relevance,
        session: p.session,
        popularity: p.popularity,
        explore: p.explore,
        diversity: p.diversity,
        why: match p.why {
            Why::Taste => "taste",
            Why::ThisSession => "session",
            Why::Fresh => "fresh",
            Why::Popular => "popular",
            Why::Variety => "variety",
            Why::Boosted => "boosted",
        },
        text: p.reason().headline(),
        rule: p.rule.map(|rule| match rule {
            RuleNote::PassedOver { .. } => "passed-over",
            RuleNote::GapRelaxed { .. } => "gap-relaxed",
        }),
    };
    to_js(&slate.placements().iter().map(view).collect::<Vec<_>>())
}

#[derive(Serialize)]
struct InterestView {
    weight: f32,
    songs: Vec<u32>,
}

pub(super) fn interests(interests: Vec<crate::client::Interest>) -> JsValue {
    let view =
        |i: crate::client::Interest| InterestView { weight: i.weight, songs: i.songs.iter().map(|s| s.0).collect() };
    to_js(&interests.into_iter().map(view).collect::<Vec<_>>())
}

pub(super) fn muted(muted: Vec<Vec<crate::ids::SongId>>) -> JsValue {
    // All alike in how much they weigh.
    let view =
        |songs: Vec<crate::ids::SongId>| InterestView { weight: 1.0, songs: songs.iter().map(|s| s.0).collect() };
    to_js(&muted.into_iter().map(view).collect::<Vec<_>>())
}

/// `undefined` where a dimension cannot be told.
pub(super) fn portrait(portrait: crate::client::Portrait) -> JsValue {
    let view = Object::new();
    for (name, dimension) in [
        ("explore", portrait.explore),
        ("diverse", portrait.diverse),
        ("newSong", portrait.new_songs),
        ("niche", portrait.niche),
        ("unique", portrait.unique),
        ("focused", portrait.focused),
    ] {
        if let Some(told) = dimension {
            set(&view, name, &TraitView { value: told.value, stars: told.stars }.into());
        }
    }
    view.into()
}

#[derive(Serialize)]
struct TraitView {
    value: f32,
    stars: u8,
}

impl From<TraitView> for JsValue {
    fn from(view: TraitView) -> Self {
        to_js(&view)
    }
}

/// One typed array a column.
#[allow(clippy::cast_precision_loss, reason = "times stay below 2⁵³")]
pub(super) fn library(library: &crate::client::Library) -> JsValue {
    let tallies = library.songs();
    let view = Object::new();
    let counts = |f: &dyn Fn(&(crate::ids::SongId, crate::client::Tally)) -> u32| -> JsValue {
        js_sys::Uint32Array::from(&tallies.iter().map(f).collect::<Vec<u32>>()[..]).into()
    };
    set(&view, "songs", &counts(&|(song, _)| song.0));
    set(&view, "plays", &counts(&|(_, t)| t.plays));
    set(&view, "skips", &counts(&|(_, t)| t.skips));
    set(&view, "liked", &counts(&|(_, t)| t.liked.into()));
    set(&view, "blocked", &counts(&|(_, t)| t.blocked.into()));
    let last: Vec<f64> = tallies.iter().map(|(_, t)| t.last.0 as f64).collect();
    set(&view, "last", &js_sys::Float64Array::from(&last[..]).into());
    view.into()
}

/// Setting a property of a fresh object cannot fail.
fn set(object: &Object, name: &str, value: &JsValue) {
    let _ = js_sys::Reflect::set(object, &name.into(), value);
}
