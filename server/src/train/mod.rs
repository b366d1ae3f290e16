//! The loop that trains a ranking model it does not know: columns and a model come in, the weights of its best epoch go out, with what every
//! epoch came to. `config` says how, `trainer` is the loop, `step` one step of it, `balance` what several tasks make of one. May be imported by
//! `cli`.

mod balance;
mod config;
mod error;
mod step;
mod trainer;

#[cfg(test)]
mod balance_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod sequence_tests;
#[cfg(test)]
mod task_tests;

pub use balance::{Balance, Balanced};
pub use config::TrainConfig;
pub use error::TrainError;
pub use trainer::{Epoch, Trained, Trainer};
