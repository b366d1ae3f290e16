//! The parameter server of `sottovoce-algebra` over the processes of an MPI job: every rank owns the rows of some ids, and every step's
//! pulls and pushes are all-to-all. The bits are those of one process that takes the same shares.
//!
//! Empty without the feature `openmpi`, which needs an MPI on the machine. `docs/parameter-server.md` has the commands.

#[cfg(feature = "openmpi")]
mod exchange;
#[cfg(feature = "openmpi")]
mod server;

#[cfg(feature = "openmpi")]
pub use exchange::MpiError;
#[cfg(feature = "openmpi")]
pub use server::{MpiRows, MpiServer};
