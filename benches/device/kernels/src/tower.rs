//! A small user tower that every engine here can express: attention over a history, two dense layers, trained by one step of
//! batch softmax. Far smaller than the product's, and on the same tape.
//!
//! ```text
//! a = softmax(H·q / 8)      p = aᵀ·H      m = mean(H)          H: 50 × 64
//! u = W₂·relu(W₁·[p; m] + b₁) + b₂                             W₁: 64 × 128, W₂: 32 × 64
//! loss = mean over b of −ln softmax(⟨u_b, v_c⟩ over c)[b]      32 histories, each against all 32 songs
//! ```

use super::address;
use sottovoce::learn::{Layout, Part, Scratch, Tape, Var, sgd};
use wasm_bindgen::prelude::wasm_bindgen;

const BATCH: usize = 32;
const HISTORY: usize = 50;
const D: usize = 64;
const HIDDEN: u32 = 64;
const USER: usize = 32;

/// Where each weight lies; the order in which the page writes them.
#[derive(Clone, Copy, Debug)]
struct Parts {
    query: Part,
    hidden: Part,
    hidden_bias: Part,
    out: Part,
    out_bias: Part,
}

/// The tower, its weights and its buffers.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Tower {
    parts: Parts,
    weights: Vec<f32>,
    gradient: Vec<f32>,
    scratch: Scratch<f32>,
    histories: Vec<f32>,
    songs: Vec<f32>,
    user: Vec<f32>,
}

#[wasm_bindgen]
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "64, 50 and 32")]
impl Tower {
    /// Weights and buffers of zeros.
    #[wasm_bindgen(constructor)]
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a constructor for JavaScript")]
    pub fn new() -> Self {
        let mut layout = Layout::default();
        let parts = Parts {
            query: layout.vector(D as u32),
            hidden: layout.matrix(HIDDEN, 2 * D as u32),
            hidden_bias: layout.vector(HIDDEN),
            out: layout.matrix(USER as u32, HIDDEN),
            out_bias: layout.vector(USER as u32),
        };
        Self {
            parts,
            weights: vec![0.0; layout.len()],
            gradient: vec![0.0; layout.len()],
            scratch: Scratch::default(),
            histories: vec![0.0; BATCH * HISTORY * D],
            songs: vec![0.0; BATCH * USER],
            user: vec![0.0; USER],
        }
    }

    /// The flat weights: query, W₁ column by column, b₁, W₂ column by column, b₂.
    #[must_use]
    pub fn weights(&self) -> usize {
        address(&self.weights)
    }

    /// 32 histories of 50 × 64, row by row; [`Tower::forward`] takes the first.
    #[must_use]
    pub fn histories(&self) -> usize {
        address(&self.histories)
    }

    /// 32 songs of 32 numbers: the right one for each history.
    #[must_use]
    pub fn songs(&self) -> usize {
        address(&self.songs)
    }

    /// What [`Tower::forward`] leaves: 32 numbers.
    #[must_use]
    pub fn user(&self) -> usize {
        address(&self.user)
    }

    /// The user embedding of the first history.
    pub fn forward(&mut self) {
        let inputs = [&self.histories[..HISTORY * D]];
        let mut tape = Tape::with_inputs(&self.weights, &inputs, &mut self.scratch);
        let user = embed(&mut tape, &self.parts);
        self.user.copy_from_slice(tape.value(user));
    }

    /// One step of SGD on all 32; the loss before it.
    pub fn train(&mut self, learning_rate: f32) -> f32 {
        let inputs = [&self.histories[..], &self.songs];
        let mut tape = Tape::with_inputs(&self.weights, &inputs, &mut self.scratch);
        let users = embed(&mut tape, &self.parts);
        let songs = tape.input(1, USER);
        let logits = tape.scores(users, songs);
        let loss = tape.cross_entropy(logits, 0..BATCH as u32);
        let value = tape.value(loss)[0];
        self.gradient.fill(0.0);
        tape.backward(loss, 1.0, &mut self.gradient);
        sgd(&mut self.weights, &self.gradient, learning_rate);
        value
    }
}

/// The users of the histories that are the tape's first input.
fn embed(tape: &mut Tape<'_, f32>, parts: &Parts) -> Var {
    let songs = tape.input(0, D);
    let query = tape.parameter(parts.query);
    let scores = tape.scores(songs, query).reshape(HISTORY);
    let eighth = tape.constant(1, [0.125]);
    let scores = tape.scale(eighth, scores);
    let attention = tape.softmax(scores);
    let pooled = tape.mix(attention, songs);
    let equal = tape.constant(HISTORY, (0..songs.rows()).map(|_| 1.0 / HISTORY as f32));
    let mean = tape.mix(equal, songs);
    let both = tape.concat(&[pooled, mean]);
    let hidden = tape.linear(parts.hidden, Some(parts.hidden_bias), both);
    let hidden = tape.relu(hidden);
    tape.linear(parts.out, Some(parts.out_bias), hidden)
}
