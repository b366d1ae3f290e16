//! Making a machine ready: each file brings one thing, looks first whether it is there, caches it outside the checkout, says
//! what it does, and where it cannot, names the next thing to type. Used by every verb that builds or drives a page.

mod apt;
mod browser;
mod debian;
mod npm;
mod tools;
mod wasm_target;

pub(crate) use browser::Browser;
pub(crate) use npm::{node_program, npm, npm_packages, npm_packages_of};
pub(crate) use tools::{wasm_bindgen, wasm_pack};
pub(crate) use wasm_target::{TARGET, WasmToolchain};
