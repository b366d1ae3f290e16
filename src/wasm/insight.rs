//! What only the full engine shows of its view of the listener, and takes in from elsewhere; documented in the package's TypeScript face.

use super::insight_views as views;
use super::recommender::{Recommender, millis, numbers, songs};
use crate::ids::SongId;
use crate::session::{Behaviour, Fraction, Impression, ListenEvent};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
impl Recommender {
    /// See [`client::Recommender::index`].
    pub fn index(&mut self) {
        self.engine.index();
    }

    /// See [`client::Recommender::import`]; columns of equal length.
    #[wasm_bindgen(js_name = importHistory)]
    pub fn import_history(
        &mut self,
        song: &[u32],
        at: &[f64],
        behaviour: &[u8],
        heard: &[f32],
    ) -> Result<usize, JsValue> {
        let n = song.len();
        if [at.len(), behaviour.len(), heard.len()] != [n; 3] {
            return Err(super::error::with_code("the columns differ in length", "import/columns"));
        }
        let event = |i: usize| {
            let at = millis(at[i]);
            let feedback = Behaviour::from_u8(behaviour[i])?.feedback(Fraction::new(heard[i]));
            Some(ListenEvent { impression: Impression { song: SongId(song[i]), slot: 0, at }, feedback, at })
        };
        Ok(self.engine.import((0..n).filter_map(event)))
    }

    /// See [`client::Recommender::interests`].
    pub fn interests(&mut self, k: usize) -> JsValue {
        views::interests(&self.engine.interests(k)).into()
    }

    /// See [`client::Recommender::less_of`].
    #[wasm_bindgen(js_name = lessOf)]
    pub fn less_of(&mut self, index: usize) -> bool {
        self.engine.less_of(index)
    }

    /// See [`client::Recommender::muted`].
    pub fn muted(&self, k: usize) -> JsValue {
        views::muted(&self.engine.muted(k)).into()
    }

    /// See [`client::Recommender::unmute`].
    pub fn unmute(&mut self, index: usize) -> bool {
        self.engine.unmute(index)
    }

    /// See [`client::Recommender::portrait`].
    pub fn portrait(&self) -> JsValue {
        views::portrait(self.engine.portrait()).into()
    }

    /// See [`client::Recommender::library`], as columns.
    pub fn library(&self) -> JsValue {
        views::library(self.engine.library())
    }

    /// See [`client::Recommender::similarity`].
    pub fn similarity(&self, of: &[u32]) -> Vec<f32> {
        self.engine.similarity(&songs(of))
    }

    /// See [`client::Recommender::session_vector`].
    #[wasm_bindgen(js_name = sessionVector)]
    pub fn session_vector(&self, now: f64) -> Vec<f32> {
        self.engine.session_vector(millis(now))
    }

    /// See [`client::Recommender::near`].
    pub fn near(&self, song: u32, k: usize) -> Vec<u32> {
        numbers(self.engine.near(SongId(song), k))
    }

    /// The embedding of a resident song.
    pub fn embedding(&self, song: u32) -> Option<Vec<f32>> {
        let items = self.engine.items();
        let slot = items.slot(SongId(song))?;
        let mut row = vec![0.0; items.dimension()];
        items.blocks().row(slot, &mut row);
        Some(row)
    }
}
