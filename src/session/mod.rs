//! The listener's recent past: events come in, a decayed memory of what was liked and what was skipped comes out.
//! Nothing in this room has a wire encoder. May be imported by `tower`, `rerank`, `client` and `wasm`.

mod event;
mod feedback;
mod memory;
mod recent;
#[allow(clippy::module_inception, reason = "the room and its main noun share a name")]
mod session;

pub use event::{Impression, ListenEvent};
pub use feedback::{Behaviour, Feedback, Fraction};
pub use memory::Memory;
pub use recent::Recent;
pub use session::{Heard, Session, SessionConfig};
