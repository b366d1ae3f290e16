//! A compiler for wasm32-unknown-unknown: rustup's target, and where rustup cannot download it, Debian's compiler.

use super::debian;
use crate::run;
use crate::workspace::{Workspace, make_folder};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The target's name.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// What a command needs so that `cargo build --target wasm32-unknown-unknown` works.
#[derive(Clone, Debug)]
pub(crate) struct WasmToolchain {
    /// Cargo's target directory for wasm builds; another compiler gets another folder.
    pub(crate) target: PathBuf,
    /// Whether clippy comes with it.
    pub(crate) has_clippy: bool,
    env: Vec<(&'static str, OsString)>,
    path: Vec<PathBuf>,
}

impl WasmToolchain {
    /// Finds one or sets one up. `SOTTOVOCE_WASM=rustup` or `=debian` insists on one of the two.
    pub(crate) fn ready(workspace: &Workspace) -> Result<Self> {
        let wish = std::env::var("SOTTOVOCE_WASM").unwrap_or_default();
        match wish.as_str() {
            "" => {}
            "rustup" => {
                return Self::rustup(workspace)?.context("rustup brought no wasm32 target; its own words are above");
            }
            "debian" => return Self::debian(workspace),
            other => bail!("SOTTOVOCE_WASM={other} is neither rustup nor debian"),
        }
        if let Some(found) = Self::rustup(workspace)? {
            return Ok(found);
        }
        run::say("rustup has no wasm32 target and cannot download it: using Debian's compiler for the page instead");
        Self::debian(workspace)
    }

    /// A command that runs with this compiler, and with these folders (tools) on PATH.
    pub(crate) fn command(&self, program: &str, tools: &[PathBuf]) -> Result<Command> {
        let mut command = Command::new(program);
        let front: Vec<PathBuf> = tools.iter().chain(&self.path).cloned().collect();
        command.env("PATH", run::path_with(&front)?).env("CARGO_TARGET_DIR", &self.target);
        // `cargo xtask` itself runs below another cargo, whose compiler and library folders must not leak into this one.
        command.env_remove("CARGO").env_remove("RUSTC").env_remove("LD_LIBRARY_PATH");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    fn rustup(workspace: &Workspace) -> Result<Option<Self>> {
        let this = Self { target: workspace.target.clone(), has_clippy: true, env: Vec::new(), path: Vec::new() };
        if this.compiles(workspace)? {
            return Ok(Some(this));
        }
        if run::find_on_path("rustup").is_none() {
            return Ok(None);
        }
        // Where Debian's compiler was set up before, a network that had no answer then is not asked again.
        if std::env::var_os("SOTTOVOCE_WASM").is_none() && debian::is_ready() {
            return Ok(None);
        }
        run::say("the wasm32 target: rustup target add");
        let added = run::run(Command::new("rustup").args(["target", "add", TARGET]));
        Ok(if added.is_ok() && this.compiles(workspace)? { Some(this) } else { None })
    }

    /// Whether std can be built from source with this compiler; rustup is asked to fetch the sources once.
    pub(crate) fn has_std_sources(&self) -> Result<bool> {
        let there = || -> Result<bool> {
            let sysroot = run::capture(self.command("rustc", &[])?.args(["--print", "sysroot"]))?;
            Ok(PathBuf::from(sysroot.trim()).join("lib/rustlib/src/rust/library/std/Cargo.toml").exists())
        };
        if there()? {
            return Ok(true);
        }
        if run::find_on_path("rustup").is_some() {
            run::say("the std sources: rustup component add rust-src");
            // Where this fails, the installed std serves.
            let _ = run::run(Command::new("rustup").args(["component", "add", "rust-src"]));
        }
        there()
    }

    fn debian(workspace: &Workspace) -> Result<Self> {
        let debian = debian::ready(workspace)?;
        let this = Self {
            target: workspace.target.join("wasm-debian"),
            has_clippy: false,
            env: debian.env,
            path: debian.path,
        };
        if this.compiles(workspace)? {
            return Ok(this);
        }
        bail!(
            "Debian's rustc cannot compile for {TARGET} though its std was installed; next: remove {} and run the same command again",
            debian::STD_FOLDER
        )
    }

    /// Compiles three lines that use std: the only proof that compiler and std belong together.
    fn compiles(&self, workspace: &Workspace) -> Result<bool> {
        let folder = workspace.scratch("probe");
        make_folder(&folder)?;
        let mut rustc = self.command("rustc", &[])?;
        rustc.args([
            "--target",
            TARGET,
            "--crate-name",
            "probe",
            "--crate-type",
            "rlib",
            "--emit",
            "metadata",
            "--edition",
            "2024",
            "-",
        ]);
        rustc.arg("-o").arg(folder.join("libprobe.rmeta"));
        rustc.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(mut child) = rustc.spawn() else {
            return Ok(false);
        };
        if let Some(mut stdin) = child.stdin.take() {
            // A compiler that is not there closes the pipe; its exit status says so below.
            let _ = stdin.write_all(b"pub fn probe() -> String { String::from(\"std\") }\n");
        }
        Ok(child.wait().context("rustc did not end")?.success())
    }
}
