//! A small honest world, for running everything with no file at all: listeners with several drifting interests, artists in
//! genre × language clusters, songs near their artist, and skips and completions that follow from taste plus noise. A
//! [`SyntheticConfig`] enters, a [`World`] leaves; its planted tastes stay obtainable, so that a simulated listener can
//! react to songs that the log never showed. What it does not model: moods of a day, friends, time zones, trends.
//!
//! `words` names things · `stock` makes the catalogue and its vectors · `taste` says who likes what when · `world` lets
//! them listen · `businesses` is a world of its own, of two shops with the same people. Every number is drawn from one seed, by one generator a purpose.

mod businesses;
mod config;
mod stock;
mod taste;
mod words;
mod world;

pub use businesses::TwoBusinesses;
pub use config::SyntheticConfig;
pub use world::{World, synthetic};
