//! Everything that travels between device and server, and nothing else. What may leave the device is the closed list
//! [`Uplink`]; what comes down is [`Downlink`]. Both are CBOR with tensors as byte strings; the version is in the envelope and
//! in the media type. May be imported by `client`, `wasm` and the server.
//!
//! A listening event has no encoder, so code that would send one does not compile:
//!
//! ```compile_fail
//! use sottovoce::{ids::*, protocol, session::*};
//! let at = Millis(0);
//! let event = ListenEvent { impression: Impression { song: SongId(1), slot: 0, at }, feedback: Feedback::Complete, at };
//! let bytes = protocol::send(&event); // the trait bound `ListenEvent: Uplink` is not satisfied
//! ```

#[cfg(feature = "full")]
mod block;
#[cfg(feature = "full")]
mod chain;
mod codec;
mod message;
#[cfg(feature = "full")]
mod recall;
#[cfg(feature = "secagg")]
mod secagg;
#[cfg(feature = "secagg")]
mod secure;

#[cfg(feature = "full")]
pub use block::CandidateBlock;
#[cfg(feature = "full")]
pub use chain::{RecordError, SignedRecord, VersionRecord, verify, weights_hash};
pub use codec::{
    DecodeError, Element, MAX_MESSAGE_BYTES, MEDIA_TYPE, Reader, VERSION, Writer, decode, encode, kind, send,
};
pub use message::{
    CatalogueShard, Downlink, Extraction, LocalPlan, Message, Receipt, ReceiptStatus, RoundOffer, TowerShape,
    TowerWeights, Uplink, WeightUpdate,
};
#[cfg(feature = "full")]
pub use recall::RecallQuery;
#[cfg(feature = "secagg")]
pub use secagg::{SplitQuestion, SplitVotes};
#[cfg(feature = "secagg")]
pub use secure::{Fate, NoiseTerms, Outcome, SecureOffer, Stage};
