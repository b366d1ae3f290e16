//! Where rounds live: one store, two databases. A [`Store`] is the SQLite state file, or PostgreSQL by URL; the tables have the
//! same names and columns in both, and every statement is the same text (`$1`, `ON CONFLICT`, `RETURNING`).
//!
//! Rooms that have tables here write them like this: decide by what a statement reports ([`Link::execute`] of an `UPDATE … WHERE
//! state = …` is a compare-and-swap), do it in the transaction of its effects ([`Store::write`]), run the whole under
//! [`retry()`], and acknowledge after [`Write::commit`]. An enum of two pools and not sqlx's `any` driver: the state file has
//! one pool with its own settings, and tensors are not copied once more. May be imported by `federated`, `http` and `cli`.

mod error;
mod fault;
mod lease;
mod link;
mod open;
mod retry;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use error::StoreError;
pub use fault::{Fault, Point};
pub use lease::Owner;
pub use link::{Link, Row, Value, Write};
pub use open::{Isolation, Store};
pub use retry::{Transient, retry};
