//! Runs of ranking models, as a person types them: folders that are whole or not there, kills that cost nothing, errors that say what to type.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod asked;
mod bad_input;
mod folders;
mod killed;
mod served;
mod world;
