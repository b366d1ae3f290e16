//! PFedRec (IJCAI 2023) under its authors' protocol and under one that does not flatter, beside what it is to be measured against.
//! `world` rebuilds who heard what and holds songs out, `client` is the model and what stays on a device, `round` the server,
//! `rank` the measures, `baseline` popularity and centralised matrix factorisation, `contest` all of them over several seeds.
//! Knows nothing of the device's engine. May be imported by `cli`.

mod baseline;
mod client;
mod contest;
mod rank;
mod round;
mod world;

#[cfg(test)]
mod tests;

pub use baseline::{Factors, FactorsConfig, popularity};
pub use client::{Client, LocalConfig, Personal, Score};
pub use contest::{Contest, ContestConfig, Line, Outcome, contest};
pub use rank::{Figures, Quality, figures};
pub use round::{Federation, FederationConfig};
pub use world::{Holding, LEAST_ROWS, Listener, NEGATIVES, World, WorldError};
