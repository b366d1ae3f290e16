//! [`Algebra`](sottovoce_algebra::Algebra) over the deep-learning framework [burn](https://burn.dev): a model that is written once over the
//! trait runs on CUDA, Vulkan and Metal, and every derivative that `sottovoce-algebra` writes by hand is held against one that was derived.
//!
//! [`Weights`] lie on a device, a [`Graph`] computes over them and differentiates, [`Adam`] moves them where they lie. Operations are composed
//! of burn's own (`ops`), none of them of ours: whatever burn makes of their derivatives is a second opinion.
//!
//! ```sh
//! cd algebra/burn
//! cargo test                                               # every operation and the real models, against the tape
//! cargo run --example deepfm -- --json                     # the processor
//! cargo run --example deepfm --features gpu -- --json      # Vulkan, Metal or DirectX 12
//! cargo run --example deepfm --features cuda -- --json     # NVIDIA
//! ```
//!
//! Features: `flex` (burn's processor backend, the default), `gpu`, `cuda`. With several, [`Device::default`](burn::tensor::Device::default)
//! takes a GPU before the processor; the environment variable `BURN_DEVICE` names another.
//!
//! # Example
//! The derivative of `tanh(w)` at 0 is 1:
//! ```
//! use burn::tensor::Device;
//! use sottovoce_algebra::{Algebra, Init, Parameters};
//! use sottovoce_burn::{Graph, Weights};
//! let mut parameters = Parameters::<f64>::new(0);
//! let w = parameters.add("w", 1, 1, Init::Constant(0.0));
//! let weights = Weights::new(&parameters, &Device::default());
//! let mut graph = Graph::new(&weights);
//! let x = graph.parameter(w);
//! let y = graph.tanh(x);
//! assert_eq!(graph.grad(y).part(w), Some(vec![1.0]));
//! ```

mod algebra;
mod gradients;
mod graph;
mod losses;
mod number;
mod ops;
mod optim;
mod weights;

pub use gradients::Gradients;
pub use graph::{Graph, Var};
pub use number::Number;
pub use optim::Adam;
pub use weights::Weights;
