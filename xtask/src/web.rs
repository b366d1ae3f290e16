//! What the page is made of: engine → wasm → glue → npm package → player. A step whose inputs are what they were is skipped.

use crate::run;
use crate::setup::{self, TARGET, WasmToolchain};
use crate::stamp::Stamp;
use crate::workspace::{Workspace, make_folder};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// wasm-opt may use what every browser since 2021 has, which is also what rustc emits by default, and strips what only tools read.
const WASM_OPT: [&str; 14] = [
    "-O3",
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
    "--enable-call-indirect-overlong",
    "--strip-debug",
    "--strip-dwarf",
    "--strip-producers",
    "--strip-target-features",
];

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

    let wasm = build_engine(workspace, &toolchain)?;
    let package = workspace.root.join("pkg-config");
    if !package.join("package.json").exists() {
        bail!("{} has no package.json; is this a whole checkout?", package.display());
    }
    glue(workspace, &bindgen, &wasm, &package.join("src/generated"))?;
    let inputs = [package.clone(), workspace.root.join("package-lock.json")];
    npm_build(workspace, "pkg-config", &inputs, &package.join("dist"))?;
    Ok(package)
}

/// Builds the engine together with its standard library, where the library's sources are at hand: a std that aborts at once, instead
/// of formatting a message nobody reads, is a third of the page's bytes. The two settings are not stable yet, which is why the
/// compiler is told to take them from a stable release; without sources the installed std serves, and the page is larger.
fn build_engine(workspace: &Workspace, toolchain: &WasmToolchain) -> Result<PathBuf> {
    let small = toolchain.has_std_sources()?;
    let mut cargo = toolchain.command("cargo", &[])?;
    cargo.current_dir(&workspace.root).args(["build", "--package", "sottovoce", "--lib", "--profile", "wasm"]);
    cargo.args(["--target", TARGET]);
    let target = toolchain.target.join("page");
    cargo.env("CARGO_TARGET_DIR", &target);
    if small {
        run::say("the engine for the page: cargo build, profile wasm, with its own std");
        cargo.args(["-Z", "build-std=std,panic_abort", "-Z", "build-std-features=optimize_for_size"]);
        cargo.args(["--config", "profile.wasm.lto='fat'"]);
        cargo.env("RUSTC_BOOTSTRAP", "1");
        cargo.env("RUSTFLAGS", "-Ctarget-feature=+simd128 -Zunstable-options -Cpanic=immediate-abort");
    } else {
        run::say("the engine for the page: cargo build, profile wasm (larger than it need be: no std sources here)");
    }
    run::run(&mut cargo)?;
    Ok(target.join(TARGET).join("wasm/sottovoce.wasm"))
}

/// wasm-bindgen, then wasm-opt; the package's sources take the result.
fn glue(workspace: &Workspace, bindgen: &Path, wasm: &Path, generated: &Path) -> Result<()> {
    const FILES: [&str; 3] = ["sottovoce.js", "sottovoce.d.ts", "sottovoce_bg.wasm"];
    let version = workspace.locked("wasm-bindgen")?;
    let mut words = WASM_OPT.to_vec();
    words.push(&version);
    let inputs = [wasm.to_path_buf(), workspace.root.join("package-lock.json")];
    let stamp = Stamp::of(workspace, "glue", &inputs, &words)?;
    if stamp.holds(&FILES.map(|name| generated.join(name))) {
        return Ok(());
    }
    run::say("the glue: wasm-bindgen, wasm-opt");
    let folder = workspace.scratch("bindgen");
    make_folder(&folder)?;
    make_folder(generated)?;
    let mut wasm_bindgen = Command::new(bindgen.join("wasm-bindgen"));
    wasm_bindgen.arg(wasm).args(["--target", "web", "--out-name", "sottovoce", "--out-dir"]).arg(&folder);
    run::run(&mut wasm_bindgen)?;

    let mut wasm_opt = setup::node_program(workspace, "binaryen", "wasm-opt")?;
    wasm_opt.arg(folder.join("sottovoce_bg.wasm")).args(WASM_OPT).arg("-o").arg(generated.join("sottovoce_bg.wasm"));
    run::run(&mut wasm_opt)?;
    for name in ["sottovoce.js", "sottovoce.d.ts"] {
        std::fs::copy(folder.join(name), generated.join(name))
            .with_context(|| format!("wasm-bindgen made no {name}"))?;
    }
    stamp.keep()
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
