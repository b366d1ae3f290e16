//! The wasm32 standard library from Debian's sources, for machines whose rustup cannot download targets. Debian ships rustc with
//! the std sources (vendored, so this builds offline) but no std for wasm32: it is built once and installed beside the host's.

use super::apt;
use super::wasm_target::TARGET;
use crate::run;
use crate::workspace::{Workspace, make_folder};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where rustc looks for the target's std.
pub(super) const STD_FOLDER: &str = "/usr/lib/rustlib/wasm32-unknown-unknown/lib";
const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const SOURCES: &str = "/usr/lib/rustlib/src/rust/library";
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
/// The name under which rustup knows it.
const NAME: &str = "debian";

/// What a command needs to use it.
pub(super) struct Debian {
    pub(super) env: Vec<(&'static str, OsString)>,
    pub(super) path: Vec<PathBuf>,
}

/// Whether the std is installed (whether it fits the compiler is tried by compiling).
pub(super) fn is_ready() -> bool {
    std_libraries(Path::new(STD_FOLDER)).is_ok_and(|found| !found.is_empty()) && Path::new(RUSTC).exists()
}

/// Installs what is missing.
pub(super) fn ready(workspace: &Workspace) -> Result<Debian> {
    if ![RUSTC, CARGO, SOURCES].iter().all(|p| Path::new(p).exists()) {
        apt::install(&PACKAGES, "a compiler for wasm32")?;
    }
    let version = run::capture(Command::new(RUSTC).arg("--version")).context("Debian's rustc does not run")?;
    let stamp = workspace.cache.join("debian-std-for");
    let fits = std::fs::read_to_string(&stamp).is_ok_and(|kept| kept == version);
    if !(is_ready() && fits) {
        install_std(&build_std(workspace, version.trim())?)?;
        std::fs::write(&stamp, &version).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    let (mut env, mut path) = (Vec::new(), Vec::new());
    if run::find_on_path("rustup").is_some() {
        link_toolchain()?;
        env.push(("RUSTUP_TOOLCHAIN", OsString::from(NAME)));
    } else {
        path.push(PathBuf::from("/usr/bin"));
    }
    match rust_lld()? {
        Some(folder) => path.push(folder),
        None => {
            if run::find_on_path("wasm-ld").is_none() {
                apt::install(&["lld"], "a linker for wasm32")?;
            }
            env.push(("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", OsString::from("wasm-ld")));
        }
    }
    Ok(Debian { env, path })
}

/// Builds std from the smallest crate there is; `test` is in it because wasm-bindgen-test links libtest.
fn build_std(workspace: &Workspace, version: &str) -> Result<Vec<PathBuf>> {
    run::say(&format!("the wasm32 standard library for {version}: building it once (about a minute)"));
    let home = workspace.cache.join("debian-std");
    make_folder(&home.join("src"))?;
    std::fs::write(
        home.join("Cargo.toml"),
        "[package]\nname = \"std-carrier\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n",
    )?;
    std::fs::write(home.join("src/lib.rs"), "")?;
    let target = home.join("target");
    let mut cargo = Command::new(CARGO);
    cargo.current_dir(&home).args(["build", "-Z", "build-std=std,panic_abort,test", "--target", TARGET, "--release"]);
    cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", RUSTC).env("CARGO_TARGET_DIR", &target);
    for leaked in ["CARGO", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "LD_LIBRARY_PATH", "RUSTUP_TOOLCHAIN"] {
        cargo.env_remove(leaked);
    }
    run::run(&mut cargo)?;
    let mut built = std_libraries(&target.join(TARGET).join("release/deps"))?;
    built.retain(|p| !p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("libstd_carrier")));
    if built.is_empty() {
        bail!(
            "the build of std left no libraries in {}; next: remove that folder and run the same command again",
            target.display()
        );
    }
    Ok(built)
}

fn install_std(built: &[PathBuf]) -> Result<()> {
    run::say(&format!("installing {} libraries into {STD_FOLDER}", built.len()));
    let why = "the wasm32 standard library";
    // What an older compiler left behind would be found beside the new and refused.
    let old = std_libraries(Path::new(STD_FOLDER)).unwrap_or_default();
    let words = |paths: &[PathBuf]| paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>();
    if !old.is_empty() {
        let old = words(&old);
        let rm: Vec<&str> = std::iter::once("-f").chain(old.iter().map(String::as_str)).collect();
        run::run(&mut apt::as_root("rm", &rm, why)?)?;
    }
    run::run(&mut apt::as_root("mkdir", &["-p", STD_FOLDER], why)?)?;
    let built = words(built);
    let cp: Vec<&str> = built.iter().map(String::as_str).chain([STD_FOLDER]).collect();
    run::run(&mut apt::as_root("cp", &cp, why)?)
}

fn link_toolchain() -> Result<()> {
    let linked = run::capture(
        Command::new("rustc").args(["--print", "sysroot"]).env("RUSTUP_TOOLCHAIN", NAME).env_remove("LD_LIBRARY_PATH"),
    );
    if linked.is_ok_and(|sysroot| sysroot.trim() == "/usr") {
        return Ok(());
    }
    run::run(Command::new("rustup").args(["toolchain", "link", NAME, "/usr"]))
}

/// The folder of rustup's `rust-lld`, which Debian's rustc calls by name.
fn rust_lld() -> Result<Option<PathBuf>> {
    let sysroot = run::capture(Command::new("rustc").args(["--print", "sysroot"]))?;
    let host = run::capture(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let folder = Path::new(sysroot.trim()).join("lib/rustlib").join(host.trim()).join("bin");
    Ok(folder.join("rust-lld").exists().then_some(folder))
}

fn std_libraries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)?.filter_map(|e| Some(e.ok()?.path())).collect();
    found.retain(|p| p.extension().is_some_and(|e| e == "rlib"));
    found.sort();
    Ok(found)
}
