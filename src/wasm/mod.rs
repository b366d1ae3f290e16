//! The door to JavaScript: newtypes and one-line methods with the names of `client`, on wasm32 only. Typed arrays on the hot
//! path; serde objects for configuration and explanations. Nothing may import this room.
//!
//! With the feature `slim` the door is `slim.rs` alone, and the rest is not compiled.

#[cfg(all(feature = "full", not(feature = "slim")))]
mod asking;
#[cfg(not(feature = "slim"))]
mod engine;
#[cfg(not(feature = "slim"))]
mod error;
#[cfg(all(feature = "full", not(feature = "slim")))]
mod insight;
#[cfg(all(feature = "full", not(feature = "slim")))]
mod insight_views;
#[cfg(not(feature = "slim"))]
mod recommender;
#[cfg(all(feature = "full", not(feature = "slim")))]
mod rounds;
#[cfg(all(feature = "secagg", not(feature = "slim")))]
mod secure;
#[cfg(feature = "slim")]
mod slim;
#[cfg(not(feature = "slim"))]
mod view;
#[cfg(not(feature = "slim"))]
mod views;

/// The page's memory. Std's own allocator is three times the bytes of this one.
#[global_allocator]
static MEMORY: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

#[cfg(not(feature = "slim"))]
pub use recommender::Recommender;
#[cfg(feature = "slim")]
pub use slim::Slim;
