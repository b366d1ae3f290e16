//! The loop that trains a ranking model it does not know: columns and a model come in, the weights of its best epoch go out, with what every
//! epoch came to. `config` says how, `trainer` is the loop, `step` one step of it, `balance` what several tasks make of one, `figures` what it
//! is worth; `checkpoint` is a trainer as bytes, `sealed` how such bytes are kept from harm. May be imported by `runs` and `cli`.

mod balance;
mod checkpoint;
mod config;
mod error;
mod figures;
mod sealed;
mod step;
mod trainer;

#[cfg(test)]
mod balance_tests;
#[cfg(test)]
mod checkpoint_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod sequence_tests;
#[cfg(test)]
mod task_tests;

pub use balance::{Balance, Balanced};
pub use checkpoint::{Named, named, same};
pub use config::{Steps, TrainConfig};
pub use error::TrainError;
pub use figures::{Figures, figures, places, predictions, scores};
pub use sealed::{Fields, Seal, SealError, put_json, put_reals};
pub use trainer::{Epoch, Moment, Trained, Trainer, Watch};
