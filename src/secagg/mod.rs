//! Secure aggregation: a server learns the sum of many vectors and nothing else about any of them.
//!
//! Both roles stand here, because a protocol is read whole. An ordinary device speaks twice: [`Join`] (a key, and shares of two secrets
//! sealed for a committee) and [`Report`] (its vector under masks that cancel in the sum). After that its tab may close for good: who
//! opens the sum is the [committee](Member), whose members agree in writing on who reported, and then disclose for each device either what
//! opens its own mask or what opens its pairwise masks, never both. Everything is sans I/O: messages and randomness come in as arguments,
//! one struct stands for one phase, and each is made by consuming the one before.
//!
//! | phase | device | committee | server |
//! |---|---|---|---|
//! | terms | | [`Enlistment`] | [`Terms`], signed |
//! | joining | [`Joining`] → [`Join`] | | [`SignedTerms::admit`] |
//! | reporting | [`Joined`] → [`Masking`] → [`Report`] | | [`Roster`] |
//! | unmasking | | [`Member`] → [`Vote`], → [`Disclosure`] | [`Split`], [`Unmasking`] |
//! | sum | | | [`MaskJob`]s, [`Ring::centred`] |
//!
//! Sources: Bonawitz et al., "Practical secure aggregation for privacy-preserving machine learning", CCS 2017 (masks, shares, the signed
//! list); Bell et al., "Secure single-server aggregation with (poly)logarithmic overhead", CCS 2020 (neighbours on a Harary graph); Ma et
//! al., "Flamingo: multi-round single-server secure aggregation", S&P 2023 (a committee that opens, devices that speak twice).
//! May be imported by `protocol`, `client`, `wasm` and the server.

mod committee;
mod device;
mod error;
mod graph;
mod hash;
mod keeping;
mod keys;
mod merkle;
mod odds;
mod prg;
mod ring;
mod roster;
mod shamir;
mod terms;
mod unmask;

#[cfg(test)]
mod attack_tests;
#[cfg(test)]
mod dropout_tests;
#[cfg(test)]
mod world;

pub use committee::{Disclosure, Enlistment, Member, Seated, Vote, Voted};
pub use device::{Join, Joined, Joining, Masking, Neighbourhood, Report};
pub use error::Error;
pub use graph::Graph;
pub use hash::Digest;
pub use keys::{Identity, OpeningKey, PublicKey, Signature};
pub use odds::{Committee, Odds, degree};
pub use prg::{MaskKey, Prg, stream_len};
pub use ring::Ring;
pub use roster::{Entry, Neighbour, Roster, RosterView};
pub use terms::{Policy, Seat, SignedTerms, Terms};
pub use unmask::{MaskJob, Sign, Split, Unmasking};
