//! Training of ranking models: columns and a model come in, weights and figures go out. The trainer knows no model, only that it has logits.
//! May be imported by `cli`.

mod config;
mod error;
#[cfg(test)]
mod model_tests;
mod trainer;

pub use config::TrainConfig;
pub use error::TrainError;
pub use trainer::{Epoch, Trained, Trainer};
