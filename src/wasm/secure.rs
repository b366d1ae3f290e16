//! The door to secure rounds, in the full engine: one errand at a time, what the page has done for it, and what the listener may see;
//! documented in the package's TypeScript face.

use super::error::with_code;
use super::recommender::{Recommender, millis};
use super::view::{View, count, number};
use crate::client::secure::{self, RoundState, Service};
use crate::ids::RoundId;
use crate::privacy::accountant::Budget;
use crate::protocol::Fate;
use crate::secagg::PublicKey;
use js_sys::{Float32Array, Object, Reflect};
use rand_core::{TryCryptoRng, TryRng, UnwrapErr};
use wasm_bindgen::prelude::*;

/// What the page is to do next.
#[wasm_bindgen(getter_with_clone)]
#[derive(Debug)]
pub struct Errand {
    /// `"get"`, `"put"`, `"keep"` or `"mask"`.
    #[wasm_bindgen(readonly)]
    pub kind: String,
    /// Of a get or a put: where, relative to the server.
    #[wasm_bindgen(readonly)]
    pub path: Option<String>,
    /// Of a get or a put: the message's name.
    #[wasm_bindgen(readonly)]
    pub message: Option<String>,
    /// Of a put the body, of a keep the vault, of a mask the 16 bytes of its key.
    #[wasm_bindgen(readonly)]
    pub body: Option<Vec<u8>>,
    /// Of a mask: bytes of its stream.
    #[wasm_bindgen(readonly)]
    pub length: Option<u32>,
    /// The round that this device is in.
    #[wasm_bindgen(readonly)]
    pub round: Option<f64>,
}

/// The platform's generator; that it works is asked for before it is used.
struct Platform;

impl TryRng for Platform {
    type Error = getrandom::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        getrandom::u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        getrandom::u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        getrandom::fill(bytes)
    }
}

impl TryCryptoRng for Platform {}

#[wasm_bindgen]
impl Recommender {
    /// See [`crate::client::Recommender::round_errand`]; all that is drawn comes from the platform's generator.
    #[wasm_bindgen(js_name = roundErrand)]
    pub fn round_errand(&mut self, now: f64) -> Result<Option<Errand>, JsValue> {
        getrandom::u32().map_err(|_| with_code("the platform gives no random numbers", "random/unavailable"))?;
        let errand = self.engine.round_errand(millis(now), &mut UnwrapErr(Platform))?;
        let round = self.engine.round_state().round.map(id);
        let none = Errand { kind: String::new(), path: None, message: None, body: None, length: None, round };
        Ok(errand.map(|errand| match errand {
            secure::Errand::Get { path, message } => {
                Errand { kind: "get".into(), path: Some(path), message: Some(message.into()), ..none }
            }
            secure::Errand::Put { path, message, body } => {
                Errand { kind: "put".into(), path: Some(path), message: Some(message.into()), body: Some(body), ..none }
            }
            secure::Errand::Keep { bytes } => Errand { kind: "keep".into(), body: Some(bytes), ..none },
            secure::Errand::Mask { key, length } => Errand {
                kind: "mask".into(),
                body: Some(key),
                length: Some(u32::try_from(length).unwrap_or(u32::MAX)),
                ..none
            },
        }))
    }

    /// See [`crate::client::Recommender::round_answer`].
    #[wasm_bindgen(js_name = roundAnswer)]
    pub fn round_answer(&mut self, status: u16, body: &[u8], now: f64) -> Result<(), JsValue> {
        Ok(self.engine.round_answer(status, body, millis(now))?)
    }

    /// See [`crate::client::Recommender::round_kept`].
    #[wasm_bindgen(js_name = roundKept)]
    pub fn round_kept(&mut self, read_back: &[u8]) -> Result<(), JsValue> {
        Ok(self.engine.round_kept(read_back)?)
    }

    /// See [`crate::client::Recommender::round_stream`].
    #[wasm_bindgen(js_name = roundStream)]
    pub fn round_stream(&mut self, stream: &[u8]) -> Result<(), JsValue> {
        Ok(self.engine.round_stream(stream)?)
    }

    /// See [`crate::client::Recommender::round_sent`].
    #[wasm_bindgen(js_name = roundSent)]
    pub fn round_sent(&mut self, now: f64) {
        self.engine.round_sent(millis(now));
    }

    /// See [`crate::client::Recommender::record_left`].
    #[wasm_bindgen(js_name = recordLeft)]
    pub fn record_left(&mut self, message: &str, bytes: u32, meaning: &str, now: f64) {
        self.engine.record_left(message, bytes, meaning, millis(now));
    }

    /// See [`crate::client::Recommender::round_state`], as an object.
    #[wasm_bindgen(js_name = roundState)]
    pub fn round_state(&self) -> JsValue {
        let state = self.engine.round_state();
        let text = state.why.as_ref().map(ToString::to_string);
        view(&state, text.as_deref()).into()
    }

    /// See [`crate::client::Recommender::explain_upload`]: an object whose vectors are typed arrays, both in the unit of the weights.
    #[wasm_bindgen(js_name = explainUpload)]
    pub fn explain_upload(&self) -> JsValue {
        let Some(upload) = self.engine.explain_upload() else { return JsValue::UNDEFINED };
        let step = 1.0 / f64::from(upload.steps.max(1));
        let view: JsValue = View::Record(vec![
            ("round", count(upload.round.0)),
            ("norm", number(upload.norm())),
            ("clipNorm", number(upload.clip_norm)),
            ("sigma", View::Number(upload.sigma * step)),
            ("steps", count(upload.steps.into())),
            ("bits", count(upload.bits.into())),
            ("bytes", count(upload.bytes.into())),
        ])
        .into();
        let object: &Object = view.unchecked_ref();
        for (name, values) in [("clipped", &upload.clipped), ("noised", &upload.noised_values())] {
            // Setting a property of a fresh object cannot fail.
            let _ = Reflect::set(object, &name.into(), &Float32Array::from(&values[..]));
        }
        view
    }

    /// See [`crate::client::Recommender::vault`].
    pub fn vault(&self) -> Vec<u8> {
        self.engine.vault()
    }

    /// See [`crate::client::Recommender::restore_vault`].
    #[wasm_bindgen(js_name = restoreVault)]
    pub fn restore_vault(&mut self, bytes: &[u8]) -> Result<(), JsValue> {
        Ok(self.engine.restore_vault(bytes)?)
    }

    /// See [`crate::client::Recommender::forget_vault`].
    #[wasm_bindgen(js_name = forgetVault)]
    pub fn forget_vault(&mut self) {
        self.engine.forget_vault();
    }

    /// See [`crate::client::Recommender::set_budget`]; `epsilon` may be `Infinity`.
    #[wasm_bindgen(js_name = setBudget)]
    pub fn set_budget(&mut self, epsilon: f64, delta: f64) -> Result<(), JsValue> {
        let budget = Budget::new(epsilon, delta)
            .map_err(|_| with_code("a budget has ε above 0 and δ from 10⁻¹⁵ to below 1", "budget/invalid"))?;
        self.engine.set_budget(budget);
        Ok(())
    }

    /// See [`crate::client::Recommender::set_round_policy`].
    #[wasm_bindgen(js_name = setRoundPolicy)]
    pub fn set_round_policy(&mut self, survivors: u32, members: u32, apart: u32) {
        self.engine.set_round_policy(survivors, members, apart);
    }

    /// See [`crate::client::Recommender::trust_server`]; 32 bytes.
    #[wasm_bindgen(js_name = trustServer)]
    pub fn trust_server(&mut self, key: &[u8]) -> Result<(), JsValue> {
        let key = key.try_into().map_err(|_| with_code("a server's key has 32 bytes", "round/server-key"))?;
        Ok(self.engine.trust_server(PublicKey(key))?)
    }
}

#[allow(clippy::cast_precision_loss, reason = "round ids stay below 2⁵³")]
fn id(round: RoundId) -> f64 {
    round.0 as f64
}

fn view<'a>(state: &RoundState, text: Option<&'a str>) -> View<'a> {
    let round = |round: RoundId| ("round", count(round.0));
    let service =
        |Service { round: of, task }: Service| View::Record(vec![round(of), ("task", View::Text(task.name()))]);
    let outcome = |(of, fate): (RoundId, Fate)| {
        let fate = match fate {
            Fate::Waiting => "waiting",
            Fate::Included => "included",
            Fate::Missed => "missed",
        };
        View::Record(vec![round(of), ("fate", View::Text(fate))])
    };
    let cost = |epsilon, delta| View::Record(vec![("epsilon", View::Number(epsilon)), ("delta", View::Number(delta))]);
    View::Record(vec![
        ("phase", View::Text(state.phase.name())),
        ("round", state.round.map_or(View::Absent, |round| count(round.0))),
        ("enlisted", View::Flag(state.enlisted)),
        ("service", state.service.map_or(View::Absent, service)),
        ("spent", cost(state.spent.epsilon, state.spent.delta)),
        ("budget", cost(state.budget.epsilon(), state.budget.delta())),
        ("charged", count(state.spent.rounds)),
        ("included", count(state.included)),
        ("outcome", state.outcome.map_or(View::Absent, outcome)),
        ("retryAt", state.retry_at.map_or(View::Absent, |at| count(at.0))),
        ("why", state.why.as_ref().map_or(View::Absent, |why| View::Text(why.code()))),
        ("whyText", text.map_or(View::Absent, View::Text)),
    ])
}
