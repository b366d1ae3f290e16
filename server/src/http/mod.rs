//! The HTTP face of the server (`docs/http.md`). Requests come in, catalogue shards, candidates, weights and invitations go
//! out, and what a device may send: the messages of a secure round, or an update where rounds are in the open, and a noised question.
//!
//! Tensors travel as CBOR (`sottovoce::protocol`), everything else as JSON; what goes wrong is `application/problem+json` with a
//! `next` that says what to do. No cookies; no body and no address is ever logged. [`router`] is the whole of it and opens no
//! socket, so tests call it like a function. May be imported by `cli`.

mod admin;
mod admission;
mod app;
mod blocks;
mod body;
mod candidates;
mod catalogue;
mod conditional;
mod following;
mod headers;
mod limits;
mod log;
mod negotiate;
mod ops;
mod problem;
mod ranker;
mod recall;
mod rounds;
mod router;
mod secure;
mod static_files;
mod tls;
mod tower;

pub use admin::AdminTokens;
pub use admission::{Admission, AdmissionError, Guest, Open, SignedTokens};
pub use app::{App, HttpConfig, HttpError};
pub use candidates::CandidateSource;
pub use catalogue::Catalogue;
pub use limits::LimitConfig;
pub use router::{openapi, router};
pub use tls::{Tls, TlsError};
