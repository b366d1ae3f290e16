//! What a listener's rounds have cost together, as one `(ε, δ)`. [`Curve`] and [`Account`] count by Rényi divergence and hold for the discrete
//! noise that is really added; [`pld`] brackets the truth for continuous Gaussian noise from both sides and shows how loose the former is.

mod budget;
pub mod gaussian;
#[cfg(not(target_arch = "wasm32"))]
pub mod pld;
#[cfg(not(target_arch = "wasm32"))]
mod pld_loss;
pub mod rdp;
#[cfg(test)]
mod reference;
mod release;

pub use budget::{Account, Budget, Charged, Pending, Spend};
pub use rdp::{Curve, ORDERS};
pub use release::{Participation, Release};
