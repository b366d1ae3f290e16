//! What the page is made of: engine → wasm → glue → npm package → player. A step whose inputs are what they were is skipped.

mod variants;
mod wasm;

use crate::run;
use crate::setup::{self, WasmToolchain};
use crate::stamp::Stamp;
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Builds everything; gives the player's folder.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    build_package(workspace)?;
    let (www, dist) = (workspace.root.join("www"), workspace.root.join("www/dist"));
    let inputs = [www, workspace.root.join("pkg-config/dist"), workspace.root.join("package-lock.json")];
    npm_build(workspace, "www", &inputs, &dist.join("index.html"))?;
    Ok(dist)
}

/// Builds the npm package; gives its folder.
pub(crate) fn build_package(workspace: &Workspace) -> Result<PathBuf> {
    let toolchain = WasmToolchain::ready(workspace)?;
    let bindgen = setup::wasm_bindgen(workspace)?;
    setup::npm_packages(workspace)?;

    let package = workspace.root.join("pkg-config");
    if !package.join("package.json").exists() {
        bail!("{} has no package.json; is this a whole checkout?", package.display());
    }
    for (variant, folder) in variants::packaged(workspace)? {
        variant.make(workspace, &toolchain, &bindgen, &package.join("src").join(folder))?;
    }
    let inputs = [package.clone(), workspace.root.join("package-lock.json")];
    npm_build(workspace, "pkg-config", &inputs, &package.join("dist"))?;
    Ok(package)
}

/// Builds the kernels for the bench, in fixed and in relaxed SIMD; gives the folder of `kernels*.js` and `kernels*_bg.wasm`.
pub(crate) fn build_kernels(workspace: &Workspace) -> Result<PathBuf> {
    let toolchain = WasmToolchain::ready(workspace)?;
    let bindgen = setup::wasm_bindgen(workspace)?;
    setup::npm_packages(workspace)?;
    let folder = workspace.scratch("kernels");
    for variant in [variants::KERNELS, variants::KERNELS_RELAXED] {
        variant.make(workspace, &toolchain, &bindgen, &folder)?;
    }
    Ok(folder)
}

fn npm_build(workspace: &Workspace, package: &str, inputs: &[PathBuf], output: &Path) -> Result<()> {
    let stamp = Stamp::of(workspace, &format!("npm-{package}"), inputs, &[&workspace.root.to_string_lossy()])?;
    if stamp.holds(&[output.to_path_buf()]) {
        return Ok(());
    }
    run::say(&format!("{package}: npm run build"));
    run::run(setup::npm(workspace).args(["run", "build", "--silent", "--workspace", package]))?;
    if !output.exists() {
        bail!("`npm run build -w {package}` left no {}", output.display());
    }
    stamp.keep()
}
