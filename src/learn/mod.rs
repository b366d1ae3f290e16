//! What the device trains with: a flat weight vector with named parts, a tape of small matrix operations with their derivatives, and
//! optimisers. Knows nothing of music. May be imported by `tower`, `client` and the server.

mod backward;
mod number;
mod optim;
mod params;
mod tape;

pub use number::Number;
pub use optim::{Adam, proximal, sgd};
pub use params::{Layout, Part};

pub use tape::{Scratch, Tape, Var};
